//! A request as the simulators see it, and the answer they give.
//!
//! No I/O: `front` reads the one and sends the other.

use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// `Content-Type` of every JSON answer.
pub(super) const JSON: &str = "application/json; charset=utf-8";
/// `Content-Type` of every text answer.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// One request, whole.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// `HEAD` is read as `GET`; the server leaves the body out.
    pub(super) method: Method,
    /// Path with query, as sent.
    pub(super) target: String,
    /// Query parameters in the order sent, decoded.
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Call {
    /// The path alone, as sent.
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The parts of the path, decoded.
    pub(super) fn segments(&self) -> Vec<String> {
        self.path().trim_matches('/').split('/').map(percent_decode).collect()
    }

    /// The first value of a query parameter.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header as text.
    pub(super) fn header(&self, name: impl axum::http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// `http://host:port`, as the client addressed this server.
    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.header(HOST).unwrap_or("localhost"))
    }

    /// User and password of HTTP basic authentication.
    pub(super) fn basic(&self) -> Option<(String, String)> {
        let encoded = self.header(AUTHORIZATION)?.strip_prefix("Basic ")?;
        let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        // RFC 6749, 2.3.1: both are form-encoded before they are joined.
        Some((form_decode(user), form_decode(password)))
    }

    /// Whether the body says that it is of this media type.
    pub(super) fn is(&self, media_type: &str) -> bool {
        self.header(CONTENT_TYPE).is_some_and(|kind| kind.trim_start().starts_with(media_type))
    }
}

/// What goes back.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Beside `Content-Type`; a name may repeat.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) content_type: Option<&'static str>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(status: StatusCode, value: &Value) -> Self {
        let body = value.to_string().into_bytes();
        Self { status, headers: Vec::new(), content_type: Some(JSON), body }
    }

    pub(super) fn text(status: StatusCode, text: &str) -> Self {
        Self { status, headers: Vec::new(), content_type: Some(TEXT), body: text.into() }
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), content_type: None, body: Vec::new() }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Pairs of an `application/x-www-form-urlencoded` text, in order.
pub(super) fn form_pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (form_decode(name), form_decode(value))
        })
        .collect()
}

/// The text of pairs, as `URLSearchParams` writes it.
pub(super) fn form_text(pairs: &[(String, String)]) -> String {
    let encoded = pairs.iter().map(|(name, value)| format!("{}={}", form_encode(name), form_encode(value)));
    encoded.collect::<Vec<_>>().join("&")
}

fn form_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => out.push(byte.into()),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn form_decode(text: &str) -> String {
    percent_decode(&text.replace('+', " "))
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
