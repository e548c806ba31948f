//! What was bought, out of the JSON of one order. Pure and total.
//!
//! A quantity that is none counts as one. A product or a line that cannot be read is named, and the others are
//! read.

use serde_json::Value;
use serde_json_path::JsonPath;

use super::paths::{Times, alone, first, items_at, latest, lines_of, ruled, text};
use crate::config::settings::source::{Lines, Map, StatusRule};
use crate::model::{Item, OddPart, Oddity, ProductId, Standing, Term};
use crate::source::odd::Odds;
use crate::source::time::Possible;

/// What an order is for.
#[derive(Debug, Default)]
pub(super) struct Bought {
    pub(super) items: Vec<Item>,
    /// Lines that name no product.
    pub(super) productless: usize,
}

/// Whether an order, by its standing, must have sold something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sold {
    /// Where no product is found, it is not where the mapping looks.
    Something,
    /// It may name no product at all, and harms nobody by that.
    PerhapsNothing,
}

impl Sold {
    /// What a standing says of it.
    pub(super) fn by(standing: Standing) -> Self {
        match standing {
            Standing::Paid | Standing::PartiallyRefunded | Standing::Disputed | Standing::Subscribed => Sold::Something,
            Standing::Pending | Standing::Refunded | Standing::Expired | Standing::Void | Standing::Unknown => {
                Sold::PerhapsNothing
            }
        }
    }
}

/// The products at the first path that has any, each as often as was bought. A path to the list itself is as
/// good as one to its items.
pub(super) fn products(raw: &Value, map: &Map, sold: Sold, odds: &mut Odds) -> Bought {
    let Map { products: paths, quantity, none, .. } = map;
    let is_none = |value: &Value| names_none(value) || none.contains(value);
    for path in paths {
        let found = items_at(raw, path);
        let productless = found.iter().filter(|value| is_none(value)).count();
        if productless == found.len() {
            continue;
        }
        let quantities = quantities(raw, quantity, found.len(), odds);
        let mut items = Vec::with_capacity(found.len());
        for (at, value) in found.into_iter().enumerate().filter(|(_, value)| !is_none(value)) {
            let Some(product) = text(value) else {
                odds.note(OddPart::Products, Oddity::NoProduct, path, value);
                continue;
            };
            // One quantity is that of the order, else each product has its own.
            let quantity = quantities.get(at).or(quantities.first()).copied().flatten();
            items.push(item(product, quantity, None));
        }
        return Bought { items, productless };
    }
    // What each line of a list is asked for may be in none of them: shipping is no product.
    let has_lines = |path: &JsonPath| path.to_string().contains('*') && !path.query(raw).is_empty();
    if let Some(path) = paths.first().filter(|_| sold == Sold::Something && !paths.iter().any(has_lines)) {
        note_first(raw, path, Oddity::NoProduct, odds);
    }
    Bought::default()
}

/// The lines of an order, each with its own product, quantity and standing.
pub(super) fn by_line(raw: &Value, map: &Map, lines: &Lines, sold: Sold, odds: &mut Odds) -> Bought {
    let found = |path| {
        let found = lines_of(raw, path, lines.form);
        found.iter().any(|line| !is_nothing(line)).then_some((path, found))
    };
    let Some((path, found)) = lines.each.iter().find_map(found) else {
        // The list of an order that sold nothing may be empty or not there at all. `null` is neither.
        let null = lines.each.iter().find(|path| path.query(raw).iter().any(|node| node.is_null()));
        if let Some(path) = null.or(lines.each.first().filter(|_| sold == Sold::Something)) {
            note_first(raw, path, Oddity::NoList, odds);
        }
        return Bought::default();
    };
    let mut items = Vec::with_capacity(found.len());
    let mut productless = 0;
    let unruled = without_rule(&lines.status);
    let is_none = |value: &Value| names_none(value) || map.none.contains(value);
    let product = |value: &Value| if is_none(value) { None } else { text(value) };
    for line in &found {
        let line = line.as_ref();
        if !line.is_object() {
            odds.note(OddPart::Products, Oddity::NoLine, path, line);
            continue;
        }
        let Some(product) = first(line, &lines.product, product) else {
            // Something without a product, such as shipping, is nothing that a file can name.
            let there = |path: &&JsonPath| path.query(line).iter().any(|value| !is_none(value));
            match lines.product.iter().find(there) {
                Some(path) => {
                    odds.note(OddPart::Products, Oddity::NoProduct, path, path.query(line).first().unwrap_or(line));
                }
                None => productless += 1,
            }
            continue;
        };
        let standing = match lines.status.is_empty() {
            true => None,
            false => ruled(&alone(line.clone()), &lines.status).or(unruled),
        };
        let quantity = quantities(line, &lines.quantity, 1, odds).first().copied().flatten();
        let term = term(line, map, lines, standing, odds);
        let id = first(line, &lines.id, text);
        items.push(Item { term, id, ..item(product, quantity, standing) });
    }
    Bought { items, productless }
}

/// The items of an order that are a part of it. A shop that takes a line out of an order sets its quantity to 0; where
/// some of the order was paid back, that is what was given back, and where nothing of it is left it was taken back as a
/// whole, which is more than not being mentioned. A line that says by itself that it was given back was bought once, and
/// says more than its quantity does.
pub(in crate::source) fn left(items: Vec<Item>, standing: Standing) -> Vec<Item> {
    let is_edit = standing != Standing::PartiallyRefunded && items.iter().any(|item| item.quantity > 0);
    let part = |item: Item| match (item.quantity, item.standing) {
        (0, Some(Standing::Refunded | Standing::Void)) => Some(Item { quantity: 1, ..item }),
        (0, _) if is_edit => None,
        (0, _) => Some(Item { quantity: 1, standing: Some(Standing::Void), ..item }),
        _ => Some(item),
    };
    items.into_iter().filter_map(part).collect()
}

fn item(product: String, quantity: Option<u32>, standing: Option<Standing>) -> Item {
    Item { quantity: quantity.unwrap_or(1), standing, ..Item::one(ProductId::from(product)) }
}

/// Until when a line is paid: by its own word, or else for good where it stands paid by itself.
fn term(line: &Value, map: &Map, lines: &Lines, standing: Option<Standing>, odds: &mut Odds) -> Term {
    let end = latest(line, &lines.period_end, OddPart::PeriodEnd, Times { possible: Possible::Any, map }, odds);
    match (end, standing) {
        (Some(end), _) => Term::Until(end),
        (None, Some(Standing::Paid)) => Term::Once,
        (None, _) => Term::OfOrder,
    }
}

/// Where a line stands that no rule fits: where its order does, unless the rules say which lines entitle. Then they
/// were to say it of this one too.
fn without_rule(rules: &[StatusRule]) -> Option<Standing> {
    let entitles = |rule: &StatusRule| matches!(rule.standing, Standing::Paid | Standing::Subscribed);
    rules.iter().any(entitles).then_some(Standing::Unknown)
}

/// Notes what stands where products are expected, or that nothing does.
fn note_first(raw: &Value, path: &JsonPath, what: Oddity, odds: &mut Odds) {
    match path.query(raw).first() {
        Some(value) => odds.note(OddPart::Products, what, path, value),
        None => odds.note(OddPart::Products, Oddity::Absent, path, &Value::Null),
    }
}

/// What stands in a list in place of a line.
fn is_nothing(line: &Value) -> bool {
    line.is_null() || line.as_object().is_some_and(serde_json::Map::is_empty)
}

fn blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// Whether no product is named here: WooCommerce says 0 of one that was deleted, and of a variation that there is not.
fn names_none(product: &Value) -> bool {
    blank(product) || product.as_u64() == Some(0)
}

/// The quantities at the first path that has any: none, one for all, or as many as there are products.
fn quantities(raw: &Value, paths: &[JsonPath], products: usize, odds: &mut Odds) -> Vec<Option<u32>> {
    for path in paths {
        let found = items_at(raw, path);
        if found.iter().all(|value| blank(value)) {
            continue;
        }
        if found.len() != 1 && found.len() != products {
            let all = Value::Array(found.into_iter().cloned().collect());
            odds.note(OddPart::Quantity, Oddity::Quantities, path, &all);
            return Vec::new();
        }
        let read = |value: &Value| {
            let number = whole(value);
            if number.is_none() && !blank(value) {
                odds.note(OddPart::Quantity, Oddity::NoQuantity, path, value);
            }
            number
        };
        return found.into_iter().map(read).collect();
    }
    Vec::new()
}

/// A whole number, or one written as text, as in `"2"` and `2.0`.
pub(in crate::source) fn whole(value: &Value) -> Option<u32> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u32)
}
