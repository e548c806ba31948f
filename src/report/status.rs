//! What the daemon says of itself: one value, from which everything that reports is made. `/readyz`,
//! `/metrics`, the page, the API, `status`, notifications and the service manager never ask anybody else, so
//! they all say the same thing.
//!
//! The loop makes a new one at every change ([`StatusPublisher`](crate::daemon::StatusPublisher)) and shares it behind an `Arc`
//! through a `watch` channel: whoever reads never waits for the loop, and nobody can change what was said.
//!
//! # The state in one word
//! The first of these that applies, so that the worst news goes first:
//! 1. `Degraded`: something does not work; each [`Trouble`] says what, since when and what would mend it
//! 2. `Held`: everything works, and some changes wait for a person
//! 3. `Pending`: changes are planned that are not made yet, or nothing was looked at so far
//! 4. `InSync`: Logto holds what was paid for
//!
//! A freeze ([`Frozen`]) stands beside the word and hides none of it: who has stopped what, until when, and why.
//!
//! Pure: `now` is an argument. Holds no secret: a message is as it stands in the log.

mod beside;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Dropped, HeldChange, Origin, PlanDocument, Settling, TargetView};
use crate::model::{SourceName, State};

pub use beside::{Frozen, Unheeded};

/// See the module. Everything but the two plans is in its JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// In one word.
    pub state: State,
    /// Since when it is that one.
    pub since: Timestamp,
    /// When this was said.
    pub at: Timestamp,
    /// When the process started.
    pub started: Timestamp,
    /// Whether it works or stands by.
    pub duty: Duty,
    /// What it may do.
    pub mode: Mode,
    /// Why it is degraded, worst first; empty unless it is.
    pub troubles: Vec<Trouble>,
    /// What somebody stopped, of several freezes the strongest; beside every state.
    pub freeze: Option<Frozen>,
    /// All of them, the one that ends first at the beginning.
    #[serde(default)]
    pub freezes: Vec<Frozen>,
    /// What the file says by now and a running daemon does not follow; beside every state.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unheeded: Vec<Unheeded>,
    /// Which store it works on; absent until it has opened one.
    #[serde(default)]
    pub store: Option<String>,
    /// What it works by; absent until the first configuration has entered into force.
    pub config: Option<ConfigInForce>,
    /// One for each source of that, in the order of the file.
    pub sources: Vec<SourceStatus>,
    /// One for each target, by name: as the last full pass saw it, moved on by what was changed since.
    pub targets: Vec<TargetView>,
    /// The figures over all targets.
    pub figures: Figures,
    /// Sources that the file no longer has and whose orders are all that something rests on.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub dropped: Vec<Dropped>,
    /// What earlier versions of the file ask for beyond the one in force.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settling: Option<Settling>,
    /// The pass that is writing just now; absent while none is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<Progress>,
    /// What became of the approvals of the last two days, the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub approvals: Vec<ApprovalStatus>,
    /// What waits for a person, each with the command that lets it through.
    #[serde(serialize_with = "shared", deserialize_with = "unshared")]
    pub held: Arc<Vec<HeldChange>>,
    /// The last passes that are written down, newest first.
    pub runs: Vec<RunStatus>,
    /// When the last full pass succeeded.
    pub last_full_pass: Option<Timestamp>,
    /// When the next one is due.
    pub next_full_pass: Option<Timestamp>,
    /// The next instant at which an entitlement or a grace ends by itself.
    pub next_change: Option<Timestamp>,
    /// The plan of the last full pass, in words.
    #[serde(skip)]
    pub plan: Option<Arc<Planned>>,
    /// That of the last quick pass.
    #[serde(skip)]
    pub quick_plan: Option<Arc<Planned>>,
}

/// Whether a daemon works or stands by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "duty", rename_all = "snake_case")]
pub enum Duty {
    /// It has not opened everything yet.
    Starting,
    /// Another one writes; it takes over when that one ends.
    Standby {
        /// Who writes.
        holder: String,
    },
    /// It works.
    Leader,
    /// The end was asked for.
    Stopping,
}

/// What a daemon may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Close the difference.
    Live,
    /// Show it: every plan that differs from the one before goes to stdout, and nothing is written to Logto.
    DryRun,
}

/// Something that does not work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What it is about. There is one trouble about one thing.
    pub about: About,
    /// In one sentence.
    pub message: String,
    /// Its causes, nearest first.
    pub because: Vec<String>,
    /// What would mend it.
    pub hint: Option<String>,
    /// More, for people: the problems of the file with their lines.
    pub detail: Option<String>,
    /// When it began.
    pub since: Timestamp,
}

/// What a trouble is about, worst first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum About {
    /// The store cannot be read or written.
    Store,
    /// Logto cannot be asked.
    Logto,
    /// The file is not valid, gone, or names what Logto does not know: the configuration in force stays.
    File,
    /// A payment API cannot be read.
    Source(SourceName),
    /// A target cannot be read; all others are.
    Target(String),
    /// Some changes were refused by Logto; they are tried again.
    Changes,
    /// The address to listen on cannot be had.
    Listener,
    /// The program met a fault of its own.
    Program,
}

/// What a daemon works by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigInForce {
    /// The file, its digest and its commit. Whether the file is still that one and valid, a [`Trouble`]
    /// about [`About::File`] tells.
    pub origin: Origin,
    /// Since when.
    pub since: Timestamp,
    /// Products in it.
    pub products: u64,
    /// Seconds between full passes.
    pub full_pass_seconds: u64,
}

/// What is known of one payment API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its name in the file.
    pub name: SourceName,
    /// When it was last asked.
    pub last_poll: Option<Timestamp>,
    /// When it last answered well.
    pub last_success: Option<Timestamp>,
    /// What it last failed with, also when it works again.
    pub last_error: Option<String>,
    /// When it is asked next.
    pub next_poll: Option<Timestamp>,
    /// Orders of it in the store.
    pub orders: u64,
    /// When a hint of it was last taken.
    pub last_hint: Option<Timestamp>,
    /// Orders of which something could not be read, and rows without even an id.
    #[serde(default)]
    pub odd: u64,
    /// Some of these orders, each with what is odd about it.
    #[serde(default)]
    pub odd_orders: Vec<String>,
}

/// The figures over all targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Changes that were wanted and neither made nor held.
    pub pending: u64,
    /// Changes that wait for a person.
    pub held: u64,
    /// Buyers without an account.
    pub waiting: u64,
    /// Purchases whose standing is unknown.
    pub unknown: u64,
    /// Grants that are neither ours nor bought.
    pub foreign: u64,
    /// Changes that the last full pass found to be wanted, held ones included, before it made any.
    pub drift: u64,
}

/// One pass that is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStatus {
    /// Its id, as in `history` and `undo`.
    pub id: String,
    /// What it looked at.
    pub kind: Pass,
    /// The version of the file it went by: a commit, or a digest.
    pub config: String,
    /// When it began.
    pub started: Timestamp,
    /// How it ended; absent while it runs, or when it was killed.
    pub end: Option<RunEnded>,
}

/// How a pass ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnded {
    /// Milliseconds from its start.
    pub elapsed_ms: u64,
    /// Whether it went through.
    pub succeeded: bool,
    /// Changes made.
    pub done: u64,
    /// Changes held.
    pub held: u64,
    /// Changes that failed.
    pub failed: u64,
    /// Calls to Logto.
    pub calls: u64,
}

/// What a pass looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// The users whose orders changed.
    Quick,
    /// Every target.
    Full,
}

/// What became of an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalStatus {
    /// Names the set that was held.
    pub digest: String,
    /// Who let it through.
    pub who: String,
    /// When.
    pub created: Timestamp,
    /// From then on it lets nothing through.
    pub expires: Timestamp,
    /// Changes of it that were carried out.
    pub used: u64,
    /// Changes of it that were not.
    pub open: u64,
}

/// How far a pass has come that is writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What it looked at.
    pub pass: Pass,
    /// Changes that were made, have failed or were left.
    pub done: u64,
    /// Changes in all.
    pub of: u64,
    /// When it began to write.
    pub since: Timestamp,
    /// Changes that are being made at the moment.
    pub in_flight: u64,
}

/// A plan and when it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// In words.
    pub view: PlanDocument,
    /// When.
    pub at: Timestamp,
}

/// So many intervals may pass without a full pass before a daemon is not ready any more.
const PATIENCE: i32 = 3;

impl Status {
    /// What a daemon says before it has opened anything.
    pub fn starting(mode: Mode, now: Timestamp) -> Self {
        Self {
            state: State::Pending,
            since: now,
            at: now,
            started: now,
            duty: Duty::Starting,
            mode,
            troubles: Vec::new(),
            freeze: None,
            freezes: Vec::new(),
            unheeded: Vec::new(),
            store: None,
            config: None,
            sources: Vec::new(),
            targets: Vec::new(),
            figures: Figures::default(),
            dropped: Vec::new(),
            settling: None,
            progress: None,
            approvals: Vec::new(),
            held: Arc::default(),
            runs: Vec::new(),
            last_full_pass: None,
            next_full_pass: None,
            next_change: None,
            plan: None,
            quick_plan: None,
        }
    }

    /// The state that follows from all the rest.
    pub fn judged(&self) -> State {
        if !self.troubles.is_empty() {
            State::Degraded
        } else if self.figures.held > 0 {
            State::Held
        } else if self.figures.pending > 0 || self.progress.is_some() || self.plan.is_none() {
            State::Pending
        } else {
            State::InSync
        }
    }

    /// Why the daemon is not ready at `now`; nothing where it is. It is ready while it does what it is there
    /// for: a configuration is in force, the store can be written, every source was read and answers, and a
    /// full pass has succeeded within three intervals. One that stands by is ready too, since it does what it
    /// is there for. A held change, a freeze or a broken file make no daemon unready: it goes on as it should.
    pub fn not_ready(&self, now: Timestamp) -> Vec<String> {
        if matches!(self.duty, Duty::Standby { .. }) {
            return Vec::new();
        }
        let mut reasons = Vec::new();
        let Some(config) = &self.config else {
            reasons.push("no configuration is in force yet".to_owned());
            reasons.extend(self.troubles.iter().map(|trouble| trouble.message.clone()));
            return reasons;
        };
        let stops = |about: &About| matches!(about, About::Store | About::Logto | About::Source(_));
        let troubles = self.troubles.iter().filter(|trouble| stops(&trouble.about));
        reasons.extend(troubles.map(|trouble| trouble.message.clone()));
        let unread = self.sources.iter().filter(|source| source.last_success.is_none() && source.last_poll.is_none());
        reasons.extend(unread.map(|source| format!("source `{}` has not been read yet", source.name)));
        let interval = SignedDuration::from_secs(i64::try_from(config.full_pass_seconds.max(1)).unwrap_or(i64::MAX));
        match self.last_full_pass {
            None => reasons.push("no full pass has succeeded yet".to_owned()),
            Some(at) if now.duration_since(at) > interval.saturating_mul(PATIENCE) => {
                reasons.push(format!("no full pass has succeeded since {at}"));
            }
            Some(_) => {}
        }
        reasons
    }

    /// What is known of a source.
    pub fn source(&self, name: &SourceName) -> Option<&SourceStatus> {
        self.sources.iter().find(|source| source.name == *name)
    }

    /// The trouble about one thing.
    pub fn trouble(&self, about: &About) -> Option<&Trouble> {
        self.troubles.iter().find(|trouble| trouble.about == *about)
    }
}

fn shared<S: serde::Serializer>(held: &Arc<Vec<HeldChange>>, to: S) -> Result<S::Ok, S::Error> {
    held.as_ref().serialize(to)
}

fn unshared<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Arc<Vec<HeldChange>>, D::Error> {
    Vec::deserialize(from).map(Arc::new)
}

impl Duty {
    /// `starting`, `standby`, `leader` or `stopping`.
    pub fn word(&self) -> &'static str {
        match self {
            Duty::Starting => "starting",
            Duty::Standby { .. } => "standby",
            Duty::Leader => "leader",
            Duty::Stopping => "stopping",
        }
    }
}

impl About {
    /// `store`, `logto`, `file`, `source`, `target`, `changes`, `listener` or `program`: the name of one is not in it.
    pub fn word(&self) -> &'static str {
        match self {
            About::Store => "store",
            About::Logto => "logto",
            About::File => "file",
            About::Source(_) => "source",
            About::Target(_) => "target",
            About::Changes => "changes",
            About::Listener => "listener",
            About::Program => "program",
        }
    }
}

impl Pass {
    /// `quick` or `full`.
    pub fn word(self) -> &'static str {
        match self {
            Pass::Quick => "quick",
            Pass::Full => "full",
        }
    }
}

impl Trouble {
    /// The message and its causes in one line.
    pub fn line(&self) -> String {
        if self.because.is_empty() {
            return self.message.clone();
        }
        format!("{}: {}", self.message, self.because.join(": "))
    }
}
