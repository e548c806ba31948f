//! Catalogs, rules and purchases in as few words as a test can be read in.

use entitled::model::{
    Catalog, Entitlement, OrderKey, OrganizationId, Policy, ProductIx, Purchase, Rule, Standing, Target, TargetEntry,
    TargetIx, UserIx,
};
use jiff::SignedDuration;

/// Seconds in a day.
pub(crate) const DAY: i64 = 86_400;

pub(crate) fn membership(organization: &str) -> Target {
    Target::Membership { organization: organization.into() }
}

pub(crate) fn organization_role(organization: &str, role: &str) -> Target {
    Target::OrganizationRole { organization: OrganizationId::from(organization), role: role.into() }
}

pub(crate) fn role(role: &str) -> Target {
    Target::Role { role: role.into() }
}

/// A catalog of these targets (in their own order) and these rules.
pub(crate) fn catalog(targets: &[Target], products: Vec<Rule>) -> Catalog {
    assert!(targets.is_sorted(), "the catalog keeps targets in the order of `Target`");
    let entry =
        |target: &Target| TargetEntry { target: target.clone(), name: target.key(), role: None, protected: false };
    Catalog { targets: targets.iter().map(entry).collect(), products, ..Catalog::default() }
}

/// A product that gives these targets for ever, on lines 10, 11, ... of the file; a refund ends it at
/// once, a partial refund and a dispute do not.
pub(crate) fn rule(product: &str, targets: &[u16]) -> Rule {
    Rule {
        product: product.into(),
        source: None,
        name: product.to_owned(),
        line: if targets.is_empty() { 0 } else { 9 },
        entitlements: targets
            .iter()
            .map(|&target| Entitlement {
                target: TargetIx(target),
                line: 10 + u32::from(target),
                new_since: None,
                replaces: None,
            })
            .collect(),
        valid_for: None,
        quantity: Default::default(),
        grace: SignedDuration::ZERO,
        on_refund: Policy::Revoke,
        on_partial_refund: Policy::Keep,
        on_dispute: Policy::Keep,
    }
}

pub(crate) fn days(days: i64) -> SignedDuration {
    SignedDuration::from_secs(days * DAY)
}

/// One of product 0 for user 0, in the given order, standing so since `at`.
pub(crate) fn purchase(order: u32, standing: Standing, at: i64) -> Purchase {
    Purchase {
        user: UserIx(0),
        product: ProductIx(0),
        at,
        order: OrderKey(order),
        standing,
        quantity: 1,
        seen: 0,
        slack: 0,
    }
}
