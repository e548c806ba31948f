//! Sources: what they read, and what they refuse to take for an answer.

mod adjustments;
mod any_json;
mod auth;
mod contract;
mod documented;
mod file;
mod guards;
mod increments;
mod lines;
mod lists;
mod lookups;
mod mapping;
mod nothing_sold;
mod odd_rows;
mod one_way_in;
mod pages;
mod posted;
mod rechecks;
mod stories;
mod stripe;
mod unnamed;
mod webhooks;

use std::error::Error;

use entitled::config::settings::source::{HttpSource, SourceSettings};
use entitled::model::Order;
use entitled::source::{Read, ReadReport, Source, SourceError, Step};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::preset::{http_source, settings};

const FULL: Read = Read::Full { last_count: None };

/// A shop that lists at `/orders` with pages of two.
const SHOP: &str = "
list:
  path: /orders
  items: [$.orders, $.data]
  total: $.count
  paging: {kind: offset, param: offset, size_param: limit, size: 2}
get: {path: '/orders/{id}', item: [$.order, $]}
map: {id: $.id, updated_at: $.at, products: '$.products[*]', user_id: $.user, email: $.email}
status:
  - {when: \"@.status == 'paid'\", as: paid}
  - {when: \"@.status == 'refunded'\", as: refunded}
";

/// The same with its last lines replaced or added.
fn shop(url: &str, more: &str) -> Source {
    source(http_source(&format!("{SHOP}{more}"), url))
}

fn source(http: HttpSource) -> Source {
    Source::new(&settings(http)).unwrap()
}

fn of(settings: &SourceSettings) -> Source {
    Source::new(settings).unwrap()
}

/// A paid order that last changed at this minute of a day in the past.
fn order(id: &str, minute: u32) -> Value {
    json!({"id": id, "status": "paid", "at": format!("2024-05-06T07:{minute:02}:00Z"), "products": ["p"]})
}

/// Long after every time in these tests.
fn now() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

fn at(minute: u32) -> Timestamp {
    format!("2024-05-06T07:{minute:02}:00Z").parse().unwrap()
}

fn since(minute: u32) -> Read {
    Read::Since { watermark: at(minute), last_count: None }
}

/// Everything a read gives, page by page, and how it ended.
async fn read(source: &Source, plan: Read) -> (Vec<Vec<Order>>, Result<ReadReport, SourceError>) {
    let mut pages = Vec::new();
    let mut reading = source.read(plan);
    loop {
        match reading.next().await {
            Ok(Step::Adjustments(_)) => {}
            Ok(Step::Page(page)) => pages.push(page.into_iter().map(|read| read.order).collect()),
            Ok(Step::Done(report)) => return (pages, Ok(report)),
            Err(error) => return (pages, Err(error)),
        }
    }
}

async fn refused(source: &Source, plan: Read) -> SourceError {
    let (pages, ended) = read(source, plan).await;
    ended.expect_err(&format!("refused, but gave {pages:?}"))
}

fn ids(pages: &[Vec<Order>]) -> Vec<Vec<&str>> {
    pages.iter().map(|page| page.iter().map(|order| order.id.as_str()).collect()).collect()
}

/// An error and its causes, as the edge prints them.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
