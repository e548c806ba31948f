//! What a file held when it was read last, so that it is read and parsed once for each change of it.
//!
//! Never believes a file to be the same because its time says so while that time is so near that another change
//! could bear it too: then its bytes are compared.

#![expect(clippy::disallowed_methods, reason = "an edge: looks whether a file has changed")]

use std::collections::HashMap;
use std::fs::Metadata;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::files::Stamp;
use crate::model::{OddPart, OrderId, ReadOrder};
use crate::source::Nameless;

/// A change may bear the time of another one that lies no further back.
const NEAR: Duration = Duration::from_secs(2);
/// A time that lies too far ahead to be true is looked at again after that long.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) orders: Vec<ReadOrder>,
    pub(super) nameless: Nameless,
    places: HashMap<OrderId, usize>,
    digest: [u8; 32],
    /// The `now` that it was parsed by.
    parsed: Timestamp,
    /// Whether a later `now` may read it otherwise.
    has_odd_times: bool,
}

/// Where a file lies and when it was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    stamp: Stamp,
    /// Whether another change could not bear the same time.
    settled: bool,
}

impl Kept {
    pub(super) fn new(orders: Vec<ReadOrder>, nameless: Nameless, bytes: &[u8], now: Timestamp) -> Arc<Self> {
        let places = orders.iter().enumerate().map(|(at, order)| (order.id.clone(), at)).collect();
        let is_time = |part| matches!(part, OddPart::PaidAt | OddPart::UpdatedAt);
        let has_odd_times = orders.iter().any(|order| order.odd.iter().any(|odd| is_time(odd.part)));
        Arc::new(Self { orders, nameless, places, digest: digest(bytes), parsed: now, has_odd_times })
    }

    /// Whether these bytes would be read as the same orders at `now`.
    pub(super) fn is_of(&self, bytes: &[u8], now: Timestamp) -> bool {
        self.holds_at(now) && self.digest == digest(bytes)
    }

    /// Whether `now` makes no difference: what was possible then is possible later.
    pub(super) fn holds_at(&self, now: Timestamp) -> bool {
        let later = now.duration_since(self.parsed);
        !later.is_negative() && (!self.has_odd_times || later < AHEAD)
    }

    pub(super) fn find(&self, id: &OrderId) -> Option<&ReadOrder> {
        self.places.get(id).map(|at| &self.orders[*at])
    }
}

impl Place {
    pub(super) fn of(file: &Metadata) -> Self {
        let stamp = Stamp::from(file);
        let newest =
            SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(stamp.newest() + 1).unwrap_or_default());
        let settled = SystemTime::now().duration_since(newest).is_ok_and(|since| since > NEAR);
        Self { stamp, settled }
    }

    /// Whether a file that was read there and is here now holds the same for certain.
    pub(super) fn is_still(&self, now: &Self) -> bool {
        self.settled && self.stamp == now.stamp
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
