//! What the loop makes of hints: the named orders are read again by id (see `follow`), the named users are looked for
//! among the buyers, and the pass that follows looks at those. Nothing that a hint said is believed; one that was
//! forged, repeated or late costs a read and changes nothing.
//!
//! Also what follows a pass: reporting it, and how long its sales have waited.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::follow::Followed;
use super::trouble::{Trouble, refused, trouble, unresolved};
use super::{Daemon, MANY_AGAIN, Mode, PendingWork, Rest, Targets};
use crate::clock;
use crate::model::{OrderId, OrderKey, SourceName, UserId};
use crate::pass::ingest::IngestError;
use crate::pass::{PassError, PassScope, PlannedPass, kept};
use crate::planner::{Gap, Held, Hold};
use crate::report::run::{ActionOutcome, ActionResult, RunReport};
use crate::report::status::About;
use crate::source::Source;
use crate::store::StoreError;

/// Sales that are waited for; beyond that, the times of some are not taken.
const SALES: usize = 10_000;

impl Daemon {
    /// Makes due what is asked for, and remembers what the next turn is to look into.
    pub(super) fn take(&mut self, asked: PendingWork) {
        let now = clock::now();
        for source in &asked.sources {
            self.publisher.hinted(source, now);
            self.schedule.hurry_source(source, now);
        }
        for (source, _) in &asked.orders {
            self.publisher.hinted(source, now);
        }
        if asked.targets == Targets::All {
            // A busy tenant may send such hints all the time, and a full pass is many calls.
            let gap = (self.active.config.schedule.full_pass / 10).min(self.gap());
            self.want_full_pass(self.publisher.last_full_pass().map_or(now, |at| (at + gap).max(now)));
        }
        if asked.all_sources == Targets::All {
            self.schedule.hurry(now);
            self.want_full_pass(now);
        }
        tracing::debug!(orders = asked.orders.len(), users = asked.users.len(), targets = ?asked.targets, "hints");
        self.asked.join(asked);
        // What is due by now is not asked for any more.
        (self.asked.targets, self.asked.all_sources) = (Targets::Named, Targets::Named);
        self.asked.sources.clear();
    }

    /// The orders that hints are about and that wait to be read, source by source.
    pub(super) fn hinted_orders(&mut self) -> BTreeMap<SourceName, BTreeSet<OrderId>> {
        let mut orders: BTreeMap<SourceName, BTreeSet<OrderId>> = BTreeMap::new();
        let again = self.again.orders.due(self.patience(), clock::now());
        // Those of a source that is not read yet go on waiting.
        let (waiting, due): (BTreeSet<_>, BTreeSet<_>) = std::mem::take(&mut self.asked.orders)
            .into_iter()
            .chain(again)
            .partition(|(source, _)| self.stuck.contains(source));
        self.asked.orders = waiting;
        for (source, order) in due {
            orders.entry(source).or_default().insert(order);
        }
        orders
    }

    /// Says what came of hints, and keeps what waits for the next turn. `polled`: whether the source was polled
    /// well just after.
    pub(super) fn note_followed(&mut self, source: &Source, followed: Followed, polled: bool) -> Vec<OrderKey> {
        let Followed { touched, waiting, answered, failed, read, .. } = followed;
        let (name, longest, now) = (source.name(), self.patience(), clock::now());
        let answered_by_poll = polled && source.polls_answer_hints();
        for order in read {
            self.again.orders.done(&(name.clone(), order));
        }
        for (order, error) in failed {
            if let Some(order) = &order
                && !answered_by_poll
            {
                self.again.orders.failed((name.clone(), order.clone()), longest, now);
            }
            match error {
                // The poll says whether that is a trouble.
                IngestError::Source { .. } => {
                    let order = order.map(|order| order.to_string());
                    tracing::warn!(source = %name, order, %error, "a hint could not be followed");
                }
                IngestError::Store(_) => self.failed(&Trouble::from(error)),
            }
        }
        if answered_by_poll {
            self.again.orders.forget(|(of, _)| of == name);
            return touched;
        }
        // Where nothing got on, it is tried again a little later each time.
        let waiting = waiting.into_iter().map(|order| (name.clone(), order));
        if answered > 0 {
            self.asked.orders.extend(waiting);
            if !self.asked.orders.is_empty() {
                self.rest = Rest::Short;
            }
        } else {
            waiting.for_each(|order| self.again.orders.failed(order, longest, now));
        }
        touched
    }

    /// Looks into who was asked for. Returns the orders that the pass is to be about.
    pub(super) async fn look_into(&mut self, now: Timestamp) -> Vec<OrderKey> {
        let users = std::mem::take(&mut self.asked.users);
        let mut touched = Vec::new();
        if !users.is_empty() {
            match self.orders_of(&users.into_iter().collect::<Vec<_>>()).await {
                Ok(Some(orders)) => touched.extend(orders),
                Ok(None) => self.want_full_pass(now),
                Err(error) => {
                    self.failed(&Trouble::from(error));
                    self.want_full_pass(now);
                }
            }
        }
        touched
    }

    /// The orders of these users, also of buyers who wait for one of them to sign up. `None`: something of
    /// theirs is ours that no order tells of, so that only a full pass sees it.
    async fn orders_of(&self, users: &[UserId]) -> Result<Option<Vec<OrderKey>>, PassError> {
        let emails = self.active.reader.emails_of(users).await?;
        let emails: Vec<_> = emails.into_values().collect();
        let buyers = self.store.buyers_named(users, &emails).await?;
        if buyers.is_empty() && !self.store.ledger(Some(users)).await?.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.store.orders_of_buyers(&buyers).await?))
    }

    /// Remembers which of these orders are sales of this daemon's time: paid since it started. What was paid
    /// before, as everything in a first import was, says nothing about how fast it is.
    pub(super) async fn note_sales(&mut self, touched: &[OrderKey]) {
        let room = SALES.saturating_sub(self.sales.len());
        let first: Vec<OrderKey> = touched.iter().copied().take(room).collect();
        let orders = self.store.stored_orders(&first).await.unwrap_or_default();
        let sales = orders.iter().filter(|one| one.order.paid_at.is_some_and(|at| at >= self.started));
        self.sales.extend(sales.map(|one| one.key));
    }

    /// Says what a pass saw and did. `report`: what came of its plan, where it carried it out; `overtaken`: users
    /// whom another pass was about meanwhile.
    pub(super) async fn passed(
        &mut self,
        span: &PassScope,
        planned: &PlannedPass,
        report: Option<&RunReport>,
        overtaken: &BTreeSet<UserId>,
    ) {
        let now = clock::now();
        self.publisher.works(&About::Logto);
        self.publisher.works(&About::Store);
        let waited = !self.again.users.is_empty();
        self.try_again(planned, report, overtaken, now);
        let made_good = waited && self.again.users.is_empty() && planned.troubles.is_empty();
        if *span == PassScope::Full || made_good {
            self.publisher.targets_work();
            for problem in &*self.active.unresolved {
                self.publisher.trouble(unresolved(problem, now));
            }
        }
        for (target, error) in &planned.troubles {
            self.publisher.trouble(trouble(About::Target(target.clone()), error, error.hint(), now));
        }
        let failed = |line: &&ActionResult| matches!(line.came, ActionOutcome::Failed(_));
        match report.and_then(|report| report.lines.iter().find(failed)) {
            Some(first) => self.refused(first, report.map_or(1, |report| report.figures().failed)),
            None if self.again.users.is_empty() => self.publisher.works(&About::Changes),
            None => {}
        }
        self.publisher.passed(span, planned, report, overtaken, now);
        if let Some(report) = report {
            self.time_sales(planned, report, now).await;
        }
    }

    /// Says that Logto has refused so many changes.
    pub(super) fn refused(&mut self, first: &ActionResult, number: u64) {
        let hint = "it is tried again soon, and less often the longer it fails";
        if let Some(trouble) = refused(first, number, hint, clock::now()) {
            self.publisher.trouble(trouble);
        }
    }

    /// Remembers of whom a change failed, or could not be planned since a read failed, and forgets the others whom
    /// this pass was about.
    fn try_again(
        &mut self,
        planned: &PlannedPass,
        report: Option<&RunReport>,
        overtaken: &BTreeSet<UserId>,
        now: Timestamp,
    ) {
        let failed = |line: &&ActionResult| matches!(line.came, ActionOutcome::Failed(_) | ActionOutcome::Gone(_));
        let lines = report.into_iter().flat_map(|report| &report.lines).filter(failed);
        let unread = |held: &&Held| held.hold == Hold::Incomplete(Gap::Unread);
        let unread = planned.plan.held.iter().filter(unread).map(|held| planned.user_index.id(held.action.user));
        let failed: BTreeSet<UserId> =
            lines.map(|line| &line.change.user).chain(unread).take(MANY_AGAIN + 1).cloned().collect();
        let looked = |user: &UserId| planned.looked.at(user) && !overtaken.contains(user);
        self.again.users.forget(|user| looked(user) && !failed.contains(user));
        if self.mode == Mode::Live {
            let longest = self.patience();
            failed.into_iter().for_each(|user| self.again.users.failed(user, longest, now));
        }
    }

    /// Takes the time from payment to grant of every sale that this pass has granted, and forgets the rest:
    /// they wait for a person or for a sign-up, and not for the daemon.
    async fn time_sales(&mut self, planned: &PlannedPass, report: &RunReport, now: Timestamp) {
        if self.sales.is_empty() {
            return;
        }
        let granted: BTreeSet<(Option<&str>, Option<&str>)> = report
            .lines
            .iter()
            .filter(|line| line.came == ActionOutcome::Done && line.change.action == "grant")
            .map(|line| (line.change.source.as_deref(), line.change.order.as_deref()))
            .collect();
        let sales = planned.orders.iter().filter(|(key, name)| {
            self.sales.contains(*key) && granted.contains(&(Some(name.source.as_str()), Some(name.id.as_str())))
        });
        let keys: Vec<OrderKey> = sales.map(|(key, _)| *key).collect();
        for one in self.store.stored_orders(&keys).await.unwrap_or_default() {
            let paid = one.order.paid_at.unwrap_or(now);
            self.publisher.metrics().granted_after(now.duration_since(paid).try_into().unwrap_or_default());
        }
        if report.figures().failed == 0 {
            self.sales.clear();
        }
    }

    /// Leaves in the store what does not work, for whoever asks when this has ended.
    async fn keep_troubles(&mut self) {
        let troubles = self.publisher.troubles();
        if self.mode == Mode::DryRun || self.told.as_deref() == Some(troubles) {
            return;
        }
        match kept::keep_troubles(&self.store, troubles).await {
            Ok(()) => self.told = Some(troubles.to_vec()),
            // The next turn tries it again; a store that cannot be written to is told of by whatever needs it.
            Err(error) => tracing::debug!(%error, "what does not work could not be written down"),
        }
    }

    /// Says everything that is known after a turn.
    pub(super) async fn tell(&mut self) {
        let now = clock::now();
        self.publisher.scheduled(&self.schedule);
        if self.displaced.is_some() {
            // Nothing can be asked of it.
            return self.publisher.publish();
        }
        let told: Result<(), StoreError> = self.publisher.look_up(&self.store, now).await;
        // What a freeze has held goes on when it ends.
        self.schedule.foresee(self.publisher.frozen_until());
        match told {
            Ok(()) => {
                self.keep_troubles().await;
                self.publisher.publish();
            }
            Err(error) => {
                if self.is_in_place().await {
                    Trouble::from(PassError::from(error)).tell(&mut self.publisher, now);
                }
                self.publisher.publish();
            }
        }
    }
}
