//! What a full pass would plan by what the store knows, while nobody is asked: neither Logto nor any payment API.
//!
//! Who holds what is what the passes before have seen: all that is ours and was not seen to be gone, and what others had
//! given. The orders behind a revocation are taken to be as the store has them. Never writes.

use std::collections::BTreeMap;

use super::approved::Approved;
use super::observe::Observed;
use super::snapshot::{Snapshot, widen};
use super::waiting::waiting;
use super::{PassContext, PassDraft, PassError, PassScope, PlannedPass, skew};
use crate::clock::Steady;
use crate::model::{Catalog, ORGANIZATION, ORGANIZATION_ROLE, ROLE, Recheck, Target};
use crate::planner::desired::Desired;
use crate::planner::input::{Actual, Coverage, PlanConstraints};
use crate::planner::{Plan, plan};
use crate::store::{LedgerRow, Scope, Store, StoreError};

/// Plans as [`plan_pass`](super::plan_pass) does for everybody, by what is known.
///
/// Guarantees: asks nobody, and changes nothing anywhere.
///
/// Caveats: whom `protect.emails` covers by an address that Logto alone has is not known, nor a role within an
/// organization that no target is; and of a target that no pass has seen, nobody is known to hold it.
///
/// # Errors
/// Those of the store.
pub async fn foresee(context: PassContext<'_>) -> Result<PlannedPass, PassError> {
    let buyers = context.store.buyers(&Scope::All).await?;
    let ledger = context.store.ledger(None).await?;
    let mut catalog = widen(context.catalog, &ledger, &context.config.protect, context.names);
    name_from_memory(&mut catalog, context);
    let observed = last_seen(context.store, &catalog, &ledger).await?;
    let mut snapshot = Snapshot::new(context, &PassScope::Full, catalog, &buyers, &ledger, &observed).await?;
    drop(ledger);
    let wanted = snapshot.desired(context).await?;
    let actual = snapshot.actual(&observed);
    let mut constraints = snapshot.constraints(context, &buyers).await?;
    constraints.turned = snapshot.turned(context, &wanted).await?;
    snapshot.mind_foreign(context, &wanted, &actual, &mut constraints).await?;
    constraints.clock = skew::judge(context, &wanted, Steady::now()).await?;
    let (mut planned, mut approved) = decide(context, &mut snapshot, &wanted, &actual, &mut constraints).await?;
    if !planned.verify.is_empty() {
        let said = planned.verify.orders.iter().map(|order| (*order, Recheck::Confirmed));
        constraints.rechecks = said.collect::<BTreeMap<_, _>>();
        (planned, approved) = decide(context, &mut snapshot, &wanted, &actual, &mut constraints).await?;
    }
    let approvals = approved.used(&planned);
    let waits = waiting(context, &snapshot, &buyers).await?;
    let (plan, calls_before) = (planned, context.reader.calls());
    let looked = super::Looked::AtAll;
    let draft = PassDraft { snapshot, plan, looked, wanted, actual, observed, buyers, approvals, calls_before };
    draft.planned(context, waits, None).await
}

/// What the file gives no more goes by the name that it had, and not by its id.
fn name_from_memory(catalog: &mut Catalog, context: PassContext<'_>) {
    let name = |kind: &str, id: &str| {
        let known = context.names.iter().find(|((of, name), known)| of == kind && known.as_str() == id && name != id);
        known.map_or_else(|| id.to_owned(), |((_, name), _)| name.clone())
    };
    for entry in catalog.targets.iter_mut().filter(|entry| context.catalog.find(&entry.target).is_none()) {
        entry.name = match &entry.target {
            Target::Role { role } => format!("role {}", name(ROLE, role.as_str())),
            Target::Membership { organization } => {
                format!("organization {}", name(ORGANIZATION, organization.as_str()))
            }
            Target::OrganizationRole { organization, role } => {
                let organization = name(ORGANIZATION, organization.as_str());
                format!("organization {organization} role {}", name(ORGANIZATION_ROLE, role.as_str()))
            }
        };
    }
}

/// Plans, and plans again with what only a plan tells: whether the limits are asked at all, and what was let through.
async fn decide(
    context: PassContext<'_>,
    snapshot: &mut Snapshot,
    wanted: &Desired,
    actual: &Actual,
    constraints: &mut PlanConstraints,
) -> Result<(Plan, Approved), StoreError> {
    let mut planned = plan(snapshot.input(wanted, actual, constraints));
    if snapshot.read_usage(context, &planned).await? {
        planned = plan(snapshot.input(wanted, actual, constraints));
    }
    let approved = Approved::read(context, snapshot, None, constraints).await?;
    if !approved.is_empty() {
        planned = plan(snapshot.input(wanted, actual, constraints));
    }
    Ok((planned, approved))
}

/// Who was seen to hold each target by the passes before.
async fn last_seen(store: &Store, catalog: &Catalog, ledger: &[LedgerRow]) -> Result<Observed, StoreError> {
    let mut observed = Observed::of(catalog);
    let lost = store.lost().await?;
    let ours = ledger.iter().map(|row| &row.grant).filter(|grant| lost.binary_search(grant).is_err());
    let foreign = store.foreign(None).await?;
    for grant in ours.chain(foreign.iter().map(|one| &one.grant)) {
        if let Some(target) = catalog.find(&grant.target) {
            observed.targets[target.at()].holders.insert(grant.user.clone());
        }
    }
    for seen in &mut observed.targets {
        seen.coverage = Coverage::Whole;
        seen.asked = seen.holders.clone();
    }
    Ok(observed)
}
