//! What is new about the mappings of the file: which no full pass has settled yet, and which lead to another target
//! only because a name stands for another id in Logto.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::super::PassContext;
use crate::config::settings::source::SourceSettings;
use crate::model::{Catalog, KnownNames, ORGANIZATION, ORGANIZATION_ROLE, ROLE, SourceName, Target};
use crate::store::{Mapping, Presence, StoreError};

/// Marks the mappings that no full pass has settled yet, so that what they cause counts as a commit's doing, and
/// those that replace another one, which is Logto's.
pub(super) async fn note_new_mappings(
    context: PassContext<'_>,
    catalog: &mut Catalog,
    mappings: &[Mapping],
) -> Result<(), StoreError> {
    let known: HashMap<(String, String), &Mapping> =
        mappings.iter().map(|mapping| ((mapping.product.clone(), mapping.target.clone()), mapping)).collect();
    let before = before(context).await?;
    let targets: Vec<Target> = catalog.targets.iter().map(|entry| entry.target.clone()).collect();
    for rule in &mut catalog.products {
        let product = rule.key();
        for entitlement in &mut rule.entitlements {
            let target = &targets[entitlement.target.at()];
            let mapping = known.get(&(product.clone(), target.key()));
            entitlement.new_since = match mapping {
                Some(mapping) => (!mapping.settled).then(|| seconds(mapping.since)),
                None => Some(seconds(context.now)),
            };
            let replaced = match mapping {
                Some(mapping) => mapping.replaces.as_deref().and_then(Target::from_key),
                None => replaced(target, &before).filter(|old| known.contains_key(&(product.clone(), old.key()))),
            };
            entitlement.replaces = replaced;
        }
    }
    Ok(())
}

/// Sources of the file of which orders are known, and that no full pass has read where they are read now, or that the
/// last one went without.
pub(super) async fn new_sources(context: PassContext<'_>) -> Result<BTreeSet<SourceName>, StoreError> {
    let known = context.store.sources().await?;
    let is_new = |source: &&SourceSettings| {
        known.iter().any(|known| {
            let is_as_before = known.presence == Presence::Named && known.address.as_ref() == Some(&source.address());
            known.name == source.name && !is_as_before
        })
    };
    Ok(context.config.sources.iter().filter(is_new).map(|source| source.name.clone()).collect())
}

/// What names stood for before, by kind and the id that they stand for now.
type Before = BTreeMap<(String, String), String>;

async fn before(context: PassContext<'_>) -> Result<Before, StoreError> {
    let mut former: KnownNames = context.store.former_names().await?;
    // What this pass was told is remembered with it.
    let known = context.store.known_names().await?;
    former.extend(known.into_iter().filter(|(key, id)| context.names.get(key).is_some_and(|now| now != id)));
    let one = |((kind, name), id): ((String, String), String)| {
        let now = context.names.get(&(kind.clone(), name))?;
        Some(((kind, now.clone()), id))
    };
    Ok(former.into_iter().filter_map(one).collect())
}

/// The target of the same names before, where that is another one.
fn replaced(target: &Target, before: &Before) -> Option<Target> {
    let id =
        |kind: &str, now: &str| before.get(&(kind.to_owned(), now.to_owned())).map_or(now, String::as_str).to_owned();
    let old = match target {
        Target::Role { role } => Target::Role { role: id(ROLE, role.as_str()).into() },
        Target::Membership { organization } => {
            Target::Membership { organization: id(ORGANIZATION, organization.as_str()).into() }
        }
        Target::OrganizationRole { organization, role } => Target::OrganizationRole {
            organization: id(ORGANIZATION, organization.as_str()).into(),
            role: id(ORGANIZATION_ROLE, role.as_str()).into(),
        },
    };
    (old != *target).then_some(old)
}

/// Whole seconds since 1970, as the core counts them.
fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_second().max(0)).unwrap_or(u32::MAX)
}
