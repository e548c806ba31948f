//! Every small world of two users and two roles: where limits start to matter, per target and in total.

use std::collections::BTreeSet;

use entitled::model::{Limit, Ownership, Prune, TargetIx};
use entitled::planner::desired::{Ending, Origin, State};
use entitled::planner::input::{Coverage, LedgerTrust};
use entitled::planner::{Bound, Cause, Hold, Plan, Verb};

use super::exhaustive::{Cell, Frame, Owner, Shop, Small, floor, judged};
use crate::support::builders::worlds::role;

const BARE: Cell = Cell { claim: None, held: false, asked: true, owner: Owner::Nobody, tied: false };
const OURS: Owner = Owner::Claimed(Ownership::Granted);
const REFUNDED: Option<(State, Origin)> = Some((State::Ended(Ending::Refunded), Origin::Sale));

/// Refunded, ours, proved.
const GOES: Cell = Cell { claim: REFUNDED, held: true, owner: OURS, ..BARE };
/// The same, and nobody has asked for the holder yet.
const UNPROVED: Cell = Cell { asked: false, ..GOES };
const SOLD: Cell = Cell { claim: Some((State::Entitled, Origin::Sale)), ..BARE };
const COMMITTED: Cell = Cell { claim: Some((State::Entitled, Origin::Commit)), ..BARE };
/// A grant of ours that somebody took away by hand, for an order that is older than the mapping.
const DRIFTED: Cell = Cell { owner: OURS, ..COMMITTED };
const AT_REST: Cell = Cell { held: true, ..DRIFTED };
const FOREIGN: Cell = Cell { held: true, ..BARE };

const LIMITS: [Limit; 6] = [floor(0), floor(1), floor(2), floor(3), floor(4), Limit { percent: 50.0, floor: 0 }];

fn counted(plan: &Plan, verb: Verb, cause: impl Fn(Cause) -> bool, target: u16) -> u64 {
    let is = |action: &&entitled::planner::Action| {
        action.verb == verb && cause(action.why.cause) && action.target == TargetIx(target)
    };
    plan.actions.iter().filter(is).count() as u64
}

#[test]
fn every_world_of_two_users_and_two_roles() {
    let shop = Shop::of(&[role("one"), role("two")]);
    let kinds = [GOES, UNPROVED, SOLD, COMMITTED, DRIFTED, AT_REST];
    let mut walked = 0;
    let mut bounds = BTreeSet::new();
    for a in kinds {
        for b in kinds {
            for c in kinds {
                for d in kinds {
                    for limit in LIMITS {
                        for spent in [0, 1] {
                            let ample = Frame::ample(Prune::Owned);
                            let frame = Frame { revocations: limit, config_grants: limit, spent, ..ample };
                            let cells = [[a, b], [c, d]];
                            let small = Small::new(&shop, &[Coverage::Whole; 2], &[&cells[0], &cells[1]], frame);
                            let plan = judged(&small);
                            // Each target lets all of its own through, or nothing; sales and drift always pass.
                            for (target, cells) in (0..).zip(&cells) {
                                let of = |kind: &[Cell]| cells.iter().filter(|cell| kind.contains(cell)).count() as u64;
                                let free = counted(&plan, Verb::Grant, |cause| cause != Cause::Commit, target);
                                assert_eq!(free, of(&[SOLD, DRIFTED]));
                                let by_commit = counted(&plan, Verb::Grant, |cause| cause == Cause::Commit, target);
                                assert!([0, of(&[COMMITTED])].contains(&by_commit));
                                let taken = counted(&plan, Verb::Revoke, |_| true, target);
                                assert!([0, of(&[GOES])].contains(&taken));
                            }
                            for held in &plan.held {
                                let Hold::OverLimit(bound, over) = held.hold else { continue };
                                let alike = plan.held.iter().filter(|other| {
                                    other.hold == held.hold
                                        && other.action.verb == held.action.verb
                                        && (bound == Bound::Total || other.action.target == held.action.target)
                                });
                                assert_eq!(over.wanted, alike.count() as u64, "{:?}", plan.held);
                                bounds.insert((held.action.verb, bound));
                            }
                            walked += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(walked, 6 * 6 * 6 * 6 * 6 * 2);
    assert_eq!(bounds.len(), 6, "both verbs meet the bound of each target and that of all: {bounds:?}");
}

#[test]
fn every_world_of_two_users_and_one_role_under_every_guard() {
    let shop = Shop::of(&[role("one")]);
    let kinds = [GOES, UNPROVED, SOLD, COMMITTED, DRIFTED, AT_REST, FOREIGN];
    let mut walked = 0;
    for a in kinds {
        for b in kinds {
            for limit in LIMITS {
                for spent in [0, 1] {
                    for prune in [Prune::Never, Prune::Owned, Prune::Exclusive] {
                        for ledger in [LedgerTrust::Fresh, LedgerTrust::Seasoned] {
                            for coverage in [Coverage::Whole, Coverage::Partial { seen: 1, total: 2 }, Coverage::Asked]
                            {
                                let frame = Frame {
                                    revocations: limit,
                                    config_grants: limit,
                                    spent,
                                    ledger,
                                    ..Frame::ample(prune)
                                };
                                judged(&Small::new(&shop, &[coverage], &[&[a, b]], frame));
                                walked += 1;
                            }
                        }
                    }
                }
            }
        }
    }
    assert_eq!(walked, 7 * 7 * 6 * 2 * 3 * 2 * 3);
}
