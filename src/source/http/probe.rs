//! The first pages of the generic source, looked at closely: what each path of the mapping found.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::Http;
use super::adjustments::OverlayWalk;
use super::page::Page;
use super::paging::{Next, PageFacts, Pager};
use super::paths::{alone, holds, lines_of};
use super::read::newest_first;
use crate::config::settings::source::{HttpSource, Incremental, Lines, Map, TotalCheck};
use crate::model::{OrderId, Override, ReadOrder, Standing, apply_overrides};
use crate::source::client::response::{begins, listed};
use crate::source::probe::{Again, Field, Follows, Looked, OverlayTrial, Sorted, Trial, Unreadable, odd_in};
use crate::source::{Absent, SourceError, Told};

/// Orders that are shown field by field.
const SHOWN: usize = 3;

impl Http {
    /// Reads the first two pages of the list and the first of each overlay, and one order by its id. In one piece: each
    /// step needs what the one before has found.
    pub(in crate::source) async fn trial(&self, pages: u32, now: Timestamp) -> Result<Trial, SourceError> {
        let HttpSource { map, incremental, expect, .. } = &self.settings;
        let mut adjustments: HashMap<OrderId, Vec<Override>> = HashMap::new();
        let mut overlays = Vec::new();
        for overlay in &self.settings.overlays {
            let mut walk = OverlayWalk::new(self, overlay, None, now);
            let (page, _) = walk.step().await?;
            let mut says: BTreeMap<Option<Standing>, usize> = BTreeMap::new();
            let mut about = Vec::new();
            for adjustment in page {
                *says.entry(adjustment.overrides.as_ref().map(|overrides| overrides.standing)).or_default() += 1;
                about.push(adjustment.order.clone());
                adjustments.entry(adjustment.order).or_default().extend(adjustment.overrides);
            }
            overlays.push((overlay.list.path.clone(), says, about, walk.nameless().clone()));
        }
        let Pages { call, pages, items, total, follows, absent } = self.first_pages(pages, now).await?;
        let (mut orders, mut raw, mut unreadable, mut test_orders) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let mut suggested = BTreeMap::new();
        for (index, item) in items.into_iter().enumerate() {
            let item = self.detailed(alone(item)).await?;
            match self.mapper.order_in(&item, now) {
                Ok(order) => {
                    if order.standing == Standing::Unknown && order.odd.iter().all(|odd| !odd.makes_unknown()) {
                        suggested.extend(self.mapper.would_know(&item));
                    }
                    test_orders += usize::from(expect.live.as_ref().is_some_and(|live| !holds(live, &item)));
                    orders.push(order);
                }
                Err(odd) => unreadable.push(Unreadable { place: Some(index + 1), why: odd.to_string() }),
            }
            raw.push(item);
        }
        let again = match orders.first() {
            Some(order) => Again::of(order, self.get(&order.id, now).await),
            None => Again::NoOrder,
        };
        let sorted = sorted(incremental, &orders);
        let first = raw.iter().filter_map(|item| self.looked(item, now)).take(SHOWN).collect();
        for order in &mut orders {
            let said = adjustments.get(&order.id).map_or(&[][..], Vec::as_slice);
            apply_overrides(&mut order.order, said);
        }
        let on_page = |id: &OrderId| orders.iter().any(|order| order.id == *id);
        let overlays = overlays.into_iter().map(|(path, says, about, odd)| OverlayTrial {
            path,
            says: says.into_iter().collect(),
            about_the_page: about.iter().filter(|id| on_page(id)).count(),
            odd: odd.rows,
            unreadable: odd.first,
        });
        Ok(Trial {
            rows: raw.len(),
            suggested,
            overlays: overlays.collect(),
            call: Some(call),
            pages,
            absent: match raw.is_empty() {
                true => Vec::new(),
                // A total that need not be told is no news.
                false => absent
                    .into_iter()
                    .filter(|place| place.what != Told::Total || expect.total == TotalCheck::Required)
                    .collect(),
            },
            unreadable,
            odd: odd_in(&orders, listed(map.id.iter()).trim_matches('`')),
            test_orders,
            total,
            follows,
            fields: fields(map).into_iter().map(|(name, paths)| counted(name, &paths, &raw)).collect(),
            first,
            sorted,
            again,
            lists: BTreeMap::new(),
            orders: orders.into_iter().map(|read| read.order).collect(),
        })
    }

    /// The first page of the list, and the second where one follows: only that one shows whether pages are asked for as the
    /// API wants it.
    async fn first_pages(&self, most: u32, now: Timestamp) -> Result<Pages, SourceError> {
        let list = &self.settings.list;
        let mut pager = Pager::new(&list.paging);
        let first = self.page(list, None, &pager).await?.read(|item| item)?;
        let walked = first.items.len() as u64;
        let follows = self.follows(&mut pager, &first, walked, now);
        let Page { call, items, total, absent, .. } = first;
        let mut pages = Pages { call, pages: 1, items, total, follows, absent };
        if pages.follows != Follows::Page || most < 2 {
            return Ok(pages);
        }
        // The first page can be looked at all the same.
        let second = match self.page(list, None, &pager).await.and_then(|page| page.read(|item| item)) {
            Ok(second) => second,
            Err(error) => return Ok(Pages { follows: Follows::Refused(error.to_string()), ..pages }),
        };
        if !second.items.is_empty() && second.items == pages.items {
            let again = SourceError::PageRepeats { call: second.call };
            return Ok(Pages { follows: Follows::Refused(again.to_string()), ..pages });
        }
        let walked = walked + second.items.len() as u64;
        pages.follows = self.follows(&mut pager, &second, walked, now);
        pages.pages += 1;
        pages.absent.retain(|place| second.absent.contains(place));
        pages.items.extend(second.items);
        Ok(pages)
    }

    /// What follows a page of the list.
    fn follows(&self, pager: &mut Pager<'_>, page: &Page<Value>, walked: u64, now: Timestamp) -> Follows {
        let last_id = page.items.iter().rev().find_map(|item| self.mapper.order(item.clone(), now).ok());
        let last_id = last_id.map(|read| read.order.id.to_string());
        let facts = PageFacts {
            received: page.items.len(),
            walked,
            total: page.total,
            last_id: last_id.as_deref(),
            next: page.next.clone(),
            more: page.more,
            pages: page.pages,
        };
        match pager.advance(&facts, &page.call, &page.url, self.caller.base()) {
            Ok(Next::End) => Follows::End,
            Ok(Next::Page) => Follows::Page,
            Err(error) => Follows::Refused(error.to_string()),
        }
    }

    fn looked(&self, item: &Value, now: Timestamp) -> Option<Looked> {
        let order = self.mapper.order_in(item, now).ok()?;
        let found = fields(&self.settings.map).into_iter().filter_map(|(name, paths)| {
            let (path, values) = paths.iter().find_map(|path| Some((path.to_string(), found_at(path, &item[0])?)))?;
            Some((name, path, values))
        });
        Some(Looked { id: order.order.id, found: found.collect() })
    }
}

/// The first pages of a list.
struct Pages {
    /// The first request.
    call: String,
    pages: usize,
    items: Vec<Value>,
    total: Option<u64>,
    follows: Follows,
    absent: Vec<Absent>,
}

/// A path of the mapping: in the order, or in each of its lines.
enum Place<'m> {
    Order(&'m JsonPath),
    Line(&'m Lines, &'m JsonPath),
}

impl Place<'_> {
    fn values(&self, order: &Value) -> Vec<Value> {
        let at =
            |value: &Value, path: &JsonPath| path.query(value).iter().map(|node| (*node).clone()).collect::<Vec<_>>();
        match self {
            Place::Order(path) => at(order, path),
            Place::Line(lines, path) => {
                let found =
                    lines.each.iter().map(|each| lines_of(order, each, lines.form)).find(|found| !found.is_empty());
                found.unwrap_or_default().iter().flat_map(|line| at(line, path)).collect()
            }
        }
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Order(path) | Place::Line(_, path) => write!(f, "{path}"),
        }
    }
}

/// Every field that is mapped.
fn fields(map: &Map) -> Vec<(&'static str, Vec<Place<'_>>)> {
    let mut fields: Vec<(&'static str, Vec<Place<'_>>)> = [
        ("map.id", &map.id),
        ("map.updated_at", &map.updated_at),
        ("map.paid_at", &map.paid_at),
        ("map.ended_at", &map.ended_at),
        ("map.period_end", &map.period_end),
        ("map.products", &map.products),
        ("map.quantity", &map.quantity),
    ]
    .into_iter()
    .map(|(name, paths)| (name, paths.iter().map(Place::Order).collect()))
    .collect();
    if let Some(lines) = &map.lines {
        let line = |path| Place::Line(lines, path);
        fields.push(("map.lines.product", lines.product.iter().map(line).collect()));
        fields.push(("map.lines.quantity", lines.quantity.iter().map(line).collect()));
        fields.push(("map.lines.period_end", lines.period_end.iter().map(line).collect()));
        fields.push(("map.lines.id", lines.id.iter().map(line).collect()));
    }
    fields.push(("map.user_id", map.user_id.iter().map(Place::Order).collect()));
    fields.push(("map.email", map.email.iter().map(Place::Order).collect()));
    fields.retain(|(_, paths)| !paths.is_empty());
    fields
}

fn counted(name: &'static str, paths: &[Place<'_>], orders: &[Value]) -> Field {
    let has = |path: &Place<'_>, order: &Value| found_at(path, &order[0]).is_some();
    Field {
        name,
        found: orders.iter().filter(|order| paths.iter().any(|path| has(path, order))).count(),
        paths: paths
            .iter()
            .map(|path| (path.to_string(), orders.iter().filter(|order| has(path, order)).count()))
            .collect(),
    }
}

/// What stands at a path, where that is more than nothing.
fn found_at(path: &Place<'_>, order: &Value) -> Option<String> {
    let there = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let values: Vec<String> = path.values(order).into_iter().filter(there).map(text).collect();
    (!values.is_empty()).then(|| begins(values.join(", ").as_bytes(), &[]))
}

fn sorted(incremental: &Incremental, orders: &[ReadOrder]) -> Sorted {
    if *incremental != Incremental::WalkBack {
        return Sorted::NotNeeded;
    }
    match newest_first(orders.iter()) {
        true => Sorted::AsNeeded,
        false => Sorted::NotAsNeeded,
    }
}
