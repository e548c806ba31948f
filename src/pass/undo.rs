//! Looks back at one run and plans its inverse: what it granted is taken away, what it took is given back.
//!
//! Goes through the same gates as any plan, and asks for every holder by id. Never writes to Logto, and never
//! gives back what no order of the store stands behind: nothing would ever prove its end.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::snapshot::{Snapshot, widen};
use super::{Looked, PassContext, PassDraft, PassError, PassScope, PlannedPass, buyers, gated, observe};
use crate::logto::name_forgotten;
use crate::model::users::UserIndex;
use crate::model::{Catalog, Grant, Ownership, ProductIx, RunId, TargetIx, UserId, Verb};
use crate::planner::input::PlanConstraints;
use crate::planner::{Inverse, undo};
use crate::store::{self, AuditRow, Cause, LedgerRow, StoreError};

/// A run, looked back at.
#[derive(Debug)]
pub struct UndoPlan {
    /// The plan that takes it back, as a pass would see it.
    pub planned: PlannedPass,
    /// What it took away and cannot be given back, since the order or the product is not known any more.
    pub lost: Vec<Grant>,
    /// How many grants it changed. None: there is no such run, or it did nothing.
    pub changed: usize,
}

/// Plans the inverse of `run`; changes nothing in Logto.
pub async fn plan_undo(context: PassContext<'_>, run: &RunId) -> Result<UndoPlan, PassError> {
    let calls_before = context.reader.calls();
    let turned = turned(&context.store.audit_of_run(run).await?);
    let buyers = buyers(context, &PassScope::Full, &BTreeSet::new()).await?;
    let ledger = context.store.ledger(None).await?;
    // Targets and products that the run named and neither the file nor the ledger knows any more.
    let named: Vec<LedgerRow> =
        ledger.iter().cloned().chain(turned.iter().filter_map(|(_, row)| as_row(row))).collect();
    let mut catalog = widen(context.catalog, &named, &context.config.protect, context.names);
    let forgotten = catalog.targets.iter_mut().filter(|entry| context.catalog.find(&entry.target).is_none());
    name_forgotten(context.reader, forgotten, &context.config.protect, context.names).await?;
    let mut observed = observe::walk(context.reader, &catalog, context.progress).await?;
    let mut asked: BTreeMap<TargetIx, BTreeSet<UserId>> = BTreeMap::new();
    for grant in turned.iter().filter_map(|(_, row)| row.grant.as_ref()) {
        if let Some(target) = catalog.find(&grant.target) {
            asked.entry(target).or_default().insert(grant.user.clone());
        }
    }
    observe::confirm(context.reader, &catalog, &mut observed, asked).await?;

    let mut snapshot = Snapshot::new(context, &PassScope::Full, catalog, &buyers, &ledger, &observed).await?;
    let wanted = snapshot.desired(context).await?;
    let actual = snapshot.actual(&observed);
    let mut constraints = snapshot.constraints(context, &buyers).await?;
    let mut inverses = Vec::new();
    let mut lost = Vec::new();
    for (verb, row) in &turned {
        let Some(grant) = &row.grant else { continue };
        match inverse(context, &snapshot.catalog, &snapshot.user_index, *verb, row, grant).await? {
            Some(inverse) => inverses.push(inverse),
            None => lost.push(grant.clone()),
        }
    }
    let planner = |snapshot: &Snapshot, constraints: &PlanConstraints| {
        undo(snapshot.input(&wanted, &actual, constraints), &inverses)
    };
    let (plan, approved) = gated(context, &mut snapshot, Some(run), &mut constraints, planner).await?;
    let approvals = approved.used(&plan);
    let looked = Looked::AtAll;
    let seen = PassDraft { snapshot, plan, looked, wanted, actual, observed, buyers, approvals, calls_before };
    Ok(UndoPlan { planned: seen.planned(context, Vec::new(), Some(run.clone())).await?, lost, changed: turned.len() })
}

/// What the run did to each grant last, turned round. What was only written down is left alone.
fn turned(trail: &[AuditRow]) -> Vec<(Verb, AuditRow)> {
    let mut last: BTreeMap<&Grant, (Verb, &AuditRow)> = BTreeMap::new();
    for row in trail {
        let Some(grant) = &row.grant else { continue };
        match row.verb {
            store::Verb::Granted => _ = last.insert(grant, (Verb::Revoke, row)),
            store::Verb::Revoked => _ = last.insert(grant, (Verb::Grant, row)),
            store::Verb::Refused => _ = last.remove(grant),
            store::Verb::Adopted
            | store::Verb::Closed
            | store::Verb::Released
            | store::Verb::Approved
            | store::Verb::ApprovalUsed
            | store::Verb::Frozen
            | store::Verb::Unfrozen => {}
        }
    }
    last.into_values().map(|(verb, row)| (verb, row.clone())).collect()
}

/// The line of the trail as the ledger had it, for the names in it.
fn as_row(row: &AuditRow) -> Option<LedgerRow> {
    Some(LedgerRow {
        grant: row.grant.clone()?,
        ownership: Ownership::Granted,
        cause: row.cause.unwrap_or(Cause::Order),
        source: row.source.clone()?,
        order: row.order.clone()?,
        order_key: None,
        product: row.product.clone()?,
        line: row.line.unwrap_or_default(),
        commit: row.commit.clone().unwrap_or_default(),
        since: Timestamp::UNIX_EPOCH,
        run: row.run.clone()?,
        undone: 0,
    })
}

/// One line of the trail in the numbers of this look. `None`: it would have to be given back without a reason.
async fn inverse(
    context: PassContext<'_>,
    catalog: &Catalog,
    user_index: &UserIndex,
    verb: Verb,
    row: &AuditRow,
    grant: &Grant,
) -> Result<Option<Inverse>, StoreError> {
    let (Some(target), Some(user)) = (catalog.find(&grant.target), user_index.ix(&grant.user)) else { return Ok(None) };
    let found = match (&row.source, &row.order) {
        (Some(source), Some(order)) => context.store.find_order(source, order).await?,
        _ => None,
    };
    // The source may go by another name now than in the trail.
    let (order, source) = match &found {
        Some(found) => (Some(found.key), Some(&found.source)),
        None => (None, row.source.as_ref()),
    };
    let product = (0..).map(ProductIx).zip(&catalog.products).find_map(|(ix, rule)| {
        let sold = rule.source.is_none() || rule.source.as_ref() == source;
        (sold && Some(&rule.product) == row.product.as_ref()).then_some(ix)
    });
    let reasonless = verb == Verb::Grant && (order.is_none() || product.is_none());
    Ok((!reasonless).then_some(Inverse { verb, target, user, order, product }))
}
