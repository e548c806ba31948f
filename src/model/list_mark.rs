//! How far one of several lists of a source was read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far a list was read that is not the one of the orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct ListMark {
    /// The newest change that was seen.
    pub watermark: Option<Timestamp>,
    /// How many orders the last full read had.
    pub orders: u64,
}
