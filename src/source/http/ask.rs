//! One request as it goes out: what its blanks stand for, filled in as JSON. Pure.
//!
//! A value goes in as a value and a text into a text, never into JSON that is read afterwards: whatever a mark or an id
//! holds, it stays one text.

use serde_json::Value;

use crate::config::settings::source::{Blank, Method};

/// What asks for the changes alone, where only they are wanted.
#[derive(Clone, Debug)]
pub(super) struct Since {
    /// The parameter of the URL; without one it stands in what is sent.
    pub(super) param: Option<String>,
    /// The time, as the API wants it.
    pub(super) at: String,
}

/// What the blanks of one request stand for.
#[derive(Debug, Default)]
pub(super) struct Blanks<'a> {
    pub(super) cursor: Option<Value>,
    pub(super) size: Option<u32>,
    pub(super) since: Option<&'a str>,
    pub(super) id: Option<&'a str>,
}

impl Blanks<'_> {
    /// What is sent. `None`: nothing is, since it is asked for by `GET`.
    pub(super) fn fill(&self, method: &Method) -> Option<Value> {
        match method {
            Method::Get => None,
            Method::Post(template) => Some(self.filled(template).unwrap_or(Value::Null)),
        }
    }

    /// A part of it. `None`: nothing is asked for by time, and what only says since when is left out with the maps that
    /// are empty then, since an API may find nothing after `null`.
    fn filled(&self, part: &Value) -> Option<Value> {
        match part {
            Value::String(text) => self.text(text),
            Value::Array(items) => Some(items.iter().filter_map(|item| self.filled(item)).collect()),
            Value::Object(fields) => {
                let filled: serde_json::Map<String, Value> =
                    fields.iter().filter_map(|(key, value)| Some((key.clone(), self.filled(value)?))).collect();
                (!filled.is_empty() || fields.is_empty()).then_some(Value::Object(filled))
            }
            other => Some(other.clone()),
        }
    }

    fn text(&self, text: &str) -> Option<Value> {
        let blanks = Blank::of(text);
        if let Some(only) = blanks.iter().find(|blank| blank.written() == text) {
            return match only {
                // A mark that is not there yet is null, which every API takes for the beginning.
                Blank::Cursor => Some(self.cursor.clone().unwrap_or(Value::Null)),
                other => self.value(*other),
            };
        }
        let mut filled = String::new();
        let mut rest = text;
        let next = |rest: &str| {
            let found = blanks.iter().filter_map(|blank| Some((rest.find(blank.written())?, *blank)));
            found.min_by_key(|(at, _)| *at)
        };
        while let Some((at, blank)) = next(rest) {
            let value = self.value(blank)?;
            filled.push_str(&rest[..at]);
            filled.push_str(value.as_str().unwrap_or(&value.to_string()));
            rest = &rest[at + blank.written().len()..];
        }
        Some((filled + rest).into())
    }

    fn value(&self, blank: Blank) -> Option<Value> {
        match blank {
            Blank::Cursor => self.cursor.clone(),
            Blank::Size => self.size.map(Value::from),
            Blank::Since => self.since.map(Value::from),
            Blank::Id => self.id.map(Value::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_value_holds_is_no_blank_and_no_json() {
        let blanks = Blanks { id: Some("{size}\", \"x\": \"{id}"), size: Some(5), ..Blanks::default() };
        let body = json!({"id": "{id}", "n": "{size}", "both": "{id}-{size}", "query": "{ order {id} }", "none": []});
        let filled = blanks.fill(&Method::Post(body)).unwrap();
        assert_eq!(
            filled,
            json!({
                "id": "{size}\", \"x\": \"{id}",
                "n": 5,
                "both": "{size}\", \"x\": \"{id}-5",
                "query": "{ order {id} }",
                "none": []
            })
        );
    }
}
