//! Which configuration a command uses: that of the file; where the file is broken, the one that was in force last; or,
//! for a command that asks nobody, one whose references are left unresolved.

use std::path::PathBuf;

use super::file::{file_name, invalid, load};
use super::{Context, Exit, Failure};
use crate::config::settings::Config;
use crate::config::{self, Unresolvable};
use crate::daemon::presets;
use crate::report::Origin;
use crate::report::status::About;
use crate::store::{Store, lease};
use crate::text::human;

/// A configuration, and whether it is the file's.
pub(super) struct Standing {
    pub(super) config: Config,
    pub(super) origin: Origin,
    pub(super) text: String,
    /// Why it is the one that was in force last, and not the file's.
    pub(super) broken: Option<Failure>,
}

impl Standing {
    /// How one pass of the daemon ends that would end so: failed where it went by another file than the one at hand,
    /// which was said when it began.
    pub(super) fn ended(broken: Option<&Failure>, exit: Exit) -> Exit {
        if broken.is_some() { Exit::Failed } else { exit }
    }
}

/// The file, checked; where it is broken or not there, the one that was in force last, by the store. Its problems are
/// printed either way.
pub(super) async fn standing(context: &Context) -> Result<Standing, Failure> {
    match load(context) {
        Ok((config, origin, text)) => Ok(Standing { config, origin, text, broken: None }),
        Err(failure) => kept(context, failure).await,
    }
}

/// The one that was in force last, in place of a file that cannot be used for `failure`.
pub(super) async fn kept(context: &Context, failure: Failure) -> Result<Standing, Failure> {
    let store = place(context);
    let Ok(Some(kept)) = Store::valid_file(&store).await else { return Err(failure) };
    let Ok(mut config) = config::check_kept(&kept.text, &context.file, &presets()) else { return Err(failure) };
    config.store = store;
    let origin = Origin { file: file_name(&context.file), digest: config.digest.clone(), commit: kept.commit };
    crate::logging::note!("{}", failure.render(context.notes));
    let (since, version) = (human::datetime(kept.entered), origin.short());
    let note = context.notes.paint("1;33", "note");
    crate::cli::tell(format_args!("{note}: the file that took effect {since} ({version}) stays in force"));
    Ok(Standing { config, origin, text: kept.text, broken: Some(failure) })
}

/// A configuration some of whose references stand for nothing. Good for where things are and for what products give;
/// nobody may be asked by it.
pub(super) struct Blind {
    pub(super) config: Config,
    pub(super) origin: Origin,
    pub(super) text: String,
    /// The variables and files that are missing, each as the file names it.
    pub(super) missing: Vec<String>,
}

impl Blind {
    /// What is missing, and what to do.
    pub(super) fn failure(&self, context: &Context) -> Failure {
        // Whoever is told to put the variables into `.env` may have them there, below a line that is none.
        if let Some(error) = config::broken_env(&context.file) {
            return invalid(context, error);
        }
        let missing: Vec<String> = self.missing.iter().map(|one| format!("`{one}`")).collect();
        Failure::plain(
            format!("{} in `{}` cannot be resolved", missing.join(", "), self.origin.file),
            "set the variables, or put them into `.env` beside the file; a file must be there and readable",
        )
        .about(About::File)
    }
}

/// The file, or the one that was in force last, where all that is wrong with it is that references stand for nothing.
pub(super) async fn blind(context: &Context) -> Option<Blind> {
    let file = file_name(&context.file);
    let blind = |found: Unresolvable, commit: Option<String>, text: String| {
        let Unresolvable { mut config, missing } = found;
        config.store = place(context);
        let origin = Origin { file: file.clone(), digest: config.digest.clone(), commit };
        Blind { config, origin, text, missing }
    };
    if let Some((found, text)) = config::load_unresolvable(&context.file, &presets()) {
        let commit = config::commit_of(&context.file, &found.config.blob, &found.config.digest);
        return Some(blind(found, commit, text));
    }
    let kept = Store::valid_file(&place(context)).await.ok()??;
    let found = config::check_unresolvable(&kept.text, &context.file, &presets())?;
    Some(blind(found, kept.commit, kept.text))
}

/// What there is to go by for whoever asks nobody, also while the file is broken or its references stand for nothing.
/// Prints nothing.
pub(super) async fn at_hand(context: &Context) -> Option<Blind> {
    let file = file_name(&context.file);
    let whole = |mut config: Config, commit: Option<String>, text: String| {
        config.store = place(context);
        let origin = Origin { file: file.clone(), digest: config.digest.clone(), commit };
        Blind { config, origin, text, missing: Vec::new() }
    };
    if let Ok(loaded) = config::load(&context.file, &presets()) {
        let commit = config::commit_of(&context.file, &loaded.config.blob, &loaded.config.digest);
        return Some(whole(loaded.config, commit, loaded.text));
    }
    if let Ok(Some(kept)) = Store::valid_file(&place(context)).await
        && let Ok(config) = config::check_kept(&kept.text, &context.file, &presets())
    {
        return Some(whole(config, kept.commit, kept.text));
    }
    blind(context).await
}

/// Where the store lies, whatever the file says: by the command line, by a look into the file, or where it lies
/// when nobody says.
pub(super) fn place(context: &Context) -> PathBuf {
    context.store.clone().unwrap_or_else(|| config::store_of(&context.file))
}

/// Where the store lies by the command line; else the one that a running daemon works on which was begun with this file
/// and does not follow it to another one. That is said.
pub(super) fn in_use(context: &Context) -> Option<PathBuf> {
    if context.store.is_some() {
        return context.store.clone();
    }
    let says = place(context);
    let (holder, own) = lease::elsewhere(&says)?;
    let (note, says, shown) = (context.notes.paint("1;33", "note"), says.display(), own.display());
    crate::cli::tell(format_args!(
        "{note}: `store` is now `{says}`, and the daemon ({holder}) works on `{shown}` until it is restarted: so does this"
    ));
    Some(own)
}
