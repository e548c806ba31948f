//! Listens, and serves each connection for as long as its client keeps to the bounds.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::caller::Peer;
use super::line::Line;
use super::rooms::{Rooms, Seat, Visitor};
use super::{App, Door, Patience, forwarded, router};
use crate::clock;
use crate::daemon::{HealthReporter, trouble};
use crate::report::status::About;

/// How long connections may take to end when the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(2);
/// Between two tries for an address that is taken.
const AGAIN: Duration = Duration::from_secs(5);

/// Why the server does not listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`")]
pub struct BindError {
    /// Where it was to listen.
    pub address: SocketAddr,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl BindError {
    /// What would mend it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self.source.kind() {
            io::ErrorKind::AddrInUse => {
                "another process uses it: pass `--listen` with another address, `127.0.0.1:0` for a free port, or `off`"
            }
            io::ErrorKind::PermissionDenied => "ports below 1024 need root: use `--listen 127.0.0.1:8787`",
            io::ErrorKind::AddrNotAvailable => "this machine has no such address",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// A server that listens. Stops when dropped.
#[derive(Debug)]
#[must_use = "the server stops when this is dropped"]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Takes the address, so that it is known before anything is served.
///
/// # Errors
/// [`BindError`] where it cannot be had.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { address, source })
}

impl Server {
    /// Serves until stopped.
    pub fn start(listener: TcpListener, app: &App) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, router(app), app.door().clone(), stopped));
        tracing::info!("listening on http://{address}");
        Ok(Self { address, stop, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops after the requests in flight, or soon.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let _in_time = tokio::time::timeout(STOP_WITHIN, &mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.task.abort();
    }
}

/// Serves at an address as soon as it is free, and says meanwhile that it is not: a daemon goes on without
/// its server. One that stands by on the same machine takes the address over with the work.
pub async fn keep(address: SocketAddr, make: impl Fn(SocketAddr) -> App, reporter: HealthReporter) -> Server {
    let mut told = false;
    loop {
        let started = match bind(address).await {
            Ok(listener) => listener
                .local_addr()
                .and_then(|address| Server::start(listener, &make(address)))
                .map_err(|source| BindError { address, source }),
            Err(error) => Err(error),
        };
        match started {
            Ok(server) => {
                reporter.works(&About::Listener);
                return server;
            }
            Err(error) => {
                if !told {
                    let hint = error.hint().unwrap_or_default();
                    tracing::error!(because = %error.source, hint, "{error}; the daemon goes on without it");
                }
                told = true;
                reporter.trouble(trouble(About::Listener, &error, error.hint(), clock::now()));
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

async fn serve(listener: TcpListener, routes: Router, door: Door, mut stopped: watch::Receiver<bool>) {
    let rooms = Arc::<Rooms>::default();
    // Says nothing ever, and is closed when the last connection has ended.
    let (open, mut all_ended) = mpsc::channel::<()>(1);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                // Too many open files, or a client that is gone: neither is mended by trying at once.
                Err(error) => {
                    tracing::debug!(%error, "no connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = stopped.changed() => break,
        };
        let proxy = forwarded::trusts(&door.trusted, peer.ip());
        let visitor = if proxy { Visitor::Proxy } else { Visitor::client(peer.ip()) };
        let visit = Visit { peer: Peer(peer), seat: Arc::new(rooms.seat(visitor)), patience: door.patience };
        let (routes, stopped, open) = (routes.clone(), stopped.clone(), open.clone());
        tokio::spawn(async move {
            connection(stream, visit, routes, stopped).await;
            drop(open);
        });
    }
    drop((listener, open));
    let _closed = all_ended.recv().await;
}

/// Who has come, and where they sit.
struct Visit {
    peer: Peer,
    seat: Arc<Seat>,
    patience: Patience,
}

/// One connection, until its client or the server ends it, or its seat is needed.
async fn connection(stream: TcpStream, visit: Visit, routes: Router, mut stopped: watch::Receiver<bool>) {
    let Visit { peer, seat, patience } = visit;
    // Answers are small and complete: waiting to fill a packet only delays them.
    let _slower_without = stream.set_nodelay(true);
    let (routes, sits) = (TowerToHyperService::new(routes), Arc::clone(&seat));
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Arc::clone(&sits));
        routes.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(if seat.is_last() { patience.head_when_full } else { patience.head })
        .serve_connection(TokioIo::new(Line::new(stream, patience.write)), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ended = connection.as_mut() => return,
        () = seat.is_needed() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ended = tokio::time::timeout(STOP_WITHIN, connection).await;
}
