//! One answer of a payment API: whether it is what it should be, and what it says if it is not.
//!
//! Shows the words of a server only after every secret that was sent has been taken out of them.

use reqwest::header::{CONTENT_TYPE, HeaderMap, LINK, LOCATION};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::http::link::next_link;
use crate::secret::{Secret, redacted};
use crate::source::SourceError;
use crate::text::json;

/// The most of a server's own words that an error shows, in characters.
const SHOWN: usize = 160;

/// What stands before the body.
pub(in crate::source) struct Head {
    status: StatusCode,
    content_type: String,
    location: Option<String>,
    next: Option<String>,
    headers: HeaderMap,
}

impl Head {
    pub(in crate::source) fn of(response: &Response) -> Self {
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            status: response.status(),
            content_type: text(CONTENT_TYPE).unwrap_or_default(),
            location: text(LOCATION),
            next: next_link(response.headers().get_all(LINK).iter().filter_map(|value| value.to_str().ok())),
            headers: response.headers().clone(),
        }
    }

    /// That of an answer which was recorded.
    pub(in crate::source) fn recorded(status: u16, content_type: String, next: Option<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        Self { status, content_type, location: None, next, headers: HeaderMap::new() }
    }
}

/// A whole answer.
pub(in crate::source) struct Reply {
    pub(in crate::source) status: StatusCode,
    head: Head,
    body: Vec<u8>,
    secrets: Vec<Secret>,
}

impl Reply {
    pub(in crate::source) fn new(head: Head, body: Vec<u8>, secrets: Vec<Secret>) -> Self {
        Self { status: head.status, head, body, secrets }
    }

    /// The media type, as it was sent.
    pub(in crate::source) fn content_type(&self) -> &str {
        &self.head.content_type
    }

    pub(in crate::source) fn body(&self) -> &[u8] {
        &self.body
    }

    /// What was sent, and must not be shown.
    pub(in crate::source) fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// What a header says.
    pub(in crate::source) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Where the header `Link` says that the next page is.
    pub(in crate::source) fn next(&self) -> Option<&str> {
        self.head.next.as_deref()
    }

    /// `None` for a success and for 404, which is an answer where one order is asked for.
    pub(in crate::source) fn verdict(&self, call: &str, auth: &'static str) -> Option<SourceError> {
        let (call, status) = (call.to_owned(), self.status);
        match status {
            _ if status.is_success() || status == StatusCode::NOT_FOUND => None,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Some(SourceError::Denied { call, status, said: self.said(), auth })
            }
            _ if status.is_redirection() => {
                let to = begins(self.head.location.as_deref().unwrap_or_default().as_bytes(), &self.secrets);
                Some(SourceError::Redirect { call, status, to })
            }
            _ => Some(SourceError::Status { call, status, said: self.said() }),
        }
    }

    /// Itself, unless it is a 404.
    pub(in crate::source) fn success(self, call: &str) -> Result<Self, SourceError> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(SourceError::Status { call: call.to_owned(), status: self.status, said: self.said() })
    }

    /// The body as JSON. A media type that is not JSON is an error even where the body would parse; an
    /// answer without a media type is taken by its body.
    pub(in crate::source) fn json(&self, call: &str) -> Result<Value, SourceError> {
        self.json_by(call, |body| serde_json::from_slice(body))
    }

    /// The same, read by whoever wants something else than one tree.
    pub(in crate::source) fn json_by<T>(
        &self,
        call: &str,
        read: impl FnOnce(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T, SourceError> {
        let essence = self.head.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !(essence.is_empty() || essence.ends_with("/json") || essence.ends_with("+json")) {
            return Err(SourceError::NotJson {
                call: call.to_owned(),
                content_type: begins(essence.as_bytes(), &self.secrets),
                begins: begins(&self.body, &self.secrets),
            });
        }
        read(&json::holdable(&self.body)).map_err(|source| SourceError::BrokenJson { call: call.to_owned(), source })
    }

    /// Refuses an answer with errors in it: what is missing by them is missing without a word.
    pub(in crate::source) fn no_errors(&self, call: &str, answer: &Value) -> Result<(), SourceError> {
        let errors = errors(answer);
        if errors.is_empty() {
            return Ok(());
        }
        let message = |error: &Value| error.get("message").and_then(Value::as_str).map(str::to_owned);
        let said: Vec<String> =
            errors.iter().take(3).map(|error| message(error).unwrap_or_else(|| error.to_string())).collect();
        Err(SourceError::Errors { call: call.to_owned(), said: begins(said.join("; ").as_bytes(), &self.secrets) })
    }

    /// The error of an answer that says that it was asked for too fast, beside a status that says yes
    /// (<https://shopify.dev/docs/api/usage/limits>).
    pub(in crate::source) fn throttled(&self, call: &str) -> Option<SourceError> {
        if self.body.len() > SHORT || !self.body.windows(9).any(|bytes| bytes == b"THROTTLED") {
            return None;
        }
        let answer: Value = serde_json::from_slice(&self.body).ok()?;
        let too_fast = |error: &Value| error.pointer("/extensions/code").and_then(Value::as_str) == Some("THROTTLED");
        errors(&answer).iter().any(too_fast).then(|| self.no_errors(call, &answer).err())?
    }

    /// What the server says went wrong: the usual fields of an error body, or how the body begins.
    pub(in crate::source) fn said(&self) -> String {
        let json: Option<Value> = serde_json::from_slice(&self.body).ok();
        let text = json.as_ref().and_then(|json| {
            ["message", "error_description", "detail", "error"].iter().find_map(|key| {
                let value = json.get(key)?;
                value.as_str().or_else(|| value.get("message")?.as_str())
            })
        });
        begins(text.map_or(self.body.as_slice(), str::as_bytes), &self.secrets)
    }
}

/// The most of a body that is looked through for the word that it was asked for too fast, in bytes.
const SHORT: usize = 64 * 1024;

/// The errors of an answer that has some, as GraphQL tells them beside a status that says yes.
fn errors(answer: &Value) -> &[Value] {
    answer.get("errors").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether `null` stands at the first of these paths that leads anywhere: there is no such thing.
pub(in crate::source) fn is_null(answer: &Value, paths: &[JsonPath]) -> bool {
    let found = paths.iter().map(|path| path.query(answer).all()).find(|nodes| !nodes.is_empty());
    found.is_some_and(|nodes| nodes.iter().all(|node| node.is_null()))
}

/// Whether a status may be another one in a moment.
pub(in crate::source) fn passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

/// How a text begins: one line, printable, bounded, and with every secret taken out.
pub(in crate::source) fn begins(bytes: &[u8], secrets: &[Secret]) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(64 * 1024)]).into_owned();
    for secret in secrets.iter().filter(|secret| secret.expose().len() >= 4) {
        text = text.replace(secret.expose(), "[secret]");
    }
    // Before it is cut, which would leave the better part of one.
    let text = redacted(&text);
    let line: String = text
        .chars()
        .map(|c| if c.is_control() || c == '`' { ' ' } else { c })
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// Takes out what stands at the first of these paths that leads to exactly one value of the right kind.
pub(in crate::source) fn take<'a>(
    answer: &mut Value,
    paths: impl Iterator<Item = &'a JsonPath>,
    right: impl Fn(&Value) -> bool,
) -> Option<Value> {
    for path in paths {
        let pointer = match path.query_located(answer).exactly_one() {
            Ok(found) if right(found.node()) => found.location().to_json_pointer(),
            _ => continue,
        };
        return answer.pointer_mut(&pointer).map(Value::take);
    }
    None
}

/// The error for an answer with a list at none of these places.
pub(in crate::source) fn no_list_at<'a>(
    call: &str,
    paths: impl Iterator<Item = &'a JsonPath>,
    answer: &Value,
) -> SourceError {
    lacks(call, "list", listed(paths), answer)
}

/// The error for an answer with an object at none of these places.
pub(in crate::source) fn no_object_at<'a>(
    call: &str,
    paths: impl Iterator<Item = &'a JsonPath>,
    answer: &Value,
) -> SourceError {
    lacks(call, "object", listed(paths), answer)
}

/// The same for whatever is wanted, where the places are named already.
pub(in crate::source) fn lacks(call: &str, wanted: &'static str, paths: String, answer: &Value) -> SourceError {
    let found = match answer {
        Value::Object(map) if map.is_empty() => "no keys".to_owned(),
        Value::Object(map) => {
            let mut keys: Vec<String> = map.keys().take(8).map(|key| format!("`{key}`")).collect();
            if map.len() > keys.len() {
                keys.push("others".to_owned());
            }
            keys.join(", ")
        }
        Value::Array(_) => "a list at `$`".to_owned(),
        _ => "neither keys nor a list".to_owned(),
    };
    SourceError::NoItems { call: call.to_owned(), wanted, paths, found }
}

/// Paths as an error names them.
pub(in crate::source) fn listed<'a>(paths: impl Iterator<Item = &'a JsonPath>) -> String {
    paths.map(|path| format!("`{path}`")).collect::<Vec<_>>().join(" or ")
}
