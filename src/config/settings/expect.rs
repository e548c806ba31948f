//! What an answer must hold to be believed, as it was checked.

use serde_json_path::JsonPath;

use crate::model::OrderId;

/// What an answer must hold to be believed.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// A full read that misses more than this share of the last good one is refused: percent, 0 to 100.
    /// Below 100, an empty read after one with orders is refused in any case; 100 switches the check off.
    pub max_shrink: f64,
    /// A full read with fewer orders is refused.
    pub min_items: u32,
    /// Whether a full read is refused when the answer's own total differs from what was collected. Means
    /// nothing without [`List::total`](super::source::List::total).
    pub total: TotalCheck,
    /// Orders that a full read must hold, or it is refused.
    pub canary: Vec<OrderId>,
    /// A filter like [`StatusRule::when`](super::source::StatusRule::when). An order for which it does not hold was
    /// made in test mode: it is counted, and never recorded.
    pub live: Option<JsonPath>,
}

/// See [`Expect::total`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TotalCheck {
    /// Equal, or refused.
    Required,
    /// The same, where the answer tells one.
    WhereTold,
    /// Not looked at.
    Ignored,
}
