//! A line of an order in the compact form that the pure core works on.

use super::{OrderKey, ProductIx, Standing, UserIx};

/// One product of one order of one resolved user: 32 bytes, so that a million of them are 31 MiB.
///
/// Times are whole seconds since 1970 (UTC). Sorts by user, product and time, which is the order in which
/// purchases extend each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purchase {
    /// Who holds what it entitles to.
    pub user: UserIx,
    /// What was bought.
    pub product: ProductIx,
    /// While it entitles, the time of payment; once it has ended, the time of the end; of a subscription
    /// the end of the paid period.
    pub at: i64,
    /// The order it belongs to.
    pub order: OrderKey,
    /// Where it stands: the line's own standing, or else the order's.
    pub standing: Standing,
    /// How many were bought; with [`Quantity::Periods`](super::Quantity) each extends `valid_for` once more. 255 stands for
    /// 255 and more.
    pub quantity: u8,
    /// When the store first saw this order entitle, in seconds since 1970. What was seen before a
    /// mapping was written is granted because of the commit, and counts against `config_grants`.
    pub seen: u32,
    /// Of a subscription whose renewal is to be expected: how long after its period it still entitles, in
    /// seconds, since that news may be late. Else zero.
    pub slack: u32,
}
