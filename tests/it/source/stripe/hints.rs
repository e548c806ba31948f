//! A webhook names whatever object its event is about; the order is found from there.

use entitled::model::Standing;
use entitled::pass::ingest::{ReadScope, Refreshed, ingest, refresh_order};
use entitled::source::Lookup;
use entitled::store::Store;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::account::Account;
use super::objects::{DAY, HOUR, MONTH, bought, contest, give_back, session, subscribed};
use super::stripe;

/// A purchase in Checkout and a subscription that Checkout made, each given back and contested; and a payment without
/// a session.
async fn busy() -> Account {
    let account = Account::start().await;
    bought(&account, "a", DAY);
    subscribed(&account, "b", DAY + MONTH);
    bought(&account, "c", DAY);
    account.set("pi_c", json!({"metadata": {"product_id": "prod_pro"}})).remove("cs_c");
    for name in ["a", "b", "c"] {
        give_back(&account, name, DAY + MONTH + HOUR, 100);
        contest(&account, name, DAY + MONTH + HOUR, "needs_response");
    }
    let mut made = session("cs_b", DAY, "cus_b", "pi_b");
    made["mode"] = json!("subscription");
    made["payment_intent"] = json!(null);
    made["subscription"] = json!("sub_b");
    account.put(made);
    account
}

#[tokio::test]
async fn whatever_object_an_event_is_about_leads_to_its_order() {
    let account = busy().await;
    let shop = stripe(&account.url, "");
    for (order, hints) in [
        ("cs_a", &["cs_a", "pi_a", "ch_a", "re_a", "dp_a"][..]),
        ("sub_b", &["sub_b", "in_b", "cs_b", "pi_b", "ch_b", "re_b", "dp_b"]),
        ("pi_c", &["pi_c", "ch_c", "re_c", "dp_c"]),
    ] {
        for hint in hints {
            match shop.hinted(&(*hint).into(), Timestamp::now()).await.unwrap() {
                Lookup::Found(found) => assert_eq!(found.id.as_str(), order, "{hint}"),
                other => panic!("{hint}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_hint_about_no_order_is_no_error() {
    let account = busy().await;
    account.set("ch_c", json!({"payment_intent": null})).set("in_b", json!({"parent": null}));
    let shop = stripe(&account.url, "");
    for hint in ["ch_c", "in_b", "ch_none", "re_none", "dp_none", "in_none", "cs_none", "pi_none", "sub_none"] {
        assert_eq!(shop.hinted(&hint.into(), Timestamp::now()).await.unwrap(), Lookup::Missing, "{hint}");
    }
    // An object of which nothing leads to an order: the events tell.
    assert_eq!(shop.hinted(&"cus_a".into(), Timestamp::now()).await.unwrap(), Lookup::Unsupported);
    // What is not read is not asked for either, so the key need not be allowed to.
    let shop = stripe(&account.url, "read: [checkout]");
    account.asked();
    for hint in ["sub_b", "in_b"] {
        assert_eq!(shop.hinted(&hint.into(), Timestamp::now()).await.unwrap(), Lookup::Missing, "{hint}");
    }
    assert_eq!(account.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn the_hint_of_a_refund_and_that_of_a_dispute_change_the_order_at_once() {
    let account = Account::start().await;
    bought(&account, "a", DAY);
    subscribed(&account, "b", DAY + MONTH);
    let shop = stripe(&account.url, "");
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("entitled.db")).await.unwrap();
    ingest(&shop, &store, ReadScope::Everything, SignedDuration::from_hours(24), Timestamp::now()).await.unwrap();
    give_back(&account, "a", DAY + HOUR, 4900);
    contest(&account, "b", DAY + MONTH + HOUR, "needs_response");
    for (hint, order, standing) in [("re_a", "cs_a", Standing::Refunded), ("dp_b", "sub_b", Standing::Disputed)] {
        let refreshed = refresh_order(&shop, &store, &hint.into(), Timestamp::now()).await.unwrap();
        assert!(matches!(&refreshed, Refreshed::Read(keys) if keys.len() == 1), "{hint}: {refreshed:?}");
        let stored = store.find_order(shop.name(), &order.into()).await.unwrap().unwrap();
        assert_eq!(stored.order.standing, standing, "{hint}");
    }
}
