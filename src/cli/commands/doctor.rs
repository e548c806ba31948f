//! `entitled doctor`: looks at everything that a daemon needs, and says of each thing that it is well, or the
//! cause and the mend.
//!
//! Flow: checks the file, then asks Logto and every source, and looks at the store and at the watching of
//! files. Writes neither to Logto nor to the store, and never waits for a daemon.
//!
//! Exit codes: 0 nothing is wrong, 1 something is.

use crate::cli::bootstrap::simulate;
use crate::cli::file::{invalid, load};
use crate::cli::standing::kept;
use crate::cli::{Context, Exit, Failure, Output, print};
use crate::config::ConfigError;
use crate::config::settings::Config;
use crate::daemon::presets;
use crate::doctor::{CONFIGURATION, Patient, SaysStore};
use crate::report::Origin;
use crate::report::checkup::Check;
use crate::text::error_chain;
use crate::{clock, config, doctor, report};

/// `entitled doctor`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The output format.
    #[arg(long, short, value_name = "FORM", default_value = "text")]
    output: Output,
}

/// Looks, and prints what it found.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let checks = match config::load(&context.file, &presets()) {
        Ok(_) => {
            let (config, origin, _) = load(context)?;
            examined(context, &config, &origin).await?
        }
        Err(error) => {
            let wrong = wrong(&error);
            match kept(context, invalid(context, error)).await {
                // All else is looked at as the daemon does, which goes on by the last valid file.
                Ok(standing) => {
                    let mut checks = examined(context, &standing.config, &standing.origin).await?;
                    checks.retain(|check| check.section != CONFIGURATION);
                    std::iter::once(wrong).chain(checks).collect()
                }
                Err(failure) => {
                    crate::logging::note!("{}", failure.render(context.notes));
                    std::iter::once(wrong).chain(not_tried()).collect()
                }
            }
        }
    };
    print(&match args.output {
        Output::Text => report::checkup(&checks, context.color),
        Output::Json => report::checkup_json(&checks),
    })?;
    Ok(if checks.iter().any(Check::is_wrong) { Exit::Failed } else { Exit::Done })
}

async fn examined(context: &Context, config: &Config, origin: &Origin) -> Result<Vec<Check>, Failure> {
    let (running, simulators) = simulate(config, None).await?;
    let simulators = simulators.as_ref();
    let store = match context.store {
        Some(_) => SaysStore::CommandLine,
        None => SaysStore::File,
    };
    let (file, now) = (&context.file, clock::now());
    let checks = doctor::examine(Patient { file, config, origin, store, simulators, now }).await;
    drop(running);
    Ok(checks)
}

fn wrong(error: &ConfigError) -> Check {
    let mend =
        error.hint().or_else(|| Some("fix the places shown above; `entitled check` shows them again".to_owned()));
    Check::wrong(CONFIGURATION, "file", error_chain(error), mend)
}

/// Without a file that was ever valid nothing else can be looked at: it says where everything is.
fn not_tried() -> impl Iterator<Item = Check> {
    let rest = ["Logto", "sources", "store", "file watching", "listener"];
    rest.into_iter().map(|section| Check::not_tried(section, "all", "the configuration must be valid first"))
}
