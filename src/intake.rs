//! Source -> store: reads what a payment API has to say and mirrors it.
//!
//! Every page is stored before the next is asked for; the cursor advances only when the whole read has
//! succeeded. Never removes an order: what an API does not mention has not ended.

use jiff::{SignedDuration, Timestamp};

use crate::model::{OrderId, OrderKey};
use crate::source::{Lookup, Read, Scope, Source, SourceError, Step};
use crate::store::{Cursor, Store, StoreError};
use crate::world::Reread;

/// How much of a source is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breadth {
    /// What changed since the last read; everything where nothing was read before, or long ago.
    Changes,
    /// Everything.
    Everything,
}

/// What one read brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Orders read, each counted once.
    pub orders: u64,
    /// Pages read.
    pub pages: u32,
    /// Orders that are new, or different from what the store had.
    pub touched: Vec<OrderKey>,
}

/// Why a read failed. What it had read until then is stored, and changes nothing that it does not mention.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
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

impl IntakeError {
    /// What would mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            IntakeError::Source { source, .. } => source.hint(),
            IntakeError::Store(error) => error.hint(),
        }
    }
}

/// Reads one source into the store.
pub async fn intake(
    source: &Source,
    store: &Store,
    breadth: Breadth,
    full_read: SignedDuration,
    now: Timestamp,
) -> Result<Taken, IntakeError> {
    let cursor = store.cursor(source.name()).await?.unwrap_or_default();
    let stale = cursor.last_full_read.is_none_or(|at| now.duration_since(at) >= full_read);
    let last_count = cursor.last_full_count;
    let read = match (breadth, cursor.watermark) {
        (Breadth::Changes, Some(watermark)) if !stale => Read::Since { watermark, last_count },
        _ => Read::Full { last_count },
    };
    let mut touched = Vec::new();
    let mut reading = source.read(read);
    let report = loop {
        let step = reading.next().await;
        match step.map_err(|error| IntakeError::Source { name: source.name().to_string(), source: error })? {
            Step::Marks(_) => {}
            Step::Page(orders) => touched.extend(store.record_orders(source.name(), &orders, now).await?.touched),
            Step::Done(report) => break report,
        }
    };
    let next = match report.scope {
        Scope::Full => Cursor {
            watermark: report.watermark.max(cursor.watermark),
            last_full_read: Some(now),
            last_full_count: Some(report.orders),
        },
        Scope::Changes => Cursor { watermark: report.watermark.max(cursor.watermark), ..cursor },
    };
    store.set_cursor(source.name(), &next).await?;
    touched.sort_unstable();
    touched.dedup();
    Ok(Taken { orders: report.orders, pages: report.pages, touched })
}

/// Reads one order again, stores what is said of it now, and tells whether that was possible.
pub async fn reread(source: &Source, store: &Store, id: &OrderId, now: Timestamp) -> Result<Reread, StoreError> {
    match source.get(id).await {
        Ok(Lookup::Found(order)) => {
            store.record_orders(source.name(), std::slice::from_ref(&order), now).await?;
            Ok(Reread::Confirmed)
        }
        Ok(Lookup::Unsupported) => Ok(Reread::Unsupported),
        Ok(Lookup::TestMode) => {
            tracing::warn!(source = %source.name(), order = %id, "by `expect.live` this order was made in test mode");
            Ok(Reread::Failed)
        }
        Ok(Lookup::Missing) => {
            tracing::warn!(source = %source.name(), order = %id, "the payment API does not know this order any more");
            Ok(Reread::Failed)
        }
        Err(error) => {
            tracing::warn!(source = %source.name(), order = %id, %error, "the order could not be read again");
            Ok(Reread::Failed)
        }
    }
}

/// What came of following a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hinted {
    /// The order was read again; those that differ from what the store had. None where the payment API knows
    /// no such order: whoever gave the hint may have made it up.
    Read(Vec<OrderKey>),
    /// This source cannot read one order by id.
    Unsupported,
}

/// Reads the one order that a hint is about, and stores what is said of it now.
pub async fn hinted(source: &Source, store: &Store, id: &OrderId, now: Timestamp) -> Result<Hinted, IntakeError> {
    let found = source.get(id).await;
    match found.map_err(|error| IntakeError::Source { name: source.name().to_string(), source: error })? {
        Lookup::Found(order) => {
            let recorded = store.record_orders(source.name(), std::slice::from_ref(&order), now).await?;
            Ok(Hinted::Read(recorded.touched))
        }
        Lookup::Missing | Lookup::TestMode => Ok(Hinted::Read(Vec::new())),
        Lookup::Unsupported => Ok(Hinted::Unsupported),
    }
}
