//! Subscriptions: until when each is paid.

use entitled::model::{ProductId, Renewal, Standing};
use serde_json::{Value, json};

use super::account::Account;
use super::objects::{DAY, HOUR, MONTH, contest, give_back, item_of, session, subscribed};
use super::{at, only, stripe};

async fn running() -> Account {
    let account = Account::start().await;
    subscribed(&account, "a", DAY + MONTH);
    account
}

#[tokio::test]
async fn a_subscription_is_entitled_until_the_end_of_what_was_paid() {
    let (period_start, period_end, ended) = (DAY + MONTH, DAY + 2 * MONTH, DAY + 40 * HOUR);
    let between = json!({"status": "past_due", "latest_invoice": "in_between"});
    for (changes, expected, until) in [
        (json!({"status": "active"}), Standing::Subscribed, Some(period_end)),
        (json!({"status": "active", "cancel_at_period_end": true}), Standing::Subscribed, Some(period_end)),
        (json!({"status": "trialing", "trial_end": ended}), Standing::Subscribed, Some(ended)),
        (json!({"status": "past_due"}), Standing::Subscribed, Some(period_start)),
        (json!({"status": "unpaid"}), Standing::Subscribed, Some(period_start)),
        (between, Standing::Subscribed, Some(period_end)),
        (json!({"status": "canceled", "ended_at": ended}), Standing::Subscribed, Some(ended)),
        (json!({"status": "paused", "trial_end": ended}), Standing::Subscribed, Some(ended)),
        (json!({"status": "paused"}), Standing::Subscribed, Some(period_start)),
        (json!({"status": "incomplete"}), Standing::Pending, None),
        (json!({"status": "incomplete_expired"}), Standing::Expired, None),
        (json!({"status": "a_new_word"}), Standing::Unknown, None),
    ] {
        let account = running().await;
        account.put(json!({
            "id": "in_between", "object": "invoice", "billing_reason": "subscription_update", "+payments": [],
        }));
        account.set("sub_a", changes.clone());
        let order = only(&stripe(&account.url, "")).await;
        assert_eq!((order.standing, order.period_end), (expected, until.map(at)), "{changes}");
        assert_eq!(order.status.as_deref(), changes["status"].as_str());
    }
}

#[tokio::test]
async fn its_items_are_its_products_and_the_last_to_end_decides() {
    let account = running().await;
    let items = json!({"object": "list", "has_more": false, "data": [
        item_of("si_1", "prod_plan", DAY + MONTH), item_of("si_2", "prod_extra", DAY + 2 * MONTH),
    ]});
    account.set("sub_a", json!({"items": items}));
    let order = only(&stripe(&account.url, "")).await;
    let products: Vec<&ProductId> = order.items.iter().map(|item| &item.product).collect();
    assert_eq!(products, [&ProductId::from("prod_plan"), &ProductId::from("prod_extra")]);
    assert_eq!(order.period_end, Some(at(DAY + 3 * MONTH)));
    assert_eq!(order.paid_at, Some(at(DAY)));
}

#[tokio::test]
async fn an_item_that_is_set_to_0_is_no_part_of_it_while_another_stays() {
    let account = running().await;
    let with = |left: &[u32]| {
        let item = |(at, quantity): (usize, &u32)| {
            let mut item = item_of(&format!("si_{at}"), &format!("prod_{at}"), DAY + MONTH);
            item["quantity"] = json!(quantity);
            item
        };
        let items: Vec<Value> = left.iter().enumerate().map(item).collect();
        json!({"items": {"object": "list", "has_more": false, "data": items}})
    };
    for (left, expected) in [
        (&[2, 0][..], &[("prod_0", Standing::Subscribed)][..]),
        (&[0, 1], &[("prod_1", Standing::Subscribed)]),
        (&[0, 0], &[("prod_0", Standing::Void), ("prod_1", Standing::Void)]),
    ] {
        account.set("sub_a", with(left));
        let order = only(&stripe(&account.url, "")).await;
        let found: Vec<_> = order.items.iter().map(|item| (item.product.as_str(), order.standing_of(item))).collect();
        assert_eq!(found, expected, "{left:?}");
    }
}

#[tokio::test]
async fn a_period_on_the_subscription_itself_is_read_too() {
    let account = running().await;
    let mut item: Value = item_of("si_1", "prod_plan", 0);
    for key in ["current_period_start", "current_period_end"] {
        item.as_object_mut().unwrap().remove(key);
    }
    account.set(
        "sub_a",
        json!({"items": {"has_more": false, "data": [item]}, "current_period_start": DAY, "current_period_end": DAY + HOUR}),
    );
    assert_eq!(only(&stripe(&account.url, "")).await.period_end, Some(at(DAY + HOUR)));
    account.set("sub_a", json!({"status": "past_due"}));
    assert_eq!(only(&stripe(&account.url, "")).await.period_end, Some(at(DAY)));
}

#[tokio::test]
async fn a_latest_invoice_given_back_in_full_ends_it_and_a_part_does_not() {
    let account = running().await;
    give_back(&account, "a", DAY + MONTH + HOUR, 100);
    assert_eq!(only(&stripe(&account.url, "")).await.standing, Standing::Subscribed);

    give_back(&account, "a", DAY + MONTH + HOUR, 4900);
    let order = only(&stripe(&account.url, "")).await;
    assert_eq!((order.standing, order.ended_at), (Standing::Refunded, Some(at(DAY + MONTH + HOUR))));

    account.set("sub_a", json!({"status": "canceled", "ended_at": DAY + MONTH + 2 * HOUR}));
    let order = only(&stripe(&account.url, "")).await;
    assert_eq!(
        (order.standing, order.period_end),
        (Standing::Subscribed, Some(at(DAY + MONTH + 2 * HOUR))),
        "one that has ended has its own end"
    );

    // The next period is paid by another invoice.
    let account = running().await;
    give_back(&account, "a", DAY + MONTH + HOUR, 4900);
    subscribed(&account, "next", DAY + 2 * MONTH);
    account.set("sub_a", json!({"latest_invoice": "in_next"}));
    let shop = stripe(&account.url, "");
    let entitled::source::Lookup::Found(order) = shop.get(&"sub_a".into()).await.unwrap() else { panic!() };
    assert_eq!(order.standing, Standing::Subscribed);
}

#[tokio::test]
async fn a_disputed_latest_invoice_is_a_dispute_until_it_is_won() {
    for (status, expected) in [
        ("needs_response", Standing::Disputed),
        ("lost", Standing::Disputed),
        ("won", Standing::Subscribed),
        ("a_new_word", Standing::Unknown),
    ] {
        let account = running().await;
        contest(&account, "a", DAY + MONTH + HOUR, status);
        assert_eq!(only(&stripe(&account.url, "")).await.standing, expected, "{status}");
    }
}

#[tokio::test]
async fn the_session_that_made_it_says_whose_it_is_and_is_no_order() {
    let account = running().await;
    let mut made = session("cs_s", DAY, "cus_a", "unused");
    made["mode"] = json!("subscription");
    made["payment_intent"] = Value::Null;
    made["subscription"] = json!("sub_a");
    made["client_reference_id"] = json!("user12345678");
    account.put(made);
    let shop = stripe(&account.url, "");
    let order = only(&shop).await;
    assert_eq!((order.id.as_str(), order.buyer.to_string()), ("sub_a", "user12345678 <a@example.com>".to_owned()));
    assert_eq!(shop.get(&"cs_s".into()).await.unwrap(), entitled::source::Lookup::Missing);

    // Its session is older than the window, and is asked for by the subscription.
    let order = only(&stripe(&account.url, "window: 1d")).await;
    assert_eq!(order.buyer.to_string(), "user12345678 <a@example.com>");

    account.set("sub_a", json!({"metadata": {"logto_user_id": "userofitsown"}}));
    assert_eq!(only(&shop).await.buyer.to_string(), "userofitsown <a@example.com>");
}

#[tokio::test]
async fn ended_subscriptions_are_listed() {
    let account = running().await;
    account.set("sub_a", json!({"status": "canceled", "ended_at": DAY}));
    assert_eq!(only(&stripe(&account.url, "read: [subscriptions]")).await.id.as_str(), "sub_a");
}

#[tokio::test]
async fn only_what_runs_on_has_a_renewal_that_may_be_late() {
    let end = DAY + 2 * MONTH;
    for (changes, renewal) in [
        (json!({"status": "active"}), Renewal::Expected),
        (json!({"status": "trialing", "trial_end": end}), Renewal::Expected),
        (json!({"status": "active", "cancel_at_period_end": false, "cancel_at": null}), Renewal::Expected),
        (json!({"status": "active", "cancel_at": end + MONTH}), Renewal::Expected),
        (json!({"status": "active", "cancel_at_period_end": true}), Renewal::Off),
        (json!({"status": "trialing", "trial_end": end, "cancel_at_period_end": true}), Renewal::Off),
        (json!({"status": "active", "cancel_at": end}), Renewal::Off),
        (json!({"status": "past_due"}), Renewal::Off),
        (json!({"status": "unpaid"}), Renewal::Off),
        (json!({"status": "paused"}), Renewal::Off),
        (json!({"status": "canceled", "ended_at": end}), Renewal::Off),
    ] {
        let account = running().await;
        account.set("sub_a", changes.clone());
        assert_eq!(only(&stripe(&account.url, "")).await.renewal, renewal, "{changes}");
    }
}
