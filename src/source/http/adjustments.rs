//! A walk over one overlay, page by page.
//!
//! An item that cannot be read is counted and named, and ends nothing. One without an id of its own goes by its order
//! and what it makes of that: of several, each standing counts once.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::Value;

use super::ask::Since;
use super::mapping::id;
use super::paging::{Next, PageFacts, Pager};
use super::parts::part;
use super::paths::{Times, alone, latest, ruled, text};
use super::{Http, Page};
use crate::config::settings::source::{OrderRef, Overlay, TotalCheck};
use crate::model::{Adjustment, Odd, OddPart, Oddity, OrderId, Override, Standing};
use crate::source::client::response::listed;
use crate::source::odd::{Nameless, Odds, odd, unheld};
use crate::source::time::Possible;
use crate::source::{OverlayRows, SourceError};
use crate::text::json::LOST;

/// How far a walk over one overlay is.
#[derive(Debug)]
pub(super) struct OverlayWalk<'a> {
    http: &'a Http,
    settings: &'a Overlay,
    /// See [`Http::overlay_ids`].
    overlay: i64,
    now: Timestamp,
    /// The parameter that asks for what changed, where only that is asked for.
    filter: Option<Since>,
    pager: Pager<'a>,
    /// By id: the order that the item is about, where it is about one.
    seen: HashMap<String, Option<OrderId>>,
    /// Rows without an id of their own, which name an order.
    unnamed_rows: u64,
    /// By order: what such rows make of it.
    unnamed: BTreeMap<OrderId, BTreeSet<Option<Standing>>>,
    before: Vec<String>,
    walked: u64,
    pages: u32,
    claimed: Option<u64>,
    nameless: Nameless,
}

impl<'a> OverlayWalk<'a> {
    pub(super) fn new(http: &'a Http, settings: &'a Overlay, filter: Option<Since>, now: Timestamp) -> Self {
        Self {
            http,
            settings,
            overlay: http.overlay_id(settings),
            now,
            filter,
            pager: Pager::new(&settings.list.paging),
            seen: HashMap::new(),
            unnamed_rows: 0,
            unnamed: BTreeMap::new(),
            before: Vec::new(),
            walked: 0,
            pages: 0,
            claimed: None,
            nameless: Nameless::default(),
        }
    }

    /// The marks of one page, and whether another follows. In one piece: the facts of a page are gathered row by row.
    pub(super) async fn step(&mut self) -> Result<(Vec<Adjustment>, Next), SourceError> {
        let max = self.http.settings.max_pages;
        if self.pages >= max {
            return Err(SourceError::TooManyPages { max });
        }
        let unread = self.http.page(&self.settings.list, self.filter.as_ref(), &self.pager).await?;
        let page = unread.read(|raw| {
            let list = alone(raw);
            self.adjustment(&list).map(|(item, said)| {
                let known_by = item.clone().unwrap_or_else(|| list[0].to_string());
                (item, known_by, said)
            })
        })?;
        let Page { call, url, items, total, next, more, pages, .. } = page;
        let received = items.len();
        self.pages += 1;
        self.walked += received as u64;
        if self.pages == 1 {
            self.claimed = total;
        }
        let (mut adjustments, mut ids) = (Vec::with_capacity(received), Vec::with_capacity(received));
        let (known, unnamed, mut last_id) = (self.seen.len(), self.unnamed_rows, None);
        for (at, row) in items.into_iter().enumerate() {
            let (item, known_by, said) = match row {
                Ok(row) => row,
                Err(odd) => {
                    self.nameless.note(&call, at + 1, &odd);
                    continue;
                }
            };
            match item {
                Some(item) => {
                    let about = said.as_ref().map(|said| said.order.clone());
                    last_id = Some(item.clone());
                    match self.seen.entry(item) {
                        Entry::Vacant(free) => _ = free.insert(about),
                        // The same item again, which a list that moves under the walk shows twice.
                        Entry::Occupied(known) if *known.get() == about || about.is_none() => {}
                        Entry::Occupied(mut known) if known.get().is_none() => _ = known.insert(about),
                        Entry::Occupied(known) => {
                            let path = listed(self.settings.id.iter());
                            let id = Value::from(known.key().as_str());
                            let twice = odd(OddPart::Row, Oddity::Twice, path.trim_matches('`'), &id);
                            self.nameless.note(&call, at + 1, &twice);
                            continue;
                        }
                    }
                }
                None => self.unnamed_rows += 1,
            }
            ids.push(known_by);
            adjustments.extend(said);
        }
        let nothing_new = self.seen.len() == known && self.unnamed_rows == unnamed && received >= self.pager.size();
        if !ids.is_empty() && (ids == self.before || nothing_new) {
            return Err(SourceError::PageRepeats { call });
        }
        let facts = PageFacts { received, walked: self.walked, total, last_id: last_id.as_deref(), next, more, pages };
        let follows = self.pager.advance(&facts, &call, &url, self.http.caller.base())?;
        self.before = ids;
        if follows == Next::End {
            self.require_total()?;
        }
        Ok((adjustments, follows))
    }

    /// Items that name no order, though they should, or are none.
    pub(super) fn nameless(&self) -> &Nameless {
        &self.nameless
    }

    /// After the last page: what items without an id say of their orders no more. What only changes were asked for
    /// says nothing of the rest.
    pub(super) fn settled(&self) -> Vec<Adjustment> {
        if self.filter.is_some() {
            return Vec::new();
        }
        let standings: BTreeSet<Standing> = self.settings.rules.iter().map(|rule| rule.standing).collect();
        let of = |(order, said): (&OrderId, &BTreeSet<Option<Standing>>)| {
            let gone: Vec<_> = standings.iter().filter(|standing| !said.contains(&Some(**standing))).copied().collect();
            let order = order.clone();
            gone.into_iter().map(move |standing| self.unnamed(order.clone(), Some(standing), None))
        };
        self.unnamed.iter().flat_map(of).collect()
    }

    /// How many rows there are and how many of them are odd, where not only changes were asked for.
    pub(super) fn whole(&self) -> Option<OverlayRows> {
        let path = self.settings.list.path.clone();
        self.filter.is_none().then_some(OverlayRows { path, rows: self.walked, odd: self.nameless.rows })
    }

    /// A list that moved under the walk is read anew by the next poll.
    fn require_total(&self) -> Result<(), SourceError> {
        let required = self.filter.is_none() && self.http.settings.expect.total != TotalCheck::Ignored;
        let collected = self.seen.len() as u64 + self.unnamed_rows + self.nameless.rows;
        match self.claimed.filter(|claimed| required && *claimed != collected) {
            Some(claimed) => Err(SourceError::Total { claimed, collected }),
            None => Ok(()),
        }
    }

    /// The id of an item, where it has one, and what it says; nothing where it is about no order, or where another
    /// item without an id has said the same.
    fn adjustment(&mut self, list: &Value) -> Result<(Option<String>, Option<Adjustment>), Odd> {
        let Overlay { id: ids, order_id, rules, ended_at, .. } = self.settings;
        let raw = &list[0];
        if !raw.is_object() {
            return Err(odd(OddPart::Row, Oddity::NoObject, "$", raw));
        }
        if let Some(odd) = unheld(raw) {
            return Err(odd);
        }
        let item = id(raw, ids);
        let order = match (order_id.read(raw)?, &item) {
            (Some(order), _) => order,
            (None, Ok(item)) => return Ok((Some(item.clone()), None)),
            (None, Err(nameless)) => return Err(nameless.clone()),
        };
        let standing = ruled(list, rules).filter(|standing| *standing != Standing::Paid);
        // An odd end is when the item was first read.
        let possible =
            if standing.is_some_and(Standing::has_happened) { Possible::Ended(self.now) } else { Possible::Any };
        let ended_at = latest(
            raw,
            ended_at,
            OddPart::EndedAt,
            Times { possible, map: &self.http.settings.map },
            &mut Odds::default(),
        );
        let overrides = standing.map(|standing| Override { standing, ended_at, part: part(self.settings, raw) });
        let Ok(item) = item else {
            let is_new = self.unnamed.entry(order.clone()).or_default().insert(standing);
            return Ok((None, is_new.then(|| self.unnamed(order, standing, overrides))));
        };
        Ok((Some(item.clone()), Some(Adjustment { overlay: self.overlay, item, order, overrides })))
    }

    /// What items of an order that have no ids say together, as far as they make that of it.
    fn unnamed(&self, order: OrderId, standing: Option<Standing>, overrides: Option<Override>) -> Adjustment {
        let word = standing.map_or("nothing", Standing::word);
        Adjustment { overlay: self.overlay, item: format!("order:{order}:{word}"), order, overrides }
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
                    if !value.is_null() && value.as_str().is_none_or(|text| text.contains(LOST)) {
                        wrong.get_or_insert_with(|| odd(OddPart::Row, Oddity::NoOrder, path, value));
                    }
                    continue;
                };
                let inner = text.strip_prefix(&self.prefix).and_then(|rest| rest.strip_suffix(&self.suffix));
                let inner = match (&self.pattern, inner) {
                    (Some(pattern), Some(inner)) => pattern.find(inner).map(|found| found.as_str()),
                    (_, inner) => inner,
                };
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
