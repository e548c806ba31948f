//! `/api/hooks`.

use axum::http::StatusCode;
use serde_json::Value;

use super::input::{Input, Least};
use super::page::Page;
use super::refusal;
use super::scene::{Outcome, Scene};
use super::webhook::Hook;
use crate::sandbox::clock;
use crate::sandbox::exchange::Answer;

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
