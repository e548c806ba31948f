//! What the store has, as a status shows it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::model::{SourceName, State};
use crate::pass::kept;
use crate::report::status::{ApprovalStatus, Figures, Frozen, Pass, RunEnded, RunStatus, Status};
use crate::store::{self, ApprovalNow, Outcome, RunKind, RunRow, Store, StoreError};
use crate::text::clean;

/// So far back approvals are shown.
const APPROVALS: SignedDuration = SignedDuration::from_hours(48);
/// So many passes are shown.
pub(super) const RUNS: u32 = 30;
/// So many odd orders of a source are named.
const ODD: u32 = 5;

/// What the store knows of how it stands, in place of what a loop would say: what is frozen, held and approved, the
/// passes, what did not work.
pub async fn remember(status: &mut Status, store: &Store, now: Timestamp) -> Result<(), StoreError> {
    status.freeze = store.frozen(now).await?.map(frozen);
    status.freezes = store.freezes(now).await?.into_iter().map(frozen).collect();
    status.runs = store.runs(RUNS).await?.into_iter().map(run_status).collect();
    status.approvals = approvals(store, now).await?;
    status.last_full_pass = store.last_full_pass().await?;
    status.troubles = kept::troubles(store).await?;
    status.held = Arc::new(kept::held(store, None).await?);
    let held = status.runs.iter().find_map(|run| run.end.as_ref().map(|end| end.held)).unwrap_or_default();
    status.figures = Figures { held: held.max(status.held.len() as u64), ..Figures::default() };
    (status.state, status.since) = judged(status, now);
    Ok(())
}

/// The state that the passes on record tell, and since when they tell it. What did not work is known besides: a pass
/// that failed counts only where it is the last one.
fn judged(status: &Status, now: Timestamp) -> (State, Timestamp) {
    match status.runs.first() {
        // It is under way, or whoever began it was killed.
        Some(run) if run.end.is_none() => return (State::Pending, run.started),
        Some(run) if run.end.as_ref().is_some_and(|end| !end.succeeded || end.failed > 0) => {
            return (State::Degraded, run.started);
        }
        _ => {}
    }
    let mut told = status.runs.iter().filter_map(|run| state_of(run).map(|state| (state, run.started)));
    let Some((state, mut since)) = told.next() else { return (State::Pending, now) };
    for (earlier, started) in told {
        if earlier != state {
            break;
        }
        since = started;
    }
    (state, since)
}

/// How a pass left it. A quick one that held nothing tells of its own users only.
fn state_of(run: &RunStatus) -> Option<State> {
    match &run.end {
        None => None,
        Some(end) if !end.succeeded || end.failed > 0 => None,
        Some(end) if end.held > 0 => Some(State::Held),
        Some(_) if run.kind == Pass::Full => Some(State::InSync),
        Some(_) => None,
    }
}

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
pub(super) fn run_status(row: RunRow) -> RunStatus {
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
