//! The command line: `struct Cli` above `enum Command`, one file per command.
//!
//! Data goes to stdout, everything else to stderr. Exit codes are in [`Exit`].

mod background;
mod bootstrap;
mod commands;
mod error;
mod file;
mod heeded;
mod lookup;
mod progress;
mod remembered;
mod standing;

use std::borrow::Cow;
use std::fmt;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::logging::{self, LogFormat};
use crate::text::Color;

pub use error::Failure;

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
    /// Where the store lies, instead of where the file says.
    #[arg(long, global = true, value_name = "PATH", env = "ENTITLED_STORE")]
    store: Option<PathBuf>,
    /// What to log: error, warn, info, debug, trace, or directives as in RUST_LOG.
    #[arg(
        long, global = true, value_name = "LEVEL", env = "ENTITLED_LOG", default_value = "info",
        value_parser = logging::filter
    )]
    log: String,
    /// The format of log lines: by default text on a terminal and JSON elsewhere.
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
    /// Write a first file, by what was sold and what buyers hold.
    Init(crate::cli::commands::init::Args),
    /// Run the daemon: poll, compare, reconcile, forever or once.
    Run(crate::cli::commands::run::Args),
    /// Show what would be done, and do nothing.
    Plan(crate::cli::commands::plan::Args),
    /// Show what merging a version of the file would do.
    Preview(crate::cli::commands::preview::Args),
    /// Show what would be done, ask, and do it.
    Apply(crate::cli::commands::apply::Args),
    /// Explain one user: which orders give what, until when, and what a pass would do.
    Why(crate::cli::commands::why::Args),
    /// Show who holds a target, whose each grant is, and the order behind it.
    WhoHas(crate::cli::commands::who_has::Args),
    /// Let one held set through, once, within 24 hours.
    Approve(crate::cli::commands::approve::Args),
    /// Stop revocations for a time, or every write.
    Freeze(crate::cli::commands::freeze::Args),
    /// End every freeze.
    Unfreeze,
    /// Show everything that ever happened to a user's grants.
    History(crate::cli::commands::history::Args),
    /// Take over a grant that was made by hand.
    Adopt(crate::cli::commands::adopt::Args),
    /// Give a grant up without taking it from anybody.
    Release(crate::cli::commands::release::Args),
    /// Undo what one run did.
    Undo(crate::cli::commands::undo::Args),
    /// Print what is held today in the form of the file.
    Export,
    /// Show the state in one word, and since when.
    Status(crate::cli::commands::status::Args),
    /// Check everything that a daemon needs, and say how to fix what is wrong.
    Doctor(crate::cli::commands::doctor::Args),
    /// Maintain the store: verify, rebuild, back up.
    Ledger(crate::cli::commands::ledger::Args),
    /// Set up webhooks, which make it react sooner.
    Hooks(crate::cli::commands::hooks::Args),
    /// Check the configuration offline.
    Check(crate::cli::commands::check::Args),
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Look at payment APIs: the presets, and what a source really says.
    Source(crate::cli::commands::source::Args),
    /// Serve a simulated Logto and a simulated shop, to try things out.
    Sandbox(crate::cli::commands::sandbox::Args),
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
    /// Where the store lies, if the command line says so.
    store: Option<PathBuf>,
    /// For stdout.
    color: Color,
    /// For stderr.
    notes: Color,
}

const NO_THREADS: &str = "the system gives no threads or files to this process: look at `ulimit -a`, and at the limits of \
    its service or container";

/// Parses the command line, runs the command, prints what went wrong.
///
/// Not `async`, so that the futures of every command are compiled here, once, and not again in the binary.
pub fn main() -> Exit {
    let begun = logging::caught_at_once(|| tokio::runtime::Builder::new_multi_thread().enable_all().build());
    let failure = match begun {
        Ok(Ok(runtime)) => match logging::caught_at_once(|| runtime.block_on(run_command())) {
            Ok(exit) => return exit,
            Err(fault) => {
                let hint = fault.hint();
                Failure::new(fault, Some(hint))
            }
        },
        Ok(Err(error)) => Failure::new(error, Some(NO_THREADS.to_owned())),
        Err(fault) => Failure::new(fault, Some(NO_THREADS.to_owned())),
    };
    logging::note!("{}", failure.render(Color::Plain));
    Exit::Failed
}

async fn run_command() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _closed_pipe = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    let Global { file, store, log, log_format, color } = cli.global;
    let mut context = Context {
        file,
        store,
        color: color.on(std::io::stdout().is_terminal()),
        notes: color.on(std::io::stderr().is_terminal()),
    };
    logging::start(&log, log_format, context.notes);
    // A daemon stands by where it is sent away, and takes over when the other one ends: that is a restart.
    let begins = match &cli.command {
        Command::Run(args) => args.stays(),
        Command::Schema | Command::Sandbox(_) => true,
        _ => false,
    };
    if !begins {
        context.store = standing::in_use(&context);
    }
    let outcome = match cli.command {
        Command::Run(args) => crate::cli::commands::run::run(&context, args).await,
        Command::Init(args) => crate::cli::commands::init::run(&context, args).await,
        Command::Export => crate::cli::commands::init::export(&context).await,
        Command::Plan(args) => crate::cli::commands::plan::run(&context, args).await,
        Command::Preview(args) => crate::cli::commands::preview::run(&context, args).await,
        Command::Apply(args) => crate::cli::commands::apply::run(&context, args).await,
        Command::Why(args) => crate::cli::commands::why::run(&context, args).await,
        Command::WhoHas(args) => crate::cli::commands::who_has::run(&context, args).await,
        Command::Approve(args) => crate::cli::commands::approve::run(&context, args).await,
        Command::Freeze(args) => crate::cli::commands::freeze::run(&context, args).await,
        Command::Unfreeze => crate::cli::commands::freeze::end(&context).await,
        Command::History(args) => crate::cli::commands::history::run(&context, args).await,
        Command::Hooks(args) => crate::cli::commands::hooks::run(&context, args).await,
        Command::Adopt(args) => crate::cli::commands::adopt::run(&context, args).await,
        Command::Release(args) => crate::cli::commands::release::run(&context, args).await,
        Command::Undo(args) => crate::cli::commands::undo::run(&context, args).await,
        Command::Status(args) => crate::cli::commands::status::run(&context, args).await,
        Command::Doctor(args) => crate::cli::commands::doctor::run(&context, args).await,
        Command::Ledger(args) => crate::cli::commands::ledger::run(&context, args).await,
        Command::Check(args) => crate::cli::commands::check::run(&context, args).await,
        Command::Schema => crate::cli::commands::schema::run(),
        Command::Source(args) => crate::cli::commands::source::run(&context, args).await,
        Command::Sandbox(args) => crate::cli::commands::sandbox::run(&context, args).await,
    };
    outcome.unwrap_or_else(|failure| {
        crate::logging::note!("{}", failure.render(context.notes));
        Exit::Failed
    })
}

/// For people: on a terminal no line is wider than that, and none breaks inside a word. In a pipe every line stays whole.
fn print_wrapped(text: &str) -> std::io::Result<()> {
    print(&wrapped(text, &std::io::stdout()))
}

/// The same on stderr, in lines of their own.
fn tell(text: fmt::Arguments<'_>) {
    logging::note!("{}\n", wrapped(&text.to_string(), &std::io::stderr()));
}

/// The problems of a file, for stderr: what is said may be wrapped; a line of the file and the marks below it stay whole.
fn problems(text: &str) -> String {
    let lines = text.split_inclusive('\n');
    lines.map(|line| if is_of_a_file(line) { Cow::Borrowed(line) } else { wrapped(line, &std::io::stderr()) }).collect()
}

/// Whether a line of a diagnostic shows the file: after the number of the line, or after where the file lies.
fn is_of_a_file(line: &str) -> bool {
    // Colours stand around the gutter, each `ESC [ ... m`.
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    let plain = first + &parts.filter_map(|part| part.split_once('m')).map(|(_, rest)| rest).collect::<String>();
    let gutter = plain.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit());
    gutter.starts_with('|') || gutter.starts_with("-->")
}

/// As wide as the terminal that it goes to, if it goes to one.
#[expect(clippy::disallowed_methods, reason = "how wide a terminal is has nothing to do with the configuration")]
fn wrapped<'t>(text: &'t str, to: &(impl std::os::fd::AsFd + std::io::IsTerminal)) -> Cow<'t, str> {
    if !to.is_terminal() {
        return Cow::Borrowed(text);
    }
    let size = rustix::termios::tcgetwinsize(to).map_or(0, |size| usize::from(size.ws_col));
    let said = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let columns = Some(size).filter(|size| *size > 0).or_else(said).unwrap_or(80);
    Cow::Owned(crate::text::wrap(text, columns))
}

/// Prints data. Whoever reads it may have seen enough and gone (`| head`): that is no failure.
fn print(text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match out.write_all(crate::secret::redacted(text).as_bytes()).and_then(|()| out.flush()) {
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

#[cfg(test)]
mod tests {
    use super::is_of_a_file;

    #[test]
    fn lines_of_a_file_are_told_from_what_is_said_of_them() {
        for (line, of_a_file) in [
            (" --> entitlements.yaml:2:79", true),
            ("  |", true),
            ("12 | logto: {endpoint: sandbox}", true),
            ("   | ^^^ not set", true),
            ("\u{1b}[34m12 |\u{1b}[0m prune: owned", true),
            ("   = help: set it", false),
            ("error: `a | b` is no role", false),
            ("\u{1b}[1;31merror\u{1b}[0m: nothing", false),
            ("", false),
        ] {
            assert_eq!(is_of_a_file(line), of_a_file, "{line:?}");
        }
    }
}
