//! The names of `entitlements.yaml`, resolved to the ids of a tenant.
//!
//! Never guesses: a name that fits nothing, or several things, is a problem with its place in the file,
//! and the catalog holds all the rest.

use std::collections::{BTreeMap, BTreeSet};

use super::error::LogtoError;
use super::lookup::{Wrong, look_up_organization_roles, look_up_organizations, look_up_roles};
use super::read::Reader;
use super::wire::{self, RoleType};
use crate::config::settings::{Product, Wanted, WantedTarget};
use crate::model::{Catalog, Entitlement, KnownNames, ProductIx, Protect, Rule, Target, TargetEntry, TargetIx};

/// A catalog, and what of the file is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Everything that resolved. Each entitlement is new to nobody (`new_since: None`): only the store
    /// knows since when it stands.
    pub catalog: Catalog,
    /// In the order of the file.
    pub problems: Vec<Problem>,
    /// Names that stand for another id than before.
    pub another: Vec<Problem>,
    /// What each name stands for, by Logto's word now.
    pub names: KnownNames,
}

/// A name that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The line of `entitlements.yaml`, from 1.
    pub line: u32,
    /// The column of the name, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Looks up every name or id that `products` mention: two calls for the roles, one for the organization
/// roles, one for each organization, and one more of each kind that has an unknown name.
///
/// An error means that Logto could not be asked; a wrong name is a [`Problem`].
pub async fn resolve(reader: &Reader, products: &[Product], protect: &Protect) -> Result<Resolved, LogtoError> {
    resolve_knowing(reader, products, protect, &KnownNames::new()).await
}

/// The same for names that were resolved before: one that does not resolve any more is a [`Problem`], and keeps the
/// id that it had. A product with a name that never did is `nameless`.
pub async fn resolve_knowing(
    reader: &Reader,
    products: &[Product],
    protect: &Protect,
    known: &KnownNames,
) -> Result<Resolved, LogtoError> {
    Ok(resolved(Tenant::look_up(reader, products).await?, products, protect, known))
}

/// The catalog by what names stood for before, while Logto cannot be asked. A name that is not known is left out.
pub fn resolve_unasked(products: &[Product], protect: &Protect, known: &KnownNames) -> Catalog {
    resolved(Tenant::unasked(products), products, protect, known).catalog
}

fn resolved(mut tenant: Tenant, products: &[Product], protect: &Protect, known: &KnownNames) -> Resolved {
    let names = tenant.names();
    let kept = tenant.keep(known);
    let mut problems = Vec::new();
    let mut another = Vec::new();
    let mut nameless: BTreeSet<(usize, u32)> = BTreeSet::new();
    let mut named: BTreeMap<Target, TargetEntry> = BTreeMap::new();
    let mut wanted: Vec<Vec<(Target, u32)>> = Vec::new();

    for (at, product) in products.iter().enumerate() {
        let mut targets: Vec<(Target, u32)> = Vec::new();
        for Wanted { what, line, column } in &product.entitlements {
            for key in keys(what) {
                let problem = |message, hint| Problem { line: *line, column: *column, message, hint };
                if let Some((wrong, id)) = kept.get(&key) {
                    let message = format!("{}; `{id}`, which it stood for until now, stays in use", wrong.message);
                    problems.push(problem(message, wrong.hint.clone()));
                }
                if let (Some(now), Some(before)) = (names.get(&key), known.get(&key))
                    && now != before
                {
                    let (kind, name) = &key;
                    let message = format!("the {kind} `{name}` is another one than before: `{now}`, not `{before}`");
                    another.push(problem(message, None));
                }
            }
            match tenant.entries(what, protect) {
                Ok(entries) => targets.extend(entries.into_iter().map(|entry| {
                    let target = entry.target.clone();
                    named.entry(target.clone()).or_insert(entry);
                    (target, *line)
                })),
                Err(wrongs) => {
                    nameless.insert((at, *line));
                    // The organization of a role is also wanted by itself, where its problem is told.
                    let told = |wrong: &Wrong| match what {
                        WantedTarget::OrganizationRole { organization, .. } => {
                            let itself = WantedTarget::Membership(organization.clone());
                            product.entitlements.iter().any(|other| other.what == itself)
                                && tenant.organization(organization).is_err_and(|its| its.message == wrong.message)
                        }
                        WantedTarget::Role(_) | WantedTarget::Membership(_) => false,
                    };
                    problems.extend(
                        wrongs.into_iter().filter(|wrong| !told(wrong)).map(|Wrong { message, hint }| Problem {
                            line: *line,
                            column: *column,
                            message,
                            hint,
                        }),
                    );
                }
            }
        }
        // Sorting by line too keeps the first line that asks for a target.
        targets.sort();
        targets.dedup_by(|later, first| later.0 == first.0);
        wanted.push(targets);
    }
    problems.sort();
    problems.dedup();
    another.sort();
    another.dedup_by(|later, first| later.message == first.message);

    let targets = told_apart(named.into_values().collect());
    let mut catalog = Catalog { targets, ..Catalog::default() };
    for (at, (product, targets)) in products.iter().zip(wanted).enumerate() {
        if nameless.range((at, 0)..=(at, u32::MAX)).next().is_some() {
            let ids = catalog.products.len()..catalog.products.len() + product.ids.len();
            catalog.nameless.extend(ids.filter_map(|ix| u16::try_from(ix).ok()).map(ProductIx));
        }
        let ix = |target: &Target| -> TargetIx { catalog.find(target).expect("every wanted target was named above") };
        let entitlements: Vec<Entitlement> = targets
            .iter()
            .map(|(target, line)| Entitlement { target: ix(target), line: *line, new_since: None, replaces: None })
            .collect();
        catalog.products.extend(product.ids.iter().map(|sold| Rule {
            product: sold.id.clone(),
            source: sold.source.clone(),
            name: product.name.clone(),
            line: product.line,
            entitlements: entitlements.clone(),
            valid_for: product.valid_for,
            grace: product.grace,
            on_refund: product.on_refund,
            on_partial_refund: product.on_partial_refund,
            on_dispute: product.on_dispute,
        }));
    }
    Resolved { catalog, problems, another, names }
}

/// Two organizations may have one name: then the id is part of it.
fn told_apart(mut entries: Vec<TargetEntry>) -> Vec<TargetEntry> {
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for entry in &entries {
        *times.entry(entry.name.clone()).or_default() += 1;
    }
    for entry in &mut entries {
        if times[&entry.name] > 1
            && let Some(organization) = entry.target.organization()
        {
            entry.name = format!("{} ({organization})", entry.name);
        }
    }
    entries
}

/// What the names of the file stand for in the tenant.
struct Tenant {
    roles: BTreeMap<String, Result<wire::Role, Wrong>>,
    organizations: BTreeMap<String, Result<wire::Organization, Wrong>>,
    organization_roles: BTreeMap<String, Result<wire::OrganizationRole, Wrong>>,
}

impl Tenant {
    async fn look_up(reader: &Reader, products: &[Product]) -> Result<Self, LogtoError> {
        let [roles, organizations, organization_roles] = Self::wanted(products);
        let (roles, organizations, organization_roles) = tokio::try_join!(
            look_up_roles(reader, &roles),
            look_up_organizations(reader, &organizations),
            look_up_organization_roles(reader, &organization_roles),
        )?;
        Ok(Self { roles, organizations, organization_roles })
    }

    /// Every name as one that nobody was asked for.
    fn unasked(products: &[Product]) -> Self {
        let unasked = |name: &&str| Wrong { message: format!("Logto was not asked for `{name}`"), hint: None };
        let [roles, organizations, organization_roles] = Self::wanted(products);
        Self {
            roles: roles.iter().map(|name| ((*name).to_owned(), Err(unasked(name)))).collect(),
            organizations: organizations.iter().map(|name| ((*name).to_owned(), Err(unasked(name)))).collect(),
            organization_roles: organization_roles
                .iter()
                .map(|name| ((*name).to_owned(), Err(unasked(name))))
                .collect(),
        }
    }

    /// The roles, organizations and organization roles that `products` mention.
    fn wanted(products: &[Product]) -> [BTreeSet<&str>; 3] {
        let mut roles = BTreeSet::new();
        let mut organizations = BTreeSet::new();
        let mut organization_roles = BTreeSet::new();
        for wanted in products.iter().flat_map(|product| &product.entitlements) {
            match &wanted.what {
                WantedTarget::Role(role) => {
                    roles.insert(role.as_str());
                }
                WantedTarget::Membership(organization) => {
                    organizations.insert(organization.as_str());
                }
                WantedTarget::OrganizationRole { organization, role } => {
                    organizations.insert(organization.as_str());
                    organization_roles.insert(role.as_str());
                }
            }
        }
        [roles, organizations, organization_roles]
    }

    /// What each name stands for.
    fn names(&self) -> KnownNames {
        let mut names = KnownNames::new();
        let mut note =
            |kind: &str, name: &str, id: &str| names.insert((kind.to_owned(), name.to_owned()), id.to_owned());
        for (name, found) in &self.roles {
            let _new = found.as_ref().ok().and_then(|role| note(ROLE, name, role.id.as_str()));
        }
        for (name, found) in &self.organizations {
            let _new = found.as_ref().ok().and_then(|one| note(ORGANIZATION, name, one.id.as_str()));
        }
        for (name, found) in &self.organization_roles {
            let _new = found.as_ref().ok().and_then(|role| note(ORGANIZATION_ROLE, name, role.id.as_str()));
        }
        names
    }

    /// Puts the last id under each name that does not resolve and that had one; yields why it does not, and the id.
    fn keep(&mut self, known: &KnownNames) -> BTreeMap<(String, String), (Wrong, String)> {
        let mut kept = BTreeMap::new();
        let mut last = |kind: &str, name: &str, wrong: &Wrong| {
            let key = (kind.to_owned(), name.to_owned());
            let id = known.get(&key)?.clone();
            kept.insert(key, (wrong.clone(), id.clone()));
            Some(id)
        };
        for (name, found) in &mut self.roles {
            if let Some(id) = found.as_ref().err().and_then(|wrong| last(ROLE, name, wrong)) {
                *found = Ok(wire::Role { id: id.into(), name: name.clone(), kind: RoleType::User });
            }
        }
        for (name, found) in &mut self.organizations {
            if let Some(id) = found.as_ref().err().and_then(|wrong| last(ORGANIZATION, name, wrong)) {
                *found = Ok(wire::Organization { id: id.into(), name: name.clone() });
            }
        }
        for (name, found) in &mut self.organization_roles {
            if let Some(id) = found.as_ref().err().and_then(|wrong| last(ORGANIZATION_ROLE, name, wrong)) {
                *found = Ok(wire::OrganizationRole { id: id.into(), name: name.clone(), kind: RoleType::User });
            }
        }
        kept
    }

    fn organization(&self, name: &str) -> Result<&wire::Organization, Wrong> {
        self.organizations[name].as_ref().map_err(Wrong::clone)
    }

    /// The targets that one line yields: an organization role brings the membership with it.
    fn entries(&self, what: &WantedTarget, protect: &Protect) -> Result<Vec<TargetEntry>, Vec<Wrong>> {
        let protected = |name: &str, id: &str| protect.roles.iter().any(|role| role == name || role == id);
        let membership = |organization: &wire::Organization| TargetEntry {
            target: Target::Membership { organization: organization.id.clone() },
            name: format!("organization {}", organization.name),
            protected: false,
        };
        match what {
            WantedTarget::Role(name) => match &self.roles[name] {
                Ok(role) => Ok(vec![TargetEntry {
                    target: Target::Role { role: role.id.clone() },
                    name: format!("role {}", role.name),
                    protected: protected(&role.name, role.id.as_str()),
                }]),
                Err(wrong) => Err(vec![wrong.clone()]),
            },
            WantedTarget::Membership(name) => match self.organization(name) {
                Ok(organization) => Ok(vec![membership(organization)]),
                Err(wrong) => Err(vec![wrong]),
            },
            WantedTarget::OrganizationRole { organization, role } => {
                match (self.organization(organization), &self.organization_roles[role]) {
                    (Ok(organization), Ok(role)) => Ok(vec![
                        membership(organization),
                        TargetEntry {
                            target: Target::OrganizationRole {
                                organization: organization.id.clone(),
                                role: role.id.clone(),
                            },
                            name: format!("organization {} role {}", organization.name, role.name),
                            protected: protected(&role.name, role.id.as_str()),
                        },
                    ]),
                    (organization, role) => {
                        let wrongs = [organization.err(), role.as_ref().err().cloned()];
                        Err(wrongs.into_iter().flatten().collect())
                    }
                }
            }
        }
    }
}

const ROLE: &str = "role";
const ORGANIZATION: &str = "organization";
const ORGANIZATION_ROLE: &str = "organization role";

/// The names that stand on one line, each with its kind.
fn keys(what: &WantedTarget) -> Vec<(String, String)> {
    let key = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
    match what {
        WantedTarget::Role(name) => vec![key(ROLE, name)],
        WantedTarget::Membership(name) => vec![key(ORGANIZATION, name)],
        WantedTarget::OrganizationRole { organization, role } => {
            vec![key(ORGANIZATION, organization), key(ORGANIZATION_ROLE, role)]
        }
    }
}
