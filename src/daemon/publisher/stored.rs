//! What the store has, as a status shows it.

use jiff::{SignedDuration, Timestamp};

use crate::model::SourceName;
use crate::report::status::{ApprovalStatus, Frozen, Pass, RunEnded, RunStatus};
use crate::store::{self, ApprovalNow, Outcome, RunKind, RunRow, Store, StoreError};
use crate::text::clean;

/// So far back approvals are shown.
const APPROVALS: SignedDuration = SignedDuration::from_hours(48);
/// So many odd orders of a source are named.
const ODD: u32 = 5;

/// How many orders and rows of a source are odd, and some of them in words.
pub async fn odd(store: &Store, source: &SourceName) -> Result<(u64, Vec<String>), StoreError> {
    let odd = store.odd_orders(source, ODD).await?;
    let said = odd.some.iter().map(|(id, odd)| {
        let why: Vec<String> = odd.iter().map(ToString::to_string).collect();
        clean(&format!("{id}: {}", why.join("; "))).into_owned()
    });
    let nameless = (odd.nameless > 0).then(|| crate::report::messages::nameless(odd.nameless, source));
    Ok((odd.orders + odd.nameless, said.chain(nameless).collect()))
}

/// What became of the approvals of the last two days, as a status shows it.
pub async fn approvals(store: &Store, now: Timestamp) -> Result<Vec<ApprovalStatus>, StoreError> {
    let approvals = store.approvals_since(now - APPROVALS).await?;
    let status = |one: ApprovalNow| {
        let ApprovalNow { digest, who, created, expires, used, open } = one;
        ApprovalStatus { digest, who, created, expires, used, open }
    };
    Ok(approvals.into_iter().map(status).collect())
}

/// A freeze as the store has it, as a status shows it.
pub fn frozen(freeze: store::Freeze) -> Frozen {
    let store::Freeze { scope, since, until, reason, who } = freeze;
    Frozen { scope: scope.word().to_owned(), reason, who, since, until }
}

/// A pass as the store has it, as a status shows it.
pub fn run_status(row: RunRow) -> RunStatus {
    let RunRow { run, end } = row;
    let kind = match run.kind {
        RunKind::Quick => Pass::Quick,
        RunKind::Full => Pass::Full,
    };
    let end = end.map(|end| RunEnded {
        elapsed_ms: u64::try_from(end.finished.duration_since(run.started).as_millis()).unwrap_or(0),
        succeeded: end.outcome == Outcome::Succeeded,
        done: end.done,
        held: end.held,
        failed: end.failed,
        calls: end.calls,
    });
    let config = run.commit.unwrap_or(run.config);
    RunStatus { id: run.id.to_string(), kind, config, started: run.started, end }
}
