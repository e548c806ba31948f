//! What can go wrong with a source, and what mends it.
//!
//! Holds no secret: what a server says passes through `client::response::begins` before it comes here.

use std::path::PathBuf;

use reqwest::StatusCode;

use super::recording::RecordingError;
use super::shrunk::Shrunk;
use crate::http::{self, BodyError};
use crate::model::{Odd, Oddity};

/// Why a source could not be read. `call` is the method, the path and the query of the request.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The settings cannot work, whatever the server says.
    #[error("`{value}` cannot be {what}")]
    Settings {
        /// What it should have been.
        what: &'static str,
        /// What it is; never a secret.
        value: String,
    },
    /// No answer at all.
    #[error("{call}: no answer in {tries} tries{}", http::through(address(.call)))]
    Unreachable {
        /// The request.
        call: String,
        /// How often it was tried.
        tries: u32,
        /// What the last try met.
        #[source]
        source: reqwest::Error,
    },
    /// The answer could not be read to its end.
    #[error("{call}: the answer could not be read")]
    Body {
        /// The request.
        call: String,
        /// Why.
        #[source]
        source: BodyError,
    },
    /// 401 or 403.
    #[error("{call}: refused with {status}{}", quoted(.said))]
    Denied {
        /// The request.
        call: String,
        /// 401 or 403.
        status: StatusCode,
        /// The server's own words.
        said: String,
        /// How we said who asks: the `kind` of `auth`.
        auth: &'static str,
    },
    /// Any other status that is not success.
    #[error("{call}: answered {status}{}", quoted(.said))]
    Status {
        /// The request.
        call: String,
        /// The status.
        status: StatusCode,
        /// The server's own words.
        said: String,
    },
    /// A redirect, which is never followed: the token would travel with it.
    #[error("{call}: answered {status}, which leads to `{to}` and is not followed")]
    Redirect {
        /// The request.
        call: String,
        /// 3xx.
        status: StatusCode,
        /// Where it leads.
        to: String,
    },
    /// Not JSON by its own word, such as a login page.
    #[error("{call}: answered `{content_type}` instead of JSON: `{begins}`")]
    NotJson {
        /// The request.
        call: String,
        /// The media type.
        content_type: String,
        /// How it begins.
        begins: String,
    },
    /// JSON by its own word, but broken or cut short.
    #[error("{call}: the answer is not whole JSON")]
    BrokenJson {
        /// The request.
        call: String,
        /// Where it breaks.
        #[source]
        source: serde_json::Error,
    },
    /// Errors in an answer whose status says yes, as GraphQL tells them.
    #[error("{call}: answered with errors{}", quoted(.said))]
    Errors {
        /// The request.
        call: String,
        /// The server's own words.
        said: String,
    },
    /// The answer holds none of the places where orders should be.
    #[error("{call}: the answer holds no {wanted} at {paths}; it has {found}")]
    NoItems {
        /// The request.
        call: String,
        /// What should stand there: a list, or an object.
        wanted: &'static str,
        /// The paths of `list.items`, or of `get.item`.
        paths: String,
        /// The keys it has instead.
        found: String,
    },
    /// A full page without an order that was not seen before, or the page before once more.
    #[error("{call}: the page repeats: it holds only orders that earlier pages held")]
    PageRepeats {
        /// The request.
        call: String,
    },
    /// An empty page, and word that more follow.
    #[error("{call}: an empty page that says that more pages follow")]
    EmptyPage {
        /// The request.
        call: String,
    },
    /// An object of the other world: test data must not grant anything, nor live data be lost among it.
    #[error("{call}: `{id}` is of {got} mode, and this source is of {wanted} mode")]
    OtherMode {
        /// The request.
        call: String,
        /// The object.
        id: String,
        /// `live` or `test`.
        got: &'static str,
        /// The other one.
        wanted: &'static str,
    },
    /// The list does not end.
    #[error("the list has more than {max} pages")]
    TooManyPages {
        /// `max_pages`.
        max: u32,
    },
    /// A link to the next page that leads away.
    #[error("{call}: the next page is said to be at `{link}`, which is not at `{own}` and is not followed")]
    ForeignLink {
        /// The request.
        call: String,
        /// Where it leads: the origin.
        link: String,
        /// The origin of the source.
        own: String,
    },
    /// The mark of the next page is neither a text nor a number, or the link to it is none.
    #[error("{call}: the next page is said to be at `{cursor}`")]
    Cursor {
        /// The request.
        call: String,
        /// What it is instead.
        cursor: String,
    },
    /// The answer does not say whether there is more, though it should.
    #[error("{call}: the answer does not say at `{path}` whether there is more")]
    NoHasMore {
        /// The request.
        call: String,
        /// `has_more` of `paging`.
        path: String,
    },
    /// One answer should hold all, and says that it does not.
    #[error("{call}: the answer says that there is more, and `paging` is `none`")]
    MoreToCome {
        /// The request.
        call: String,
    },
    /// There is more, and nothing leads to it.
    #[error("{call}: the answer says that there is more, and not where")]
    NoNext {
        /// The request.
        call: String,
    },
    /// The answer does not say how many there are, though it should.
    #[error("{call}: the answer does not say how many orders there are, in {path}")]
    NoTotal {
        /// The request.
        call: String,
        /// `list.total`.
        path: String,
    },
    /// The API says another number than it gave, twice.
    #[error("the API says it has {claimed} orders and gave {collected}, twice over")]
    Total {
        /// By its own word.
        claimed: u64,
        /// Distinct orders given.
        collected: u64,
    },
    /// Too little to be believed.
    #[error(transparent)]
    Shrunk(#[from] Shrunk),
    /// The whole read took too long.
    #[error("the read was not finished after {limit:#}; it had come to {pages} pages")]
    TooSlow {
        /// `read_timeout`.
        limit: jiff::SignedDuration,
        /// Pages until then.
        pages: u32,
    },
    /// What was asked for by its id, or belongs to such an object, cannot be read.
    #[error("{call}: item {place}{} cannot be read: {odd}", named(.id))]
    Item {
        /// The request.
        call: String,
        /// Its place in the answer, from 1.
        place: usize,
        /// Its id, where it has one.
        id: Option<String>,
        /// Why.
        odd: Odd,
    },
    /// So much of a full read is odd that the mapping must be wrong.
    #[error("{odd} of {rows} rows are odd")]
    Odd {
        /// Rows that cannot be read, or not all of them.
        odd: u64,
        /// All rows.
        rows: u64,
    },
    /// The same of one overlay.
    #[error("{odd} of {rows} rows of the overlay `{path}` are odd")]
    OddOverlay {
        /// Its path.
        path: String,
        /// Rows that cannot be read.
        odd: u64,
        /// All rows.
        rows: u64,
    },
    /// Asked for one order, the API gave another.
    #[error("{call}: answered with the order `{got}`")]
    OtherOrder {
        /// The request.
        call: String,
        /// What it gave.
        got: String,
    },
    /// The token endpoint said no.
    #[error("no token from `{url}`: answered {status}{}", quoted(.said))]
    TokenRefused {
        /// The token endpoint.
        url: String,
        /// Its status.
        status: StatusCode,
        /// Its own words.
        said: String,
    },
    /// The token endpoint said yes, but gave nothing that can be used.
    #[error("no token from `{url}`: its answer holds no usable `access_token`")]
    TokenUnusable {
        /// The token endpoint.
        url: String,
    },
    /// A recording, or the folder that should be one.
    #[error("the recording cannot be read")]
    Recording(#[from] RecordingError),
    /// Nobody asked that when the recording was made.
    #[error("{call}: the recording holds no answer to it")]
    NotRecorded {
        /// The request.
        call: String,
    },
    /// The file of orders.
    #[error("`{}` cannot be read as orders", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: FileError,
    },
}

/// Why a file of orders cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not there, or not ours to read.
    #[error("the file cannot be opened")]
    Open(#[source] std::io::Error),
    /// No content at all, as while it is being written.
    #[error("the file is empty")]
    Empty,
    /// Not YAML.
    #[error("line {line}, column {column}: this is not YAML: {why}")]
    Yaml {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What the parser says.
        why: String,
    },
    /// YAML that grows beyond all bounds by aliases or by nesting.
    #[error("lists and maps are nested too deeply, or aliases make it too large")]
    TooLarge,
    /// Not JSON.
    #[error("this is not JSON")]
    Json(#[source] serde_json::Error),
    /// Neither a list of orders nor a map with one.
    #[error("it is neither a list of orders nor a map with the single key `orders`")]
    NoList,
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": `{text}`") }
}

fn named(id: &Option<String>) -> String {
    id.as_ref().map(|id| format!(" (`{id}`)")).unwrap_or_default()
}

impl SourceError {
    /// What mends it, where one thing does. In one piece: a table of errors.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            SourceError::Denied { auth: "stripe", .. } => {
                "check `key`, and that a restricted key may read all that `docs/sources.md` names for Stripe; `read` leaves \
                 out what the shop does not use"
            }
            SourceError::OtherMode { .. } => "use the key of the right mode, or set `live`",
            SourceError::Denied { auth: "none", .. } => {
                "this source sends no credentials; set `auth`, for example {kind: bearer, token: ${SHOP_TOKEN}}"
            }
            SourceError::Denied { auth: "oauth2_client_credentials", status, .. }
                if *status == StatusCode::FORBIDDEN =>
            {
                "the token is valid but may not read orders: give the application the role the payment API asks for, \
                 and check `resource` and `scope` of `auth`"
            }
            SourceError::Denied { auth: "oauth2_client_credentials", .. } => {
                "a fresh token was refused too: check `resource`, `audience` and `scope` of `auth`"
            }
            SourceError::Denied { status, .. } if *status == StatusCode::FORBIDDEN => {
                "the credentials are known but may not read orders: check their permissions in the payment API"
            }
            SourceError::Denied { .. } => {
                "check the secret, and whether the payment API wants another `auth.kind` (none, bearer, basic, header, \
                 oauth2_client_credentials)"
            }
            SourceError::TokenRefused { .. } => {
                "check `token_url`, `client_id`, `client_secret`, `resource` and `scope` of `auth`"
            }
            SourceError::NotRecorded { .. } => {
                "record more pages with `entitled source test NAME --record DIR --pages N`; a list requested differently than when it was recorded is not answered"
            }
            SourceError::Recording(_) => {
                "`recorded` names a folder that `entitled source test NAME --record DIR` wrote"
            }
            SourceError::Redirect { .. } => "set `url` to the address that the API really has, with the right scheme",
            SourceError::NotJson { call, .. } => {
                return Some(format!(
                    "this is not the API: check `url` and {}, and whether a login page or a proxy stands before it",
                    asked_for(call)
                ));
            }
            SourceError::Errors { .. } => {
                "check `body` and `path` of the list or of `get`, and what these credentials may read"
            }
            SourceError::NoItems { wanted: "list", .. } => {
                "set `items` of the list or the overlay to where the answer holds its rows"
            }
            SourceError::NoItems { .. } => {
                "set `item` of `get` or of the detail to where the answer holds what was asked for"
            }
            SourceError::PageRepeats { .. } => {
                "the API seems to ignore the paging parameters: check `list.paging`, or set {kind: none} if one answer \
                 holds everything"
            }
            SourceError::TooManyPages { .. } => "raise `max_pages`, or ask for larger pages",
            SourceError::ForeignLink { .. } => "set `url` to the origin that the API writes into its links",
            SourceError::TooSlow { .. } => "raise `read_timeout`, ask for larger pages, or see what slows the API down",
            SourceError::MoreToCome { .. } => "say in `list.paging` how the next page is asked for",
            SourceError::NoHasMore { .. } | SourceError::NoNext { .. } => {
                "check `list.paging`: its `has_more` and `next`"
            }
            SourceError::Odd { .. } | SourceError::OddOverlay { .. } => {
                "the mapping is probably wrong: `entitled source test NAME` names what is odd, row by row"
            }
            SourceError::NoTotal { .. } | SourceError::Total { .. } => {
                "check `list.total` and `list.paging`; if the API's count cannot be relied on, set `expect: {total: ignored}`"
            }
            SourceError::Shrunk(Shrunk::TooFew { .. }) => {
                "check that the source still lists everything; lower `expect.min_items` if it does"
            }
            SourceError::Shrunk(Shrunk::NoCanary { .. }) => {
                "check that the source still lists everything, with these credentials; if the order is really gone, \
                 take it out of `expect.canary`"
            }
            SourceError::Shrunk(_) => {
                "check that the source still lists everything; if the orders are really gone, set \
                 `expect: {max_shrink: 100%}` for one read"
            }
            SourceError::Status { status, .. } if *status == StatusCode::TOO_MANY_REQUESTS => {
                "set `rate` to the requests a second that the API allows"
            }
            SourceError::Status { status, call, .. } if *status == StatusCode::NOT_FOUND => {
                return Some(format!("check `url` and {}", asked_for(call)));
            }
            SourceError::Status { status, .. } if status.is_server_error() => {
                "usually temporary: the next poll tries again"
            }
            SourceError::Body { source: BodyError::TooLong { .. }, .. } => {
                "ask for smaller pages, or raise `max_page_bytes`"
            }
            SourceError::Body { .. } | SourceError::BrokenJson { .. } => {
                "usually temporary: the next poll tries again; if it persists, look for a proxy in front of the API that cuts answers short"
            }
            SourceError::Unreachable { call, source, .. } => {
                if let Some(hint) = http::roots_hint(source).or_else(|| http::proxy_hint(address(call))) {
                    return Some(hint);
                }
                "check that the payment API runs and that `url` can be reached from here"
            }
            SourceError::Item { odd: Odd { what: Oddity::NoId, .. }, .. } => {
                "set `map.id` to where an order holds its id"
            }
            SourceError::File { source: FileError::Empty, .. } => "write [] for no orders",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// Where the file has what a call asked for: the list, an overlay and `get` each have a path.
fn asked_for(call: &str) -> String {
    let path = call.split(' ').nth(1).and_then(|target| target.split('?').next()).unwrap_or_default();
    format!("the `path` that asks for `{path}`")
}

/// The address in the words for a call, such as `GET https://shop.example.com/orders`.
fn address(call: &str) -> &str {
    call.split(' ').find(|word| word.contains("://")).unwrap_or_default()
}
