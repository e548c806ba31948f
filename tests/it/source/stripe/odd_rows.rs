//! One odd object is one odd order: its neighbours are read, and nothing that was known is lost.

use entitled::model::{OddPart, Oddity, ReadOrder, Standing};
use entitled::source::{Lookup, Source, Step};
use serde_json::{Value, json};

use super::account::Account;
use super::objects::{DAY, HOUR, MONTH, bought, contest, give_back, item_of, line, subscribed};
use super::{FULL, stripe};

async fn read(source: &Source) -> Vec<ReadOrder> {
    let mut reading = source.read(FULL);
    let mut orders = Vec::new();
    loop {
        match reading.next().await.unwrap_or_else(|error| panic!("{error}")) {
            Step::Adjustments(_) => {}
            Step::Page(page) => orders.extend(page),
            Step::Done(_) => return orders,
        }
    }
}

/// The order `id` of an account that has another one besides, by the list and by its id.
async fn odd(account: &Account, id: &str, neighbour: &str) -> ReadOrder {
    let source = stripe(&account.url, "");
    let orders = read(&source).await;
    let find = |id: &str| orders.iter().find(|order| order.id.as_str() == id).unwrap_or_else(|| panic!("no {id}"));
    assert!(find(neighbour).odd.is_empty() && find(neighbour).standing != Standing::Unknown, "{neighbour}");
    let Lookup::Found(again) = source.get(&id.into()).await.unwrap() else { panic!("{id} is gone") };
    assert_eq!(*find(id), again, "the list and the lookup say different things");
    again
}

#[tokio::test]
async fn an_odd_session_is_one_odd_order() {
    for (id, changes) in [
        ("cs_a", json!({"payment_status": null})),
        ("cs_a", json!({"created": "yesterday"})),
        ("cs_a", json!({"mode": null})),
        ("cs_a", json!({"metadata": {"logto_user_id": 7}})),
        ("cs_a", json!({"customer_details": "a"})),
        ("cs_a", json!({"+line_items": [{"id": "li", "price": {"id": "price", "product": null}, "quantity": 1}]})),
        ("cs_a", json!({"+line_items": [{"id": "li", "price": "price", "quantity": 1}]})),
        ("cs_a", json!({"+line_items": [{"id": "li", "price": null, "quantity": 1}]})),
        ("cs_a", json!({"+line_items": [line("li_1", "prod_pro", 1), {"id": "li", "price": null, "quantity": 1}]})),
        ("pi_a", json!({"status": null})),
        ("ch_a", json!({"amount_refunded": null})),
        ("ch_a", json!({"created": 0})),
        ("ch_a", json!({"created": -1})),
        ("ch_a", json!({"created": 20_261_125})),
        ("ch_a", json!({"created": 4_102_444_800_i64})),
        ("ch_a", json!({"created": "soon"})),
    ] {
        let account = Account::start().await;
        bought(&account, "a", DAY);
        bought(&account, "b", DAY + HOUR);
        account.set(id, changes.clone());
        let order = odd(&account, "cs_a", "cs_b").await;
        assert_eq!(order.standing, Standing::Unknown, "{changes}");
        assert!(order.odd.iter().any(entitled::model::Odd::makes_unknown), "{changes}: {order:?}");
        assert!(order.odd.iter().all(|odd| !odd.path.is_empty()), "{changes}: {order:?}");
    }
}

#[tokio::test]
async fn an_odd_quantity_counts_as_one_and_null_is_none() {
    for (quantity, named) in
        [(json!(null), false), (json!(1.5), true), (json!(-1), true), (json!("x"), true), (json!({}), true)]
    {
        let account = Account::start().await;
        bought(&account, "a", DAY);
        bought(&account, "b", DAY + HOUR);
        let mut odd_line = line("li_1", "prod_pro", 1);
        odd_line["quantity"] = quantity.clone();
        account.set("cs_a", json!({"+line_items": [odd_line]}));
        let order = odd(&account, "cs_a", "cs_b").await;
        assert_eq!((order.standing, order.items[0].quantity), (Standing::Paid, 1), "{quantity}");
        assert_eq!(order.is_odd_in(OddPart::Quantity), named, "{quantity}");
    }
}

#[tokio::test]
async fn null_where_stripe_may_say_so_is_nothing() {
    let account = Account::start().await;
    bought(&account, "a", DAY);
    bought(&account, "b", DAY + HOUR);
    account.set("ch_a", json!({"refunded": null, "disputed": null, "billing_details": null, "amount_captured": null}));
    account.set("cs_a", json!({"metadata": null, "customer_details": null, "customer": null, "status": null}));
    let order = odd(&account, "cs_a", "cs_b").await;
    assert_eq!((order.standing, order.odd.len()), (Standing::Paid, 0));
}

#[tokio::test]
async fn what_no_value_holds_is_no_matter_where_nothing_is_read_and_odd_where_something_is() {
    for (changes, standing) in [
        (json!({"metadata": {"note": "half-an-emoji"}}), Standing::Paid),
        (json!({"shipping_cost": {"amount_total": "a-number-without-bounds"}}), Standing::Paid),
        (json!({"created": "a-number-without-bounds"}), Standing::Unknown),
    ] {
        let account = Account::start().await;
        bought(&account, "a", DAY);
        bought(&account, "b", DAY + HOUR);
        account.set("cs_a", changes.clone());
        assert_eq!(odd(&account, "cs_a", "cs_b").await.standing, standing, "{changes}");
    }
}

#[tokio::test]
async fn an_odd_subscription_is_one_odd_order() {
    let item = |changes: Value| {
        let mut item = item_of("si_a", "prod_plan", DAY + MONTH);
        for (key, value) in changes.as_object().unwrap() {
            item[key] = value.clone();
        }
        json!({"items": {"object": "list", "has_more": false, "data": [item]}})
    };
    for (id, changes) in [
        ("sub_a", json!({"status": null})),
        ("sub_a", json!({"items": null})),
        ("sub_a", json!({"start_date": 0})),
        ("sub_a", item(json!({"price": null, "plan": {"id": "plan", "product": null}}))),
        ("sub_a", item(json!({"price": null, "plan": null}))),
        ("sub_a", item(json!({"current_period_end": 20_261_125}))),
        ("sub_a", item(json!({"current_period_end": "2026-11-25"}))),
        ("pi_a", json!({"created": "soon"})),
    ] {
        let account = Account::start().await;
        subscribed(&account, "a", DAY + MONTH);
        subscribed(&account, "b", DAY + MONTH);
        account.set(id, changes.clone());
        let source = stripe(&account.url, "");
        let orders = read(&source).await;
        let find = |id: &str| orders.iter().find(|order| order.id.as_str() == id).unwrap_or_else(|| panic!("no {id}"));
        assert_eq!((find("sub_b").standing, find("sub_b").odd.len()), (Standing::Subscribed, 0), "{changes}");
        let Lookup::Found(again) = source.get(&"sub_a".into()).await.unwrap() else { panic!("it is gone") };
        assert_eq!(again.standing, Standing::Unknown, "{changes}");
        // The list needs no intent of a subscription, and reads it where only the intent is odd.
        if id == "sub_a" {
            assert_eq!(*find("sub_a"), again, "{changes}");
        }
    }
}

#[tokio::test]
async fn a_refund_or_a_dispute_that_cannot_be_read_leaves_its_payment_unknown() {
    let account = Account::start().await;
    subscribed(&account, "a", DAY + MONTH);
    subscribed(&account, "b", DAY + MONTH);
    give_back(&account, "a", DAY + MONTH + HOUR, 4900);
    account.set("re_a", json!({"amount": null}));
    let orders = read(&stripe(&account.url, "")).await;
    let find = |id: &str| orders.iter().find(|order| order.id.as_str() == id).unwrap_or_else(|| panic!("no {id}"));
    assert_eq!((find("sub_a").standing, find("sub_b").standing), (Standing::Unknown, Standing::Subscribed));
    assert_eq!(find("sub_a").odd[0].what, Oddity::Shape);

    let account = Account::start().await;
    bought(&account, "a", DAY);
    bought(&account, "b", DAY);
    contest(&account, "a", DAY + HOUR, "under_review");
    account.set("dp_a", json!({"status": null}));
    let orders = read(&stripe(&account.url, "")).await;
    let find = |id: &str| orders.iter().find(|order| order.id.as_str() == id).unwrap_or_else(|| panic!("no {id}"));
    assert_eq!((find("cs_a").standing, find("cs_b").standing), (Standing::Unknown, Standing::Paid));
}

#[tokio::test]
async fn a_session_without_an_id_leaves_the_young_payment_that_may_be_its_own_unknown() {
    let account = Account::start().await;
    let now = jiff::Timestamp::now().as_second();
    bought(&account, "a", now);
    bought(&account, "b", now);
    account.set("pi_a", json!({"metadata": {"product_id": "prod_pro"}})).set("cs_a", json!({"id": null}));
    let orders = read(&stripe(&account.url, "")).await;
    let seen: Vec<_> = orders.iter().map(|order| (order.id.as_str(), order.standing)).collect();
    assert_eq!(seen, [("cs_b", Standing::Paid), ("pi_a", Standing::Unknown)]);
}
