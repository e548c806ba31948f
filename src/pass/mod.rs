//! One pass: observe, plan, and (where it is allowed) apply and record. Top to bottom, in this order:
//!
//! 1. who paid -> users of Logto (`directory`)
//! 2. Logto -> who holds what (`observe`)
//! 3. orders -> what should be (`desired`), ledger -> what is ours
//! 4. the plan; then the orders and the holders behind its revocations are asked for again, and it is
//!    made once more from what they say now
//! 5. `execution`, which has no choice left except to stop when the plan has become obsolete
//!
//! [`plan_pass`] is 1 to 4 and holds a [`Reader`](crate::logto::Reader) only: a dry run ends there and has no way to
//! write to Logto. What it keeps in the store is what it learned (orders, who buyers are), never what is ours.

pub mod active;
pub mod apply;
pub mod approved;
mod asking;
mod context;
mod day;
pub mod directory;
mod draft;
pub mod execution;
pub mod explain;
pub mod foreseen;
mod gone;
pub mod holders;
pub mod ingest;
pub mod kept;
mod let_through;
mod looked;
pub mod lookout;
pub mod observe;
pub mod preview;
pub mod rebuild;
mod skew;
pub mod snapshot;
pub mod sold;
mod succession;
pub mod undo;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use crate::clock::Steady;
use crate::logto::name_forgotten;
use crate::model::{OrderId, OrderKey, Recheck, Resolution, SourceName, UserId};
use crate::planner::desired::Desired;
use crate::planner::input::{Actual, PlanConstraints};
use crate::planner::{Plan, Verify, plan};
use crate::store::{BuyerKey, Scope, Store, StoreError, StoredBuyer};
use approved::Approved;
use asking::Occasion;
use gone::Missed;
use snapshot::{Snapshot, owners, widen};
use waiting::waiting;

pub use context::{PassContext, PassError, PassScope};
pub use draft::PlannedPass;
pub(crate) use draft::{PassDraft, gated};
pub use execution::{Execution, InFlight, Step, execute_pass, execute_while};
pub use looked::Looked;
pub use lookout::Lookout;

impl PassContext<'_> {
    /// Whether the file names a source.
    pub fn names(&self, source: &SourceName) -> bool {
        self.config.sources.iter().any(|one| one.name == *source)
    }
}

/// Looks and plans; changes nothing in Logto.
///
/// Flow: 1 to 4 of the module. `span` says how far it looks: a full pass walks every target, a quick one asks about the
/// buyers of some orders.
///
/// Guarantees: it has no writer, so that nothing in Logto can change. The plan holds no revocation whose order and
/// holder were not asked for again by this call.
///
/// Assumes that sources were read before: of orders it knows what the store has, and of sources that could not be
/// read what the context says. `context.now` is the only time that it goes by.
///
/// Caveat: what it returns is true of the moment at which it looked; to carry it out later, plan again.
///
/// # Errors
/// Where Logto or the store fails as a whole. A target that cannot be read is no error: its changes are held, and it is
/// among the troubles of the pass.
pub async fn plan_pass(context: PassContext<'_>, span: &PassScope) -> Result<PlannedPass, PassError> {
    plan_pass_about(context, span, &BTreeSet::new()).await
}

/// The same, in a quick pass also about these users, whatever orders are theirs.
pub async fn plan_pass_about(
    context: PassContext<'_>,
    span: &PassScope,
    also: &BTreeSet<UserId>,
) -> Result<PlannedPass, PassError> {
    // On the heap, as what a pass knows is large and whoever calls may wait for more besides.
    let seen = Box::pin(observe_and_plan(context, span, also)).await?;
    let waiting = waiting(context, &seen.snapshot, &seen.buyers).await?;
    seen.planned(context, waiting, None).await
}

/// What [`plan_pass`] knows before it is put into words. `also`: users whom a quick look asks about although no
/// order of `span` is theirs.
pub(crate) async fn observe_and_plan(
    context: PassContext<'_>,
    span: &PassScope,
    also: &BTreeSet<UserId>,
) -> Result<PassDraft, PassError> {
    let calls_before = context.reader.calls();
    let began = Steady::now();
    let buyers = buyers(context, span, also).await?;
    // What an order gave before may be somebody else's than whose the order is now.
    let owners = owners(context, span).await?;
    let users: BTreeSet<UserId> = users_of(&buyers).into_iter().chain(owners).chain(also.iter().cloned()).collect();
    let ledger = match span {
        PassScope::Full => context.store.ledger(None).await?,
        PassScope::Quick(_) => context.store.ledger(Some(&users.iter().cloned().collect::<Vec<_>>())).await?,
    };
    let mut catalog = widen(context.catalog, &ledger, &context.config.protect, context.names);
    let forgotten = catalog.targets.iter_mut().filter(|entry| context.catalog.find(&entry.target).is_none());
    name_forgotten(context.reader, forgotten, &context.config.protect, context.names).await?;
    let mut observed = match span {
        PassScope::Full => observe::walk(context.reader, &catalog, context.progress).await?,
        PassScope::Quick(_) => observe::ask(context.reader, &catalog, &users).await?,
    };

    let mut snapshot = Snapshot::new(context, span, catalog, &buyers, &ledger, &observed).await?;
    drop(ledger);
    let mut wanted = snapshot.desired(context).await?;
    let doubtful = snapshot.doubtful(&wanted, &observed);
    observe::confirm(context.reader, &snapshot.catalog, &mut observed, doubtful).await?;
    let mut constraints = snapshot.constraints(context, &buyers).await?;
    let mut actual = snapshot.actual(&observed);
    let (mut planned, mut approved) = decide(context, &mut snapshot, &wanted, &actual, began, &mut constraints).await?;
    match gone::let_go(context, &snapshot, &planned, &mut wanted).await? {
        Missed::Nobody => {}
        // They may be somebody else by now.
        Missed::Buyers => return Box::pin(observe_and_plan(context, span, also)).await,
        Missed::Holders => {
            (planned, approved) = decide(context, &mut snapshot, &wanted, &actual, began, &mut constraints).await?;
        }
    }
    if matches!(span, PassScope::Quick(_)) && planned.takes() && has_found(context).await? {
        // Whoever was found may be one from whom something would be taken, and their order may entitle to it.
        return Box::pin(observe_and_plan(context, span, also)).await;
    }
    if !planned.verify.is_empty() {
        constraints.rechecks = reread(context, &planned.verify).await?;
        let holders = snapshot.holders(&planned.verify, &observed);
        observe::confirm(context.reader, &snapshot.catalog, &mut observed, holders).await?;
        snapshot.lose_sight_of_owners(context, &wanted).await?;
        wanted = snapshot.desired(context).await?;
        actual = snapshot.actual(&observed);
        // Through all gates once more: what was read again may take something from somebody else than before.
        (planned, approved) = decide(context, &mut snapshot, &wanted, &actual, began, &mut constraints).await?;
    }
    let approvals = approved.used(&planned);
    let looked = match span {
        PassScope::Full => Looked::AtAll,
        PassScope::Quick(_) => Looked::At { users, buyers: buyers.iter().map(|buyer| buyer.key).collect() },
    };
    Ok(PassDraft { snapshot, plan: planned, looked, wanted, actual, observed, buyers, approvals, calls_before })
}

/// Plans, by what the orders behind our grants say by now, what was held before anybody paid for it, and whether the
/// clock is to be believed.
async fn decide(
    context: PassContext<'_>,
    snapshot: &mut Snapshot,
    wanted: &Desired,
    actual: &Actual,
    began: Steady,
    constraints: &mut PlanConstraints,
) -> Result<(Plan, Approved), PassError> {
    constraints.turned = snapshot.turned(context, wanted).await?;
    snapshot.mind_foreign(context, wanted, actual, constraints).await?;
    constraints.clock = skew::judge(context, wanted, began).await?;
    let planner =
        |snapshot: &Snapshot, constraints: &PlanConstraints| plan(snapshot.input(wanted, actual, constraints));
    gated(context, snapshot, None, constraints, planner).await
}

/// The buyers of a pass, each looked up in Logto if nobody has yet. `also`: users whose buyers a quick pass is
/// about besides those of its orders.
pub(crate) async fn buyers(
    context: PassContext<'_>,
    span: &PassScope,
    also: &BTreeSet<UserId>,
) -> Result<Vec<StoredBuyer>, PassError> {
    let also: Vec<UserId> = also.iter().cloned().collect();
    let scope = match span {
        PassScope::Full => Scope::All,
        PassScope::Quick(orders) => {
            let mut keys = context.store.buyers_of_orders(orders).await?;
            keys.extend(context.store.buyers_of_users(&also).await?);
            keys.sort_unstable();
            keys.dedup();
            Scope::Buyers(keys)
        }
    };
    let buyers = context.store.buyers(&scope).await?;
    let occasion = match span {
        PassScope::Full => Occasion::Round,
        PassScope::Quick(_) => Occasion::News,
    };
    let answers = resolved(context, &buyers, occasion).await?;
    let scope = match span {
        PassScope::Full => Scope::All,
        // What one of a user's orders ends, another of theirs may still entitle to.
        PassScope::Quick(_) => {
            let here = context.store.buyers(&scope).await?;
            let mut users = users_of(&here);
            users.extend(owners(context, span).await?);
            users.extend(also);
            let mut keys = context.store.buyers_of_users(&users).await?;
            keys.extend(here.iter().map(|buyer| buyer.key));
            keys.sort_unstable();
            keys.dedup();
            Scope::Buyers(keys)
        }
    };
    if answers.is_empty() && scope == Scope::All {
        return Ok(buyers);
    }
    Ok(context.store.buyers(&scope).await?)
}

/// Looks up those of `buyers` who need it, and remembers what came of it. Returns what changed.
async fn resolved(
    context: PassContext<'_>,
    buyers: &[StoredBuyer],
    occasion: Occasion,
) -> Result<Vec<(BuyerKey, Resolution)>, PassError> {
    let rules = &context.config.buyers;
    let asked = asking::choose(context, buyers, occasion).await?;
    let answers = directory::resolve(context.reader, rules, &asked.buyers).await?;
    asking::note(context, &asked).await?;
    context.store.resolve_buyers(&answers, context.now).await?;
    let bound = directory::newly_bound(rules, buyers, &answers);
    if !bound.is_empty() {
        context.store.note_bound(&bound, context.now).await?;
    }
    Ok(answers)
}

/// Looks once more for the buyers who wait for an account: whether one of them has one now. A quick pass knows
/// the orders of its own buyers only, and an order that is nobody's yet may entitle one of them.
async fn has_found(context: PassContext<'_>) -> Result<bool, PassError> {
    let waiting = context.store.buyers(&Scope::Buyers(context.store.waiting_buyers().await?)).await?;
    let answers = resolved(context, &waiting, Occasion::Round).await?;
    Ok(answers.iter().any(|(_, answer)| matches!(answer, Resolution::User(_))))
}

/// Whom these orders are about, as far as the store knows: their buyers, and whoever holds something by them.
pub async fn users_about(store: &Store, orders: &[OrderKey]) -> Result<BTreeSet<UserId>, StoreError> {
    let keys = store.buyers_of_orders(orders).await?;
    let buyers = store.buyers(&Scope::Buyers(keys)).await?;
    let owners = store.owners_by(orders).await?;
    Ok(users_of(&buyers).into_iter().chain(owners).collect())
}

fn users_of(buyers: &[StoredBuyer]) -> Vec<UserId> {
    let users: BTreeSet<&UserId> = buyers.iter().filter_map(StoredBuyer::user).collect();
    users.into_iter().cloned().collect()
}

/// Reads the orders behind revocations again by id, each once.
async fn reread(context: PassContext<'_>, verify: &Verify) -> Result<BTreeMap<OrderKey, Recheck>, PassError> {
    let keys: Vec<OrderKey> = verify.orders.iter().copied().collect();
    let mut answers = BTreeMap::new();
    let mut by_source: BTreeMap<SourceName, (Vec<OrderKey>, Vec<OrderId>)> = BTreeMap::new();
    for stored in context.store.stored_orders(&keys).await? {
        let (keys, ids) = by_source.entry(stored.source).or_default();
        keys.push(stored.key);
        ids.push(stored.order.id);
    }
    // All sources at once: one that is slow does not keep the others waiting.
    let reads = by_source.into_iter().map(async |(name, (keys, ids))| {
        let said = match context.sources.iter().find(|source| *source.name() == name) {
            Some(source) => ingest::reread_all(source, context.store, &ids, context.now).await,
            // The file names the source no more: nobody is left to ask, and nothing is confirmed.
            None => Ok(vec![Recheck::Failed; ids.len()]),
        };
        said.map(|said| keys.into_iter().zip(said))
    });
    for said in join_all(reads).await {
        answers.extend(said?);
    }
    Ok(answers)
}
