//! Tells people of every change of state, and of every freeze, once: a JSON webhook, or text as Slack takes it.
//!
//! Flow: follows the [`Status`] that the loop publishes, one task for each receiver, and never asks the loop
//! anything nor keeps it waiting. [`Subscriber`] decides what is told.
//!
//! Guarantees: never once per pass; at most one notice in [`QUIET`]; a receiver that does not answer costs a
//! few bounded tries and a warning. What changed meanwhile is told as it stands then, or not at all where it
//! has come back. The address is a secret and stands in no log.

mod subscriber;

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::StatusReader;
use crate::config::settings::{Notify, NotifyFormat};
use crate::http::{self, Backoff};
use crate::report::Notice;
use crate::report::status::Status;
use crate::shutdown::Shutdown;
use crate::text::error_chain;

pub use subscriber::Subscriber;

/// Between two notices to one receiver.
pub const QUIET: Duration = Duration::from_secs(60);

/// For one try.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why a notice did not arrive. Shows nothing of the address but its host.
#[derive(Debug, thiserror::Error)]
enum Undelivered {
    #[error("no answer")]
    NoAnswer(#[source] reqwest::Error),
    #[error("answered {0}")]
    Status(StatusCode),
}

/// Whether a notice arrived, for whoever counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It was taken.
    Delivered,
    /// It was given up.
    Failed,
}

/// Tells every receiver of the configuration in force until the end is asked for; see [`tell`] for the rest.
pub async fn follow(
    mut reading: StatusReader,
    mut shutdown: Shutdown,
    quiet: Duration,
    count: impl Fn(Delivery) + Clone + Send + 'static,
) {
    let mut receivers: Vec<Notify> = Vec::new();
    let mut tellers: Option<JoinSet<()>> = None;
    loop {
        let open = reading.open.borrow_and_update().clone();
        if let Some(open) = open
            && open.active.config.notify != receivers
        {
            // Dropping the tasks ends them: whom the file names no more is told nothing more.
            drop(tellers.take());
            receivers.clone_from(&open.active.config.notify);
            let told = receivers.iter().cloned();
            let told = told.map(|one| tell(one, reading.status.clone(), shutdown.clone(), quiet, count.clone()));
            tellers = Some(told.collect());
        }
        tokio::select! {
            changed = reading.open.changed() => if changed.is_err() { return },
            () = shutdown.wait() => return,
        }
    }
}

/// Tells one receiver until the end is asked for, with `quiet` between two notices. `count` hears what came of
/// each.
pub async fn tell(
    receiver: Notify,
    mut status: watch::Receiver<Arc<Status>>,
    mut shutdown: Shutdown,
    quiet: Duration,
    count: impl Fn(Delivery),
) {
    let client = http::client(TIMEOUT);
    let mut subscriber = Subscriber::new(&receiver.on);
    loop {
        let now = status.borrow_and_update().clone();
        if let Some(notice) = subscriber.transition(&now) {
            let sent = tokio::select! {
                sent = send(&client, &receiver, &notice) => sent,
                () = shutdown.wait() => return,
            };
            match sent {
                Ok(()) => count(Delivery::Delivered),
                Err(error) => {
                    count(Delivery::Failed);
                    let because = error_chain(&error);
                    let state = notice.state.word();
                    tracing::warn!(receiver = receiver.host, state, because, "gave up on a notification");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(quiet) => continue,
                () = shutdown.wait() => return,
            }
        }
        tokio::select! {
            changed = status.changed() => if changed.is_err() { return },
            () = shutdown.wait() => return,
        }
    }
}

/// Some tries, each bounded. A refusal that no further try mends ends it at once.
async fn send(client: &reqwest::Client, receiver: &Notify, notice: &Notice) -> Result<(), Undelivered> {
    let backoff = Backoff { attempts: 3, first: Duration::from_secs(1), longest: Duration::from_secs(30) };
    let body = match receiver.format {
        NotifyFormat::Json => notice.json(),
        NotifyFormat::Slack => notice.slack(),
    };
    let body = crate::secret::redacted(&body).into_owned();
    let mut tries = 1;
    loop {
        let request = client.post(receiver.url.expose()).header(CONTENT_TYPE, "application/json").body(body.clone());
        let (error, asked) = match request.send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => (Undelivered::Status(answer.status()), http::retry_after(answer.headers())),
            Err(error) => (Undelivered::NoAnswer(error.without_url()), None),
        };
        let passing = match &error {
            Undelivered::Status(status) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Undelivered::NoAnswer(_) => true,
        };
        tries += 1;
        if !passing || tries > backoff.attempts {
            return Err(error);
        }
        tokio::time::sleep(backoff.wait(tries, asked)).await;
    }
}
