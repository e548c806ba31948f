//! The part of the schema that describes a source.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Duration, Name, Number, Percent, Secret};

/// A payment API.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// `sandbox`, `file`, `http`, or a preset: `openbitum`, `bitcart`, `medusa`.
    pub kind: String,
    /// The address of the API.
    pub url: Option<String>,
    /// With `kind: file`, the file of orders, relative to this file.
    pub path: Option<String>,
    /// Between two polls. Default: `30s`.
    pub poll: Option<Duration>,
    /// How to say who asks.
    pub auth: Option<Auth>,
    /// Headers of every request. A secret one belongs in `auth`.
    pub headers: Option<BTreeMap<String, Name>>,
    /// How long one call may take. Default: `30s`.
    pub timeout: Option<Duration>,
    /// Requests a second. Absent: without a cap.
    pub rate: Option<Number>,
    /// Most pages in one read. Default: 10,000.
    pub max_pages: Option<Number>,
    /// How to list orders.
    pub list: Option<List>,
    /// How to read what changed. Default: `{kind: snapshot}`.
    pub incremental: Option<Incremental>,
    /// How to read one order again.
    pub get: Option<Get>,
    /// Where an order's fields are in its JSON.
    pub map: Option<Map>,
    /// What the API's statuses mean. The first match wins; without one the order changes nothing.
    pub status: Option<Vec<Status>>,
    /// What an answer must hold to be believed.
    pub expect: Option<Expect>,
}

/// How to say who asks.
#[derive(JsonSchema, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// Not at all.
    None {},
    /// `Authorization: Bearer TOKEN`.
    Bearer {
        /// The token.
        token: Secret,
    },
    /// HTTP basic.
    Basic {
        /// The user name; with an empty password it is the secret.
        username: Name,
        /// The password.
        password: Secret,
    },
    /// A header of its own.
    Header {
        /// The name of the header.
        name: String,
        /// Its value.
        value: Secret,
    },
    /// A token of an OAuth 2 server.
    #[serde(rename = "oauth2_client_credentials")]
    OAuth2 {
        /// Where tokens come from.
        token_url: String,
        /// The client.
        client_id: Name,
        /// Its secret.
        client_secret: Secret,
        /// The resource indicator, where the server wants one.
        resource: Option<String>,
        /// Scopes, separated by spaces.
        scope: Option<String>,
        /// The audience, where the server wants one.
        audience: Option<String>,
    },
}

/// How to list orders.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The path under `url`.
    pub path: Option<String>,
    /// Query parameters of every page.
    pub query: Option<BTreeMap<String, Name>>,
    /// Where the list of orders itself is in the answer. The first path that the answer has counts.
    pub items: Option<Paths>,
    /// Where the answer says how many there are in all.
    pub total: Option<String>,
    /// How pages follow each other.
    pub paging: Option<Paging>,
}

/// A JSONPath (RFC 9535), or several that are tried in order.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
pub enum Paths {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

/// How pages follow each other.
#[derive(JsonSchema, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Paging {
    /// One answer holds all.
    None {},
    /// By the number of orders passed over.
    Offset {
        /// The parameter of the offset.
        param: String,
        /// The parameter of the size.
        size_param: Option<String>,
        /// Orders a page.
        size: Number,
    },
    /// By the number of the page.
    Page {
        /// The parameter of the page.
        param: String,
        /// The number of the first page, 0 or 1. Default: 1.
        start: Option<Number>,
        /// The parameter of the size.
        size_param: Option<String>,
        /// Orders a page.
        size: Number,
    },
    /// By a mark that the page before gives.
    Cursor {
        /// The parameter of the cursor.
        param: String,
        /// Where the next cursor is in the answer, or `last_id`.
        next: String,
        /// The parameter of the size.
        size_param: Option<String>,
        /// Orders a page. Needed with `next: last_id`.
        size: Option<Number>,
    },
}

/// How to read what changed.
#[derive(JsonSchema, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Incremental {
    /// Not at all: every poll reads everything.
    Snapshot {},
    /// The API filters by time of change.
    Filter {
        /// The parameter.
        param: String,
        /// The form of the time.
        format: TimeFormat,
        /// How far before the last change an increment starts. Default: `10m`.
        overlap: Option<Duration>,
    },
    /// The list comes newest change first.
    WalkBack {
        /// How far before the last change an increment starts. Default: `10m`.
        overlap: Option<Duration>,
    },
}

/// The form of a time in a query.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeFormat {
    /// `2026-11-22T05:54:17Z`
    Rfc3339,
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMs,
    /// `2026-11-22`
    Date,
}

/// How to read one order again.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Get {
    /// The path under `url`, with `{id}`.
    pub path: Option<String>,
    /// Query parameters.
    pub query: Option<BTreeMap<String, Name>>,
    /// Where the order is in the answer. Default: `$`.
    pub item: Option<Paths>,
}

/// Where an order's fields are in its JSON.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Map {
    /// The id.
    pub id: Option<Paths>,
    /// When it last changed.
    pub updated_at: Option<Paths>,
    /// When it was paid.
    pub paid_at: Option<Paths>,
    /// When it was refunded, voided or disputed.
    pub ended_at: Option<Paths>,
    /// The product ids.
    pub products: Option<Paths>,
    /// The Logto user id.
    pub user_id: Option<Paths>,
    /// The buyer's email.
    pub email: Option<Paths>,
}

/// One line of the status table.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// A filter (RFC 9535) in which `@` is the order.
    pub when: String,
    /// What it means.
    pub r#as: Standing,
}

/// Where an order stands.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Not paid yet.
    Pending,
    /// Paid in full.
    Paid,
    /// Some of it was given back.
    PartiallyRefunded,
    /// All of it was given back.
    Refunded,
    /// The buyer's bank disputes it.
    Disputed,
    /// It was never paid in time.
    Expired,
    /// Cancelled, or marked invalid.
    Void,
    /// Changes nothing.
    Unknown,
}

/// What an answer must hold to be believed.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// A full read that shrinks by more is refused. Default: `50%`.
    pub max_shrink: Option<Percent>,
    /// A full read with fewer orders is refused. Default: 0.
    pub min_items: Option<Number>,
    /// Whether the answer's own total must be met. Default: `required` where `list.total` is given.
    pub total: Option<TotalCheck>,
}

/// Whether the answer's own total must be met.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TotalCheck {
    /// It must.
    Required,
    /// It is not looked at.
    Ignored,
}
