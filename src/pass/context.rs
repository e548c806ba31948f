//! What every pass is given: whom it looks at, and with what. Nothing here can write to Logto.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::active::ActiveConfig;
use super::observe::Progress;
use crate::config::settings::Config;
use crate::logto::{LogtoError, Reader};
use crate::model::{Catalog, KnownNames, OrderKey, SourceName};
use crate::report::Origin;
use crate::source::Source;
use crate::store::{Store, StoreError};

/// Whom a pass looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassScope {
    /// Every target, walked.
    Full,
    /// The buyers of these orders, asked for by id.
    Quick(Vec<OrderKey>),
}

impl PassScope {
    /// `full` or `quick`.
    pub fn word(&self) -> &'static str {
        match self {
            PassScope::Full => "full",
            PassScope::Quick(_) => "quick",
        }
    }
}

/// What a pass needs to look: nothing here can write to Logto.
#[derive(Clone, Copy)]
pub struct PassContext<'a> {
    /// The configuration in force.
    pub config: &'a Config,
    /// Its file, digest and commit.
    pub origin: &'a Origin,
    /// Its catalog, resolved against Logto.
    pub catalog: &'a Catalog,
    /// What its names stand for by Logto's last word.
    pub names: &'a KnownNames,
    /// Asks Logto.
    pub reader: &'a Reader,
    /// Asks the payment APIs.
    pub sources: &'a [Source],
    /// Those of them whose last read failed, or that were never read.
    pub unread: &'a BTreeSet<SourceName>,
    /// What is known already.
    pub store: &'a Store,
    /// Told how long reads come along.
    pub progress: Progress<'a>,
    /// The time of the pass.
    pub now: Timestamp,
}

impl ActiveConfig {
    /// What a pass needs to look.
    pub fn context<'a>(
        &'a self,
        store: &'a Store,
        unread: &'a BTreeSet<SourceName>,
        progress: Progress<'a>,
        now: Timestamp,
    ) -> PassContext<'a> {
        let Self { config, origin, catalog, names, sources, reader, .. } = self;
        PassContext { config, origin, catalog, names, reader, sources, unread, store, progress, now }
    }
}

/// Why a pass could not look.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// Logto, or the way to it.
    #[error("Logto could not be read")]
    Logto(#[from] LogtoError),
    /// Our own file.
    #[error("the store could not be used")]
    Store(#[from] StoreError),
}

impl PassError {
    /// What would mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            PassError::Logto(error) => error.hint(),
            PassError::Store(error) => error.hint(),
        }
    }
}
