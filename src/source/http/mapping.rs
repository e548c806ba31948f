//! From the JSON of one order to an [`Order`]. Pure.
//!
//! Says what the payment API said and decides nothing: what the status table does not know is `unknown`.

use jiff::Timestamp;
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::config::source::{Map, StatusRule};
use crate::model::{Buyer, Email, Item, Order, OrderId, ProductId, Standing, UserId};
use crate::source::call::answer::{begins, listed};
use crate::source::{MapError, time};

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

    /// One order. The error comes with the id, where there is one.
    pub fn order(&self, raw: Value) -> Result<Order, (Option<String>, MapError)> {
        if !raw.is_object() {
            return Err((None, MapError::NotAnObject));
        }
        // A condition is a filter, and a filter works on the children of a list.
        let list = Value::Array(vec![raw]);
        let raw = &list[0];
        let id = first(raw, &self.map.id, text)
            .ok_or_else(|| (None, MapError::NoId { paths: listed(self.map.id.iter()) }))?;
        let with_id = |error| (Some(id.clone()), error);
        let standing = self
            .status
            .iter()
            .find(|rule| !rule.when.query(&list).is_empty())
            .map_or(Standing::Unknown, |rule| rule.standing);
        Ok(Order {
            buyer: Buyer {
                user: first(raw, &self.map.user_id, text).map(UserId::from),
                email: first(raw, &self.map.email, |value| Email::parse(value.as_str()?)),
            },
            items: products(raw, &self.map.products).map_err(with_id)?,
            standing,
            status: first(raw, &self.words, text),
            paid_at: latest(raw, &self.map.paid_at).map_err(with_id)?,
            updated_at: latest(raw, &self.map.updated_at).map_err(with_id)?,
            ended_at: latest(raw, &self.map.ended_at).map_err(with_id)?,
            period_end: None,
            id: OrderId::from(id),
        })
    }
}

/// The first value, along the paths in their order, that can be read.
fn first<T>(raw: &Value, paths: &[JsonPath], read: impl Fn(&Value) -> Option<T>) -> Option<T> {
    paths.iter().find_map(|path| path.query(raw).iter().find_map(|value| read(value)))
}

/// A text that is not blank, or a whole number.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// The latest of the times at the first path that has one: an order paid in parts is paid with the last.
fn latest(raw: &Value, paths: &[JsonPath]) -> Result<Option<Timestamp>, MapError> {
    for path in paths {
        let mut latest = None;
        for value in path.query(raw) {
            let at = match value {
                Value::Null => continue,
                Value::String(text) if text.trim().is_empty() => continue,
                Value::String(text) => time::parse(text),
                Value::Number(number) => number.as_f64().and_then(time::from_number),
                _ => None,
            };
            let at = at.ok_or_else(|| MapError::Time { path: path.to_string(), value: shown(value) })?;
            latest = latest.max(Some(at));
        }
        if latest.is_some() {
            return Ok(latest);
        }
    }
    Ok(None)
}

/// The products at the first path that has any. A path to the list itself is as good as one to its items.
fn products(raw: &Value, paths: &[JsonPath]) -> Result<Vec<Item>, MapError> {
    for path in paths {
        let mut items = Vec::new();
        for node in path.query(raw) {
            let values = node.as_array().map_or(std::slice::from_ref(node), Vec::as_slice);
            for value in values.iter().filter(|value| !value.is_null() && value.as_str() != Some("")) {
                let id =
                    text(value).ok_or_else(|| MapError::Product { path: path.to_string(), value: shown(value) })?;
                items.push(Item::one(ProductId::from(id)));
            }
        }
        if !items.is_empty() {
            return Ok(items);
        }
    }
    Ok(Vec::new())
}

fn shown(value: &Value) -> String {
    begins(value.to_string().as_bytes(), &[])
}

/// Where the API's own word for the status stands: every place that the status table compares with
/// something, in the order of the table. So an order that no line fits is reported with what it says there.
fn status_words(rules: &[StatusRule]) -> Vec<JsonPath> {
    let mut found: Vec<JsonPath> = Vec::new();
    for rule in rules {
        let text = rule.when.to_string();
        for (start, _) in text.match_indices('@') {
            let rest = &text[start + 1..];
            let Some(end) = rest.find("==") else { continue };
            // What stands between `@` and `==` is a place unless another operator comes first; then the
            // text is no path, or one that leads nowhere.
            if let Ok(path) = JsonPath::parse(&format!("${}", rest[..end].trim()))
                && !found.contains(&path)
            {
                found.push(path);
            }
        }
    }
    found
}
