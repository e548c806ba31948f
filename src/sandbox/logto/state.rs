//! What a simulated tenant holds, with the indices that keep every page cheap, and the few ways to change it.
//!
//! Knows nothing of HTTP and checks nothing that the callers' rules are about: it does what it is told.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::role_kind::RoleKind;
use super::webhook::{Event, Hook};
use crate::model::{OrganizationId, OrganizationRoleId, RoleId, UserId};
use crate::sandbox::clock;

/// Newest first, then by id, so that walks are exact unless [`Knobs::ties`](crate::sandbox::Knobs::ties) says otherwise.
pub(super) type Newest = BTreeSet<(Reverse<i64>, UserId)>;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::sandbox) struct Tenant {
    made: u64,
    last_created: i64,
    /// Tokens of an earlier generation are no longer valid.
    pub(super) token_generation: u64,
    users: BTreeMap<UserId, User>,
    roles: BTreeMap<RoleId, Role>,
    organizations: BTreeMap<OrganizationId, Organization>,
    organization_roles: BTreeMap<OrganizationRoleId, OrganizationRole>,
    #[serde(default)]
    pub(super) hooks: BTreeMap<String, Hook>,
    /// What has happened and was not told yet.
    #[serde(skip)]
    pub(super) events: Vec<Event>,
    #[serde(skip)]
    newest: Newest,
    #[serde(skip)]
    by_email: BTreeMap<String, BTreeSet<UserId>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct User {
    pub(super) id: UserId,
    pub(super) username: Option<String>,
    pub(super) email: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) name: Option<String>,
    pub(super) custom_data: Map<String, Value>,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
    pub(super) suspended: bool,
    pub(super) roles: BTreeSet<RoleId>,
    #[serde(skip)]
    pub(super) organizations: BTreeSet<OrganizationId>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Role {
    pub(super) id: RoleId,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) kind: RoleKind,
    /// Given to every user when made.
    pub(super) is_default: bool,
    /// Machine-to-machine applications that hold it.
    pub(super) applications: u32,
    #[serde(skip)]
    pub(super) holders: Newest,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Organization {
    pub(super) id: OrganizationId,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) custom_data: Map<String, Value>,
    pub(super) created_at: i64,
    pub(super) members: BTreeMap<UserId, BTreeSet<OrganizationRoleId>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OrganizationRole {
    pub(super) id: OrganizationRoleId,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) kind: RoleKind,
}

/// What a new user is made of.
#[derive(Clone, Debug, Default)]
pub(super) struct NewUser {
    /// Absent: made up.
    pub(super) id: Option<UserId>,
    pub(super) username: Option<String>,
    pub(super) email: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) name: Option<String>,
    pub(super) custom_data: Map<String, Value>,
}

impl Tenant {
    /// As a fresh Logto: only the two machine-to-machine roles that it comes with.
    pub(in crate::sandbox) fn fresh() -> Self {
        let mut tenant = Self::default();
        let access = "Management API default access";
        let management =
            tenant.add_role("Logto Management API access", access, RoleKind::MachineToMachine, WhoGetsIt::OnRequest);
        tenant.add_role("#internal:admin", "Internal admin role", RoleKind::MachineToMachine, WhoGetsIt::OnRequest);
        tenant.roles.get_mut(&management).expect("it was made above").applications = 1;
        tenant
    }

    /// Builds again what is not saved.
    pub(in crate::sandbox) fn reindex(&mut self) {
        self.newest.clear();
        self.by_email.clear();
        for role in self.roles.values_mut() {
            role.holders.clear();
        }
        for user in self.users.values_mut() {
            user.organizations.clear();
            self.newest.insert(user.key());
            if let Some(email) = &user.email {
                self.by_email.entry(email.to_lowercase()).or_default().insert(user.id.clone());
            }
            for role in &user.roles {
                if let Some(role) = self.roles.get_mut(role) {
                    role.holders.insert(user.key());
                }
            }
        }
        for organization in self.organizations.values() {
            for member in organization.members.keys() {
                if let Some(user) = self.users.get_mut(member) {
                    user.organizations.insert(organization.id.clone());
                }
            }
        }
    }

    /// An id of so many characters of `[a-z0-9]`: the same tenant makes the same ids in the same order.
    pub(super) fn make_id(&mut self, length: usize) -> String {
        self.made += 1;
        let hash = Sha256::digest(format!("sandbox id {}", self.made));
        hash.iter()
            .take(length)
            .map(|byte| char::from(b"abcdefghijklmnopqrstuvwxyz0123456789"[*byte as usize % 36]))
            .collect()
    }

    /// A time of creation that nothing else has.
    fn stamp(&mut self) -> i64 {
        self.last_created = clock::now_ms().max(self.last_created + 1);
        self.last_created
    }

    pub(super) fn users(&self) -> &BTreeMap<UserId, User> {
        &self.users
    }

    pub(super) fn newest(&self) -> &Newest {
        &self.newest
    }

    pub(super) fn user(&self, id: &str) -> Option<&User> {
        self.users.get(id)
    }

    /// Everyone with this email, whatever its case.
    pub(super) fn users_by_email<'a>(&'a self, email: &str) -> impl Iterator<Item = &'a UserId> + use<'a> {
        self.by_email.get(&email.to_lowercase()).into_iter().flatten()
    }

    pub(super) fn roles(&self) -> &BTreeMap<RoleId, Role> {
        &self.roles
    }

    pub(super) fn role(&self, id: &str) -> Option<&Role> {
        self.roles.get(id)
    }

    pub(super) fn organizations(&self) -> &BTreeMap<OrganizationId, Organization> {
        &self.organizations
    }

    pub(super) fn organization(&self, id: &str) -> Option<&Organization> {
        self.organizations.get(id)
    }

    pub(super) fn organization_roles(&self) -> &BTreeMap<OrganizationRoleId, OrganizationRole> {
        &self.organization_roles
    }

    pub(super) fn add_user(&mut self, new: NewUser) -> UserId {
        let id = new.id.unwrap_or_else(|| self.make_id(12).into());
        let now = self.stamp();
        let user = User {
            id: id.clone(),
            username: new.username,
            email: new.email,
            phone: new.phone,
            name: new.name,
            custom_data: new.custom_data,
            created_at: now,
            updated_at: now,
            suspended: false,
            roles: BTreeSet::new(),
            organizations: BTreeSet::new(),
        };
        if let Some(email) = &user.email {
            self.by_email.entry(email.to_lowercase()).or_default().insert(id.clone());
        }
        self.newest.insert(user.key());
        self.users.insert(id.clone(), user);
        let defaults: Vec<RoleId> =
            self.roles.values().filter(|role| role.is_default).map(|role| role.id.clone()).collect();
        for role in defaults {
            self.grant(&id, &role);
        }
        self.tell("User.Created", json!({ "data": { "id": id } }));
        id
    }

    fn tell(&mut self, name: &'static str, more: Value) {
        self.events.push(Event { name, more });
    }

    /// Changes a user; the email only through [`set_email`](Self::set_email), which is indexed.
    pub(super) fn change_user(&mut self, id: &str, change: impl FnOnce(&mut User)) {
        if let Some(user) = self.users.get_mut(id) {
            change(user);
            user.updated_at = clock::now_ms().max(user.updated_at);
            self.tell("User.Data.Updated", json!({ "params": { "userId": id } }));
        }
    }

    pub(super) fn set_email(&mut self, id: &str, email: Option<String>) {
        let Some(user) = self.users.get_mut(id) else { return };
        let old = std::mem::replace(&mut user.email, email.clone());
        self.events.push(Event { name: "User.Data.Updated", more: json!({ "params": { "userId": id } }) });
        let id = user.id.clone();
        user.updated_at = clock::now_ms().max(user.updated_at);
        if let Some(same) = old.and_then(|old| self.by_email.get_mut(&old.to_lowercase())) {
            same.remove(&id);
        }
        if let Some(email) = email {
            self.by_email.entry(email.to_lowercase()).or_default().insert(id);
        }
    }

    /// False where there is no such user.
    pub(super) fn delete_user(&mut self, id: &str) -> bool {
        let told = self.events.len();
        self.set_email(id, None);
        self.events.truncate(told);
        let Some(user) = self.users.remove(id) else { return false };
        self.tell("User.Deleted", json!({ "params": { "userId": id }, "data": { "id": id } }));
        let key = user.key();
        self.newest.remove(&key);
        for role in &user.roles {
            if let Some(role) = self.roles.get_mut(role) {
                role.holders.remove(&key);
            }
        }
        for organization in &user.organizations {
            if let Some(organization) = self.organizations.get_mut(organization) {
                organization.members.remove(&user.id);
            }
        }
        true
    }

    pub(super) fn add_role(&mut self, name: &str, description: &str, kind: RoleKind, who: WhoGetsIt) -> RoleId {
        let id = RoleId::from(self.make_id(21));
        let role = Role {
            id: id.clone(),
            name: name.to_owned(),
            description: description.to_owned(),
            kind,
            is_default: who == WhoGetsIt::EveryNewUser,
            applications: 0,
            holders: Newest::new(),
        };
        self.roles.insert(id.clone(), role);
        self.tell("Role.Created", json!({ "data": { "id": id } }));
        id
    }

    pub(super) fn rename_role(&mut self, id: &str, name: &str) {
        let role = self.roles.get_mut(id).map(|role| &mut role.name);
        let within = self.organization_roles.get_mut(id).map(|role| &mut role.name);
        role.into_iter().chain(within).for_each(|before| name.clone_into(before));
    }

    pub(super) fn delete_role(&mut self, id: &str) -> bool {
        let Some(role) = self.roles.remove(id) else { return false };
        self.events.push(Event { name: "Role.Deleted", more: json!({ "params": { "id": id } }) });
        for (_, user) in &role.holders {
            if let Some(user) = self.users.get_mut(user) {
                user.roles.remove(&role.id);
            }
        }
        true
    }

    /// False where it changed nothing: held already, or one of the two is unknown.
    pub(super) fn grant(&mut self, user: &UserId, role: &RoleId) -> bool {
        let (Some(user), Some(role)) = (self.users.get_mut(user), self.roles.get_mut(role)) else { return false };
        role.holders.insert(user.key());
        user.roles.insert(role.id.clone())
    }

    /// False where it changed nothing.
    pub(super) fn revoke(&mut self, user: &str, role: &str) -> bool {
        let (Some(user), Some(role)) = (self.users.get_mut(user), self.roles.get_mut(role)) else { return false };
        role.holders.remove(&user.key());
        user.roles.remove(&role.id)
    }

    pub(super) fn add_organization(&mut self, name: &str, description: Option<String>) -> OrganizationId {
        let id = OrganizationId::from(self.make_id(12));
        let created_at = self.stamp();
        let organization = Organization {
            id: id.clone(),
            name: name.to_owned(),
            description,
            custom_data: Map::new(),
            created_at,
            members: BTreeMap::new(),
        };
        self.organizations.insert(id.clone(), organization);
        self.tell("Organization.Created", json!({ "data": { "id": id } }));
        id
    }

    pub(super) fn rename_organization(&mut self, id: &str, name: &str) {
        if let Some(organization) = self.organizations.get_mut(id) {
            name.clone_into(&mut organization.name);
        }
    }

    pub(super) fn delete_organization(&mut self, id: &str) -> bool {
        let Some(organization) = self.organizations.remove(id) else { return false };
        self.tell("Organization.Deleted", json!({ "params": { "id": id } }));
        for member in organization.members.keys() {
            if let Some(user) = self.users.get_mut(member) {
                user.organizations.remove(&organization.id);
            }
        }
        true
    }

    pub(super) fn add_organization_role(
        &mut self,
        name: &str,
        description: Option<String>,
        kind: RoleKind,
    ) -> OrganizationRoleId {
        let id = OrganizationRoleId::from(self.make_id(21));
        let role = OrganizationRole { id: id.clone(), name: name.to_owned(), description, kind };
        self.organization_roles.insert(id.clone(), role);
        id
    }

    pub(super) fn delete_organization_role(&mut self, id: &str) -> bool {
        if self.organization_roles.remove(id).is_none() {
            return false;
        }
        for organization in self.organizations.values_mut() {
            for roles in organization.members.values_mut() {
                roles.remove(id);
            }
        }
        true
    }

    /// A member stays with the organization roles held.
    pub(super) fn add_member(&mut self, organization: &str, user: &str) {
        let (Some(organization), Some(user)) = (self.organizations.get_mut(organization), self.users.get_mut(user))
        else {
            return;
        };
        organization.members.entry(user.id.clone()).or_default();
        user.organizations.insert(organization.id.clone());
        let more = json!({ "organizationId": organization.id, "addedUserIds": [user.id] });
        self.tell("Organization.Membership.Updated", more);
    }

    /// Takes the organization roles too. False where it changed nothing.
    pub(super) fn remove_member(&mut self, organization: &str, user: &str) -> bool {
        let Some(organization) = self.organizations.get_mut(organization) else { return false };
        if let Some(user) = self.users.get_mut(user) {
            user.organizations.remove(&organization.id);
        }
        let gone = organization.members.remove(user).is_some();
        let more = json!({ "organizationId": organization.id, "removedUserIds": [user] });
        self.tell("Organization.Membership.Updated", more);
        gone
    }

    /// Only members can have organization roles; for anybody else this changes nothing.
    pub(super) fn add_member_role(&mut self, organization: &str, user: &str, role: &OrganizationRoleId) {
        let organization = self.organizations.get_mut(organization);
        if let Some(roles) = organization.and_then(|organization| organization.members.get_mut(user)) {
            roles.insert(role.clone());
        }
    }

    /// False where it changed nothing.
    pub(super) fn remove_member_role(&mut self, organization: &str, user: &str, role: &str) -> bool {
        let organization = self.organizations.get_mut(organization);
        organization.and_then(|organization| organization.members.get_mut(user)).is_some_and(|roles| roles.remove(role))
    }
}

/// Whether Logto attaches a role to new users by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhoGetsIt {
    OnRequest,
    EveryNewUser,
}

impl Role {
    /// Hidden from every list.
    pub(super) fn is_internal(&self) -> bool {
        self.name.starts_with("#internal:")
    }
}

impl User {
    /// Its place among the newest.
    pub(super) fn key(&self) -> (Reverse<i64>, UserId) {
        (Reverse(self.created_at), self.id.clone())
    }
}
