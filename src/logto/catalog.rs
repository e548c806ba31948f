//! The names of `entitlements.yaml`, resolved to the ids of a tenant.
//!
//! Never guesses: a name that fits nothing, or several things, is a problem with its place in the file,
//! and the catalog holds all the rest.

use std::collections::{BTreeMap, BTreeSet};

use super::error::LogtoError;
use super::lookup::{
    Wrong, look_up_organization_roles, look_up_organizations, look_up_roles, no_such_role, roles_called,
};
use super::problem::{Named, Problem};
use super::protected::Protected;
use super::read::Reader;
use super::wire::{self, RoleType};
use crate::config::settings::{Product, ProtectedRole, Wanted, WantedTarget};
use crate::model::{
    Catalog, Entitlement, KnownNames, ORGANIZATION, ORGANIZATION_ROLE, ProductIx, ROLE, Rule, Target, TargetEntry,
    TargetIx,
};

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

/// Looks up every name or id that `products` and `protect.roles` mention: two calls for the roles, one for the
/// organization roles, one for each organization, and one more of each kind that has an unknown name.
///
/// An error means that Logto could not be asked; a wrong name is a [`Problem`].
pub async fn resolve(
    reader: &Reader,
    products: &[Product],
    protected: &[ProtectedRole],
) -> Result<Resolved, LogtoError> {
    resolve_knowing(reader, products, protected, &KnownNames::new()).await
}

/// The same for names that were resolved before: one that does not resolve any more is a [`Problem`], and keeps the
/// id that it had. A product with a name that never did is `nameless`.
pub async fn resolve_knowing(
    reader: &Reader,
    products: &[Product],
    protected: &[ProtectedRole],
    known: &KnownNames,
) -> Result<Resolved, LogtoError> {
    Ok(resolved(Tenant::look_up(reader, products, protected).await?, products, protected, known))
}

/// The catalog by what names stood for before, while Logto cannot be asked. A name that is not known is left out.
pub fn resolve_unasked(products: &[Product], protected: &[ProtectedRole], known: &KnownNames) -> Catalog {
    resolved(Tenant::unasked(products), products, protected, known).catalog
}

/// The catalog, and what is wrong with its names. In one piece: all of it grows in one walk over the products.
fn resolved(mut tenant: Tenant, products: &[Product], protected: &[ProtectedRole], known: &KnownNames) -> Resolved {
    let names = tenant.names();
    let kept = tenant.keep(known);
    let mut problems = tenant.protected.problems(protected, known);
    let mut another = Vec::new();
    for ProtectedRole { name, line, column } in protected {
        let keys = [ROLE, ORGANIZATION_ROLE].map(|kind| (kind.to_owned(), name.clone()));
        let turned = keys.iter().filter_map(|key| is_another(key, &names, known));
        another.extend(turned.map(|message| Problem {
            of: Named::Protection,
            line: *line,
            column: *column,
            message,
            hint: None,
        }));
    }
    let mut nameless: BTreeSet<(usize, u32)> = BTreeSet::new();
    let mut named: BTreeMap<Target, TargetEntry> = BTreeMap::new();
    let mut wanted: Vec<Vec<(Target, u32)>> = Vec::new();

    for (at, product) in products.iter().enumerate() {
        let mut targets: Vec<(Target, u32)> = Vec::new();
        for Wanted { what, line, column } in &product.entitlements {
            for key in keys(what) {
                let problem = |message, hint| {
                    let (line, column) = (*line, *column);
                    Problem { of: Named::Target, line, column, message, hint }
                };
                if let Some((wrong, id)) = kept.get(&key) {
                    let message = format!("{}; `{id}`, its id until now, stays in use", wrong.message);
                    problems.push(problem(message, wrong.hint.clone()));
                }
                another.extend(is_another(&key, &names, known).map(|message| problem(message, None)));
            }
            match tenant.entries(what) {
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
                    problems.extend(wrongs.into_iter().filter(|wrong| !told(wrong)).map(|Wrong { message, hint }| {
                        Problem { of: Named::Target, line: *line, column: *column, message, hint }
                    }));
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
    let mut told = BTreeSet::new();
    another.retain(|one| told.insert(one.message.clone()));

    let mut targets = told_apart(named.into_values().collect());
    // The name wins where it stands for something else now.
    let mut last = known.clone();
    last.extend(names.clone());
    for entry in &mut targets {
        entry.protected = protected.iter().any(|role| entry.is_role(&role.name, &last));
    }
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
            quantity: product.quantity,
            grace: product.grace,
            on_refund: product.on_refund,
            on_partial_refund: product.on_partial_refund,
            on_dispute: product.on_dispute,
        }));
    }
    Resolved { catalog, problems, another, names }
}

/// Says that a name stands for another id than before.
fn is_another(key: &(String, String), names: &KnownNames, known: &KnownNames) -> Option<String> {
    let (now, before) = (names.get(key)?, known.get(key)?);
    let (kind, name) = key;
    (now != before).then(|| format!("the {kind} `{name}` has another id than before: `{now}`, not `{before}`"))
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
    protected: Protected,
}

impl Tenant {
    async fn look_up(reader: &Reader, products: &[Product], protected: &[ProtectedRole]) -> Result<Self, LogtoError> {
        let [roles, organizations, organization_roles] = Self::wanted(products);
        let protected: BTreeSet<&str> = protected.iter().map(|role| role.name.as_str()).collect();
        let asked = roles.union(&protected).copied().collect();
        let within = async {
            match organization_roles.is_empty() && protected.is_empty() {
                true => Ok(Vec::new()),
                false => reader.organization_roles().await,
            }
        };
        let (called, within, organizations) =
            tokio::try_join!(roles_called(reader, &asked), within, look_up_organizations(reader, &organizations))?;
        let (mut found, missed) = Protected::among(&protected, &called, &within);
        for name in missed {
            let wrong = no_such_role(reader, &name, &within).await?;
            found.miss(name, wrong);
        }
        let (roles, organization_roles) = tokio::try_join!(
            look_up_roles(reader, &roles, &called),
            look_up_organization_roles(reader, &organization_roles, &within),
        )?;
        Ok(Self { roles, organizations, organization_roles, protected: found })
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
            protected: Protected::default(),
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
        let mut names = self.protected.names.clone();
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
    fn entries(&self, what: &WantedTarget) -> Result<Vec<TargetEntry>, Vec<Wrong>> {
        let membership = |organization: &wire::Organization| TargetEntry {
            target: Target::Membership { organization: organization.id.clone() },
            name: format!("organization {}", organization.name),
            role: None,
            protected: false,
        };
        match what {
            WantedTarget::Role(name) => match &self.roles[name] {
                Ok(role) => Ok(vec![TargetEntry {
                    target: Target::Role { role: role.id.clone() },
                    name: format!("role {}", role.name),
                    role: Some(role.name.clone()),
                    protected: false,
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
                            role: Some(role.name.clone()),
                            protected: false,
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
