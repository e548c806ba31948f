//! The part of the schema that describes the webhooks of a source.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Duration, Paths, Secret};

/// How a payment API says that an order may have changed. The order is read again; the payload is not
/// believed.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where the payload names the order; every value counts. With `events`, for what no rule of it fits.
    pub order_id: Option<Paths>,
    /// What each kind of event is about. The first match wins.
    pub events: Option<Vec<Event>>,
    /// A filter in which `@` is what is sent, unsigned, to see whether somebody listens. It is answered 200 and nothing else
    /// comes of it.
    pub ping: Option<String>,
    /// Where such a question has a text that is to be given back.
    pub challenge: Option<Paths>,
    /// What identifies a delivery.
    pub delivery_id: Option<DeliveryId>,
    /// How the sender is verified.
    pub signature: Option<Signature>,
}

/// What one kind of event is about: `order_id` or `poll: true`.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// A filter (RFC 9535) in which `@` is the payload.
    pub when: String,
    /// Where it names the order; every value counts.
    pub order_id: Option<Paths>,
    /// Which of `lists` that order is of. Default: `orders`.
    pub list: Option<String>,
    /// `true`: it names none, and the source is polled.
    pub poll: Option<bool>,
}

/// What identifies a delivery.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
pub enum DeliveryId {
    /// A header.
    Header(DeliveryHeader),
    /// A part of the payload.
    Body(Paths),
}

/// A header that identifies a delivery.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryHeader {
    /// Its name.
    pub header: String,
}

/// How the sender is verified.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// What is signed and how it is written down.
    pub scheme: Option<Scheme>,
    /// The header that carries the signature. Required for `hmac_hex` and `hmac_base64`.
    pub header: Option<String>,
    /// What stands before the signature in that header, such as `sha256=`.
    pub prefix: Option<String>,
    /// The key.
    pub secret: Option<Secret>,
    /// How far a signed time may lie from now. Default: `5m`.
    pub tolerance: Option<Duration>,
}

/// What is signed and how it is written down.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// HMAC-SHA256 of the body, in hex.
    HmacHex,
    /// HMAC-SHA256 of the body, in Base64.
    HmacBase64,
    /// `t=<time>,v1=<hex>` over `<time>.<body>`.
    Stripe,
    /// `ts=<time>;h1=<hex>` over `<time>:<body>`.
    Paddle,
    /// <https://www.standardwebhooks.com>
    StandardWebhooks,
    /// No signature: anybody can send it, so only a few are accepted.
    None,
}
