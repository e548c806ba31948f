//! Full reads: every page, every line, and what is asked for on the way.

use entitled::model::Standing;
use entitled::source::{Lookup, Read, STRIPE_VERSION, Scope};
use jiff::Timestamp;
use serde_json::json;

use super::account::Account;
use super::objects::{DAY, HOUR, bought, line, subscribed};
use super::{at, everything, stripe};
use crate::source::read;

#[tokio::test]
async fn every_page_of_every_list_is_read_once() {
    let account = Account::start().await;
    for number in 0..250 {
        // Three of each second, so that no cursor falls between two times.
        bought(&account, &format!("{number:03}"), DAY + number / 3);
    }
    let (orders, report) = everything(&stripe(&account.url, "")).await;
    assert_eq!((orders.len(), report.orders, report.scope), (250, 250, Scope::Full));
    let asked = account.asked();
    let pages = |path: &str| asked.iter().filter(|call| call.split(' ').next() == Some(path)).count();
    assert_eq!((pages("/v1/checkout/sessions"), pages("/v1/payment_intents"), pages("/v1/subscriptions")), (3, 3, 1));
    assert_eq!(asked.len(), 1 + 1 + 1 + 7, "one more for the last event, the disputes and the refunds: {asked:?}");
}

#[tokio::test]
async fn lines_beyond_the_first_ten_are_asked_for() {
    let account = Account::start().await;
    bought(&account, "a", DAY);
    let lines: Vec<_> = (0..130).map(|number| line(&format!("li_{number}"), &format!("prod_{number}"), 1)).collect();
    account.set("cs_a", json!({"+line_items": lines}));
    let (orders, _) = everything(&stripe(&account.url, "")).await;
    assert_eq!(orders[0].items.len(), 130);
    let Lookup::Found(again) = stripe(&account.url, "").get(&"cs_a".into()).await.unwrap() else { panic!() };
    assert_eq!(again.items.len(), 130);
}

#[tokio::test]
async fn every_call_names_its_version_its_account_and_its_key() {
    let account = Account::start().await;
    bought(&account, "a", DAY);
    everything(&stripe(&account.url, "account: acct_1032D82eZvKYlo2C")).await;
    for headers in account.headers() {
        assert_eq!(headers["stripe-version"], STRIPE_VERSION);
        assert_eq!(headers["stripe-account"], "acct_1032D82eZvKYlo2C");
        assert_eq!(headers["authorization"], format!("Bearer {}", super::KEY));
    }
    let account = Account::start().await;
    everything(&stripe(&account.url, "")).await;
    assert!(account.headers().iter().all(|headers| !headers.contains_key("stripe-account")));
}

#[tokio::test]
async fn a_window_leaves_old_payments_out_and_no_subscription() {
    let account = Account::start().await;
    let now = Timestamp::now().as_second();
    bought(&account, "old", now - 40 * 24 * HOUR);
    bought(&account, "new", now - 24 * HOUR);
    subscribed(&account, "old2", DAY);
    let ids = |orders: &[entitled::model::Order]| -> Vec<String> {
        orders.iter().map(|order| order.id.to_string()).collect()
    };
    let (orders, _) = everything(&stripe(&account.url, "window: 30d")).await;
    assert_eq!(ids(&orders), ["cs_new", "sub_old2"]);
    let (orders, _) = everything(&stripe(&account.url, "")).await;
    assert_eq!(ids(&orders), ["cs_new", "cs_old", "sub_old2"]);
}

#[tokio::test]
async fn only_what_the_shop_uses_is_asked_for() {
    let account = Account::start().await;
    bought(&account, "a", DAY);
    subscribed(&account, "b", DAY);
    everything(&stripe(&account.url, "read: [subscriptions]")).await;
    let asked = account.asked();
    assert!(asked.iter().all(|call| !call.contains("checkout") && !call.contains("payment_intents")), "{asked:?}");
    everything(&stripe(&account.url, "read: [checkout]")).await;
    let asked = account.asked();
    assert!(asked.iter().all(|call| !call.contains("subscriptions") && !call.contains("refunds")), "{asked:?}");
}

#[tokio::test]
async fn a_full_read_leaves_its_mark_by_the_clock_of_stripe() {
    let account = Account::start().await;
    bought(&account, "a", DAY);
    let now = Timestamp::now().as_second();
    account.event("evt_old", "checkout.session.completed", now - 300, "cs_a");
    let (_, report) = everything(&stripe(&account.url, "")).await;
    assert_eq!(report.watermark, Some(at(now - 300)));

    account.event("evt_ahead", "checkout.session.completed", now + 300, "cs_a");
    let (_, report) = everything(&stripe(&account.url, "")).await;
    let watermark = report.watermark.unwrap();
    assert!(watermark <= Timestamp::now(), "a clock that is ahead must not hide what follows: {watermark}");

    let quiet = Account::start().await;
    let (_, report) = everything(&stripe(&quiet.url, "")).await;
    assert!(report.watermark.is_some_and(|at| at.as_second() < now), "an account without events has one too");
}

#[tokio::test]
async fn an_id_that_is_no_order_is_missing_and_a_strange_one_is_not_asked_for() {
    let account = Account::start().await;
    bought(&account, "a", DAY);
    let shop = stripe(&account.url, "");
    for id in ["cs_none", "pi_none", "sub_none", "pi_a"] {
        assert_eq!(shop.get(&id.into()).await.unwrap(), Lookup::Missing, "{id}");
    }
    account.asked();
    assert_eq!(shop.get(&"ord_1".into()).await.unwrap(), Lookup::Unsupported);
    assert_eq!(account.asked(), [""; 0]);
}

#[tokio::test]
async fn a_source_that_shrinks_is_not_believed() {
    let account = Account::start().await;
    bought(&account, "a", DAY);
    let shop = stripe(&account.url, "");
    let (pages, ended) = read(&shop, Read::Full { last_count: Some(3) }).await;
    assert_eq!(pages.concat()[0].standing, Standing::Paid, "what it gave is true");
    assert!(ended.unwrap_err().to_string().contains("more than 50% are gone"));
    let shop = stripe(&account.url, "expect: {max_shrink: 100%}");
    assert!(read(&shop, Read::Full { last_count: Some(3) }).await.1.is_ok());
}

/// The version is named once in the code; the manual's table of versions ends with it.
#[test]
fn the_manual_says_what_changed_up_to_the_version_that_is_asked_for() {
    let manual = include_str!("../../../../docs/sources.md");
    let versions = manual.lines().filter_map(|line| line.strip_prefix("| `20")?.split_once('`'));
    let named: Vec<String> = versions.map(|(version, _)| format!("20{version}")).collect();
    assert_eq!(named.last().map(String::as_str), Some(STRIPE_VERSION), "{named:?}");
    assert!(named.is_sorted(), "{named:?}");
}
