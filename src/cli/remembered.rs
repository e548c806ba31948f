//! What can be said while Logto cannot be asked, for want of variables or since it is down, or while there is no room
//! for what would come of it: what the store knows.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::standing::{Blind, at_hand, place};
use super::{Context, Failure};
use crate::logto::{Client, Reader};
use crate::model::{Catalog, KnownNames, SourceName};
use crate::pass::PassContext;
use crate::pass::active::remembered_catalog;
use crate::pass::snapshot::widen;
use crate::report::status::About;
use crate::store::{LedgerRow, Store};

/// Everything that a command needs which asks nobody.
pub(super) struct Remembered {
    at_hand: Blind,
    pub(super) catalog: Catalog,
    names: KnownNames,
    pub(super) store: Store,
    /// Never asked.
    reader: Reader,
    unread: BTreeSet<SourceName>,
}

/// What the store knows, after `failure` in asking; that very failure where it is another one, or where there is
/// nothing to go by. Says both. `open`: how the store is opened.
pub(super) async fn remembered(
    context: &Context,
    failure: Failure,
    open: impl AsyncFnOnce(&std::path::Path) -> Result<Store, crate::store::StoreError>,
) -> Result<Remembered, Failure> {
    let Some(at_hand) = at_hand(context).await else { return Err(failure) };
    if !failure.is_about(&About::Logto) && !failure.is_of_the_store() && at_hand.missing.is_empty() {
        return Err(failure);
    }
    let path = place(context);
    let store = open(&path).await?;
    let names = store.known_names().await?;
    crate::logging::note!("{}", failure.render(context.notes));
    let note = context.notes.paint("1;33", "note");
    crate::cli::tell(format_args!(
        "{note}: Logto and the sources were not asked; this is what the store at `{}` knows",
        path.display()
    ));
    let catalog = remembered_catalog(&at_hand.config, &names);
    let reader = Client::new("https://missing.invalid", &at_hand.config.logto).reader();
    let unread = at_hand.config.sources.iter().map(|source| source.name.clone()).collect();
    Ok(Remembered { at_hand, catalog, names, store, reader, unread })
}

impl Remembered {
    /// What a look needs that asks nobody.
    pub(super) fn context(&self, now: Timestamp) -> PassContext<'_> {
        PassContext {
            config: &self.at_hand.config,
            origin: &self.at_hand.origin,
            catalog: &self.catalog,
            names: &self.names,
            reader: &self.reader,
            sources: &[],
            unread: &self.unread,
            store: &self.store,
            progress: &|_, _, _| {},
            now,
        }
    }

    /// The catalog, and what only the ledger still knows.
    pub(super) fn widened(&self, ledger: &[LedgerRow]) -> Catalog {
        widen(&self.catalog, ledger, &self.at_hand.config.protect, &self.names)
    }
}
