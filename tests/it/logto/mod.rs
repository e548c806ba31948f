//! The client of Logto: how many calls it makes, and what it makes of unclear answers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod catalog;
mod granting;
mod reading;
mod redirects;
mod secrets;
mod simulated;
mod stub;
mod token;

use std::collections::BTreeSet;
use std::time::Duration;

use entitled::config::settings::{self, LogtoEndpoint, Product, ProtectedRole, Wanted, WantedTarget};
use entitled::logto::{Client, Found, LogtoError, Outcome, resolve};
use entitled::model::{Email, OrganizationId, OrganizationRoleId, Policy, RoleId, Target, TargetIx, UserId};
use entitled::secret::Secret;
use jiff::SignedDuration;

use stub::{Fault, Rule, SECRET, Stub};

fn settings(stub: &Stub) -> settings::Logto {
    settings::Logto {
        endpoint: LogtoEndpoint::Url(stub.url.clone()),
        app_id: "app".into(),
        app_secret: Secret::new(SECRET.into()),
        resource: "https://default.logto.app/api".into(),
        rate: None,
        concurrency: 4,
        batch: 100,
        timeout: SignedDuration::from_secs(5),
        signing_key: None,
    }
}

fn client(stub: &Stub) -> Client {
    Client::new(&stub.url, &settings(stub))
}

fn paid() -> RoleId {
    "paid".into()
}

fn acme() -> OrganizationId {
    "acme".into()
}

fn member() -> OrganizationRoleId {
    "member".into()
}

fn hold(stub: &Stub, users: &[UserId]) {
    stub.state().holders.entry("paid".into()).or_default().extend(users.iter().map(UserId::to_string));
}

fn join(stub: &Stub, users: &[UserId]) {
    let mut state = stub.state();
    let members = state.members.entry("acme".into()).or_default();
    members.extend(users.iter().map(|user| (user.to_string(), BTreeSet::new())));
}

/// The users with this kind of outcome.
fn those(outcomes: &[(UserId, Outcome)], which: fn(&Outcome) -> bool) -> Vec<&str> {
    outcomes.iter().filter(|(_, outcome)| which(outcome)).map(|(user, _)| user.as_str()).collect()
}

fn done(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done)
}

fn product(key: &str, ids: &[&str], line: u32, entitlements: Vec<Wanted>) -> Product {
    Product {
        key: key.into(),
        ids: ids.iter().map(|id| entitled::config::settings::SoldAs { id: (*id).into(), source: None }).collect(),
        source: None,
        name: key.into(),
        line,
        entitlements,
        valid_for: None,
        quantity: Default::default(),
        grace: SignedDuration::ZERO,
        on_refund: Policy::Revoke,
        on_partial_refund: Policy::Keep,
        on_dispute: Policy::Keep,
    }
}

fn role(name: &str, line: u32) -> Wanted {
    Wanted { what: WantedTarget::Role(name.into()), line, column: 9 }
}

fn organization(name: &str, line: u32) -> Wanted {
    Wanted { what: WantedTarget::Membership(name.into()), line, column: 9 }
}

fn organization_role(organization: &str, role: &str, line: u32) -> Wanted {
    let what = WantedTarget::OrganizationRole { organization: organization.into(), role: role.into() };
    Wanted { what, line, column: 17 }
}
