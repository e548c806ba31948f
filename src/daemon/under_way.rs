//! A pass of the loop, and what may happen while it is under way.
//!
//! Nothing short waits for anything long: while a pass looks, and between two steps of carrying it out, what came in is
//! read, and sales go first in a quick pass of their own. The users of that pass leave the long plan, which then goes
//! on for at least one step. A sale takes nothing from anybody and counts towards no limit; everything else that came
//! in waits for the next turn.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use tracing::Instrument as _;

use super::{Content, Daemon, Rest, log};
use crate::clock;
use crate::model::{OrderKey, Standing, UserId};
use crate::pass::active::ActiveConfig;
use crate::pass::{
    Execution, Looked, Lookout, PassError, PassScope, PlannedPass, Step, kept, plan_pass, plan_pass_about, users_about,
};
use crate::planner::Hold;
use crate::report::run::{Obsolete, RunReport};
use crate::report::status::{Mode, Progress};
use crate::shutdown::Shutdown;
use crate::store::Store;

/// So many sales go into one quick pass in between.
const SALES_AT_ONCE: usize = 100;

/// Whom a quick pass in between was about; `None` where the end was asked for meanwhile. `Err`: it could not look, so
/// that nobody knows.
type Overtaken = Result<Option<BTreeSet<UserId>>, PassError>;

impl Daemon {
    /// One pass. `Ok(None)`: it was told to stop meanwhile. In one piece: what ends a pass early is looked at between
    /// its steps.
    pub(super) async fn pass(
        &mut self,
        span: &PassScope,
        also: &BTreeSet<UserId>,
        now: Timestamp,
        shutdown: &mut Shutdown,
    ) -> Result<Option<Option<Timestamp>>, PassError> {
        if *span == PassScope::Full {
            self.heard.line = self.store.last_line().await?;
            let before = Arc::clone(&self.active.names);
            tokio::select! {
                refreshed = self.active.refresh() => refreshed?,
                () = shutdown.wait() => return Ok(None),
            }
            if self.mode == Mode::Live && before != self.active.names {
                self.store.note_names(&self.active.names).await?;
            }
        }
        let (active, store, unread) = (self.active.clone(), Arc::clone(&self.store), self.unread.clone());
        let mut overtaken = BTreeSet::new();
        let planned = {
            let nobody = |_: &str, _, _| {};
            let looking = plan_pass_about(active.context(&store, &unread, &nobody, now), span, also);
            let mut looking = Box::pin(looking);
            loop {
                tokio::select! {
                    planned = &mut looking => break planned?,
                    () = shutdown.wait() => return Ok(None),
                    () = self.news(), if self.mode == Mode::Live => {}
                }
                // Both go on; neither is cut short for the other.
                let mut end = shutdown.clone();
                let mut quick = Box::pin(self.overtake(&mut end));
                let (users, looked) = tokio::select! {
                    users = &mut quick => (users, None),
                    planned = &mut looking => (quick.await, Some(planned)),
                };
                // A look that began before what came in, and must not be acted on where nobody knows whom that was
                // about.
                let Some(users) = users? else { return Ok(None) };
                overtaken.extend(users);
                if let Some(planned) = looked {
                    break planned?;
                }
            }
        };
        for (target, error) in &planned.troubles {
            tracing::warn!(on = target, %error, "could not be read");
        }
        let report = match self.mode {
            Mode::DryRun => {
                self.show(&planned);
                None
            }
            Mode::Live => {
                let done = self.carry_out(&active, &store, &planned, span, now, &mut overtaken, shutdown).await;
                self.publisher.progress(None);
                Some(done?)
            }
        };
        log::planned(&planned.view);
        self.passed(span, &planned, report.as_ref(), &overtaken).await;
        self.mind_names(span, &planned, report.as_ref());
        if planned.plan.held.iter().any(|held| matches!(held.hold, Hold::ClockDoubtful(_))) {
            // It lifts itself once the clocks agree, and only who asks can tell: each time after twice as long.
            let wait = self.gap().saturating_mul(1 << self.doubts.min(20));
            self.want_full_pass(clock::now() + wait.min(self.active.config.schedule.full_pass));
            self.doubts = self.doubts.saturating_add(1);
        } else if *span == PassScope::Full {
            self.doubts = 0;
        }
        Ok(Some(planned.next_change))
    }

    /// Carries out a plan step by step, and looks up between two of them.
    #[expect(clippy::too_many_arguments, reason = "what a pass has at hand, each of another kind")]
    async fn carry_out(
        &mut self,
        active: &ActiveConfig,
        store: &Store,
        planned: &PlannedPass,
        span: &PassScope,
        now: Timestamp,
        overtaken: &mut BTreeSet<UserId>,
        shutdown: &Shutdown,
    ) -> Result<RunReport, PassError> {
        let writer = active.client.writer();
        // What other passes change from here on is not in what this one saw.
        self.publisher.seen(span);
        let since = clock::now();
        kept::keep_held(store, planned, overtaken).await?;
        let execution = Execution::begin(active, store, &writer, planned, span, now, overtaken).await?;
        let mut execution = execution.counting(self.publisher.metrics().in_flight().clone());
        let mut lookout = self.lookout(shutdown);
        let mut told = log::Told::default();
        loop {
            let (done, of) = execution.progress();
            if done < of {
                self.publisher.progress(Some(Progress { pass: span.into(), done, of, since, in_flight: 0 }));
            }
            let step = execution.step(&mut lookout).await?;
            log::changes(&execution.fresh(), &mut told);
            if let Some((number, first)) = execution.failed() {
                self.refused(&first, number);
            }
            if step == Step::Over {
                break;
            }
            if self.news().now_or_never().is_some() {
                match Box::pin(self.overtake(&mut shutdown.clone())).await {
                    Ok(Some(users)) => {
                        execution.leave(&users);
                        overtaken.extend(users);
                    }
                    // The next step leaves what is not begun.
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%error, "a pass was abandoned, since what came in meanwhile could not be processed");
                        execution.stop(Obsolete::News);
                    }
                }
            }
        }
        let report = execution.finish().await?;
        log::figures(&report, &told);
        match report.obsolete {
            // The next turn says what became of the store.
            None | Some(Obsolete::End | Obsolete::Store) => {}
            Some(Obsolete::Frozen | Obsolete::News) => self.want_full_pass(clock::now()),
            // The watch hands it out when it has settled; if it is what it was, this goes on soon.
            Some(Obsolete::File) => self.want_full_pass(clock::now() + SignedDuration::from_secs(1)),
        }
        Ok(report)
    }

    /// What makes the rest of a plan obsolete: among others, that the file is not what it was when this was last
    /// looked into, valid or not.
    fn lookout<'a>(&self, shutdown: &'a Shutdown) -> Lookout<'a> {
        let lookout = Lookout::new(shutdown);
        match self.watch.known().get(&self.file) {
            Some(Content::Hash(digest)) => lookout.with_content(&self.file, Some(digest.clone())),
            Some(Content::Gone | Content::Unreadable(_)) => lookout.with_content(&self.file, None),
            None => lookout,
        }
    }

    /// Returns when something may have come in: a hint, a poll that is due, sales that the last quick pass had no
    /// room for. Cancel-safe.
    async fn news(&mut self) {
        if !self.touched.is_empty() {
            return;
        }
        let again = self.again.orders.next();
        let due = self.schedule.next_poll().into_iter().chain(again).min();
        let wait = due.map(|due| due.duration_since(clock::now()));
        if wait.is_some_and(|wait| !wait.is_positive()) {
            return;
        }
        let wait = wait.and_then(|wait| wait.try_into().ok()).unwrap_or(std::time::Duration::from_secs(60));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            asked = self.triggers.settled() => self.take(asked),
        }
    }

    /// Reads what is due, and grants what was sold. Whoever does not answer keeps nobody from the end.
    async fn overtake(&mut self, shutdown: &mut Shutdown) -> Overtaken {
        let reading = async {
            let mut touched = Box::pin(self.look_into(clock::now())).await;
            touched.extend(Box::pin(self.read()).await);
            touched
        };
        let mut touched = tokio::select! {
            touched = reading => touched,
            () = shutdown.wait() => return Ok(None),
        };
        touched.sort_unstable();
        touched.dedup();
        self.note_sales(&touched).await;
        let mut users = users_about(&self.store, &touched).await?;
        self.touched.extend(touched);
        let (sales, rest) = self.sales_first().await?;
        self.later.extend(rest);
        if !sales.is_empty() {
            let Some(sold) = self.sell(sales, shutdown).await? else { return Ok(None) };
            users.extend(sold);
        }
        Ok(Some(users))
    }

    /// Of what came in, takes the sales of one quick pass, and all that is no sale.
    async fn sales_first(&mut self) -> Result<(Vec<OrderKey>, Vec<OrderKey>), PassError> {
        let all: Vec<OrderKey> = std::mem::take(&mut self.touched).into_iter().collect();
        let stored = self.store.stored_orders(&all).await?;
        let may_entitle = |standing| !matches!(standing, Standing::Refunded | Standing::Void | Standing::Expired);
        let (sales, rest): (Vec<_>, Vec<_>) = stored.into_iter().partition(|one| may_entitle(one.order.standing));
        let mut sales: Vec<OrderKey> = sales.into_iter().map(|one| one.key).collect();
        self.touched.extend(sales.split_off(sales.len().min(SALES_AT_ONCE)));
        Ok((sales, rest.into_iter().map(|one| one.key).collect()))
    }

    /// A quick pass that only gives. Whatever else these orders bring about waits for the next turn.
    async fn sell(&mut self, sales: Vec<OrderKey>, shutdown: &mut Shutdown) -> Overtaken {
        let around = tracing::info_span!("pass", kind = "quick", run = tracing::field::Empty);
        async {
            let now = clock::now();
            let (active, store, unread) = (self.active.clone(), Arc::clone(&self.store), self.unread.clone());
            let nobody = |_: &str, _, _| {};
            let span = PassScope::Quick(sales);
            let looking = plan_pass(active.context(&store, &unread, &nobody, now), &span);
            let mut planned = tokio::select! {
                planned = looking => planned?,
                () = shutdown.wait() => return Ok(None),
            };
            if planned.keep_sales() > 0
                && let PassScope::Quick(sales) = &span
            {
                self.later.extend(sales);
            }
            let writer = active.client.writer();
            kept::keep_held(&store, &planned, &BTreeSet::new()).await?;
            let begun = Execution::begin(&active, &store, &writer, &planned, &span, now, &BTreeSet::new()).await?;
            let mut execution = begun.counting(self.publisher.metrics().in_flight().clone());
            let (mut lookout, mut told) = (Lookout::new(shutdown), log::Told::default());
            while execution.step(&mut lookout).await? == Step::More {}
            log::changes(&execution.fresh(), &mut told);
            let report = execution.finish().await?;
            log::figures(&report, &told);
            self.passed(&span, &planned, Some(&report), &BTreeSet::new()).await;
            self.foreseen = self.foreseen.into_iter().chain(planned.next_change).min();
            self.publisher.publish();
            Ok(Some(match planned.looked {
                Looked::At { users, .. } => users,
                Looked::AtAll => planned.user_index.ids().iter().cloned().collect(),
            }))
        }
        .instrument(around)
        .await
    }

    /// Has a full pass made soon, also where one is under way that began before.
    pub(super) fn want_full_pass(&mut self, at: Timestamp) {
        self.schedule.hurry_full_pass(at);
        self.wanted_full = Some(self.wanted_full.map_or(at, |wanted| wanted.min(at)));
    }

    /// What came in and was not looked at is looked at in the next turn.
    pub(super) fn go_on(&mut self) {
        if !self.touched.is_empty() || !self.later.is_empty() {
            self.rest = Rest::Short;
        }
    }
}
