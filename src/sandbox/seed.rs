//! What a fresh sandbox holds: the demo, or a file of the same shape.
//!
//! Decides nothing about how the simulators behave.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::{Span, SpanRelativeTo};
use serde::Deserialize;

use super::clock;
use super::logto::{LogtoSim, RoleKind};
use super::shop::{Customer, NewOrder, ShopSim};
use crate::files::{self, Kind};
use crate::model::{OrderId, ProductId, UserId};

/// The demo, which also documents the shape.
const DEMO: &str = include_str!("demo.yaml");

/// Everything that a sandbox starts with. Every list may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seed {
    /// Tenant-level roles.
    pub roles: Vec<SeedRole>,
    /// Organizations.
    pub organizations: Vec<SeedOrganization>,
    /// Organization roles, shared by all organizations.
    pub organization_roles: Vec<SeedOrganizationRole>,
    /// Accounts, with what they hold by hand.
    pub users: Vec<SeedUser>,
    /// What is for sale.
    pub products: Vec<SeedProduct>,
    /// What was bought.
    pub orders: Vec<SeedOrder>,
}

/// A tenant-level role.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedRole {
    /// Unique.
    pub name: String,
    /// Absent: the name.
    #[serde(default)]
    pub description: Option<String>,
    /// `User`, or `MachineToMachine`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
}

/// An organization.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedOrganization {
    /// Unique within a seed, so that users can name it.
    pub name: String,
}

/// An organization role.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedOrganizationRole {
    /// Unique.
    pub name: String,
}

/// An account.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeedUser {
    /// Up to 12 characters of `[a-z0-9]`; absent: made up.
    pub id: Option<UserId>,
    /// The primary email.
    pub email: Option<String>,
    /// The display name.
    pub name: Option<String>,
    /// Whether the account is suspended.
    pub suspended: bool,
    /// Roles by name, as if given by hand.
    pub roles: Vec<String>,
    /// Organization by name -> organization roles by name.
    pub organizations: BTreeMap<String, Vec<String>>,
}

/// Something for sale.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedProduct {
    /// Unique.
    pub id: ProductId,
    /// What people read.
    pub name: String,
    /// A decimal number in quotes.
    pub price: String,
    /// Its currency.
    pub currency: String,
}

/// An order. Ages count back from the moment of seeding.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedOrder {
    /// Absent: made up.
    #[serde(default)]
    pub id: Option<OrderId>,
    /// Need not be for sale.
    pub product: ProductId,
    /// The account that was signed in: its email in this seed, or any user id.
    #[serde(default)]
    pub user: Option<String>,
    /// The email that the buyer typed.
    #[serde(default)]
    pub email: Option<String>,
    /// Any word: `pending`, `paid`, `partially_refunded`, `refunded`, `disputed`, `expired`, `void`, ...
    pub status: String,
    /// Age, as `40d` or `2h`.
    pub created: Span,
    /// How long ago it was paid; absent: when made, unless it is `pending` or `expired`.
    #[serde(default)]
    pub paid: Option<Span>,
    /// How long ago it last changed; absent: when paid or else made.
    #[serde(default)]
    pub updated: Option<Span>,
}

/// Why a seed cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The file cannot be read.
    #[error("cannot read the seed `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not of the shape of [`Seed`].
    #[error("the seed `{path}` cannot be understood")]
    Shape {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A user holds something that the seed does not define.
    #[error("the seed has no {kind} `{name}`")]
    Unknown {
        /// `role`, `organization` or `organization role`.
        kind: &'static str,
        /// As the seed has it.
        name: String,
    },
    /// A role is of a type that Logto does not have.
    #[error("`{0}` is not a type of role")]
    RoleType(String),
    /// An id that Logto could not have given.
    #[error("`{0}` is not a user id: up to 12 characters of `[a-z0-9]`")]
    UserId(UserId),
}

impl Seed {
    /// A small world in which every kind of buyer and order occurs once. Always the same, except that
    /// its times count back from now.
    pub fn demo() -> Self {
        serde_yaml::from_str(DEMO).expect("the demo is part of this program and a test reads it")
    }

    /// Reads a seed from a YAML or JSON file (JSON by its name, else YAML). `demo.yaml` beside this file
    /// shows the shape.
    ///
    /// # Errors
    /// [`SeedError::Read`] and [`SeedError::Shape`].
    pub fn load(path: &Path) -> Result<Self, SeedError> {
        let text = files::read_text(path, Kind::Document)
            .map_err(|source| SeedError::Read { path: path.to_owned(), source })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let shape = |source| SeedError::Shape { path: path.to_owned(), source };
        if path.extension().is_some_and(|extension| extension == "json") {
            serde_json::from_str(text).map_err(|error| shape(error.into()))
        } else {
            serde_yaml::from_str(text).map_err(|error| shape(error.to_string().into()))
        }
    }

    /// Puts everything into simulators that are still fresh.
    pub(super) fn plant(&self, logto: &LogtoSim, shop: &ShopSim) -> Result<(), SeedError> {
        for role in &self.roles {
            let word = role.kind.as_deref().unwrap_or(RoleKind::User.word());
            let kind = RoleKind::from_word(word).ok_or_else(|| SeedError::RoleType(word.to_owned()))?;
            logto.add_seeded_role(&role.name, role.description.as_deref().unwrap_or(&role.name), kind);
        }
        for organization in &self.organizations {
            logto.add_organization(&organization.name);
        }
        for role in &self.organization_roles {
            logto.add_organization_role(&role.name);
        }
        for user in &self.users {
            plant_user(user, logto)?;
        }
        for product in &self.products {
            shop.add_product_at(product.id.as_str(), &product.name, &product.price, &product.currency);
        }
        let now = clock::now_ms();
        for order in &self.orders {
            shop.add_seeded_order(self.order(order, logto, now));
        }
        Ok(())
    }

    fn order(&self, order: &SeedOrder, logto: &LogtoSim, now: i64) -> NewOrder {
        let unpaid = matches!(order.status.as_str(), "pending" | "expired");
        let created_ms = before(now, order.created);
        let paid_ms = order.paid.map(|age| before(now, age)).or((!unpaid).then_some(created_ms));
        let updated_ms = order.updated.map_or(paid_ms.unwrap_or(created_ms), |age| before(now, age));
        let user = order.user.as_ref().map(|named| match logto.user(named) {
            Some(id) if named.contains('@') => id,
            _ => UserId::from(named.as_str()),
        });
        NewOrder {
            id: order.id.clone(),
            product: order.product.clone(),
            buyer: Customer { user, email: order.email.clone() },
            status: order.status.clone(),
            created_ms,
            paid_ms,
            updated_ms,
        }
    }
}

fn plant_user(user: &SeedUser, logto: &LogtoSim) -> Result<(), SeedError> {
    let valid = |id: &&UserId| {
        let id = id.as_str();
        !id.is_empty() && id.len() <= 12 && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if let Some(wrong) = user.id.as_ref().filter(|id| !valid(id)) {
        return Err(SeedError::UserId(wrong.clone()));
    }
    let unknown = |kind, name: &String| SeedError::Unknown { kind, name: name.clone() };
    let id = logto.add_seeded_user(user.id.clone(), user.email.clone(), user.name.clone());
    if user.suspended {
        logto.suspend(&id);
    }
    for name in &user.roles {
        logto.grant(&id, &logto.role(name).ok_or_else(|| unknown("role", name))?);
    }
    for (name, roles) in &user.organizations {
        let organization = logto.organization(name).ok_or_else(|| unknown("organization", name))?;
        logto.add_member(&organization, &id);
        for name in roles {
            let role = logto.organization_role(name).ok_or_else(|| unknown("organization role", name))?;
            logto.add_member_role(&organization, &id, &role);
        }
    }
    Ok(())
}

/// The time so long before `now`, in milliseconds; a day is 24 hours.
fn before(now: i64, age: Span) -> i64 {
    let age = age.to_duration(SpanRelativeTo::days_are_24_hours());
    age.map_or(now, |age| now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(0)))
}
