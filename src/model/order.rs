//! One purchase, translated from a payment API.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Buyer, OrderId, ProductId};

/// Where an order stands. What follows from each is decided by `desired`, never by a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Standing {
    /// Not paid yet. Entitles to nothing, and ends nothing.
    Pending = 0,
    /// Paid in full. Entitles.
    Paid = 1,
    /// Some of it was given back. The product's policy decides.
    PartiallyRefunded = 2,
    /// All of it was given back. Ends the entitlement after `grace`.
    Refunded = 3,
    /// The buyer's bank disputes it. The product's policy decides.
    Disputed = 4,
    /// It was never paid in time. Never entitled.
    Expired = 5,
    /// Cancelled or marked invalid by the merchant. Ends the entitlement after `grace`.
    Void = 6,
    /// The payment API said something that the mapping does not know. Changes nothing, either way.
    Unknown = 7,
    /// A subscription that runs. Entitles until the end of its paid period ([`Order::period_end`]), then
    /// ends after `grace`, unless a renewal has moved that end.
    Subscribed = 8,
}

impl Standing {
    /// Every standing, in the order of their numbers in the store.
    pub const ALL: [Standing; 9] = [
        Standing::Pending,
        Standing::Paid,
        Standing::PartiallyRefunded,
        Standing::Refunded,
        Standing::Disputed,
        Standing::Expired,
        Standing::Void,
        Standing::Unknown,
        Standing::Subscribed,
    ];

    /// Whether it is of something that has happened: a refund or a dispute. What is cancelled or expires may do so in
    /// time to come.
    pub fn has_happened(self) -> bool {
        matches!(self, Standing::Refunded | Standing::PartiallyRefunded | Standing::Disputed)
    }

    /// The word used in `entitlements.yaml`, in the store and in every output.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Pending => "pending",
            Standing::Paid => "paid",
            Standing::PartiallyRefunded => "partially_refunded",
            Standing::Refunded => "refunded",
            Standing::Disputed => "disputed",
            Standing::Expired => "expired",
            Standing::Void => "void",
            Standing::Unknown => "unknown",
            Standing::Subscribed => "subscribed",
        }
    }

    /// The standing that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.word() == word)
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// One purchase, as a source yields it. A source decides nothing: this is what the payment API said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Unique within its source.
    pub id: OrderId,
    /// Who paid.
    pub buyer: Buyer,
    /// What was bought, in the order of the API. A product may stand here more than once.
    pub items: Vec<Item>,
    /// Where the order as a whole stands.
    pub standing: Standing,
    /// The API's own word for it, so that an `unknown` standing can be reported with what it was.
    pub status: Option<String>,
    /// When it was paid. Absent where the API does not tell or it is unpaid.
    pub paid_at: Option<Timestamp>,
    /// When the API last changed it.
    pub updated_at: Option<Timestamp>,
    /// When it was refunded, voided or disputed, where the API tells. Else the store takes the time at
    /// which the standing was first seen, so that grace is never shorter than promised.
    pub ended_at: Option<Timestamp>,
    /// Of a subscription: until when it is paid. A renewal moves it.
    pub period_end: Option<Timestamp>,
    /// Of a subscription: whether a renewal is to be expected.
    #[serde(default, skip_serializing_if = "Renewal::is_expected")]
    pub renewal: Renewal,
}

/// Whether a subscription goes on when its paid period ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Renewal {
    /// The payment API calls it active, or says nothing else. The news of the renewal may be late.
    #[default]
    Expected,
    /// It was cancelled, paused or not paid: it ends with its period.
    Off,
}

impl Renewal {
    fn is_expected(&self) -> bool {
        *self == Self::Expected
    }
}

impl Order {
    /// Where one line stands: as the order does when all of it was given back, nothing is known or none of it was paid,
    /// else by its own word where the API tells lines apart. A subscription of which nobody says how long it is
    /// paid is unknown: it would last for ever, or end at once.
    pub fn standing_of(&self, item: &Item) -> Standing {
        let said = match (self.standing, item.standing) {
            (Standing::Refunded | Standing::Void | Standing::Unknown, _) | (_, None) => self.standing,
            // What an order calls bought once or by the month says nothing of whether it is paid.
            (Standing::Pending | Standing::Expired, Some(Standing::Paid | Standing::Subscribed)) => self.standing,
            (_, Some(own)) => own,
        };
        if said == Standing::Subscribed && self.paid_until(item).is_none() { Standing::Unknown } else { said }
    }

    /// Until when one line is paid. `None`: for good, or nobody says.
    pub fn paid_until(&self, item: &Item) -> Option<Timestamp> {
        match item.term {
            Term::OfOrder => self.period_end,
            Term::Once => None,
            Term::Until(end) => Some(end),
        }
    }
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What was bought.
    pub product: ProductId,
    /// How many of it.
    pub quantity: u32,
    /// Where this line stands, where the API tells it apart from the order (a partial refund by line).
    pub standing: Option<Standing>,
    /// Until when this line is paid.
    #[serde(default, skip_serializing_if = "Term::is_of_order")]
    pub term: Term,
    /// What a refund of this line calls it, where the API tells lines apart so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Until when a line is paid. One order may hold what is bought once beside what is paid by the month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// As its order says ([`Order::period_end`]).
    #[default]
    OfOrder,
    /// For good: no paid period of the order is about it.
    Once,
    /// Until the end of a period of its own.
    Until(Timestamp),
}

impl Term {
    fn is_of_order(&self) -> bool {
        *self == Self::OfOrder
    }
}

impl Item {
    /// One of a product, standing where its order stands.
    pub fn one(product: ProductId) -> Self {
        Self { product, quantity: 1, standing: None, term: Term::OfOrder, id: None }
    }
}

/// What came of reading one order again by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recheck {
    /// The payment API said it again just now.
    Confirmed,
    /// This source cannot read one order by id; the list is all there is.
    Unsupported,
    /// The payment API did not answer, or does not know the order any more.
    Failed,
}
