//! A read of the list, page by page: full, or what changed.
//!
//! Never ends well before the end of the list is proven, and never returns a part for the whole.

#![expect(clippy::disallowed_methods, reason = "an edge: a watermark never lies after the start of the read")]

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::paging::{Next, PageFacts, Pager};
use super::{Http, answer, call, item_error};
use crate::config::source::{CursorPath, Incremental, Paging, TotalCheck};
use crate::model::{Order, OrderId};
use crate::source::{Read, ReadReport, Scope, SourceError, Step, believable, time};

/// What one walk over the pages found.
#[derive(Debug, Default)]
struct Walk {
    pages: u32,
    /// Items on all pages, repeated ones included.
    walked: u64,
    seen: HashMap<OrderId, Option<Timestamp>>,
    /// By the word of the first page. A page past the end may say 0 (Bitcart 0.10.3).
    claimed: Option<u64>,
    latest: Option<Timestamp>,
    order: Sorted,
    page_before: Vec<OrderId>,
}

/// Whether the list has come newest change first so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sorted {
    #[default]
    SoFar,
    No,
}

/// The answer to one page.
struct Page {
    call: String,
    items: Vec<Value>,
    total: Option<u64>,
    cursor: Option<Value>,
}

/// A read under way.
#[derive(Debug)]
pub(in crate::source) struct Reading<'a> {
    http: &'a Http,
    last_count: Option<u64>,
    /// `None` for a full read.
    since: Option<Timestamp>,
    /// `since` less the overlap.
    floor: Option<Timestamp>,
    started: Timestamp,
    pager: Pager<'a>,
    walk: Walk,
    at: At,
}

/// How far a walk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    First,
    Second,
    End { reread: bool },
}

impl Reading<'_> {
    pub(in crate::source) async fn next(&mut self) -> Result<Step, SourceError> {
        loop {
            let reread = match self.at {
                At::End { reread } => reread,
                At::First | At::Second => match self.step().await? {
                    fresh if fresh.is_empty() => continue,
                    fresh => return Ok(Step::Page(fresh)),
                },
            };
            if self.since.is_none() {
                match self.http.mismatch(&self.walk) {
                    // Orders that change during a walk move between its pages. Once is bad luck.
                    Some(_) if !reread => {
                        self.walk = Walk::default();
                        self.pager = Pager::new(&self.http.settings.list.paging);
                        self.at = At::Second;
                        continue;
                    }
                    Some(error) => return Err(error),
                    None => {}
                }
                believable(self.last_count, self.walk.seen.len() as u64, &self.http.settings.expect)?;
            }
            return Ok(Step::Done(self.report(reread)));
        }
    }

    /// Fetches one page, gives what is new on it, and steps to the next, or to the end.
    async fn step(&mut self) -> Result<Vec<Order>, SourceError> {
        let Http { settings, caller, .. } = self.http;
        if self.walk.pages >= settings.max_pages {
            return Err(SourceError::TooManyPages { max: settings.max_pages });
        }
        let Page { call, items, total, cursor } = self.http.page(&self.pager, self.floor).await?;
        let received = items.len();
        let orders = self.http.orders(&call, items)?;
        self.walk.pages += 1;
        self.walk.walked += received as u64;
        if self.walk.pages == 1 {
            self.walk.claimed = total;
            self.http.require_total(&call, total, self.floor)?;
        }
        let last_id = orders.last().map(|order| order.id.clone());
        let older = self.walk.all_older(&orders, self.floor) && settings.incremental == Incremental::WalkBack;
        let fresh = self.walk.take_in(orders, received >= self.pager.size(), &call)?;
        let walked = self.walk.walked;
        let facts = PageFacts { received, walked, total, last_id: last_id.as_ref().map(OrderId::as_str), cursor };
        if older || self.pager.advance(&facts, &call, caller.base())? == Next::End {
            if self.walk.order == Sorted::No && settings.incremental == Incremental::WalkBack {
                let path = &settings.list.path;
                tracing::warn!(path, "the list does not come newest change first, so every increment reads all of it");
            }
            self.at = At::End { reread: self.at == At::Second };
        }
        Ok(fresh)
    }

    fn report(&self, reread: bool) -> ReadReport {
        ReadReport {
            scope: if self.since.is_none() { Scope::Full } else { Scope::Changes },
            pages: self.walk.pages,
            orders: self.walk.seen.len() as u64,
            total_claimed: self.walk.claimed,
            watermark: self.walk.latest.map(|at| at.min(self.started)).max(self.since),
            reread,
        }
    }
}

impl Http {
    /// Every page of `plan`.
    pub(in crate::source) fn read(&self, plan: Read) -> Reading<'_> {
        let (since, last_count) = match plan {
            Read::Full { last_count } => (None, last_count),
            Read::Since { last_count, .. } if self.settings.incremental == Incremental::Snapshot => (None, last_count),
            Read::Since { watermark, last_count } => (Some(watermark), last_count),
        };
        Reading {
            http: self,
            last_count,
            since,
            floor: since.map(|since| since.checked_sub(self.settings.overlap).unwrap_or(Timestamp::MIN)),
            started: Timestamp::now(),
            pager: Pager::new(&self.settings.list.paging),
            walk: Walk::default(),
            at: At::First,
        }
    }

    async fn page(&self, pager: &Pager<'_>, floor: Option<Timestamp>) -> Result<Page, SourceError> {
        let list = &self.settings.list;
        let url = match pager.link() {
            Some(link) => link.clone(),
            None => {
                let mut query = list.query.clone();
                if let (Some(floor), Incremental::Filter { param, format }) = (floor, &self.settings.incremental) {
                    query.push((param.clone(), time::format(floor, *format)));
                }
                query.extend(pager.params());
                self.caller.url(&list.path, &query)?
            }
        };
        let call = call(&url);
        let mut answer = self.caller.fetch(url).await?.success(&call)?.json(&call)?;
        let total = list.total.as_ref().and_then(|path| count(path, &answer));
        let cursor = match &list.paging {
            Paging::Cursor { next: CursorPath::Body(path), .. } => path.query(&answer).first().cloned(),
            _ => None,
        };
        let paths = || list.items.iter().map(|path| &path.0);
        match answer::take(&mut answer, paths(), Value::is_array) {
            Some(Value::Array(items)) => Ok(Page { call, items, total, cursor }),
            _ => Err(answer::nothing_at(&call, paths(), &answer)),
        }
    }

    fn orders(&self, call: &str, items: Vec<Value>) -> Result<Vec<Order>, SourceError> {
        let place = |(index, raw)| self.mapper.order(raw).map_err(|error| item_error(call, index + 1, error));
        items.into_iter().enumerate().map(place).collect()
    }

    /// Refuses a full read whose first page lacks the total that is to be compared with.
    fn require_total(&self, call: &str, total: Option<u64>, floor: Option<Timestamp>) -> Result<(), SourceError> {
        match &self.settings.list.total {
            Some(path) if floor.is_none() && total.is_none() && self.settings.expect.total == TotalCheck::Required => {
                Err(SourceError::NoTotal { call: call.to_owned(), path: path.to_string() })
            }
            _ => Ok(()),
        }
    }

    fn mismatch(&self, walk: &Walk) -> Option<SourceError> {
        let claimed = walk.claimed.filter(|_| self.settings.expect.total == TotalCheck::Required)?;
        let collected = walk.seen.len() as u64;
        (claimed != collected).then_some(SourceError::Total { claimed, collected })
    }
}

impl Walk {
    /// Whether all of a page lies before `floor`, on a list that has come newest change first so far. An
    /// order without a time of change may have changed at any time.
    fn all_older(&mut self, page: &[Order], floor: Option<Timestamp>) -> bool {
        if !page.is_sorted_by(|newer, older| newer.updated_at >= older.updated_at) {
            self.order = Sorted::No;
        }
        let Some(floor) = floor.filter(|_| self.order == Sorted::SoFar && !page.is_empty()) else { return false };
        page.iter().all(|order| order.updated_at.is_some_and(|at| at < floor))
    }

    /// Keeps what is new or newer than before, in the order of the page.
    fn take_in(&mut self, page: Vec<Order>, full: bool, call: &str) -> Result<Vec<Order>, SourceError> {
        let ids: Vec<OrderId> = page.iter().map(|order| order.id.clone()).collect();
        let known_before = self.seen.len();
        let mut fresh: Vec<Order> = Vec::with_capacity(page.len());
        for order in page {
            self.latest = self.latest.max(order.updated_at);
            match self.seen.get_mut(&order.id) {
                Some(at) if order.updated_at.is_some() && order.updated_at <= *at => continue,
                Some(at) => {
                    *at = order.updated_at;
                    fresh.retain(|earlier| earlier.id != order.id);
                }
                None => {
                    self.seen.insert(order.id.clone(), order.updated_at);
                }
            }
            fresh.push(order);
        }
        // A short page without news is the tail of a list that grew at its head meanwhile.
        let nothing_new = self.seen.len() == known_before;
        if !ids.is_empty() && (ids == self.page_before || (full && nothing_new)) {
            return Err(SourceError::PageRepeats { call: call.to_owned() });
        }
        self.page_before = ids;
        Ok(fresh)
    }
}

/// A count in the answer: a whole number, or one written as text.
fn count(path: &JsonPath, answer: &Value) -> Option<u64> {
    let value = path.query(answer).first()?;
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}
