//! How the API shows what a tenant holds.

use serde_json::{Value, json};

use super::state::{Organization, OrganizationRole, Role, Tenant, User};
use crate::model::UserId;

/// A user as `/sandbox/users` has them.
pub(super) fn short_user(user: &User) -> Value {
    json!({ "id": user.id, "primaryEmail": user.email, "name": user.name })
}

/// A user as the API shows it.
pub(super) fn user(user: &User) -> Value {
    json!({
        "id": user.id, "username": user.username, "primaryEmail": user.email, "primaryPhone": user.phone,
        "name": user.name, "avatar": null, "customData": user.custom_data, "identities": {},
        "lastSignInAt": null, "createdAt": user.created_at, "updatedAt": user.updated_at, "profile": {},
        "applicationId": null, "cimdClientId": null, "isSuspended": user.suspended, "hasPassword": false,
    })
}

/// A role as the API shows it alone.
pub(super) fn role(role: &Role) -> Value {
    json!({
        "tenantId": "default", "id": role.id, "name": role.name, "description": role.description,
        "type": role.kind.word(), "isDefault": role.is_default,
    })
}

/// An organization as the API shows it alone.
pub(super) fn organization(organization: &Organization) -> Value {
    json!({
        "tenantId": "default", "id": organization.id, "name": organization.name,
        "description": organization.description, "customData": organization.custom_data, "isMfaRequired": false,
        "color": {}, "branding": {}, "customCss": null, "createdAt": organization.created_at,
    })
}

/// An organization role as the API shows it alone.
pub(super) fn organization_role(role: &OrganizationRole) -> Value {
    json!({
        "tenantId": "default", "id": role.id, "name": role.name, "description": role.description,
        "type": role.kind.word(),
    })
}

/// `[{"id", "name"}]`, by name.
pub(super) fn roles_of_member(tenant: &Tenant, organization: &Organization, user: &UserId) -> Value {
    roles_held(tenant, organization, user).into_iter().map(|role| json!({ "id": role.id, "name": role.name })).collect()
}

/// What a member holds in an organization, by name.
pub(super) fn roles_held<'a>(
    tenant: &'a Tenant,
    organization: &'a Organization,
    user: &UserId,
) -> Vec<&'a OrganizationRole> {
    let ids = organization.members.get(user).into_iter().flatten();
    let mut roles: Vec<_> = ids.filter_map(|role| tenant.organization_roles().get(role)).collect();
    roles.sort_by(|a, b| a.name.cmp(&b.name));
    roles
}
