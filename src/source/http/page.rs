//! One page of a list: where it is, and what it holds beside the items.

use reqwest::Url;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::ask::{Blanks, Since};
use super::paging::Pager;
use super::{Http, tree};
use crate::config::settings::source::{List, PagedBy, Paging, Told as Source};
use crate::source::client::response::Reply;
use crate::source::client::{call, response};
use crate::source::{Absent, SourceError, Told};

/// What one page says; of each item what whoever reads makes of it.
pub(super) struct Page<T> {
    /// The request, as errors name it.
    pub(super) call: String,
    pub(super) url: Url,
    pub(super) items: Vec<T>,
    pub(super) total: Option<u64>,
    /// Where the next page is said to be.
    pub(super) next: Option<Value>,
    pub(super) more: Option<bool>,
    /// How many pages there are.
    pub(super) pages: Option<u64>,
    /// Where it has nothing at all, though something should be told there: the last page may say `null`, which is not the
    /// same.
    pub(super) absent: Vec<Absent>,
}

/// The answer to one page, as it came.
pub(super) struct Unread<'a> {
    list: &'a List,
    call: String,
    url: Url,
    reply: Reply,
}

impl Http {
    pub(super) async fn page<'a>(
        &self,
        list: &'a List,
        since: Option<&Since>,
        pager: &Pager<'_>,
    ) -> Result<Unread<'a>, SourceError> {
        let url = match pager.link() {
            Some(link) => self.caller.printable(link),
            None => {
                let filter = since.and_then(|since| Some((since.param.clone()?, since.at.clone())));
                let query = list.query.iter().cloned().chain(filter).chain(pager.params());
                self.caller.url(&list.path, &query.collect::<Vec<_>>())?
            }
        };
        let since = since.map(|since| since.at.as_str());
        let blanks = Blanks { cursor: pager.cursor(), size: Some(list.paging.size), since, id: None };
        let sent = blanks.fill(&list.method);
        let call = call(&url, sent.as_ref());
        let reply = self.caller.ask(url.clone(), sent.as_ref()).await?.success(&call)?;
        Ok(Unread { list, call, url, reply })
    }
}

impl Unread<'_> {
    /// Reads it, item by item where that can be.
    pub(super) fn read<T>(self, mut each: impl FnMut(Value) -> T) -> Result<Page<T>, SourceError> {
        let Self { list, call, url, reply } = self;
        let (mut answer, taken) = match tree::plain(list) {
            Some(ways) => reply.json_by(&call, |body| tree::read(body, &ways, &mut each))?,
            None => (reply.json(&call)?, None),
        };
        reply.no_errors(&call, &answer)?;
        let number = |told: &Source| match told {
            Source::Body(paths) => paths.iter().find_map(|path| count(path, &answer)),
            Source::Header(name) => reply.header(name)?.trim().parse().ok(),
        };
        let total = list.total.as_ref().and_then(number);
        let more = more(&list.paging, &answer);
        let pages = match &list.paging.by {
            PagedBy::Page { pages, .. } => pages.as_ref().and_then(number),
            _ => None,
        };
        let next = match &list.paging.by {
            PagedBy::Token { next, .. } | PagedBy::NextUrl { next } => next.query(&answer).first().cloned(),
            PagedBy::LinkHeader => reply.next().map(Value::from),
            _ => None,
        };
        let stands = |told: &Source| match told {
            Source::Body(paths) => paths.iter().any(|path| !path.query(&answer).is_empty()),
            Source::Header(name) => reply.header(name).is_some(),
        };
        let mut absent = Vec::new();
        match &list.paging.by {
            PagedBy::Token { next: path, .. } | PagedBy::NextUrl { next: path } if next.is_none() => {
                absent.push(Absent { what: Told::Next, path: format!("`{path}`") });
            }
            PagedBy::Page { pages: Some(told), .. } if !stands(told) => {
                absent.push(Absent { what: Told::Pages, path: told.to_string() });
            }
            _ => {}
        }
        if let Some(told) = list.total.as_ref().filter(|told| !stands(told)) {
            absent.push(Absent { what: Told::Total, path: told.to_string() });
        }
        let paths = || list.items.iter().map(|path| &path.0);
        let items = match taken {
            Some(items) => items,
            None => match response::take(&mut answer, paths(), Value::is_array) {
                Some(Value::Array(items)) => items.into_iter().map(each).collect(),
                _ => return Err(response::no_list_at(&call, paths(), &answer)),
            },
        };
        Ok(Page { call, url, items, total, next, more, pages, absent })
    }
}

/// Whether an answer says that there is more. One that should hold all says so by anything: `true`, a mark, a link.
fn more(paging: &Paging, answer: &Value) -> Option<bool> {
    let mut found = paging.has_more.iter().filter_map(|path| path.query(answer).first());
    match paging.by {
        PagedBy::OneAnswer => Some(found.any(|value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !matches!(text.trim(), "" | "false"),
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::Bool(true) | Value::Array(_) | Value::Object(_) => true,
        })),
        _ => found.find_map(|value| value.as_bool().or_else(|| value.as_str()?.trim().parse().ok())),
    }
}

/// A count in the answer: a whole number, or one written as text.
fn count(path: &JsonPath, answer: &Value) -> Option<u64> {
    let value = path.query(answer).first()?;
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}
