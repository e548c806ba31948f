//! A walk over one overlay, page by page.
//!
//! An item that cannot be read is counted and named, and ends nothing.

use std::collections::HashSet;

use serde_json::Value;

use super::mapping::{alone, id, latest, ruled, text};
use super::paging::{Next, PageFacts, Pager};
use super::{Http, Page};
use crate::config::settings::source::{OrderRef, Overlay, TotalCheck};
use crate::model::{Adjustment, Odd, OddPart, Oddity, OrderId, Override, Standing};
use crate::source::SourceError;
use crate::source::client::response::listed;
use crate::source::odd::{Nameless, Odds, odd};
use crate::source::time::Possible;

/// How far a walk over one overlay is.
#[derive(Debug)]
pub(super) struct OverlayWalk<'a> {
    http: &'a Http,
    settings: &'a Overlay,
    ix: u16,
    /// The parameter that asks for what changed, where only that is asked for.
    filter: Option<(String, String)>,
    pager: Pager<'a>,
    seen: HashSet<String>,
    before: Vec<String>,
    walked: u64,
    pages: u32,
    claimed: Option<u64>,
    nameless: Nameless,
}

impl<'a> OverlayWalk<'a> {
    pub(super) fn new(http: &'a Http, settings: &'a Overlay, ix: usize, filter: Option<(String, String)>) -> Self {
        Self {
            http,
            settings,
            ix: u16::try_from(ix).unwrap_or(u16::MAX),
            filter,
            pager: Pager::new(&settings.list.paging),
            seen: HashSet::new(),
            before: Vec::new(),
            walked: 0,
            pages: 0,
            claimed: None,
            nameless: Nameless::default(),
        }
    }

    /// The marks of one page, and whether another follows.
    pub(super) async fn step(&mut self) -> Result<(Vec<Adjustment>, Next), SourceError> {
        let max = self.http.settings.max_pages;
        if self.pages >= max {
            return Err(SourceError::TooManyPages { max });
        }
        let page = self.http.page(&self.settings.list, self.filter.clone(), &self.pager).await?;
        let Page { call, url, items, total, next, more } = page;
        let received = items.len();
        self.pages += 1;
        self.walked += received as u64;
        if self.pages == 1 {
            self.claimed = total;
        }
        let (mut adjustments, mut ids) = (Vec::with_capacity(received), Vec::with_capacity(received));
        for (at, raw) in items.into_iter().enumerate() {
            match self.adjustment(raw) {
                Ok((item, adjustment)) => {
                    ids.push(item);
                    adjustments.extend(adjustment);
                }
                Err(odd) => self.nameless.note(&call, at + 1, &odd),
            }
        }
        let known = self.seen.len();
        self.seen.extend(ids.iter().cloned());
        let nothing_new = self.seen.len() == known && received >= self.pager.size();
        if !ids.is_empty() && (ids == self.before || nothing_new) {
            return Err(SourceError::PageRepeats { call });
        }
        let last_id = ids.last().map(String::as_str);
        let facts = PageFacts { received, walked: self.walked, total, last_id, next, more };
        let follows = self.pager.advance(&facts, &call, &url, self.http.caller.base())?;
        self.before = ids;
        if follows == Next::End {
            self.require_total()?;
        }
        Ok((adjustments, follows))
    }

    /// Items that name neither themselves nor an order.
    pub(super) fn nameless(&self) -> &Nameless {
        &self.nameless
    }

    /// A list that moved under the walk is read anew by the next poll.
    fn require_total(&self) -> Result<(), SourceError> {
        let required = self.filter.is_none() && self.http.settings.expect.total == TotalCheck::Required;
        let collected = self.seen.len() as u64 + self.nameless.rows;
        match self.claimed.filter(|claimed| required && *claimed != collected) {
            Some(claimed) => Err(SourceError::Total { claimed, collected }),
            None => Ok(()),
        }
    }

    /// The id of an item and what it says; nothing where it is about no order.
    fn adjustment(&self, raw: Value) -> Result<(String, Option<Adjustment>), Odd> {
        let Overlay { id: ids, order_id, rules, ended_at, .. } = self.settings;
        if !raw.is_object() {
            return Err(odd(OddPart::Row, Oddity::NoObject, "$", &raw));
        }
        let list = alone(raw);
        let raw = &list[0];
        let item = id(raw, ids)?;
        let Some(order) = order_id.read(raw)? else { return Ok((item, None)) };
        let standing = ruled(&list, rules).filter(|standing| *standing != Standing::Paid);
        // An odd end is when the item was first read.
        let ended_at = latest(raw, ended_at, OddPart::EndedAt, Possible::Any, &mut Odds::default());
        let overrides = standing.map(|standing| Override { standing, ended_at });
        Ok((item.clone(), Some(Adjustment { overlay: self.ix, item, order, overrides })))
    }
}

impl OrderRef {
    /// The order that an item names. `None` where it says that it names none: by `null`, or by a text that
    /// is built otherwise.
    fn read(&self, raw: &Value) -> Result<Option<OrderId>, Odd> {
        let mut said = false;
        let mut wrong = None;
        for path in &self.paths {
            for value in path.query(raw) {
                said = true;
                let Some(text) = text(value) else {
                    if !value.is_null() && !value.is_string() {
                        wrong.get_or_insert_with(|| odd(OddPart::Row, Oddity::NoOrder, path, value));
                    }
                    continue;
                };
                let inner = text.strip_prefix(&self.prefix).and_then(|rest| rest.strip_suffix(&self.suffix));
                if let Some(id) = inner.map(str::trim).filter(|id| !id.is_empty()) {
                    return Ok(Some(id.into()));
                }
            }
        }
        match wrong {
            Some(wrong) => Err(wrong),
            None if said => Ok(None),
            None => {
                let paths = listed(self.paths.iter());
                Err(odd(OddPart::Row, Oddity::NoOrder, paths.trim_matches('`'), &Value::Null))
            }
        }
    }
}
