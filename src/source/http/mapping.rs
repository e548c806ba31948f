//! From the JSON of one order to an [`Order`]. Pure and total: any JSON gives an order, or the reason why it has no
//! id.
//!
//! Says what the payment API said and decides nothing: what the status table does not know is `unknown`, and so is
//! an order with something odd in it that has to be known.

use jiff::Timestamp;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::items::{self, Sold};
use super::parts;
use super::paths::{Times, alone, first, holds, latest, ruled, status_words, text};
use crate::config::settings::source::{Map, StatusRule};
use crate::model::{
    Buyer, Email, Item, Odd, OddPart, Oddity, Order, OrderId, ReadOrder, Renewal, Standing, Term, UserId,
};
use crate::source::client::response::listed;
use crate::source::odd::{Nameless, Odds, letters, odd, unheld};
use crate::source::time::Possible;
use crate::text::json::LOST;

/// The paths of one source, ready to be used on any number of orders.
#[derive(Clone, Debug)]
pub struct Mapper {
    map: Map,
    status: Vec<StatusRule>,
    words: Vec<JsonPath>,
}

impl Mapper {
    /// Keeps the paths.
    pub fn new(map: &Map, status: &[StatusRule]) -> Self {
        Self { map: map.clone(), status: status.to_vec(), words: status_words(status) }
    }

    /// One order, read at `now`: no purchase and no change lies much later than that.
    ///
    /// # Errors
    /// What stands in place of the id, where there is none.
    pub fn order(&self, raw: Value, now: Timestamp) -> Result<ReadOrder, Odd> {
        self.order_in(&alone(raw), now)
    }

    /// All orders of a page, and the rows of it that have no id. Total over any JSON: the place from which the mapping
    /// is fuzzed.
    pub fn page(&self, call: &str, rows: Vec<Value>, now: Timestamp) -> (Vec<ReadOrder>, Nameless) {
        let mut nameless = Nameless::default();
        let mut orders = Vec::with_capacity(rows.len());
        for (index, row) in rows.into_iter().enumerate() {
            match self.order(row, now) {
                Ok(order) => orders.push(order),
                Err(odd) => nameless.note(call, index + 1, &odd),
            }
        }
        (orders, nameless)
    }

    /// The word of the one order of a list for where it stands, and the condition that knows it by that word.
    pub(super) fn would_know(&self, list: &Value) -> Option<(String, String)> {
        let said = |path: &JsonPath| {
            let value = path.query(&list[0]).iter().find_map(|value| Some((text(value)?, literal(value)?)))?;
            let place = path.to_string();
            Some((value.0, format!("@{} == {}", dotted(place.strip_prefix('$')?), value.1)))
        };
        self.words.iter().find_map(said)
    }

    /// Where the one order of a list stands.
    fn standing(&self, list: &Value) -> Standing {
        let standing = ruled(list, &self.status).unwrap_or(Standing::Unknown);
        match (standing, &self.map.refund) {
            (Standing::Refunded, Some(refund)) if parts::leaves_some(refund, &list[0]) => Standing::PartiallyRefunded,
            _ => standing,
        }
    }

    /// The one order of a list, as conditions want it.
    pub(super) fn order_in(&self, list: &Value, now: Timestamp) -> Result<ReadOrder, Odd> {
        let raw = &list[0];
        if !raw.is_object() {
            return Err(odd(OddPart::Row, Oddity::NoObject, "$", raw));
        }
        let map = &self.map;
        let id = id(raw, &map.id)?;
        let mut odds = Odds::default();
        unheld(raw).into_iter().for_each(|odd| odds.push(odd));
        let times = |possible| Times { possible, map };
        let (past, any) = (times(Possible::Past(now)), times(Possible::Any));
        let standing = self.standing(list);
        let sold = Sold::by(standing);
        let bought = match &map.lines {
            Some(lines) => items::by_line(raw, map, lines, sold, &mut odds),
            None => items::products(raw, map, sold, &mut odds),
        };
        let period_end = latest(raw, &map.period_end, OddPart::PeriodEnd, any, &mut odds);
        // By its own word, or by that of its order.
        let needs_end =
            |item: &Item| item.term == Term::OfOrder && item.standing.unwrap_or(standing) == Standing::Subscribed;
        let needs_end = match bought.items.is_empty() {
            true => standing == Standing::Subscribed,
            false => bought.items.iter().all(needs_end),
        };
        if needs_end && period_end.is_none() {
            odds.miss(OddPart::PeriodEnd, listed(map.period_end.iter()).trim_matches('`'));
        }
        let buyer = Buyer {
            user: named(raw, &map.user_id, &map.none, text, &mut odds).map(UserId::from),
            email: named(raw, &map.email, &map.none, |value| Email::parse(&text(value)?), &mut odds),
        };
        if buyer.user.is_none() && buyer.email.is_none() {
            note_address(raw, &map.email, &mut odds);
        }
        let order = Order {
            id: OrderId::from(id),
            buyer,
            items: items::left(bought.items, standing),
            standing,
            status: first(raw, &self.words, text),
            paid_at: latest(raw, &map.paid_at, OddPart::PaidAt, past, &mut odds),
            updated_at: latest(raw, &map.updated_at, OddPart::UpdatedAt, past, &mut odds),
            // A refund or a dispute has happened; what was cancelled may end with a period that goes on.
            ended_at: latest(
                raw,
                &map.ended_at,
                OddPart::EndedAt,
                if standing.has_happened() { times(Possible::Ended(now)) } else { any },
                &mut odds,
            ),
            period_end,
            renewal: match &map.cancelled {
                Some(when) if holds(when, list) => Renewal::Off,
                Some(_) | None => Renewal::Expected,
            },
        };
        Ok(ReadOrder { productless: bought.productless, ..ReadOrder::new(order, odds.into_inner()) })
    }
}

/// A value as a condition compares with it: RFC 9535 writes a text as JSON does, also between single quotes.
fn literal(value: &Value) -> Option<String> {
    let written = value.to_string();
    match value {
        Value::String(_) => {
            let inner = written.strip_prefix('"')?.strip_suffix('"')?;
            Some(format!("'{}'", inner.replace("\\\"", "\"").replace('\'', "\\'")))
        }
        Value::Number(_) => Some(written),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A path as people write it: `.status` for `['status']`, wherever a name is plain enough.
fn dotted(path: &str) -> String {
    let mut parts = path.split("['");
    let mut out = parts.next().unwrap_or_default().to_owned();
    let plain = |name: &str| {
        !name.starts_with(|first: char| first.is_ascii_digit())
            && !name.is_empty()
            && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
    };
    for part in parts {
        match part.split_once("']") {
            Some((name, rest)) if plain(name) => out.extend([".", name, rest]),
            _ => out.extend(["['", part]),
        }
    }
    out
}

/// The id of a row.
pub(super) fn id(raw: &Value, paths: &[JsonPath]) -> Result<String, Odd> {
    first(raw, paths, text).ok_or_else(|| {
        let there = paths.iter().find_map(|path| path.query(raw).first()).unwrap_or(&Value::Null);
        odd(OddPart::Row, Oddity::NoId, listed(paths.iter()).trim_matches('`'), there)
    })
}

/// The same for who paid. Where nothing can be read and something stands there that is neither a text nor empty,
/// nobody knows who that is.
fn named<T>(
    raw: &Value,
    paths: &[JsonPath],
    none: &[Value],
    read: impl Fn(&Value) -> Option<T>,
    odds: &mut Odds,
) -> Option<T> {
    let mut wrong = None;
    for path in paths {
        for value in path.query(raw).iter().filter(|value| !none.contains(value)) {
            if let Some(found) = read(value) {
                return Some(found);
            }
            if !is_nobody(value) {
                wrong.get_or_insert_with(|| odd(OddPart::Buyer, Oddity::NoName, path, value));
            }
        }
    }
    wrong.into_iter().for_each(|wrong| odds.push(wrong));
    None
}

/// Notes what is written like an address and is none, where nothing else names anybody.
fn note_address(raw: &Value, paths: &[JsonPath], odds: &mut Odds) {
    let written = |value: &&Value| value.as_str().is_some_and(|text| text.contains(['@', '\u{ff20}', '\u{fe6b}']));
    let found =
        paths.iter().find_map(|path| path.query(raw).all().into_iter().find(written).map(|value| (path, value)));
    if let Some((path, Value::String(text))) = found {
        odds.note(OddPart::Buyer, Oddity::NoEmail, path, &letters(text));
    }
}

/// What APIs write where nobody is named, and a text of whatever kind: who has no account at the shop is a guest.
/// A text of which something was lost named somebody.
fn is_nobody(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => !text.contains(LOST),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}
