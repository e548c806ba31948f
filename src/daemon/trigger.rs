//! How code outside the loop asks for a pass: a webhook, `POST /api/v1/reconcile`, a button.
//!
//! A trigger only says "look, and here first". It carries no fact: whatever it names is read again. Triggers that
//! come close together are answered by one pass: the loop waits until none has come for [`SETTLE`], and
//! never longer than [`LONGEST`] after the first. What waits is bounded, however many come: beyond
//! [`MOST`] orders or users it is "the whole source" or "everything".

#![expect(clippy::disallowed_methods, reason = "an edge: measures how long triggers have waited")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::model::{OrderId, SourceName, UserId};

/// So long after the last trigger the pass begins.
pub const SETTLE: Duration = Duration::from_millis(50);
/// So long after the first trigger it begins in any case.
pub const LONGEST: Duration = Duration::from_secs(1);
/// Orders, and users, that are remembered one by one.
const MOST: usize = 1_000;

/// What somebody asks the loop to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// One order, read again by id, and its buyer.
    Order(SourceName, OrderId),
    /// Whatever changed in one source: it is polled now.
    Source(SourceName),
    /// One user: somebody who may have paid before signing up, or who is gone.
    User(UserId),
    /// Every target: a full pass over what is known.
    Targets,
    /// Everything: every source is polled, then a full pass. What SIGHUP does, without reading the file.
    Everything,
}

/// Asks for passes. Cheap to clone; never waits.
#[derive(Clone, Debug)]
pub struct Trigger(Arc<Shared>);

/// The loop's end of it.
#[derive(Debug)]
pub struct TriggerReceiver(Arc<Shared>);

/// What is asked for and not yet looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PendingWork {
    /// Orders to be read again.
    pub orders: BTreeSet<(SourceName, OrderId)>,
    /// Sources to be polled.
    pub sources: BTreeSet<SourceName>,
    /// Users to be looked at.
    pub users: BTreeSet<UserId>,
    /// Whether every target is to be looked at.
    pub targets: Targets,
    /// Whether every source is to be polled.
    pub all_sources: Targets,
}

/// Whether all of a kind is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Targets {
    /// Only what is named.
    #[default]
    Named,
    /// All.
    All,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    came: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    asked: PendingWork,
    /// When the first and the last of them came.
    times: Option<(Instant, Instant)>,
}

/// Both ends.
pub fn triggers() -> (Trigger, TriggerReceiver) {
    let shared = Arc::<Shared>::default();
    (Trigger(Arc::clone(&shared)), TriggerReceiver(shared))
}

impl Trigger {
    /// Asks for a pass.
    pub fn trigger(&self, hint: Hint) {
        let now = Instant::now();
        {
            let mut waiting = self.0.waiting();
            waiting.asked.add(hint);
            let first = waiting.times.map_or(now, |(first, _)| first);
            waiting.times = Some((first, now));
        }
        self.0.came.notify_one();
    }
}

impl TriggerReceiver {
    /// Returns what is asked for once no more comes. Cancel-safe: what was not handed out is handed out later.
    pub async fn settled(&mut self) -> PendingWork {
        loop {
            let due = self.0.waiting().times.map(due);
            match due {
                None => self.0.came.notified().await,
                Some(due) if due <= Instant::now() => return std::mem::take(&mut *self.0.waiting()).asked,
                Some(due) => tokio::time::sleep_until(due).await,
            }
        }
    }
}

/// When triggers that came from the first of these times to the second are answered.
fn due((first, last): (Instant, Instant)) -> Instant {
    (last + SETTLE).min(first + LONGEST)
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingWork {
    /// Takes in all that somebody else asked for.
    pub(super) fn join(&mut self, other: PendingWork) {
        let PendingWork { orders, sources, users, targets, all_sources } = other;
        if targets == Targets::All {
            self.add(Hint::Targets);
        }
        if all_sources == Targets::All {
            self.add(Hint::Everything);
        }
        sources.into_iter().for_each(|source| self.add(Hint::Source(source)));
        orders.into_iter().for_each(|(source, order)| self.add(Hint::Order(source, order)));
        users.into_iter().for_each(|user| self.add(Hint::User(user)));
    }

    /// Takes one more in. What another one covers already is not kept.
    fn add(&mut self, hint: Hint) {
        match hint {
            Hint::Order(source, order) => {
                if self.all_sources == Targets::All || self.sources.contains(&source) {
                    return;
                }
                self.orders.insert((source.clone(), order));
                if self.orders.len() > MOST {
                    self.add(Hint::Source(source));
                }
            }
            Hint::Source(source) => {
                self.orders.retain(|(of, _)| *of != source);
                if self.all_sources == Targets::Named {
                    self.sources.insert(source);
                }
            }
            Hint::User(user) => {
                if self.targets == Targets::Named {
                    self.users.insert(user);
                }
                if self.users.len() > MOST {
                    self.add(Hint::Targets);
                }
            }
            Hint::Targets => {
                self.targets = Targets::All;
                self.users.clear();
            }
            Hint::Everything => {
                *self = Self { targets: Targets::All, all_sources: Targets::All, ..Self::default() };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(number: usize) -> Hint {
        Hint::Order("shop".into(), format!("ord_{number}").as_str().into())
    }

    fn asked(hints: impl IntoIterator<Item = Hint>) -> PendingWork {
        let mut asked = PendingWork::default();
        hints.into_iter().for_each(|hint| asked.add(hint));
        asked
    }

    #[test]
    fn ten_thousand_orders_are_one_source() {
        let many = asked((0..10_000).map(order));
        assert_eq!((many.orders.len(), many.sources.len()), (0, 1));
        let same = asked((0..10_000).map(|_| order(1)));
        assert_eq!((same.orders.len(), same.sources.len()), (1, 0));
    }

    #[test]
    fn what_is_covered_is_not_kept() {
        let asked = asked([order(1), Hint::User("ann".into()), Hint::Everything, order(2), Hint::User("ben".into())]);
        assert_eq!(asked, PendingWork { targets: Targets::All, all_sources: Targets::All, ..PendingWork::default() });
    }

    #[test]
    fn a_burst_is_waited_for_but_not_for_ever() {
        let first = Instant::now();
        assert_eq!(due((first, first)), first + SETTLE);
        let still_coming = first + Duration::from_millis(990);
        assert_eq!(due((first, still_coming)), first + LONGEST);
    }

    #[tokio::test]
    async fn what_was_asked_is_handed_out_once() {
        let (trigger, mut triggers) = triggers();
        for number in 0..5 {
            trigger.trigger(order(number));
        }
        assert_eq!(triggers.settled().await.orders.len(), 5);
        trigger.trigger(Hint::Targets);
        let next = triggers.settled().await;
        assert_eq!((next.orders.len(), next.targets), (0, Targets::All));
    }
}
