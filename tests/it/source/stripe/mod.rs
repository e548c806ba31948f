//! Stripe: what its objects become, what is asked for, and what is never taken for an answer.
//!
//! The answers are built from the documented fields; no recording of a real account stands behind them.

pub(super) mod account;
mod guards;
mod hints;
mod increments;
mod lists;
mod localstripe;
pub(super) mod objects;
mod odd_rows;
mod standings;
mod subscriptions;

use std::path::Path;

use entitled::config::{Env, Presets, check_text, render};
use entitled::model::{Order, Standing};
use entitled::source::{Lookup, ReadReport, Source};
use entitled::text::Color;
use jiff::Timestamp;

use super::{FULL, read};
use account::Account;

const KEY: &str = "rk_test_51Secret0fTheTest";

struct Given(String);

impl Env for Given {
    fn var(&self, _: &str) -> Option<String> {
        Some(self.0.clone())
    }

    fn file(&self, _: &str) -> Result<String, String> {
        Err("no file here".to_owned())
    }
}

/// The source as a file would have it, with these lines besides.
pub(super) fn stripe(url: &str, more: &str) -> Source {
    with_key(KEY, url, more)
}

fn with_key(key: &str, url: &str, more: &str) -> Source {
    let more: String = more.lines().map(|line| format!("    {}\n", line.trim())).collect();
    let file = format!(
        "version: 1\nlogto: {{endpoint: sandbox}}\nprune: owned\nproducts: {{p: {{entitlements: [{{role: r}}]}}}}\n\
         sources:\n  shop:\n    kind: stripe\n    key: ${{STRIPE_KEY}}\n    url: {url}\n    rate: 10000\n{more}"
    );
    let checked = check_text(&file, Path::new("test.yaml"), &Given(key.to_owned()), &Presets::new([]));
    let (config, _) =
        checked.unwrap_or_else(|problems| panic!("{}", render(&problems, &file, "test.yaml", Color::Plain)));
    Source::new(&config.sources[0]).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// Every order of a full read, by id; the same one twice is a failure.
async fn everything(source: &Source) -> (Vec<Order>, ReadReport) {
    let (pages, report) = read(source, FULL).await;
    let mut orders = pages.concat();
    orders.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
    assert!(orders.windows(2).all(|pair| pair[0].id != pair[1].id), "an order came twice: {orders:?}");
    (orders, report.unwrap())
}

/// The one order of the account, which reads the same by its id as in the list.
async fn only(source: &Source) -> Order {
    let (orders, _) = everything(source).await;
    let [order] = &orders[..] else { panic!("one order, but {orders:?}") };
    let Lookup::Found(again) = source.get(&order.id).await.unwrap() else { panic!("{} is gone", order.id) };
    assert_eq!(*order, again.order, "the list and the lookup say different things");
    again.order
}

/// The same, as far as the standing goes.
async fn standing(account: &Account) -> Standing {
    only(&stripe(&account.url, "")).await.standing
}
