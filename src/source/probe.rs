//! What the first pages of a source show to somebody who writes a mapping. Values only.
//!
//! Decides nothing and judges nothing: it says what was found, how often, and where.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use serde_json::Value;

use super::odd::odd;
use super::{Absent, Lookup, Nameless, SourceError};
use crate::model::{Odd, OddPart, Oddity, Order, OrderId, ReadOrder, Standing};

/// What the first pages showed.
#[derive(Debug, Serialize)]
pub struct Trial {
    /// The request, where there was one.
    pub call: Option<String>,
    /// The orders of the pages, with what the first page of each overlay says put on them.
    pub orders: Vec<Order>,
    /// How many rows the pages had, orders or not.
    pub rows: usize,
    /// Of the words that no line of `status` knows: each, and what a line says that would know it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub suggested: BTreeMap<String, String>,
    /// Items that cannot be read as orders.
    pub unreadable: Vec<Unreadable>,
    /// Orders of which something could not be read, each with all that is odd about it.
    pub odd: Vec<(OrderId, Vec<Odd>)>,
    /// Orders that `expect.live` leaves out.
    pub test_orders: usize,
    /// How many there are in all, where the API says so.
    pub total: Option<u64>,
    /// How many pages were read.
    pub pages: usize,
    /// What follows them.
    pub follows: Follows,
    /// What none of them has, though the settings say where it stands.
    pub absent: Vec<Absent>,
    /// What the mapping found, field by field. Empty where there is no mapping.
    pub fields: Vec<Field>,
    /// What it found in the first orders.
    pub first: Vec<Looked>,
    /// What the first page of each overlay says.
    pub overlays: Vec<OverlayTrial>,
    /// Whether the page is in the order that the increment needs.
    pub sorted: Sorted,
    /// What came of asking for one order by its id.
    pub again: Again,
    /// What each list but the orders showed, by its name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lists: BTreeMap<String, Trial>,
}

/// An item that is no order.
#[derive(Debug, Serialize)]
pub struct Unreadable {
    /// Its place on the page, from 1, where `why` does not say it.
    pub place: Option<usize>,
    /// Why.
    pub why: String,
}

/// What follows a page.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Follows {
    /// Nothing.
    End,
    /// Another page.
    Page,
    /// Nothing that can be followed, and why.
    Refused(String),
}

/// One field of the mapping.
#[derive(Debug, Serialize)]
pub struct Field {
    /// Its key, such as `map.paid_at`.
    pub name: &'static str,
    /// In how many orders any of its paths found something.
    pub found: usize,
    /// Each path, and in how many orders it found something.
    pub paths: Vec<(String, usize)>,
}

/// What the mapping found in one order.
#[derive(Debug, Serialize)]
pub struct Looked {
    /// The order.
    pub id: OrderId,
    /// Each field with the path that found something, and what.
    pub found: Vec<(&'static str, String, String)>,
}

/// The first page of one overlay.
#[derive(Debug, Serialize)]
pub struct OverlayTrial {
    /// Its path.
    pub path: String,
    /// How many of its items make what of an order; nothing for those that take nothing away.
    pub says: Vec<(Option<Standing>, usize)>,
    /// Of those items, how many are about an order of the page.
    pub about_the_page: usize,
    /// How many of its items cannot be read.
    pub odd: u64,
    /// The first of those: the request, the place in the answer, and why.
    pub unreadable: Vec<String>,
}

/// Whether the orders of the page come as the increment needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sorted {
    /// The increment needs no order.
    NotNeeded,
    /// Newest change first, as `walk_back` needs.
    AsNeeded,
    /// Not newest change first: `walk_back` will read everything each time.
    NotAsNeeded,
}

/// What came of asking for one order by its id.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Again {
    /// There was no order to ask for.
    NoOrder,
    /// The source cannot.
    Unsupported,
    /// As in the list.
    Same(OrderId),
    /// Found, and these parts of it differ from the list.
    Differs(OrderId, Vec<&'static str>),
    /// The API says that there is none.
    Missing(OrderId),
    /// It could not be read, and why.
    Failed(OrderId, String),
}

impl Trial {
    /// How many orders stand where.
    pub fn standings(&self) -> BTreeMap<Standing, usize> {
        let mut counts = BTreeMap::new();
        for order in &self.orders {
            *counts.entry(Self::standing(order)).or_default() += 1;
        }
        counts
    }

    /// How an order stands by all of its lines: one that has none left is what a pass makes of those.
    pub fn standing(order: &Order) -> Standing {
        let mut lines = order.items.iter().map(|item| order.standing_of(item));
        let first = lines.next().unwrap_or(order.standing);
        if lines.all(|standing| standing == first) { first } else { order.standing }
    }

    /// The API's own words that no line of `status` knows, and how often each was said.
    pub fn unmapped(&self) -> BTreeMap<String, usize> {
        let mut words = BTreeMap::new();
        let odd =
            |order: &Order| self.odd.iter().any(|(id, odd)| *id == order.id && odd.iter().any(Odd::makes_unknown));
        for order in self.orders.iter().filter(|order| order.standing == Standing::Unknown && !odd(order)) {
            *words.entry(order.status.clone().unwrap_or_default()).or_default() += 1;
        }
        words
    }

    /// Whether any row of any list is an order.
    pub fn has_orders(&self) -> bool {
        !self.orders.is_empty() || self.lists.values().any(Trial::has_orders)
    }

    /// Of a source without a mapping: its first page, and the rows that have no id.
    pub(super) fn plain(orders: Vec<ReadOrder>, nameless: Nameless, follows: Follows, again: Again) -> Self {
        Self {
            call: None,
            rows: orders.len() + nameless.rows as usize,
            suggested: BTreeMap::new(),
            odd: odd_of(&orders),
            orders: orders.into_iter().map(|read| read.order).collect(),
            unreadable: nameless.first.into_iter().map(|why| Unreadable { place: None, why }).collect(),
            test_orders: 0,
            total: None,
            pages: 1,
            follows,
            absent: Vec::new(),
            fields: Vec::new(),
            first: Vec::new(),
            overlays: Vec::new(),
            sorted: Sorted::NotNeeded,
            again,
            lists: BTreeMap::new(),
        }
    }
}

impl Again {
    /// Compares an order with itself, asked for by its id.
    pub(super) fn of(listed: &Order, looked: Result<Lookup, SourceError>) -> Self {
        let id = listed.id.clone();
        match looked {
            Ok(Lookup::Unsupported) => Again::Unsupported,
            Ok(Lookup::Missing) => Again::Missing(id),
            Ok(Lookup::TestMode) => Again::Failed(id, "by its id it is an order of test mode".to_owned()),
            Ok(Lookup::Found(found)) => match differences(listed, &found) {
                parts if parts.is_empty() => Again::Same(id),
                parts => Again::Differs(id, parts),
            },
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                Again::Failed(id, format!("{error}{cause}"))
            }
        }
    }
}

/// What is odd about these orders.
pub(super) fn odd_of(orders: &[ReadOrder]) -> Vec<(OrderId, Vec<Odd>)> {
    let odd = orders.iter().filter(|read| !read.odd.is_empty());
    odd.map(|read| (read.id.clone(), read.odd.clone())).collect()
}

/// What is odd about these orders, one of which may be told twice, otherwise each time.
pub(super) fn odd_in(orders: &[ReadOrder], id: &str) -> Vec<(OrderId, Vec<Odd>)> {
    let mut all = odd_of(orders);
    let (mut seen, mut twice) = (HashMap::new(), BTreeSet::new());
    for read in orders {
        let known = seen.entry(&read.order.id).or_insert(read);
        if *known != read && twice.insert(&read.order.id) {
            let value = Value::from(read.order.id.as_str());
            all.push((read.order.id.clone(), vec![odd(OddPart::Row, Oddity::Twice, id, &value)]));
        }
    }
    all
}

fn differences(listed: &Order, found: &Order) -> Vec<&'static str> {
    let parts = [
        ("standing", listed.standing == found.standing),
        ("products", listed.items == found.items),
        ("user_id", listed.buyer.user == found.buyer.user),
        ("email", listed.buyer.email == found.buyer.email),
        ("paid_at", listed.paid_at == found.paid_at),
        ("updated_at", listed.updated_at == found.updated_at),
        ("ended_at", listed.ended_at == found.ended_at),
        ("period_end", listed.period_end == found.period_end),
    ];
    parts.into_iter().filter(|(_, same)| !same).map(|(part, _)| part).collect()
}
