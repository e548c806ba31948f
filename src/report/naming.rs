//! Puts names to a plan: what the planner says in numbers, as a document says it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::dropped::Dropped;
use super::messages;
use super::origin::Origin;
use super::plan::{Block, Change, FreezeView, HeldChange, OrderName, PlanDocument, Summary, TargetView, Waiting};
use super::settling::Settling;
use crate::model::{Buyer, Catalog, Email, OrderId, OrderKey, Resolution, RunId, SourceName, TargetIx, UserId, UserIx};
use crate::planner::approval::{HeldSet, Lifts, held_sets};
use crate::planner::input::Actual;
use crate::planner::{Action, Bound, Held, Hold, Plan, Verb, Whose, Why};
use crate::text::clean;

/// What turns the numbers of a pass back into names.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// By [`UserIx`].
    pub users: Vec<UserId>,
    /// Addresses, where an order gave one.
    pub emails: BTreeMap<UserIx, Email>,
    /// The orders that the plan speaks of.
    pub orders: BTreeMap<OrderKey, OrderName>,
    /// What is stopped while the plan is made.
    pub freezes: Vec<FreezeView>,
    /// Sources that the file no longer has and that something rests on.
    pub dropped: Vec<Dropped>,
    /// Sources that could not be read.
    pub unread: Vec<SourceName>,
    /// What earlier versions of the file still ask for.
    pub settling: Option<Settling>,
    /// From when on what a limit holds fits into its day: of one target or of all together. Where nothing stands,
    /// waiting does not lift it.
    pub lifts_at: BTreeMap<(Verb, Bound), Timestamp>,
    /// The run that the plan takes back. An approval of what it holds is given for that run.
    pub undoes: Option<RunId>,
}

impl Waiting {
    /// `None` for a buyer who is resolved. `bound`: the user whom the file names for the address of this buyer.
    pub fn new(
        buyer: &Buyer,
        resolution: &Resolution,
        bound: Option<&UserId>,
        orders: u64,
        order: &OrderId,
    ) -> Option<Self> {
        let (reason, lift) = messages::waiting(buyer, resolution, bound)?;
        let clean = |text: &str| clean(text).into_owned();
        let (buyer, order) = (clean(&buyer.to_string()), clean(order.as_str()));
        Some(Self { buyer, reason: reason.to_owned(), lift: clean(&lift), orders, order })
    }
}

/// Puts names to a plan.
pub fn view(
    plan: &Plan,
    catalog: &Catalog,
    actual: &Actual,
    names: &Names,
    waiting: Vec<Waiting>,
    unknown: usize,
    config: Origin,
) -> PlanDocument {
    let change = |action: &Action| change(action, catalog, names);
    let held = held(plan, catalog, names, &config);
    let mut waiting = waiting;
    waiting.sort();
    let mut targets: Vec<TargetView> = catalog
        .indices()
        .zip(&plan.tallies)
        .map(|((ix, entry), tally)| TargetView {
            name: clean(&entry.name).into_owned(),
            key: clean(&entry.target.key()).into_owned(),
            desired: tally.desired,
            actual: tally.actual,
            foreign: tally.foreign,
            foreign_paid: tally.foreign_paid,
            kept: tally.kept,
            coverage: messages::coverage(actual.targets[ix.at()].coverage),
        })
        .collect();
    targets.sort_unstable_by(|a, b| (&a.name, &a.key).cmp(&(&b.name, &b.key)));
    let count = |verb| plan.actions.iter().filter(|action| action.verb == verb).count() as u64;
    let ambiguous = waiting.iter().filter(|one| one.is_held()).count() as u64;
    PlanDocument {
        version: PlanDocument::VERSION,
        config: Origin { file: clean(&config.file).into_owned(), ..config },
        freeze: FreezeView::strongest(&names.freezes).cloned(),
        changes: plan.actions.iter().map(change).collect(),
        adoptions: plan.adopt.iter().map(change).collect(),
        releases: plan.release.iter().map(change).collect(),
        users: blocks(plan, catalog, actual, names),
        summary: Summary {
            grants: count(Verb::Grant),
            revocations: count(Verb::Revoke),
            adoptions: plan.adopt.len() as u64,
            releases: plan.release.len() as u64,
            held: held.len() as u64 + ambiguous,
            waiting: waiting.len() as u64 - ambiguous,
            unknown: unknown as u64,
            kept: targets.iter().map(|target| target.kept).sum(),
            foreign: targets.iter().map(|target| target.foreign).sum(),
            foreign_paid: targets.iter().map(|target| target.foreign_paid).sum(),
        },
        held,
        waiting,
        dropped: names.dropped.clone(),
        unread: names.unread.clone(),
        settling: names.settling.clone(),
        targets,
    }
}

/// One change by its names.
pub(super) fn change(action: &Action, catalog: &Catalog, names: &Names) -> Change {
    let Action { verb, target, user, why } = *action;
    let Why { order, product, line, .. } = why;
    let entry = catalog.target(target);
    let order = order.and_then(|key| names.orders.get(&key));
    let rule = product.map(|product| catalog.rule(product));
    Change {
        action: messages::verb(verb).to_owned(),
        user: user_id(names, user),
        email: email(names, user),
        target: clean(&entry.name).into_owned(),
        target_key: clean(&entry.target.key()).into_owned(),
        because: clean(&messages::because(verb, &why, order, rule)).into_owned(),
        cause: messages::cause_word(why.cause).to_owned(),
        order: order.map(|order| clean(order.id.as_str()).into_owned()),
        source: order.map(|order| clean(order.source.as_str()).into_owned()),
        product: rule.map(|rule| clean(rule.product.as_str()).into_owned()),
        line: (line > 0).then_some(line),
    }
}

fn user_id(names: &Names, user: UserIx) -> UserId {
    UserId::from(clean(names.users[user.at()].as_str()).as_ref())
}

fn email(names: &Names, user: UserIx) -> Option<String> {
    names.emails.get(&user).map(|email| clean(email.as_str()).into_owned())
}

/// What is withheld, each with what would lift it.
pub(super) fn held(plan: &Plan, catalog: &Catalog, names: &Names, config: &Origin) -> Vec<HeldChange> {
    let sets = held_sets(plan, catalog, &names.users);
    let set_of: BTreeMap<(Verb, TargetIx, UserIx), usize> =
        sets.iter().enumerate().flat_map(|(at, set)| set.cells.iter().map(move |cell| (*cell, at))).collect();
    let place = |held: &Held| set_of.get(&(held.action.verb, held.action.target, held.action.user)).copied();
    // What is held as a whole has the reasons of the whole.
    let mut causes: Vec<BTreeSet<String>> = vec![BTreeSet::new(); sets.len()];
    for (held, at) in plan.held.iter().filter_map(|held| Some((held, place(held)?))) {
        causes[at].insert(messages::cause(&held.action.why, catalog));
    }
    let of = |(causes, set): (&BTreeSet<String>, &HeldSet)| messages::causes(causes, set.author, &config.short());
    let causes: Vec<String> = causes.iter().zip(&sets).map(of).collect();
    let one = |held: &Held| {
        let change = change(&held.action, catalog, names);
        let place = place(held);
        let approve = place.map(|at| messages::approve(&sets[at].digest, names.undoes.as_ref()));
        let over = match held.hold {
            Hold::OverLimit(bound, _) => Some(bound),
            _ => None,
        };
        let context = messages::Held {
            approve: approve.as_deref(),
            causes: place.map_or("", |at| causes[at].as_str()),
            freeze: FreezeView::last_to_stop(&names.freezes, held.action.verb),
            settling: names.settling.as_ref(),
            lifts_at: over.and_then(|bound| names.lifts_at.get(&(held.action.verb, bound)).copied()),
            bound: match over {
                Some(Bound::Target(target)) => Some(catalog.target(target).name.as_str()),
                Some(Bound::Total) | None => None,
            },
            clock: match held.hold {
                Hold::ClockDoubtful(off) => match off.whose {
                    Whose::SourceOf(order) => names.orders.get(&order).map(|order| order.source.as_str()),
                    Whose::Logto => None,
                },
                _ => None,
            },
        };
        let (reason, lift) = messages::hold(&held.hold, &change, &context);
        let (reason, lift) = (clean(&reason).into_owned(), clean(&lift).into_owned());
        let set = place.map(|at| sets[at].digest.clone());
        let name = messages::hold_name(&held.hold);
        let lifts = held.hold.lifts().map(Lifts::word).filter(|word| *word != name).map(str::to_owned);
        HeldChange { hold: name.to_owned(), reason, lift, lifts, set, change }
    };
    let mut held: Vec<HeldChange> = plan.held.iter().map(one).collect();
    held.sort();
    held
}

fn blocks(plan: &Plan, catalog: &Catalog, actual: &Actual, names: &Names) -> Vec<Block> {
    let mut changes: BTreeMap<UserIx, Vec<&Action>> = BTreeMap::new();
    for action in &plan.actions {
        changes.entry(action.user).or_default().push(action);
    }
    let block = |(user, actions): (UserIx, Vec<&Action>)| {
        let mut block =
            Block { user: user_id(names, user), email: email(names, user), actual: Vec::new(), desired: Vec::new() };
        for (target, entry) in catalog.indices() {
            let held = actual.targets[target.at()].holders.binary_search(&user).is_ok();
            let change = actions.iter().find(|action| action.target == target).map(|action| action.verb);
            if held {
                block.actual.push(clean(&entry.name).into_owned());
            }
            if change == Some(Verb::Grant) || (held && change != Some(Verb::Revoke)) {
                block.desired.push(clean(&entry.name).into_owned());
            }
        }
        block.actual.sort_unstable();
        block.desired.sort_unstable();
        block
    };
    changes.into_iter().map(block).collect()
}
