//! The part of the schema that describes a source.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::expect::Expect;
use super::list::{Incremental, List, Method, Paging, Told, Values};
use super::webhook::Webhook;
use super::{Duration, Name, Number, Paths, Secret};

/// A payment API.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
pub enum AnySource {
    /// Stripe.
    Stripe(Box<super::stripe::Stripe>),
    /// Any other.
    Other(Box<Source>),
}

/// A payment API over HTTP, a file of orders, or the simulated shop.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// `sandbox`, `file`, `http`, or the name of a preset.
    pub kind: String,
    /// The name that this source had before, or a list of them: what is known under it is carried over, once.
    pub was: Option<Paths>,
    /// The address of the API.
    pub url: Option<String>,
    /// In place of `url` and `auth`: a folder that `source test --record` wrote, which answers instead of the API.
    pub recorded: Option<String>,
    /// With `kind: file`, the file of orders, relative to this file.
    pub path: Option<String>,
    /// Time between two polls. Default: `30s`.
    pub poll: Option<Duration>,
    /// Time between two reads of everything. Default: `schedule.full_read`.
    pub full_read: Option<Duration>,
    /// How long a subscription that goes on outlasts its paid period, since the news of its renewal may be late.
    /// Default: `24h`.
    pub slack: Option<Duration>,
    /// How requests are authenticated.
    pub auth: Option<Auth>,
    /// Headers of every request. A secret one belongs in `auth`.
    pub headers: Option<BTreeMap<String, Name>>,
    /// How long one call may take. Default: `30s`.
    pub timeout: Option<Duration>,
    /// How long one read may take, with all its pages. Default: `10m`.
    pub read_timeout: Option<Duration>,
    /// Requests per second. Absent: no cap.
    pub rate: Option<Number>,
    /// Most pages in one read. Default: 10,000.
    pub max_pages: Option<Number>,
    /// Most bytes of one page. Default: 8388608, which is 8 MiB.
    pub max_page_bytes: Option<Number>,
    /// How to list orders.
    pub list: Option<List>,
    /// How to read what changed. Default: `{kind: snapshot}`.
    pub incremental: Option<Incremental>,
    /// How to read one order again.
    pub get: Option<Get>,
    /// What an order only names by an id: read by that id, and put into the order.
    pub details: Option<Vec<Detail>>,
    /// Lists of refunds, disputes or adjustments that force a standing on orders.
    pub overlays: Option<Vec<Overlay>>,
    /// Where an order's fields are in its JSON.
    pub map: Option<Map>,
    /// What the API's statuses mean. The first match wins; without one the order changes nothing.
    pub status: Option<Vec<Status>>,
    /// What an answer must hold to be believed.
    pub expect: Option<Expect>,
    /// Instead of `list` and the keys that say how its orders are read: several lists of one API, each under a name, one of
    /// them `orders`. An order of any other list has the name of that before its id: `subscriptions:17`.
    pub lists: Option<BTreeMap<String, OneList>>,
    /// How it says that an order may have changed. Without this key no webhook is accepted, and only polls notice changes.
    pub webhook: Option<Webhook>,
}

/// One of several lists, with all that says how its orders are read. Its keys are those of a source with one list.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OneList {
    /// How to list orders.
    pub list: Option<List>,
    /// How to read what changed. Default: `{kind: snapshot}`.
    pub incremental: Option<Incremental>,
    /// How to read one order again.
    pub get: Option<Get>,
    /// What an order only names by an id: read by that id, and put into the order.
    pub details: Option<Vec<Detail>>,
    /// Lists of refunds, disputes or adjustments that force a standing on orders.
    pub overlays: Option<Vec<Overlay>>,
    /// Where an order's fields are in its JSON.
    pub map: Option<Map>,
    /// What the API's statuses mean. The first match wins; without one the order changes nothing.
    pub status: Option<Vec<Status>>,
    /// What an answer must hold to be believed.
    pub expect: Option<Expect>,
}

/// How requests are authenticated.
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
    /// A parameter of every URL.
    Query {
        /// The name of the parameter.
        param: String,
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
        /// How the client says who it is. Default: `client_secret_basic`.
        client_auth: Option<ClientAuth>,
        /// The header that takes the token by itself. Default: `Authorization`, with `Bearer` before it.
        header: Option<String>,
    },
}

/// How a client says who it is where it asks for a token.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// By HTTP basic.
    ClientSecretBasic,
    /// In the form, as `client_id` and `client_secret`.
    ClientSecretPost,
}

/// How to read one order again.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Get {
    /// The path under `url`, with `{id}`.
    pub path: Option<String>,
    /// Query parameters.
    pub query: Option<BTreeMap<String, Values>>,
    /// How it is asked for. Default: `GET`.
    pub method: Option<Method>,
    /// What is sent as JSON with `POST`. `{id}` is the id of the order, by itself or inside a text.
    pub body: Option<BTreeMap<String, serde_json::Value>>,
    /// Where the order is in the answer. Default: `$`.
    pub item: Option<Paths>,
    /// The time within which every order that backs a grant is read again. Absent: only before a revocation.
    pub recheck_every: Option<Duration>,
    /// The time within which every order that waits to be paid is read again, for 30 days. Absent: never.
    pub recheck_pending: Option<Duration>,
}

/// What an order only names by an id.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Detail {
    /// A filter (RFC 9535) in which `@` is the order: only those have it.
    pub when: String,
    /// The path under `url`, with `{id}`.
    pub path: String,
    /// Where the order names it.
    pub id: Paths,
    /// Where it is in the answer. Default: `$`.
    pub item: Option<Paths>,
    /// The key under which it stands in the order from then on.
    pub into: String,
}

/// How much of an order was given back. What is `refunded` is `partially_refunded` where that is less than all.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// What was given back.
    pub amount: Paths,
    /// How much the order was.
    pub of: Paths,
}

/// A list whose items force a standing on an order of the main list.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    /// The path under `url`.
    pub path: String,
    /// Query parameters of every page.
    pub query: Option<BTreeMap<String, Values>>,
    /// How it is asked for. Default: `GET`.
    pub method: Option<Method>,
    /// What is sent as JSON with `POST`, with blanks as in `list`.
    pub body: Option<BTreeMap<String, serde_json::Value>>,
    /// Where the list of items is in the answer.
    pub items: Paths,
    /// Where the answer says how many there are in all.
    pub total: Option<Told>,
    /// How pages follow each other.
    pub paging: Paging,
    /// How to read what changed; never `walk_back`. Default: `{kind: snapshot}`.
    pub incremental: Option<Incremental>,
    /// The id of an item. Default: `$.id`.
    pub id: Option<Paths>,
    /// Which order it is about.
    pub order_id: OrderRef,
    /// What an item does to its order. The first match wins; without one it does nothing.
    pub rules: Option<Vec<Status>>,
    /// Instead of `rules`: the one condition.
    pub when: Option<String>,
    /// With `when`: what it does to the order.
    pub r#as: Option<Standing>,
    /// Since when.
    pub ended_at: Option<Paths>,
    /// Which lines of the order an item is about. One that names none is about the order.
    pub line: Option<LineOf>,
    /// How much of the money an item gives back. With `of`: of several, only the sum tells whether anything is left.
    pub amount: Option<Paths>,
    /// How much the order was, in the item.
    pub of: Option<Paths>,
}

/// Where an item of an overlay names lines of its order: by `id` or by `product`.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LineOf {
    /// The list of lines in the item; their paths start at the line. Without it the item itself names a line.
    pub each: Option<Paths>,
    /// The id of a line, as `map.lines.id` finds it in the order.
    pub id: Option<Paths>,
    /// The product of a line.
    pub product: Option<Paths>,
    /// How many of it; a minus does not count. Absent: all of the line.
    pub quantity: Option<Paths>,
}

/// Where an item names its order.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
pub enum OrderRef {
    /// The id stands by itself.
    Alone(String),
    /// The paths that are tried in order.
    Several(Vec<String>),
    /// The id stands inside a text.
    In(OrderRefIn),
}

/// An id inside a text. An item whose text is built otherwise is about no order.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRefIn {
    /// Where the text is.
    pub path: Paths,
    /// What stands before the id.
    pub prefix: Option<String>,
    /// What stands after the id.
    pub suffix: Option<String>,
    /// A regular expression for the id, which may stand anywhere between the two.
    pub pattern: Option<String>,
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
    /// When the paid period of a subscription ends.
    pub period_end: Option<Paths>,
    /// A filter that holds for a subscription that ends with its paid period.
    pub cancelled: Option<String>,
    /// The product ids.
    pub products: Option<Paths>,
    /// How many: one number for the order, or one for each product.
    pub quantity: Option<Paths>,
    /// Instead of `products`, where the API tells lines apart.
    pub lines: Option<Lines>,
    /// How much was given back, where the order tells.
    pub refund: Option<Refund>,
    /// The Logto user id.
    pub user_id: Option<Paths>,
    /// The buyer's email.
    pub email: Option<Paths>,
    /// The zone of times that tell none: `utc`, or a name such as `Europe/Berlin`. Default: `utc`.
    pub zone: Option<String>,
    /// Values that stand for none, such as `0` where there is no buyer or no date, for what this block finds. Blank text and
    /// `null` always do.
    pub none: Option<Vec<serde_json::Value>>,
}

/// The lines of an order. Their paths start at the line.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// Where the list of lines is in the order. Required unless `entries` is given.
    pub each: Option<Paths>,
    /// Instead of `each`: where a map is, each entry of which is a line with `$.key` and `$.value`.
    pub entries: Option<Paths>,
    /// The product id.
    pub product: Paths,
    /// How many.
    pub quantity: Option<Paths>,
    /// Where the line stands. Without a match, where the order does; `unknown` where a rule says which lines are
    /// `paid` or `subscribed`.
    pub status: Option<Vec<Status>>,
    /// When the line's own paid period ends. Without one, when that of its order does; a line that is `paid` by its own
    /// `status` has none.
    pub period_end: Option<Paths>,
    /// What a refund of the line calls it. For overlays with `line`.
    pub id: Option<Paths>,
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

/// The standing of an order.
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
    /// A subscription that runs: paid until the end of its period.
    Subscribed,
    /// Changes nothing.
    Unknown,
}
