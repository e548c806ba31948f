//! Every small world of one role, and every small world of one organization with a role in it: the
//! promises hold in each of them.

use entitled::model::Recheck;
use entitled::model::{Catalog, Limit, Limits, OrderKey, Ownership, ProductIx, Prune, Target, TargetIx, UserIx};
use entitled::planner::desired::{Claim, Desired, Ending, FOREVER, Origin, Past, State};
use entitled::planner::input::{
    Actual, Coverage, Holding, LedgerTrust, LedgerView, LimitUsage, Mover, OwnedGrant, PlanConstraints, Turn,
};
use entitled::planner::{Hold, Plan, PlanInput, Verb, plan};

use crate::promises;
use crate::support::builders::worlds::{catalog, membership, organization_role, role, rule};
use crate::support::oracle::aftermath;

/// Maps to every target.
const MAPPED: ProductIx = ProductIx(0);
/// Only the ledger still knows it.
const UNMAPPED: ProductIx = ProductIx(1);

/// One user on one target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cell {
    pub(crate) claim: Option<(State, Origin)>,
    pub(crate) held: bool,
    pub(crate) asked: bool,
    pub(crate) owner: Owner,
    pub(crate) tied: bool,
}

/// Whose the grant is, and for which purchase it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Nobody,
    /// For the order that the claim names.
    Claimed(Ownership),
    /// For another order of the same user, which is still known.
    Earlier(Ownership),
    /// For an order that is not known any more.
    Vanished(Ownership),
    /// For an order that not even the ledger names.
    Unnamed(Ownership),
    /// For a product that no longer maps to the target.
    Unmapped(Ownership),
    /// For an order that says something else now.
    Turned(Turn),
}

const OWNERS: [Owner; 13] = [
    Owner::Nobody,
    Owner::Claimed(Ownership::Granted),
    Owner::Claimed(Ownership::Adopted),
    Owner::Earlier(Ownership::Adopted),
    Owner::Vanished(Ownership::Granted),
    Owner::Unnamed(Ownership::Granted),
    Owner::Unmapped(Ownership::Granted),
    Owner::Unmapped(Ownership::Adopted),
    Owner::Turned(Turn::Exchanged),
    Owner::Turned(Turn::Alike),
    Owner::Turned(Turn::Moved(Mover::Shop)),
    Owner::Turned(Turn::Moved(Mover::Commit)),
    Owner::Turned(Turn::Dropped),
];

const PARTIAL: Coverage = Coverage::Partial { seen: 1, total: 2 };
const COVERAGES: [Coverage; 5] = [Coverage::Whole, PARTIAL, Coverage::Asked, Coverage::Unread, Coverage::Missing];

/// What no claim says, weakest first.
pub(crate) const STATES: [State; 7] = [
    State::Ended(Ending::Expired),
    State::Ended(Ending::Refunded),
    State::Ended(Ending::Voided),
    State::Ended(Ending::Disputed),
    State::Grace(Ending::Refunded),
    State::Undecided,
    State::Entitled,
];

/// All but the cells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) prune: Prune,
    pub(crate) ledger: LedgerTrust,
    pub(crate) protect: Protect,
    pub(crate) rechecks: Option<Recheck>,
    pub(crate) revocations: Limit,
    pub(crate) config_grants: Limit,
    /// Revocations and commit-caused grants of the last day, on the first target.
    pub(crate) spent: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protect {
    Nothing,
    Target(u16),
    User,
}

pub(crate) const fn floor(floor: u32) -> Limit {
    Limit { percent: 0.0, floor }
}

impl Frame {
    pub(crate) const fn ample(prune: Prune) -> Self {
        Self {
            prune,
            ledger: LedgerTrust::Seasoned,
            protect: Protect::Nothing,
            rechecks: Some(Recheck::Confirmed),
            revocations: floor(9),
            config_grants: floor(9),
            spent: 0,
        }
    }
}

/// The runs of a world, which [`PlanInput`] borrows.
pub(crate) struct Small<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) desired: Desired,
    pub(crate) actual: Actual,
    pub(crate) ledger: LedgerView,
    pub(crate) constraints: PlanConstraints,
}

impl<'a> Small<'a> {
    /// `cells`: by target, then by user.
    pub(crate) fn new(shop: &'a Shop, coverage: &[Coverage], cells: &[&[Cell]], frame: Frame) -> Self {
        let mut world = Self {
            catalog: shop.with(frame.protect),
            desired: Desired::default(),
            actual: Actual::default(),
            ledger: LedgerView::default(),
            constraints: PlanConstraints {
                protected: if frame.protect == Protect::User { vec![UserIx(0)] } else { vec![] },
                ..PlanConstraints::new(
                    frame.prune,
                    Limits { revocations: frame.revocations, config_grants: frame.config_grants },
                    frame.ledger,
                )
            },
        };
        for (target, (cells, coverage)) in (0_u32..).zip(cells.iter().zip(coverage)) {
            let mut claims = Vec::new();
            let mut holding = Holding { coverage: *coverage, ..Holding::default() };
            let mut rows = Vec::new();
            for (user, cell) in (0..).zip(*cells) {
                // Orders are told apart by target too: what ends a role does not end the membership.
                let claimed = OrderKey(100 + 10 * user + target);
                let (earlier, vanished) = (OrderKey(200 + 10 * user + target), OrderKey(900 + 10 * user + target));
                let user = UserIx(user);
                if let Some((state, origin)) = cell.claim {
                    claims.push(Claim { user, order: claimed, at: FOREVER, product: MAPPED, state, origin });
                    if let State::Ended(ending) = state {
                        let past = |order, ending| Past { user, order, product: MAPPED, ending };
                        world.desired.ended.extend([past(claimed, ending), past(earlier, Ending::Expired)]);
                        world.constraints.rechecks.extend(frame.rechecks.map(|rechecks| (claimed, rechecks)));
                    }
                }
                if cell.held {
                    holding.holders.push(user);
                }
                if cell.asked {
                    holding.asked.push(user);
                }
                if cell.tied {
                    holding.tied.push(user);
                }
                let row = match cell.owner {
                    Owner::Nobody => None,
                    Owner::Claimed(ownership) => Some((Some(claimed), MAPPED, ownership)),
                    Owner::Earlier(ownership) => Some((Some(earlier), MAPPED, ownership)),
                    Owner::Vanished(ownership) => Some((Some(vanished), MAPPED, ownership)),
                    Owner::Unnamed(ownership) => Some((None, MAPPED, ownership)),
                    Owner::Unmapped(ownership) => Some((Some(vanished), UNMAPPED, ownership)),
                    Owner::Turned(turn) => {
                        world.constraints.turned.insert((TargetIx(u16::try_from(target).expect("small")), user), turn);
                        world.constraints.rechecks.extend(frame.rechecks.map(|rechecks| (vanished, rechecks)));
                        Some((Some(vanished), MAPPED, Ownership::Granted))
                    }
                };
                rows.extend(row.map(|(order, product, ownership)| OwnedGrant { user, order, product, ownership }));
            }
            let spent = if target == 0 { frame.spent } else { 0 };
            // What was taken today was there when the day began.
            let base = rows.len() as u64 + spent;
            world.ledger.tally.push(LimitUsage { base, revoked: spent, config_granted: spent });
            world.desired.targets.push(claims);
            world.actual.targets.push(holding);
            world.ledger.targets.push(rows);
        }
        world.desired.ended.sort_unstable_by_key(|past| past.user);
        world
    }

    pub(crate) fn view(&self) -> PlanInput<'_> {
        let Self { catalog, desired, actual, ledger, constraints } = self;
        PlanInput { catalog, desired, actual, ledger, constraints }
    }
}

/// One product for every target, and one that maps to nothing any more.
pub(crate) struct Shop {
    open: Catalog,
    /// The same, each with one protected target.
    protecting: Vec<Catalog>,
}

impl Shop {
    pub(crate) fn of(targets: &[Target]) -> Self {
        let all: Vec<u16> = (0..).take(targets.len()).collect();
        let open = catalog(targets, vec![rule("pro", &all), rule("gone", &[])]);
        let protecting = |at: usize| {
            let mut shop = open.clone();
            shop.targets[at].protected = true;
            shop
        };
        Self { protecting: (0..targets.len()).map(protecting).collect(), open }
    }

    fn with(&self, protect: Protect) -> &Catalog {
        match protect {
            Protect::Target(target) => &self.protecting[usize::from(target)],
            Protect::Nothing | Protect::User => &self.open,
        }
    }
}

fn both() -> [bool; 2] {
    [false, true]
}

/// Every claim there can be, and none.
fn claims() -> Vec<Option<(State, Origin)>> {
    let some = STATES.into_iter().map(|state| Some((state, Origin::Sale)));
    [None, Some((State::Entitled, Origin::Commit))].into_iter().chain(some).collect()
}

/// Every answer of a payment API that can matter to the claim.
fn rereads(claim: Option<(State, Origin)>, owner: Owner) -> &'static [Option<Recheck>] {
    match (claim, owner) {
        (Some((State::Ended(_), _)), _) | (_, Owner::Turned(Turn::Exchanged | Turn::Moved(_))) => {
            &[None, Some(Recheck::Confirmed), Some(Recheck::Unsupported), Some(Recheck::Failed)]
        }
        _ => &[None],
    }
}

/// The guard that allows everything, those that differ from it in one thing, and the pairs that meet.
fn frames() -> Vec<Frame> {
    let frames = |prune| {
        let ample = Frame::ample(prune);
        let none = Frame { revocations: floor(0), config_grants: floor(0), ..ample };
        let fresh = Frame { ledger: LedgerTrust::Fresh, ..ample };
        [
            ample,
            none,
            fresh,
            Frame { protect: Protect::User, ..ample },
            Frame { protect: Protect::Target(0), ..ample },
            Frame { protect: Protect::Target(0), ..fresh },
            Frame { ledger: LedgerTrust::Fresh, ..none },
        ]
    };
    [Prune::Never, Prune::Owned, Prune::Exclusive].into_iter().flat_map(frames).collect()
}

/// What a plan must do in a world of one user and one role: all of it, in one place.
fn due(cell: Cell, coverage: Coverage, frame: Frame) -> Option<Verb> {
    let exact = match coverage {
        Coverage::Whole => true,
        Coverage::Partial { .. } | Coverage::Asked => cell.asked,
        Coverage::Unread | Coverage::Missing => false,
    };
    let Frame { prune, ledger, protect, rechecks, revocations, config_grants, .. } = frame;
    match cell.claim {
        Some((State::Entitled, origin)) => {
            let sold = origin == Origin::Sale || cell.owner != Owner::Nobody;
            let allowed = sold || ledger == LedgerTrust::Fresh || config_grants.floor > 0;
            (exact && !cell.held && allowed && protect != Protect::Target(0)).then_some(Verb::Grant)
        }
        Some((State::Grace(_) | State::Undecided, _)) => None,
        ended => {
            let confirmed = matches!(rechecks, Some(Recheck::Confirmed | Recheck::Unsupported));
            let proved = match (cell.owner, ended) {
                (Owner::Turned(Turn::Exchanged | Turn::Moved(_)), _) => confirmed,
                (Owner::Turned(Turn::Dropped), None) => true,
                (Owner::Turned(Turn::Dropped), Some((State::Ended(how), _))) => how == Ending::Expired || confirmed,
                (Owner::Nobody, _) => prune == Prune::Exclusive && !matches!(coverage, Coverage::Partial { .. }),
                (Owner::Unmapped(_), None) => true,
                (Owner::Claimed(_) | Owner::Earlier(_) | Owner::Unmapped(_), Some((State::Ended(how), _))) => {
                    how == Ending::Expired || confirmed
                }
                _ => false,
            };
            let allowed = prune != Prune::Never
                && ledger == LedgerTrust::Seasoned
                && protect == Protect::Nothing
                && revocations.floor > 0;
            (exact && cell.asked && cell.held && proved && allowed).then_some(Verb::Revoke)
        }
    }
}

#[test]
fn every_world_of_one_user_and_one_role() {
    let shop = Shop::of(&[role("paid")]);
    let frames = frames();
    let mut walked = 0;
    for claim in claims() {
        for owner in OWNERS {
            for rechecks in rereads(claim, owner) {
                for coverage in COVERAGES {
                    for held in both() {
                        for asked in both() {
                            let cell = Cell { claim, held, asked, owner, tied: false };
                            for frame in &frames {
                                let frame = Frame { rechecks: *rechecks, ..*frame };
                                let small = Small::new(&shop, &[coverage], &[&[cell]], frame);
                                let plan = judged(&small);
                                let done: Vec<_> = plan.actions.iter().map(|action| action.verb).collect();
                                assert_eq!(done, Vec::from_iter(due(cell, coverage, frame)), "{cell:?} {frame:?}");
                                walked += 1;
                            }
                        }
                    }
                }
            }
        }
    }
    // 5 claims with one reread and 4 with four, as have 3 of 13 owners; 5 coverages, held, asked, 21 guards.
    assert_eq!(walked, (5 * (10 + 3 * 4) + 4 * 13 * 4) * 5 * 2 * 2 * 21);
}

/// The plan of a world, after every promise was found kept in it.
pub(crate) fn judged(small: &Small<'_>) -> Plan {
    let plan = plan(small.view());
    promises::hold(small.view(), &plan);
    if !(plan.actions.is_empty() && plan.adopt.is_empty() && plan.forget.is_empty()) {
        aftermath::settles(small.view(), &plan);
    }
    plan
}

/// What one target of an organization can look like: a claim and an owner.
fn sides() -> Vec<(Option<State>, Owner)> {
    let granted = Ownership::Granted;
    let owners = [
        Owner::Nobody,
        Owner::Claimed(granted),
        Owner::Vanished(granted),
        Owner::Unmapped(granted),
        Owner::Turned(Turn::Exchanged),
    ];
    let ended = State::Ended(Ending::Refunded);
    let claims = [None, Some(ended), Some(State::Grace(Ending::Refunded)), Some(State::Entitled)];
    claims.into_iter().flat_map(|claim| owners.map(|owner| (claim, owner))).collect()
}

/// How the membership and the role were read (one walk reads both, but a role may be gone by itself), and
/// who was asked about which of them.
const WALKS: [([Coverage; 2], [bool; 2]); 12] = [
    ([Coverage::Whole, Coverage::Whole], [true, true]),
    ([Coverage::Whole, Coverage::Whole], [true, false]),
    ([Coverage::Whole, Coverage::Whole], [false, true]),
    ([PARTIAL, PARTIAL], [true, true]),
    ([PARTIAL, PARTIAL], [true, false]),
    ([PARTIAL, PARTIAL], [false, true]),
    ([Coverage::Asked, Coverage::Asked], [true, true]),
    ([Coverage::Asked, Coverage::Asked], [true, false]),
    ([Coverage::Unread, Coverage::Unread], [true, true]),
    ([Coverage::Missing, Coverage::Missing], [true, true]),
    ([Coverage::Whole, Coverage::Missing], [true, true]),
    ([PARTIAL, Coverage::Whole], [true, true]),
];

/// Held or not: membership and role, and whether the member holds a role there that is not managed.
const HOLDINGS: [([bool; 2], bool); 5] = [
    ([false, false], false),
    ([true, false], false),
    ([true, false], true),
    ([true, true], false),
    ([true, true], true),
];

#[test]
fn every_world_of_one_user_and_one_organization() {
    let shop = Shop::of(&[membership("acme"), organization_role("acme", "editor")]);
    let owned = Frame::ample(Prune::Owned);
    let frames = [
        owned,
        Frame { protect: Protect::Target(0), ..owned },
        Frame { protect: Protect::Target(1), ..owned },
        Frame { revocations: floor(1), ..owned },
        Frame { rechecks: None, ..owned },
        Frame::ample(Prune::Exclusive),
    ];
    let (mut walked, mut left, mut left_alone) = (0, 0, 0);
    for (of_membership, membership_owner) in sides() {
        for (of_role, role_owner) in sides() {
            // Whatever gives the role gives the membership.
            if of_role > of_membership {
                continue;
            }
            for ([member, holder], tied) in HOLDINGS {
                for (walk, asked) in WALKS {
                    let side = |state: Option<State>, held, asked, owner| {
                        let claim = state.map(|state| (state, Origin::Sale));
                        Cell { claim, held, asked, owner, tied: false }
                    };
                    let membership = Cell { tied, ..side(of_membership, member, asked[0], membership_owner) };
                    let role = side(of_role, holder, asked[1], role_owner);
                    for frame in frames {
                        let plan = judged(&Small::new(&shop, &walk, &[&[membership], &[role]], frame));
                        walked += 1;
                        left += plan.actions.iter().filter(|one| (one.verb, one.target.0) == (Verb::Revoke, 0)).count();
                        left_alone += plan.held.iter().filter(|held| held.hold == Hold::Foreign).count();
                    }
                }
            }
        }
    }
    // 10 pairs of claims, 4 owners each, 5 holdings, 12 walks, 6 guards.
    assert_eq!(walked, 10 * 5 * 5 * 5 * 12 * 6);
    assert!(left > 100 && left_alone > 100, "{left} memberships go, {left_alone} stay for the roles in them");
}
