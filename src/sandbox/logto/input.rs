//! Reads request bodies as the real server's schemas do.

use serde_json::{Map, Value, json};

use super::refusal;
use super::role_kind::RoleKind;
use crate::sandbox::exchange::{Answer, Call};

/// A body of this size is accepted, one byte more is not.
pub(super) const BODY_LIMIT: usize = 1024 * 1024;

/// The longest name and description of a role.
const NAME_LIMIT: usize = 128;

/// A JSON object. Keys that nobody asks for are ignored.
pub(super) struct Input(Map<String, Value>);

/// Whether a list may be empty.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Least {
    None,
    One,
}

impl Input {
    /// A body of another media type reads as empty.
    pub(super) fn read(call: &Call) -> Result<Self, Answer> {
        if !call.is("application/json") || call.body.is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(&call.body) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(other) => Err(refusal::invalid_input(wrong_type("object", &other), "")),
            Err(error) if error.is_eof() => Err(refusal::malformed_json("Unexpected end of JSON input")),
            Err(error) => Err(refusal::malformed_json(&format!(
                "Unexpected token in JSON at line {} column {}",
                error.line(),
                error.column()
            ))),
        }
    }

    /// A list of texts that are not empty; absent is an error.
    pub(super) fn texts(&self, key: &str, least: Least) -> Result<Vec<String>, Answer> {
        let Some(value) = self.0.get(key) else {
            return Err(refusal::required("array", key));
        };
        let Value::Array(items) = value else {
            return Err(refusal::invalid_input(wrong_type("array", value), key));
        };
        if items.is_empty() && least == Least::One {
            let issue = too_short("array", "Array must contain at least 1 element(s)");
            return Err(refusal::invalid_input(issue, key));
        }
        items.iter().map(|item| text(item, key)).collect()
    }

    /// As [`texts`](Self::texts), where absent is empty.
    pub(super) fn optional_texts(&self, key: &str) -> Result<Vec<String>, Answer> {
        if self.0.contains_key(key) { self.texts(key, Least::None) } else { Ok(Vec::new()) }
    }

    /// A text that is there and not empty.
    pub(super) fn name(&self, key: &str) -> Result<String, Answer> {
        let name = text(self.0.get(key).ok_or_else(|| refusal::required("string", key))?, key)?;
        if name.chars().count() > NAME_LIMIT {
            let issue = json!({
                "code": "too_big", "maximum": NAME_LIMIT, "type": "string", "inclusive": true, "exact": false,
                "message": format!("String must contain at most {NAME_LIMIT} character(s)"),
            });
            return Err(refusal::invalid_input(issue, key));
        }
        Ok(name)
    }

    /// A text; absent and null are `None`.
    pub(super) fn optional_text(&self, key: &str) -> Result<Option<String>, Answer> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(refusal::invalid_input(wrong_type("string", other), key)),
        }
    }

    /// A boolean; `None` where absent.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, Answer> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(refusal::invalid_input(wrong_type("boolean", other), key)),
        }
    }

    /// `type`; absent is a role for users.
    pub(super) fn role_kind(&self) -> Result<RoleKind, Answer> {
        match self.optional_text("type")? {
            None => Ok(RoleKind::User),
            Some(word) => RoleKind::from_word(&word).ok_or_else(refusal::invalid_role_kind),
        }
    }

    /// An object; `None` where absent.
    pub(super) fn object(&self, key: &str) -> Result<Option<Map<String, Value>>, Answer> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map.clone())),
            Some(other) => Err(refusal::invalid_input(wrong_type("object", other), key)),
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }
}

fn text(value: &Value, key: &str) -> Result<String, Answer> {
    match value {
        // PostgreSQL cannot store the character, and the server does not look for it.
        Value::String(text) if text.contains('\0') => Err(refusal::broke()),
        Value::String(text) if text.is_empty() => {
            let issue = too_short("string", "String must contain at least 1 character(s)");
            Err(refusal::invalid_input(issue, key))
        }
        Value::String(text) => Ok(text.clone()),
        other => Err(refusal::invalid_input(wrong_type("string", other), key)),
    }
}

fn too_short(kind: &str, message: &str) -> Value {
    json!({ "code": "too_small", "minimum": 1, "type": kind, "inclusive": true, "exact": false, "message": message })
}

fn wrong_type(expected: &str, found: &Value) -> Value {
    let received = match found {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let message = format!("Expected {expected}, received {received}");
    json!({ "code": "invalid_type", "expected": expected, "received": received, "message": message })
}
