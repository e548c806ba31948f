//! The command line: `struct Cli` above `enum Command`, one file per command.
//!
//! Data goes to stdout, everything else to stderr. Exit codes are in [`Exit`].

mod adopt;
mod apply;
mod approve;
mod check;
mod doctor;
mod failure;
mod followers;
mod freeze;
mod history;
mod hooks;
mod ledger;
mod open;
mod person;
mod plan;
mod progress;
mod release;
mod run;
mod sandbox;
mod schema;
mod source;
mod status;
mod undo;
mod who_has;
mod why;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

pub use failure::Failure;

use crate::telemetry::{self, LogFormat};
use crate::terminal::Color;

/// Keeps the roles and memberships of a Logto tenant equal to what was paid for.
#[derive(Debug, Parser)]
#[command(name = "entitled", version, about, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 in sync or done, 1 failed, 2 changes pending (plan --exit-code), \
    3 something is held, 64 wrong usage.";

/// Options of every command.
#[derive(Debug, clap::Args)]
struct Global {
    /// The configuration.
    #[arg(long, short, global = true, value_name = "FILE", env = "ENTITLED_FILE", default_value = "entitlements.yaml")]
    file: PathBuf,
    /// What to log: error, warn, info, debug, trace, or directives as in RUST_LOG.
    #[arg(
        long, global = true, value_name = "LEVEL", env = "ENTITLED_LOG", default_value = "info",
        value_parser = telemetry::filter
    )]
    log: String,
    /// The form of log lines: text on a terminal and JSON elsewhere, unless said.
    #[arg(long, global = true, value_name = "FORM", env = "ENTITLED_LOG_FORMAT", default_value = "auto")]
    log_format: LogFormat,
    /// Whether to colour; `auto` looks at the terminal and at NO_COLOR.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorWhen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ColorWhen {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon: poll, compare, close the difference, for ever or once.
    Run(run::Args),
    /// Show what would be done, and do nothing.
    Plan(plan::Args),
    /// Show what would be done, ask, and do it.
    Apply(apply::Args),
    /// Explain one user: which orders give what, until when, and what a pass would do.
    Why(why::Args),
    /// Show who holds a target, whose each grant is, and the order behind it.
    WhoHas(who_has::Args),
    /// Let one held set through, once, within 24 hours.
    Approve(approve::Args),
    /// Take nothing away for a time, or write nothing at all.
    Freeze(freeze::Args),
    /// End every freeze.
    Unfreeze,
    /// Show everything that ever happened to a user's grants.
    History(history::Args),
    /// Make a grant ours that was given by hand.
    Adopt(adopt::Args),
    /// Give a grant up without taking it from anybody.
    Release(release::Args),
    /// Take back what one run did.
    Undo(undo::Args),
    /// Say in one word how it stands, and since when.
    Status(status::Args),
    /// Look at everything that a daemon needs: every line is ok, or the cause and the mend.
    Doctor(doctor::Args),
    /// Care for the store: verify, rebuild, backup.
    Ledger(ledger::Args),
    /// Set up webhooks that make it faster.
    Hooks(hooks::Args),
    /// Check the configuration offline.
    Check(check::Args),
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Look at payment APIs: the presets, and what a source really says.
    Source(source::Args),
    /// Serve a simulated Logto and a simulated shop, to try things out.
    Sandbox(sandbox::Args),
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// In sync, or done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Changes are pending (`plan --exit-code`).
    Pending = 2,
    /// Something is held.
    Held = 3,
    /// Wrong usage.
    Usage = 64,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What every command is told.
#[derive(Clone, Debug)]
struct Context {
    file: PathBuf,
    /// For stdout.
    color: Color,
    /// For stderr.
    notes: Color,
}

/// Parses the command line, runs the command, prints what went wrong.
///
/// Not `async`, so that the futures of every command are compiled here, once, and not again in the binary.
pub fn main() -> Exit {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("threads and timers are to be had on any machine that runs this").block_on(run_command())
}

async fn run_command() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _closed_pipe = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    let Global { file, log, log_format, color } = cli.global;
    let context = Context {
        file,
        color: color.on(std::io::stdout().is_terminal()),
        notes: color.on(std::io::stderr().is_terminal()),
    };
    telemetry::start(&log, log_format, context.notes);
    let outcome = match cli.command {
        Command::Run(args) => run::run(&context, args).await,
        Command::Plan(args) => plan::run(&context, args).await,
        Command::Apply(args) => apply::run(&context, args).await,
        Command::Why(args) => why::run(&context, args).await,
        Command::WhoHas(args) => who_has::run(&context, args).await,
        Command::Approve(args) => approve::run(&context, args).await,
        Command::Freeze(args) => freeze::run(&context, args).await,
        Command::Unfreeze => freeze::end(&context).await,
        Command::History(args) => history::run(&context, args).await,
        Command::Hooks(args) => hooks::run(&context, args).await,
        Command::Adopt(args) => adopt::run(&context, args).await,
        Command::Release(args) => release::run(&context, args).await,
        Command::Undo(args) => undo::run(&context, args).await,
        Command::Status(args) => status::run(&context, args).await,
        Command::Doctor(args) => doctor::run(&context, args).await,
        Command::Ledger(args) => ledger::run(&context, args).await,
        Command::Check(args) => check::run(&context, args),
        Command::Schema => schema::run(),
        Command::Source(args) => source::run(&context, args).await,
        Command::Sandbox(args) => sandbox::run(&context, args).await,
    };
    outcome.unwrap_or_else(|failure| {
        eprint!("{}", failure.render(context.notes));
        Exit::Failed
    })
}

/// Prints data. Whoever reads it may have seen enough and gone (`| head`): that is no failure.
fn say(text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

impl ColorWhen {
    fn on(self, terminal: bool) -> Color {
        match self {
            ColorWhen::Always => Color::Ansi,
            ColorWhen::Auto if terminal && !no_color() => Color::Ansi,
            ColorWhen::Auto | ColorWhen::Never => Color::Plain,
        }
    }
}

/// <https://no-color.org>: set, and not empty.
#[expect(clippy::disallowed_methods, reason = "an edge: the one variable that is not about the configuration")]
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
