//! What a tenant has under the names of a file: one thing, nothing, or several.
//!
//! Never guesses; suggests only names that differ by a typing error.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use futures_util::stream::StreamExt as _;

use super::error::LogtoError;
use super::read::{Reader, RoleField};
use super::transport::Query;
use super::wire::{self, RoleType};
use crate::config::slip;
use crate::model::OrganizationId;

/// How many names a message lists.
const LISTED: usize = 10;

/// Why a name does not resolve.
#[derive(Clone)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// Every role that is called so, or has such an id.
pub(super) async fn roles_called(reader: &Reader, names: &BTreeSet<&str>) -> Result<Vec<wire::Role>, LogtoError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut roles = reader.roles_by(RoleField::Name, names).await?;
    roles.extend(reader.roles_by(RoleField::Id, names).await?);
    Ok(roles)
}

/// `roles`: those that [`roles_called`] has found.
pub(super) async fn look_up_roles(
    reader: &Reader,
    wanted: &BTreeSet<&str>,
    roles: &[wire::Role],
) -> Result<BTreeMap<String, Result<wire::Role, Wrong>>, LogtoError> {
    let mut found = BTreeMap::new();
    let mut names = None;
    for name in wanted {
        let fits = fitting(roles, name, |role| role.id.as_str(), |role| &role.name);
        let result = match fits[..] {
            [role] if role.kind == RoleType::User => Ok(role.clone()),
            [_] => Err(for_machines("role", name)),
            [] => Err(unknown("role", name, reader, &mut names, "/api/roles", &user_type()).await?),
            _ => Err(ambiguous("role", name, fits.iter().map(|role| role.id.as_str()))),
        };
        found.insert((*name).to_owned(), result);
    }
    Ok(found)
}

pub(super) async fn look_up_organizations(
    reader: &Reader,
    wanted: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Result<wire::Organization, Wrong>>, LogtoError> {
    let mut found = BTreeMap::new();
    let mut names = None;
    let wanted: Vec<&str> = wanted.iter().copied().collect();
    let mut answers = pin!(reader.organizations_like_each(&wanted));
    while let Some((name, like)) = answers.next().await {
        let like = like?;
        let fits = fitting(&like, name, |found| found.id.as_str(), |found| &found.name);
        let result = match fits[..] {
            [organization] => Ok(organization.clone()),
            [] => Err(unknown("organization", name, reader, &mut names, "/api/organizations", &Query::new()).await?),
            _ => Err(ambiguous("organization", name, fits.iter().map(|found| OrganizationId::as_str(&found.id)))),
        };
        found.insert(name.to_owned(), result);
    }
    Ok(found)
}

/// `roles`: all that there are.
pub(super) async fn look_up_organization_roles(
    reader: &Reader,
    wanted: &BTreeSet<&str>,
    roles: &[wire::OrganizationRole],
) -> Result<BTreeMap<String, Result<wire::OrganizationRole, Wrong>>, LogtoError> {
    let for_people = roles.iter().filter(|role| role.kind == RoleType::User).map(|role| role.name.clone()).collect();
    let mut names = Some(for_people);
    let mut found = BTreeMap::new();
    for name in wanted {
        let fits = fitting(roles, name, |role| role.id.as_str(), |role| &role.name);
        let result = match fits[..] {
            [role] if role.kind == RoleType::User => Ok(role.clone()),
            [_] => Err(for_machines("organization role", name)),
            [] => {
                let path = "/api/organization-roles";
                Err(unknown("organization role", name, reader, &mut names, path, &Query::new()).await?)
            }
            _ => Err(ambiguous("organization role", name, fits.iter().map(|role| role.id.as_str()))),
        };
        found.insert((*name).to_owned(), result);
    }
    Ok(found)
}

/// Why no role has this name, in no organization either.
pub(super) async fn no_such_role(
    reader: &Reader,
    name: &str,
    within: &[wire::OrganizationRole],
) -> Result<Wrong, LogtoError> {
    let mut names = reader.some_names("/api/roles", &Query::new()).await?;
    names.extend(within.iter().map(|role| role.name.clone()));
    unknown("role", name, reader, &mut Some(names), "/api/roles", &Query::new()).await
}

/// Every different entry that `text` is the id or the name of.
pub(super) fn fitting<'a, T>(all: &'a [T], text: &str, id: fn(&T) -> &str, name: fn(&T) -> &String) -> Vec<&'a T> {
    let mut fits: Vec<&T> = all.iter().filter(|entry| id(entry) == text || name(entry) == text).collect();
    fits.sort_by_key(|entry| id(entry).to_owned());
    fits.dedup_by_key(|entry| id(entry).to_owned());
    fits
}

fn user_type() -> Query {
    vec![("type", "User".to_owned())]
}

fn for_machines(kind: &str, name: &str) -> Wrong {
    Wrong {
        message: format!("the {kind} `{name}` is for machine-to-machine applications and cannot be given to users"),
        hint: Some("choose one of the type `User`, or create one in the console".to_owned()),
    }
}

fn ambiguous<'a>(kind: &str, name: &str, ids: impl Iterator<Item = &'a str>) -> Wrong {
    let ids: Vec<&str> = ids.collect();
    Wrong {
        message: format!("{} {kind}s are named `{name}`", ids.len()),
        hint: Some(format!("write the id of the one you mean: {}", quoted(&ids))),
    }
}

/// `names` are what the tenant has, asked for once.
async fn unknown(
    kind: &str,
    name: &str,
    reader: &Reader,
    names: &mut Option<Vec<String>>,
    path: &str,
    query: &Query,
) -> Result<Wrong, LogtoError> {
    let names = match names {
        Some(names) => names,
        None => names.insert(reader.some_names(path, query).await?),
    };
    let hint = match slip(name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "the tenant has none for users yet: create one in the console".to_owned(),
        None => {
            let some: Vec<&str> = names.iter().map(String::as_str).take(LISTED).collect();
            let more = if names.len() > LISTED { ", and more" } else { "" };
            format!("the tenant has {}{more}", quoted(&some))
        }
    };
    Ok(Wrong { message: format!("Logto has no {kind} `{name}`"), hint: Some(hint) })
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
