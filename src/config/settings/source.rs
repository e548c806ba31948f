//! The checked settings of one source.

use std::path::PathBuf;

use jiff::SignedDuration;
use serde_json_path::JsonPath;

use crate::model::{SourceName, Standing};
use crate::secret::Secret;

pub use crate::config::settings::expect::{Expect, TotalCheck};
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
    /// Between two polls.
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
    /// Where the payload names the order. Every value of every path counts.
    pub order_id: Vec<JsonPath>,
    /// What tells one delivery from another; `None`: nothing does.
    pub delivery_id: Option<DeliveryId>,
    /// How the sender is known.
    pub signature: Signature,
}

/// What tells one delivery from another.
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
    /// How to say who asks.
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
    /// Further lists that force a standing on orders of the main one.
    pub overlays: Vec<Overlay>,
    /// How an order is read out of its JSON.
    pub map: Map,
    /// First match wins; no match is `unknown`.
    pub status: Vec<StatusRule>,
    /// What an answer must hold to be believed.
    pub expect: Expect,
}

/// How to say who asks.
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
    },
}

/// How to list orders.
#[derive(Clone, Debug)]
pub struct List {
    /// Path under the base URL, starting with a slash.
    pub path: String,
    /// Query parameters of every page, in order.
    pub query: Vec<(String, String)>,
    /// Where the orders are in the answer; the first of these paths that the answer has.
    /// A path that is present and empty is an empty page; a page with none of them is an error.
    pub items: Vec<ItemsPath>,
    /// Where the answer says how many there are in all.
    pub total: Option<JsonPath>,
    /// How pages follow each other.
    pub paging: Paging,
}

/// A place in the answer that holds the list of orders itself (an array), such as `$.result` or `$`.
#[derive(Clone, Debug)]
pub struct ItemsPath(pub JsonPath);

/// How pages follow each other, and how the end of the list is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    /// What leads from a page to the next.
    pub by: PagedBy,
    /// The parameter of the size, where there is one.
    pub size_param: Option<String>,
    /// Orders a page. Where the API itself says what follows, only a wish.
    pub size: u32,
    /// Where an answer says whether there is more: `true` or `false`, or the read is refused.
    pub has_more: Option<JsonPath>,
}

/// What leads from a page to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PagedBy {
    /// One answer holds all.
    OneAnswer,
    /// The number of orders passed over: `?offset=200`.
    Offset {
        /// The parameter.
        param: String,
    },
    /// The number of the page: `?page=3`.
    Page {
        /// The parameter.
        param: String,
        /// The number of the first page.
        start: u32,
    },
    /// The id of the last order of the page before: `?after=ord_1`. Without [`Paging::has_more`] or a total
    /// that fits, only an empty page is the last, since servers clamp the size of a page without a word.
    LastId {
        /// The parameter.
        param: String,
    },
    /// A mark in the body of the page before: `?page_key=abc`. Absent, null or empty: the last page.
    Token {
        /// The parameter.
        param: String,
        /// Where the mark is.
        next: JsonPath,
    },
    /// A link in the body of the page before. Absent, null or empty: the last page.
    NextUrl {
        /// Where the link is.
        next: JsonPath,
    },
    /// The header `Link` with `rel="next"` (RFC 8288). Without one: the last page.
    LinkHeader,
}

/// How to read what changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incremental {
    /// Not at all: every poll reads everything.
    Snapshot,
    /// The API filters by time of change.
    Filter {
        /// The parameter.
        param: String,
        /// The form of the time.
        format: TimeFormat,
    },
    /// The list comes newest change first: read until a whole page lies before the watermark.
    WalkBack,
    /// The API filters by time of creation only: all that was created in the last `window` is read.
    Window {
        /// The parameter.
        param: String,
        /// The form of the time.
        format: TimeFormat,
        /// How far back from now.
        window: SignedDuration,
    },
}

/// The form of a time in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug)]
pub struct GetById {
    /// Path under the base URL, with `{id}`.
    pub path: String,
    /// Query parameters.
    pub query: Vec<(String, String)>,
    /// Where the order is in the answer; the first of these paths that the answer has.
    pub item: Vec<JsonPath>,
    /// Within so long, every order that backs a grant is read again by id.
    pub recheck_every: Option<SignedDuration>,
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
}

/// Where an item of an overlay names its order.
#[derive(Clone, Debug)]
pub struct OrderRef {
    /// The paths to try, in order.
    pub paths: Vec<JsonPath>,
    /// What stands before the id. An item whose text begins otherwise is about no order.
    pub prefix: String,
    /// What stands after the id, likewise.
    pub suffix: String,
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
    /// Logto user ids.
    pub user_id: Vec<JsonPath>,
    /// Email addresses.
    pub email: Vec<JsonPath>,
}

/// The lines of an order. Paths start at the line.
#[derive(Clone, Debug)]
pub struct Lines {
    /// Where the lines are in the order: the list itself, or each of its items.
    pub each: Vec<JsonPath>,
    /// The product id.
    pub product: Vec<JsonPath>,
    /// How many.
    pub quantity: Vec<JsonPath>,
    /// Where the line stands; no match is where the order does.
    pub status: Vec<StatusRule>,
}

/// One line of the status table.
#[derive(Clone, Debug)]
pub struct StatusRule {
    /// An RFC 9535 filter on the order (or the line, or the item), compiled as `$[?<when>]` over `[order]`.
    pub when: JsonPath,
    /// What it means.
    pub standing: Standing,
}
