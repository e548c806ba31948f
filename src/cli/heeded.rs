//! Whether a daemon heeds what a command has written into a store.

use std::path::Path;

use super::Context;
use crate::config::settings::Config;
use crate::daemon::peer::{self, Unasked};
use crate::report::status::Status;
use crate::store::Store;

/// What the daemon of the store says, where one answers. Where a daemon of another store does, which does not heed
/// what was written here, that is noted.
pub(super) async fn heeded(context: &Context, config: &Config, store: &Path) -> Option<Status> {
    if let Some(left) = Store::left(store) {
        crate::cli::tell(format_args!("{}: {left}", context.notes.paint("1;33", "note")));
        let hint = left.hint().unwrap_or_default();
        crate::cli::tell(format_args!("{}: {hint}", context.notes.paint("1;36", "hint")));
        return None;
    }
    match peer::status(config, store).await {
        Ok(status) => Some(status),
        Err(why @ Unasked::OtherStore(_)) => {
            let note = context.notes.paint("1;33", "note");
            let store = store.display();
            crate::cli::tell(format_args!(
                "{note}: {why}: it does not use `{store}`, and ignores what was written there"
            ));
            let hint = context.notes.paint("1;36", "hint");
            crate::cli::tell(format_args!(
                "{hint}: if it was started on that path, the file there has been replaced since: restart it"
            ));
            None
        }
        Err(_) => None,
    }
}
