//! `entitled doctor`: looks at everything that a daemon needs, and says of each thing that it is well, or the
//! cause and the mend.
//!
//! Flow: checks the file, then asks Logto and every source, and looks at the store and at the watching of
//! files. Writes neither to Logto nor to the store, and never waits for a daemon.
//!
//! Exit codes: 0 nothing is wrong, 1 something is.

use crate::cli::bootstrap::{load, simulate};
use crate::cli::{Context, Exit, Failure, Output, print};
use crate::config::ConfigError;
use crate::daemon::presets;
use crate::doctor::{CONFIGURATION, Patient};
use crate::report::checkup::Check;
use crate::text::error_chain;
use crate::{clock, config, doctor, report};

/// `entitled doctor`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The form.
    #[arg(long, short, value_name = "FORM", default_value = "text")]
    output: Output,
}

/// Looks, and prints what it found.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let checks = match config::load(&context.file, &presets()) {
        Ok(_) => {
            let (config, origin, _) = load(context)?;
            let (running, simulators) = simulate(&config, None).await?;
            let patient = Patient {
                file: &context.file,
                config: &config,
                origin: &origin,
                simulators: simulators.as_ref(),
                now: clock::now(),
            };
            let checks = doctor::examine(patient).await;
            drop(running);
            checks
        }
        Err(error) => {
            crate::logging::note!("{}", error.render(context.notes));
            invalid(&error)
        }
    };
    print(&match args.output {
        Output::Text => report::checkup(&checks, context.color),
        Output::Json => report::checkup_json(&checks),
    })?;
    Ok(if checks.iter().any(Check::is_wrong) { Exit::Failed } else { Exit::Done })
}

/// Without a valid file nothing else can be looked at: it says where everything is.
fn invalid(error: &ConfigError) -> Vec<Check> {
    let mend =
        error.hint().or_else(|| Some("mend the places shown above; `entitled check` shows them again".to_owned()));
    let mut checks = vec![Check::wrong(CONFIGURATION, "file", error_chain(error), mend)];
    let rest = ["Logto", "sources", "store", "file watching", "listener"];
    checks.extend(rest.map(|section| Check::not_tried(section, "all", "the configuration must be valid first")));
    checks
}
