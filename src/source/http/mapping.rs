//! From the JSON of one order to an [`Order`]. Pure.
//!
//! Says what the payment API said and decides nothing: what the status table does not know is `unknown`.

use jiff::Timestamp;
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::config::settings::source::{Lines, Map, StatusRule};
use crate::model::{Buyer, Email, Item, Order, OrderId, ProductId, Standing, UserId};
use crate::source::client::response::{begins, listed};
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
        self.order_in(&alone(raw))
    }

    /// The one order of a list, as conditions want it.
    pub(super) fn order_in(&self, list: &Value) -> Result<Order, (Option<String>, MapError)> {
        let raw = &list[0];
        if !raw.is_object() {
            return Err((None, MapError::NotAnObject));
        }
        let map = &self.map;
        let id =
            first(raw, &map.id, text).ok_or_else(|| (None, MapError::NoId { paths: listed(self.map.id.iter()) }))?;
        let with_id = |error| (Some(id.clone()), error);
        Ok(Order {
            buyer: Buyer {
                user: first(raw, &map.user_id, text).map(UserId::from),
                email: first(raw, &map.email, |value| Email::parse(value.as_str()?)),
            },
            items: match &map.lines {
                Some(lines) => by_line(raw, lines),
                None => products(raw, &map.products, &map.quantity),
            }
            .map_err(with_id)?,
            standing: ruled(list, &self.status).unwrap_or(Standing::Unknown),
            status: first(raw, &self.words, text),
            paid_at: latest(raw, &map.paid_at).map_err(with_id)?,
            updated_at: latest(raw, &map.updated_at).map_err(with_id)?,
            ended_at: latest(raw, &map.ended_at).map_err(with_id)?,
            period_end: latest(raw, &map.period_end).map_err(with_id)?,
            id: OrderId::from(id),
        })
    }
}

/// A condition is a filter, and a filter works on the children of a list.
pub(super) fn alone(raw: Value) -> Value {
    Value::Array(vec![raw])
}

/// Whether a condition holds for the one item of a list.
pub(super) fn holds(when: &JsonPath, list: &Value) -> bool {
    !when.query(list).is_empty()
}

/// What the first rule says that fits the one item of a list.
pub(super) fn ruled(list: &Value, rules: &[StatusRule]) -> Option<Standing> {
    rules.iter().find(|rule| holds(&rule.when, list)).map(|rule| rule.standing)
}

/// The first value, along the paths in their order, that can be read.
pub(super) fn first<T>(raw: &Value, paths: &[JsonPath], read: impl Fn(&Value) -> Option<T>) -> Option<T> {
    paths.iter().find_map(|path| path.query(raw).iter().find_map(|value| read(value)))
}

/// A text that is not blank, or a whole number.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// The latest of the times at the first path that has one: an order paid in parts is paid with the last.
pub(super) fn latest(raw: &Value, paths: &[JsonPath]) -> Result<Option<Timestamp>, MapError> {
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

/// The products at the first path that has any, each as often as was bought. A path to the list itself is as
/// good as one to its items.
fn products(raw: &Value, paths: &[JsonPath], quantity: &[JsonPath]) -> Result<Vec<Item>, MapError> {
    for path in paths {
        let found = items_at(raw, path);
        if found.iter().all(|value| blank(value)) {
            continue;
        }
        let quantities = quantities(raw, quantity, found.len())?;
        let mut items = Vec::with_capacity(found.len());
        for (at, value) in found.into_iter().enumerate().filter(|(_, value)| !blank(value)) {
            let product =
                text(value).ok_or_else(|| MapError::Product { path: path.to_string(), value: shown(value) })?;
            // One quantity is that of the order, else each product has its own.
            let quantity = quantities.get(at).or(quantities.first()).copied().flatten();
            items.push(item(product, quantity, None));
        }
        return Ok(items);
    }
    Ok(Vec::new())
}

/// The lines of an order, each with its own product, quantity and standing.
fn by_line(raw: &Value, lines: &Lines) -> Result<Vec<Item>, MapError> {
    let found = lines.each.iter().map(|path| items_at(raw, path)).find(|found| !found.is_empty()).unwrap_or_default();
    let mut items = Vec::with_capacity(found.len());
    for line in found {
        if !line.is_object() {
            return Err(MapError::Line { paths: listed(lines.each.iter()) });
        }
        // Something without a product, such as shipping, is nothing that a file can name.
        let Some(product) = first(line, &lines.product, text) else { continue };
        let standing = match lines.status.is_empty() {
            true => None,
            false => ruled(&alone(line.clone()), &lines.status),
        };
        let quantity = quantities(line, &lines.quantity, 1)?.first().copied().flatten();
        items.push(item(product, quantity, standing));
    }
    Ok(items)
}

/// A line of which nothing is left was taken back, which is more than not being mentioned.
fn item(product: String, quantity: Option<u32>, standing: Option<Standing>) -> Item {
    let standing = if quantity == Some(0) { Some(Standing::Void) } else { standing };
    Item { product: ProductId::from(product), quantity: quantity.unwrap_or(1).max(1), standing }
}

/// What a path leads to, with a list taken apart.
fn items_at<'v>(raw: &'v Value, path: &JsonPath) -> Vec<&'v Value> {
    let nodes = path.query(raw).all().into_iter();
    nodes.flat_map(|node| node.as_array().map_or(std::slice::from_ref(node), Vec::as_slice)).collect()
}

fn blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// The quantities at the first path that has any: none, one for all, or as many as there are products.
fn quantities(raw: &Value, paths: &[JsonPath], products: usize) -> Result<Vec<Option<u32>>, MapError> {
    for path in paths {
        let found = items_at(raw, path);
        if found.iter().all(|value| blank(value)) {
            continue;
        }
        if found.len() != 1 && found.len() != products {
            return Err(MapError::Quantities { quantities: found.len(), products });
        }
        let read = |value: &Value| match value {
            value if blank(value) => Ok(None),
            value => {
                whole(value).map(Some).ok_or_else(|| MapError::Quantity { path: path.to_string(), value: shown(value) })
            }
        };
        return found.into_iter().map(read).collect();
    }
    Ok(Vec::new())
}

/// A whole number, or one written as text, as in `"2"` and `2.0`.
fn whole(value: &Value) -> Option<u32> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u32)
}

fn shown(value: &Value) -> String {
    begins(value.to_string().as_bytes(), &[])
}

/// Where the API's own word for the status stands: every place that the status table compares with
/// something, in the order of the table. So an order that no line fits is reported with what it says there.
pub(in crate::source) fn status_words(rules: &[StatusRule]) -> Vec<JsonPath> {
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
