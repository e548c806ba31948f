//! Source -> store: reads what a payment API has to say and mirrors it.
//!
//! Every page is stored before the next is asked for; the cursor advances only when the whole read has
//! succeeded. Never removes an order: what an API does not mention has not ended. Whatever is recorded has the
//! marks of the source's overlays put on it first; `source::overlay` tells how they come and go.

use jiff::{SignedDuration, Timestamp};

use crate::model::Recheck;
use crate::model::{Order, OrderId, OrderKey};
use crate::source::{Lookup, Read, Scope, Source, SourceError, Step, apply_overrides};
use crate::store::{Confirmed, Cursor, Store, StoreError};

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

/// Reads one source into the store.
pub async fn ingest(
    source: &Source,
    store: &Store,
    scope: ReadScope,
    full_read: SignedDuration,
    now: Timestamp,
) -> Result<Ingested, IngestError> {
    let cursor = store.cursor(source.name()).await?.unwrap_or_default();
    // Other settings read the same answers otherwise: what is known was read with the old ones.
    let same = cursor.reading == Some(source.reading());
    let stale = !same || cursor.last_full_read.is_none_or(|at| now.duration_since(at) >= full_read);
    let last_count = cursor.last_full_count;
    let read = match (scope, cursor.watermark) {
        (ReadScope::Changes, Some(watermark)) if !stale => Read::Since { watermark, last_count },
        _ => Read::Full { last_count },
    };
    let failed = |error| IngestError::Source { name: source.name().to_string(), source: error };
    let mut touched = Vec::new();
    let mut reading = source.read(read);
    let mut old_marks = if same { OldMarks::Gone } else { OldMarks::Kept };
    let report = loop {
        let step = reading.next().await.map_err(failed)?;
        if let (OldMarks::Kept, Step::Page(_) | Step::Done(_)) = (old_marks, &step) {
            // All overlays have been read by now, and no order has been recorded yet.
            store.drop_other_adjustments(source.name(), source.reading()).await?;
            old_marks = OldMarks::Gone;
        }
        match step {
            Step::Adjustments(adjustments) => {
                store.keep_adjustments(source.name(), &adjustments, source.reading(), now).await?
            }
            Step::Page(orders) => touched.extend(record(source, store, orders, now).await?),
            Step::Done(report) => break report,
        }
    };
    touched.extend(overlaid(source, store, now).await?);
    let next = match report.scope {
        Scope::Full => Cursor {
            watermark: report.watermark.max(cursor.watermark),
            last_full_read: Some(now),
            last_full_count: Some(report.orders),
            reading: Some(source.reading()),
        },
        Scope::Changes => Cursor { watermark: report.watermark.max(cursor.watermark), ..cursor },
    };
    store.set_cursor(source.name(), &next).await?;
    touched.sort_unstable();
    touched.dedup();
    Ok(Ingested { orders: report.orders, pages: report.pages, touched })
}

/// Whether marks are left that were read with other settings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OldMarks {
    Kept,
    Gone,
}

/// Records orders with all that overlays say of them.
async fn record(
    source: &Source,
    store: &Store,
    mut orders: Vec<Order>,
    now: Timestamp,
) -> Result<Vec<OrderKey>, StoreError> {
    if source.overlays() == 0 {
        return Ok(store.record_orders(source.name(), &orders, now).await?.touched);
    }
    let ids: Vec<&OrderId> = orders.iter().map(|order| &order.id).collect();
    let adjusted = store.adjusted(source.name(), &ids).await?;
    for order in &mut orders {
        if let Some(adjustments) = adjusted.overrides.get(&order.id) {
            apply_overrides(order, adjustments);
        }
    }
    let recorded = store.record_orders(source.name(), &orders, now).await?;
    if !adjusted.open.is_empty() {
        store.close_adjustments(source.name(), &adjusted.open).await?;
    }
    Ok(recorded.touched)
}

/// Records the orders of which an overlay says something new and that did not come along on the list: as they
/// are now, or where nobody can tell as they are stored.
async fn overlaid(source: &Source, store: &Store, now: Timestamp) -> Result<Vec<OrderKey>, IngestError> {
    let mut touched = Vec::new();
    if source.overlays() == 0 {
        return Ok(touched);
    }
    for id in store.open_adjustments(source.name()).await? {
        let found = source.get(&id).await;
        let found = found.map_err(|error| IngestError::Source { name: source.name().to_string(), source: error })?;
        let order = match found {
            Lookup::Found(order) => Some(order),
            Lookup::Missing | Lookup::TestMode | Lookup::Unsupported => {
                store.find_order(source.name(), &id).await?.map(|stored| stored.order)
            }
        };
        touched.extend(record(source, store, order.into_iter().collect(), now).await?);
    }
    Ok(touched)
}

/// Asks for some of the orders that back grants again, whoever waits longest first, and stores what is said of
/// them. Those that say something new are given back. The first that cannot be read ends it for this poll.
pub async fn recheck(
    source: &Source,
    store: &Store,
    poll: SignedDuration,
    now: Timestamp,
) -> Result<Vec<OrderKey>, StoreError> {
    let mut touched = Vec::new();
    let Some(every) = source.recheck_every() else { return Ok(touched) };
    for id in store.due_checks(source.name(), every, poll, now).await? {
        let (reread, changed) = ask(source, store, &id, now).await?;
        touched.extend(changed);
        if reread != Recheck::Confirmed {
            break;
        }
    }
    Ok(touched)
}

/// Reads one order again, stores what is said of it now, and tells whether that was possible.
pub async fn reread(source: &Source, store: &Store, id: &OrderId, now: Timestamp) -> Result<Recheck, StoreError> {
    ask(source, store, id, now).await.map(|(reread, _)| reread)
}

async fn ask(
    source: &Source,
    store: &Store,
    id: &OrderId,
    now: Timestamp,
) -> Result<(Recheck, Vec<OrderKey>), StoreError> {
    let reread = match source.get(id).await {
        Ok(Lookup::Found(order)) => {
            let touched = record(source, store, vec![order], now).await?;
            store.note_check(source.name(), id, Confirmed::Yes, now).await?;
            return Ok((Recheck::Confirmed, touched));
        }
        Ok(Lookup::Unsupported) => return Ok((Recheck::Unsupported, Vec::new())),
        Ok(Lookup::TestMode) => {
            tracing::warn!(source = %source.name(), order = %id, "by `expect.live` this order was made in test mode");
            Recheck::Failed
        }
        Ok(Lookup::Missing) => {
            tracing::warn!(source = %source.name(), order = %id, "the payment API does not know this order any more");
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
    /// This source cannot read one order by id.
    Unsupported,
}

/// Reads the one order that a hint is about, and stores what is said of it now.
pub async fn refresh_order(
    source: &Source,
    store: &Store,
    id: &OrderId,
    now: Timestamp,
) -> Result<Refreshed, IngestError> {
    let found = source.get(id).await;
    match found.map_err(|error| IngestError::Source { name: source.name().to_string(), source: error })? {
        Lookup::Found(order) => {
            let recorded = store.record_orders(source.name(), std::slice::from_ref(&order), now).await?;
            Ok(Refreshed::Read(recorded.touched))
        }
        Lookup::Missing | Lookup::TestMode => Ok(Refreshed::Read(Vec::new())),
        Lookup::Unsupported => Ok(Refreshed::Unsupported),
    }
}
