//! How much of an order an item of an overlay is about: all of it, some of its lines, or some of the money. Pure and
//! total.

use serde_json::Value;
use serde_json_path::JsonPath;

use super::paths::{first, lines_at, text};
use crate::config::settings::source::{LineOf, MoneyOf, Overlay};
use crate::model::{LineRef, Money, Part, ProductId};

/// How much of its order an item is about.
pub(super) fn part(settings: &Overlay, raw: &Value) -> Part {
    if let Some(money) = &settings.money {
        let amount = |paths: &[JsonPath]| first(raw, paths, |value| Money::parse(&written(value)?));
        // What tells no amount is about all of it, as if nothing were asked of it.
        return match (amount(&money.amount), amount(&money.of)) {
            (Some(amount), Some(of)) => Part::Money { amount, of },
            _ => Part::Whole,
        };
    }
    let Some(LineOf { each, id, product, quantity }) = &settings.line else { return Part::Whole };
    let named = |line: &Value| LineRef {
        id: first(line, id, text),
        product: first(line, product, text).map(ProductId::from),
        quantity: first(line, quantity, |value| Some(value.as_i64()?.unsigned_abs()))
            .map(|quantity| u32::try_from(quantity).unwrap_or(u32::MAX)),
    };
    let lines: Vec<&Value> = match each.is_empty() {
        true => vec![raw],
        false => lines_at(raw, each),
    };
    let lines: Vec<LineRef> =
        lines.into_iter().map(named).filter(|line| line.id.is_some() || line.product.is_some()).collect();
    if lines.is_empty() { Part::Whole } else { Part::Lines(lines) }
}

/// Whether an order says that less than all of its money was given back. Where it does not say both, nothing proves that.
pub(super) fn leaves_some(refund: &MoneyOf, raw: &Value) -> bool {
    let amount = |paths: &[JsonPath]| first(raw, paths, |value| Money::parse(&written(value)?));
    matches!((amount(&refund.amount), amount(&refund.of)), (Some(amount), Some(of)) if amount < of)
}

/// A number as it is written, or the text that holds one.
fn written(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}
