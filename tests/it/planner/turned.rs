//! What the order behind a grant of ours says now, and what becomes of the grant: every row of it.

use std::collections::BTreeSet;

use entitled::model::Recheck;
use entitled::model::{Limit, Limits, OrderKey, Ownership, ProductIx, Prune, TargetIx, UserIx, Verb};
use entitled::planner::desired::{Claim, Desired, Ending, FOREVER, Origin, Past, State};
use entitled::planner::input::{
    Actual, Coverage, Freeze, Holding, LedgerTrust, LedgerView, LimitUsage, Mover, NewRule, OwnedGrant,
    PlanConstraints, Rules, Turn,
};
use entitled::planner::{Cause, Doubt, Gap, Hold, Plan, PlanInput, plan};
use entitled::report::{OrderName, messages};

use crate::promises;
use crate::support::builders::worlds::{catalog, role, rule};

const ANN: UserIx = UserIx(0);
const PRO: ProductIx = ProductIx(0);
const LITE: ProductIx = ProductIx(1);
const PAID: TargetIx = TargetIx(0);
/// The order that the row of the ledger names, and another one.
const ROW: OrderKey = OrderKey(1);
const OTHER: OrderKey = OrderKey(2);
const CONFIRMED: Option<Recheck> = Some(Recheck::Confirmed);

/// What stands in the way, or beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    Nothing,
    /// Another order of hers entitles to it.
    Entitled,
    /// Another order of hers keeps it.
    Kept,
    /// Another order of hers was refunded.
    Refunded,
    /// Another order of hers has expired, and its source was not read.
    ExpiredUnread,
    Protected,
    Frozen,
    NoRoom,
    Fresh,
    /// A source was not read.
    Unread,
    /// The file maps the product to nothing.
    Unmapped,
    /// It was asked for by nobody.
    NotAsked,
    /// An order of what gives it could not be read.
    Unclear,
    /// The very order was refunded, under the product that it is for now.
    OwnRefunded,
    /// The very order was refunded, under the product that it was for.
    OwnEnded,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Takes(Cause),
    Holds(Hold),
    OverLimit,
    Keeps,
}

fn planned(
    turn: Option<Turn>,
    prune: Prune,
    beside: &[Beside],
    rechecks: Option<Recheck>,
    rules: Rules,
) -> (Plan, String) {
    let has = |one| beside.contains(&one);
    let mut pro = rule("Pro", &[0]);
    if has(Beside::Unmapped) {
        pro.entitlements.clear();
    }
    let catalog = catalog(&[role("paid")], vec![pro, rule("Lite", &[0])]);
    let states = [
        (Beside::Entitled, State::Entitled),
        (Beside::Kept, State::Undecided),
        (Beside::Refunded, State::Ended(Ending::Refunded)),
        (Beside::ExpiredUnread, State::Ended(Ending::Expired)),
        (Beside::OwnRefunded, State::Ended(Ending::Refunded)),
        (Beside::OwnEnded, State::Ended(Ending::Refunded)),
    ];
    let order = if has(Beside::OwnRefunded) || has(Beside::OwnEnded) { ROW } else { OTHER };
    let product = if has(Beside::OwnEnded) { PRO } else { LITE };
    let state = states.into_iter().find(|(beside, _)| has(*beside)).map(|(_, state)| state);
    let claim = |state| Claim { user: ANN, order, at: FOREVER, product, state, origin: Origin::Sale };
    let past = |ending| Past { user: ANN, order, product, ending };
    let desired = Desired {
        targets: vec![state.map(claim).into_iter().collect()],
        ended: match state {
            Some(State::Ended(ending)) => vec![past(ending)],
            _ => Vec::new(),
        },
        ..Desired::default()
    };
    let asked = if has(Beside::NotAsked) { vec![] } else { vec![ANN] };
    let holding = Holding { holders: vec![ANN], coverage: Coverage::Whole, asked, ..Holding::default() };
    let owned = OwnedGrant { user: ANN, order: Some(ROW), product: PRO, ownership: Ownership::Granted };
    let ledger =
        LedgerView { targets: vec![vec![owned]], tally: vec![LimitUsage { base: 1, ..LimitUsage::default() }] };
    let room = if has(Beside::NoRoom) { 0 } else { 9 };
    let limit = Limit { percent: 0.0, floor: room };
    let age = if has(Beside::Fresh) { LedgerTrust::Fresh } else { LedgerTrust::Seasoned };
    let constraints = PlanConstraints {
        turned: turn.map(|turn| ((PAID, ANN), turn)).into_iter().collect(),
        rechecks: rechecks.map(|rechecks| [(ROW, rechecks), (OTHER, rechecks)]).into_iter().flatten().collect(),
        protected: if has(Beside::Protected) { vec![ANN] } else { vec![] },
        freeze: if has(Beside::Frozen) { Freeze::Revocations } else { Freeze::Nothing },
        blind: [(Beside::Unread, PRO), (Beside::ExpiredUnread, LITE)]
            .into_iter()
            .filter(|(beside, _)| has(*beside))
            .map(|(_, product)| product)
            .collect(),
        unclear: if has(Beside::Unclear) { BTreeSet::from([LITE]) } else { BTreeSet::new() },
        rules,
        ..PlanConstraints::new(prune, Limits { revocations: limit, config_grants: limit }, age)
    };
    let actual = Actual { targets: vec![holding] };
    let world =
        PlanInput { catalog: &catalog, desired: &desired, actual: &actual, ledger: &ledger, constraints: &constraints };
    let plan = plan(world);
    promises::hold(world, &plan);
    let order = OrderName { source: "shop".into(), id: "ord_1".into() };
    let action = plan.actions.first().or_else(|| plan.held.first().map(|held| &held.action));
    let told = action.map(|action| {
        let product = action.why.product.map(|product| catalog.rule(product));
        messages::because(action.verb, &action.why, Some(&order), product)
    });
    (plan, told.unwrap_or_default())
}

fn came(plan: &Plan) -> Due {
    match (&plan.actions[..], &plan.held[..]) {
        ([action], []) if action.verb == Verb::Revoke => Due::Takes(action.why.cause),
        ([], [held]) if matches!(held.hold, Hold::OverLimit(..)) => Due::OverLimit,
        ([], [held]) => Due::Holds(held.hold),
        ([], []) => Due::Keeps,
        other => panic!("{other:?}"),
    }
}

/// What each turn proves when nothing stands beside it.
fn cause(turn: Turn, rules: Rules) -> Cause {
    match (turn, rules) {
        (Turn::Exchanged, _) => Cause::Exchanged,
        (Turn::Alike | Turn::Unknown, _) => Cause::Unexplained,
        (Turn::Moved(mover), _) => Cause::Moved(mover),
        (Turn::Dropped, Rules::SETTLED) => Cause::Dropped,
        (Turn::Dropped, _) => Cause::Upgrade(NewRule::Sources),
    }
}

/// The rule that the table is held against: what goes before what.
fn due(turn: Option<Turn>, prune: Prune, beside: &[Beside], recheck: Option<Recheck>, rules: Rules) -> Due {
    let has = |one| beside.contains(&one);
    if has(Beside::Entitled) || has(Beside::Kept) || prune == Prune::Never {
        return Due::Keeps;
    }
    if turn == Some(Turn::Unknown) && !has(Beside::Unmapped) {
        return Due::Keeps;
    }
    for (beside, hold) in
        [(Beside::Protected, Hold::Protected), (Beside::Frozen, Hold::Frozen), (Beside::Fresh, Hold::FreshLedger)]
    {
        if has(beside) {
            return Due::Holds(hold);
        }
    }
    let ended = [(Beside::Refunded, Ending::Refunded), (Beside::ExpiredUnread, Ending::Expired)];
    let ended = ended.into_iter().find(|(beside, _)| has(*beside)).map(|(_, ending)| ending);
    let cause = match (turn, ended) {
        (Some(Turn::Dropped), _) => cause(Turn::Dropped, rules),
        // Whatever became of others and of the product that it was for: what it is for now has not ended.
        (Some(Turn::Alike), _) => return Due::Holds(Hold::Unverified(Doubt::NoEvidence)),
        (_, Some(ending)) if has(Beside::Unmapped) => Cause::Ended(ending),
        _ if has(Beside::Unmapped) => Cause::Unmapped,
        (Some(turn), _) => cause(turn, rules),
        (None, _) => return Due::Holds(Hold::Unverified(Doubt::NoEvidence)),
    };
    if has(Beside::ExpiredUnread) {
        return Due::Holds(Hold::Incomplete(Gap::Source));
    }
    if turn == Some(Turn::Dropped) && has(Beside::Unread) {
        return Due::Holds(Hold::Incomplete(Gap::Elsewhere));
    }
    if turn == Some(Turn::Dropped) && has(Beside::Unclear) {
        return Due::Holds(Hold::Incomplete(Gap::Odd));
    }
    if has(Beside::NoRoom) {
        return Due::OverLimit;
    }
    // What a payment API said must be said again: that the order turned, and that another one was refunded.
    let said = matches!(cause, Cause::Exchanged | Cause::Moved(_)) || ended == Some(Ending::Refunded);
    match recheck {
        Some(Recheck::Failed) if said => Due::Holds(Hold::Unverified(Doubt::OrderUnconfirmed)),
        None if said => Due::Holds(Hold::Unverified(Doubt::NotAsked)),
        _ if has(Beside::NotAsked) => Due::Holds(Hold::Unverified(Doubt::NotAsked)),
        _ => Due::Takes(cause),
    }
}

#[test]
fn what_becomes_of_a_grant_whose_order_says_something_else() {
    use Beside::{
        Entitled, ExpiredUnread, Fresh, Frozen, Kept, NoRoom, NotAsked, Nothing, Protected, Refunded, Unclear,
        Unmapped, Unread,
    };
    let turns = [
        None,
        Some(Turn::Exchanged),
        Some(Turn::Alike),
        Some(Turn::Moved(Mover::Shop)),
        Some(Turn::Moved(Mover::Commit)),
        Some(Turn::Dropped),
        Some(Turn::Unknown),
    ];
    let besides = [
        Nothing,
        Entitled,
        Kept,
        Refunded,
        ExpiredUnread,
        Protected,
        Frozen,
        NoRoom,
        Fresh,
        Unread,
        Unmapped,
        NotAsked,
        Unclear,
    ];
    let rechecks = [None, Some(Recheck::Confirmed), Some(Recheck::Unsupported), Some(Recheck::Failed)];
    let mut walked = 0;
    let pairs = besides.into_iter().enumerate().flat_map(|(at, one)| besides[at..].iter().map(move |two| [one, *two]));
    // A user has one claim on a target: these two cannot both be it.
    for beside in pairs.filter(|pair| *pair != [Refunded, ExpiredUnread]) {
        for turn in turns {
            for prune in [Prune::Never, Prune::Owned, Prune::Exclusive] {
                for recheck in rechecks {
                    for rules in [Rules::SETTLED, Rules::NEW] {
                        let (plan, told) = planned(turn, prune, &beside, recheck, rules);
                        let expected = due(turn, prune, &beside, recheck, rules);
                        assert_eq!(came(&plan), expected, "{turn:?} {prune:?} {beside:?} {recheck:?} {rules:?}");
                        assert!(expected == Due::Keeps || !told.is_empty());
                        walked += 1;
                    }
                }
            }
        }
    }
    assert_eq!(walked, 90 * 7 * 3 * 4 * 2);
}

#[test]
fn an_order_that_was_changed_and_then_refunded_was_refunded() {
    let (plan, told) = planned(Some(Turn::Alike), Prune::Owned, &[Beside::OwnRefunded], CONFIRMED, Rules::SETTLED);
    assert_eq!(came(&plan), Due::Takes(Cause::Ended(Ending::Refunded)));
    assert!(told.starts_with("ord_1 was refunded"), "{told}");
}

/// Of an order that nobody can judge only the end of what it was for is an end.
#[test]
fn an_order_of_unknown_standing_whose_own_line_was_refunded_was_refunded() {
    for (beside, due) in
        [(Beside::OwnEnded, Due::Takes(Cause::Ended(Ending::Refunded))), (Beside::OwnRefunded, Due::Keeps)]
    {
        let (plan, _) = planned(Some(Turn::Unknown), Prune::Owned, &[beside], CONFIRMED, Rules::SETTLED);
        assert_eq!(came(&plan), due, "{beside:?}");
    }
}

#[test]
fn each_cause_has_its_own_words() {
    let told = |turn, rules| {
        let (plan, told) = planned(Some(turn), Prune::Owned, &[], Some(Recheck::Confirmed), rules);
        (messages::cause_word(plan.actions[0].why.cause), told)
    };
    let table = [
        (
            Turn::Exchanged,
            Rules::SETTLED,
            "changed",
            "ord_1 was changed to another product, and Pro (line 10) is no longer in it",
        ),
        (Turn::Moved(Mover::Shop), Rules::SETTLED, "moved", "ord_1 belongs to another buyer now: Pro (line 10)"),
        (
            Turn::Moved(Mover::Commit),
            Rules::SETTLED,
            "rebound",
            "a commit changed `buyers.bindings`, and ord_1 belongs to another user now: Pro (line 10)",
        ),
        (
            Turn::Dropped,
            Rules::SETTLED,
            "source_gone",
            "ord_1 is an order of `shop`, which the file no longer has: Pro (line 10)",
        ),
        (
            Turn::Dropped,
            Rules::NEW,
            "upgrade",
            "this version of entitled ignores orders of sources that the file does not have, and ord_1 is one of `shop`: Pro (line 10)",
        ),
    ];
    for (turn, rules, word, sentence) in table {
        assert_eq!(told(turn, rules), (word, sentence.to_owned()));
    }
}
