//! The small integers under which the store keeps products and buyers.

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);
    )*};
}

keys! {
    /// A product's row in the store: one product id of one source. Stable over passes, and never reused.
    ProductKey
    /// A buyer's row in the store: one pair of user id and email. Stable over passes, and never reused.
    BuyerKey
}

/// Which buyers a question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every one: a full pass.
    All,
    /// These only: a quick pass.
    Buyers(Vec<BuyerKey>),
}
