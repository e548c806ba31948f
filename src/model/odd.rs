//! What in a row of a payment API cannot be what it should be, and what is made of it.
//!
//! One odd row is one odd order: nothing here ends the read of a source.

mod bounds;

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::{Order, Standing};

/// An order as it was read, with all that is odd about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOrder {
    /// The order. It stands `unknown` where something odd keeps it from being evidence.
    pub order: Order,
    /// What is odd; empty for nearly every order.
    pub odd: Vec<Odd>,
    /// Lines that name no product: shipping never does, and neither does what the shop has deleted since.
    pub productless: usize,
}

impl ReadOrder {
    /// An order of which something could not be read. What that keeps from being evidence stands `unknown`, and so does
    /// an order with something that is too long.
    pub fn new(order: Order, mut odd: Vec<Odd>) -> Self {
        let order = bounds::keep(order, &mut odd);
        let standing = if odd.iter().any(Odd::makes_unknown) { Standing::Unknown } else { order.standing };
        Self { order: Order { standing, ..order }, odd, productless: 0 }
    }

    /// Whether some part of this kind is odd.
    pub fn is_odd_in(&self, part: OddPart) -> bool {
        self.odd.iter().any(|odd| odd.part == part)
    }
}

impl From<Order> for ReadOrder {
    fn from(order: Order) -> Self {
        Self::new(order, Vec::new())
    }
}

impl Deref for ReadOrder {
    type Target = Order;

    fn deref(&self) -> &Order {
        &self.order
    }
}

/// One thing that cannot be what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Odd {
    /// The part of the order.
    pub part: OddPart,
    /// What is wrong.
    pub what: Oddity,
    /// Where it stands: the path of the mapping, or the key.
    pub path: String,
    /// What stands there: one line, bounded, without control characters.
    pub value: String,
}

impl Odd {
    /// Whether an order with this stands `unknown`. A quantity counts as one, a time of change is absent, and an
    /// end is when it was first seen: such an order can be used.
    pub fn makes_unknown(&self) -> bool {
        match self.part {
            OddPart::Quantity | OddPart::UpdatedAt | OddPart::EndedAt => false,
            OddPart::Row | OddPart::Buyer | OddPart::Products | OddPart::PaidAt | OddPart::PeriodEnd => true,
        }
    }
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, what, path, value } = self;
        match what {
            Oddity::Absent => write!(f, "nothing stands at `{path}`")?,
            Oddity::NoKey => write!(f, "`{value}` is no key of {path}")?,
            Oddity::TooLong => {
                write!(f, "`{value}` is longer than the {} bytes that {path} may have", bounds::of(*part))?;
            }
            _ => write!(f, "`{value}` at `{path}` {}", what.says())?,
        }
        match part {
            OddPart::Quantity => f.write_str(", and counts as one"),
            OddPart::UpdatedAt => f.write_str(", and is ignored"),
            OddPart::EndedAt => f.write_str(", so the order counts as ended when that was first seen"),
            OddPart::Row | OddPart::Buyer | OddPart::Products | OddPart::PaidAt | OddPart::PeriodEnd => Ok(()),
        }
    }
}

/// A part of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OddPart {
    /// The row as a whole.
    Row,
    /// Who paid.
    Buyer,
    /// What was bought.
    Products,
    /// How many.
    Quantity,
    /// When it was paid.
    PaidAt,
    /// Until when it is paid.
    PeriodEnd,
    /// When it last changed.
    UpdatedAt,
    /// When it ended.
    EndedAt,
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// In none of the forms that times have.
    NoTime,
    /// A time before 2000.
    TooEarly,
    /// More than a day in the future, where only the past is possible.
    TooLate,
    /// In the future, where something is said to have happened.
    ToCome,
    /// No whole number from zero on.
    NoQuantity,
    /// As many quantities as fit neither the order nor its products.
    Quantities,
    /// Neither a text nor a whole number.
    NoProduct,
    /// No JSON object, where a line should be.
    NoLine,
    /// Nothing, where a list should be.
    NoList,
    /// Neither a text nor a whole number, where somebody is named.
    NoName,
    /// No address.
    NoEmail,
    /// No JSON object, where a row should be.
    NoObject,
    /// Neither a text nor a whole number, where the id should be.
    NoId,
    /// Nothing that names an order, in an item that is about one.
    NoOrder,
    /// A key that an order does not have, where all keys are known. The path has those that it may have.
    NoKey,
    /// Neither true nor false.
    NoFlag,
    /// A key that says what another one says.
    Both,
    /// A key that is missing, or without a value.
    Absent,
    /// An id that an earlier row has.
    Twice,
    /// Longer than such a thing may be.
    TooLong,
    /// Not of the shape that the API documents.
    Shape,
    /// A number that is larger than any that can be read.
    TooLarge,
    /// A list or a map that lies in too many others.
    TooDeep,
    /// No product at all, where the same order named some before.
    Emptied,
    /// A product that the same order named before, and in whose place a line names none.
    Gone,
}

impl Oddity {
    /// What follows the value and its place in a sentence.
    pub fn says(self) -> &'static str {
        match self {
            Oddity::NoTime => "is not a time in a known form",
            Oddity::TooEarly => "is a time before the year 2000, which cannot be true",
            Oddity::ToCome => "is in the future, although it has happened",
            Oddity::TooLate => "is more than a day in the future, which cannot be true",
            Oddity::NoQuantity => "is not a valid quantity",
            Oddity::Quantities => "fits neither the order nor its products",
            Oddity::NoProduct => "is not a product id",
            Oddity::NoLine => "is not a line of an order",
            Oddity::NoList => "is not a list of lines",
            Oddity::NoName => "is not text",
            Oddity::NoEmail => "is not a valid email address",
            Oddity::NoObject => "is not a JSON object",
            Oddity::NoId => "is not a valid id",
            Oddity::NoOrder => "does not name an order",
            Oddity::NoKey => "is not a known key",
            Oddity::NoFlag => "is neither true nor false",
            Oddity::Both => "says the same as another key",
            Oddity::Absent => "is missing",
            Oddity::Twice => "is also the id of another row",
            Oddity::TooLong => "is too long",
            Oddity::Shape => "does not have the documented shape",
            Oddity::TooLarge => "is a number too large to be read",
            Oddity::TooDeep => "is nested too deeply to be read",
            Oddity::Emptied => "stands where this order named products before",
            Oddity::Gone => "is no longer named, and a line names no product: it may have been deleted in the shop",
        }
    }
}
