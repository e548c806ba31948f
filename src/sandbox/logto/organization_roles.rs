//! `/api/organization-roles`: the template that all organizations share.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::input::Input;
use super::page::Page;
use super::scene::{Outcome, Scene};
use super::state::OrganizationRole;
use super::{json, refusal};
use crate::sandbox::exchange::Answer;

/// Sorted by name.
pub(super) fn list(scene: &mut Scene<'_>) -> Outcome {
    let page = Page::of(scene.call)?;
    let mut found: Vec<&OrganizationRole> = scene.tenant.organization_roles().values().collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let total = found.len();
    let rows = page.of_rows(found.into_iter()).into_iter().map(|role| {
        let mut row = json::organization_role(role);
        row["scopes"] = json!([]);
        row["resourceScopes"] = json!([]);
        row
    });
    let rows: Vec<Value> = rows.collect();
    Ok(page.answer(scene.call, total, rows))
}

pub(super) fn create(scene: &mut Scene<'_>) -> Outcome {
    let input = Input::read(scene.call)?;
    let (name, description) = (input.name("name")?, input.optional_text("description")?);
    let kind = input.role_kind()?;
    if scene.tenant.organization_roles().values().any(|role| role.name == name) {
        return Err(refusal::not_unique());
    }
    let id = scene.tenant.add_organization_role(&name, description, kind);
    let made = scene.tenant.organization_roles().get(&id).expect("it was made above");
    Ok(Answer::json(StatusCode::CREATED, &json::organization_role(made)))
}

pub(super) fn one(scene: &mut Scene<'_>, id: &str) -> Outcome {
    let role = scene.tenant.organization_roles().get(id);
    let role = role.ok_or_else(|| refusal::no_such_id("organization_roles", id))?;
    Ok(Answer::json(StatusCode::OK, &json::organization_role(role)))
}

pub(super) fn delete(scene: &mut Scene<'_>, id: &str) -> Outcome {
    if scene.tenant.delete_organization_role(id) {
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    } else {
        Err(refusal::not_found())
    }
}
