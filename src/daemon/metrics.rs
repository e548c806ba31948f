//! What is counted while the daemon runs, for `/metrics`: counters and histograms that only ever grow.
//!
//! Every label has a bounded set of values: words of this program, names of the file, route templates of
//! Logto. Never an order, a user or an error text. Counting never waits for anything that does I/O.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::logto::{CallStats, Client};
use crate::pass::{InFlight, PassScope};
use crate::report::run::{ActionOutcome, RunReport};
use crate::report::status::Pass;
use crate::store::{Store, StoreError};

/// See the module.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<Counted>, InFlight);

/// Everything that was counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// Changes by what was done (`grant`, `revoke`, `adopt`) and what came of it (`done`, `failed`).
    pub changes: BTreeMap<(&'static str, &'static str), u64>,
    /// How long passes took, in seconds, by what they looked at.
    pub passes: BTreeMap<Pass, Histogram>,
    /// Passes and polls that failed, by what the trouble was about.
    pub failures: BTreeMap<&'static str, u64>,
    /// From the time of payment to the grant that was seen in Logto, in seconds.
    pub paid_to_granted: Histogram,
    /// Webhooks by where they came from and what was made of them.
    pub hooks: BTreeMap<(String, &'static str), u64>,
    /// Calls to Logto by clients that are not in use any more.
    pub logto: CallStats,
    /// Rows of the ledger.
    pub ledger_rows: u64,
    /// Bytes of the store.
    pub store_bytes: u64,
}

/// How many values lay below each bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Upper bounds in seconds, ascending; the last bucket is without one.
    pub bounds: &'static [f64],
    /// Values in each bucket, one more than there are bounds.
    pub buckets: Vec<u64>,
    /// The sum of all values.
    pub sum: f64,
}

/// From a call that is answered at once to one poll of a slow shop and beyond.
const BOUNDS: &[f64] =
    &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];

impl Default for Histogram {
    fn default() -> Self {
        Self { bounds: BOUNDS, buckets: vec![0; BOUNDS.len() + 1], sum: 0.0 }
    }
}

impl Histogram {
    /// Takes one value in.
    pub fn observe(&mut self, seconds: f64) {
        let at = self.bounds.iter().position(|bound| seconds <= *bound).unwrap_or(self.bounds.len());
        self.buckets[at] += 1;
        self.sum += seconds;
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

impl Metrics {
    /// Changes that are being made at the moment.
    pub fn in_flight(&self) -> &InFlight {
        &self.1
    }

    /// What was counted so far.
    pub fn counted(&self) -> Counted {
        self.lock().clone()
    }

    /// A webhook came. `source` is a name of the file, or `logto`.
    pub fn hook(&self, source: &str, outcome: &'static str) {
        *self.lock().hooks.entry((source.to_owned(), outcome)).or_default() += 1;
    }

    /// A pass or a poll failed.
    pub(crate) fn failed(&self, about: &'static str) {
        *self.lock().failures.entry(about).or_default() += 1;
    }

    /// A grant was made of which the order was paid so long ago.
    pub(crate) fn granted_after(&self, wait: Duration) {
        self.lock().paid_to_granted.observe(wait.as_secs_f64());
    }

    /// A pass has ended.
    pub(crate) fn passed(&self, span: &PassScope, report: Option<&RunReport>) {
        let Some(report) = report else { return };
        let mut counted = self.lock();
        for line in &report.lines {
            let verb = if line.change.action == "grant" { "grant" } else { "revoke" };
            let came = match line.came {
                ActionOutcome::Done => "done",
                ActionOutcome::AlreadySo => "already_so",
                ActionOutcome::Gone(_) => "gone",
                ActionOutcome::Failed(_) => "failed",
            };
            *counted.changes.entry((verb, came)).or_default() += 1;
        }
        *counted.changes.entry(("adopt", "done")).or_default() += report.adopted;
        let pass = match span {
            PassScope::Full => Pass::Full,
            PassScope::Quick(_) => Pass::Quick,
        };
        counted.passes.entry(pass).or_default().observe(report.elapsed.as_secs_f64());
    }

    /// A client of Logto is not used any more: what it has counted still counts.
    pub(crate) fn retire(&self, client: &Client) {
        self.lock().logto.add(&client.tally());
    }

    /// How large the store is.
    pub(crate) async fn store(&self, store: &Store) -> Result<(), StoreError> {
        let (rows, bytes) = store.size().await?;
        let mut counted = self.lock();
        (counted.ledger_rows, counted.store_bytes) = (rows, bytes);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
