//! `entitled check`: every problem of the configuration at once, offline.

use crate::text::human;
use std::path::PathBuf;

use crate::cli::bootstrap::{file_name, invalid};
use crate::cli::{Context, Exit, Failure, say};
use crate::config;
use crate::daemon::presets;

/// `entitled check`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file, instead of the one that `--file` names.
    #[arg(value_name = "FILE")]
    path: Option<PathBuf>,
}

/// Checks the file. Asks nobody: whether a role exists is what `plan` finds out.
pub(crate) fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let mut context = context.clone();
    context.file = args.path.unwrap_or(context.file);
    let loaded = config::load(&context.file, &presets()).map_err(|error| invalid(&context, error))?;
    eprint!("{}", config::render(&loaded.warnings, &loaded.text, &context.file.display().to_string(), context.notes));
    say(&format!(
        "{} is valid: {}, {}\n",
        file_name(&context.file),
        human::count(loaded.config.products.len() as u64, "product"),
        human::count(loaded.config.sources.len() as u64, "source"),
    ))?;
    Ok(Exit::Done)
}
