//! A plan with every number replaced by the name a person knows it by.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::dropped::Dropped;
use super::messages;
use super::origin::Origin;
use super::settling::Settling;
use crate::model::{Buyer, Catalog, Email, OrderId, OrderKey, Resolution, RunId, SourceName, TargetIx, UserId, UserIx};
use crate::planner::approval::{HeldSet, Lifts, held_sets};
use crate::planner::input::{Actual, Freeze};
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
    pub freeze: Option<FreezeView>,
    /// Sources that the file no longer has and that something rests on.
    pub dropped: Vec<Dropped>,
    /// What earlier versions of the file still ask for.
    pub settling: Option<Settling>,
    /// From when on what a limit holds fits into its day: of one target or of all together. Where nothing stands,
    /// waiting does not lift it.
    pub lifts_at: BTreeMap<(Verb, Bound), Timestamp>,
    /// The run that the plan takes back. An approval of what it holds is given for that run.
    pub undoes: Option<RunId>,
}

/// An order as people name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderName {
    /// Where it was placed.
    pub source: SourceName,
    /// Its id there.
    pub id: OrderId,
}

/// A plan in words: what `plan --output json` prints, and what a saved plan is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDocument {
    /// The shape of this document: [`PlanDocument::VERSION`].
    pub version: u32,
    /// The configuration it was made under.
    pub config: Origin,
    /// What is stopped: by whom, why, and until when.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub freeze: Option<FreezeView>,
    /// What is to be done, in the order of doing.
    pub changes: Vec<Change>,
    /// What is wanted and withheld.
    pub held: Vec<HeldChange>,
    /// What is there already and becomes ours.
    pub adoptions: Vec<Change>,
    /// What is ours and is given up, without being taken from anybody.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub releases: Vec<Change>,
    /// Buyers who cannot be given anything yet.
    pub waiting: Vec<Waiting>,
    /// Sources that the file no longer has and whose orders are all that something of ours rests on, by name.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub dropped: Vec<Dropped>,
    /// What earlier versions of the file ask for beyond this one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settling: Option<Settling>,
    /// One for each target, by name.
    pub targets: Vec<TargetView>,
    /// One for each user whom `changes` touches: what they hold, and what they will.
    pub users: Vec<Block>,
    /// The figures.
    pub summary: Summary,
}

/// A freeze that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeView {
    /// `revocations` or `everything`.
    pub stops: Freeze,
    /// From then on.
    pub since: Timestamp,
    /// Then it ends by itself.
    pub until: Timestamp,
    /// Why, in the words of whoever said so.
    pub reason: String,
    /// Who said so.
    pub who: String,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Change {
    /// `grant`, `revoke`, `adopt` or `release`.
    pub action: String,
    /// The Logto user id.
    pub user: UserId,
    /// The buyer's address, where an order gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The target as the file names it.
    pub target: String,
    /// The target by ids.
    pub target_key: String,
    /// One sentence.
    pub because: String,
    /// What happened, in one word: `sale`, `commit`, `drift`, `ended`, `changed`, `moved`, `rebound`, `unmapped`,
    /// `source_gone`, `resolution`, `upgrade`, `undone`, `exclusive` or `unexplained`.
    #[serde(default)]
    pub cause: String,
    /// The order behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// The source of that order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The product of that order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The line of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// A change that is withheld.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeldChange {
    /// What is wanted.
    #[serde(flatten)]
    pub change: Change,
    /// The name of the hold: `OverLimit`, `Incomplete`, ...
    pub hold: String,
    /// Why it is withheld.
    pub reason: String,
    /// What would lift the hold.
    pub lift: String,
    /// What an approval lifts, where that is not all holds of that name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lifts: Option<String>,
    /// The digest of the held set it belongs to, where `entitled approve` can let it through.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub set: Option<String>,
}

/// A buyer who cannot be given anything yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Waiting {
    /// Who paid, as the shop has it.
    pub buyer: String,
    /// `NoAccount`, `NoIdentity` or `Ambiguous`.
    pub reason: String,
    /// What would end the wait.
    pub lift: String,
    /// How many orders what they would hold rests on.
    pub orders: u64,
    /// One of those orders.
    pub order: String,
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

    /// Whether this is a hold (two accounts, nobody guesses) rather than a wait for a sign-up.
    pub fn is_held(&self) -> bool {
        self.reason == messages::AMBIGUOUS
    }
}

/// The figures of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetView {
    /// As the file names it.
    pub name: String,
    /// By ids.
    pub key: String,
    /// Users who should hold it.
    pub desired: u64,
    /// Users who hold it.
    pub actual: u64,
    /// Users who hold it, not by us and not by any order.
    pub foreign: u64,
    /// Users who hold it, not by us, and have paid for it since: nothing to do, and never taken away.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub foreign_paid: u64,
    /// Users who keep it for a grace, an unknown standing, or `prune: never`.
    pub kept: u64,
    /// How complete the read was.
    pub coverage: String,
}

/// What one user holds, and will hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The Logto user id.
    pub user: UserId,
    /// The buyer's address, where an order gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Names of the managed targets held now, sorted.
    pub actual: Vec<String>,
    /// Names of the managed targets held after the plan, sorted.
    pub desired: Vec<String>,
}

/// The figures of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Grants to make.
    pub grants: u64,
    /// Grants to take back.
    pub revocations: u64,
    /// Grants to adopt.
    pub adoptions: u64,
    /// Grants to give up.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub releases: u64,
    /// Actions withheld, ambiguous buyers included.
    pub held: u64,
    /// Buyers without an account.
    pub waiting: u64,
    /// Purchases whose standing is unknown.
    pub unknown: u64,
    /// Grants kept for a grace, an unknown standing, `prune: never`, or `protect` under `prune: exclusive`.
    pub kept: u64,
    /// Grants that are neither ours nor bought.
    pub foreign: u64,
    /// Grants that are not ours and are paid for by now.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub foreign_paid: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl PlanDocument {
    /// The shape of this document.
    pub const VERSION: u32 = 1;

    /// Whether there is nothing to do. What waits for a sign-up or is held is not something to do.
    pub fn in_sync(&self) -> bool {
        self.changes.is_empty() && self.adoptions.is_empty() && self.releases.is_empty()
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
        freeze: names.freeze.clone(),
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
        settling: names.settling.clone(),
        targets,
    }
}

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
            freeze: names.freeze.as_ref(),
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
