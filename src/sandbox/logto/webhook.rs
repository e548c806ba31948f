//! The webhooks of a tenant, and the deliveries: as seen on 1.42, one try each, signed with the HMAC-SHA256 of the body.
//!
//! Told are the events that this program listens to. As on a real server none tells of a role given or taken.

use std::time::Duration;

use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::sandbox::clock;

/// How long a receiver may take.
const WITHIN: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Hook {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) events: Vec<String>,
    pub(super) url: String,
    pub(super) signing_key: String,
    pub(super) enabled: bool,
    pub(super) created_at: i64,
}

/// One thing that has happened.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) name: &'static str,
    /// What goes beside the common fields.
    pub(super) more: Value,
}

impl Hook {
    pub(super) fn json(&self) -> Value {
        json!({
            "tenantId": "default", "id": self.id, "name": self.name, "event": null, "events": self.events,
            "config": { "url": self.url }, "signingKey": self.signing_key, "enabled": self.enabled,
            "createdAt": self.created_at,
        })
    }

    /// Sends one event in a task of its own, if it is asked for. Without a runtime nobody is told.
    pub(super) fn send(&self, event: &Event, user_agent: Option<&str>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !self.enabled || !self.events.iter().any(|name| name == event.name) {
            return;
        }
        let mut body = json!({
            "event": event.name, "createdAt": clock::rfc3339(clock::now_ms()), "userAgent": user_agent,
            "ip": "127.0.0.1", "hookId": self.id, "params": {},
        });
        if let (Some(body), Some(more)) = (body.as_object_mut(), event.more.as_object()) {
            body.extend(more.clone());
        }
        let body = body.to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.signing_key.as_bytes());
        let signature = hmac::sign(&key, body.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        runtime.spawn(deliver(self.url.clone(), body, signature));
    }
}

async fn deliver(url: String, body: String, signature: String) {
    let request = crate::http::client(WITHIN).post(&url).header("content-type", "application/json");
    let request = request.header("logto-signature-sha-256", signature).body(body);
    if let Err(error) = request.send().await {
        tracing::debug!(url, %error, "a webhook could not be sent");
    }
}
