//! The Management API of Logto: who holds what, and the calls that change it.
//!
//! Reading and writing are two types. A dry run is given a [`Reader`], from which no [`Writer`] can be
//! made. Nothing here decides what anybody should hold, and no call replaces a whole set of roles or
//! members (no `PUT`), since that would remove what others granted.
//!
//! Facts, all observed on Logto 1.42: lists are OFFSET pages over a live table, so a walk may lose rows
//! ([`Walk::whole`] tells) and only a question by id is exact ([`Reader::holders_among`]).

mod catalog;
mod curl;
mod error;
mod groups;
mod lookup;
mod offered;
mod orphans;
mod paging;
mod probe;
mod problem;
mod protected;
mod read;
mod stats;
mod token;
mod transport;
mod webhooks;
mod wire;
mod write;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::config::settings;
use crate::http::Skew;

pub use catalog::{Resolved, resolve, resolve_knowing, resolve_unasked};
pub use error::LogtoError;
pub use offered::Offered;
pub use orphans::name_forgotten;
pub use paging::{Found, MemberWalk, Progress, Walk};
pub use probe::{Reached, SmallPage};
pub use problem::{Named, Problem};
pub use read::Reader;
pub use stats::CallStats;
pub use webhooks::{EVENTS as HOOK_EVENTS, Hook, Was};
pub use write::{Outcome, Writer};

/// One Logto tenant. Clones share the token, the connections, the pace and the counters.
#[derive(Clone)]
pub struct Client {
    core: Arc<transport::Core>,
}

impl Client {
    /// A client for the origin `endpoint_url` (which `settings.endpoint` only names where it is no sandbox).
    /// Sends nothing yet.
    pub fn new(endpoint_url: &str, settings: &settings::Logto) -> Self {
        Self { core: Arc::new(transport::Core::new(endpoint_url, settings)) }
    }

    /// The way to ask.
    pub fn reader(&self) -> Reader {
        Reader::new(transport::ReadAccess::new(self.core.clone()))
    }

    /// The way to change.
    pub fn writer(&self) -> Writer {
        Writer::new(transport::WriteAccess::new(self.core.clone()), self.reader())
    }

    /// HTTP requests sent so far: those for a token and those sent again included.
    pub fn calls(&self) -> u64 {
        self.core.calls()
    }

    /// The calls so far by route and status, and how long they have waited.
    pub fn tally(&self) -> CallStats {
        self.core.tally()
    }

    /// How far Logto's clock is from this machine's, by whatever the last answer will be.
    pub fn skew(&self) -> Skew {
        self.core.skew.clone()
    }

    /// Whether two clients are clones of one.
    pub fn is(&self, other: &Client) -> bool {
        Arc::ptr_eq(&self.core, &other.core)
    }

    /// How long calls have waited for their turn or for the next try, added up over all of them.
    pub fn slept(&self) -> Duration {
        self.core.slept()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.core.endpoint).finish_non_exhaustive()
    }
}
