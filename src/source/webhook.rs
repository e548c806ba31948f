//! Whether a webhook comes from the payment API, and which orders it is about.
//!
//! Pure: headers, body, settings and `now` in, a verdict out. What it yields are ids to read again, nothing
//! else: a payload is never believed. Signatures are compared in constant time, and the raw bytes are what is
//! signed, so nothing is parsed before they are verified.
//!
//! Facts, each from the vendor's page:
//! - Stripe (<https://docs.stripe.com/webhooks/signature>): `t=<unix>,v1=<hex>[,v1=...]` over `<t>.<body>`;
//!   several `v1` while a secret is rolled; other versions are ignored.
//! - Paddle (<https://developer.paddle.com/webhooks/signature-verification>): `ts=<unix>;h1=<hex>` over
//!   `<ts>:<body>`; several `h1` while a secret is rolled.
//! - Standard Webhooks (<https://www.standardwebhooks.com>): headers `webhook-id`, `webhook-timestamp`,
//!   `webhook-signature: v1,<base64>[ v1,...]` over `<id>.<timestamp>.<body>`; the secret is `whsec_` and
//!   Base64. Polar takes the whole text of its secret for the key.
//! - WooCommerce asks whether somebody listens with an unsigned form, and delivers only once that was answered 200.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use ring::hmac;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::http::lists::outward;
use super::http::paths::{alone, holds};
use crate::config::settings::source::{About, DeliveryId, Scheme, Signature, Webhook};
use crate::model::OrderId;
use crate::secret::Secret;
use crate::text::json;

/// Signatures that are looked at in one header: more than any sender puts there while a secret is rolled.
const SIGNATURES: usize = 8;
/// Orders that one webhook may be about.
const ORDERS: usize = 100;

/// A webhook whose sender is known (or need not be).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The orders it names, each once, in the order of the payload. None for an event about something else.
    pub orders: Vec<OrderId>,
    /// Whether it is about orders that it does not name.
    pub polls: bool,
    /// What tells this delivery from others, where anything does.
    pub delivery: Option<String>,
}

/// Why a webhook is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not signed at all.
    #[error("the header `{0}` is missing")]
    Unsigned(String),
    /// The value is not a valid signature.
    #[error("the header `{0}` holds no signature of the expected form")]
    Malformed(String),
    /// It was signed with another key, or changed on the way.
    #[error("the signature does not match")]
    Mismatch,
    /// It was signed too long ago, or in the future.
    #[error("it was signed at {0}, which is too far from now")]
    Stale(i64),
    /// It is signed, and yet not JSON.
    #[error("the body is not JSON")]
    NotJson,
}

/// What is sent to see whether somebody listens, before anything is signed. It says nothing of any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// Wants nothing but 200.
    Ping,
    /// Wants this text back.
    Challenge(String),
}

/// Whether this is no delivery but a question whether somebody listens. What carries a signature is never one.
pub fn greeting(webhook: &Webhook, headers: &HeaderMap, body: &[u8]) -> Option<Greeting> {
    let is_signed = match &webhook.signature {
        Signature::None => false,
        Signature::Signed { header, .. } => headers.contains_key(header),
    };
    if is_signed || (webhook.ping.is_none() && webhook.challenge.is_empty()) {
        return None;
    }
    let payload = alone(payload(headers, body).ok()?);
    if let Some(text) = first(&webhook.challenge, &payload[0]) {
        return Some(Greeting::Challenge(text));
    }
    let ping = webhook.ping.as_ref()?;
    holds(ping, &payload).then_some(Greeting::Ping)
}

/// Verifies and reads a webhook.
///
/// # Errors
/// [`Refusal::NotJson`] for a genuine one that cannot be read; all others mean that it may be forged.
pub fn verify(webhook: &Webhook, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Verified, Refusal> {
    if let Signature::Signed { scheme, header, prefix, secret, tolerance } = &webhook.signature {
        let keys = keys(*scheme, secret);
        match scheme {
            Scheme::HmacHex | Scheme::HmacBase64 => {
                let sent = text(headers, header)?;
                let sent = sent.strip_prefix(prefix.as_str()).ok_or_else(|| Refusal::Malformed(header.clone()))?;
                let tag = if *scheme == Scheme::HmacHex { from_hex(sent) } else { STANDARD.decode(sent).ok() };
                let tag = tag.ok_or_else(|| Refusal::Malformed(header.clone()))?;
                matches(&keys, &[body], &[tag])?;
            }
            Scheme::Stripe => {
                timed(&keys, text(headers, header)?, header, (',', "t", "v1", b"."), body, *tolerance, now)?
            }
            Scheme::Paddle => {
                timed(&keys, text(headers, header)?, header, (';', "ts", "h1", b":"), body, *tolerance, now)?;
            }
            Scheme::StandardWebhooks => standard(&keys, headers, header, body, *tolerance, now)?,
        }
    }
    read(webhook, headers, body)
}

/// Whether `hex` is the HMAC-SHA256 of `body` in hex, in constant time.
pub fn is_hmac_hex(secret: &Secret, body: &[u8], hex: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    from_hex(hex).is_some_and(|tag| matches(&[key], &[body], &[tag]).is_ok())
}

/// What a secret may mean. Standard Webhooks decodes what follows `whsec_`; Polar signs with the whole text.
fn keys(scheme: Scheme, secret: &Secret) -> Vec<hmac::Key> {
    let text = secret.expose();
    let decoded = match scheme {
        Scheme::StandardWebhooks => text.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok()),
        Scheme::HmacHex | Scheme::HmacBase64 | Scheme::Stripe | Scheme::Paddle => None,
    };
    let all = decoded.into_iter().chain([text.as_bytes().to_vec()]);
    all.map(|bytes| hmac::Key::new(hmac::HMAC_SHA256, &bytes)).collect()
}

/// Whether one of the tags is that of the joined parts. Each is compared in constant time, and a tag of another length
/// never matches.
fn matches(keys: &[hmac::Key], parts: &[&[u8]], tags: &[Vec<u8>]) -> Result<(), Refusal> {
    let signed = parts.concat();
    let fits = |tag: &Vec<u8>| keys.iter().any(|key| hmac::verify(key, &signed, tag).is_ok());
    let hit = tags.iter().take(SIGNATURES).any(fits);
    if hit { Ok(()) } else { Err(Refusal::Mismatch) }
}

/// `t=<time>,v1=<hex>` and its like: the separator, the name of the time, the name of a signature, and what
/// stands between the time and the body where they are signed.
fn timed(
    keys: &[hmac::Key],
    sent: &str,
    header: &str,
    (separator, time, signature, between): (char, &str, &str, &[u8]),
    body: &[u8],
    tolerance: SignedDuration,
    now: Timestamp,
) -> Result<(), Refusal> {
    let malformed = || Refusal::Malformed(header.to_owned());
    let parts = || sent.split(separator).filter_map(|part| part.trim().split_once('='));
    let at = parts().find(|(name, _)| *name == time).map(|(_, value)| value).ok_or_else(malformed)?;
    let signatures = parts().filter(|(name, _)| *name == signature);
    let tags: Vec<Vec<u8>> = signatures.filter_map(|(_, value)| from_hex(value)).collect();
    if tags.is_empty() {
        return Err(malformed());
    }
    let seconds: i64 = at.parse().map_err(|_| malformed())?;
    // The time is believed only once the signature is.
    matches(keys, &[at.as_bytes(), between, body], &tags)?;
    fresh(seconds, tolerance, now)
}

fn standard(
    keys: &[hmac::Key],
    headers: &HeaderMap,
    header: &str,
    body: &[u8],
    tolerance: SignedDuration,
    now: Timestamp,
) -> Result<(), Refusal> {
    let (id, at) = (text(headers, "webhook-id")?, text(headers, "webhook-timestamp")?);
    let seconds: i64 = at.parse().map_err(|_| Refusal::Malformed("webhook-timestamp".to_owned()))?;
    let sent = text(headers, header)?.split(' ').filter_map(|one| one.strip_prefix("v1,"));
    let tags: Vec<Vec<u8>> = sent.filter_map(|one| STANDARD.decode(one).ok()).collect();
    if tags.is_empty() {
        return Err(Refusal::Malformed(header.to_owned()));
    }
    matches(keys, &[id.as_bytes(), b".", at.as_bytes(), b".", body], &tags)?;
    fresh(seconds, tolerance, now)
}

fn fresh(seconds: i64, tolerance: SignedDuration, now: Timestamp) -> Result<(), Refusal> {
    let age = i128::from(now.as_second()) - i128::from(seconds);
    if age.unsigned_abs() > u128::from(tolerance.unsigned_abs().as_secs()) {
        return Err(Refusal::Stale(seconds));
    }
    Ok(())
}

/// Finds the orders and the delivery id in a payload.
fn read(webhook: &Webhook, headers: &HeaderMap, body: &[u8]) -> Result<Verified, Refusal> {
    let payload = alone(payload(headers, body)?);
    let rule = webhook.events.iter().find(|rule| holds(&rule.when, &payload));
    let list = rule.and_then(|rule| rule.list.as_deref());
    let payload = &payload[0];
    let (paths, polls) = match rule.map(|rule| &rule.about) {
        None => (webhook.order_id.as_slice(), false),
        Some(About::Orders(paths)) => (paths.as_slice(), false),
        Some(About::Source) => (&[][..], true),
    };
    let mut orders: Vec<OrderId> = Vec::new();
    for id in paths.iter().flat_map(|path| path.query(payload).all()).filter_map(scalar).take(ORDERS) {
        let id = list.map_or_else(|| OrderId::from(id.as_str()), |list| outward(list, &id));
        if !orders.contains(&id) {
            orders.push(id);
        }
    }
    let delivery = match &webhook.delivery_id {
        None => None,
        Some(DeliveryId::Header(name)) => headers.get(name).and_then(|id| id.to_str().ok()).map(str::to_owned),
        Some(DeliveryId::Body(paths)) => first(paths, payload),
    };
    Ok(Verified { orders, polls, delivery: delivery.filter(|id| !id.is_empty()) })
}

/// JSON as it is; a form as an object of texts, as Gumroad sends it.
fn payload(headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.trim_start().starts_with("application/x-www-form-urlencoded") {
        return serde_json::from_slice(&json::holdable(body)).map_err(|_| Refusal::NotJson);
    }
    let text = std::str::from_utf8(body).map_err(|_| Refusal::NotJson)?;
    let mut url = reqwest::Url::parse("form://body").expect("it is an address");
    url.set_query(Some(text));
    let pairs = url.query_pairs().map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
    Ok(Value::Object(pairs.collect()))
}

fn first(paths: &[JsonPath], payload: &Value) -> Option<String> {
    paths.iter().flat_map(|path| path.query(payload).all()).find_map(scalar)
}

/// A text or a number as an id. An endless one is none.
fn scalar(value: &Value) -> Option<String> {
    let id = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (!id.is_empty() && id.len() <= 256).then_some(id)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, Refusal> {
    let value = headers.get(name).ok_or_else(|| Refusal::Unsigned(name.to_owned()))?;
    value.to_str().map(str::trim).map_err(|_| Refusal::Malformed(name.to_owned()))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}
