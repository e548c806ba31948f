//! `POST /hooks/{source}` and `POST /hooks/logto`: somebody says that something may have changed.
//!
//! A webhook is verified, told from those that were taken before, and answered 202 at once; the loop then
//! reads again what it is about. Forged ones are counted and change nothing. Genuine and forged ones draw
//! on different buckets, so that a flood of the one kind does not keep the other out; where too many
//! genuine ones come, the sender is told so and the whole source is polled instead.
//!
//! What is kept is bounded by the number of sources: for each two buckets and the last deliveries.

pub(crate) mod dedup;
mod logto;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::hooks::dedup::Seen;
use super::{App, Bucket, Rate, Refused};
use crate::config::settings::source::{Signature, Webhook};
use crate::daemon::{Hint, LiveState};
use crate::model::SourceName;
use crate::source::webhook::{Greeting, Refusal, Verified, greeting, verify};

pub use logto::understood;

/// Where Logto's own webhooks go. No source has this name.
const LOGTO: &str = "logto";

/// What is kept between webhooks, by where they come from.
#[derive(Debug, Default)]
pub(super) struct Desk(Mutex<BTreeMap<String, Arc<Line>>>);

/// What is kept of one sender.
#[derive(Debug)]
struct Line {
    seen: Mutex<Seen>,
    genuine: Bucket,
    forged: Bucket,
}

/// Whether the sender can be known by a signature.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    Signed,
    /// Anybody can send it.
    Unsigned,
}

/// What was made of a webhook, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Duplicate,
    Ignored,
    Forged,
    Unreadable,
    TooMany,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::Duplicate => "duplicate",
            Outcome::Ignored => "ignored",
            Outcome::Forged => "forged",
            Outcome::Unreadable => "unreadable",
            Outcome::TooMany => "too_many",
        }
    }
}

impl Desk {
    /// The line of a sender that is configured; the caller has made sure of that.
    fn line(&self, name: &str, sender: Sender) -> Arc<Line> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lines.entry(name.to_owned()).or_insert_with(|| Arc::new(Line::new(sender))))
    }
}

impl Line {
    fn new(sender: Sender) -> Self {
        let genuine = match sender {
            Sender::Signed => Rate::new(50.0, 500).bucket(),
            Sender::Unsigned => Rate::new(1.0, 10).bucket(),
        };
        Self { seen: Mutex::default(), genuine, forged: Rate::new(5.0, 50).bucket() }
    }

    /// What a webhook that cannot be genuine is: beyond some of them, too many.
    fn refuse(&self) -> Outcome {
        if self.forged.take() { Outcome::Forged } else { Outcome::TooMany }
    }

    /// What a genuine one is: taken before, too many, or to be followed.
    fn take(&self, delivery: Option<&str>) -> Outcome {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if delivery.is_some_and(|delivery| seen.knows(delivery)) {
            return Outcome::Duplicate;
        }
        if !self.genuine.take() {
            return Outcome::TooMany;
        }
        if let Some(delivery) = delivery {
            seen.note(delivery);
        }
        Outcome::Accepted
    }
}

/// Answers 202 to what is genuine, 401 to what is not, 404 where nobody listens, 429 to a flood. A body over
/// the limit was answered 413 before it came here.
pub(super) async fn receive(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(open) = app.open() else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "this daemon is not working at the moment");
    };
    let outcome = if name == LOGTO {
        match logto::key(&open).await {
            Some(key) => logto::take(&app, &open, &app.0.hooks.line(LOGTO, Sender::Signed), &key, &headers, &body),
            None => return nobody_listens(),
        }
    } else {
        let source = SourceName::from(name.as_str());
        let settings = open.active.config.sources.iter().find(|settings| settings.name == source);
        let Some(webhook) = settings.and_then(|settings| settings.webhook.as_ref()) else { return nobody_listens() };
        if let Some(greeting) = greeting(webhook, &headers, &body) {
            app.metrics().hook(&name, "greeting");
            // Nothing is believed of it, and it costs nothing: whoever asks learns that somebody listens.
            return match greeting {
                Greeting::Ping => StatusCode::OK.into_response(),
                Greeting::Challenge(text) => text.into_response(),
            };
        }
        take(&app, &source, webhook, &headers, &body)
    };
    app.metrics().hook(&name, outcome.word());
    tracing::debug!(source = name, outcome = outcome.word(), "webhook");
    match outcome {
        Outcome::Accepted | Outcome::Duplicate | Outcome::Ignored => {
            (StatusCode::ACCEPTED, Json(json!({ "outcome": outcome.word() }))).into_response()
        }
        Outcome::Forged => refuse(StatusCode::UNAUTHORIZED, "bad_signature", "the signature does not match"),
        Outcome::Unreadable => refuse(StatusCode::BAD_REQUEST, "unreadable", "the body is not JSON"),
        Outcome::TooMany => Refused::TooMany.into_response(),
    }
}

/// Verifies a webhook of a payment API, and asks the loop to look at the orders that it names.
fn take(app: &App, source: &SourceName, webhook: &Webhook, headers: &HeaderMap, body: &[u8]) -> Outcome {
    let sender = match webhook.signature {
        Signature::None => Sender::Unsigned,
        Signature::Signed { .. } => Sender::Signed,
    };
    let line = app.0.hooks.line(source.as_str(), sender);
    let Verified { orders, polls, delivery } = match verify(webhook, headers, body, app.now()) {
        Ok(verified) => verified,
        Err(Refusal::NotJson) if sender == Sender::Signed => return Outcome::Unreadable,
        Err(refusal) => {
            tracing::debug!(%source, %refusal, "webhook refused");
            return line.refuse();
        }
    };
    // WooCommerce gives several orders of one second one delivery id: only with its orders is it a repeat.
    let delivery = delivery.map(|delivery| format!("{delivery} {orders:?}"));
    match line.take(delivery.as_deref()) {
        Outcome::Accepted if polls => {
            app.trigger().trigger(Hint::Source(source.clone()));
            Outcome::Accepted
        }
        Outcome::Accepted if orders.is_empty() => Outcome::Ignored,
        Outcome::Accepted => {
            orders.into_iter().for_each(|order| app.trigger().trigger(Hint::Order(source.clone(), order)));
            Outcome::Accepted
        }
        // Nothing is lost by being told less than there is: the list says it all. What anybody can send is
        // not worth even that.
        Outcome::TooMany if sender == Sender::Signed => {
            app.trigger().trigger(Hint::Source(source.clone()));
            Outcome::TooMany
        }
        outcome => outcome,
    }
}

fn nobody_listens() -> Response {
    refuse(StatusCode::NOT_FOUND, "no_webhook", "nothing with this name accepts webhooks")
}

fn refuse(status: StatusCode, error: &str, message: &str) -> Response {
    (status, Json(json!({ "error": error, "message": message }))).into_response()
}

impl LiveState {
    /// Whether some product gives something in this organization.
    fn manages(&self, organization: &str) -> bool {
        let targets = &self.active.catalog.targets;
        targets.iter().any(|entry| entry.target.organization().is_some_and(|of| of.as_str() == organization))
    }
}
