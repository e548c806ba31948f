//! `/api/users`.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::input::{Input, Least};
use super::page::Page;
use super::role_kind::RoleKind;
use super::scene::{Outcome, Scene};
use super::search::Search;
use super::state::{NewUser, Newest, Tenant, User};
use super::{json, refusal};
use crate::model::{RoleId, UserId};
use crate::sandbox::exchange::Answer;

const SEARCHED: &[&str] = &["id", "primaryEmail", "primaryPhone", "username", "name"];

/// What every user was created at while `ties` is on: in milliseconds.
const TIED_AT: i64 = 1_795_326_798_539;

pub(super) fn list(scene: &mut Scene<'_>) -> Outcome {
    let role = scene.call.param("excludeRoleId");
    let organization = scene.call.param("excludeOrganizationId");
    match (role, organization) {
        (Some(_), Some(_)) => {
            Err(refusal::invalid_search("Cannot exclude a role and an organization at the same time."))
        }
        (None, None) => page_of(scene, scene.tenant.newest(), |_| true),
        (role, organization) => page_of(scene, scene.tenant.newest(), |user| {
            role.is_none_or(|role| !user.roles.contains(role))
                && organization.is_none_or(|organization| !user.organizations.contains(organization))
        }),
    }
}

/// The page of `among` that the call asks for, narrowed by the search it asks for and by `also`.
pub(super) fn page_of(scene: &Scene<'_>, among: &Newest, also: impl Fn(&User) -> bool) -> Outcome {
    let page = Page::of(scene.call)?;
    let tenant = &*scene.tenant;
    let search = Search::of(scene.call, SEARCHED)?;
    let narrowed = search.is_some()
        || scene.call.param("excludeRoleId").is_some()
        || scene.call.param("excludeOrganizationId").is_some();
    let rows = |users: Vec<&User>| users.into_iter().map(json::user).collect::<Vec<Value>>();
    if !narrowed {
        let mut ids: Vec<&UserId> = page.of_rows(among.iter().map(|(_, id)| id));
        if scene.ties && page.offset > 0 && !ids.is_empty() {
            // The last row of the page before comes again, and the first of this page never does.
            ids[0] = among.iter().nth(page.offset - 1).map(|(_, id)| id).expect("there is a page after it");
        }
        let mut rows = rows(ids.into_iter().filter_map(|id| tenant.user(id.as_str())).collect());
        if scene.ties {
            rows.iter_mut().for_each(|row| row["createdAt"] = TIED_AT.into());
        }
        return Ok(page.answer(scene.call, among.len(), rows));
    }
    let fits =
        |user: &User| search.as_ref().is_none_or(|search| search.matches(|field| value_of(user, field))) && also(user);
    let indexed = search.as_ref().and_then(|search| search.indexed(&["id", "primaryEmail"]));
    let found: Vec<&User> = match indexed {
        Some(wanted) => {
            let mut found = Newest::new();
            for (field, value) in wanted {
                found.extend(candidates(tenant, field, value).map(User::key).filter(|key| among.contains(key)));
            }
            found.iter().filter_map(|(_, id)| tenant.user(id.as_str())).filter(|user| fits(user)).collect()
        }
        None => among.iter().filter_map(|(_, id)| tenant.user(id.as_str())).filter(|user| fits(user)).collect(),
    };
    let total = found.len();
    Ok(page.answer(scene.call, total, rows(page.of_rows(found.into_iter()))))
}

/// Everyone who may match an exact search by id or email, whatever the case.
fn candidates<'a>(tenant: &'a Tenant, field: &str, value: &str) -> Box<dyn Iterator<Item = &'a User> + 'a> {
    if field == "id" {
        Box::new(tenant.user(value).or_else(|| tenant.user(&value.to_lowercase())).into_iter())
    } else {
        Box::new(tenant.users_by_email(value).filter_map(|id| tenant.user(id.as_str())))
    }
}

fn value_of<'a>(user: &'a User, field: &str) -> Option<&'a str> {
    match field {
        "id" => Some(user.id.as_str()),
        "primaryEmail" => user.email.as_deref(),
        "primaryPhone" => user.phone.as_deref(),
        "username" => user.username.as_deref(),
        "name" => user.name.as_deref(),
        _ => None,
    }
}

fn found<'a>(tenant: &'a Tenant, id: &str) -> Result<&'a User, Answer> {
    tenant.user(id).ok_or_else(refusal::not_found)
}

fn shown(scene: &Scene<'_>, id: &str) -> Outcome {
    Ok(Answer::json(StatusCode::OK, &json::user(found(scene.tenant, id)?)))
}

pub(super) fn create(scene: &mut Scene<'_>) -> Outcome {
    let input = Input::read(scene.call)?;
    let new = NewUser {
        id: None,
        username: input.optional_text("username")?,
        email: input.optional_text("primaryEmail")?,
        phone: input.optional_text("primaryPhone")?,
        name: input.optional_text("name")?,
        custom_data: input.object("customData")?.unwrap_or_default(),
    };
    if new.username.is_some() && scene.tenant.users().values().any(|user| user.username == new.username) {
        return Err(refusal::username_in_use());
    }
    if new.email.as_deref().is_some_and(|email| scene.tenant.users_by_email(email).next().is_some()) {
        return Err(refusal::email_in_use());
    }
    let id = scene.tenant.add_user(new);
    shown(scene, id.as_str())
}

pub(super) fn one(scene: &mut Scene<'_>, id: &str) -> Outcome {
    shown(scene, id)
}

pub(super) fn change(scene: &mut Scene<'_>, id: &str) -> Outcome {
    found(scene.tenant, id)?;
    let input = Input::read(scene.call)?;
    let (email, name) = (input.optional_text("primaryEmail")?, input.optional_text("name")?);
    let custom_data = input.object("customData")?;
    let taken = |email: &String| scene.tenant.users_by_email(email).any(|other| other.as_str() != id);
    if email.as_ref().is_some_and(taken) {
        return Err(refusal::email_in_use());
    }
    if input.has("primaryEmail") {
        scene.tenant.set_email(id, email);
    }
    scene.tenant.change_user(id, |user| {
        if input.has("name") {
            user.name = name;
        }
        if let Some(data) = custom_data {
            user.custom_data = data;
        }
    });
    shown(scene, id)
}

pub(super) fn suspend(scene: &mut Scene<'_>, id: &str) -> Outcome {
    found(scene.tenant, id)?;
    let input = Input::read(scene.call)?;
    let suspended = input.flag("isSuspended")?.ok_or_else(|| refusal::required("boolean", "isSuspended"))?;
    scene.tenant.change_user(id, |user| user.suspended = suspended);
    shown(scene, id)
}

pub(super) fn delete(scene: &mut Scene<'_>, id: &str) -> Outcome {
    if scene.tenant.delete_user(id) { Ok(Answer::empty(StatusCode::NO_CONTENT)) } else { Err(refusal::not_found()) }
}

pub(super) fn roles(scene: &mut Scene<'_>, id: &str) -> Outcome {
    let page = Page::of(scene.call)?;
    let user = found(scene.tenant, id)?;
    let held = user.roles.iter().filter_map(|role| scene.tenant.role(role.as_str()));
    let shown: Vec<Value> = held.filter(|role| !role.is_internal()).map(json::role).collect();
    let total = shown.len();
    Ok(page.answer(scene.call, total, page.of_rows(shown.into_iter())))
}

/// Idempotent, unlike the role's own side.
pub(super) fn grant(scene: &mut Scene<'_>, id: &str) -> Outcome {
    let asked = Input::read(scene.call)?.texts("roleIds", Least::None)?;
    let user = found(scene.tenant, id)?;
    for role in &asked {
        let role = scene.tenant.role(role).ok_or_else(|| refusal::no_such_role(role))?;
        if role.kind == RoleKind::MachineToMachine {
            return Err(refusal::invalid_role_type());
        }
    }
    let new: Vec<RoleId> =
        asked.iter().filter(|role| !user.roles.contains(role.as_str())).map(|role| role.as_str().into()).collect();
    if new.iter().collect::<std::collections::BTreeSet<_>>().len() < new.len() {
        return Err(refusal::broke());
    }
    let user = user.id.clone();
    for role in &new {
        scene.tenant.grant(&user, role);
    }
    Ok(Answer::json(StatusCode::CREATED, &json!({ "roleIds": asked, "addedRoleIds": new })))
}

/// Everything at once: this list has no pages.
pub(super) fn organizations(scene: &mut Scene<'_>, id: &str) -> Outcome {
    let user = found(scene.tenant, id)?;
    let of_user = user.organizations.iter().filter_map(|of| scene.tenant.organization(of.as_str()));
    let rows = of_user.map(|organization| {
        let mut row = json::organization(organization);
        row["organizationRoles"] = json::roles_of_member(scene.tenant, organization, &user.id);
        row
    });
    Ok(Answer::json(StatusCode::OK, &Value::Array(rows.collect())))
}
