//! Targets that the file no longer names and the ledger still has: only their ids are known, so Logto is asked for
//! their names and whether `protect` covers them.
//!
//! Never guesses: a target that is no longer in Logto goes by its ids.

use std::collections::BTreeSet;
use std::pin::pin;

use futures_util::stream::StreamExt as _;

use super::error::LogtoError;
use super::read::{Reader, RoleField};
use crate::model::{KnownNames, OrganizationId, Protect, Target, TargetEntry};

/// Names `targets` as the file would. `known`: what names stood for last.
///
/// Asks nothing where there are none; else one call for all roles, one for all organization roles, and one for each
/// organization.
pub async fn name_forgotten<'a>(
    reader: &Reader,
    targets: impl Iterator<Item = &'a mut TargetEntry>,
    protect: &Protect,
    known: &KnownNames,
) -> Result<(), LogtoError> {
    let mut targets: Vec<&mut TargetEntry> = targets.collect();
    let ids: BTreeSet<String> = targets.iter().filter_map(|entry| role(&entry.target)).collect();
    let roles = match ids.is_empty() {
        true => Vec::new(),
        false => reader.roles_by(RoleField::Id, &ids.iter().map(String::as_str).collect()).await?,
    };
    let within: BTreeSet<OrganizationId> =
        targets.iter().filter_map(|entry| entry.target.organization().cloned()).collect();
    let within: Vec<&str> = within.iter().map(OrganizationId::as_str).collect();
    let mut organizations = Vec::new();
    let mut answers = pin!(reader.organizations_like_each(&within));
    while let Some((id, like)) = answers.next().await {
        organizations.extend(like?.into_iter().filter(|found| found.id.as_str() == id));
    }
    let organization_roles = match targets.iter().any(|entry| matches!(entry.target, Target::OrganizationRole { .. })) {
        true => reader.organization_roles().await?,
        false => Vec::new(),
    };
    let organization =
        |id: &OrganizationId| organizations.iter().find(|found| found.id == *id).map(|found| &found.name);
    for entry in &mut targets {
        let (name, role) = match &entry.target {
            Target::Role { role } => {
                let Some(role) = roles.iter().find(|found| found.id == *role) else { continue };
                (format!("role {}", role.name), Some(&role.name))
            }
            Target::Membership { organization: id } => {
                let Some(organization) = organization(id) else { continue };
                (format!("organization {organization}"), None)
            }
            Target::OrganizationRole { organization: id, role } => {
                let role = organization_roles.iter().find(|found| found.id == *role);
                let (Some(organization), Some(role)) = (organization(id), role) else { continue };
                (format!("organization {organization} role {}", role.name), Some(&role.name))
            }
        };
        entry.role = role.cloned();
        entry.name = name;
        entry.protected |= protect.keeps(entry, known);
    }
    Ok(())
}

fn role(target: &Target) -> Option<String> {
    match target {
        Target::Role { role } => Some(role.to_string()),
        Target::Membership { .. } | Target::OrganizationRole { .. } => None,
    }
}
