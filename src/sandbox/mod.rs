//! A simulated Logto and a simulated shop, over real HTTP on loopback: for trying `entitled` out, and for
//! its tests.
//!
//! Both are stateful: what is granted is held, what is bought is listed. Both can be made to fail in the
//! ways real servers fail; see [`Knobs`]. Nothing outside this module knows that it talks to a simulator.
//!
//! ```text
//! GET, POST, DELETE /sandbox/faults                what goes wrong (both sides)
//! POST   /sandbox/expire-tokens                    every token is expired from now on (both sides)
//! GET    /sandbox/users                            accounts (Logto)
//! GET    /sandbox/shop                             products, and the orders that changed last (shop)
//! POST   /sandbox/orders                           somebody buys and pays: {product, email} (shop)
//! POST   /sandbox/orders/{id}/{what}               pay, refund, partial-refund, expire, dispute, void (shop)
//! DELETE /sandbox/orders/{id}                      the order vanishes (shop)
//! POST   /sandbox/hooks                            whom webhooks go to: a list of URLs (shop)
//! GET    /sandbox/alive                            which process this is (both sides)
//! ```

mod clock;
mod exchange;
mod faults;
mod log;
mod logto;
mod persist;
mod seed;
mod serve;
mod shop;
mod token;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use logto::Tenant;
use persist::{Live, LiveNote, Loaded, Saver};
use shop::Shelf;

pub use faults::{Fault, Faults, Knobs, Rule};
pub use log::Seen;
pub use logto::{APP_ID, APP_SECRET, LogtoSim, NOSCOPE_ID, RESOURCE};
pub use persist::LoadError;
pub use seed::{Seed, SeedError, SeedOrder, SeedOrganization, SeedOrganizationRole, SeedProduct, SeedRole, SeedUser};
pub use shop::{
    CLIENT_ID as SHOP_CLIENT_ID, CLIENT_SECRET as SHOP_CLIENT_SECRET, Counts, Customer, HOOK_SECRET,
    STATIC_TOKEN as SHOP_TOKEN, ShopSim, hook_signature,
};

/// How long requests in flight may take to end when the servers stop.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// How long a process that claims to serve a state file may take to say so.
const ALIVE_WITHIN: Duration = Duration::from_secs(2);

/// Where and with what a sandbox starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where Logto listens: a loopback address; port 0 takes a free one.
    pub logto: SocketAddr,
    /// Where the shop listens: a loopback address; port 0 takes a free one.
    pub shop: SocketAddr,
    /// Where the state is kept between starts; absent: nowhere.
    pub state: Option<PathBuf>,
    /// What a fresh sandbox holds; ignored where there is a state already. Absent: as good as nothing.
    pub seed: Option<Seed>,
}

impl Default for Options {
    /// Free ports, no state file, nothing seeded.
    fn default() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { logto: free, shop: free, state: None, seed: None }
    }
}

/// Why a sandbox does not start or stop.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The sandbox takes a password that anybody can read, so it is for this machine alone.
    #[error("the sandbox listens on loopback only, and `{0}` is not")]
    NotLoopback(SocketAddr),
    /// An address cannot be listened on.
    #[error("cannot listen on `{address}`")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The state file is there and cannot be used.
    #[error("cannot use the sandbox state `{path}`")]
    Load {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: LoadError,
    },
    /// The state file, or the note beside it, cannot be written.
    #[error("cannot keep the sandbox state `{path}`")]
    Keep {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The seed is wrong in itself.
    #[error("the sandbox cannot be seeded")]
    Seed(#[from] SeedError),
    /// The state cannot be removed while a process serves it.
    #[error("the sandbox state `{path}` is in use by the process at {url}")]
    InUse {
        /// The file.
        path: PathBuf,
        /// Its simulated Logto.
        url: String,
    },
}

impl SandboxError {
    /// What to do about it, where something can be done.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotLoopback(_) => Some("use 127.0.0.1 or [::1]".to_owned()),
            Self::Bind { .. } => Some("port 0 takes a free port".to_owned()),
            Self::Load { path, .. } => Some(format!("move `{}` away to start afresh", path.display())),
            Self::InUse { .. } => Some("stop that process first".to_owned()),
            Self::Keep { .. } | Self::Seed(_) => None,
        }
    }
}

/// The simulators themselves, of the process that runs them.
#[derive(Clone, Debug)]
pub struct Handles {
    /// The simulated Logto.
    pub logto: LogtoSim,
    /// The simulated shop.
    pub shop: ShopSim,
}

/// A sandbox that answers. Where this process runs it, it stops and saves when this is dropped.
#[must_use = "the sandbox stops when this is dropped"]
pub struct Running {
    live: Live,
    /// Absent where another process runs it.
    own: Option<Own>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Running");
        shown.field("logto", &self.live.logto).field("shop", &self.live.shop).finish_non_exhaustive()
    }
}

struct Own {
    handles: Handles,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
    keeping: Option<Keeping>,
}

struct Keeping {
    path: PathBuf,
    saver: Saver,
    task: JoinHandle<()>,
}

/// Starts both simulators, or connects to the process that serves the state file already: then
/// [`Running::handles`] is `None` and the addresses asked for are not used.
///
/// # Errors
/// Any [`SandboxError`] but `InUse`.
pub async fn start(options: Options) -> Result<Running, SandboxError> {
    for address in [options.logto, options.shop] {
        if !address.ip().is_loopback() {
            return Err(SandboxError::NotLoopback(address));
        }
    }
    let Some(path) = options.state.clone() else {
        return serve(&options, None).await;
    };
    let mut note = hold(&path).await?;
    if let Some(live) = note.read()
        && answers(&live).await
    {
        return Ok(Running { live, own: None });
    }
    let running = serve(&options, Some(&path)).await?;
    note.write(&running.live).map_err(|source| SandboxError::Keep { path, source })?;
    Ok(running)
}

/// Removes a state file, so that the next start is a fresh one.
///
/// # Errors
/// [`SandboxError::InUse`] while a process serves it; [`SandboxError::Keep`] where it cannot be removed.
pub async fn reset(state: &Path) -> Result<(), SandboxError> {
    let mut note = hold(state).await?;
    if let Some(live) = note.read()
        && answers(&live).await
    {
        return Err(SandboxError::InUse { path: state.to_owned(), url: live.logto });
    }
    persist::remove(state).map_err(|source| SandboxError::Keep { path: state.to_owned(), source })
}

async fn hold(state: &Path) -> Result<LiveNote, SandboxError> {
    let path = state.to_owned();
    let held = tokio::task::spawn_blocking(move || {
        persist::make_directory(&path)?;
        LiveNote::hold(&path)
    });
    let held = held.await.unwrap_or_else(|stopped| Err(io::Error::other(stopped)));
    held.map_err(|source| SandboxError::Keep { path: state.to_owned(), source })
}

/// Whether the process that left a note is still there, and no other has taken its port.
async fn answers(live: &Live) -> bool {
    let client = crate::http::client(ALIVE_WITHIN);
    let answer = client.get(format!("{}/sandbox/alive", live.logto)).send().await;
    let Ok(answer) = answer else { return false };
    answer.json::<serde_json::Value>().await.is_ok_and(|body| body["nonce"] == live.nonce.as_str())
}

async fn serve(options: &Options, path: Option<&Path>) -> Result<Running, SandboxError> {
    let load_error = |path: &Path, source| SandboxError::Load { path: path.to_owned(), source };
    let loaded = match path {
        Some(path) => persist::load(path).map_err(|source| load_error(path, source))?,
        None => None,
    };
    let fresh = loaded.is_none();
    let (tenant, shelf) = match loaded {
        Some(Loaded { logto, shop, .. }) => (logto, shop),
        None => (Tenant::fresh(), Shelf::default()),
    };
    let changed = Arc::new(Notify::new());
    let logto = LogtoSim::new(tenant, changed.clone());
    let shop = ShopSim::new(shelf, logto.clone(), changed.clone());
    if let Some(seed) = options.seed.as_ref().filter(|_| fresh) {
        seed.plant(&logto, &shop)?;
    }

    let (logto_listener, logto_address) = bind(options.logto).await?;
    let (shop_listener, shop_address) = bind(options.shop).await?;
    let live = Live {
        logto: format!("http://{logto_address}"),
        shop: format!("http://{shop_address}"),
        nonce: format!("{:032x}", fastrand::u128(..)),
    };
    let keeping = match path {
        None => None,
        Some(path) => {
            let saver = Saver::new(path, logto.clone(), shop.clone());
            saver.save().map_err(|source| SandboxError::Keep { path: path.to_owned(), source })?;
            let task = tokio::spawn(saver.clone().run(changed));
            Some(Keeping { path: path.to_owned(), saver, task })
        }
    };
    let (stop, stopped) = watch::channel(false);
    let servers = vec![
        serve::serve(logto_listener, Arc::new(logto.clone()), live.nonce.clone(), stopped.clone()),
        serve::serve(shop_listener, Arc::new(shop.clone()), live.nonce.clone(), stopped),
    ];
    Ok(Running { live, own: Some(Own { handles: Handles { logto, shop }, stop, servers, keeping }) })
}

async fn bind(address: SocketAddr) -> Result<(tokio::net::TcpListener, SocketAddr), SandboxError> {
    serve::bind(address).await.map_err(|source| SandboxError::Bind { address, source })
}

impl Running {
    /// Where Logto is, without a trailing slash.
    pub fn logto_url(&self) -> &str {
        &self.live.logto
    }

    /// Where the shop is, without a trailing slash.
    pub fn shop_url(&self) -> &str {
        &self.live.shop
    }

    /// The simulators; `None` where another process runs them.
    pub fn handles(&self) -> Option<&Handles> {
        self.own.as_ref().map(|own| &own.handles)
    }

    /// Stops both servers after the requests in flight, and saves. A sandbox of another process goes on.
    ///
    /// # Errors
    /// [`SandboxError::Keep`] where the state cannot be saved.
    pub async fn stop(mut self) -> Result<(), SandboxError> {
        let Some(mut own) = self.own.take() else { return Ok(()) };
        let note = match &own.keeping {
            Some(keeping) => Some(hold(&keeping.path).await?),
            None => None,
        };
        own.stop.send_replace(true);
        for mut server in own.servers.drain(..) {
            if tokio::time::timeout(STOP_WITHIN, &mut server).await.is_err() {
                server.abort();
            }
        }
        own.leave(note, &self.live)
    }
}

impl Own {
    /// Saves for the last time and says that nobody serves the file any more.
    fn leave(&mut self, note: Option<LiveNote>, live: &Live) -> Result<(), SandboxError> {
        let Some(keeping) = self.keeping.take() else { return Ok(()) };
        keeping.task.abort();
        let mut kept = keeping.saver.save();
        if let Some(mut note) = note
            && note.read().as_ref() == Some(live)
        {
            kept = kept.and(note.clear());
        }
        kept.map_err(|source| SandboxError::Keep { path: keeping.path, source })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut own) = self.own.take() else { return };
        own.stop.send_replace(true);
        // Not waited for: whoever holds the note may be waiting for this very thread. A note that is
        // left behind names servers that no longer answer, and is ignored.
        let note = own.keeping.as_ref().and_then(|keeping| LiveNote::try_hold(&keeping.path));
        if let Err(error) = own.leave(note, &self.live) {
            tracing::warn!(%error, "the sandbox could not save its state");
        }
    }
}
