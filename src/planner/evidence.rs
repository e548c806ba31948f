//! Why: the reason that is given for each thing that happens to a grant.
//!
//! Pure. Says what the orders, the ledger and the file say; the planner decides what follows from it.

use super::desired::{Ending, Origin, Past, State};
use super::input::{OwnedGrant, Presence, Turn};
use super::{Cause, Claim, Mover, NewRule, PlanInput, Row, Why};
use crate::model::{ProductIx, TargetIx, UserIx};

/// Why something is given or adopted.
pub(super) fn given(input: PlanInput<'_>, target: TargetIx, row: Row<'_>) -> Why {
    let claim = row.claim.expect("only an entitled row is given anything");
    let cause = match (row.owned, claim.origin) {
        (Some(_), _) if input.constraints.open.contains_key(&(target, row.user)) => Cause::Retry,
        // Of what is gone as a whole, or cannot be read, nobody has taken anything from anybody.
        (Some(_), _) if input.actual.targets[target.at()].presence(row.user) == Presence::Unknown => Cause::Sale,
        (Some(_), _) => Cause::Drift,
        (None, Origin::Sale) => Cause::Sale,
        (None, Origin::Commit) => Cause::Commit,
        (None, Origin::Resolution) => Cause::Resolution,
    };
    Why {
        cause,
        order: Some(claim.order),
        product: Some(claim.product),
        line: line(input, claim.product, target),
        at: claim.at,
    }
}

/// Why something of ours is given up.
pub(super) fn released(input: PlanInput<'_>, target: TargetIx, owned: &OwnedGrant, cause: Cause) -> Why {
    let line = line(input, owned.product, target);
    Why { cause, order: owned.order, product: Some(owned.product), line, at: 0 }
}

/// How the commit that made a grant ours was taken back: it mapped the product, bound the buyer, or named the source.
pub(super) fn taken_back(input: PlanInput<'_>, target: TargetIx, user: UserIx, owned: &OwnedGrant) -> Option<Cause> {
    if line(input, owned.product, target) == 0 {
        return Some(Cause::Unmapped);
    }
    match turned(input, target, user, owned)? {
        Turn::Moved(Mover::Commit) => Some(Cause::Moved(Mover::Commit)),
        Turn::Dropped => Some(Cause::Dropped),
        Turn::Moved(Mover::Shop) | Turn::Exchanged | Turn::Alike | Turn::Unknown => None,
    }
}

/// Why something of ours is taken away; `Err` carries what is known where nothing proves it.
pub(super) fn taken(input: PlanInput<'_>, target: TargetIx, row: Row<'_>, owned: &OwnedGrant) -> Result<Why, Why> {
    let mapped = line(input, owned.product, target);
    let by_row = |cause| Why { cause, order: owned.order, product: Some(owned.product), line: mapped, at: 0 };
    let turned = turned(input, target, row.user, owned);
    // The end of one order says nothing of another: the one that caused the grant must have ended too, for the
    // product that was the reason or for the one that it is for now.
    let accounted = input.desired.ended_of(row.user).iter().any(|past| {
        let instead = turned == Some(Turn::Alike) && line(input, past.product, target) != 0;
        Some(past.order) == owned.order && (past.product == owned.product || instead)
    });
    let unmapped = mapped == 0 && turned != Some(Turn::Alike);
    match (row.claim, turned) {
        // Before anything else: nobody reads that order any more, so what others say is no word on it.
        (_, Some(Turn::Dropped)) if input.constraints.rules.lack(NewRule::Sources) => {
            Ok(by_row(Cause::Upgrade(NewRule::Sources)))
        }
        (_, Some(Turn::Dropped)) => Ok(by_row(Cause::Dropped)),
        (Some(&Claim { state: State::Ended(how), order, product, at, .. }), _) if accounted || unmapped => {
            let cause = match how {
                Ending::Recounted if input.constraints.rules.lack(NewRule::Quantity) => {
                    Cause::Upgrade(NewRule::Quantity)
                }
                how => Cause::Ended(how),
            };
            let line = line(input, product, target);
            Ok(Why { cause, order: Some(order), product: Some(product), line, at })
        }
        (_, _) if unmapped && is_replaced(input, owned.product, target) => Ok(by_row(Cause::Resolution)),
        (_, _) if unmapped => Ok(by_row(Cause::Unmapped)),
        (_, Some(Turn::Exchanged)) => Ok(by_row(Cause::Exchanged)),
        (_, Some(Turn::Moved(mover))) => Ok(by_row(Cause::Moved(mover))),
        (_, Some(Turn::Alike | Turn::Unknown) | None) => Err(by_row(Cause::Unexplained)),
    }
}

/// Whether nobody knows how the order behind a grant of ours stands, so that nothing else that it says counts.
pub(super) fn stands_unknown(input: PlanInput<'_>, target: TargetIx, user: UserIx, owned: &OwnedGrant) -> bool {
    let ended = |past: &Past| Some(past.order) == owned.order && past.product == owned.product;
    turned(input, target, user, owned) == Some(Turn::Unknown)
        && line(input, owned.product, target) != 0
        && !input.desired.ended_of(user).iter().any(ended)
}

/// What the order behind a grant of ours says now, where that is not what it said then. Only an order that can be
/// read again is evidence of that, or one that nobody reads any more.
pub(super) fn turned(input: PlanInput<'_>, target: TargetIx, user: UserIx, owned: &OwnedGrant) -> Option<Turn> {
    let turned = input.constraints.turned.get(&(target, user)).copied();
    turned.filter(|turn| *turn == Turn::Dropped || owned.order.is_some())
}

/// Whether the product leads to another target now only because a name stands for another id in Logto.
pub(super) fn is_replaced(input: PlanInput<'_>, product: ProductIx, target: TargetIx) -> bool {
    let old = &input.catalog.target(target).target;
    input.catalog.rule(product).entitlements.iter().any(|entitlement| entitlement.replaces.as_ref() == Some(old))
}

/// The line that maps a product to a target; zero where none does.
pub(super) fn line(input: PlanInput<'_>, product: ProductIx, target: TargetIx) -> u32 {
    let rule = input.catalog.rule(product);
    rule.entitlements.iter().find(|entitlement| entitlement.target == target).map_or(0, |entitlement| entitlement.line)
}
