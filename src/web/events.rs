//! `/events`: tells an open page that something changed, as server-sent events. What changed, the page fetches.
//!
//! `change` for what a person would call one, and once at the start; `poll` where only a source was asked again,
//! at most every [`PAUSE`]. Ends when the daemon does.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::watch;

use super::caller::Caller;
use super::{App, Refused};
use crate::report::status::{Duty, Status};

/// So many pages are told at the same time.
pub(super) const STREAMS: usize = 32;
/// Between two polls of which a page is told.
const PAUSE: Duration = Duration::from_secs(2);
/// Changes that come so close together are told as one.
const SETTLE: Duration = Duration::from_millis(100);
/// A quiet stream says something so often, so that nobody between takes it for dead.
const QUIET: Duration = Duration::from_secs(15);

/// What is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Change,
    Poll,
    Nothing,
}

impl News {
    fn of(old: &Status, new: &Status) -> Self {
        let is_plan = |a: &Option<Arc<_>>, b: &Option<Arc<_>>| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none() == b.is_none(),
        };
        let same = (old.state, old.since, &old.duty, old.figures, old.last_full_pass, &old.freeze, &old.config)
            == (new.state, new.since, &new.duty, new.figures, new.last_full_pass, &new.freeze, &new.config)
            && old.troubles == new.troubles
            && old.targets == new.targets
            && old.runs == new.runs
            && (Arc::ptr_eq(&old.held, &new.held) || old.held == new.held)
            && is_plan(&old.plan, &new.plan)
            && is_plan(&old.quick_plan, &new.quick_plan);
        if !same {
            News::Change
        } else if old.sources != new.sources {
            News::Poll
        } else {
            News::Nothing
        }
    }
}

/// Follows the status for one page.
pub(super) async fn events(State(app): State<App>, caller: Caller) -> Response {
    if let Err(refused) = caller.reads() {
        return refused.into_response();
    }
    let Ok(permit) = Arc::clone(app.streams()).try_acquire_owned() else { return Refused::Busy.into_response() };
    let follow = app.follow();
    let told = stream::unfold((follow, None::<Arc<Status>>, permit), |(mut follow, last, permit)| async move {
        let (status, news) = match last {
            None => (Arc::clone(&follow.borrow_and_update()), News::Change),
            Some(last) => next(&mut follow, &last).await?,
        };
        let kind = if news == News::Poll { "poll" } else { "change" };
        let data = json!({ "state": status.state, "since": status.since, "at": status.at });
        let event = Event::default().event(kind).data(data.to_string());
        Some((Ok::<_, Infallible>(event), (follow, Some(status), permit)))
    });
    Sse::new(told).keep_alive(KeepAlive::new().interval(QUIET)).into_response()
}

/// Waits for news; `None` when the daemon ends.
async fn next(follow: &mut watch::Receiver<Arc<Status>>, last: &Status) -> Option<(Arc<Status>, News)> {
    tokio::time::sleep(SETTLE).await;
    let is_over = |status: &Status| status.duty == Duty::Stopping;
    let change = follow.wait_for(|new| is_over(new) || News::of(last, new) == News::Change);
    let changed = match tokio::time::timeout(PAUSE, change).await {
        Ok(changed) => Some(Arc::clone(&*changed.ok()?)),
        Err(_) => None,
    };
    let status = match changed {
        Some(status) => status,
        None => {
            let news = follow.wait_for(|new| is_over(new) || News::of(last, new) != News::Nothing).await;
            Arc::clone(&*news.ok()?)
        }
    };
    if is_over(&status) {
        return None;
    }
    let news = News::of(last, &status);
    Some((status, news))
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::model::State;
    use crate::report::status::{Mode, SourceStatus};

    #[test]
    fn what_was_only_said_again_is_no_news() {
        let now = Timestamp::UNIX_EPOCH;
        let (name, orders) = ("shop".into(), 0);
        let (last_poll, last_success, last_error, next_poll, last_hint) = (Some(now), None, None, None, None);
        let (odd, odd_orders) = (0, Vec::new());
        let source =
            SourceStatus { name, last_poll, last_success, last_error, next_poll, orders, last_hint, odd, odd_orders };
        let old = Status { sources: vec![source], ..Status::starting(Mode::Live, now) };
        let later = now + SignedDuration::from_secs(1);
        assert_eq!(News::of(&old, &Status { at: later, next_full_pass: Some(later), ..old.clone() }), News::Nothing);
        let mut polled = old.clone();
        polled.sources[0].last_poll = Some(later);
        assert_eq!(News::of(&old, &polled), News::Poll);
        assert_eq!(News::of(&old, &Status { state: State::InSync, ..polled.clone() }), News::Change);
        assert_eq!(News::of(&old, &Status { last_full_pass: Some(later), ..old.clone() }), News::Change);
    }
}
