//! Follows the hints about one source, within bounds: so many in a turn, so many at once, and for so long.
//!
//! Nothing short waits for anything long: if many hints wait and a poll would see every change, the poll answers them;
//! what is left over waits for the next turn. Nothing that a hint said is believed.

#![expect(clippy::disallowed_methods, reason = "an edge: measures how long reads take")]

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use crate::clock;
use crate::model::{OrderId, OrderKey};
use crate::pass::ingest::{IngestError, Overlays, Refreshed, catch_up, look_up, note_found};
use crate::source::Source;
use crate::store::Store;

/// Orders of one source that one turn reads by their ids.
pub const PER_TURN: usize = 20;
/// More than so many are answered by a poll, where that sees every change.
pub const MANY: usize = 10;
/// Reads under way at once. The pace of the source (`rate`) is one for all of them.
const AT_ONCE: usize = 4;
/// After that long no further read is begun,
const BEGIN: Duration = Duration::from_secs(1);
/// and after that long what is under way is given up, to be begun anew in the next turn.
const CUT: Duration = Duration::from_secs(3);

/// What came of the hints about one source.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// Orders that differ from what the store had.
    pub(super) touched: Vec<OrderKey>,
    /// Those that wait for the next turn.
    pub(super) waiting: BTreeSet<OrderId>,
    /// How many were answered.
    pub(super) answered: usize,
    /// Those that were read.
    pub(super) read: Vec<OrderId>,
    /// Whether a poll is to tell more.
    pub(super) poll: Poll,
    /// What could not be read.
    pub(super) failed: Vec<(Option<OrderId>, IngestError)>,
}

/// Whether the source is to be polled in this turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Poll {
    /// When its time has come.
    #[default]
    Scheduled,
    /// Now, whether its time has come or not.
    Now,
}

/// Reads the named orders again, as far as that goes in one turn.
pub(super) async fn follow_hints(source: &Source, store: &Store, orders: BTreeSet<OrderId>) -> Followed {
    let mut followed = Followed { waiting: orders, ..Followed::default() };
    if followed.waiting.is_empty() {
        return followed;
    }
    if followed.waiting.len() > MANY && source.polls_answer_hints() {
        followed.poll = Poll::Now;
        return followed;
    }
    let begun = Instant::now();
    if read(source, store, &mut followed, begun).await.is_err() {
        tracing::debug!(source = %source.name(), waiting = followed.waiting.len(), "hints wait for the next turn");
        followed.poll = Poll::Now;
    }
    followed
}

/// Only what asks is cut: what was found is stored, and told of.
async fn read(source: &Source, store: &Store, followed: &mut Followed, begun: Instant) -> Result<(), Elapsed> {
    let (last_begin, cut) = (begun + BEGIN, begun + CUT);
    match timeout_at(cut, catch_up(source, store, clock::now())).await? {
        Ok(Overlays::Read) => {}
        Ok(Overlays::Polled) => {
            // The poll reads everything there is.
            followed.waiting.clear();
            followed.poll = Poll::Now;
            return Ok(());
        }
        Err(error) => {
            followed.poll = Poll::Now;
            followed.failed.push((None, error));
            return Ok(());
        }
    }
    let turn: Vec<OrderId> = followed.waiting.iter().take(PER_TURN).cloned().collect();
    let mut turn = turn.into_iter();
    let ask = async |id: OrderId| (look_up(source, &id, clock::now()).await, id);
    let mut under_way = FuturesUnordered::new();
    loop {
        while under_way.len() < AT_ONCE
            && Instant::now() < last_begin
            && let Some(id) = turn.next()
        {
            under_way.push(ask(id));
        }
        let Some((found, id)) = timeout_at(cut, under_way.next()).await? else { return Ok(()) };
        let came = match found {
            Ok(found) => note_found(source, store, &id, found, clock::now()).await,
            Err(error) => Err(error),
        };
        followed.waiting.remove(&id);
        followed.answered += 1;
        match came {
            Ok(Refreshed::Read(touched)) => {
                followed.touched.extend(touched);
                followed.read.push(id);
            }
            Ok(Refreshed::Unsupported) => followed.poll = Poll::Now,
            Err(error) => {
                followed.poll = Poll::Now;
                followed.failed.push((Some(id), error));
            }
        }
    }
}
