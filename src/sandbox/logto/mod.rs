//! The simulated Logto: the endpoints of the Management API that grants, revocations and reads use.
//!
//! It answers as a real Logto 1.42 was seen to answer. What it does not simulate, it refuses.

mod api;
mod hooks;
mod input;
mod json;
mod organization_roles;
mod organizations;
mod page;
mod refusal;
mod role_kind;
mod roles;
mod scene;
mod search;
mod state;
mod token;
mod users;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use tokio::sync::Notify;

use super::exchange::{Answer, Call};
use super::faults::{Fault, Faults, is_write};
use super::log::{Log, Seen};
use super::serve::Side;
use crate::model::{OrganizationId, OrganizationRoleId, RoleId, UserId};
use state::{NewUser, WhoGetsIt};

/// So many accounts `/sandbox/users` lists.
const MOST_USERS: usize = 200;
pub(super) use role_kind::RoleKind;
pub(super) use state::Tenant;
pub(super) use token::ISSUER;

/// The machine-to-machine application that may use the Management API.
pub const APP_ID: &str = "sandbox-app";
/// The secret of both applications.
pub const APP_SECRET: &str = "sandbox-secret";
/// The machine-to-machine application that lacks the Management API role: it gets tokens, and they open nothing.
pub const NOSCOPE_ID: &str = "sandbox-noscope";
/// The resource indicator of the Management API.
pub const RESOURCE: &str = "https://default.logto.app/api";

/// The simulated tenant, changed and asked directly rather than over HTTP. Cheap to clone; all clones
/// are the same tenant.
///
/// What is done here appears in no request log: it is what people do by hand in the console.
#[derive(Clone, Debug)]
pub struct LogtoSim(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tenant: Mutex<Tenant>,
    faults: Faults,
    log: Log,
    changed: Arc<Notify>,
}

impl LogtoSim {
    pub(super) fn new(tenant: Tenant, changed: Arc<Notify>) -> Self {
        Self(Arc::new(Inner { tenant: Mutex::new(tenant), faults: Faults::default(), log: Log::default(), changed }))
    }

    /// What goes wrong, to be set.
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Every request since the start, or since [`clear_requests`](Self::clear_requests).
    pub fn requests(&self) -> Vec<Seen> {
        self.0.log.all()
    }

    /// Those of [`requests`](Self::requests) that were meant to change something.
    pub fn writes(&self) -> Vec<Seen> {
        self.0.log.writes()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.0.log.clear();
    }

    /// Every token given out so far is expired from now on.
    pub fn expire_tokens(&self) {
        self.change(|tenant| tenant.token_generation += 1);
    }

    /// A new user. The email is taken as it is, even where somebody has it already in another case.
    pub fn add_user(&self, email: &str) -> UserId {
        self.change(|tenant| tenant.add_user(NewUser { email: Some(email.to_owned()), ..NewUser::default() }))
    }

    /// A new user under an id that nobody has, as an import makes one.
    pub fn add_user_as(&self, id: &UserId, email: &str) {
        self.change(|tenant| {
            tenant.add_user(NewUser { id: Some(id.clone()), email: Some(email.to_owned()), ..NewUser::default() })
        });
    }

    /// So many new users, `user-1@example.com` and on, oldest first.
    pub fn add_users(&self, count: usize) -> Vec<UserId> {
        self.change(|tenant| {
            let first = tenant.users().len() + 1;
            let emails = (first..first + count).map(|number| format!("user-{number}@example.com"));
            emails.map(|email| tenant.add_user(NewUser { email: Some(email), ..NewUser::default() })).collect()
        })
    }

    /// A new user as a seed describes it.
    pub(super) fn add_seeded_user(&self, id: Option<UserId>, email: Option<String>, name: Option<String>) -> UserId {
        self.change(|tenant| tenant.add_user(NewUser { id, email, name, ..NewUser::default() }))
    }

    /// A new role as a seed describes it.
    pub(super) fn add_seeded_role(&self, name: &str, description: &str, kind: RoleKind) {
        self.change(|tenant| tenant.add_role(name, description, kind, WhoGetsIt::OnRequest));
    }

    /// Gives a user another email, or none.
    pub fn set_email(&self, user: &UserId, email: Option<&str>) {
        self.change(|tenant| tenant.set_email(user.as_str(), email.map(str::to_owned)));
    }

    /// Suspends a user, who is listed and can be given things as before.
    pub fn suspend(&self, user: &UserId) {
        self.change(|tenant| tenant.change_user(user.as_str(), |user| user.suspended = true));
    }

    /// Deletes a user, and with it every role and membership. Unknown: nothing.
    pub fn delete_user(&self, user: &UserId) {
        self.change(|tenant| tenant.delete_user(user.as_str()));
    }

    /// The user with this email, whatever its case: the first by id where there are several.
    pub fn user(&self, email: &str) -> Option<UserId> {
        self.tenant().users_by_email(email).next().cloned()
    }

    /// A new role for users.
    pub fn add_role(&self, name: &str) -> RoleId {
        self.change(|tenant| tenant.add_role(name, name, RoleKind::User, WhoGetsIt::OnRequest))
    }

    /// A new role that only applications can hold.
    pub fn add_m2m_role(&self, name: &str) -> RoleId {
        self.change(|tenant| tenant.add_role(name, name, RoleKind::MachineToMachine, WhoGetsIt::OnRequest))
    }

    /// A new role that every user made from now on holds from the start.
    pub fn add_default_role(&self, name: &str) -> RoleId {
        self.change(|tenant| tenant.add_role(name, name, RoleKind::User, WhoGetsIt::EveryNewUser))
    }

    /// The role of this name.
    pub fn role(&self, name: &str) -> Option<RoleId> {
        self.tenant().roles().values().find(|role| role.name == name).map(|role| role.id.clone())
    }

    /// Gives a role another name. Unknown: nothing.
    pub fn rename_role(&self, role: &RoleId, name: &str) {
        self.change(|tenant| tenant.rename_role(role.as_str(), name));
    }

    /// Deletes a role. Unknown: nothing.
    pub fn delete_role(&self, role: &RoleId) {
        self.change(|tenant| tenant.delete_role(role.as_str()));
    }

    /// Gives a role by hand. Held already, or unknown: nothing.
    pub fn grant(&self, user: &UserId, role: &RoleId) {
        self.change(|tenant| tenant.grant(user, role));
    }

    /// Takes a role by hand.
    pub fn revoke(&self, user: &UserId, role: &RoleId) {
        self.change(|tenant| tenant.revoke(user.as_str(), role.as_str()));
    }

    /// Everyone who holds a role. Unknown: nobody.
    pub fn holders(&self, role: &RoleId) -> BTreeSet<UserId> {
        let tenant = self.tenant();
        tenant.role(role.as_str()).into_iter().flat_map(|role| &role.holders).map(|(_, user)| user.clone()).collect()
    }

    /// Every role that a user holds.
    pub fn roles_of(&self, user: &UserId) -> BTreeSet<RoleId> {
        self.tenant().user(user.as_str()).map(|user| user.roles.clone()).unwrap_or_default()
    }

    /// A new organization. Its name need not be new.
    pub fn add_organization(&self, name: &str) -> OrganizationId {
        self.change(|tenant| tenant.add_organization(name, None))
    }

    /// An organization of this name: the first by id where there are several.
    pub fn organization(&self, name: &str) -> Option<OrganizationId> {
        let tenant = self.tenant();
        tenant.organizations().values().find(|one| one.name == name).map(|one| one.id.clone())
    }

    /// Gives an organization another name. Unknown: nothing.
    pub fn rename_organization(&self, organization: &OrganizationId, name: &str) {
        self.change(|tenant| tenant.rename_organization(organization.as_str(), name));
    }

    /// Deletes an organization, and with it every membership. Unknown: nothing.
    pub fn delete_organization(&self, organization: &OrganizationId) {
        self.change(|tenant| tenant.delete_organization(organization.as_str()));
    }

    /// A new organization role for users.
    pub fn add_organization_role(&self, name: &str) -> OrganizationRoleId {
        self.change(|tenant| tenant.add_organization_role(name, None, RoleKind::User))
    }

    /// A new organization role that only applications can hold.
    pub fn add_m2m_organization_role(&self, name: &str) -> OrganizationRoleId {
        self.change(|tenant| tenant.add_organization_role(name, None, RoleKind::MachineToMachine))
    }

    /// The organization role of this name.
    pub fn organization_role(&self, name: &str) -> Option<OrganizationRoleId> {
        let tenant = self.tenant();
        tenant.organization_roles().values().find(|role| role.name == name).map(|role| role.id.clone())
    }

    /// Gives an organization role another name. Unknown: nothing.
    pub fn rename_organization_role(&self, role: &OrganizationRoleId, name: &str) {
        self.change(|tenant| tenant.rename_role(role.as_str(), name));
    }

    /// Deletes an organization role. Unknown: nothing.
    pub fn delete_organization_role(&self, role: &OrganizationRoleId) {
        self.change(|tenant| tenant.delete_organization_role(role.as_str()));
    }

    /// Makes a member by hand.
    pub fn add_member(&self, organization: &OrganizationId, user: &UserId) {
        self.change(|tenant| tenant.add_member(organization.as_str(), user.as_str()));
    }

    /// Ends a membership by hand, and with it the organization roles.
    pub fn remove_member(&self, organization: &OrganizationId, user: &UserId) {
        self.change(|tenant| tenant.remove_member(organization.as_str(), user.as_str()));
    }

    /// Gives a member an organization role by hand. Not a member: nothing.
    pub fn add_member_role(&self, organization: &OrganizationId, user: &UserId, role: &OrganizationRoleId) {
        self.change(|tenant| tenant.add_member_role(organization.as_str(), user.as_str(), role));
    }

    /// Takes an organization role by hand.
    pub fn remove_member_role(&self, organization: &OrganizationId, user: &UserId, role: &OrganizationRoleId) {
        self.change(|tenant| tenant.remove_member_role(organization.as_str(), user.as_str(), role.as_str()));
    }

    /// The members of an organization with their organization roles. Unknown: nobody.
    pub fn members(&self, organization: &OrganizationId) -> BTreeMap<UserId, BTreeSet<OrganizationRoleId>> {
        let tenant = self.tenant();
        tenant.organization(organization.as_str()).map(|of| of.members.clone()).unwrap_or_default()
    }

    pub(super) fn token_generation(&self) -> u64 {
        self.tenant().token_generation
    }

    pub(super) fn tenant(&self) -> MutexGuard<'_, Tenant> {
        self.0.tenant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the webhooks of everything that has happened since the last time. Who did it is the caller's name.
    fn announce(&self, user_agent: Option<&str>) {
        let mut tenant = self.tenant();
        for event in std::mem::take(&mut tenant.events) {
            tenant.hooks.values().for_each(|hook| hook.send(&event, user_agent));
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Tenant) -> T) -> T {
        let result = change(&mut self.tenant());
        self.0.changed.notify_one();
        self.announce(None);
        result
    }
}

impl Side for LogtoSim {
    fn answer(&self, call: &Call, _fault: Option<Fault>) -> Answer {
        let knobs = self.0.faults.knobs();
        let answer = api::answer(call, &mut self.tenant(), &knobs);
        if is_write(call) {
            self.0.changed.notify_one();
            self.announce(call.header(axum::http::header::USER_AGENT));
        }
        answer
    }

    fn sandbox(&self, call: &Call) -> Option<Answer> {
        match (call.method.as_str(), call.path()) {
            ("POST", "/sandbox/expire-tokens") => {
                self.expire_tokens();
                Some(Answer::empty(StatusCode::NO_CONTENT))
            }
            ("GET", "/sandbox/users") => {
                let tenant = self.tenant();
                let rows: Vec<_> = tenant.users().values().take(MOST_USERS).map(json::short_user).collect();
                Some(Answer::json(StatusCode::OK, &rows.into()))
            }
            _ => None,
        }
    }

    fn faults(&self) -> &Faults {
        &self.0.faults
    }

    fn log(&self) -> &Log {
        &self.0.log
    }

    fn request_id(&self) -> Option<(&'static str, String)> {
        Some(("logto-core-request-id", format!("{:016x}", fastrand::u64(..))))
    }
}
