//! `/api/organizations`: an organization, its members, and their roles in it.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::input::{Input, Least};
use super::page::Page;
use super::role_kind::RoleKind;
use super::scene::{Outcome, Scene};
use super::state::{Organization, Tenant, User};
use super::{json, refusal};
use crate::model::{OrganizationRoleId, UserId};
use crate::sandbox::exchange::Answer;

/// The column is this wide.
const ID_LIMIT: usize = 21;

/// A statement takes 65,535 parameters, and a membership has two.
const MEMBERS_PER_STATEMENT: usize = 65_535 / 2;

pub(super) fn list(scene: &mut Scene<'_>) -> Outcome {
    let page = Page::of(scene.call)?;
    let part = scene.call.param("q").unwrap_or_default();
    let found: Vec<&Organization> = scene
        .tenant
        .organizations()
        .values()
        .filter(|organization| contains([Some(organization.id.as_str()), Some(&organization.name)], part))
        .collect();
    let total = found.len();
    let featured = scene.call.param("showFeatured") == Some("true");
    let rows = page.of_rows(found.into_iter()).into_iter().map(|organization| {
        let mut row = json::organization(organization);
        if featured {
            let few = organization.members.keys().take(3).filter_map(|id| scene.tenant.user(id.as_str()));
            row["usersCount"] = organization.members.len().into();
            row["featuredUsers"] =
                few.map(|user| json!({ "id": user.id, "avatar": null, "name": user.name })).collect();
        }
        row
    });
    Ok(page.answer(scene.call, total, rows.collect()))
}

/// Whether any of the texts contains `part`, whatever the case.
fn contains<'a>(texts: impl IntoIterator<Item = Option<&'a str>>, part: &str) -> bool {
    let part = part.to_lowercase();
    texts.into_iter().flatten().any(|text| text.to_lowercase().contains(&part))
}

pub(super) fn create(scene: &mut Scene<'_>) -> Outcome {
    let input = Input::read(scene.call)?;
    let (name, description) = (input.name("name")?, input.optional_text("description")?);
    let id = scene.tenant.add_organization(&name, description);
    let made = scene.tenant.organization(id.as_str()).expect("it was made above");
    Ok(Answer::json(StatusCode::CREATED, &json::organization(made)))
}

pub(super) fn one(scene: &mut Scene<'_>, id: &str) -> Outcome {
    let organization = scene.tenant.organization(id).ok_or_else(|| refusal::no_such_id("organizations", id))?;
    Ok(Answer::json(StatusCode::OK, &json::organization(organization)))
}

pub(super) fn delete(scene: &mut Scene<'_>, id: &str) -> Outcome {
    if scene.tenant.delete_organization(id) {
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    } else {
        Err(refusal::not_found())
    }
}

/// An organization that does not exist has no members and says so with 200.
pub(super) fn members(scene: &mut Scene<'_>, id: &str) -> Outcome {
    let page = Page::of(scene.call)?;
    let tenant = &*scene.tenant;
    let Some(organization) = tenant.organization(id) else {
        return Ok(page.answer(scene.call, 0, Vec::new()));
    };
    let part = scene.call.param("q").unwrap_or_default();
    let role = scene.call.param("organizationRoleId");
    let all = organization.members.iter();
    let ids: Vec<&UserId> = if part.is_empty() && role.is_none() {
        all.map(|(user, _)| user).collect()
    } else {
        let fits = |user: &User| {
            let texts = [Some(user.id.as_str()), user.name.as_deref(), user.username.as_deref()];
            contains(texts.into_iter().chain([user.email.as_deref(), user.phone.as_deref()]), part)
        };
        all.filter(|(_, roles)| role.is_none_or(|role| roles.contains(role)))
            .filter(|(user, _)| tenant.user(user.as_str()).is_some_and(fits))
            .map(|(user, _)| user)
            .collect()
    };
    let total = ids.len();
    let rows = page.of_rows(ids.into_iter()).into_iter().filter_map(|user| tenant.user(user.as_str())).map(|user| {
        let mut row = json::user(user);
        row.as_object_mut().expect("a user is an object").remove("hasPassword");
        row["organizationRoles"] = json::roles_of_member(tenant, organization, &user.id);
        row
    });
    Ok(page.answer(scene.call, total, rows.collect()))
}

/// Idempotent, and all or nothing.
pub(super) fn add_members(scene: &mut Scene<'_>, id: &str) -> Outcome {
    let asked = Input::read(scene.call)?.texts("userIds", Least::One)?;
    if id.len() > ID_LIMIT || asked.iter().any(|user| user.len() > ID_LIMIT) {
        return Err(refusal::value_too_long());
    }
    if asked.len() > MEMBERS_PER_STATEMENT {
        return Err(refusal::broke());
    }
    let known = |user: &String| scene.tenant.user(user).is_some();
    if scene.tenant.organization(id).is_none() || !asked.iter().all(known) {
        return Err(refusal::relation_not_found());
    }
    for user in &asked {
        scene.tenant.add_member(id, user);
    }
    Ok(Answer::json(StatusCode::CREATED, &json!({ "userIds": asked })))
}

pub(super) fn remove_member(scene: &mut Scene<'_>, id: &str, user: &str) -> Outcome {
    if scene.tenant.remove_member(id, user) {
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    } else {
        Err(refusal::not_found())
    }
}

fn membership<'a>(scene: &'a Scene<'_>, id: &str, user: &str) -> Result<&'a Organization, Answer> {
    let organization = scene.tenant.organization(id).filter(|organization| organization.members.contains_key(user));
    organization.ok_or_else(refusal::require_membership)
}

/// Has pages only where one is asked for.
pub(super) fn member_roles(scene: &mut Scene<'_>, id: &str, user: &str) -> Outcome {
    let organization = membership(scene, id, user)?;
    let roles = json::roles_held(scene.tenant, organization, &UserId::from(user));
    let rows: Vec<Value> = roles.into_iter().map(json::organization_role).collect();
    match Page::if_asked(scene.call)? {
        None => Ok(Answer::json(StatusCode::OK, &Value::Array(rows))),
        Some(page) => Ok(page.answer(scene.call, rows.len(), page.of_rows(rows.into_iter()))),
    }
}

/// Idempotent.
pub(super) fn give_roles(scene: &mut Scene<'_>, id: &str, user: &str) -> Outcome {
    membership(scene, id, user)?;
    let input = Input::read(scene.call)?;
    let ids = input.optional_texts("organizationRoleIds")?;
    let names = input.optional_texts("organizationRoleNames")?;
    let by_name = |name: &String| scene.tenant.organization_roles().values().find(|role| role.name == *name);
    let named: Option<Vec<OrganizationRoleId>> =
        names.iter().map(|name| by_name(name).map(|role| role.id.clone())).collect();
    let named = named.ok_or_else(refusal::role_names_not_found)?;
    let all = ids.iter().map(String::as_str).chain(named.iter().map(OrganizationRoleId::as_str));
    let roles = assignable(scene.tenant, all)?;
    for role in &roles {
        scene.tenant.add_member_role(id, user, role);
    }
    Ok(Answer::json(StatusCode::CREATED, &json!({ "organizationRoleIds": roles })))
}

/// Everybody listed gets every role listed, or nobody gets any. Idempotent.
pub(super) fn give_roles_to_many(scene: &mut Scene<'_>, id: &str) -> Outcome {
    let input = Input::read(scene.call)?;
    let asked = input.texts("userIds", Least::One)?;
    let roles = input.texts("organizationRoleIds", Least::One)?;
    let members: Option<BTreeSet<&str>> =
        scene.tenant.organization(id).map(|of| of.members.keys().map(UserId::as_str).collect());
    if !members.is_some_and(|members| asked.iter().all(|user| members.contains(user.as_str()))) {
        return Err(refusal::relation_not_found());
    }
    let roles = assignable(scene.tenant, roles.iter().map(String::as_str))?;
    for user in &asked {
        for role in &roles {
            scene.tenant.add_member_role(id, user, role);
        }
    }
    Ok(Answer::text(StatusCode::CREATED, "Created"))
}

/// The roles listed, each once, where all of them exist and are for users.
fn assignable<'a>(tenant: &Tenant, ids: impl Iterator<Item = &'a str>) -> Result<Vec<OrganizationRoleId>, Answer> {
    let mut roles = Vec::new();
    for id in ids {
        let role = tenant.organization_roles().get(id).ok_or_else(refusal::relation_not_found)?;
        if role.kind == RoleKind::MachineToMachine {
            return Err(refusal::constraint_violated());
        }
        if !roles.contains(&role.id) {
            roles.push(role.id.clone());
        }
    }
    Ok(roles)
}

pub(super) fn take_role(scene: &mut Scene<'_>, id: &str, user: &str, role: &str) -> Outcome {
    membership(scene, id, user)?;
    if scene.tenant.remove_member_role(id, user, role) {
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    } else {
        Err(refusal::not_found())
    }
}
