//! The file that a command goes by, read and checked.

use std::path::Path;

use super::{Context, Failure, problems};
use crate::config::settings::Config;
use crate::config::{self, ConfigError};
use crate::daemon::presets;
use crate::report::Origin;
use crate::report::status::About;

/// The file, checked, and its text; its warnings are printed.
pub(super) fn load(context: &Context) -> Result<(Config, Origin, String), Failure> {
    let mut loaded = config::load(&context.file, &presets()).map_err(|error| invalid(context, error))?;
    if let Some(store) = &context.store {
        loaded.config.store.clone_from(store);
    }
    crate::logging::note!(
        "{}",
        problems(&config::render(&loaded.warnings, &loaded.text, &context.file.display().to_string(), context.notes))
    );
    let origin = Origin {
        file: file_name(&context.file),
        digest: loaded.config.digest.clone(),
        commit: config::commit_of(&context.file, &loaded.config.blob, &loaded.config.digest),
    };
    Ok((loaded.config, origin, loaded.text))
}

/// The last part of a path, which is how people call the file.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Why the file cannot be used, with every problem in it.
pub(super) fn invalid(context: &Context, error: ConfigError) -> Failure {
    let body = error.render(context.notes);
    let hint = error.hint();
    Failure::new(error, hint).with_body(body).about(About::File)
}
