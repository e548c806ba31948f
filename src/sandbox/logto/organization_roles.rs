//! `/api/organization-roles`: the template that all organizations share.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::api::{Outcome, Scene};
use super::input::Input;
use super::page::Page;
use super::refusal;
use super::state::OrganizationRole;
use crate::sandbox::exchange::Answer;

/// An organization role as the API shows it alone.
pub(super) fn json_of(role: &OrganizationRole) -> Value {
    json!({
        "tenantId": "default", "id": role.id, "name": role.name, "description": role.description,
        "type": role.kind.word(),
    })
}

/// Sorted by name.
pub(super) fn list(scene: &mut Scene<'_>) -> Outcome {
    let page = Page::of(scene.call)?;
    let mut found: Vec<&OrganizationRole> = scene.tenant.organization_roles().values().collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let total = found.len();
    let rows = page.of_rows(found.into_iter()).into_iter().map(|role| {
        let mut row = json_of(role);
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
    Ok(Answer::json(StatusCode::CREATED, &json_of(made)))
}

pub(super) fn one(scene: &mut Scene<'_>, id: &str) -> Outcome {
    let role = scene.tenant.organization_roles().get(id);
    let role = role.ok_or_else(|| refusal::no_such_id("organization_roles", id))?;
    Ok(Answer::json(StatusCode::OK, &json_of(role)))
}

pub(super) fn delete(scene: &mut Scene<'_>, id: &str) -> Outcome {
    if scene.tenant.delete_organization_role(id) {
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    } else {
        Err(refusal::not_found())
    }
}
