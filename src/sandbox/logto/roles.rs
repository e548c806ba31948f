//! `/api/roles`: a role, and who holds it.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::json;

use super::input::{Input, Least};
use super::page::Page;
use super::role_kind::RoleKind;
use super::scene::{Outcome, Scene};
use super::search::Search;
use super::state::{Role, WhoGetsIt};
use super::{json, refusal, users};
use crate::model::{RoleId, UserId};
use crate::sandbox::exchange::Answer;

const SEARCHED: &[&str] = &["id", "name", "description"];

/// A statement takes 65,535 parameters, and a grant has three.
const GRANTS_PER_STATEMENT: usize = 65_535 / 3;

pub(super) fn list(scene: &mut Scene<'_>) -> Outcome {
    let page = Page::of(scene.call)?;
    let kind = match scene.call.param("type") {
        None => None,
        Some(word) => Some(RoleKind::from_word(word).ok_or_else(refusal::invalid_role_kind)?),
    };
    let search = Search::of(scene.call, SEARCHED)?;
    let found: Vec<&Role> = scene
        .tenant
        .roles()
        .values()
        .filter(|role| !role.is_internal() && kind.is_none_or(|kind| role.kind == kind))
        .filter(|role| search.as_ref().is_none_or(|search| search.matches(|field| value_of(role, field))))
        .collect();
    let total = found.len();
    let rows = page.of_rows(found.into_iter()).into_iter().map(|role| {
        let few = role.holders.iter().take(3).filter_map(|(_, id)| scene.tenant.user(id.as_str()));
        let mut row = json::role(role);
        row["usersCount"] = role.holders.len().into();
        row["featuredUsers"] = few.map(|user| json!({ "id": user.id, "avatar": null, "name": user.name })).collect();
        row["applicationsCount"] = role.applications.into();
        row["featuredApplications"] = json!([]);
        row
    });
    Ok(page.answer(scene.call, total, rows.collect()))
}

fn value_of<'a>(role: &'a Role, field: &str) -> Option<&'a str> {
    match field {
        "id" => Some(role.id.as_str()),
        "name" => Some(&role.name),
        "description" => Some(&role.description),
        _ => None,
    }
}

pub(super) fn create(scene: &mut Scene<'_>) -> Outcome {
    let input = Input::read(scene.call)?;
    let (name, description) = (input.name("name")?, input.name("description")?);
    let kind = input.role_kind()?;
    let who = if input.flag("isDefault")? == Some(true) { WhoGetsIt::EveryNewUser } else { WhoGetsIt::OnRequest };
    if scene.tenant.roles().values().any(|role| role.name == name) {
        return Err(refusal::role_name_in_use(&name));
    }
    let id = scene.tenant.add_role(&name, &description, kind, who);
    one(scene, id.as_str())
}

fn found<'a>(scene: &'a Scene<'_>, id: &str) -> Result<&'a Role, Answer> {
    scene.tenant.role(id).ok_or_else(|| refusal::no_such_role(id))
}

pub(super) fn one(scene: &mut Scene<'_>, id: &str) -> Outcome {
    Ok(Answer::json(StatusCode::OK, &json::role(found(scene, id)?)))
}

pub(super) fn delete(scene: &mut Scene<'_>, id: &str) -> Outcome {
    if scene.tenant.delete_role(id) {
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    } else {
        Err(refusal::no_such_role(id))
    }
}

pub(super) fn holders(scene: &mut Scene<'_>, id: &str) -> Outcome {
    let role = found(scene, id)?;
    users::page_of(scene, &role.holders, |_| true)
}

/// All or nothing, and not idempotent.
pub(super) fn grant(scene: &mut Scene<'_>, id: &str) -> Outcome {
    let asked = Input::read(scene.call)?.texts("userIds", Least::One)?;
    let role = found(scene, id)?;
    let holds = |user: &str| scene.tenant.user(user).is_some_and(|user| user.roles.contains(&role.id));
    if let Some(holder) = asked.iter().find(|user| holds(user)) {
        return Err(refusal::role_user_exists(holder));
    }
    if asked.iter().any(|user| scene.tenant.user(user).is_none()) {
        return Err(refusal::not_found());
    }
    if asked.len() > GRANTS_PER_STATEMENT {
        return Err(refusal::broke());
    }
    if role.kind == RoleKind::MachineToMachine {
        return Err(refusal::constraint_violated());
    }
    if asked.iter().collect::<BTreeSet<_>>().len() < asked.len() {
        return Err(refusal::broke());
    }
    let role: RoleId = role.id.clone();
    for user in asked {
        scene.tenant.grant(&UserId::from(user), &role);
    }
    Ok(Answer::text(StatusCode::CREATED, "Created"))
}

/// The same from the role's and from the user's side.
pub(super) fn revoke(scene: &mut Scene<'_>, role: &str, user: &str) -> Outcome {
    if scene.tenant.revoke(user, role) { Ok(Answer::empty(StatusCode::NO_CONTENT)) } else { Err(refusal::not_found()) }
}
