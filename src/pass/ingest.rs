//! Source -> store: reads what a payment API has to say and mirrors it.
//!
//! Every page is stored before the next is asked for; the cursor advances only when the whole read has
//! succeeded. Never removes an order: what an API does not mention has not ended.
//!
//! There is one way in: whatever brings an order (a poll, a full read, a hint, a recheck, the look before a revocation,
//! a file, a recording), `recorded` hands it to the store, which adds what overlays say about it. So the same state of
//! a shop gives the same stored order; `model::adjustments` says how overlays come and go.

use std::pin::pin;

use futures_util::stream::{self, Stream, StreamExt as _};
use jiff::{SignedDuration, Timestamp};

use crate::clock;
use crate::model::{OrderId, OrderKey, ReadOrder, Recheck};
use crate::source::{Lookup, Read, ReadReport, Scope, Source, SourceError, Step};
use crate::store::{Confirmed, Cursor, Recorded, Store, StoreError};

/// Orders that are read by their ids at the same time.
const AT_ONCE: usize = 4;

/// Odd orders of one page that the log names one by one.
const TOLD: usize = 10;
/// Rows without an id that the log names in one line.
const NAMED: usize = 3;

/// How much of a source is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadScope {
    /// What changed since the last read; everything where nothing was read before, or long ago.
    Changes,
    /// Everything.
    Everything,
}

/// What one read brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    /// Orders read, each counted once.
    pub orders: u64,
    /// Pages read.
    pub pages: u32,
    /// Orders that are new, or different from what the store had.
    pub touched: Vec<OrderKey>,
}

/// Why a read failed. What it had read until then is stored, and changes nothing that it does not mention.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The payment API, or what it said.
    #[error("source `{name}` could not be read")]
    Source {
        /// Which one.
        name: String,
        /// Why.
        #[source]
        source: SourceError,
    },
    /// Our own file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IngestError {
    /// What would mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            IngestError::Source { source, .. } => source.hint(),
            IngestError::Store(error) => error.hint(),
        }
    }
}

/// A read that did not come to its end.
#[derive(Debug)]
pub struct Interrupted {
    /// Orders that are new, or different from what the store had, and that were stored until then: no later read
    /// calls them changed.
    pub touched: Vec<OrderKey>,
    /// Why it did not.
    pub error: IngestError,
}

/// Reads one source into the store.
///
/// Flow: a full read where the last one is older than `full_read`, where the settings of the source have changed, or
/// where `scope` asks for it, else what has changed since the watermark; overlays first, then page by page; the cursor
/// last.
///
/// Guarantees: a page is stored in one transaction before the next is asked for. The cursor advances only when the
/// whole read succeeded and can be believed. No order is ever removed.
///
/// Assumes that nobody else reads this source into this store meanwhile.
///
/// # Errors
/// [`Interrupted`] has why, and the orders that were stored until then: they are as good as those of a whole read, and
/// the next plan must take them into account.
pub async fn ingest(
    source: &Source,
    store: &Store,
    scope: ReadScope,
    full_read: SignedDuration,
    now: Timestamp,
) -> Result<Ingested, Interrupted> {
    let mut touched = Vec::new();
    let read = read_into(source, store, scope, full_read, now, &mut touched).await;
    touched.sort_unstable();
    touched.dedup();
    match read {
        Ok(report) => Ok(Ingested { orders: report.orders, pages: report.pages, touched }),
        Err(error) => Err(Interrupted { touched, error }),
    }
}

/// The same; what it stores is in `touched`, whatever comes of it. In one piece: the cursor goes last.
async fn read_into(
    source: &Source,
    store: &Store,
    scope: ReadScope,
    full_read: SignedDuration,
    now: Timestamp,
    touched: &mut Vec<OrderKey>,
) -> Result<ReadReport, IngestError> {
    let cursor = store.cursor(source.name()).await?.unwrap_or_default();
    // Other settings read the same answers otherwise: what is known was read with the old ones.
    let same = cursor.reading == Some(source.reading());
    let stale = !same || cursor.last_full_read.is_none_or(|at| clock::is_over(full_read, at, now));
    let last_count = cursor.last_full_count;
    let read = match (scope, cursor.watermark) {
        (ReadScope::Changes, Some(watermark)) if !stale => Read::Since { watermark, last_count },
        _ => Read::Full { last_count },
    };
    let failed = |error| IngestError::Source { name: source.name().to_string(), source: error };
    if same && source.overlays() > 0 {
        store.name_overlays(source.name(), source.reading(), &source.overlay_ids()).await?;
    }
    let mut reading = source.read_lists(read, &cursor.lists, now);
    let mut old_marks = if same { OldMarks::Gone } else { OldMarks::Kept };
    let report = loop {
        let step = reading.next().await.map_err(failed)?;
        if let (OldMarks::Kept, Step::Page(_) | Step::Done(_)) = (old_marks, &step) {
            // All overlays have been read by now, and no order has been recorded yet.
            store.drop_other_adjustments(source.name(), source.reading(), &source.overlay_ids()).await?;
            old_marks = OldMarks::Gone;
        }
        match step {
            Step::Adjustments(adjustments) => {
                store.keep_adjustments(source.name(), &adjustments, source.reading(), now).await?
            }
            Step::Page(orders) => touched.extend(take_in(source, store, &orders, now).await?),
            Step::Done(report) => break report,
        }
    };
    overlaid(source, store, now, touched).await?;
    tell(source, &report, &cursor);
    // All of it is stored, and none of it is taken for the whole: the next poll reads anew.
    report.readable().map_err(failed)?;
    let next = match report.scope {
        Scope::Full => Cursor {
            watermark: report.watermark.max(cursor.watermark),
            last_full_read: Some(now),
            last_full_count: Some(report.of_orders()),
            reading: Some(source.reading()),
            nameless: report.nameless.rows,
            lists: report.lists.clone(),
        },
        Scope::Changes => Cursor {
            watermark: report.watermark.max(cursor.watermark),
            nameless: report.nameless.rows.max(cursor.nameless),
            lists: report.lists_after(&cursor.lists),
            ..cursor
        },
    };
    store.set_cursor(source.name(), &next).await?;
    Ok(report)
}

/// Whether marks are left that were read with other settings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OldMarks {
    Kept,
    Gone,
}

/// Takes orders in: the one way into the store.
async fn take_in(
    source: &Source,
    store: &Store,
    orders: &[ReadOrder],
    now: Timestamp,
) -> Result<Vec<OrderKey>, StoreError> {
    recorded(source, store, orders, now).await.map(|recorded| recorded.touched)
}

async fn recorded(
    source: &Source,
    store: &Store,
    orders: &[ReadOrder],
    now: Timestamp,
) -> Result<Recorded, StoreError> {
    let recorded = store.record_noticed(source.name(), orders, now, source.noticed(now)).await?;
    // Said once: an order that is as odd as before is not among these.
    for (order, odd) in recorded.odd.iter().take(TOLD) {
        let why: Vec<String> = odd.iter().map(ToString::to_string).collect();
        tracing::warn!(source = %source.name(), %order, "this order is odd: {}", why.join("; "));
    }
    if recorded.odd.len() > TOLD {
        tracing::warn!(source = %source.name(), orders = recorded.odd.len() - TOLD, "and more orders are odd");
    }
    Ok(recorded)
}

/// Names rows without an id, where there are more than before, and once for these settings what no page has.
fn tell(source: &Source, report: &ReadReport, before: &Cursor) {
    let nameless = &report.nameless;
    if nameless.rows > before.nameless {
        let first = nameless.first[..nameless.first.len().min(NAMED)].join("; ");
        tracing::warn!(source = %source.name(), rows = nameless.rows, "rows that name no order are passed over: {first}");
    }
    for absent in report.absent.iter().filter(|_| before.reading != Some(source.reading())) {
        tracing::warn!(source = %source.name(), "{absent}");
    }
}

/// Takes in the orders of which an overlay says something new and that did not come along on the list: as they
/// are now, or where nobody can tell as they are stored.
async fn overlaid(
    source: &Source,
    store: &Store,
    now: Timestamp,
    touched: &mut Vec<OrderKey>,
) -> Result<(), IngestError> {
    if source.overlays() == 0 {
        return Ok(());
    }
    let open = store.open_adjustments(source.name()).await?;
    let mut found = pin!(look_ups(source, &open, now));
    while let Some((id, found)) = found.next().await {
        let found = found.map_err(|error| IngestError::Source { name: source.name().to_string(), source: error })?;
        touched.extend(match found {
            Lookup::Found(order) => take_in(source, store, &[order], now).await?,
            Lookup::Missing | Lookup::TestMode | Lookup::Unsupported => as_stored(source, store, id, now).await?,
        });
    }
    // What came back was an older state than the one that is known, which an overlay speaks of all the same.
    for id in store.open_adjustments(source.name()).await? {
        touched.extend(as_stored(source, store, &id, now).await?);
    }
    Ok(())
}

/// Takes an order in once more as it is stored, with all that overlays say of it by now.
async fn as_stored(source: &Source, store: &Store, id: &OrderId, now: Timestamp) -> Result<Vec<OrderKey>, StoreError> {
    match store.find_order(source.name(), id).await? {
        Some(stored) => take_in(source, store, &[stored.into_read()], now).await,
        None => Ok(Vec::new()),
    }
}

/// Asks again for some of the orders that back grants or wait to be paid, whoever waits longest first, and gives those
/// that say something new. The first that cannot be read ends it for this poll.
pub async fn recheck(
    source: &Source,
    store: &Store,
    poll: SignedDuration,
    now: Timestamp,
) -> Result<Vec<OrderKey>, StoreError> {
    let mut touched = Vec::new();
    let (backing, pending) = (source.recheck_every(), source.recheck_pending());
    let due = store.due(source.name(), backing, pending, poll, now).await?;
    let mut found = pin!(look_ups(source, &due, now));
    while let Some((id, found)) = found.next().await {
        let (reread, changed) = note_reread(source, store, id, found, now).await?;
        touched.extend(changed);
        if reread != Recheck::Confirmed {
            break;
        }
    }
    Ok(touched)
}

/// Reads one order again, stores what is said of it now, and tells whether that was possible.
pub async fn reread(source: &Source, store: &Store, id: &OrderId, now: Timestamp) -> Result<Recheck, StoreError> {
    let answers = reread_all(source, store, std::slice::from_ref(id), now).await?;
    Ok(answers.into_iter().next().unwrap_or(Recheck::Failed))
}

/// The same for several, in their order. What the overlays say is read first: a refund that was taken back is
/// told of there, and not by the order.
pub async fn reread_all(
    source: &Source,
    store: &Store,
    ids: &[OrderId],
    now: Timestamp,
) -> Result<Vec<Recheck>, StoreError> {
    let told = match catch_up(source, store, now).await {
        Ok(overlays) => overlays == Overlays::Read,
        Err(IngestError::Store(error)) => return Err(error),
        Err(error) => {
            tracing::warn!(source = %source.name(), %error, "what overlays say could not be read again");
            false
        }
    };
    if !told {
        return Ok(vec![Recheck::Failed; ids.len()]);
    }
    let mut answers = Vec::with_capacity(ids.len());
    let mut found = pin!(look_ups(source, ids, now));
    while let Some((id, found)) = found.next().await {
        answers.push(note_reread(source, store, id, found, now).await?.0);
    }
    Ok(answers)
}

/// Reads orders by their ids, several at once, and gives what was found in the order of the ids. The pace of the
/// source (`rate`) is one for all of them.
fn look_ups<'a>(
    source: &'a Source,
    ids: &'a [OrderId],
    now: Timestamp,
) -> impl Stream<Item = (&'a OrderId, Result<Lookup, SourceError>)> {
    stream::iter(ids).map(move |id| async move { (id, source.get_at(id, now).await) }).buffered(AT_ONCE)
}

/// Stores what reading an order again has told, and that it was asked for.
async fn note_reread(
    source: &Source,
    store: &Store,
    id: &OrderId,
    found: Result<Lookup, SourceError>,
    now: Timestamp,
) -> Result<(Recheck, Vec<OrderKey>), StoreError> {
    let reread = match found {
        Ok(Lookup::Found(order)) => {
            let recorded = recorded(source, store, &[order], now).await?;
            if recorded.outdated.is_empty() {
                store.note_check(source.name(), id, Confirmed::Yes, now).await?;
                return Ok((Recheck::Confirmed, recorded.touched));
            }
            tracing::warn!(source = %source.name(), order = %id, "read again, the order is older than it was in the list");
            Recheck::Failed
        }
        Ok(Lookup::Unsupported) => return Ok((Recheck::Unsupported, Vec::new())),
        Ok(Lookup::TestMode) => {
            tracing::warn!(source = %source.name(), order = %id, "by `expect.live` this order was made in test mode");
            Recheck::Failed
        }
        Ok(Lookup::Missing) => {
            tracing::warn!(source = %source.name(), order = %id, "the payment API no longer knows this order");
            Recheck::Failed
        }
        Err(error) => {
            tracing::warn!(source = %source.name(), order = %id, %error, "the order could not be read again");
            Recheck::Failed
        }
    };
    store.note_check(source.name(), id, Confirmed::No, now).await?;
    Ok((reread, Vec::new()))
}

/// What came of following a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// The order was read again; those that differ from what the store had. None where the payment API knows
    /// no such order: whoever gave the hint may have made it up.
    Read(Vec<OrderKey>),
    /// This source cannot read one order by id, or was not read with these settings so far: only a poll can tell.
    Unsupported,
}

/// Reads what the overlays say, and then the one order that a hint is about, and stores what is said of it now.
pub async fn refresh_order(
    source: &Source,
    store: &Store,
    id: &OrderId,
    now: Timestamp,
) -> Result<Refreshed, IngestError> {
    match catch_up(source, store, now).await? {
        Overlays::Read => follow(source, store, id, now).await,
        Overlays::Polled => Ok(Refreshed::Unsupported),
    }
}

/// Whether what the overlays of a source say is known by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlays {
    /// It is; or there are none.
    Read,
    /// Nothing was read so far, or with other settings: a poll reads it all.
    Polled,
}

/// Reads what the overlays of a source say now, as a poll would: what changed, where their API can tell. A refund
/// that is told of by a hint stands there, and not in the order. It takes two reads of which the second sees all
/// that the first one saw, so it goes before [`follow`].
pub async fn catch_up(source: &Source, store: &Store, now: Timestamp) -> Result<Overlays, IngestError> {
    if source.overlays() == 0 {
        return Ok(Overlays::Read);
    }
    let cursor = store.cursor(source.name()).await?.unwrap_or_default();
    if cursor.reading != Some(source.reading()) {
        return Ok(Overlays::Polled);
    }
    store.name_overlays(source.name(), source.reading(), &source.overlay_ids()).await?;
    let last_count = cursor.last_full_count;
    let read = cursor.watermark.map_or(Read::Full { last_count }, |watermark| Read::Since { watermark, last_count });
    let Some(mut reading) = source.read_overlays(read, &cursor.lists, now) else { return Ok(Overlays::Read) };
    loop {
        let step = reading.next().await;
        match step.map_err(|error| IngestError::Source { name: source.name().to_string(), source: error })? {
            Step::Adjustments(adjustments) => {
                store.keep_adjustments(source.name(), &adjustments, source.reading(), now).await?
            }
            // What cannot be read here is named by the poll.
            Step::Page(_) | Step::Done(_) => return Ok(Overlays::Read),
        }
    }
}

/// Reads the one order that a hint is about, and stores what is said of it now. What overlays say was read just
/// before, by [`catch_up`].
pub async fn follow(source: &Source, store: &Store, id: &OrderId, now: Timestamp) -> Result<Refreshed, IngestError> {
    note_found(source, store, id, look_up(source, id, now).await?, now).await
}

/// The first half of [`follow`]: asks, and stores nothing, so that it can be given up at any time.
pub async fn look_up(source: &Source, id: &OrderId, now: Timestamp) -> Result<Lookup, IngestError> {
    let found = source.hinted(id, now).await;
    found.map_err(|error| IngestError::Source { name: source.name().to_string(), source: error })
}

/// The second half: stores what was found, and tells which orders that changes. Who gives it up does not know.
pub async fn note_found(
    source: &Source,
    store: &Store,
    id: &OrderId,
    found: Lookup,
    now: Timestamp,
) -> Result<Refreshed, IngestError> {
    match found {
        Lookup::Found(order) => Ok(Refreshed::Read(take_in(source, store, &[order], now).await?)),
        // What an overlay says is true of what is known, too.
        Lookup::Missing | Lookup::TestMode if source.overlays() > 0 => {
            Ok(Refreshed::Read(as_stored(source, store, id, now).await?))
        }
        Lookup::Missing | Lookup::TestMode => Ok(Refreshed::Read(Vec::new())),
        Lookup::Unsupported => Ok(Refreshed::Unsupported),
    }
}
