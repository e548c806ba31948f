//! `/api/hooks`, and the deliveries: as seen on 1.42, one try each, signed with the HMAC-SHA256 of the body.
//!
//! Told are the events that this program listens to. As on a real server none tells of a role given or taken.

use std::time::Duration;

use axum::http::StatusCode;
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{Outcome, Scene};
use super::input::{Input, Least};
use super::page::Page;
use super::refusal;
use crate::sandbox::clock;
use crate::sandbox::exchange::Answer;

/// How long a receiver may take.
const WITHIN: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Hook {
    id: String,
    name: String,
    events: Vec<String>,
    url: String,
    signing_key: String,
    enabled: bool,
    created_at: i64,
}

/// One thing that has happened.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) name: &'static str,
    /// What goes beside the common fields.
    pub(super) more: Value,
}

impl Hook {
    fn json(&self) -> Value {
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

pub(super) fn list(scene: &mut Scene<'_>) -> Outcome {
    let page = Page::of(scene.call)?;
    let hooks: Vec<Value> = scene.tenant.hooks.values().map(Hook::json).collect();
    let total = hooks.len();
    Ok(page.answer(scene.call, total, page.of_rows(hooks.into_iter())))
}

pub(super) fn create(scene: &mut Scene<'_>) -> Outcome {
    let input = Input::read(scene.call)?;
    let config = input.object("config")?.unwrap_or_default();
    let hook = Hook {
        name: input.name("name")?,
        events: input.texts("events", Least::One)?,
        url: config.get("url").and_then(Value::as_str).ok_or_else(|| refusal::required("string", "url"))?.to_owned(),
        id: scene.tenant.make_id(21),
        signing_key: scene.tenant.make_id(32),
        enabled: true,
        created_at: clock::now_ms(),
    };
    let shown = hook.json();
    scene.tenant.hooks.insert(hook.id.clone(), hook);
    Ok(Answer::json(StatusCode::CREATED, &shown))
}

pub(super) fn change(scene: &mut Scene<'_>, id: &str) -> Outcome {
    let input = Input::read(scene.call)?;
    let events = if input.has("events") { Some(input.texts("events", Least::One)?) } else { None };
    let enabled = input.flag("enabled")?;
    let hook = scene.tenant.hooks.get_mut(id).ok_or_else(refusal::not_found)?;
    hook.events = events.unwrap_or_else(|| hook.events.clone());
    hook.enabled = enabled.unwrap_or(hook.enabled);
    Ok(Answer::json(StatusCode::OK, &hook.json()))
}

pub(super) fn delete(scene: &mut Scene<'_>, id: &str) -> Outcome {
    match scene.tenant.hooks.remove(id) {
        Some(_) => Ok(Answer::empty(StatusCode::NO_CONTENT)),
        None => Err(refusal::not_found()),
    }
}
