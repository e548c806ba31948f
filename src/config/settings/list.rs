//! How a list is read: where its items are, how pages follow each other, and what asks for changes only.

use jiff::SignedDuration;
use serde_json::Value;
use serde_json_path::JsonPath;

/// How to list orders.
#[derive(Clone, Debug)]
pub struct List {
    /// Path under the base URL, starting with a slash.
    pub path: String,
    /// Query parameters of every page, in order.
    pub query: Vec<(String, String)>,
    /// How it is asked for.
    pub method: Method,
    /// Where the orders are in the answer; the first of these paths that the answer has.
    /// A path that is present and empty is an empty page; a page with none of them is an error.
    pub items: Vec<ItemsPath>,
    /// Where the answer says how many there are in all.
    pub total: Option<Told>,
    /// How pages follow each other.
    pub paging: Paging,
}

/// How something is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// By `GET`.
    Get,
    /// By `POST`, with this JSON, in which blanks stand for what differs from request to request: see [`Blank`].
    Post(Value),
}

impl Method {
    /// Whether a blank stands in what is sent.
    pub fn has(&self, blank: Blank) -> bool {
        fn stands(part: &Value, blank: Blank) -> bool {
            match part {
                Value::String(text) => Blank::of(text).contains(&blank),
                Value::Array(items) => items.iter().any(|item| stands(item, blank)),
                Value::Object(fields) => fields.values().any(|value| stands(value, blank)),
                _ => false,
            }
        }
        matches!(self, Self::Post(body) if stands(body, blank))
    }
}

/// What differs from request to request in what is sent by `POST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blank {
    /// Where the page is: a number or a mark.
    Cursor,
    /// How many orders a page should have.
    Size,
    /// Since when something changed.
    Since,
    /// The id of the one order.
    Id,
}

impl Blank {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Cursor, Self::Size, Self::Since, Self::Id];

    /// As it stands in the file.
    pub fn written(self) -> &'static str {
        match self {
            Self::Cursor => "{cursor}",
            Self::Size => "{size}",
            Self::Since => "{since}",
            Self::Id => "{id}",
        }
    }

    /// The blanks of a text. A text with braces besides, such as a query of GraphQL, is sent as it stands: there `{id}` is
    /// a field.
    pub fn of(text: &str) -> Vec<Self> {
        let blanks = || Self::ALL.into_iter();
        let rest = blanks().fold(text.to_owned(), |rest, blank| rest.replace(blank.written(), ""));
        if rest.contains(['{', '}']) {
            return Vec::new();
        }
        blanks().filter(|blank| text.contains(blank.written())).collect()
    }
}

/// Where an answer tells a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// At the first of these paths that has one.
    Body(Vec<JsonPath>),
    /// In this header.
    Header(String),
}

impl Told {
    /// Its paths into the body.
    pub fn paths(&self) -> &[JsonPath] {
        match self {
            Self::Body(paths) => paths,
            Self::Header(_) => &[],
        }
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Body(paths) => {
                let paths: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
                f.write_str(&paths.join(" or "))
            }
            Self::Header(name) => write!(f, "the header `{name}`"),
        }
    }
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
    /// Where an answer says whether there is more: `true` or `false`, or the read is refused. Of one answer that should
    /// hold all, where it would say that it does not.
    pub has_more: Vec<JsonPath>,
}

/// What leads from a page to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PagedBy {
    /// One answer holds all.
    OneAnswer,
    /// The number of orders passed over: `?offset=200`.
    Offset {
        /// The parameter; without one it stands in what is sent.
        param: Option<String>,
    },
    /// The number of the page: `?page=3`.
    Page {
        /// The parameter; without one it stands in what is sent.
        param: Option<String>,
        /// The number of the first page.
        start: u32,
        /// Where an answer says how many pages there are.
        pages: Option<Told>,
    },
    /// The id of the last order of the page before: `?after=ord_1`. Without [`Paging::has_more`] or a total
    /// that fits, only an empty page is the last, since servers clamp the size of a page without a word.
    LastId {
        /// The parameter; without one it stands in what is sent.
        param: Option<String>,
    },
    /// A mark in the body of the page before: `?page_key=abc`. Absent, null or empty: the last page.
    Token {
        /// The parameter; without one it stands in what is sent.
        param: Option<String>,
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
        /// The parameter; without one it stands in what is sent.
        param: Option<String>,
        /// The form of the time.
        format: TimeFormat,
    },
    /// The list comes newest change first: read until a whole page lies before the watermark.
    WalkBack,
    /// The API filters by time of creation only: all that was created in the last `window` is read.
    Window {
        /// The parameter; without one it stands in what is sent.
        param: Option<String>,
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
