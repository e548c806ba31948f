//! Asks what answers at the address where a daemon would listen, and whether it works on the store at hand.
//!
//! Never sends the token before that is known: another daemon may have the address, or another program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::StatusCode;

use crate::config::settings::{Config, Listen};
use crate::http;
use crate::report::status::Status;
use crate::secret::Secret;
use crate::store::{Store, StoreError, StoreId};

/// In the answers of `/healthz` and `/readyz`: the store that the daemon works on.
pub const STORE_HEADER: &str = "entitled-store";

/// For an answer: a daemon is on this machine, or near.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why the daemon of a store was not asked.
#[derive(Debug, thiserror::Error)]
pub enum Unasked {
    /// None listens anywhere.
    #[error("`listen` is off")]
    Off,
    /// Nobody answers.
    #[error("no daemon answers at {0}")]
    Nobody(SocketAddr),
    /// Something answers that is no daemon.
    #[error("what answers at {at} returned {status}")]
    Refuses {
        /// Where.
        at: SocketAddr,
        /// What it says.
        status: StatusCode,
    },
    /// Something answers well, and names no store.
    #[error("what answers at {0} is not a daemon of this version, or has not opened its store yet")]
    Stranger(SocketAddr),
    /// A daemon that works on another store.
    #[error("another daemon, with another store, answers at {0}")]
    OtherStore(SocketAddr),
    /// Which store is at hand cannot be said, so nobody is its daemon.
    #[error("the store `{}` cannot be read, so whether its daemon answers at {at} is unknown", path.display())]
    OwnStore {
        /// Where one may listen.
        at: SocketAddr,
        /// The store.
        path: PathBuf,
        /// Why not.
        #[source]
        source: StoreError,
    },
}

/// What the daemon of the store at `path` says, where one listens as the file has it.
///
/// # Errors
/// [`Unasked`], where none does: then nobody was shown the token.
pub async fn status(config: &Config, path: &Path) -> Result<Status, Unasked> {
    let (at, own) = recognized(config, path).await?;
    let mut request = http::client(PATIENCE).get(format!("http://{at}/api/v1/status"));
    if let Some(token) = &config.api_token {
        request = request.bearer_auth(Secret::expose(token));
    }
    let answer = request.send().await.map_err(|_| Unasked::Nobody(at))?;
    if !answer.status().is_success() {
        return Err(Unasked::Refuses { at, status: answer.status() });
    }
    let body = http::body(answer, http::MAX_ANSWER).await.map_err(|_| Unasked::Stranger(at))?;
    let status: Status = serde_json::from_slice(&body).map_err(|_| Unasked::Stranger(at))?;
    match &status.store {
        Some(store) if *store == own.as_str() => Ok(status),
        // Another one has taken the address over meanwhile.
        _ => Err(Unasked::OtherStore(at)),
    }
}

/// Where the daemon of the store at `path` answers, and which store that is. Asks without the token.
///
/// # Errors
/// [`Unasked`], where it does not.
pub async fn recognized(config: &Config, path: &Path) -> Result<(SocketAddr, StoreId), Unasked> {
    let Listen::At(address) = config.listen else { return Err(Unasked::Off) };
    let at = reachable(address);
    let own = Store::id_at(path).await;
    let answer = http::client(PATIENCE).get(format!("http://{at}/healthz")).send().await;
    let answer = answer.map_err(|_| Unasked::Nobody(at))?;
    if !answer.status().is_success() {
        return Err(Unasked::Refuses { at, status: answer.status() });
    }
    let named: Vec<_> = answer.headers().get_all(STORE_HEADER).iter().collect();
    let own = own.map_err(|source| Unasked::OwnStore { at, path: path.to_owned(), source })?;
    match named[..] {
        [named] if named.as_bytes() == own.as_str().as_bytes() => Ok((at, own)),
        [] => Err(Unasked::Stranger(at)),
        _ => Err(Unasked::OtherStore(at)),
    }
}

/// Where one that listens on every address is found from here.
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}
