//! What the order behind a grant of ours says now, and what becomes of the grant: every row of it.

use std::collections::BTreeSet;

use entitled::model::Recheck;
use entitled::model::{Limit, Limits, OrderKey, Ownership, ProductIx, Prune, TargetIx, UserIx, Verb};
use entitled::planner::desired::{Claim, Desired, Ending, FOREVER, Origin, Past, State};
use entitled::planner::input::{
    Actual, Coverage, Freeze, Holding, LedgerTrust, LedgerView, LimitUsage, Mover, OwnedGrant, PlanConstraints, Rules,
    Turn,
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
    beside: Beside,
    rechecks: Option<Recheck>,
    rules: Rules,
) -> (Plan, String) {
    let mut pro = rule("Pro", &[0]);
    if beside == Beside::Unmapped {
        pro.entitlements.clear();
    }
    let catalog = catalog(&[role("paid")], vec![pro, rule("Lite", &[0])]);
    let state = match beside {
        Beside::Entitled => Some(State::Entitled),
        Beside::Kept => Some(State::Undecided),
        Beside::Refunded => Some(State::Ended(Ending::Refunded)),
        Beside::ExpiredUnread => Some(State::Ended(Ending::Expired)),
        _ => None,
    };
    let claim = |state| Claim { user: ANN, order: OTHER, at: FOREVER, product: LITE, state, origin: Origin::Sale };
    let past = |ending| Past { user: ANN, order: OTHER, product: LITE, ending };
    let desired = Desired {
        targets: vec![state.map(claim).into_iter().collect()],
        ended: match state {
            Some(State::Ended(ending)) => vec![past(ending)],
            _ => Vec::new(),
        },
        ..Desired::default()
    };
    let asked = if beside == Beside::NotAsked { vec![] } else { vec![ANN] };
    let holding = Holding { holders: vec![ANN], coverage: Coverage::Whole, asked, ..Holding::default() };
    let owned = OwnedGrant { user: ANN, order: Some(ROW), product: PRO, ownership: Ownership::Granted };
    let ledger =
        LedgerView { targets: vec![vec![owned]], tally: vec![LimitUsage { base: 1, ..LimitUsage::default() }] };
    let room = if beside == Beside::NoRoom { 0 } else { 9 };
    let limit = Limit { percent: 0.0, floor: room };
    let age = if beside == Beside::Fresh { LedgerTrust::Fresh } else { LedgerTrust::Seasoned };
    let constraints = PlanConstraints {
        turned: turn.map(|turn| ((PAID, ANN), turn)).into_iter().collect(),
        rechecks: rechecks.map(|rechecks| [(ROW, rechecks), (OTHER, rechecks)]).into_iter().flatten().collect(),
        protected: if beside == Beside::Protected { vec![ANN] } else { vec![] },
        freeze: if beside == Beside::Frozen { Freeze::Revocations } else { Freeze::Nothing },
        blind: match beside {
            Beside::Unread => BTreeSet::from([PRO]),
            Beside::ExpiredUnread => BTreeSet::from([LITE]),
            _ => BTreeSet::new(),
        },
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
        (Turn::Moved(mover), _) => Cause::Moved(mover),
        (Turn::Dropped, Rules::Settled) => Cause::Dropped,
        (Turn::Dropped, Rules::New) => Cause::Upgrade,
    }
}

/// The rule that the table is held against: one line for each thing that may stand beside a turn.
fn due(turn: Option<Turn>, prune: Prune, beside: Beside, rechecks: Option<Recheck>, rules: Rules) -> Due {
    let no_evidence = Due::Holds(Hold::Unverified(Doubt::NoEvidence));
    let unread = Due::Holds(Hold::Incomplete(Gap::Source));
    let told = |cause| match rechecks {
        Some(Recheck::Confirmed | Recheck::Unsupported) => Due::Takes(cause),
        Some(Recheck::Failed) => Due::Holds(Hold::Unverified(Doubt::OrderUnconfirmed)),
        None => Due::Holds(Hold::Unverified(Doubt::NotAsked)),
    };
    let proved = |turn| match turn {
        Turn::Dropped => Due::Takes(cause(turn, rules)),
        Turn::Exchanged | Turn::Moved(_) => told(cause(turn, rules)),
    };
    match (beside, turn) {
        (Beside::Entitled | Beside::Kept, _) => Due::Keeps,
        _ if prune == Prune::Never => Due::Keeps,
        (Beside::Protected, _) => Due::Holds(Hold::Protected),
        (Beside::Frozen, _) => Due::Holds(Hold::Frozen),
        (Beside::Fresh, _) => Due::Holds(Hold::FreshLedger),
        (Beside::Unmapped, _) => Due::Takes(Cause::Unmapped),
        (_, None) => no_evidence,
        (Beside::Unread, Some(Turn::Dropped)) | (Beside::ExpiredUnread, Some(_)) => unread,
        (Beside::NoRoom, Some(_)) => Due::OverLimit,
        (Beside::Refunded, Some(Turn::Dropped)) => told(Cause::Ended(Ending::Refunded)),
        (Beside::NotAsked, Some(turn)) => match proved(turn) {
            Due::Takes(_) => Due::Holds(Hold::Unverified(Doubt::NotAsked)),
            held => held,
        },
        (Beside::Nothing | Beside::Refunded | Beside::Unread, Some(turn)) => proved(turn),
    }
}

#[test]
fn what_becomes_of_a_grant_whose_order_says_something_else() {
    use Beside::{
        Entitled, ExpiredUnread, Fresh, Frozen, Kept, NoRoom, NotAsked, Nothing, Protected, Refunded, Unmapped, Unread,
    };
    let turns = [
        None,
        Some(Turn::Exchanged),
        Some(Turn::Moved(Mover::Shop)),
        Some(Turn::Moved(Mover::Commit)),
        Some(Turn::Dropped),
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
    ];
    let rereads = [None, Some(Recheck::Confirmed), Some(Recheck::Unsupported), Some(Recheck::Failed)];
    let mut walked = 0;
    for turn in turns {
        for prune in [Prune::Never, Prune::Owned, Prune::Exclusive] {
            for beside in besides {
                for rechecks in rereads {
                    for rules in [Rules::Settled, Rules::New] {
                        let (plan, told) = planned(turn, prune, beside, rechecks, rules);
                        let expected = due(turn, prune, beside, rechecks, rules);
                        assert_eq!(came(&plan), expected, "{turn:?} {prune:?} {beside:?} {rereads:?} {rules:?}");
                        assert!(expected == Due::Keeps || !told.is_empty());
                        walked += 1;
                    }
                }
            }
        }
    }
    assert_eq!(walked, 5 * 3 * 12 * 4 * 2);
}

#[test]
fn each_cause_has_its_own_words() {
    let told = |turn, rules| {
        let (plan, told) = planned(Some(turn), Prune::Owned, Beside::Nothing, Some(Recheck::Confirmed), rules);
        (messages::cause_word(plan.actions[0].why.cause), told)
    };
    let table = [
        (
            Turn::Exchanged,
            Rules::Settled,
            "changed",
            "ord_1 was changed to another product, and Pro (line 10) is not in it any more",
        ),
        (Turn::Moved(Mover::Shop), Rules::Settled, "moved", "ord_1 belongs to another buyer now: Pro (line 10)"),
        (
            Turn::Moved(Mover::Commit),
            Rules::Settled,
            "rebound",
            "a commit changed `buyers.bindings`, and ord_1 belongs to another user now: Pro (line 10)",
        ),
        (
            Turn::Dropped,
            Rules::Settled,
            "source_gone",
            "ord_1 is an order of `shop`, which the file no longer has: Pro (line 10)",
        ),
        (
            Turn::Dropped,
            Rules::New,
            "upgrade",
            "this version of entitled counts no orders of sources that the file does not have, and ord_1 is one of `shop`: Pro (line 10)",
        ),
    ];
    for (turn, rules, word, sentence) in table {
        assert_eq!(told(turn, rules), (word, sentence.to_owned()));
    }
}
