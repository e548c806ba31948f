//! One page of a list: where it is, and what it holds beside the items.

use reqwest::Url;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::Http;
use super::paging::Pager;
use crate::config::settings::source::{List, PagedBy};
use crate::source::SourceError;
use crate::source::client::{call, response};

/// The answer to one page.
pub(super) struct Page {
    /// The request, as errors name it.
    pub(super) call: String,
    pub(super) url: Url,
    pub(super) items: Vec<Value>,
    pub(super) total: Option<u64>,
    /// Where the next page is said to be.
    pub(super) next: Option<Value>,
    pub(super) more: Option<bool>,
}

impl Http {
    pub(super) async fn page(
        &self,
        list: &List,
        filter: Option<(String, String)>,
        pager: &Pager<'_>,
    ) -> Result<Page, SourceError> {
        let url = match pager.link() {
            Some(link) => self.caller.printable(link),
            None => {
                let query = list.query.iter().cloned().chain(filter).chain(pager.params());
                self.caller.url(&list.path, &query.collect::<Vec<_>>())?
            }
        };
        let call = call(&url);
        let reply = self.caller.fetch(url.clone()).await?.success(&call)?;
        let mut answer = reply.json(&call)?;
        let total = list.total.as_ref().and_then(|path| count(path, &answer));
        let more = list.paging.has_more.as_ref().and_then(|path| path.query(&answer).first()?.as_bool());
        let next = match &list.paging.by {
            PagedBy::Token { next, .. } | PagedBy::NextUrl { next } => next.query(&answer).first().cloned(),
            PagedBy::LinkHeader => reply.next().map(Value::from),
            _ => None,
        };
        let paths = || list.items.iter().map(|path| &path.0);
        match response::take(&mut answer, paths(), Value::is_array) {
            Some(Value::Array(items)) => Ok(Page { call, url, items, total, next, more }),
            _ => Err(response::nothing_at(&call, paths(), &answer)),
        }
    }
}

/// A count in the answer: a whole number, or one written as text.
fn count(path: &JsonPath, answer: &Value) -> Option<u64> {
    let value = path.query(answer).first()?;
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}
