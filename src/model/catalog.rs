//! The catalog with every name resolved to its id: product -> targets, and the policy of each product.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::{
    KnownNames, ORGANIZATION_ROLE, ProductId, ProductIx, Protect, ROLE, SourceName, Standing, Target, TargetIx,
    known_id,
};

/// Everything `entitlements.yaml` entitles to, resolved against Logto.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Every managed target, in the order of [`Target`].
    pub targets: Vec<TargetEntry>,
    /// Every product that this pass can name: first those of the file, then those that only the ledger
    /// still knows, which have no entitlements.
    pub products: Vec<Rule>,
    /// By source, how long a subscription that goes on outlasts its paid period, in seconds.
    pub slack: BTreeMap<SourceName, u32>,
    /// Products of which a name stands for nothing that anybody knows. What they gave before may be under it, so
    /// nothing is taken away for not being given by them.
    pub nameless: BTreeSet<ProductIx>,
}

impl Catalog {
    /// The entry of a target.
    pub fn target(&self, ix: TargetIx) -> &TargetEntry {
        &self.targets[ix.at()]
    }

    /// The rule of a product.
    pub fn rule(&self, ix: ProductIx) -> &Rule {
        &self.products[ix.at()]
    }

    /// Where a target stands among the managed ones.
    pub fn find(&self, target: &Target) -> Option<TargetIx> {
        let at = self.targets.binary_search_by(|entry| entry.target.cmp(target)).ok()?;
        Some(TargetIx(u16::try_from(at).expect("`check` refuses more than 65,535 targets")))
    }

    /// Adds targets that no product gives (the ledger still owns grants on them), so that indices into
    /// `targets` stay in the order of the targets. What their roles are called nobody knows here: `protect` means them
    /// by id, or by a name that is `known`.
    pub fn add_targets(&mut self, more: impl Iterator<Item = Target>, protect: &Protect, known: &KnownNames) {
        let before: Vec<Target> = self.targets.iter().map(|entry| entry.target.clone()).collect();
        self.targets.extend(more.map(|target| {
            let entry = TargetEntry { name: target.unnamed(), target, role: None, protected: false };
            TargetEntry { protected: protect.keeps(&entry, known), ..entry }
        }));
        self.targets.sort_by(|a, b| a.target.cmp(&b.target));
        for rule in &mut self.products {
            for entitlement in &mut rule.entitlements {
                let target = &before[entitlement.target.at()];
                let at = self.targets.binary_search_by(|entry| entry.target.cmp(target));
                let at = at.expect("every target from before is still there");
                entitlement.target = TargetIx(u16::try_from(at).expect("`check` refuses more than 65,535 targets"));
            }
        }
    }

    /// Whether any product gives a target.
    pub fn gives(&self, target: TargetIx) -> bool {
        self.products.iter().any(|rule| rule.entitlements.iter().any(|entitlement| entitlement.target == target))
    }

    /// All targets with their indices.
    pub fn indices(&self) -> impl Iterator<Item = (TargetIx, &TargetEntry)> {
        self.targets
            .iter()
            .enumerate()
            .map(|(at, entry)| (TargetIx(u16::try_from(at).expect("`check` refuses more than 65,535 targets")), entry))
    }
}

/// One managed target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetEntry {
    /// The object in Logto.
    pub target: Target,
    /// How the file and every output name it: `role paid-tier`, `organization acme`,
    /// `organization acme role member`.
    pub name: String,
    /// What Logto calls its role. `None`: it is no role, or nobody has asked.
    pub role: Option<String>,
    /// Whether `protect.roles` names it.
    pub protected: bool,
}

impl TargetEntry {
    /// Whether it is the role that the file means by `name`: its id, what it is called, or what it was called when
    /// Logto last knew that name. Otherwise whoever renames a role would take it out of what protects it.
    pub fn is_role(&self, name: &str, known: &KnownNames) -> bool {
        let (kind, id) = match &self.target {
            Target::Membership { .. } => return false,
            Target::Role { role } => (ROLE, role.as_str()),
            Target::OrganizationRole { role, .. } => (ORGANIZATION_ROLE, role.as_str()),
        };
        id == name || self.role.as_deref() == Some(name) || known_id(known, kind, name) == Some(id)
    }
}

impl Protect {
    /// Whether `roles` names the role that a target is. `known`: what names stood for last.
    pub fn keeps(&self, entry: &TargetEntry, known: &KnownNames) -> bool {
        self.roles.iter().any(|role| entry.is_role(role, known))
    }
}

/// What one product gives, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The product in the payment API.
    pub product: ProductId,
    /// The only source it counts in, or any.
    pub source: Option<SourceName>,
    /// Its name for people, or its id.
    pub name: String,
    /// The line of `entitlements.yaml` that names it, from 1. Zero where only the ledger knows it.
    pub line: u32,
    /// What it entitles to, in the order of the targets. A bundle has several.
    pub entitlements: Vec<Entitlement>,
    /// How long a purchase lasts. `None`: for ever. A subscription lasts as long as it is paid.
    pub valid_for: Option<SignedDuration>,
    /// What buying several of it at once means for how long it lasts.
    pub quantity: Quantity,
    /// How much longer it is kept after a refund or an expiry.
    pub grace: SignedDuration,
    /// What a full refund or a void does.
    pub on_refund: Policy,
    /// What a partial refund does.
    pub on_partial_refund: Policy,
    /// What a dispute does while it is open, and when it is lost.
    pub on_dispute: Policy,
}

/// What buying several of a product at once means for how long it lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// Nothing: 25 seats last as long as one.
    #[default]
    Ignore,
    /// Each of them is one more `valid_for`, end to end: 12 of a month are a year.
    Periods,
}

/// What a standing means for one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It entitles, from the time of payment, for `valid_for`.
    Entitles,
    /// It entitles until the end of the paid period; `grace` runs from then.
    Lasts,
    /// It entitled once and has ended; `grace` runs from then.
    Ends,
    /// It never entitled: not paid, or not in time.
    Never,
    /// Nobody knows: what is held stays, what is not held is not granted.
    Undecided,
}

impl Rule {
    /// A product that the file does not name any more and the ledger still does: it gives nothing.
    pub fn unmapped(product: ProductId, source: SourceName) -> Self {
        Self {
            name: product.to_string(),
            product,
            source: Some(source),
            line: 0,
            entitlements: Vec::new(),
            valid_for: None,
            quantity: Quantity::Ignore,
            grace: SignedDuration::ZERO,
            on_refund: Policy::Revoke,
            on_partial_refund: Policy::Keep,
            on_dispute: Policy::Keep,
        }
    }

    /// Names the product among all of the file: two shops may use the same id for different things.
    pub fn key(&self) -> String {
        match &self.source {
            Some(source) => format!("{source}/{}", self.product),
            None => self.product.to_string(),
        }
    }

    /// What an order of this product means while it stands so.
    pub fn verdict(&self, standing: Standing) -> Verdict {
        let by = |policy| match policy {
            Policy::Keep => Verdict::Entitles,
            Policy::Revoke => Verdict::Ends,
        };
        match standing {
            Standing::Paid => Verdict::Entitles,
            Standing::Subscribed => Verdict::Lasts,
            Standing::Refunded | Standing::Void => by(self.on_refund),
            Standing::PartiallyRefunded => by(self.on_partial_refund),
            Standing::Disputed => by(self.on_dispute),
            Standing::Pending | Standing::Expired => Verdict::Never,
            Standing::Unknown => Verdict::Undecided,
        }
    }
}

/// One target that a product entitles to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entitlement {
    /// The target.
    pub target: TargetIx,
    /// The line of `entitlements.yaml` that says so, from 1.
    pub line: u32,
    /// When a pass first saw this mapping, in seconds since 1970, while it is still new; `None` once a
    /// full pass has made or passed over every grant that it caused. Grants for orders that are older
    /// than a new mapping count against `limits.config_grants`.
    pub new_since: Option<u32>,
    /// The target that the same line led to until a name in it came to stand for another id in Logto.
    pub replaces: Option<Target>,
}

/// What a change of standing does to what was bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// The buyer keeps it.
    Keep,
    /// It is taken back.
    Revoke,
}

/// Which grants that exist in Logto already become ours because an order explains them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Adopt {
    /// What no pass had seen when the order was paid: another writer made it for that order.
    #[default]
    Explained,
    /// Nothing. Only a person adopts.
    Never,
}
