//! The loop: wake on a timer, a hint, a changed file or a signal (`sleep`); poll what is due; one pass at a time.
//!
//! What a pass does never depends on what woke the loop. A poll that brought something new is followed by a quick pass
//! over the buyers it concerns; a full pass looks at every target, on its schedule. What fails is logged with what
//! would mend it and tried again: the loop is the retry.
//!
//! The configuration in force is the last valid one. A file that is broken or missing, or whose names cannot be looked
//! up in Logto, changes nothing but what is reported. A name that Logto does not know affects only its own targets.

mod carried;
mod displaced;
mod follow;
mod heard;
mod hints;
mod log;
mod lost_names;
pub mod metrics;
pub mod notify;
pub mod peer;
mod poll;
mod publisher;
mod reload;
mod retry;
mod schedule;
mod settled;
mod sleep;
pub mod systemd;
mod trigger;
mod trouble;
mod under_way;
mod watch;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::signal::unix::{self, Signal, SignalKind};
use tracing::Instrument as _;

use self::heard::Heard;
use self::reload::watched;
use self::retry::Retries;
use self::settled::Detour;
use self::trouble::Trouble;
use crate::clock::Steady;
use crate::config::Presets;
use crate::config::presets::PRESETS;
use crate::logging::{Panicked, caught};
use crate::model::{OrderId, OrderKey, SourceName, UserId};
use crate::pass::active::{ActiveConfig, Simulators};
use crate::pass::{PassScope, PlannedPass};
use crate::report::status::{About, Duty};
use crate::shutdown::Shutdown;
use crate::store::{Displaced, Store};
use crate::text::Color;
use crate::{clock, report};

pub use crate::report::status::Mode;
pub use follow::{MANY, PER_TURN};
pub use publisher::{HealthReporter, LiveState, StatusPublisher, StatusReader, approvals, frozen, odd, remember};
pub use schedule::Schedule;
pub use settled::Settled;
pub use trigger::{Hint, LONGEST, PendingWork, SETTLE, Targets, Trigger, TriggerReceiver, triggers};
pub(crate) use trouble::{refused, trouble, unresolved};
pub use watch::{Content, Pulse, Watch};

/// What the loop starts from.
#[derive(Debug)]
pub struct Start {
    /// The file that is watched.
    pub file: PathBuf,
    /// What it held when it was read.
    pub active: ActiveConfig,
    /// Where the simulators are, if the file asks for them.
    pub simulators: Option<Simulators>,
    /// What is known.
    pub store: Arc<Store>,
    /// What it may do.
    pub mode: Mode,
    /// How closely files are watched.
    pub pulse: Pulse,
    /// Where it says what it does.
    pub publisher: StatusPublisher,
    /// How it is asked for a pass.
    pub triggers: TriggerReceiver,
    /// What a file does not change while it runs.
    pub settled: Settled,
}

/// Runs until it is told to stop.
///
/// Flow: a turn (reload, follow hints, poll, at most one pass), then sleep until the next thing is due or somebody
/// wakes it: a hint, a changed file, a signal, an order of the page.
///
/// Guarantees: one pass at a time. No failure ends the loop: it is reported, and what failed is due again. A fault of
/// the program ends its turn and nothing else. When it is told to stop, what is in flight is finished first.
///
/// Assumes that the lease on the store is held, and that `start.active` is in force.
///
/// Caveat: whoever wakes it decides nothing; what a pass does follows from orders, file and Logto alone. In one piece:
/// most of it is the daemon's beginning, field by field.
pub async fn run(start: Start, mut shutdown: Shutdown) {
    let Start { file, active, simulators, store, mode, pulse, publisher, triggers, settled } = start;
    let now = clock::now();
    let store_line = store.last_line().await.unwrap_or_default();
    // What is in force counts, and not what the file holds by now.
    let known = [(file.clone(), Content::Hash(active.origin.digest.clone()))].into();
    let mut daemon = Daemon {
        schedule: Schedule::all_due(active.source_names(), now),
        unread: active.source_names(),
        stuck: BTreeSet::new(),
        watch: Watch::new(watched(&file, &active), &known, pulse).await,
        file,
        active,
        simulators,
        store,
        mode,
        pulse,
        publisher,
        triggers,
        settled,
        detour: None,
        head: None,
        asked: PendingWork::default(),
        rest: Rest::Long,
        started: now,
        sales: BTreeSet::new(),
        touched: BTreeSet::new(),
        later: BTreeSet::new(),
        again: Again::default(),
        foreseen: None,
        wanted_full: None,
        heard: Heard { line: store_line, at: now },
        told: None,
        shown: None,
        reload: Reload::Settled,
        kept: Kept::Not,
        worth: If::Different,
        displaced: None,
        folded: now,
        doubts: 0,
        clock: Steady::now(),
        hangup: unix::signal(SignalKind::hangup())
            .inspect_err(|error| tracing::warn!(%error, "cannot listen for SIGHUP"))
            .ok(),
    };
    daemon.announce();
    daemon.publisher.duty(Duty::Leader);
    daemon.keep_file().await;
    daemon.see_what_is_settled().await;
    while !shutdown.requested() {
        let turn = async {
            daemon.turn(&mut shutdown).await;
            daemon.tell().await;
            daemon.fold_log().await;
        };
        if let Err(fault) = caught(turn).await {
            daemon.met(fault, "the interrupted work starts over");
        }
        if let Err(fault) = caught(daemon.sleep(&mut shutdown)).await {
            daemon.met(fault, "the loop goes on");
        }
    }
    daemon.publisher.duty(Duty::Stopping);
    daemon.store.close().await;
    tracing::info!("stopped");
}

struct Daemon {
    file: PathBuf,
    active: ActiveConfig,
    simulators: Option<Simulators>,
    store: Arc<Store>,
    mode: Mode,
    pulse: Pulse,
    watch: Watch,
    schedule: Schedule,
    publisher: StatusPublisher,
    triggers: TriggerReceiver,
    settled: Settled,
    /// What is done while the file names another store.
    detour: Option<Detour>,
    /// Orders and users that hints are about, and that were not looked at yet.
    asked: PendingWork,
    /// How long the loop rests after this turn.
    rest: Rest,
    /// The commit that was checked out when the version of the file was last looked up.
    head: Option<String>,
    /// When the loop began.
    started: Timestamp,
    /// Orders that came in while this runs and whose grants are still to be made, for the time that takes.
    sales: BTreeSet<OrderKey>,
    /// Orders that came in and that no pass was about yet,
    touched: BTreeSet<OrderKey>,
    /// and those of them that are no sales, and wait for the next turn.
    later: BTreeSet<OrderKey>,
    /// What failed and is tried again soon.
    again: Again,
    /// When something ends by itself that quick passes in between have granted.
    foreseen: Option<Timestamp>,
    /// When a full pass is wanted for something that came up while one may have been under way.
    wanted_full: Option<Timestamp>,
    /// How far the trail was heard.
    heard: Heard,
    /// Sources whose last read failed, or that were not read yet.
    unread: BTreeSet<SourceName>,
    /// Of those, the ones that are still known under an old name only.
    stuck: BTreeSet<SourceName>,
    /// What does not work, as the store has it.
    told: Option<Vec<report::status::Trouble>>,
    /// The last plan that a dry run printed.
    shown: Option<String>,
    reload: Reload,
    /// Whether the store keeps the file that is in force.
    kept: Kept,
    /// What makes the file worth entering at the next full pass: anything, while what it refers to could not be read.
    worth: If,
    /// What became of the store, as far as was said.
    displaced: Option<Displaced>,
    /// When its log was last emptied.
    folded: Timestamp,
    /// Passes that held something since two clocks differ, after the last full one that did not.
    doubts: u32,
    /// The clock as it was read last.
    clock: Steady,
    hangup: Option<Signal>,
}

/// What failed and is tried again soon.
#[derive(Default)]
struct Again {
    /// Users of whom a change failed.
    users: Retries<UserId>,
    /// Orders that a hint was about and that could not be read.
    orders: Retries<(SourceName, OrderId)>,
    /// That names stand for nothing.
    names: Retries<()>,
}

/// Of more users than these a full pass takes care.
const MANY_AGAIN: usize = 1_000;

/// How long the loop rests between two turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// Until something is due.
    Long,
    /// Only as long as it takes to see what came meanwhile: hints are left over.
    Short,
}

/// Whether the file is to be read again without being told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reload {
    /// No.
    Settled,
    /// A valid file could not be entered, since Logto could not be asked; to be tried again.
    Wanted(If),
}

/// Whether the store keeps the file that is in force, for a start on a broken one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// It does.
    Safely,
    /// It could not, or was not asked to: tried again after a pass that went well.
    Not,
}

/// What makes a file worth entering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum If {
    /// Its bytes differ from those in force.
    Different,
    /// Always: what it refers to may have changed (`.env`, a secret in a file).
    Anyway,
}

impl Daemon {
    fn announce(&mut self) {
        self.publisher.active(&self.active, &self.store, clock::now());
        let ActiveConfig { config, origin, catalog, .. } = &self.active;
        tracing::info!(
            config = origin.short(),
            products = config.products.len(),
            targets = catalog.targets.len(),
            sources = config.sources.len(),
            dry_run = self.mode == Mode::DryRun,
            "in force"
        );
    }

    /// A fault of the program itself: told, and everything that is due is put off, so that a fault that stays is no
    /// endless turn.
    fn met(&mut self, fault: Panicked, then: &'static str) {
        Trouble::Program { fault, about: About::Program, then }.tell(&mut self.publisher, clock::now());
        self.put_off();
    }

    /// Polls what is due, then passes over what that brought, or over everything when that is due. In one piece: the
    /// order of the steps is the rule.
    async fn turn(&mut self, shutdown: &mut Shutdown) {
        self.follow_clock();
        if !self.is_in_place().await {
            return;
        }
        let when = match self.reload {
            Reload::Wanted(when) => Some(when),
            // What could not enter into force may now, and if it still cannot, that is said again.
            Reload::Settled => self.schedule.full_pass_due(clock::now()).then_some(self.worth),
        };
        if let Some(when) = when {
            tokio::select! {
                () = Box::pin(self.reload(when)) => {}
                () = shutdown.wait() => return,
            }
        }
        self.follow_head().await;
        self.carry_over().await;
        tokio::select! {
            () = self.look_up_names() => {}
            () = shutdown.wait() => return,
        }
        let reading = async {
            // On the heap: what a turn waits for is more than a thread may have to spare.
            let mut touched = Box::pin(self.look_into(clock::now())).await;
            touched.extend(Box::pin(self.read()).await);
            touched.sort_unstable();
            touched.dedup();
            touched
        };
        let touched = tokio::select! {
            touched = reading => touched,
            () = shutdown.wait() => return,
        };
        self.note_sales(&touched).await;
        self.touched.extend(touched);
        self.touched.append(&mut self.later);
        // Reads take their time, and what ended meanwhile has ended.
        let now = clock::now();
        let again = self.again.users.due(self.patience(), now);
        let touched: Vec<OrderKey> = std::mem::take(&mut self.touched).into_iter().collect();
        let span = if self.schedule.full_pass_due(now) || again.len() > MANY_AGAIN {
            self.wanted_full = None;
            PassScope::Full
        } else if touched.is_empty() && again.is_empty() {
            return;
        } else {
            PassScope::Quick(touched)
        };
        let every = self.active.config.schedule.full_pass;
        let around = tracing::info_span!("pass", kind = span.word(), run = tracing::field::Empty);
        let passed = match caught(Box::pin(self.pass(&span, &again, now, shutdown)).instrument(around)).await {
            Ok(passed) => passed,
            Err(fault) => return self.met(fault, "the next pass starts over"),
        };
        let went_well = matches!(passed, Ok(Some(_)));
        match passed {
            Ok(Some(next_change)) if span == PassScope::Full => {
                self.schedule.passed(every, next_change, fastrand::f64(), now);
                self.publisher.works(&About::Program);
                self.publisher.reporter().works(&About::Program);
            }
            Ok(Some(next_change)) => self.schedule.foresee(next_change),
            Ok(None) => {}
            Err(error) => {
                if self.is_in_place().await {
                    Trouble::from(error).tell(&mut self.publisher, now);
                }
                // A quick pass that failed is made good by a full one: what it was about is not lost.
                self.schedule.failed(every, now);
            }
        }
        if went_well && self.kept == Kept::Not {
            self.keep_file().await;
        }
        self.schedule.foresee(self.foreseen.take());
        if let Some(at) = self.wanted_full.take() {
            self.schedule.hurry_full_pass(at);
        }
        self.go_on();
    }

    /// The least between two full passes that something asks for.
    fn gap(&self) -> SignedDuration {
        SignedDuration::try_from(self.pulse.gap).unwrap_or(SignedDuration::MAX)
    }

    /// The longest wait before something that failed is tried again.
    fn patience(&self) -> SignedDuration {
        self.active.config.sources.iter().map(|source| source.poll).min().unwrap_or(SignedDuration::from_secs(30))
    }

    /// Prints a plan that differs from the one before.
    pub(super) fn show(&mut self, planned: &PlannedPass) {
        let text = report::text(&planned.view, Color::Plain);
        if self.shown.as_ref() != Some(&text) {
            // Whoever reads the plans may have gone; that ends no daemon.
            let _nobody_reads = writeln!(std::io::stdout().lock(), "{}", crate::secret::redacted(&text));
            self.shown = Some(text);
        }
    }
}

/// The presets, as `config` takes them.
pub fn presets() -> Presets {
    Presets::new(PRESETS)
}
