//! What is stored of a reading: the order with all that overlays say of it, and in place of what could not be
//! read what was known before.
//!
//! This happens within the transaction that writes, whatever read the order. There is no other way to write one, so no
//! order is ever stored without its marks.

use std::borrow::Cow;
use std::collections::HashMap;

use sha2::{Digest as _, Sha256};
use sqlx::SqliteConnection;

use super::adjustments::Adjusted;
use super::codec::{Sql, millis};
use super::orders::{StoredOrder, whole_orders};
use crate::model::{Buyer, Item, Odd, OddPart, Oddity, Order, ProductId, ReadOrder, Standing, apply_overrides};

/// What can be recorded: an order, and what is odd about it.
pub trait AsRead {
    /// The order as it was read.
    fn order(&self) -> &Order;
    /// What of it could not be read.
    fn odd(&self) -> &[Odd];
    /// How many of its lines name no product.
    fn productless(&self) -> usize;
}

impl AsRead for ReadOrder {
    fn order(&self) -> &Order {
        &self.order
    }

    fn odd(&self) -> &[Odd] {
        &self.odd
    }

    fn productless(&self) -> usize {
        self.productless
    }
}

impl AsRead for Order {
    fn order(&self) -> &Order {
        self
    }

    fn odd(&self) -> &[Odd] {
        &[]
    }

    fn productless(&self) -> usize {
        0
    }
}

/// How far ahead of us the clock of a payment API may be where it dates what has happened, in milliseconds.
const SLIGHTLY_AHEAD: i64 = 5 * 60 * 1_000;

/// An order as it is to be stored.
#[derive(Clone, Debug)]
pub(super) struct Settled<'a> {
    pub(super) order: Cow<'a, Order>,
    pub(super) odd: Cow<'a, [Odd]>,
    /// When it was read, in milliseconds since 1970.
    noticed: i64,
}

impl Settled<'_> {
    /// Names everything that a source says of an order, so that a reading which says nothing new is known by
    /// one number. 64 bits: a change would have to collide with the very reading it replaces.
    pub(super) fn digest(&self) -> i64 {
        let mut said = serde_json::to_vec(&*self.order).expect("an order is always JSON");
        if !self.odd.is_empty() {
            said.extend(serde_json::to_vec(&*self.odd).expect("a list of texts is always JSON"));
        }
        let hash = Sha256::digest(&said);
        i64::from_le_bytes(hash[..8].try_into().expect("a SHA-256 has 32 bytes"))
    }

    /// When `standing` came to hold, in milliseconds, if it was `before` until now.
    pub(super) fn since(&self, standing: Standing, before: Option<(Standing, i64)>) -> i64 {
        let told = self.order.ended_at.map(millis).filter(|ended| !standing.has_happened() || self.is_past(*ended));
        match (told, before) {
            (Some(ended), _) => ended,
            (None, Some((held, since))) if held == standing => since,
            (None, _) if self.order.ended_at.is_some() || self.ends_when_seen() => self.noticed,
            (None, _) => self.order.updated_at.map(millis).filter(|at| self.is_past(*at)).unwrap_or(self.noticed),
        }
    }

    /// Whether that was by now, by a clock that may be a little ahead: what has happened in time to come would be
    /// without effect until then.
    fn is_past(&self, at: i64) -> bool {
        at <= self.noticed.saturating_add(SLIGHTLY_AHEAD)
    }

    /// Whether its end is when it was first seen, whatever the order says of its last change.
    fn ends_when_seen(&self) -> bool {
        self.order.ended_at.is_none() && self.odd.iter().any(|odd| odd.part == OddPart::EndedAt)
    }
}

/// What is to be stored of each reading; `known` is the row of each order that there is.
pub(super) async fn settled<'a, R: AsRead>(
    connection: &mut SqliteConnection,
    readings: Vec<&'a R>,
    known: &[Option<i64>],
    adjusted: &Adjusted,
    noticed: i64,
) -> Sql<Vec<Settled<'a>>> {
    let doubtful = readings.iter().zip(known).filter(|(reading, _)| is_doubtful(**reading));
    let keys: Vec<u32> = doubtful.filter_map(|(_, key)| u32::try_from((*key)?).ok()).collect();
    let mut before: HashMap<i64, StoredOrder> = HashMap::new();
    if !keys.is_empty() {
        let stored = whole_orders(connection, &keys).await?;
        before.extend(stored.into_iter().map(|stored| (i64::from(stored.key.0), stored)));
    }
    let settle = |(reading, key): (&'a R, &Option<i64>)| {
        let mut settled = Settled { order: Cow::Borrowed(reading.order()), odd: Cow::Borrowed(reading.odd()), noticed };
        if let Some(stored) = key.and_then(|key| before.get(&key)) {
            keep(&mut settled, &stored.order);
            if reading.productless() > 0 {
                keep_gone(&mut settled, &stored.order);
            }
        }
        if let Some(adjustments) = adjusted.overrides.get(&reading.order().id) {
            apply_overrides(settled.order.to_mut(), adjustments);
        }
        settled
    };
    Ok(readings.into_iter().zip(known).map(settle).collect())
}

/// Whether what is known of an order has a say in what is stored of this reading.
fn is_doubtful(reading: &impl AsRead) -> bool {
    reading.order().items.is_empty() || reading.productless() > 0 || reading.odd().iter().any(Odd::makes_unknown)
}

/// Keeps of what was known what this reading does not tell: an order that cannot be read gives nothing, and takes
/// nothing away from whoever it gave something to.
fn keep(settled: &mut Settled<'_>, before: &Order) {
    let odd = |part| settled.odd.iter().any(|odd| matches!(odd.part, OddPart::Row) || odd.part == part);
    let (buyer, products) = (odd(OddPart::Buyer), odd(OddPart::Products));
    let unknown = settled.odd.iter().any(Odd::makes_unknown);
    let order = settled.order.to_mut();
    if (products || order.items.is_empty()) && !before.items.is_empty() {
        order.items.clone_from(&before.items);
        // A refund of all of it needs no product to be understood; anything else does.
        if !unknown && !matches!(order.standing, Standing::Refunded | Standing::Void) {
            order.standing = Standing::Unknown;
            settled.odd.to_mut().push(Odd {
                part: OddPart::Products,
                what: Oddity::Emptied,
                path: "products".to_owned(),
                value: "nothing".to_owned(),
            });
        }
    }
    if unknown {
        if (buyer || order.buyer == Buyer::default()) && before.buyer != Buyer::default() {
            order.buyer.clone_from(&before.buyer);
        }
        order.paid_at = order.paid_at.or(before.paid_at);
        order.period_end = order.period_end.or(before.period_end);
    }
}

/// Keeps the lines whose products are not named any more while a line names none: a shop that deletes a product
/// deletes it from the orders of everybody who paid for it. Shipping never had a product, so an order that lost none
/// stays as it was read.
fn keep_gone(settled: &mut Settled<'_>, before: &Order) {
    let mut named: Vec<&ProductId> = settled.order.items.iter().map(|item| &item.product).collect();
    let is_gone = |item: &&Item| match named.iter().position(|product| **product == item.product) {
        Some(at) => {
            named.swap_remove(at);
            false
        }
        None => true,
    };
    let gone: Vec<&Item> = before.items.iter().filter(is_gone).collect();
    let whole = matches!(settled.order.standing, Standing::Refunded | Standing::Void);
    for item in gone {
        // What had ended by itself has ended.
        let ended = matches!(item.standing, Some(Standing::Refunded | Standing::Void));
        let standing = if ended { item.standing } else { Some(Standing::Unknown) };
        settled.order.to_mut().items.push(Item { standing, ..item.clone() });
        let value = item.product.as_str();
        let is_told = settled.odd.iter().any(|odd| odd.what == Oddity::Gone && odd.value == value);
        if !ended && !whole && !is_told {
            settled.odd.to_mut().push(Odd {
                part: OddPart::Products,
                what: Oddity::Gone,
                path: "products".to_owned(),
                value: value.to_owned(),
            });
        }
    }
}
