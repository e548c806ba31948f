//! The JSON of Logto, as far as it is read here (observed on 1.42).
//!
//! Unknown fields are ignored: Logto adds some with every release. Holds no logic.

use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::model::{OrganizationId, OrganizationRoleId, RoleId, UserId};

/// `POST /oidc/token`. No `Debug`: it is a secret.
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    pub(super) access_token: String,
    /// Seconds.
    pub(super) expires_in: u64,
    /// Absent where the application lacks every scope that was asked for.
    pub(super) scope: Option<String>,
}

/// Any refusal. Not every one has a `code`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Refusal {
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) message: String,
    /// Of the token endpoint only.
    #[serde(default)]
    pub(super) error: String,
    /// Of the token endpoint only.
    #[serde(default)]
    pub(super) error_description: String,
}

/// A user, in every list of users.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    pub(super) id: UserId,
    pub(super) primary_email: Option<String>,
}

/// A member, in `GET /api/organizations/{id}/users`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    pub(super) id: UserId,
    #[serde(default)]
    pub(super) organization_roles: Vec<RoleRef>,
}

/// An organization role where it is only referred to.
#[derive(Debug, Deserialize)]
pub(super) struct RoleRef {
    pub(super) id: OrganizationRoleId,
}

/// An organization in `GET /api/users/{id}/organizations`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserOrganization {
    pub(super) id: OrganizationId,
    #[serde(default)]
    pub(super) organization_roles: Vec<RoleRef>,
}

/// Who a role is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum RoleType {
    /// People. Also where the server does not tell types apart.
    #[default]
    User,
    /// Applications, or whatever a later release adds.
    #[serde(other)]
    Machine,
}

/// A tenant-level role.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Role {
    pub(super) id: RoleId,
    pub(super) name: String,
    #[serde(rename = "type", default)]
    pub(super) kind: RoleType,
}

/// An organization.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Organization {
    pub(super) id: OrganizationId,
    pub(super) name: String,
}

/// A role of the organization template.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct OrganizationRole {
    pub(super) id: OrganizationRoleId,
    pub(super) name: String,
    #[serde(rename = "type", default)]
    pub(super) kind: RoleType,
}

/// `POST /api/roles/{id}/users`, `POST /api/organizations/{id}/users` and, with roles,
/// `POST /api/organizations/{id}/users/roles`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Grants<'a> {
    /// Never the same id twice: that is a 500.
    pub(super) user_ids: &'a [UserId],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) organization_role_ids: &'a [&'a OrganizationRoleId],
}

/// One answer, whatever its status.
pub(super) struct Raw {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}
