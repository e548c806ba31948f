//! Logto -> who holds each target, and how well that is known.
//!
//! A walk only proposes: Logto pages over a live table with `OFFSET`, so rows can be lost although nothing
//! changes. What matters is therefore asked for by id. Never writes, and never takes a read that failed, or
//! an organization that is not there, for "nobody".

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};

use crate::logto::{Found, LogtoError, MemberWalk, Reader};
use crate::model::users::UserIndex;
use crate::model::{Catalog, OrganizationId, OrganizationRoleId, Target, TargetIx, UserId};
use crate::planner::input::{Coverage, Holding};

/// Targets that are read at the same time. The client bounds the calls themselves.
const AT_ONCE: usize = 4;

/// How far a long read has come: the name of the target, holders read, holders in all.
pub type Progress<'a> = &'a (dyn Fn(&str, u64, u64) + Sync);

/// What was seen of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedTarget {
    /// Who was seen to hold it.
    pub holders: BTreeSet<UserId>,
    /// How much of the whole that is.
    pub coverage: Coverage,
    /// Who was asked for by id.
    pub asked: BTreeSet<UserId>,
    /// Of a membership: members who hold a role there that is not a managed target.
    pub tied: BTreeSet<UserId>,
}

impl ObservedTarget {
    /// The same in ranks. A user who is not in the index is left out: nobody speaks of them.
    pub fn holding(&self, user_index: &UserIndex) -> Holding {
        let ranks = |users: &BTreeSet<UserId>| users.iter().filter_map(|user| user_index.ix(user)).collect();
        Holding {
            holders: ranks(&self.holders),
            coverage: self.coverage,
            asked: ranks(&self.asked),
            tied: ranks(&self.tied),
        }
    }

    /// Takes the exact answer about one user.
    fn note(&mut self, user: &UserId, holds: bool) {
        if holds {
            self.holders.insert(user.clone());
        } else {
            self.holders.remove(user);
        }
        self.asked.insert(user.clone());
    }
}

/// What was seen of all targets, in the order of the catalog, and what could not be read.
#[derive(Debug, Default)]
pub struct Observed {
    /// One for each target.
    pub targets: Vec<ObservedTarget>,
    /// Targets by name that could not be read, and why.
    pub troubles: Vec<(String, LogtoError)>,
}

impl Observed {
    /// Nothing yet, of the targets of a catalog.
    pub fn of(catalog: &Catalog) -> Self {
        Self { targets: vec![ObservedTarget::default(); catalog.targets.len()], troubles: Vec::new() }
    }
}

/// Walks every target once: `ceil(holders/100)` calls for each role and each organization, and one more to
/// see that the organization exists, or an organization role that nobody was seen to hold. A target that cannot be read
/// is `Unread`; only an error that would meet every call alike (the credentials, the address) ends it.
pub async fn walk(reader: &Reader, catalog: &Catalog, progress: Progress<'_>) -> Result<Observed, LogtoError> {
    let mut observed = Observed::of(catalog);
    let roles = catalog.indices().filter_map(|(ix, entry)| match &entry.target {
        Target::Role { role } => Some((ix, entry, role)),
        Target::Membership { .. } | Target::OrganizationRole { .. } => None,
    });
    let walks = stream::iter(roles).map(|(ix, entry, role)| async move {
        let report = |done, total| progress(&entry.name, done, total);
        (ix, entry, reader.role_holders(role, Some(&report)).await)
    });
    let walks: Vec<_> = walks.buffered(AT_ONCE).collect().await;
    for (ix, entry, answer) in walks {
        let seen = &mut observed.targets[ix.at()];
        match answer {
            Ok(Found::Here(walk)) => {
                seen.coverage = whole_or_partial(walk.whole(), walk.ids.len(), walk.total.max(walk.total_at_end));
                seen.holders = walk.ids.into_iter().collect();
            }
            Ok(Found::Missing) => seen.coverage = Coverage::Missing,
            Err(error) => trouble(&mut observed.troubles, &entry.name, error)?,
        }
    }

    let organizations: Vec<&OrganizationId> = organizations(catalog).into_iter().collect();
    let walks = stream::iter(organizations).map(|organization| async move {
        let name = format!("organization {organization}");
        let report = |done, total| progress(&name, done, total);
        (organization, reader.members(organization, Some(&report)).await)
    });
    let walks: Vec<_> = walks.buffered(AT_ONCE).collect().await;
    for (organization, answer) in walks {
        match answer {
            Ok(Found::Here(walk)) => spread(&mut observed.targets, catalog, organization, &walk),
            Ok(Found::Missing) => {
                for (ix, _) in inside(catalog, organization) {
                    observed.targets[ix.at()].coverage = Coverage::Missing;
                }
            }
            Err(error) => {
                let name = inside(catalog, organization).next().map_or("organization", |(_, entry)| &entry.name);
                trouble(&mut observed.troubles, name, error)?;
            }
        }
    }
    miss_organization_roles(reader, catalog, &mut observed).await?;
    Ok(observed)
}

/// An organization role that is gone reads like one that nobody holds: the members are there, without it.
async fn miss_organization_roles(
    reader: &Reader,
    catalog: &Catalog,
    observed: &mut Observed,
) -> Result<(), LogtoError> {
    let unheld = catalog.indices().filter_map(|(ix, entry)| {
        let Target::OrganizationRole { role, .. } = &entry.target else { return None };
        let seen = &observed.targets[ix.at()];
        let read = matches!(seen.coverage, Coverage::Whole | Coverage::Partial { .. });
        (read && seen.holders.is_empty()).then_some((ix, entry, role))
    });
    let unheld: Vec<_> = unheld.collect();
    let answers = stream::iter(unheld)
        .map(|(ix, entry, role)| async move { (ix, entry, reader.organization_role_exists(role).await) });
    let answers: Vec<_> = answers.buffered(AT_ONCE).collect().await;
    for (ix, entry, answer) in answers {
        let seen = &mut observed.targets[ix.at()];
        match answer {
            Ok(true) => {}
            Ok(false) => seen.coverage = Coverage::Missing,
            Err(error) => {
                seen.coverage = Coverage::Unread;
                trouble(&mut observed.troubles, &entry.name, error)?;
            }
        }
    }
    Ok(())
}

/// Asks about these users only: `ceil(users/100)` calls for each role, one for each user if any target lies
/// in an organization.
pub async fn ask(reader: &Reader, catalog: &Catalog, users: &BTreeSet<UserId>) -> Result<Observed, LogtoError> {
    let everything = catalog.indices().map(|(ix, _)| (ix, users.clone())).collect();
    let mut observed = Observed::of(catalog);
    for seen in &mut observed.targets {
        seen.coverage = Coverage::Asked;
    }
    confirm(reader, catalog, &mut observed, everything).await?;
    Ok(observed)
}

/// Asks by id about some users of some targets, and corrects what the walk had said of them.
pub async fn confirm(
    reader: &Reader,
    catalog: &Catalog,
    observed: &mut Observed,
    doubtful: BTreeMap<TargetIx, BTreeSet<UserId>>,
) -> Result<(), LogtoError> {
    let mut members: BTreeSet<&UserId> = BTreeSet::new();
    let mut roles = Vec::new();
    for (ix, users) in &doubtful {
        let entry = catalog.target(*ix);
        match &entry.target {
            Target::Role { role } => roles.push((ix, users, entry, role)),
            Target::Membership { .. } | Target::OrganizationRole { .. } => members.extend(users),
        }
    }
    let answers = stream::iter(roles).map(|(ix, users, entry, role)| async move {
        let asked: Vec<UserId> = users.iter().cloned().collect();
        (ix, users, entry, reader.holders_among(role, &asked).await)
    });
    let answers: Vec<_> = answers.buffered(AT_ONCE).collect().await;
    for (ix, users, entry, answer) in answers {
        match answer {
            Ok(Found::Here(holders)) => {
                users.iter().for_each(|user| observed.targets[ix.at()].note(user, holders.contains(user)));
            }
            Ok(Found::Missing) => observed.targets[ix.at()].coverage = Coverage::Missing,
            Err(error) => {
                observed.targets[ix.at()].coverage = Coverage::Unread;
                trouble(&mut observed.troubles, &entry.name, error)?;
            }
        }
    }
    // One call a user tells every organization and every role in it.
    let answers = stream::iter(members).map(|user| async move { (user, reader.user_organizations(user).await) });
    let answers: Vec<_> = answers.buffered(AT_ONCE).collect().await;
    for (user, answer) in answers {
        match answer {
            Ok(held) => {
                let held: BTreeMap<_, _> = held.unwrap_or_default().into_iter().collect();
                for (ix, users) in &doubtful {
                    if users.contains(user) {
                        place(&mut observed.targets[ix.at()], catalog, *ix, user, &held);
                    }
                }
            }
            Err(error) => trouble(&mut observed.troubles, &format!("organizations of {user}"), error)?,
        }
    }
    Ok(())
}

/// Takes the exact answer about one user's organizations into one target.
fn place(
    seen: &mut ObservedTarget,
    catalog: &Catalog,
    ix: TargetIx,
    user: &UserId,
    held: &BTreeMap<OrganizationId, Vec<OrganizationRoleId>>,
) {
    match &catalog.target(ix).target {
        Target::Membership { organization } => {
            let roles = held.get(organization);
            seen.note(user, roles.is_some());
            if roles.is_some_and(|roles| roles.iter().any(|role| !is_managed(catalog, organization, role))) {
                seen.tied.insert(user.clone());
            } else {
                seen.tied.remove(user);
            }
        }
        Target::OrganizationRole { organization, role } => {
            seen.note(user, held.get(organization).is_some_and(|roles| roles.contains(role)));
        }
        Target::Role { .. } => {}
    }
}

/// One walk of an organization tells its membership and every role in it.
fn spread(targets: &mut [ObservedTarget], catalog: &Catalog, organization: &OrganizationId, walk: &MemberWalk) {
    let coverage = whole_or_partial(walk.whole(), walk.members.len(), walk.total.max(walk.total_at_end));
    for (ix, entry) in inside(catalog, organization) {
        let seen = &mut targets[ix.at()];
        seen.coverage = coverage;
        for (user, roles) in &walk.members {
            match &entry.target {
                Target::OrganizationRole { role, .. } if !roles.contains(role) => {}
                Target::Membership { .. } => {
                    seen.holders.insert(user.clone());
                    if roles.iter().any(|role| !is_managed(catalog, organization, role)) {
                        seen.tied.insert(user.clone());
                    }
                }
                Target::OrganizationRole { .. } | Target::Role { .. } => {
                    seen.holders.insert(user.clone());
                }
            }
        }
    }
}

fn whole_or_partial(whole: bool, seen: usize, total: u64) -> Coverage {
    if whole { Coverage::Whole } else { Coverage::Partial { seen: seen as u64, total } }
}

fn organizations(catalog: &Catalog) -> BTreeSet<&OrganizationId> {
    catalog.targets.iter().filter_map(|entry| entry.target.organization()).collect()
}

fn inside<'a>(
    catalog: &'a Catalog,
    organization: &'a OrganizationId,
) -> impl Iterator<Item = (TargetIx, &'a crate::model::TargetEntry)> {
    catalog.indices().filter(move |(_, entry)| entry.target.organization() == Some(organization))
}

fn is_managed(catalog: &Catalog, organization: &OrganizationId, role: &OrganizationRoleId) -> bool {
    catalog.find(&Target::OrganizationRole { organization: organization.clone(), role: role.clone() }).is_some()
}

/// Notes an error that concerns one target; returns one that would meet every call alike.
fn trouble(troubles: &mut Vec<(String, LogtoError)>, name: &str, error: LogtoError) -> Result<(), LogtoError> {
    if !error.is_transient() {
        return Err(error);
    }
    troubles.push((name.to_owned(), error));
    Ok(())
}
