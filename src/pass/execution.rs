//! Carries out a plan step by step, so that the caller can attend to other things between two steps.
//!
//! Flow: [`begin`](Execution::begin) writes down what needs no call, [`step`](Execution::step) carries out some
//! batches, [`finish`](Execution::finish) records what came of all of it. Between two steps users may
//! [`leave`](Execution::leave): another pass has dealt with them, so what was planned for them is out of date.
//!
//! Decides nothing: what has become obsolete is left undone, and the next pass plans it anew.

#![expect(clippy::disallowed_methods, reason = "an edge: measures how long a step takes")]

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::{SignedDuration, Timestamp};

use super::active::ActiveConfig;
use super::apply::{self, Executor, NO_USER};
use super::let_through::{self, LetThrough};
use super::lookout::Lookout;
use super::snapshot::Noted;
use super::{PassScope, PlannedPass, gone, succession};
use crate::clock;
use crate::config::settings::Logto;
use crate::logto::Writer;
use crate::model::{Catalog, Entitlement, Grant, Rule, RunId, Target, TargetIx, UserId, UserIx, Verb};
use crate::planner::input::Rules;
use crate::planner::{Action, Cause, Held, Hold};
use crate::report::run::{ActionOutcome, ActionResult, Obsolete, RunReport};
use crate::shutdown::Shutdown;
use crate::store::{Mapped, Outcome, Run, RunEnd, RunKind, Store, StoreError};

/// After so long a step begins nothing more.
const SLICE: Duration = Duration::from_millis(250);

/// Changes whose answer is waited for. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<AtomicU64>);

impl InFlight {
    /// How many there are now.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether anything is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Some batches are left.
    More,
    /// Nothing is left to be done.
    Over,
}

/// See the module.
pub struct Execution<'a> {
    active: &'a ActiveConfig,
    store: &'a Store,
    writer: &'a Writer,
    planned: &'a PlannedPass,
    kind: RunKind,
    run: RunId,
    /// The time of the pass, and when it came here by the clock.
    now: Timestamp,
    begun: Timestamp,
    in_flight: InFlight,
    /// Places in the plan, batch by batch.
    batches: VecDeque<Vec<usize>>,
    /// What somebody let through.
    let_through: Arc<LetThrough>,
    /// Users who are another pass's.
    left: BTreeSet<UserIx>,
    /// What came of each place in the plan.
    came: Vec<(usize, ActionOutcome)>,
    /// So many of those were asked for.
    told: usize,
    report: RunReport,
    all: u64,
}

impl<'a> Execution<'a> {
    /// Writes down the pass and all of its plan that needs no call, but for those users of it who are another
    /// pass's by now. In one piece: all of it is written before anything is sent, in this order.
    pub async fn begin(
        active: &'a ActiveConfig,
        store: &'a Store,
        writer: &'a Writer,
        planned: &'a PlannedPass,
        span: &PassScope,
        now: Timestamp,
        overtaken: &BTreeSet<UserId>,
    ) -> Result<Self, StoreError> {
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
        store.enter_version(&active.config.safeguards(), planned.settles_from).await?;
        // As of the look, which may be a while ago: an order that it saw is not older than a mapping that it saw.
        let nameless: Vec<String> =
            planned.catalog.nameless.iter().map(|product| planned.catalog.rule(*product).key()).collect();
        store.note_mappings(&mappings(&planned.catalog, |_| true), &nameless, planned.at).await?;
        if !planned.new_sources.is_empty() {
            store.unsettle_mappings().await?;
        }
        if kind == RunKind::Full {
            let names = planned.catalog.targets.iter().map(|entry| (entry.target.key(), entry.name.as_str()));
            store.note_target_names(&names.collect::<Vec<_>>()).await?;
        }

        // What the look saw of others' grants, before anything is done: a sale that comes while this pass is under
        // way, or after it was killed, must not take over what was there before.
        store.note_foreign(&planned.noted.seen, &planned.noted.gone, planned.seen_at).await?;

        let left: BTreeSet<UserIx> = overtaken.iter().filter_map(|user| planned.user_index.ix(user)).collect();
        let mut report = RunReport { held: planned.view.summary.held, ..RunReport::default() };
        let_through::spend_what_was_made(store, planned, &left, &run, now).await?;
        store.close_intents(&run, &apply::closed_but(planned, &left), now).await?;
        store.follow(&apply::followed_but(planned, &left, &run, now)).await?;
        let adopt = apply::adoptions_but(planned, &left, &run, now);
        store.journal_adoptions(&run, &adopt).await?;
        report.adopted = adopt.len() as u64;
        let release = apply::released(planned, &left);
        store.let_go(&run, &release, now).await?;
        report.released = release.len() as u64;
        let forget: Vec<Grant> = apply::forgotten_but(planned, &left);
        store.forget(&run, &forget, "no longer wanted or held", now).await?;

        let (batches, all) = (batches(planned, active.config.logto.batch), planned.plan.actions.len() as u64);
        let (begun, in_flight, came, told) = (clock::now(), InFlight::default(), Vec::new(), 0);
        let let_through = Arc::new(LetThrough::of(planned));
        let mut execution = Self {
            active,
            store,
            writer,
            planned,
            kind,
            run,
            now,
            begun,
            in_flight,
            batches,
            let_through,
            left,
            came,
            told,
            report,
            all,
        };
        execution.let_leave();
        Ok(execution)
    }

    /// Counts what is in flight there.
    #[must_use]
    pub fn counting(self, in_flight: InFlight) -> Self {
        Self { in_flight, ..self }
    }

    /// Another pass is about these users: what is planned for them and not begun is left.
    pub fn leave(&mut self, users: &BTreeSet<UserId>) {
        self.left.extend(users.iter().filter_map(|user| self.planned.user_index.ix(user)));
        self.let_leave();
    }

    fn let_leave(&mut self) {
        if self.left.is_empty() {
            return;
        }
        let actions = &self.planned.plan.actions;
        for batch in &mut self.batches {
            let before = batch.len();
            batch.retain(|number| !self.left.contains(&actions[*number].user));
            self.report.overtaken += (before - batch.len()) as u64;
        }
        self.batches.retain(|batch| !batch.is_empty());
    }

    /// Leaves all that is not begun.
    pub fn stop(&mut self, why: Obsolete) {
        let rest: usize = self.batches.drain(..).map(|batch| batch.len()).sum();
        if rest > 0 {
            self.report.stopped += rest as u64;
            self.report.obsolete = Some(why);
        }
    }

    /// Changes that have been begun or left, and all there were.
    pub fn progress(&self) -> (u64, u64) {
        (self.came.len() as u64 + self.report.overtaken + self.report.stopped, self.all)
    }

    /// What has come of changes since this was last asked, in the order in which it came.
    pub fn fresh(&mut self) -> Vec<ActionResult> {
        let fresh = self.came[self.told..].iter();
        let fresh = fresh.map(|(number, came)| ActionResult {
            change: self.planned.view.changes[*number].clone(),
            came: came.clone(),
        });
        let fresh = fresh.collect();
        self.told = self.came.len();
        fresh
    }

    /// The first change so far that failed, and how many did.
    pub fn failed(&self) -> Option<(u64, ActionResult)> {
        let failed = |one: &&(usize, ActionOutcome)| matches!(one.1, ActionOutcome::Failed(_));
        let (number, came) = self.came.iter().find(failed)?;
        let change = self.planned.view.changes[*number].clone();
        Some((self.came.iter().filter(failed).count() as u64, ActionResult { change, came: came.clone() }))
    }

    /// Carries out as many batches at the least as may be in flight at once, and more until a slice of time is over or
    /// a stage is, so that the holders of what was taken are asked for together also where everything is slow. Looks
    /// before every batch whether what is left has become obsolete. In one piece: the order of the looks is the rule.
    pub async fn step(&mut self, lookout: &mut Lookout<'_>) -> Result<Step, StoreError> {
        let begun = Instant::now();
        let Some(first) = self.batches.front() else { return Ok(Step::Over) };
        let stage = self.stage(first);
        let Logto { batch, concurrency, .. } = self.active.config.logto;
        let (planned, in_flight) = (self.planned, self.in_flight.clone());
        let (writer, store, run, now) = (self.writer, self.store, self.run.clone(), self.now);
        let (let_through, before) = (Arc::clone(&self.let_through), self.came.len());
        let executor =
            Executor { writer, store, let_through: &let_through, run: &run, batch, at_once: concurrency, now };
        let mut under_way = FuturesUnordered::new();
        let mut taken = Vec::new();
        let (mut failed, mut started) = (None, 0);
        loop {
            while under_way.len() < concurrency.max(1)
                && failed.is_none()
                && (started < concurrency.max(1) || begun.elapsed() < SLICE)
                && self.batches.front().is_some_and(|batch| self.stage(batch) == stage)
            {
                match lookout.obsolete(store, stage.0, self.time()).await {
                    Ok(None) => {}
                    Ok(Some(why)) => {
                        self.stop(why);
                        break;
                    }
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
                let Some(batch) = self.batches.pop_front() else { break };
                started += 1;
                let batch = succession::without_what_waits(&planned.plan.actions, &mut self.came, batch);
                if batch.is_empty() {
                    continue;
                }
                let actions: Vec<(usize, &Action)> =
                    batch.iter().map(|number| (*number, &planned.plan.actions[*number])).collect();
                if apply::would_take_along(planned, &actions, &self.kept()) {
                    let kept = ActionOutcome::Failed(apply::ROLE_KEPT.to_owned());
                    self.came.extend(batch.into_iter().map(|number| (number, kept.clone())));
                    continue;
                }
                in_flight.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
                under_way.push(async move {
                    let actions: Vec<(usize, &Action)> =
                        batch.iter().map(|number| (*number, &planned.plan.actions[*number])).collect();
                    (apply::carry_out(executor, planned, &actions).await, batch)
                });
            }
            let Some((came, batch)) = under_way.next().await else { break };
            in_flight.0.fetch_sub(batch.len() as u64, Ordering::Relaxed);
            match came {
                Ok(came) if stage.0 == Verb::Revoke => taken.extend(batch.into_iter().zip(came)),
                Ok(came) => self.came.extend(batch.into_iter().zip(came)),
                // What is in flight is waited for all the same.
                Err(error) => _ = failed.get_or_insert(error),
            }
        }
        let asked = apply::confirm_gone(executor, &self.active.reader, planned, &mut taken, lookout.end()).await;
        if let Err(error) = asked {
            failed.get_or_insert(error);
        }
        self.came.extend(taken);
        if let Err(error) = let_through.settle(store, &run, &self.came[before..], now).await {
            failed.get_or_insert(error);
        }
        match failed {
            Some(error) => Err(error),
            None if self.batches.is_empty() => Ok(Step::Over),
            None => Ok(Step::More),
        }
    }

    /// What was to be taken and could not be.
    fn kept(&self) -> BTreeSet<(TargetIx, UserIx)> {
        let actions = &self.planned.plan.actions;
        let failed = self.came.iter().filter(|(_, came)| matches!(came, ActionOutcome::Failed(_)));
        let failed = failed.map(|(number, _)| &actions[*number]).filter(|action| action.verb == Verb::Revoke);
        failed.map(|action| (action.target, action.user)).collect()
    }

    /// Now, by the clock of the pass.
    fn time(&self) -> Timestamp {
        self.now + clock::now().duration_since(self.begun).max(SignedDuration::ZERO)
    }

    fn stage(&self, batch: &[usize]) -> (Verb, u8) {
        let action = &self.planned.plan.actions[batch[0]];
        (action.verb, stage_of(self.planned, action))
    }

    /// Records what came of it.
    pub async fn finish(mut self) -> Result<RunReport, StoreError> {
        let Self { active, store, planned, kind, now, .. } = self;
        self.came.sort_unstable_by_key(|(number, _)| *number);
        for (number, came) in std::mem::take(&mut self.came) {
            if came == ActionOutcome::Gone(NO_USER) {
                self.report.gone.insert(planned.user_index.id(planned.plan.actions[number].user).clone());
            }
            self.report.lines.push(ActionResult { change: planned.view.changes[number].clone(), came });
        }
        let mut report = self.report;
        gone::lose_sight_of(store, &self.run, &report, now).await?;
        let Noted { seen, lost, .. } = &planned.noted;
        let stays = |grant: &Grant| planned.user_index.ix(&grant.user).is_none_or(|user| !self.left.contains(&user));
        // Once more for what was ours until now and was given up.
        if !planned.plan.release.is_empty() {
            let seen: Vec<_> = seen.iter().filter(|(grant, _)| stays(grant)).cloned().collect();
            store.note_foreign(&seen, &[], planned.seen_at).await?;
        }
        let lost: Vec<Grant> = lost.iter().filter(|grant| stays(grant)).cloned().collect();
        store.note_lost(&lost, planned.at).await?;

        let whole = planned.troubles.is_empty() && report.stopped == 0;
        if kind == RunKind::Full && whole {
            // What a commit causes stays limited until none of it is held any more.
            let held: BTreeSet<TargetIx> = planned.plan.held.iter().map(|held| held.action.target).collect();
            store.settle_mappings(&mappings(&planned.catalog, |target| !held.contains(&target)), now).await?;
            // What is protected waits for ever; a version is settled without it.
            let upgrade =
                |held: &Held| matches!(held.action.why.cause, Cause::Upgrade(_)) && held.hold != Hold::Protected;
            if !planned.plan.held.iter().any(upgrade) && report.figures().failed == 0 {
                store.settle_rules(Rules::SETTLED.0, now).await?;
            }
        }
        if kind == RunKind::Full {
            let addresses: Vec<_> =
                active.config.sources.iter().map(|source| (source.name.clone(), source.address())).collect();
            store.note_addresses(&addresses).await?;
        }
        let finished = clock::now();
        report.elapsed = Duration::try_from(finished.duration_since(now)).unwrap_or_default();
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
        store.finish_run(&self.run, &end).await?;
        Ok(report)
    }
}

/// Carries out what was planned and records it: 5 of a pass.
///
/// Flow: [`Execution::begin`] writes the run and all that needs no call, [`Execution::step`] sends a slice of batches
/// until none is left, [`Execution::finish`] closes the run. Within a stage a few batches are in flight at a time.
///
/// Guarantees: no call without its line in the journal; [`store`](crate::store) has the rule. What is in flight is
/// always finished and recorded, even if `shutdown` is requested or the rest has become obsolete; nothing new is begun
/// then. An approval is spent before the batch that it lets through, and given back for what was not made.
///
/// Assumes that the caller holds the lease on the store, and that `planned` was made from it under `active`.
///
/// Caveat: what Logto refuses is no error but an outcome in the report; the next pass meets it again.
///
/// # Errors
/// Where the store fails. The run stays open then, and the next pass finds out what became of its writes.
pub async fn execute_pass(
    active: &ActiveConfig,
    store: &Store,
    writer: &Writer,
    planned: &PlannedPass,
    span: &PassScope,
    now: Timestamp,
    shutdown: &Shutdown,
) -> Result<RunReport, StoreError> {
    execute_while(active, store, writer, planned, span, now, Lookout::new(shutdown)).await
}

/// The same with a lookout of the caller's.
pub async fn execute_while(
    active: &ActiveConfig,
    store: &Store,
    writer: &Writer,
    planned: &PlannedPass,
    span: &PassScope,
    now: Timestamp,
    mut lookout: Lookout<'_>,
) -> Result<RunReport, StoreError> {
    let mut execution = Execution::begin(active, store, writer, planned, span, now, &BTreeSet::new()).await?;
    while execution.step(&mut lookout).await? == Step::More {}
    execution.finish().await
}

/// Places in the plan: on one target each, as many as go into one call.
fn batches(planned: &PlannedPass, batch: usize) -> VecDeque<Vec<usize>> {
    let numbered: Vec<(usize, &Action)> = planned.plan.actions.iter().enumerate().collect();
    let together = |a: &Action, b: &Action| (a.verb, a.target) == (b.verb, b.target);
    let of_targets = numbered.chunk_by(|(_, a), (_, b)| together(a, b));
    let batches = of_targets.flat_map(|of_target| {
        // One call each, so each is a batch of its own: several are in flight, and each is looked at before.
        let size = if of_target[0].1.verb == Verb::Revoke { 1 } else { batch.max(1) };
        of_target.chunks(size).map(|batch| batch.iter().map(|(number, _)| *number).collect())
    });
    batches.collect()
}

/// Memberships, organization roles, roles: what must have ended before the next begins.
fn stage_of(planned: &PlannedPass, action: &Action) -> u8 {
    planned.catalog.target(action.target).target.kind() as u8
}

/// Every mapping whose target is `wanted`.
fn mappings(catalog: &Catalog, wanted: impl Fn(TargetIx) -> bool) -> Vec<Mapped> {
    let of_rule = |rule: &Rule| {
        let wanted = rule.entitlements.iter().filter(|entitlement| wanted(entitlement.target));
        let one = |entitlement: &Entitlement| {
            let target = catalog.target(entitlement.target).target.key();
            (rule.key(), target, entitlement.replaces.as_ref().map(Target::key))
        };
        wanted.map(one).collect()
    };
    let all: BTreeSet<Mapped> = catalog.products.iter().flat_map(|rule| -> Vec<_> { of_rule(rule) }).collect();
    all.into_iter().collect()
}
