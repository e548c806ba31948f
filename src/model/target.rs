//! What can be granted, and who owns a grant.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{OrganizationId, OrganizationRoleId, RoleId, UserId};

/// The Logto object an entitlement points at, resolved to its id.
///
/// The order of the variants is the order in which grants are made (a membership before the roles that
/// need it). Revocations go the other way round.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Target {
    /// Membership of an organization.
    Membership {
        /// The organization.
        organization: OrganizationId,
    },
    /// A role inside an organization. Implies the membership, and is lost with it.
    OrganizationRole {
        /// The organization it is held in.
        organization: OrganizationId,
        /// The role of the organization template.
        role: OrganizationRoleId,
    },
    /// A tenant-level role.
    Role {
        /// The role.
        role: RoleId,
    },
}

/// The kind of a [`Target`], without its ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// See [`Target::Membership`].
    Membership,
    /// See [`Target::OrganizationRole`].
    OrganizationRole,
    /// See [`Target::Role`].
    Role,
}

impl Target {
    /// Which kind of target this is.
    pub fn kind(&self) -> TargetKind {
        match self {
            Target::Membership { .. } => TargetKind::Membership,
            Target::OrganizationRole { .. } => TargetKind::OrganizationRole,
            Target::Role { .. } => TargetKind::Role,
        }
    }

    /// The organization this target lies in, if it lies in one.
    pub fn organization(&self) -> Option<&OrganizationId> {
        match self {
            Target::Membership { organization } | Target::OrganizationRole { organization, .. } => Some(organization),
            Target::Role { .. } => None,
        }
    }

    /// A name made of ids, for a target that the file names no more.
    pub fn unnamed(&self) -> String {
        match self {
            Target::Membership { organization } => format!("organization {organization}"),
            Target::OrganizationRole { organization, role } => format!("organization {organization} role {role}"),
            Target::Role { role } => format!("role {role}"),
        }
    }

    /// The key under which the store keeps this target: stable, made of ids, never of names.
    pub fn key(&self) -> String {
        match self {
            Target::Membership { organization } => format!("organization/{organization}"),
            Target::OrganizationRole { organization, role } => format!("organization/{organization}/role/{role}"),
            Target::Role { role } => format!("role/{role}"),
        }
    }

    /// The target that `key` names. The inverse of [`key`](Self::key).
    pub fn from_key(key: &str) -> Option<Self> {
        let parts: Vec<&str> = key.split('/').collect();
        match parts[..] {
            ["role", role] => Some(Target::Role { role: role.into() }),
            ["organization", organization] => Some(Target::Membership { organization: organization.into() }),
            ["organization", organization, "role", role] => {
                Some(Target::OrganizationRole { organization: organization.into(), role: role.into() })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key())
    }
}

/// One target in one user's hands: the unit of everything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Grant {
    /// Who holds it.
    pub user: UserId,
    /// What is held.
    pub target: Target,
}

/// How a grant came to be ours. A grant that the ledger does not know is foreign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Ownership {
    /// We made it.
    Granted = 0,
    /// It was there when we first saw an order that explains it.
    Adopted = 1,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Give.
    Grant,
    /// Take away.
    Revoke,
    /// Write down as ours; nothing changes in Logto.
    Adopt,
    /// Write down as ours no more; nothing changes in Logto.
    Release,
}
