//! The shop's webhooks, as OpenBitum documents them (<https://docs.openbitum.pw/integrations/webhook>): signed
//! with the HMAC-SHA256 of the body in hex, each delivery with an id of its own, tried up to five times.
//!
//! There is none for a refund, so only polls find those.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ring::hmac;
use serde_json::Value;

use crate::http::Backoff;

/// What the sandbox signs its webhooks with.
pub const HOOK_SECRET: &str = "sandbox-webhook-secret";

/// How long a receiver may take.
const WITHIN: Duration = Duration::from_secs(10);
/// Tries of one delivery.
const TRIES: u32 = 5;

/// Who is told.
#[derive(Debug, Default)]
pub(super) struct Hooks(Mutex<Vec<String>>);

/// One event, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) body: Value,
}

impl Hooks {
    /// Tells these from now on, and nobody else.
    pub(super) fn tell(&self, urls: Vec<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = urls;
    }

    /// Sends events to everybody who is told, in tasks of their own. Without a runtime nobody is told.
    pub(super) fn send(&self, events: Vec<Event>) {
        let urls = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        for event in &events {
            for url in &urls {
                runtime.spawn(deliver(url.clone(), event.body.to_string()));
            }
        }
    }
}

async fn deliver(url: String, body: String) {
    let client = crate::http::client(WITHIN);
    let id = format!("{:032x}", fastrand::u128(..));
    for attempt in 1..=TRIES {
        let request = client.post(&url).header("content-type", "application/json");
        let request = request.header("x-openbitum-signature", signature(&body)).header("x-openbitum-delivery-id", &id);
        match request.body(body.clone()).send().await {
            Ok(answer) if answer.status().is_success() => return,
            Ok(answer) => tracing::debug!(url, status = answer.status().as_u16(), "a webhook was refused"),
            Err(error) => tracing::debug!(url, %error, "a webhook could not be sent"),
        }
        tokio::time::sleep(Backoff::default().wait(attempt + 1, None)).await;
    }
}

/// The HMAC-SHA256 of a body in hex, as the sandbox signs it.
pub fn signature(body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, HOOK_SECRET.as_bytes());
    hmac::sign(&key, body.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
