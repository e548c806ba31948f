//! What a tenant has to give: its roles for people, its organizations and the roles within them.

use super::error::LogtoError;
use super::paging;
use super::read::Reader;
use super::transport::Query;
use super::wire::{self, RoleType};
use crate::model::OrganizationId;

/// By the name that a file would use: the id where several have one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// Tenant-level roles.
    pub roles: Vec<String>,
    /// Organizations.
    pub organizations: Vec<String>,
    /// Roles within organizations.
    pub organization_roles: Vec<String>,
}

impl Reader {
    /// Everything that users can be given. `ceil(entries/100)` calls for each of the three lists.
    ///
    /// `GET /api/roles?type=User`, `GET /api/organizations`, `GET /api/organization-roles`
    pub async fn offered(&self) -> Result<Offered, LogtoError> {
        let user_type: Query = vec![("type", "User".to_owned())];
        let roles = paging::every(self.access(), "/api/roles", &user_type, |role: &wire::Role| role.id.clone()).await?;
        let by_id = |one: &wire::Organization| -> OrganizationId { one.id.clone() };
        let organizations = paging::every(self.access(), "/api/organizations", &Query::new(), by_id).await?;
        let within = self.organization_roles().await?;
        let people = |kind: &RoleType| *kind == RoleType::User;
        let roles = roles.iter().filter(|role| people(&role.kind)).map(|role| (role.name.as_str(), role.id.as_str()));
        let within = within.iter().filter(|role| people(&role.kind)).map(|role| (role.name.as_str(), role.id.as_str()));
        Ok(Offered {
            roles: called(roles.collect()),
            organizations: called(organizations.iter().map(|one| (one.name.as_str(), one.id.as_str())).collect()),
            organization_roles: called(within.collect()),
        })
    }
}

fn called(all: Vec<(&str, &str)>) -> Vec<String> {
    let is_alone = |name: &str| all.iter().filter(|(other, id)| *other == name || *id == name).count() == 1;
    let mut called: Vec<String> =
        all.iter().map(|(name, id)| if is_alone(name) { *name } else { *id }.to_owned()).collect();
    called.sort();
    called
}
