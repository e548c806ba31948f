//! What the paths and conditions of a mapping find in the JSON of one order. Pure and total.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};
use serde_json_path::JsonPath;

use crate::config::settings::source::{LineForm, Map, StatusRule};
use crate::model::{OddPart, Standing};
use crate::source::odd::Odds;
use crate::source::time::{self, Possible};
use crate::text::json::LOST;

/// A condition is a filter, and a filter works on the children of a list.
pub(in crate::source) fn alone(raw: Value) -> Value {
    Value::Array(vec![raw])
}

/// Whether a condition holds for the one item of a list.
pub(in crate::source) fn holds(when: &JsonPath, list: &Value) -> bool {
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

/// What a path leads to, with a list taken apart.
pub(super) fn items_at<'v>(raw: &'v Value, path: &JsonPath) -> Vec<&'v Value> {
    taken_apart(path.query(raw).all())
}

/// The lines of an order at one path. What is no map where one should be is given as it is, and is no line.
pub(super) fn lines_of<'v>(raw: &'v Value, path: &JsonPath, form: LineForm) -> Vec<Cow<'v, Value>> {
    if form == LineForm::Items {
        return items_at(raw, path).into_iter().map(Cow::Borrowed).collect();
    }
    let mut lines = Vec::new();
    for node in path.query(raw) {
        match node {
            Value::Null => {}
            Value::Object(entries) => lines.extend(entries.iter().map(|(key, value)| Cow::Owned(entry(key, value)))),
            other => lines.push(Cow::Borrowed(other)),
        }
    }
    lines
}

/// An entry of a map as a line.
pub(in crate::source) fn entry(key: &str, value: &Value) -> Value {
    json!({"key": key, "value": value})
}

/// What the first path that leads anywhere leads to, be it an empty list, with a list taken apart.
pub(super) fn lines_at<'v>(raw: &'v Value, paths: &[JsonPath]) -> Vec<&'v Value> {
    let found = paths.iter().map(|path| path.query(raw).all()).find(|nodes| !nodes.is_empty());
    taken_apart(found.unwrap_or_default())
}

fn taken_apart(nodes: Vec<&Value>) -> Vec<&Value> {
    nodes.into_iter().flat_map(|node| node.as_array().map_or(std::slice::from_ref(node), Vec::as_slice)).collect()
}

/// A text that is not blank and of which nothing was lost, or a whole number.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            Some(text.trim()).filter(|text| !text.is_empty() && !text.contains(LOST)).map(str::to_owned)
        }
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// Which times are possible, and how a source writes them.
#[derive(Clone, Copy)]
pub(super) struct Times<'m> {
    pub(super) possible: Possible,
    pub(super) map: &'m Map,
}

/// The latest of the times at the first path that has one: an order paid in parts is paid with the last. None
/// where one of them is odd.
pub(super) fn latest(
    raw: &Value,
    paths: &[JsonPath],
    part: OddPart,
    times: Times<'_>,
    odds: &mut Odds,
) -> Option<Timestamp> {
    let Times { possible, map } = times;
    for path in paths {
        let mut latest = None;
        let mut is_odd = false;
        for value in path.query(raw).iter().filter(|value| !map.none.contains(value)) {
            match time::read(value, possible, &map.zone) {
                Ok(at) => latest = latest.max(at),
                Err(what) => {
                    odds.note(part, what, path, value);
                    is_odd = true;
                }
            }
        }
        if is_odd {
            return None;
        }
        if latest.is_some() {
            return latest;
        }
    }
    None
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
