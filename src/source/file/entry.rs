//! One entry of a file of orders.
//!
//! Whatever cannot be read makes this one order odd, and ends nothing.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::node::Node;
use crate::model::{
    Buyer, Email, Item, Odd, OddPart, Oddity, Order, OrderId, ProductId, ReadOrder, Renewal, Standing, UserId,
};
use crate::source::odd::{Odds, letters, odd};
use crate::source::time::{self, Possible};
use crate::text::json::LOST;

/// What an entry may have, besides [`UNUSED`] keys and `orderId`, which is `id` by the name that the webhook gives it.
const KEYS: [&str; 9] =
    ["id", "productId", "products", "user", "status", "paidAt", "updatedAt", "periodEnd", "cancelled"];

/// What an unknown key under `user` is said not to belong to.
const OF_A_USER: &str = "`user`, which has `id` and `email`";

/// What any other unknown key is said not to belong to.
fn of_an_order() -> String {
    format!("an order in a file, which has `{}`", KEYS.join("`, `"))
}

/// The documented keys that are of no use here. Named, so that a misspelt key is still seen.
const UNUSED: [&str; 5] = ["event", "createdAt", "amount", "currency", "txHash"];

/// One entry.
///
/// # Errors
/// What stands in place of the id.
pub(super) fn order(entry: Node, now: Timestamp) -> Result<ReadOrder, Odd> {
    let shown = entry.shown();
    let Node::Map(fields) = entry else { return Err(odd(OddPart::Row, Oddity::NoObject, "entry", &shown)) };
    let mut odds = Odds::default();
    let mut known: HashMap<&str, &Node> = HashMap::new();
    for (key, node) in &fields {
        let key = if key == "orderId" { "id" } else { key.as_str() };
        if !KEYS.contains(&key) {
            if !UNUSED.contains(&key) {
                odds.note(OddPart::Row, Oddity::NoKey, of_an_order(), &Value::from(key));
            }
        } else if known.contains_key(key) {
            odds.note(OddPart::Row, Oddity::Both, key, &node.shown());
        } else {
            known.insert(key, node);
        }
    }
    let field = |key: &str| known.get(key).copied().unwrap_or(&Node::Nothing);
    let id = text(field("id")).ok_or_else(|| odd(OddPart::Row, Oddity::NoId, "id", &field("id").shown()))?;
    let status = text(field("status"));
    if status.is_none() {
        odds.note(OddPart::Row, Oddity::Absent, "status", &field("status").shown());
    }
    let past = Possible::Past(now);
    let standing = status.as_deref().map_or(Standing::Unknown, standing);
    let period_end = moment("periodEnd", field("periodEnd"), OddPart::PeriodEnd, Possible::Any, &mut odds);
    if standing == Standing::Subscribed && period_end.is_none() {
        odds.miss(OddPart::PeriodEnd, "periodEnd");
    }
    let order = Order {
        id: OrderId::from(id),
        items: products(field("productId"), field("products"), &mut odds),
        buyer: buyer(field("user"), &mut odds),
        standing,
        status,
        paid_at: moment("paidAt", field("paidAt"), OddPart::PaidAt, past, &mut odds),
        updated_at: moment("updatedAt", field("updatedAt"), OddPart::UpdatedAt, past, &mut odds),
        ended_at: None,
        period_end,
        renewal: renewal(field("cancelled"), &mut odds),
    };
    Ok(ReadOrder::new(order, odds.into_inner()))
}

/// Whether a subscription is renewed: `cancelled: true` says that it ends with its period.
fn renewal(cancelled: &Node, odds: &mut Odds) -> Renewal {
    match cancelled {
        Node::Nothing | Node::Flag(false) => Renewal::Expected,
        Node::Flag(true) => Renewal::Off,
        Node::Text(word) if word.trim() == "true" => Renewal::Off,
        Node::Text(word) if matches!(word.trim(), "" | "false") => Renewal::Expected,
        other => {
            odds.note(OddPart::Row, Oddity::NoFlag, "cancelled", &other.shown());
            Renewal::Expected
        }
    }
}

fn products(one: &Node, several: &Node, odds: &mut Odds) -> Vec<Item> {
    let (key, nodes) = match (one, several) {
        (Node::Nothing, Node::List(nodes)) if !nodes.is_empty() => ("products", nodes.as_slice()),
        (Node::Nothing, Node::Nothing) => {
            odds.note(OddPart::Products, Oddity::Absent, "productId", &Value::Null);
            return Vec::new();
        }
        (Node::Nothing, other) => {
            odds.note(OddPart::Products, Oddity::NoProduct, "products", &other.shown());
            return Vec::new();
        }
        (one, Node::Nothing) => ("productId", std::slice::from_ref(one)),
        (one, _) => {
            odds.note(OddPart::Products, Oddity::Both, "productId", &one.shown());
            return Vec::new();
        }
    };
    let mut items = Vec::with_capacity(nodes.len());
    for node in nodes {
        match text(node) {
            Some(product) => items.push(Item::one(ProductId::from(product))),
            None => odds.note(OddPart::Products, Oddity::NoProduct, key, &node.shown()),
        }
    }
    items
}

fn buyer(user: &Node, odds: &mut Odds) -> Buyer {
    let fields = match user {
        Node::Nothing => return Buyer::default(),
        Node::Map(fields) => fields,
        other => {
            odds.note(OddPart::Buyer, Oddity::NoName, "user", &other.shown());
            return Buyer::default();
        }
    };
    let mut buyer = Buyer::default();
    for (key, node) in fields {
        let said = match node {
            Node::Nothing => continue,
            Node::Text(said) if said.trim().is_empty() => continue,
            Node::Text(said) => Some(said.trim()).filter(|said| !said.contains(LOST)),
            Node::Flag(_) | Node::List(_) | Node::Map(_) => None,
        };
        match (key.as_str(), said) {
            ("id", Some(id)) => buyer.user = Some(UserId::from(id)),
            ("email", Some(email)) => {
                buyer.email = Email::parse(email);
                if buyer.email.is_none() {
                    odds.note(OddPart::Buyer, Oddity::NoEmail, "user.email", &letters(email));
                }
            }
            ("id" | "email", None) => odds.note(OddPart::Buyer, Oddity::NoName, format!("user.{key}"), &node.shown()),
            _ => odds.note(OddPart::Buyer, Oddity::NoKey, OF_A_USER, &Value::from(key.as_str())),
        }
    }
    buyer
}

/// A scalar as it is written, trimmed; nothing where it is blank or something of it was lost.
fn text(node: &Node) -> Option<String> {
    match node {
        Node::Text(text) => {
            Some(text.trim()).filter(|text| !text.is_empty() && !text.contains(LOST)).map(str::to_owned)
        }
        Node::Nothing | Node::Flag(_) | Node::List(_) | Node::Map(_) => None,
    }
}

fn moment(key: &str, node: &Node, part: OddPart, possible: Possible, odds: &mut Odds) -> Option<Timestamp> {
    let shown = node.shown();
    time::read(&shown, possible, &TimeZone::UTC).unwrap_or_else(|what| {
        odds.note(part, what, key, &shown);
        None
    })
}

/// OpenBitum's words, and ours. Any other word is `unknown`.
fn standing(word: &str) -> Standing {
    match word {
        "created" | "paid_partial" => Standing::Pending,
        _ => Standing::from_word(word).unwrap_or(Standing::Unknown),
    }
}
