//! Why a full read is not believed.

/// A full read that holds too little to be believed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Shrunk {
    /// Nothing, where there was something.
    #[error("a full read found no order, where the last good one found {before}")]
    Emptied {
        /// Orders of the last good full read.
        before: u64,
    },
    /// Far less than before.
    #[error("a full read found {now} orders, where the last good one found {before}: more than {allowed}% are gone")]
    Shrank {
        /// Orders of this read.
        now: u64,
        /// Orders of the last good full read.
        before: u64,
        /// `expect.max_shrink`.
        allowed: f64,
    },
    /// Less than the file promises.
    #[error("a full read found {now} orders, and `expect.min_items` is {min}")]
    TooFew {
        /// Orders of this read.
        now: u64,
        /// `expect.min_items`.
        min: u32,
    },
    /// An order that must be there is not.
    #[error("a full read did not find the order `{id}`, which `expect.canary` names")]
    NoCanary {
        /// The first that is missing.
        id: String,
    },
}
