//! The one HTTP server of the daemon: health, metrics, webhooks, the API and the page.
//!
//! ```text
//! GET  /healthz           alive
//! GET  /readyz            ready, or why not                     src/web/health.rs
//! GET  /metrics           Prometheus                            src/web/metrics.rs
//!      /api/v1/*          what the commands print, for programs src/web/api/
//! GET  /, /users, ...     the page                              src/web/page/routes.rs
//! POST /actions, ...      its buttons                           src/web/forms.rs
//! GET  /events            tells an open page of changes         src/web/events.rs
//! POST /hooks/{source}    an order may have changed             src/web/hooks/mod.rs
//! POST /hooks/logto       a user or a target has changed        src/web/hooks/logto.rs
//! ```
//!
//! It answers from what the loop has published ([`StatusReader`]) and from the store's readers, and asks for
//! passes through a [`Trigger`]. It never writes to Logto, never makes the loop wait, and no answer holds a
//! secret.
//!
//! Every request is bounded: so many connections and requests at once, so many bytes, so many seconds, so
//! many a second for each route ([`guard`]). With `ENTITLED_API_TOKEN` set whoever reads or writes shows it, or has
//! signed in with it, from wherever it is; webhooks show their signature instead, and health is for everybody. Where
//! no token is set, whoever sits at this machine may read and write (`caller`), and no web site in their browser
//! may ([`session`]).

mod actions;
pub mod api;
mod caller;
mod door;
mod error;
mod events;
mod forms;
mod forwarded;
pub mod guard;
mod guesses;
mod health;
mod hooks;
mod line;
mod metrics;
pub mod page;
mod queries;
mod rate_limit;
mod redact;
mod refused;
mod rooms;
mod sandbox;
mod serve;
pub mod session;

use std::sync::Arc;

use axum::Router;
use axum::middleware::map_response;
use axum::routing::{get, post};
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};

use crate::clock;
use crate::daemon::metrics::Metrics;
use crate::daemon::{LiveState, StatusReader, Trigger};
use crate::report::status::{Progress, Status};

pub use door::{Door, Patience};
pub use hooks::understood;
pub use metrics::exposition;
pub use rate_limit::{Bucket, Rate};
pub use refused::Refused;
pub use serve::{BindError, Server, bind, keep};
pub use session::Keys;

/// What every handler may use. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    reading: StatusReader,
    trigger: Trigger,
    door: Door,
    guesses: guesses::Guesses,
    /// `None` where nothing can be written from the page.
    keys: Option<Keys>,
    /// Questions that cost Logto calls.
    questions: Arc<Semaphore>,
    /// Pages that are told of changes.
    streams: Arc<Semaphore>,
    hooks: hooks::Desk,
}

impl App {
    /// A server that reads here, asks there, and lets in whom its door says.
    pub fn new(reading: StatusReader, trigger: Trigger, door: Door) -> Self {
        let hooks = hooks::Desk::default();
        let (questions, streams) =
            (Arc::new(Semaphore::new(queries::AT_ONCE)), Arc::new(Semaphore::new(events::STREAMS)));
        Self(Arc::new(Inner {
            reading,
            trigger,
            door,
            guesses: guesses::Guesses::default(),
            keys: Keys::fresh(),
            questions,
            streams,
            hooks,
        }))
    }

    /// What the daemon says of itself now.
    pub fn status(&self) -> Arc<Status> {
        let told = Arc::clone(&self.0.reading.status.borrow());
        match told.progress {
            None => told,
            // Told between two steps, at which nothing is in flight.
            Some(progress) => {
                let progress = Some(Progress { in_flight: self.in_flight(), ..progress });
                Arc::new(Status { progress, ..(*told).clone() })
            }
        }
    }

    /// Changes that are being made at the moment.
    pub fn in_flight(&self) -> u64 {
        self.0.reading.metrics.in_flight().count()
    }

    /// The status and every change of it, for whoever follows.
    pub fn follow(&self) -> watch::Receiver<Arc<Status>> {
        self.0.reading.status.clone()
    }

    /// What the daemon works on: the configuration in force, its catalog, a reader of Logto, the store.
    /// `None` while it starts, stands by or ends.
    pub fn open(&self) -> Option<Arc<LiveState>> {
        self.0.reading.open.borrow().clone()
    }

    /// Asks the loop for a pass.
    pub fn trigger(&self) -> &Trigger {
        &self.0.trigger
    }

    /// What was counted.
    pub fn metrics(&self) -> &Metrics {
        &self.0.reading.metrics
    }

    fn door(&self) -> &Door {
        &self.0.door
    }

    fn keys(&self) -> Option<&Keys> {
        self.0.keys.as_ref()
    }

    fn questions(&self) -> &Arc<Semaphore> {
        &self.0.questions
    }

    fn streams(&self) -> &Arc<Semaphore> {
        &self.0.streams
    }

    fn now(&self) -> Timestamp {
        clock::now()
    }
}

/// Every route, with the limits that hold for each. A part of its own (`/api/v1`, the page) is merged here, each
/// route in a [`limited`](guard::limited) group.
pub fn router(app: &App) -> Router {
    let health = Router::new().route("/healthz", get(health::alive)).route("/readyz", get(health::ready));
    let metrics = Router::new().route("/metrics", get(metrics::answer));
    // These have buckets of their own: one for what is genuine and one for what is not.
    let hooks = Router::new().route("/hooks/{source}", post(hooks::receive));
    let routes = Router::new()
        // As cheap as to refuse it, and nobody may keep a probe from it.
        .merge(health)
        .merge(guard::limited(metrics, Rate::new(10.0, 20)))
        .merge(api::routes())
        .merge(crate::web::page::routes::routes())
        .merge(hooks);
    let routes = guard::bounded(routes, app.clone()).layer(map_response(redact::shown));
    guard::contained(routes.with_state(app.clone()), app.0.reading.reporter.clone())
}
