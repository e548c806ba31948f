//! What the loop makes of hints: the named orders are read again by id (see `follow`), the named users are looked for among
//! the buyers, and the pass that follows looks at those. Nothing that a hint said is believed; one that was
//! forged, repeated or late costs a read and changes nothing.
//!
//! Also what comes after a pass: what is said of it, and how long its sales have waited.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::follow::Followed;
use super::trouble::{Trouble, trouble};
use super::{Daemon, PendingWork, Rest, Targets};
use crate::clock;
use crate::model::{OrderId, OrderKey, SourceName, UserId};
use crate::pass::ingest::IngestError;
use crate::pass::{PassError, PassScope, PlannedPass};
use crate::report::run::{ActionOutcome, RunReport};
use crate::report::status::About;
use crate::source::Source;
use crate::store::StoreError;

/// Sales that are waited for; beyond that, the times of some are not taken.
const SALES: usize = 10_000;

/// Between two full passes that hints have asked for; a tenth of the interval where that is less.
const GAP: SignedDuration = SignedDuration::from_secs(10);

/// A name of the file that Logto does not know.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unresolved(String);

/// Some changes of a pass were refused.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

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
            let gap = (self.active.config.schedule.full_pass / 10).min(GAP);
            self.schedule.hurry_full_pass(self.publisher.last_full_pass().map_or(now, |at| (at + gap).max(now)));
        }
        if asked.all_sources == Targets::All {
            self.schedule.hurry(now);
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
        // Those of a source that is not read yet go on waiting.
        let (waiting, due): (BTreeSet<_>, BTreeSet<_>) =
            std::mem::take(&mut self.asked.orders).into_iter().partition(|(source, _)| self.stuck.contains(source));
        self.asked.orders = waiting;
        for (source, order) in due {
            orders.entry(source).or_default().insert(order);
        }
        orders
    }

    /// Says what came of hints, and keeps what waits for the next turn. `polled`: whether the source was polled
    /// well just after.
    pub(super) fn note_followed(&mut self, source: &Source, followed: Followed, polled: bool) -> Vec<OrderKey> {
        let Followed { touched, waiting, answered, failed, .. } = followed;
        let name = source.name();
        for (order, error) in failed {
            match error {
                // The poll says whether that is a trouble.
                IngestError::Source { .. } => {
                    let order = order.map(|order| order.to_string());
                    tracing::warn!(source = %name, order, %error, "a hint could not be followed");
                }
                IngestError::Store(_) => Trouble::from(error).tell(&mut self.publisher, clock::now()),
            }
        }
        if polled && source.polls_answer_hints() {
            return touched;
        }
        // Where nothing got on, the next poll is soon enough to try again.
        if answered > 0 && !waiting.is_empty() {
            self.rest = Rest::Short;
        }
        self.asked.orders.extend(waiting.into_iter().map(|order| (name.clone(), order)));
        touched
    }

    /// Looks into who was asked for. Returns the orders that the pass is to be about.
    pub(super) async fn look_into(&mut self, now: Timestamp) -> Vec<OrderKey> {
        let users = std::mem::take(&mut self.asked.users);
        let mut touched = Vec::new();
        if !users.is_empty() {
            match self.orders_of(&users.into_iter().collect::<Vec<_>>()).await {
                Ok(Some(orders)) => touched.extend(orders),
                Ok(None) => self.schedule.hurry_full_pass(now),
                Err(error) => {
                    Trouble::from(error).tell(&mut self.publisher, now);
                    self.schedule.hurry_full_pass(now);
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

    /// Says what a pass saw and did. `report`: what came of its plan, where it carried it out.
    pub(super) async fn passed(&mut self, span: &PassScope, planned: &PlannedPass, report: Option<&RunReport>) {
        let now = clock::now();
        self.publisher.works(&About::Logto);
        self.publisher.works(&About::Store);
        if *span == PassScope::Full {
            self.publisher.targets_work();
            for problem in &*self.active.unresolved {
                let about = About::Target(format!("line {}, column {}", problem.line, problem.column));
                let unresolved = Unresolved(problem.message.clone());
                self.publisher.trouble(trouble(about, &unresolved, problem.hint.clone(), now));
            }
        }
        for (target, error) in &planned.troubles {
            self.publisher.trouble(trouble(About::Target(target.clone()), error, error.hint(), now));
        }
        let failed = report.into_iter().flat_map(|report| &report.lines).find_map(|line| match &line.came {
            ActionOutcome::Failed(why) => {
                Some(format!("{} of {} for {}: {why}", line.change.action, line.change.target, line.change.user))
            }
            ActionOutcome::Done | ActionOutcome::AlreadySo | ActionOutcome::Gone(_) => None,
        });
        match failed {
            Some(why) => {
                let hint = "it is tried again with every full pass".to_owned();
                self.publisher.trouble(trouble(About::Changes, &Refused(why), Some(hint), now));
            }
            None if *span == PassScope::Full => self.publisher.works(&About::Changes),
            None => {}
        }
        self.publisher.passed(span, planned, report, now);
        if let Some(report) = report {
            self.time_sales(planned, report, now).await;
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

    /// Says everything that is known after a turn.
    pub(super) async fn tell(&mut self) {
        let now = clock::now();
        self.publisher.scheduled(&self.schedule);
        let told: Result<(), StoreError> = self.publisher.look_up(&self.store, now).await;
        match told {
            Ok(()) => self.publisher.publish(),
            Err(error) => Trouble::from(PassError::from(error)).tell(&mut self.publisher, now),
        }
    }
}
