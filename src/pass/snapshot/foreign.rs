//! What a pass knows of grants that are not ours: since when they are there, and which of them no order takes over.
//!
//! Reads the store and writes nothing: what is to be remembered goes into the [`Noted`] of a look.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Snapshot;
use crate::model::{Adopt, Catalog, Grant, OrderKey, Ownership, Purchase, SourceName, TargetIx, UserId, UserIx};
use crate::pass::observe::{Observed, ObservedTarget};
use crate::pass::{PassContext, PassScope};
use crate::planner::Plan;
use crate::planner::desired::{Desired, Origin, State, statements};
use crate::planner::input::{Actual, Coverage, PlanConstraints, Presence};
use crate::source::Source;
use crate::store::{BuyerKey, Cause, ForeignGrant, LedgerRow, Paid, Scope, SpokenOf, StoreError};

/// By target and user: when what entitles now was paid, and since when it is known.
pub(crate) type PaidFor = BTreeMap<(TargetIx, UserIx), Vec<Paid>>;

/// The purchases that entitle to each target now: when each was paid, at the latest, and since when it is known.
pub(crate) async fn paid_for(
    context: PassContext<'_>,
    catalog: &Catalog,
    purchases: &mut [Purchase],
) -> Result<PaidFor, StoreError> {
    let said = statements(purchases, catalog, context.now.as_second());
    let entitling = said.iter().filter(|one| matches!(one.says, Some((State::Entitled, _)))).map(|one| one.purchase);
    let entitling: Vec<Purchase> = entitling.collect();
    let orders: BTreeSet<OrderKey> = entitling.iter().map(|purchase| purchase.order).collect();
    let orders: Vec<OrderKey> = orders.into_iter().collect();
    let mut paid: BTreeMap<OrderKey, Paid> =
        context.store.paid_by(&orders).await?.into_iter().map(|paid| (paid.order, paid)).collect();
    mind_slow_clocks(context, &mut paid).await?;
    let mut paid_for = PaidFor::new();
    for purchase in entitling {
        let Some(&paid) = paid.get(&purchase.order) else { continue };
        for entitlement in &catalog.rule(purchase.product).entitlements {
            paid_for.entry((entitlement.target, purchase.user)).or_default().push(paid);
        }
    }
    Ok(paid_for)
}

/// What was paid by a clock that is slow was paid later than it says, and not after it was read.
async fn mind_slow_clocks(context: PassContext<'_>, paid: &mut BTreeMap<OrderKey, Paid>) -> Result<(), StoreError> {
    let behind = |source: &Source| source.skew().map(|ahead| ahead.as_millis()).filter(|ahead| *ahead < -EXACT);
    let slow: BTreeMap<&SourceName, i64> = context
        .sources
        .iter()
        .filter_map(|source| Some((source.name(), i64::try_from(-behind(source)?).ok()?)))
        .collect();
    if slow.is_empty() {
        return Ok(());
    }
    let orders: Vec<OrderKey> = paid.keys().copied().collect();
    for (order, source) in context.store.sources_of_orders(&orders).await? {
        if let (Some(by), Some(paid)) = (slow.get(&source), paid.get_mut(&order)) {
            paid.at = paid.at.saturating_add(*by).min(paid.known_since.max(paid.at));
        }
    }
    Ok(())
}

/// How exactly clocks are compared, in milliseconds.
const EXACT: i128 = 5_000;

/// Whether any order takes over what somebody else gave, which is at `cell`.
pub(crate) fn is_taken_over(
    grant: &ForeignGrant,
    cell: (TargetIx, UserIx),
    desired: &Desired,
    paid_for: &PaidFor,
) -> bool {
    let origin = desired.claim(cell.0, cell.1).map_or(Origin::Sale, |claim| claim.origin);
    paid_for.get(&cell).into_iter().flatten().any(|paid| takes_over(grant, paid, origin))
}

/// Whether an order takes over what somebody else gave. It does not where it was paid after the grant was seen. Nor
/// does a sale that was known by then, and entitled to nothing of the kind, whatever has become of it since.
fn takes_over(grant: &ForeignGrant, paid: &Paid, origin: Origin) -> bool {
    let seen = grant.first_seen.as_millisecond();
    let was_another = grant.spoken_of == SpokenOf::No && paid.known_since <= seen && origin == Origin::Sale;
    paid.at <= seen && !was_another
}

type Cells = BTreeSet<(TargetIx, UserIx)>;

/// What is remembered of grants that somebody else made.
#[derive(Debug, Default)]
pub(super) struct ByHand {
    /// Not ours, and when a pass first saw each.
    foreign: Vec<ForeignGrant>,
    /// Ours, and there before a commit made an order explain it.
    adopted_by_commit: Vec<Grant>,
    /// Ours, seen to be gone and not made again since.
    lost: Vec<Grant>,
}

/// What a look found out about grants that somebody else made, for the next one to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// Held, not ours, and not known yet.
    pub seen: Vec<(Grant, SpokenOf)>,
    /// Known, and held no more.
    pub gone: Vec<Grant>,
    /// Ours, and neither held nor made again.
    pub lost: Vec<Grant>,
}

impl ByHand {
    /// Reads what is remembered of the users of a pass.
    pub(super) async fn read(
        context: PassContext<'_>,
        span: &PassScope,
        users: &[UserId],
        ledger: &[LedgerRow],
    ) -> Result<Self, StoreError> {
        let adopted = ledger.iter().filter(|row| (row.ownership, row.cause) == (Ownership::Adopted, Cause::Commit));
        Ok(Self {
            foreign: context.store.foreign(matches!(span, PassScope::Quick(_)).then_some(users)).await?,
            adopted_by_commit: adopted.map(|row| row.grant.clone()).collect(),
            lost: match context.config.adopt {
                Adopt::Explained => Vec::new(),
                Adopt::Never => context.store.lost().await?,
            },
        })
    }
}

impl Snapshot {
    /// Tells the planner which grants no order takes over, by the orders that the store has now.
    pub async fn mind_foreign(
        &self,
        context: PassContext<'_>,
        desired: &Desired,
        actual: &Actual,
        guard: &mut PlanConstraints,
    ) -> Result<(), StoreError> {
        guard.adopt = context.config.adopt;
        guard.adopted_by_commit = self.adopted_by_commit();
        // Where an order explains it, it may be ours again; where nothing is ever adopted, it is theirs for good.
        if context.config.adopt == Adopt::Never {
            guard.given_again = self.cells(&self.by_hand.lost);
        }
        guard.foreign = self.there_before(context, desired, actual).await?;
        Ok(())
    }

    /// What is ours since a commit made an order explain it, and was there before.
    pub(super) fn adopted_by_commit(&self) -> Cells {
        self.cells(&self.by_hand.adopted_by_commit)
    }

    /// Grants that are held, not ours and paid for, and that none of those orders takes over.
    async fn there_before(
        &self,
        context: PassContext<'_>,
        desired: &Desired,
        actual: &Actual,
    ) -> Result<Cells, StoreError> {
        let entitled = |(target, user): (TargetIx, UserIx)| {
            desired.claim(target, user).is_some_and(|claim| claim.state == State::Entitled)
                && actual.targets[target.at()].presence(user) == Presence::Held
                && self.ledger_view.find(target, user).is_none()
        };
        let known: BTreeMap<(TargetIx, UserIx), &ForeignGrant> = self
            .by_hand
            .foreign
            .iter()
            .filter_map(|one| Some((self.cell(&one.grant)?, one)))
            .filter(|(cell, _)| entitled(*cell))
            .collect();
        if known.is_empty() {
            return Ok(Cells::new());
        }
        let users: BTreeSet<UserIx> = known.keys().map(|(_, user)| *user).collect();
        let theirs: HashMap<BuyerKey, UserIx> =
            self.user_ix.iter().filter(|(_, user)| users.contains(user)).map(|(key, user)| (*key, *user)).collect();
        let product = |key| self.product_ix.get(&key).copied();
        let user = |key| theirs.get(&key).copied();
        let scope = Scope::Buyers(theirs.keys().copied().collect());
        let mut purchases = context.store.purchases(&self.catalog, &product, &user, &scope).await?;
        let paid_for = paid_for(context, &self.catalog, &mut purchases).await?;
        let stays =
            |(cell, grant): &(&(TargetIx, UserIx), &&ForeignGrant)| !is_taken_over(grant, **cell, desired, &paid_for);
        Ok(known.iter().filter(stays).map(|(cell, _)| *cell).collect())
    }

    /// Remembered grants that somebody is entitled to and that a walk did not see: whether they are gone decides
    /// whose they are when they come back.
    pub(super) fn unseen_foreign<'a>(
        &'a self,
        desired: &'a Desired,
        target: TargetIx,
        seen: &'a ObservedTarget,
    ) -> impl Iterator<Item = UserIx> + 'a {
        let here =
            self.by_hand.foreign.iter().filter_map(|one| self.cell(&one.grant)).filter(move |cell| cell.0 == target);
        here.map(|(_, user)| user).filter(move |user| {
            !seen.holders.contains(self.user_index.id(*user))
                && desired.claim(target, *user).is_some_and(|claim| claim.state == State::Entitled)
        })
    }

    /// What of this look the next one must know.
    pub fn noted(&self, desired: &Desired, actual: &Actual, observed: &Observed, plan: &Plan) -> Noted {
        let ours = |target: TargetIx, user| self.ledger_view.find(target, user).is_some();
        let released: Cells = plan.release.iter().map(|action| (action.target, action.user)).collect();
        let adopted: Cells = plan.adopt.iter().map(|action| (action.target, action.user)).collect();
        let known: BTreeSet<&Grant> = self.by_hand.foreign.iter().map(|one| &one.grant).collect();
        let spoken_of = |cell: (TargetIx, UserIx)| match desired.claim(cell.0, cell.1).map(|claim| claim.state) {
            Some(State::Entitled | State::Grace(_) | State::Undecided) => SpokenOf::Yes,
            Some(State::Ended(_)) | None => SpokenOf::No,
        };
        let mut noted = Noted::default();
        let settled: Cells =
            plan.actions.iter().map(|action| (action.target, action.user)).chain(plan.forget.iter().copied()).collect();
        for (target, _) in self.catalog.indices() {
            let holding = &actual.targets[target.at()];
            if matches!(holding.coverage, Coverage::Unread | Coverage::Missing) {
                continue;
            }
            let held = holding.holders.iter().map(|user| (target, *user));
            // What this very plan takes away is not there when the next pass looks.
            let foreign = held.filter(|cell| {
                (!ours(cell.0, cell.1) || released.contains(cell)) && !adopted.contains(cell) && !settled.contains(cell)
            });
            let seen = foreign.map(|cell| (self.grant(cell), spoken_of(cell)));
            noted.seen.extend(seen.filter(|(grant, _)| !known.contains(grant)));
            let owned = self.ledger_view.targets[target.at()].iter().map(|owned| (target, owned.user));
            let lost = owned.filter(|cell| holding.presence(cell.1) == Presence::Absent && !settled.contains(cell));
            noted.lost.extend(lost.map(|cell| self.grant(cell)));
        }
        let gone = |one: &&ForeignGrant| {
            let Some(target) = self.catalog.find(&one.grant.target) else { return false };
            let seen = &observed.targets[target.at()];
            let exact = match seen.coverage {
                Coverage::Unread | Coverage::Missing => false,
                Coverage::Whole => true,
                Coverage::Asked | Coverage::Partial { .. } => seen.asked.contains(&one.grant.user),
            };
            exact && !seen.holders.contains(&one.grant.user)
        };
        noted.gone = self.by_hand.foreign.iter().filter(gone).map(|one| one.grant.clone()).collect();
        noted
    }
}
