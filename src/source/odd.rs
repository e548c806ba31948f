//! What is odd about a row, while it is being read.
//!
//! Never ends a read: it is taken down here, and the row goes on.

use serde_json::Value;

use super::client::response::begins;
use crate::model::{Odd, OddPart, Oddity};
use crate::text::json::{self, Unheld};

/// So many things of one row are named.
const MOST: usize = 8;
/// So many rows without an id are named.
const SHOWN: usize = 100;

/// All that is odd about one row.
#[derive(Debug, Default)]
pub(super) struct Odds(Vec<Odd>);

impl Odds {
    /// Takes one thing down.
    pub(super) fn note(&mut self, part: OddPart, what: Oddity, path: impl ToString, value: &Value) {
        self.push(odd(part, what, path, value));
    }

    /// Takes down that a part is not there, unless it is and is odd.
    pub(super) fn miss(&mut self, part: OddPart, path: &str) {
        if !self.0.iter().any(|odd| odd.part == part) {
            self.note(part, Oddity::Absent, path, &Value::Null);
        }
    }

    pub(super) fn push(&mut self, odd: Odd) {
        // Whether the order can be used depends on none being lost that keeps it from that.
        let first_of_weight = odd.makes_unknown() && !self.0.iter().any(Odd::makes_unknown);
        if self.0.len() < MOST || first_of_weight {
            self.0.push(odd);
        }
    }

    pub(super) fn into_inner(self) -> Vec<Odd> {
        self.0
    }
}

/// One thing, with the value as it can be shown.
pub(super) fn odd(part: OddPart, what: Oddity, path: impl ToString, value: &Value) -> Odd {
    let value = match value {
        Value::String(text) if text.trim().is_empty() => value.to_string(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    Odd { part, what, path: path.to_string(), value: begins(value.as_bytes(), &[]) }
}

/// A text with the number of each letter that is not plain, as one that is no address is shown: such a letter may look
/// like the sign that is missing.
pub(super) fn letters(text: &str) -> Value {
    let escape = |c: char| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() };
    Value::from(text.chars().map(escape).collect::<String>())
}

/// What in a row is too large or lies too deep to be read, if anything is. Whatever a rule would make of it is not what
/// the shop says.
pub(super) fn unheld(row: &Value) -> Option<Odd> {
    let (what, path, begin) = json::unheld(row)?;
    let what = match what {
        Unheld::TooLarge => Oddity::TooLarge,
        Unheld::TooDeep => Oddity::TooDeep,
    };
    Some(odd(OddPart::Row, what, begins(path.as_bytes(), &[]), &Value::from(begin)))
}

/// Rows of which not even the id could be read: how many, and the first of them in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nameless {
    /// How many.
    pub rows: u64,
    /// The first of them: the request, the place in the answer, and what is wrong.
    pub first: Vec<String>,
}

impl Nameless {
    /// One more, at this place (from 1) of the answer to a request.
    pub(super) fn note(&mut self, call: &str, place: usize, odd: &Odd) {
        self.rows += 1;
        if self.first.len() < SHOWN {
            self.first.push(format!("{call}: item {place}: {odd}"));
        }
    }

    pub(super) fn add(&mut self, other: &Nameless) {
        self.rows += other.rows;
        let room = SHOWN.saturating_sub(self.first.len());
        self.first.extend(other.first.iter().take(room).cloned());
    }
}
