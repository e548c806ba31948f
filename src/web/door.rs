//! Where a server listens, whom it lets in, and how long it waits for anybody.

use std::net::SocketAddr;
use std::time::Duration;

use crate::config::settings::network::Network;
use crate::secret::Secret;

/// What a server is told when it starts.
#[derive(Clone)]
pub struct Door {
    /// Where it listens.
    pub address: SocketAddr,
    /// What whoever reads or writes shows; without one only this machine is let in.
    pub token: Option<Secret>,
    /// What whoever may ask for previews and nothing else shows; without one nobody is such.
    pub preview: Option<Secret>,
    /// The proxies whose word on who asks is taken.
    pub trusted: Vec<Network>,
    /// How long it waits.
    pub patience: Patience,
}

impl Door {
    /// One that waits for as long as is usual.
    pub fn new(address: SocketAddr, token: Option<Secret>) -> Self {
        Self { address, token, preview: None, trusted: Vec::new(), patience: Patience::default() }
    }
}

/// How long whoever is at the other end may take. Whoever takes longer is given up, and makes room for others.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the head of a request, and for the next one on a connection that rests.
    pub head: Duration,
    /// For a head where all room is taken and this is the last.
    pub head_when_full: Duration,
    /// For the body of a request and all that is done for it, until its answer begins.
    pub request: Duration,
    /// For taking some of an answer that does not fit into the line any more.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let ten = Duration::from_secs(10);
        Self { head: ten, head_when_full: Duration::from_secs(2), request: ten, write: ten }
    }
}
