//! The part of the schema that describes Stripe.

use schemars::JsonSchema;
use serde::Serialize;

use super::expect::Expect;
use super::webhook::Webhook;
use super::{Duration, Name, Number, Paths, Secret};

/// Stripe.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Stripe {
    /// `stripe`.
    pub kind: Kind,
    /// The name that this source had before, or a list of them: what is known under it is carried over, once.
    pub was: Option<Paths>,
    /// A restricted key.
    pub key: Secret,
    /// The address of the API. Default: `https://api.stripe.com`.
    pub url: Option<String>,
    /// The connected account to read.
    pub account: Option<Name>,
    /// Whether its objects must be of live mode. Default: by the prefix of the key.
    pub live: Option<bool>,
    /// What is read. Default: all of it.
    pub read: Option<Vec<Part>>,
    /// The key of `metadata` that holds the Logto user id. Default: `logto_user_id`.
    pub user_id: Option<Name>,
    /// Which id of a line counts as its product. Default: `product`.
    pub products: Option<Products>,
    /// How old a one-time payment may be to be listed in a full read. Absent: any age.
    pub window: Option<Duration>,
    /// Time between two polls. Default: `30s`.
    pub poll: Option<Duration>,
    /// Time between two full reads of this source. Default: `schedule.full_read`.
    pub full_read: Option<Duration>,
    /// How long a subscription that goes on outlasts its paid period, since the news of its renewal may be late.
    /// Default: `24h`.
    pub slack: Option<Duration>,
    /// How far before the last event an increment starts. Default: `10m`.
    pub overlap: Option<Duration>,
    /// How long one call may take. Default: `30s`.
    pub timeout: Option<Duration>,
    /// How long one read of all its pages may take. Default: `1h`.
    pub read_timeout: Option<Duration>,
    /// Requests per second. Default: 20.
    pub rate: Option<Number>,
    /// Most pages of one list. Default: 10,000.
    pub max_pages: Option<Number>,
    /// Most bytes of one page. Default: 8388608, which is 8 MiB.
    pub max_page_bytes: Option<Number>,
    /// What an answer must hold to be believed.
    pub expect: Option<Expect>,
    /// How a hint of Stripe is verified, and which order it is about.
    pub webhook: Option<Webhook>,
}

/// The kind of the source.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Stripe.
    Stripe,
}

/// A kind of Stripe object that is an order.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Checkout Sessions with one-time payments.
    Checkout,
    /// Payment Intents with a `product_id` in their metadata.
    Payments,
    /// Subscriptions.
    Subscriptions,
}

/// Which id of a line counts as its product.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Products {
    /// `prod_...`
    Product,
    /// `price_...`
    Price,
    /// `lookup_key` of the price.
    LookupKey,
}
