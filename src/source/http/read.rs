//! A read: the overlays, then the list page by page, full or what changed; or the overlays alone.
//!
//! Never ends well before the end of the list is proven, and never returns a part for the whole.

#![expect(clippy::disallowed_methods, reason = "an edge: a watermark never lies after the start of the read")]

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::time::Instant;

use super::adjustments::OverlayWalk;
use super::ask::Since;
use super::paging::{Next, PageFacts, Pager};
use super::{Http, Page};
use crate::config::settings::source::{Blank, HttpSource, Incremental, TotalCheck};
use crate::model::{Odd, OddPart, OrderId, ReadOrder};
use crate::source::odd::Nameless;
use crate::source::{Absent, OverlayRows, Read, ReadReport, Scope, SourceError, Step, Told, believable, present, time};

/// What one walk over the pages found.
#[derive(Debug, Default)]
struct Walk {
    pages: u32,
    /// Items on all pages, repeated ones included.
    walked: u64,
    seen: HashMap<OrderId, Option<Timestamp>>,
    /// Of those, made in test mode.
    test_orders: u64,
    /// Real orders of which something could not be read.
    odd: HashSet<OrderId>,
    /// Rows without a readable id.
    nameless: Nameless,
    /// By the word of the first page. A page past the end may say 0 (Bitcart 0.10.3).
    claimed: Option<u64>,
    latest: Option<Timestamp>,
    order: Sorted,
    page_before: Vec<OrderId>,
    /// What no page so far had. `None`: there was no page with items.
    absent: Option<Vec<Absent>>,
}

/// Whether the list has come newest change first so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sorted {
    #[default]
    SoFar,
    No,
}

/// An order, and whether it is a real one.
pub(super) struct Row {
    order: ReadOrder,
    live: bool,
}

/// A read under way.
#[derive(Debug)]
pub(in crate::source) struct Reading<'a> {
    http: &'a Http,
    last_count: Option<u64>,
    /// `None` for a full read.
    since: Option<Timestamp>,
    started: Timestamp,
    /// The time by which purchases are judged.
    now: Timestamp,
    /// How much is read.
    reach: Reach,
    deadline: Instant,
    overlay: Option<OverlayWalk<'a>>,
    overlays_read: usize,
    overlay_pages: u32,
    /// Items of overlays without a readable id or order.
    overlay_nameless: Nameless,
    /// What the overlays that were read whole held.
    overlay_rows: Vec<OverlayRows>,
    pager: Pager<'a>,
    walk: Walk,
    at: At,
}

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Reach {
    /// The overlays and the list.
    All,
    /// What the overlays say, and no order.
    OverlaysOnly,
}

/// How far a read is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Overlays,
    First,
    Second,
    End { reread: bool },
}

impl Reading<'_> {
    pub(in crate::source) async fn next(&mut self) -> Result<Step, SourceError> {
        let limit = self.http.settings.read_timeout;
        match tokio::time::timeout_at(self.deadline, self.go_on()).await {
            Ok(step) => step,
            Err(_) => Err(SourceError::TooSlow { limit, pages: self.overlay_pages + self.walk.pages }),
        }
    }

    /// The next page of what the overlays say; nothing once all of them were read.
    pub(in crate::source) async fn overlay(&mut self) -> Result<Option<Step>, SourceError> {
        let limit = self.http.settings.read_timeout;
        while self.at == At::Overlays {
            match tokio::time::timeout_at(self.deadline, self.step_overlay()).await {
                Ok(Ok(Some(step))) => return Ok(Some(step)),
                Ok(Ok(None)) => {}
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(SourceError::TooSlow { limit, pages: self.overlay_pages }),
            }
        }
        Ok(None)
    }

    /// What the overlays that were read whole held.
    pub(in crate::source) fn overlay_rows(&self) -> &[OverlayRows] {
        &self.overlay_rows
    }

    /// See [`Reading::absent`](crate::source::Reading::absent).
    pub(in crate::source) fn absent(&self) -> Vec<Absent> {
        self.walk.absent.clone().unwrap_or_default()
    }

    async fn go_on(&mut self) -> Result<Step, SourceError> {
        loop {
            let reread = match self.at {
                At::Overlays => match self.step_overlay().await? {
                    Some(step) => return Ok(step),
                    None => continue,
                },
                At::First | At::Second => match self.step().await? {
                    fresh if fresh.is_empty() => continue,
                    fresh => return Ok(Step::Page(fresh)),
                },
                At::End { reread } => reread,
            };
            let settings = &self.http.settings;
            if self.since.is_none() && self.reach == Reach::All {
                match self.http.mismatch(&self.walk) {
                    // Orders that change during a walk move between its pages. Once is bad luck.
                    Some(_) if !reread => {
                        self.walk = Walk::default();
                        self.pager = Pager::new(&settings.list.paging);
                        self.at = At::Second;
                        continue;
                    }
                    Some(error) => return Err(error),
                    None => {}
                }
                believable(self.last_count, self.walk.orders(), &settings.expect)?;
                present(&settings.expect.canary, |id| self.walk.seen.contains_key(id))?;
            }
            return Ok(Step::Done(self.report(reread)));
        }
    }

    /// One page of an overlay. Steps from one to the next, and from the last to the list itself.
    async fn step_overlay(&mut self) -> Result<Option<Step>, SourceError> {
        let http = self.http;
        if self.overlay.is_none() {
            let Some(settings) = http.settings.overlays.get(self.overlays_read) else {
                self.at = match self.reach {
                    Reach::All => At::First,
                    Reach::OverlaysOnly => At::End { reread: false },
                };
                return Ok(None);
            };
            let filter = asked(&settings.incremental, settings.overlap, self.since, self.started);
            self.overlay = Some(OverlayWalk::new(http, settings, filter, self.started));
        }
        let walk = self.overlay.as_mut().expect("it was just begun");
        let (mut marks, next) = walk.step().await?;
        self.overlay_pages += 1;
        if next == Next::End {
            marks.extend(walk.settled());
            self.overlay_nameless.add(walk.nameless());
            self.overlay_rows.extend(walk.whole());
            self.overlay = None;
            self.overlays_read += 1;
        }
        Ok((!marks.is_empty()).then_some(Step::Adjustments(marks)))
    }

    /// Fetches one page, gives what is new on it, and steps to the next, or to the end.
    async fn step(&mut self) -> Result<Vec<ReadOrder>, SourceError> {
        let Http { settings, caller, .. } = self.http;
        if self.walk.pages >= settings.max_pages {
            return Err(SourceError::TooManyPages { max: settings.max_pages });
        }
        let filter = asked(&settings.incremental, settings.overlap, self.since, self.started);
        let (http, now) = (self.http, self.now);
        let unread = http.page(&settings.list, filter.as_ref(), &self.pager).await?;
        let Page { call, url, items, total, next, more, pages, absent } = unread.read(|raw| http.begun(raw, now))?;
        let items = http.whole_rows(items, now).await?;
        let received = items.len();
        if received > 0 {
            let absent = left_out(absent, settings, received);
            match &mut self.walk.absent {
                None => self.walk.absent = Some(absent),
                Some(so_far) => so_far.retain(|place| absent.contains(place)),
            }
        }
        let rows = named(&call, items, &mut self.walk.nameless);
        self.walk.pages += 1;
        self.walk.walked += received as u64;
        if self.walk.pages == 1 {
            self.walk.claimed = total;
            self.http.require_total(&call, total, self.since)?;
            if matches!(settings.incremental, Incremental::Filter { .. }) {
                self.heeded(filter.as_ref(), &rows);
            }
        }
        let last_id = rows.last().map(|row| row.order.id.clone());
        let floor = self.since.map(|since| less(since, settings.overlap));
        let older = self.walk.all_older(&rows, floor) && settings.incremental == Incremental::WalkBack;
        let fresh = self.walk.take_in(rows, received >= self.pager.size(), &call)?;
        let walked = self.walk.walked;
        let facts =
            PageFacts { received, walked, total, last_id: last_id.as_ref().map(OrderId::as_str), next, more, pages };
        if older || self.pager.advance(&facts, &call, &url, caller.base())? == Next::End {
            if self.walk.order == Sorted::No && settings.incremental == Incremental::WalkBack {
                let path = &settings.list.path;
                tracing::warn!(path, "the list does not come newest change first, so every increment reads all of it");
            }
            self.at = At::End { reread: self.at == At::Second };
        }
        Ok(fresh)
    }

    /// Warns of a server that ignores the filter (Medusa does so with any parameter it does not know). The
    /// orders it gives are right all the same, only too many.
    fn heeded(&self, filter: Option<&Since>, rows: &[Row]) {
        let Some(Since { param, at }) = filter else { return };
        let (param, from) = (param.as_deref().unwrap_or(Blank::Since.written()), time::parse(at));
        if rows.iter().any(|row| row.order.updated_at.is_some_and(|at| Some(at) < from)) {
            tracing::warn!(param, "the payment API ignores this filter, so every poll reads all orders");
        }
    }

    fn report(&self, reread: bool) -> ReadReport {
        let seen = match self.http.settings.incremental {
            // Nothing says when an order changed: what was read now need not be asked for again.
            Incremental::Window { .. } => Some(self.started),
            _ => self.walk.latest.map(|at| at.min(self.started)),
        };
        if self.walk.test_orders > 0 {
            tracing::info!(orders = self.walk.test_orders, "made in test mode by `expect.live`, and left out");
        }
        ReadReport {
            scope: if self.since.is_none() { Scope::Full } else { Scope::Changes },
            pages: self.overlay_pages + self.walk.pages,
            orders: self.walk.orders(),
            odd: self.walk.odd.len() as u64 + self.walk.nameless.rows,
            nameless: {
                let mut nameless = self.overlay_nameless.clone();
                nameless.add(&self.walk.nameless);
                nameless
            },
            overlays: self.overlay_rows.clone(),
            test_orders: self.walk.test_orders,
            total_claimed: self.walk.claimed,
            watermark: seen.max(self.since),
            absent: self.absent(),
            lists: BTreeMap::new(),
            reread,
        }
    }
}

/// The parameter that asks for what changed since, less the overlap.
fn asked(
    incremental: &Incremental,
    overlap: SignedDuration,
    since: Option<Timestamp>,
    started: Timestamp,
) -> Option<Since> {
    let since = since?;
    match incremental {
        Incremental::Snapshot | Incremental::WalkBack => None,
        Incremental::Filter { param, format } => {
            Some(Since { param: param.clone(), at: time::format(less(since, overlap), *format) })
        }
        Incremental::Window { param, format, window } => {
            Some(Since { param: param.clone(), at: time::format(less(less(started, *window), overlap), *format) })
        }
    }
}

fn less(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

impl Http {
    /// Every page of `plan`, of which purchases are judged by `now`.
    pub(in crate::source) fn read(&self, plan: Read, reach: Reach, now: Timestamp) -> Reading<'_> {
        let (since, last_count) = match plan {
            Read::Full { last_count } => (None, last_count),
            Read::Since { last_count, .. } if self.settings.incremental == Incremental::Snapshot => (None, last_count),
            Read::Since { watermark, last_count } => (Some(watermark), last_count),
        };
        let limit = Duration::try_from(self.settings.read_timeout).unwrap_or(Duration::MAX);
        Reading {
            http: self,
            last_count,
            since,
            started: Timestamp::now(),
            now,
            reach,
            // A limit beyond what a clock can say is none.
            deadline: Instant::now()
                .checked_add(limit)
                .unwrap_or_else(|| Instant::now() + Duration::from_secs(1 << 32)),
            overlay: None,
            overlays_read: 0,
            overlay_pages: 0,
            overlay_nameless: Nameless::default(),
            overlay_rows: Vec::new(),
            pager: Pager::new(&self.settings.list.paging),
            walk: Walk::default(),
            at: At::Overlays,
        }
    }

    pub(super) fn row(&self, list: &Value, now: Timestamp) -> Result<Row, Odd> {
        self.mapper.order_in(list, now).map(|order| Row { order, live: self.live(list) })
    }

    /// Refuses a full read whose first page lacks the total that is to be compared with.
    fn require_total(&self, call: &str, total: Option<u64>, since: Option<Timestamp>) -> Result<(), SourceError> {
        match &self.settings.list.total {
            Some(path) if since.is_none() && total.is_none() && self.settings.expect.total == TotalCheck::Required => {
                Err(SourceError::NoTotal { call: call.to_owned(), path: path.to_string() })
            }
            _ => Ok(()),
        }
    }

    fn mismatch(&self, walk: &Walk) -> Option<SourceError> {
        let claimed = walk.claimed.filter(|_| self.settings.expect.total != TotalCheck::Ignored)?;
        let collected = walk.seen.len() as u64 + walk.nameless.rows;
        (claimed != collected).then_some(SourceError::Total { claimed, collected })
    }
}

/// What a page leaves out that had so many items: many APIs tell of no next page on one that is not full, and a total
/// that need not be told is no news.
fn left_out(absent: Vec<Absent>, settings: &HttpSource, received: usize) -> Vec<Absent> {
    let list = &settings.list;
    let size_is_asked = list.paging.size_param.is_some() || list.method.has(Blank::Size);
    let is_last = size_is_asked && received < list.paging.size as usize;
    let is_news = |place: &Absent| match place.what {
        Told::Next => !is_last,
        Told::Pages => true,
        Told::Total => settings.expect.total == TotalCheck::Required,
    };
    absent.into_iter().filter(is_news).collect()
}

/// The rows of a page that have an id; the others are noted.
fn named(call: &str, rows: Vec<Result<Row, Odd>>, nameless: &mut Nameless) -> Vec<Row> {
    let named = |(index, row): (usize, Result<Row, Odd>)| row.map_err(|odd| nameless.note(call, index + 1, &odd)).ok();
    rows.into_iter().enumerate().filter_map(named).collect()
}

/// Whether orders come newest change first, as `walk_back` needs.
pub(super) fn newest_first<'o>(orders: impl Iterator<Item = &'o ReadOrder>) -> bool {
    // One odd time says nothing about the order of the list.
    let told = orders.filter(|order| !order.is_odd_in(OddPart::UpdatedAt));
    // Bitcart puts what has no time yet, or never had one, before everything else.
    told.map(|order| order.updated_at.map_or((0, None), |at| (1, Some(Reverse(at))))).is_sorted()
}

impl Walk {
    /// Real orders, each once.
    fn orders(&self) -> u64 {
        self.seen.len() as u64 - self.test_orders
    }

    /// Whether all of a page lies before `floor`, on a list that has come newest change first so far. An
    /// order without a time of change may have changed at any time.
    fn all_older(&mut self, page: &[Row], floor: Option<Timestamp>) -> bool {
        if !newest_first(page.iter().map(|row| &row.order)) {
            self.order = Sorted::No;
        }
        let Some(floor) = floor.filter(|_| self.order == Sorted::SoFar && !page.is_empty()) else { return false };
        page.iter().all(|row| row.order.updated_at.is_some_and(|at| at < floor))
    }

    /// Keeps what is new or newer than before, in the order of the page.
    fn take_in(&mut self, page: Vec<Row>, full: bool, call: &str) -> Result<Vec<ReadOrder>, SourceError> {
        let ids: Vec<OrderId> = page.iter().map(|row| row.order.id.clone()).collect();
        let known_before = self.seen.len();
        let mut fresh: Vec<ReadOrder> = Vec::with_capacity(page.len());
        for Row { order, live } in page {
            self.latest = self.latest.max(order.updated_at);
            match self.seen.get_mut(&order.id) {
                Some(at) if order.updated_at.is_some() && order.updated_at <= *at => continue,
                Some(at) => {
                    *at = order.updated_at;
                    fresh.retain(|earlier| earlier.id != order.id);
                }
                None => {
                    self.seen.insert(order.id.clone(), order.updated_at);
                    self.test_orders += u64::from(!live);
                }
            }
            if live {
                match order.odd.is_empty() {
                    true => _ = self.odd.remove(&order.id),
                    false => _ = self.odd.insert(order.id.clone()),
                }
                fresh.push(order);
            }
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
