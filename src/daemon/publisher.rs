//! Where the loop says what it does: fills in the [`Status`] and shares it at every change.
//!
//! Decides nothing. Readers hold a receiver and never keep the loop waiting.

mod passes;
mod stored;
mod troubles;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::Schedule;
use super::metrics::Metrics;
use crate::clock;
use crate::model::{SourceName, State, UserId};
use crate::pass::active::ActiveConfig;
use crate::report::HeldChange;
use crate::report::status::{
    About, ConfigInForce, Duty, Frozen, Mode, Progress, SourceStatus, Status, Trouble, Unheeded,
};
use crate::store::{BuyerKey, Store, StoreError};
use wanted::Wanted;

use stored::{RUNS, run_status};
pub use stored::{approvals, frozen, odd, remember};
pub use troubles::HealthReporter;

/// What the loop works on, once it has opened it: for whoever answers questions beside it. Reading only.
#[derive(Clone, Debug)]
pub struct LiveState {
    /// The configuration in force, its catalog, and the way to read Logto.
    pub active: ActiveConfig,
    /// What is known. Its readers never wait for the loop.
    pub store: Arc<Store>,
}

/// Reads what a [`StatusPublisher`] says. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StatusReader {
    /// The newest status, and every change of it.
    pub status: watch::Receiver<Arc<Status>>,
    /// What the loop works on; `None` until it has opened it.
    pub open: watch::Receiver<Option<Arc<LiveState>>>,
    /// What was counted since the process started.
    pub metrics: Arc<Metrics>,
    /// Where whoever runs beside the loop says what does not work.
    pub reporter: HealthReporter,
}

/// A change by action, user and target.
type ChangeKey = (String, UserId, String);

/// See the module.
#[derive(Debug)]
pub struct StatusPublisher {
    draft: Status,
    status: watch::Sender<Arc<Status>>,
    open: watch::Sender<Option<Arc<LiveState>>>,
    metrics: Arc<Metrics>,
    reporter: HealthReporter,
    /// What is held, so that a quick pass replaces that of its own users only.
    held: BTreeMap<ChangeKey, HeldChange>,
    /// What was to be changed and was not, in the same way,
    pending: BTreeSet<ChangeKey>,
    /// and buyers who wait for a person.
    ambiguous: BTreeSet<BuyerKey>,
    wanted: Wanted,
    /// What quick passes have changed, by target, since the last full pass saw who holds what.
    moved: BTreeMap<String, i64>,
    /// When troubles began that are not told just now: by the process before this one, or before a full pass tells
    /// them anew.
    began: BTreeMap<About, Timestamp>,
    /// How it stands by what the store knows, until the loop begins.
    remembered: Option<Remembered>,
}

/// What is shown as long as nothing runs that would know better.
#[derive(Debug)]
struct Remembered {
    state: State,
    since: Timestamp,
    troubles: Vec<Trouble>,
}

impl StatusPublisher {
    /// A board that says "starting", and how to read it.
    pub fn new(mode: Mode) -> (Self, StatusReader) {
        let draft = Status::starting(mode, clock::now());
        let (status, status_of) = watch::channel(Arc::new(draft.clone()));
        let (open, open_of) = watch::channel(None);
        let metrics = Arc::<Metrics>::default();
        let reporter = HealthReporter::default();
        let reading = StatusReader {
            status: status_of,
            open: open_of,
            metrics: Arc::clone(&metrics),
            reporter: reporter.clone(),
        };
        let publisher = Self {
            draft,
            status,
            open,
            metrics,
            reporter,
            held: BTreeMap::new(),
            pending: BTreeSet::new(),
            ambiguous: BTreeSet::new(),
            wanted: Wanted::default(),
            moved: BTreeMap::new(),
            began: BTreeMap::new(),
            remembered: None,
        };
        (publisher, reading)
    }

    /// When the last full pass succeeded.
    pub(super) fn last_full_pass(&self) -> Option<Timestamp> {
        self.draft.last_full_pass
    }

    /// What was counted since the process started.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// How far the pass has come that is writing; `None`: none is.
    pub(super) fn progress(&mut self, progress: Option<Progress>) {
        if self.draft.progress != progress {
            self.draft.progress = progress;
            // The end is published with what came of it.
            if progress.is_some() {
                self.publish();
            }
        }
    }

    /// What the file says by now and the daemon does not follow. Each is logged once.
    pub(super) fn unheeded(&mut self, unheeded: Vec<Unheeded>) {
        for one in unheeded.iter().filter(|one| !self.draft.unheeded.contains(one)) {
            tracing::warn!(key = one.key, "{}", one.sentence);
        }
        if self.draft.unheeded != unheeded {
            self.draft.unheeded = unheeded;
            self.publish();
        }
    }

    /// When the freeze in force ends by itself.
    pub(super) fn frozen_until(&self) -> Option<Timestamp> {
        self.draft.freeze.as_ref().map(|freeze| freeze.until)
    }

    /// Where others say what does not work.
    pub fn reporter(&self) -> HealthReporter {
        self.reporter.clone()
    }

    /// Says how it stands between working and standing by.
    pub fn duty(&mut self, duty: Duty) {
        if duty == Duty::Leader {
            self.remembered = None;
        }
        self.draft.duty = duty;
        self.publish();
    }

    /// Says which store it works on.
    pub fn store(&mut self, store: &Store) {
        self.draft.store = Some(store.id().to_string());
        self.publish();
    }

    /// Shows what the store knows, for as long as the loop has not begun: another process works on it, or none can.
    pub async fn remember(&mut self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let mut told = self.draft.clone();
        remember(&mut told, store, now).await?;
        self.held = told.held.iter().map(|held| (passes::key(&held.change), held.clone())).collect();
        let troubles = std::mem::replace(&mut told.troubles, std::mem::take(&mut self.draft.troubles));
        self.remembered = Some(Remembered { state: told.state, since: told.since, troubles });
        // Whether it has changed is seen by what is shared.
        (told.state, told.since) = (self.draft.state, self.draft.since);
        self.draft = told;
        self.publish();
        Ok(())
    }

    /// A configuration has entered into force, or its names were resolved anew.
    pub(super) fn active(&mut self, active: &ActiveConfig, store: &Arc<Store>, now: Timestamp) {
        let ActiveConfig { config, origin, .. } = active;
        self.remembered = None;
        if let Some(before) = self.open.borrow().as_ref().map(|open| &open.active.client)
            && !before.is(&active.client)
        {
            self.metrics.retire(before);
        }
        self.draft.store = Some(store.id().to_string());
        let known = self.draft.config.as_ref().filter(|known| known.origin == *origin);
        self.draft.config = Some(ConfigInForce {
            origin: origin.clone(),
            since: known.map_or(now, |known| known.since),
            products: config.products.len() as u64,
            full_pass_seconds: config.schedule.full_pass.unsigned_abs().as_secs(),
        });
        let known: BTreeMap<SourceName, SourceStatus> =
            self.draft.sources.drain(..).map(|source| (source.name.clone(), source)).collect();
        self.draft.sources = config
            .sources
            .iter()
            .map(|source| known.get(&source.name).cloned().unwrap_or_else(|| unasked(source.name.clone())))
            .collect();
        let named = |about: &About| match about {
            About::Source(name) => config.sources.iter().any(|source| source.name == *name),
            _ => true,
        };
        self.draft.troubles.retain(|trouble| named(&trouble.about));
        self.open.send_replace(Some(Arc::new(LiveState { active: active.clone(), store: Arc::clone(store) })));
        self.publish();
    }

    /// A source was asked. `Err`: what it failed with.
    pub(super) fn polled(&mut self, name: &SourceName, outcome: Result<u64, &Trouble>, now: Timestamp) {
        let Some(source) = self.draft.sources.iter_mut().find(|source| source.name == *name) else { return };
        source.last_poll = Some(now);
        match outcome {
            Ok(orders) => {
                source.last_success = Some(now);
                source.orders = orders;
            }
            Err(trouble) => source.last_error = Some(trouble.line()),
        }
    }

    /// A hint about a source was taken.
    pub(super) fn hinted(&mut self, name: &SourceName, now: Timestamp) {
        if let Some(source) = self.draft.sources.iter_mut().find(|source| source.name == *name) {
            source.last_hint = Some(now);
        }
    }

    /// When what is due next.
    pub(super) fn scheduled(&mut self, schedule: &Schedule) {
        self.draft.next_full_pass = Some(schedule.full_pass());
        self.draft.next_change = schedule.change();
        for source in &mut self.draft.sources {
            source.next_poll = schedule.poll(&source.name);
        }
    }

    /// What the store says besides: the freeze in force, the passes that are written down.
    pub(super) async fn look_up(&mut self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let freeze = store.frozen(now).await?.map(frozen);
        if freeze != self.draft.freeze {
            match &freeze {
                Some(Frozen { scope, until, who, reason, .. }) => tracing::info!(scope, %until, who, reason, "frozen"),
                None => tracing::info!("no longer frozen"),
            }
            self.draft.freeze = freeze;
        }
        self.draft.freezes = store.freezes(now).await?.into_iter().map(frozen).collect();
        self.draft.runs = store.runs(RUNS).await?.into_iter().map(run_status).collect();
        self.draft.approvals = approvals(store, now).await?;
        if self.draft.last_full_pass.is_none() {
            self.draft.last_full_pass = store.last_full_pass().await?;
        }
        for source in &mut self.draft.sources {
            if source.last_poll.is_none() {
                source.orders = store.order_count(&source.name).await?;
            }
            (source.odd, source.odd_orders) = odd(store, &source.name).await?;
        }
        self.metrics.store(store).await
    }

    /// Shares what is known now.
    pub(super) fn publish(&mut self) {
        let now = clock::now();
        let mut told = Status { at: now, ..self.draft.clone() };
        told.troubles.extend(self.reporter.all());
        if let Some(remembered) = &self.remembered {
            let known: Vec<_> = told.troubles.iter().map(|trouble| trouble.about.clone()).collect();
            let others = remembered.troubles.iter().filter(|trouble| !known.contains(&trouble.about));
            told.troubles.extend(others.cloned());
        }
        told.troubles.sort_by(|a, b| a.about.cmp(&b.about));
        let (state, since) = match &self.remembered {
            Some(remembered) if told.troubles.is_empty() => (remembered.state, remembered.since),
            _ => (told.judged(), now),
        };
        if state != self.draft.state {
            (self.draft.state, self.draft.since) = (state, since);
            tracing::info!(state = state.word(), "state");
        }
        (told.state, told.since) = (self.draft.state, self.draft.since);
        self.status.send_replace(Arc::new(told));
    }
}

/// Ends the wait for the loop: what it worked on is closed.
impl Drop for StatusPublisher {
    fn drop(&mut self) {
        self.open.send_replace(None);
    }
}

fn unasked(name: SourceName) -> SourceStatus {
    let (last_poll, last_success, next_poll, last_hint) = (None, None, None, None);
    SourceStatus {
        name,
        last_poll,
        last_success,
        last_error: None,
        next_poll,
        orders: 0,
        last_hint,
        odd: 0,
        odd_orders: Vec::new(),
    }
}
