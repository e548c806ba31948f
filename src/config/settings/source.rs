//! The checked settings of one source.

use std::fmt;
use std::path::PathBuf;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::model::{SourceName, Standing};
use crate::secret::Secret;

pub use crate::config::settings::expect::{Expect, TotalCheck};
pub use crate::config::settings::list::{
    Blank, Incremental, ItemsPath, List, Method, PagedBy, Paging, TimeFormat, Told,
};
pub use crate::config::settings::stripe::{StripeMode, StripePart, StripeProducts, StripeSource};

/// One payment API.
#[derive(Clone, Debug)]
pub struct SourceSettings {
    /// Its key in the file.
    pub name: SourceName,
    /// The names that it had before: what is known under them is carried over.
    pub was: Vec<SourceName>,
    /// The line of that key, from 1.
    pub line: u32,
    /// Time between two polls.
    pub poll: SignedDuration,
    /// Between two reads of everything, where it is not that of the whole file.
    pub full_read: Option<SignedDuration>,
    /// How long a subscription that goes on outlasts its paid period.
    pub slack: SignedDuration,
    /// What it is.
    pub kind: SourceKind,
    /// How it says that an order may have changed; `None`: only polls find out.
    pub webhook: Option<Webhook>,
}

/// How a payment API says that an order may have changed. A hint: the order is read again, and nothing
/// that the payload says of it is believed.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// What an event is about, by the first rule that fits it.
    pub events: Vec<EventRule>,
    /// Where the payload names the order, where no rule of [`Webhook::events`] fits. Every value of every path counts.
    pub order_id: Vec<JsonPath>,
    /// A filter like [`StatusRule::when`] on what is sent unsigned to see whether somebody listens. It is answered 200, and
    /// nothing else comes of it.
    pub ping: Option<JsonPath>,
    /// Where what is sent to see who listens has the text that is to be given back.
    pub challenge: Vec<JsonPath>,
    /// What tells one delivery from another; `None`: nothing does.
    pub delivery_id: Option<DeliveryId>,
    /// How the sender is verified.
    pub signature: Signature,
}

/// What a kind of event is about.
#[derive(Clone, Debug)]
pub struct EventRule {
    /// A filter like [`StatusRule::when`] on the payload.
    pub when: JsonPath,
    /// What is read again.
    pub about: About,
    /// Which list those are of, where it is not that of the orders.
    pub list: Option<String>,
}

/// What is read again after an event.
#[derive(Clone, Debug)]
pub enum About {
    /// The orders that these paths lead to.
    Orders(Vec<JsonPath>),
    /// The source: the event names no order.
    Source,
}

/// What identifies a delivery.
#[derive(Clone, Debug)]
pub enum DeliveryId {
    /// A header.
    Header(String),
    /// The first of these paths that the payload has.
    Body(Vec<JsonPath>),
}

/// How the sender of a webhook is known.
#[derive(Clone, Debug)]
pub enum Signature {
    /// Not at all: anybody can send it, so few are taken.
    None,
    /// By an HMAC-SHA256 over the payload.
    Signed {
        /// What is signed and how it is written down.
        scheme: Scheme,
        /// The header that carries it, in lower case.
        header: String,
        /// What stands before it in that header.
        prefix: String,
        /// The key.
        secret: Secret,
        /// How far a signed time may lie from now.
        tolerance: SignedDuration,
    },
}

/// What is signed and how it is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The body, in hex.
    HmacHex,
    /// The body, in Base64.
    HmacBase64,
    /// `t=<time>,v1=<hex>` over `<time>.<body>`.
    Stripe,
    /// `ts=<time>;h1=<hex>` over `<time>:<body>`.
    Paddle,
    /// `v1,<base64>` over `<id>.<time>.<body>`, with the id and the time in headers of their own.
    StandardWebhooks,
}

/// What a source is.
#[derive(Clone, Debug)]
pub enum SourceKind {
    /// The shop of the built-in simulator: the `openbitum` preset pointed at it.
    Sandbox(Box<HttpSource>),
    /// Orders in a YAML or JSON file.
    File(PathBuf),
    /// Any JSON over HTTP, as data. A preset is this with the blanks filled in.
    Http(Box<HttpSource>),
    /// Stripe.
    Stripe(Box<StripeSource>),
}

/// The generic source.
#[derive(Clone, Debug)]
pub struct HttpSource {
    /// Origin and base path, without a trailing slash. Empty for the sandbox, which is filled in when
    /// it has started.
    pub base_url: String,
    /// A folder whose recorded answers are given in place of the API's, which is then never asked.
    pub recorded: Option<PathBuf>,
    /// How requests are authenticated.
    pub auth: Auth,
    /// Sent with every request.
    pub headers: Vec<(String, String)>,
    /// How long one call may take.
    pub timeout: SignedDuration,
    /// How long one read may take, with all its pages.
    pub read_timeout: SignedDuration,
    /// Requests per second, where they are capped.
    pub rate: Option<f64>,
    /// At the most so many pages in one read.
    pub max_pages: u32,
    /// At the most so many bytes of one page.
    pub max_page_bytes: u32,
    /// How to list orders.
    pub list: List,
    /// How to read what changed.
    pub incremental: Incremental,
    /// How far before the watermark an increment starts.
    pub overlap: SignedDuration,
    /// How to read one order again.
    pub get: Option<GetById>,
    /// What orders only name by an id.
    pub details: Vec<Detail>,
    /// Further lists that force a standing on orders of the main one.
    pub overlays: Vec<Overlay>,
    /// How an order is read out of its JSON.
    pub map: Map,
    /// First match wins; no match is `unknown`.
    pub status: Vec<StatusRule>,
    /// What an answer must hold to be believed.
    pub expect: Expect,
    /// The further lists of the same API, by their names. Each has all of the above, and none of its own.
    pub more: Vec<(String, HttpSource)>,
}

impl HttpSource {
    /// All lists of it, the one of the orders first.
    pub fn lists(&self) -> impl Iterator<Item = &HttpSource> {
        std::iter::once(self).chain(self.more.iter().map(|(_, list)| list))
    }
}

/// How requests are authenticated.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Not at all.
    None,
    /// `Authorization: Bearer TOKEN`.
    Bearer(Secret),
    /// HTTP basic.
    Basic {
        /// May be the secret itself (Medusa).
        username: Secret,
        /// May be empty.
        password: Secret,
    },
    /// A header of its own.
    Header {
        /// Its name.
        name: String,
        /// Its value, with `{}`-free text; the whole value is secret.
        value: Secret,
    },
    /// A parameter of every URL, which shows in no message and no log.
    Query {
        /// Its name.
        param: String,
        /// Its value.
        value: Secret,
    },
    /// A machine-to-machine token, fetched and refreshed like Logto's own.
    OAuth2 {
        /// Where tokens come from.
        token_url: String,
        /// The client.
        client_id: String,
        /// Its secret.
        client_secret: Secret,
        /// RFC 8707 resource indicator.
        resource: Option<String>,
        /// Scopes, space-separated.
        scope: Option<String>,
        /// Audience, where the server wants one.
        audience: Option<String>,
        /// How the client says who it is.
        client_auth: ClientAuth,
        /// The header that takes the token by itself, instead of `Authorization: Bearer TOKEN`.
        header: Option<String>,
    },
}

/// How a client says who it is where it asks for a token (RFC 6749 section 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// By HTTP basic.
    Basic,
    /// In the form, as `client_id` and `client_secret`.
    Post,
}

/// How to read one order again.
#[derive(Clone, Debug)]
pub struct GetById {
    /// Path under the base URL, with `{id}` unless that stands in what is sent.
    pub path: String,
    /// Query parameters.
    pub query: Vec<(String, String)>,
    /// How it is asked for.
    pub method: Method,
    /// Where the order is in the answer; the first of these paths that the answer has.
    pub item: Vec<JsonPath>,
    /// Within so long, every order that backs a grant is read again by id.
    pub recheck_every: Option<SignedDuration>,
    /// Within so long, every order that waits to be paid is read again by id.
    pub recheck_pending: Option<SignedDuration>,
}

/// What an order only names by an id, read by that id and put into the order.
#[derive(Clone, Debug)]
pub struct Detail {
    /// Orders that have it: a filter like [`StatusRule::when`].
    pub when: JsonPath,
    /// Path under the base URL, with `{id}`.
    pub path: String,
    /// Where the order names it.
    pub id: Vec<JsonPath>,
    /// Where it is in the answer.
    pub item: Vec<JsonPath>,
    /// The key of the order that it becomes.
    pub into: String,
}

/// A list of refunds, disputes or adjustments whose items point at an order and force a standing on it.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// How to list the items.
    pub list: List,
    /// How to read what changed: never [`Incremental::WalkBack`].
    pub incremental: Incremental,
    /// How far before the watermark an increment starts.
    pub overlap: SignedDuration,
    /// The id of an item, by which a later state of it is known.
    pub id: Vec<JsonPath>,
    /// Which order it is about.
    pub order_id: OrderRef,
    /// First match wins. No match forces nothing, as `paid` does.
    pub rules: Vec<StatusRule>,
    /// Since when.
    pub ended_at: Vec<JsonPath>,
    /// Which lines of the order it is about, where it may be about some of them.
    pub line: Option<LineOf>,
    /// How much of the money it is about, and how much that was in all, where it tells.
    pub money: Option<MoneyOf>,
}

/// Where an item of an overlay names lines of its order.
#[derive(Clone, Debug)]
pub struct LineOf {
    /// The list of lines; without one the item itself names a line.
    pub each: Vec<JsonPath>,
    /// The id of a line, as [`Lines::id`] has it.
    pub id: Vec<JsonPath>,
    /// The product of a line.
    pub product: Vec<JsonPath>,
    /// How many of it.
    pub quantity: Vec<JsonPath>,
}

/// Where an item of an overlay, or an order, tells what was given back.
#[derive(Clone, Debug)]
pub struct MoneyOf {
    /// What is given back.
    pub amount: Vec<JsonPath>,
    /// What the order was.
    pub of: Vec<JsonPath>,
}

/// Where an item of an overlay names its order.
#[derive(Clone)]
pub struct OrderRef {
    /// The paths to try, in order.
    pub paths: Vec<JsonPath>,
    /// What stands before the id. An item whose text begins otherwise is about no order.
    pub prefix: String,
    /// What stands after the id, likewise.
    pub suffix: String,
    /// What the id looks like, where it may stand anywhere in what is left.
    pub pattern: Option<Regex>,
}

// What an overlay goes by is made of this text: one without a pattern goes by what it went by before there were any.
impl fmt::Debug for OrderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { paths, prefix, suffix, pattern } = self;
        let mut out = f.debug_struct("OrderRef");
        out.field("paths", paths).field("prefix", prefix).field("suffix", suffix);
        if let Some(pattern) = pattern {
            out.field("pattern", &pattern.as_str());
        }
        out.finish()
    }
}

/// How an order is read out of its JSON. Each field has the paths to try, in order.
#[derive(Clone, Debug)]
pub struct Map {
    /// The id. An order without one is an error.
    pub id: Vec<JsonPath>,
    /// When it last changed.
    pub updated_at: Vec<JsonPath>,
    /// When it was paid.
    pub paid_at: Vec<JsonPath>,
    /// When it was refunded, voided or disputed.
    pub ended_at: Vec<JsonPath>,
    /// When a subscription's paid period ends.
    pub period_end: Vec<JsonPath>,
    /// A filter like [`StatusRule::when`]: the subscription ends with that period.
    pub cancelled: Option<JsonPath>,
    /// All product ids, where there are no [`Map::lines`].
    pub products: Vec<JsonPath>,
    /// How many of each: one number for the order, or one for each product.
    pub quantity: Vec<JsonPath>,
    /// The lines of an order, where the API tells them apart.
    pub lines: Option<Lines>,
    /// How much of an order was given back, where it tells.
    pub refund: Option<MoneyOf>,
    /// Logto user ids.
    pub user_id: Vec<JsonPath>,
    /// Email addresses.
    pub email: Vec<JsonPath>,
    /// What a time is in that tells no zone.
    pub zone: TimeZone,
    /// Values that stand for none.
    pub none: Vec<Value>,
}

/// The lines of an order. Paths start at the line.
#[derive(Clone, Debug)]
pub struct Lines {
    /// Where the lines are in the order: the list itself, or each of its items; or the map.
    pub each: Vec<JsonPath>,
    /// What stands there.
    pub form: LineForm,
    /// The product id.
    pub product: Vec<JsonPath>,
    /// How many.
    pub quantity: Vec<JsonPath>,
    /// Where the line stands; no match is where the order does.
    pub status: Vec<StatusRule>,
    /// When the line's own paid period ends.
    pub period_end: Vec<JsonPath>,
    /// What a refund of the line calls it.
    pub id: Vec<JsonPath>,
}

/// How an order holds its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineForm {
    /// As a list.
    Items,
    /// As a map, each entry of which is a line with `key` and `value`.
    Entries,
}

/// One line of the status table.
#[derive(Clone, Debug)]
pub struct StatusRule {
    /// An RFC 9535 filter on the order (or the line, or the item), compiled as `$[?<when>]` over `[order]`.
    pub when: JsonPath,
    /// What it means.
    pub standing: Standing,
}
