//! One pass: observe, plan, and (where it is allowed) apply and record. Top to bottom, in this order:
//!
//! 1. who paid -> users of Logto (`directory`)
//! 2. Logto -> who holds what (`observe`)
//! 3. orders -> what should be (`desired`), ledger -> what is ours
//! 4. the plan; then the orders and the holders behind its revocations are asked for again, and it is
//!    made once more from what they say now
//! 5. `apply`, which has no choice left
//!
//! [`plan_pass`] is 1 to 4 and holds a [`Reader`] only: a dry run ends there and has no way to write to Logto.
//! What it keeps in the store is what it learned (orders, who buyers are), never what is ours.

pub mod active;
pub mod apply;
mod context;
pub mod directory;
mod draft;
pub mod explain;
pub mod holders;
pub mod ingest;
pub mod observe;
pub mod rebuild;
mod skew;
pub mod snapshot;
pub mod undo;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::clock;
use crate::config::settings::Logto;
use crate::logto::{Writer, name_forgotten};
use crate::model::{Catalog, OrderId, OrderKey, Recheck, Resolution, Rule, RunId, SourceName, TargetIx, UserId};
use crate::planner::input::{PlanConstraints, Rules};
use crate::planner::{Cause, Held, Hold, Verify, plan};
use crate::report::run::RunReport;
use crate::shutdown::Shutdown;
use crate::store::{BuyerKey, Outcome, Run, RunEnd, RunKind, Scope, Store, StoreError, StoredBuyer};
use active::ActiveConfig;
use apply::{Executor, apply};
use snapshot::{Noted, Snapshot, owners, widen};
use waiting::waiting;

pub use context::{PassContext, PassError, PassScope};
pub use draft::PlannedPass;
pub(crate) use draft::{PassDraft, gated, used};

impl PassContext<'_> {
    /// Whether the file names a source.
    pub fn names(&self, source: &SourceName) -> bool {
        self.config.sources.iter().any(|one| one.name == *source)
    }
}

/// Looks and plans; changes nothing in Logto.
pub async fn plan_pass(context: PassContext<'_>, span: &PassScope) -> Result<PlannedPass, PassError> {
    let seen = observe_and_plan(context, span, &BTreeSet::new()).await?;
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
    let began = skew::Start::now();
    let buyers = buyers(context, span).await?;
    // What an order gave before may be somebody else's than whose the order is now.
    let owners = owners(context, span).await?;
    let users: BTreeSet<UserId> = users_of(&buyers).into_iter().chain(owners).chain(also.iter().cloned()).collect();
    let ledger = match span {
        PassScope::Full => context.store.ledger(None).await?,
        PassScope::Quick(_) => context.store.ledger(Some(&users.iter().cloned().collect::<Vec<_>>())).await?,
    };
    let mut catalog = widen(context.catalog, &ledger, &context.config.protect.roles);
    let forgotten = catalog.targets.iter_mut().filter(|entry| context.catalog.find(&entry.target).is_none());
    name_forgotten(context.reader, forgotten, &context.config.protect).await?;
    let mut observed = match span {
        PassScope::Full => observe::walk(context.reader, &catalog, context.progress).await?,
        PassScope::Quick(_) => observe::ask(context.reader, &catalog, &users).await?,
    };

    let snapshot = Snapshot::new(context, span, catalog, &buyers, &ledger, &observed).await?;
    drop(ledger);
    let mut wanted = snapshot.desired(context).await?;
    let doubtful = snapshot.doubtful(&wanted, &observed);
    observe::confirm(context.reader, &snapshot.catalog, &mut observed, doubtful).await?;
    let mut constraints = snapshot.constraints(context, &buyers).await?;
    constraints.turned = snapshot.turned(context, &wanted).await?;
    let mut actual = snapshot.actual(&observed);
    snapshot.mind_foreign(context, &wanted, &actual, &mut constraints).await?;
    constraints.clock = skew::judge(context, &wanted, began).await?;
    let planner = |constraints: &PlanConstraints| plan(snapshot.input(&wanted, &actual, constraints));
    let (mut planned, mut approvals) = gated(context, &snapshot, &mut constraints, planner).await?;
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
        constraints.turned = snapshot.turned(context, &wanted).await?;
        actual = snapshot.actual(&observed);
        snapshot.mind_foreign(context, &wanted, &actual, &mut constraints).await?;
        constraints.clock = skew::judge(context, &wanted, began).await?;
        // Through all gates once more: what was read again may take something from somebody else than before.
        let planner = |constraints: &PlanConstraints| plan(snapshot.input(&wanted, &actual, constraints));
        let (again, more) = gated(context, &snapshot, &mut constraints, planner).await?;
        planned = again;
        approvals.extend(more);
    }
    let approvals = used(approvals, &planned);
    Ok(PassDraft { snapshot, plan: planned, wanted, actual, observed, buyers, approvals, calls_before })
}

/// The buyers of a pass, each looked up in Logto if nobody has yet.
pub(crate) async fn buyers(context: PassContext<'_>, span: &PassScope) -> Result<Vec<StoredBuyer>, PassError> {
    let scope = match span {
        PassScope::Full => Scope::All,
        PassScope::Quick(orders) => Scope::Buyers(context.store.buyers_of_orders(orders).await?),
    };
    let buyers = context.store.buyers(&scope).await?;
    let answers = resolved(context, &buyers).await?;
    let scope = match span {
        PassScope::Full => Scope::All,
        // What one of a user's orders ends, another of theirs may still entitle to.
        PassScope::Quick(_) => {
            let here = context.store.buyers(&scope).await?;
            let mut users = users_of(&here);
            users.extend(owners(context, span).await?);
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
async fn resolved(context: PassContext<'_>, buyers: &[StoredBuyer]) -> Result<Vec<(BuyerKey, Resolution)>, PassError> {
    let rules = &context.config.buyers;
    let answers = directory::resolve(context.reader, rules, buyers).await?;
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
    let answers = resolved(context, &waiting).await?;
    Ok(answers.iter().any(|(_, answer)| matches!(answer, Resolution::User(_))))
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
    for (name, (keys, ids)) in by_source {
        let said = match context.sources.iter().find(|source| *source.name() == name) {
            Some(source) => ingest::reread_all(source, context.store, &ids, context.now).await?,
            // The file names the source no more: nobody is left to ask, and nothing is confirmed.
            None => vec![Recheck::Failed; ids.len()],
        };
        answers.extend(keys.into_iter().zip(said));
    }
    Ok(answers)
}

/// Carries out what was planned and records it: 5 of a pass. `stop` ends it after what is in flight.
pub async fn execute_pass(
    active: &ActiveConfig,
    store: &Store,
    writer: &Writer,
    planned: &PlannedPass,
    span: &PassScope,
    now: Timestamp,
    shutdown: &Shutdown,
) -> Result<RunReport, StoreError> {
    let run = RunId::from(format!("{now:.3}-{:04x}", fastrand::u16(..)));
    // Where the pass is logged in a span, all that follows names its run.
    tracing::Span::current().record("run", run.as_str());
    let kind = match span {
        PassScope::Full => RunKind::Full,
        PassScope::Quick(_) => RunKind::Quick,
    };
    let origin = &active.origin;
    let begin =
        Run { id: run.clone(), kind, config: origin.digest.clone(), commit: origin.commit.clone(), started: now };
    store.begin_run(&begin).await?;
    let mappings = mappings(&planned.catalog, |_| true);
    // As of the look, which may be a while ago: an order that it saw is not older than a mapping that it saw.
    store.note_mappings(&mappings, planned.at).await?;

    if kind == RunKind::Full {
        let names = planned.catalog.targets.iter().map(|entry| (entry.target.key(), entry.name.as_str()));
        store.note_target_names(&names.collect::<Vec<_>>()).await?;
    }

    // Used up before anything is done: an approval is good for once, also for a pass that is killed.
    store.use_approvals(&run, &planned.approvals, now).await?;

    let Logto { batch, concurrency, .. } = active.config.logto;
    // What the look saw of others' grants, before anything is done: a sale that comes while this pass is under way,
    // or after it was killed, must not take over what was there before.
    let Noted { seen, gone, lost } = &planned.noted;
    store.note_foreign(seen, gone, planned.seen_at).await?;

    let executor = Executor { writer, store, run: &run, batch, at_once: concurrency, now };
    let mut report = apply(executor, planned, shutdown).await?;
    lose_sight_of(store, &report, now).await?;
    // Once more for what was ours until now and was given up.
    store.note_foreign(seen, &[], planned.seen_at).await?;
    store.note_lost(lost, planned.at).await?;

    let whole = planned.troubles.is_empty() && report.stopped == 0;
    if kind == RunKind::Full && whole {
        // What a commit causes stays limited until none of it is held any more.
        let held: BTreeSet<TargetIx> = planned.plan.held.iter().map(|held| held.action.target).collect();
        store.settle_mappings(&self::mappings(&planned.catalog, |target| !held.contains(&target)), now).await?;
        // What is protected waits for ever; a version is settled without it.
        let upgrade = |held: &Held| held.action.why.cause == Cause::Upgrade && held.hold != Hold::Protected;
        if !planned.plan.held.iter().any(upgrade) && report.figures().failed == 0 {
            store.settle_rules(Rules::VERSION, now).await?;
        }
    }
    if kind == RunKind::Full {
        let addresses: Vec<_> =
            active.config.sources.iter().map(|source| (source.name.clone(), source.address())).collect();
        store.note_addresses(&addresses).await?;
    }
    let finished = clock::now();
    report.elapsed = std::time::Duration::try_from(finished.duration_since(now)).unwrap_or_default();
    report.calls = active.reader.calls() - planned.calls_before;
    let figures = report.figures();
    let end = RunEnd {
        finished,
        outcome: if whole { Outcome::Succeeded } else { Outcome::Failed },
        done: figures.done,
        held: report.held,
        failed: figures.failed,
        calls: report.calls,
    };
    store.finish_run(&run, &end).await?;
    Ok(report)
}

/// Product and target key of every mapping whose target is `wanted`.
fn mappings(catalog: &Catalog, wanted: impl Fn(TargetIx) -> bool) -> Vec<(String, String)> {
    let of_rule = |rule: &Rule| {
        let wanted = rule.entitlements.iter().filter(|entitlement| wanted(entitlement.target));
        wanted.map(|entitlement| (rule.key(), catalog.target(entitlement.target).target.key())).collect()
    };
    let all: BTreeSet<(String, String)> =
        catalog.products.iter().flat_map(|rule| -> Vec<_> { of_rule(rule) }).collect();
    all.into_iter().collect()
}

/// A user whom Logto does not know any more is nobody again: their buyers wait for an account.
async fn lose_sight_of(store: &Store, report: &RunReport, now: Timestamp) -> Result<(), StoreError> {
    let gone: Vec<UserId> = report.gone.iter().cloned().collect();
    let buyers = store.buyers_of_users(&gone).await?;
    let nobody: Vec<_> = buyers.into_iter().map(|key| (key, Resolution::NoAccount)).collect();
    store.resolve_buyers(&nobody, now).await
}
