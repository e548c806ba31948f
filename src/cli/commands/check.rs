//! `entitled check`: every problem of the configuration at once, offline.

use std::path::{Path, PathBuf};

use crate::cli::file::{file_name, invalid};
use crate::cli::standing::place;
use crate::cli::{Context, Exit, Failure, print, problems};
use crate::config;
use crate::config::settings::Config;
use crate::daemon::presets;
use crate::report::Dropped;
use crate::store::Store;
use crate::text::human;

/// `entitled check`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file, instead of the one that `--file` names.
    #[arg(value_name = "FILE")]
    path: Option<PathBuf>,
}

/// Checks the file. Asks nobody: whether a role exists is what `plan` finds out. Where there is a store, it is
/// looked into for sources that this file no longer has.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let mut context = context.clone();
    context.file = args.path.unwrap_or(context.file);
    let loaded = config::load(&context.file, &presets()).map_err(|error| invalid(&context, error))?;
    crate::logging::note!(
        "{}",
        problems(&config::render(&loaded.warnings, &loaded.text, &context.file.display().to_string(), context.notes))
    );
    for one in dropped(&loaded.config, &place(&context)).await {
        let (warning, hint) = (context.notes.paint("1;33", "warning"), context.notes.paint("1;36", "hint"));
        crate::cli::tell(format_args!("{warning}: {}\n{hint}: {}", one.sentence, one.hint));
    }
    print(&format!(
        "{} is valid: {}, {}\n",
        file_name(&context.file),
        human::count(loaded.config.products.len() as u64, "product"),
        human::count(loaded.config.sources.len() as u64, "source"),
    ))?;
    Ok(Exit::Done)
}

/// What rests on orders of sources that the file does not have. A store that is not there or cannot be read has
/// nothing to say here: `doctor` looks after it.
async fn dropped(config: &Config, store: &Path) -> Vec<Dropped> {
    let known = Store::peek(store).await.unwrap_or_default();
    let gone = known.iter().filter(|known| {
        let named = |one: &crate::config::settings::source::SourceSettings| {
            one.name == known.name || one.was.contains(&known.name)
        };
        known.grants > 0 && !config.sources.iter().any(named)
    });
    let twin = |address: &Option<String>| {
        config.sources.iter().find(|source| address.as_ref() == Some(&source.address())).map(|source| &source.name)
    };
    gone.map(|known| Dropped::new(&known.name, known.grants, twin(&known.address))).collect()
}
