//! Increments: events name what to read again, and say nothing else.

use entitled::model::{Order, Standing};
use entitled::source::{Read, ReadReport, Scope, Source};
use jiff::Timestamp;
use serde_json::json;

use super::account::Account;
use super::objects::{HOUR, MONTH, bought, charge, contest, customer, give_back, intent, session, subscribed};
use super::{at, everything, stripe};
use crate::source::read;

fn now() -> i64 {
    Timestamp::now().as_second()
}

/// What changed since this second.
async fn since(source: &Source, seconds: i64) -> (Vec<Order>, ReadReport) {
    let (pages, report) = read(source, Read::Since { watermark: at(seconds), last_count: None }).await;
    (pages.concat(), report.unwrap())
}

fn seen(orders: &[Order]) -> Vec<(&str, Standing)> {
    orders.iter().map(|order| (order.id.as_str(), order.standing)).collect()
}

#[tokio::test]
async fn only_what_events_name_is_read_again() {
    let (account, start) = (Account::start().await, now() - HOUR);
    for name in ["a", "b", "c"] {
        bought(&account, name, start);
    }
    account.event("evt_1", "checkout.session.completed", start + 100, "cs_b");
    let shop = stripe(&account.url, "");
    let (orders, report) = since(&shop, start).await;
    assert_eq!(seen(&orders), [("cs_b", Standing::Paid)]);
    assert_eq!(
        (report.scope, report.watermark, report.pages, report.orders),
        (Scope::Changes, Some(at(start + 100)), 1, 1)
    );
    let asked = account.asked();
    assert_eq!(asked, [format!("/v1/events created[gte]={}", start - 600), "/v1/checkout/sessions/cs_b".to_owned()]);
}

#[tokio::test]
async fn a_quiet_poll_is_one_call_and_so_is_one_that_brings_nothing_new() {
    let (account, start) = (Account::start().await, now() - HOUR);
    bought(&account, "a", start);
    let shop = stripe(&account.url, "");
    let (orders, report) = since(&shop, start).await;
    assert_eq!((orders.len(), report.watermark, account.asked().len()), (0, Some(at(start)), 1));

    account.event("evt_1", "checkout.session.completed", start + 100, "cs_a");
    let (orders, report) = since(&shop, start).await;
    assert_eq!((orders.len(), account.asked().len()), (1, 2));
    // The overlap brings the event again.
    let (orders, again) = since(&shop, report.watermark.unwrap().as_second()).await;
    assert_eq!((orders.len(), again.watermark, account.asked().len()), (0, report.watermark, 1));
    // Who comes back with an older watermark has not kept what it was given.
    let (orders, _) = since(&shop, start).await;
    assert_eq!(orders.len(), 1);
}

#[tokio::test]
async fn the_same_event_twice_or_out_of_order_changes_nothing() {
    let (account, start) = (Account::start().await, now() - HOUR);
    bought(&account, "a", start);
    account.event("evt_1", "checkout.session.completed", start + 100, "cs_a");
    give_back(&account, "a", start + 200, 4900);
    account.event("evt_2", "charge.refunded", start + 200, "ch_a");
    account.event("evt_3", "checkout.session.completed", start + 300, "cs_a");
    account.event("evt_4", "refund.created", start + 90, "re_a");
    let shop = stripe(&account.url, "");
    let (first, _) = since(&shop, start).await;
    assert_eq!(seen(&first), [("cs_a", Standing::Refunded)]);
    let (again, _) = since(&stripe(&account.url, ""), start).await;
    assert_eq!(first, again);
}

#[tokio::test]
async fn a_refund_and_a_dispute_reach_whatever_the_payment_paid() {
    let (account, start) = (Account::start().await, now() - HOUR);
    bought(&account, "a", start);
    subscribed(&account, "s", start);
    let mut bare = intent("pi_b", start, "cus_b", "ch_b");
    bare["metadata"] = json!({"product_id": "prod_book"});
    account.put(customer("cus_b", "b@example.com")).put(charge("ch_b", start)).put(bare);
    let shop = stripe(&account.url, "");

    for (kind, number) in [("charge.refunded", 1), ("refund.created", 2)] {
        for name in ["a", "b", "s"] {
            give_back(&account, name, start + number, 4900);
            let about = if kind == "charge.refunded" { format!("ch_{name}") } else { format!("re_{name}") };
            account.event(&format!("evt_{name}{number}"), kind, start + number, &about);
        }
        let (mut orders, _) = since(&shop, start + number - 1).await;
        orders.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
        let refunded = [("cs_a", Standing::Refunded), ("pi_b", Standing::Refunded), ("sub_s", Standing::Refunded)];
        assert_eq!(seen(&orders), refunded, "{kind}");
    }

    bought(&account, "d", start);
    contest(&account, "d", start + 20, "needs_response");
    account.event("evt_d1", "charge.dispute.created", start + 20, "dp_d");
    assert_eq!(seen(&since(&shop, start + 19).await.0), [("cs_d", Standing::Disputed)]);
    contest(&account, "d", start + 20, "won");
    account.event("evt_d2", "charge.dispute.closed", start + 30, "dp_d");
    assert_eq!(seen(&since(&shop, start + 29).await.0), [("cs_d", Standing::Paid)]);
}

#[tokio::test]
async fn a_subscription_moves_with_its_events() {
    let (account, start) = (Account::start().await, now() - HOUR);
    subscribed(&account, "a", start);
    account.event("evt_1", "customer.subscription.updated", start + 1, "sub_a");
    let shop = stripe(&account.url, "");
    let (orders, _) = since(&shop, start).await;
    assert_eq!(orders[0].period_end, Some(at(start + MONTH)));
    account.set("sub_a", json!({"status": "past_due"}));
    account.event("evt_2", "customer.subscription.updated", start + 2, "sub_a");
    assert_eq!(since(&shop, start + 1).await.0[0].period_end, Some(at(start)));
    account.set("sub_a", json!({"status": "canceled", "ended_at": start + 50}));
    account.event("evt_3", "customer.subscription.deleted", start + 50, "sub_a");
    let (orders, _) = since(&shop, start + 2).await;
    assert_eq!((orders[0].standing, orders[0].period_end), (Standing::Subscribed, Some(at(start + 50))));

    // The session that made a subscription may be complete after the subscription's own events.
    let mut made = session("cs_s", start, "cus_a", "unused");
    for (key, value) in
        [("mode", json!("subscription")), ("payment_intent", json!(null)), ("subscription", json!("sub_a"))]
    {
        made[key] = value;
    }
    made["client_reference_id"] = json!("user12345678");
    account.put(made).event("evt_4", "checkout.session.completed", start + 60, "cs_s");
    let (orders, _) = since(&shop, start + 50).await;
    assert_eq!(orders[0].buyer.to_string(), "user12345678 <a@example.com>");
}

#[tokio::test]
async fn payments_that_are_no_orders_cost_no_call() {
    let (account, start) = (Account::start().await, now() - HOUR);
    subscribed(&account, "a", start);
    account.event("evt_1", "payment_intent.succeeded", start + 1, "pi_a");
    account.event("evt_2", "customer.updated", start + 2, "cus_a");
    let (orders, _) = since(&stripe(&account.url, ""), start).await;
    assert_eq!((orders.len(), account.asked().len()), (0, 1));
}

#[tokio::test]
async fn an_object_that_is_gone_is_passed_over() {
    let (account, start) = (Account::start().await, now() - HOUR);
    bought(&account, "a", start);
    bought(&account, "b", start);
    account.event("evt_1", "checkout.session.completed", start + 1, "cs_a");
    account.event("evt_2", "checkout.session.completed", start + 2, "cs_b");
    account.set("cs_a", json!({"id": "cs_renamed"}));
    assert_eq!(seen(&since(&stripe(&account.url, ""), start).await.0), [("cs_b", Standing::Paid)]);
}

#[tokio::test]
async fn events_beyond_a_page_and_orders_beyond_a_batch_all_come() {
    let (account, start) = (Account::start().await, now() - HOUR);
    for number in 0..120 {
        bought(&account, &format!("{number:03}"), start);
        account.event(
            &format!("evt_{number:03}"),
            "checkout.session.completed",
            start + number,
            &format!("cs_{number:03}"),
        );
    }
    let shop = stripe(&account.url, "");
    let (pages, report) = read(&shop, Read::Since { watermark: at(start), last_count: None }).await;
    let report = report.unwrap();
    assert_eq!((report.pages, report.orders, report.watermark), (2, 120, Some(at(start + 119))));
    assert!(pages.len() >= 6 && pages.iter().all(|page| !page.is_empty() && page.len() <= 20));
    let mut ids: Vec<_> = pages.concat().into_iter().map(|order| order.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 120);
}

#[tokio::test]
async fn what_stripe_may_have_forgotten_is_read_in_full() {
    let account = Account::start().await;
    bought(&account, "a", now() - 40 * 24 * HOUR);
    let shop = stripe(&account.url, "");
    let (orders, report) = since(&shop, now() - 29 * 24 * HOUR).await;
    assert_eq!((report.scope, seen(&orders)), (Scope::Full, vec![("cs_a", Standing::Paid)]));
    let next = report.watermark.unwrap();
    let (orders, report) = since(&shop, next.as_second()).await;
    assert_eq!((report.scope, orders.len()), (Scope::Changes, 0), "the full read has closed the gap");

    let (_, report) = since(&stripe(&account.url, ""), now() - 28 * 24 * HOUR).await;
    assert_eq!(report.scope, Scope::Changes);
    let (orders, _) = everything(&shop).await;
    assert_eq!(orders.len(), 1);
}

#[tokio::test]
async fn an_event_of_the_future_does_not_hide_what_follows() {
    let (account, start) = (Account::start().await, now() - HOUR);
    bought(&account, "a", start);
    account.event("evt_1", "checkout.session.completed", now() + 5 * HOUR, "cs_a");
    let (_, report) = since(&stripe(&account.url, ""), start).await;
    assert!(report.watermark.unwrap() <= Timestamp::now());
}
