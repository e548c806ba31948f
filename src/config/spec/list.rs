//! The part of the schema that describes a list and its pages.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Duration, Name, Number, Paths};

/// How to list orders.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The path under `url`.
    pub path: Option<String>,
    /// Query parameters of every page.
    pub query: Option<BTreeMap<String, Values>>,
    /// How it is asked for. Default: `GET`.
    pub method: Option<Method>,
    /// What is sent as JSON with `POST`. A value `"{cursor}"` is where the page is, `"{size}"` how many orders it should have,
    /// `"{since}"` since when something changed; without a value it is `null` or, of `"{since}"`, left out.
    pub body: Option<BTreeMap<String, serde_json::Value>>,
    /// Where the list of orders itself is in the answer. The first path that the answer has counts.
    pub items: Option<Paths>,
    /// Where the answer says how many there are in all.
    pub total: Option<Told>,
    /// How pages follow each other.
    pub paging: Option<Paging>,
}

/// How something is asked for.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Without a body.
    Get,
    /// With `body`, as GraphQL wants it.
    Post,
}

/// The value of a parameter, or several, each of which is sent.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
pub enum Values {
    /// One.
    One(Name),
    /// Several, in this order.
    Several(Vec<Name>),
}

/// Where an answer tells a number: a JSONPath, several that are tried in order, or a header.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
pub enum Told {
    /// In the body.
    Body(Paths),
    /// In a header.
    Header(ToldHeader),
}

/// A header that tells a number.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ToldHeader {
    /// Its name.
    pub header: String,
}

/// How pages follow each other.
#[derive(JsonSchema, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Paging {
    /// One answer holds all.
    None {
        /// Where the answer would say that there is more, which is then refused.
        has_more: Option<Paths>,
    },
    /// By the number of orders passed over.
    Offset {
        /// The parameter of the offset. Required unless `{cursor}` stands in `body`.
        param: Option<String>,
        /// The parameter of the size.
        size_param: Option<String>,
        /// Orders per page. Required where only a short page marks the end of the list; otherwise a request, 100 by default.
        size: Option<Number>,
        /// Where the answer says whether there is more: `true` or `false`.
        has_more: Option<Paths>,
    },
    /// By the number of the page.
    Page {
        /// The parameter of the page. Required unless `{cursor}` stands in `body`.
        param: Option<String>,
        /// The number of the first page, 0 or 1. Default: 1.
        start: Option<Number>,
        /// Where the answer says how many pages there are.
        pages: Option<Told>,
        /// The parameter of the size.
        size_param: Option<String>,
        /// Orders per page. Required where only a short page marks the end of the list; otherwise a request, 100 by default.
        size: Option<Number>,
        /// Where the answer says whether there is more: `true` or `false`.
        has_more: Option<Paths>,
    },
    /// By the id of the last order of the page before.
    LastId {
        /// The parameter of the id. Required unless `{cursor}` stands in `body`.
        param: Option<String>,
        /// The parameter of the size.
        size_param: Option<String>,
        /// Orders per page. Required where only a short page marks the end of the list; otherwise a request, 100 by default.
        size: Option<Number>,
        /// Where the answer says whether there is more: `true` or `false`.
        has_more: Option<Paths>,
    },
    /// By a cursor in the body of the page before.
    Token {
        /// The parameter of the cursor. Required unless `{cursor}` stands in `body`.
        param: Option<String>,
        /// Where the next cursor is in the answer.
        next: String,
        /// The parameter of the size.
        size_param: Option<String>,
        /// Orders per page. Required where only a short page marks the end of the list; otherwise a request, 100 by default.
        size: Option<Number>,
        /// Where the answer says whether there is more: `true` or `false`.
        has_more: Option<Paths>,
    },
    /// By a link in the body of the page before.
    NextUrl {
        /// Where the link is in the answer.
        next: String,
        /// The parameter of the size.
        size_param: Option<String>,
        /// Orders per page. Required where only a short page marks the end of the list; otherwise a request, 100 by default.
        size: Option<Number>,
        /// Where the answer says whether there is more: `true` or `false`.
        has_more: Option<Paths>,
    },
    /// By the header `Link` with `rel="next"`.
    LinkHeader {
        /// The parameter of the size.
        size_param: Option<String>,
        /// Orders per page. Required where only a short page marks the end of the list; otherwise a request, 100 by default.
        size: Option<Number>,
        /// Where the answer says whether there is more: `true` or `false`.
        has_more: Option<Paths>,
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
        /// The parameter. Required unless `{since}` stands in `body`.
        param: Option<String>,
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
    /// The API filters by time of creation only.
    Window {
        /// The parameter. Required unless `{since}` stands in `body`.
        param: Option<String>,
        /// The form of the time.
        format: TimeFormat,
        /// All that was created so long ago or later is read, at every poll.
        window: Duration,
        /// How much more. Default: `10m`.
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
