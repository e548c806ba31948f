//! The nouns: ids, orders, standings, buyers, targets, grants.
//!
//! Never imports another module of this crate, does no I/O and reads no clock.

mod adjustments;
mod buyer;
mod catalog;
mod health;
mod ids;
mod known;
mod list_mark;
mod odd;
mod order;
mod policy;
mod purchase;
mod safeguards;
mod target;
pub mod users;

pub use adjustments::{Adjustment, LineRef, Money, Override, Part, apply_overrides};
pub use buyer::{Buyer, Email, Resolution};
pub use catalog::{Adopt, Catalog, Entitlement, Policy, Quantity, Rule, TargetEntry, Verdict};
pub use health::{Occasion, State};
pub use ids::{
    EDITED, OrderId, OrderKey, OrganizationId, OrganizationRoleId, ProductId, ProductIx, RoleId, RunId, SourceName,
    TargetIx, UserId, UserIx,
};
pub use known::{KnownNames, ORGANIZATION, ORGANIZATION_ROLE, ROLE, known_id};
pub use list_mark::ListMark;
pub use odd::{Odd, OddPart, Oddity, ReadOrder};
pub use order::{Item, Order, Recheck, Renewal, Standing, Term};
pub use policy::{Limit, Limits, Protect, Prune};
pub use purchase::Purchase;
pub use safeguards::{Left, Lingering, Safeguards, Version};
pub use target::{Grant, Ownership, Target, TargetKind, Verb};
pub use users::UsersMark;
