//! One-time payments: where each stands, and whose it is.

use entitled::model::{Item, ProductId, Standing, UserId};
use entitled::source::Lookup;
use serde_json::{Value, json};

use super::account::Account;
use super::objects::{DAY, HOUR, bought, charge, contest, customer, give_back, intent, line, refund};
use super::{at, everything, only, standing, stripe};

async fn paid() -> Account {
    let account = Account::start().await;
    bought(&account, "a", DAY);
    account
}

#[tokio::test]
async fn a_checkout_session_is_an_order() {
    let account = paid().await;
    account.set("cs_a", json!({"+line_items": [line("li_1", "prod_pro", 1), line("li_2", "prod_seat", 3)]}));
    let order = only(&stripe(&account.url, "")).await;
    assert_eq!((order.id.as_str(), order.standing), ("cs_a", Standing::Paid));
    assert_eq!(order.paid_at, Some(at(DAY + 60)), "when it was charged, not when the session began");
    assert_eq!(order.buyer.to_string(), "<a@example.com>");
    let seats = Item { quantity: 3, ..Item::one(ProductId::from("prod_seat")) };
    assert_eq!(order.items, [Item::one(ProductId::from("prod_pro")), seats]);
    assert_eq!((order.ended_at, order.period_end), (None, None));

    let by_price = only(&stripe(&account.url, "products: price")).await;
    let products: Vec<&str> = by_price.items.iter().map(|item| item.product.as_str()).collect();
    assert_eq!(products, ["price_pro", "price_seat"]);
}

#[tokio::test]
async fn a_price_may_be_named_by_its_lookup_key() {
    let account = paid().await;
    let mut pro = line("li_1", "prod_pro", 1);
    pro["price"]["lookup_key"] = json!("pro_yearly");
    account.set("cs_a", json!({"+line_items": [pro]}));
    let shop = stripe(&account.url, "products: lookup_key");
    let order = only(&shop).await;
    assert_eq!((order.standing, &order.items[..]), (Standing::Paid, &[Item::one(ProductId::from("pro_yearly"))][..]));

    // A key that was moved to another price is no evidence that this purchase was of something else.
    for moved in [json!(null), json!("")] {
        let mut pro = line("li_1", "prod_pro", 1);
        pro["price"]["lookup_key"] = moved;
        account.set("cs_a", json!({"+line_items": [pro]}));
        let Lookup::Found(read) = shop.get(&"cs_a".into()).await.unwrap() else { panic!("it is gone") };
        assert_eq!((read.standing, read.odd[0].path.as_str()), (Standing::Unknown, "price.lookup_key"));
    }
}

#[tokio::test]
async fn a_session_stands_where_its_payment_does() {
    let free = json!({"payment_status": "no_payment_required", "payment_intent": null});
    let async_method = json!({"payment_status": "unpaid"});
    for (changes, expected) in [
        (json!({}), Standing::Paid),
        (free, Standing::Paid),
        (async_method, Standing::Pending),
        (json!({"status": "open", "payment_status": "unpaid", "payment_intent": null}), Standing::Pending),
        (json!({"status": "expired", "payment_status": "unpaid", "payment_intent": null}), Standing::Expired),
        (json!({"payment_status": "a_new_word"}), Standing::Unknown),
        (json!({"status": "a_new_word"}), Standing::Unknown),
    ] {
        let account = paid().await;
        account.set("cs_a", changes.clone());
        assert_eq!(standing(&account).await, expected, "{changes}");
    }
}

#[tokio::test]
async fn what_was_given_back_counts_against_what_was_taken() {
    for (amount, expected) in [(100, Standing::PartiallyRefunded), (4900, Standing::Refunded)] {
        let account = paid().await;
        give_back(&account, "a", DAY + HOUR, amount);
        let order = only(&stripe(&account.url, "")).await;
        assert_eq!((order.standing, order.ended_at), (expected, Some(at(DAY + HOUR))));
        assert_eq!(order.paid_at, Some(at(DAY + 60)));
    }
    let account = paid().await;
    account.set("ch_a", json!({"amount_captured": 4000, "amount_refunded": 900}));
    assert_eq!(standing(&account).await, Standing::Paid, "a partial capture releases the rest, which was never taken");
    account.set("ch_a", json!({"amount_refunded": 901}));
    assert_eq!(standing(&account).await, Standing::PartiallyRefunded);

    // A refund that failed has come back: Stripe takes it off the sum and leaves it in the list.
    let account = paid().await;
    let mut failed = refund("re_a", DAY + HOUR, "pi_a", 4900);
    failed["status"] = json!("failed");
    account.put(failed.clone()).set("ch_a", json!({"+refunds": [failed]}));
    assert_eq!(standing(&account).await, Standing::Paid);
}

#[tokio::test]
async fn a_dispute_counts_while_it_is_open_and_when_it_is_lost() {
    for (status, expected) in [
        ("needs_response", Standing::Disputed),
        ("under_review", Standing::Disputed),
        ("appeal_needs_response", Standing::Disputed),
        ("appeal_under_review", Standing::Disputed),
        ("lost", Standing::Disputed),
        ("won", Standing::Paid),
        ("prevented", Standing::Paid),
        ("warning_needs_response", Standing::Paid),
        ("warning_under_review", Standing::Paid),
        ("warning_closed", Standing::Paid),
        ("a_new_word", Standing::Unknown),
    ] {
        let account = paid().await;
        contest(&account, "a", DAY + HOUR, status);
        let order = only(&stripe(&account.url, "")).await;
        assert_eq!(order.standing, expected, "{status}");
        assert_eq!(order.ended_at, (expected == Standing::Disputed).then(|| at(DAY + HOUR)), "{status}");
    }
    let account = paid().await;
    account.set("ch_a", json!({"disputed": true}));
    assert_eq!(standing(&account).await, Standing::Unknown, "disputed, but by nothing that can be read");

    let account = paid().await;
    contest(&account, "a", DAY + HOUR, "lost");
    give_back(&account, "a", DAY + 2 * HOUR, 4900);
    assert_eq!(standing(&account).await, Standing::Refunded, "the money is back, whoever asked for it");
}

#[tokio::test]
async fn a_payment_without_a_session_is_an_order_if_it_names_a_product() {
    let account = Account::start().await;
    let mut bare = intent("pi_b", DAY, "cus_b", "ch_b");
    account.put(customer("cus_b", "b@example.com")).put(charge("ch_b", DAY)).put(bare.clone());
    let shop = stripe(&account.url, "");
    assert_eq!(everything(&shop).await.0, [], "nothing says what it paid for");

    bare["metadata"] = json!({"product_id": "prod_book", "logto_user_id": "user12345678"});
    account.put(bare);
    let order = only(&shop).await;
    assert_eq!((order.id.as_str(), order.standing), ("pi_b", Standing::Paid));
    assert_eq!(order.items, [Item::one(ProductId::from("prod_book"))]);
    assert_eq!(order.buyer.to_string(), "user12345678 <b@example.com>");

    for (status, expected) in [
        ("processing", Standing::Pending),
        ("requires_payment_method", Standing::Pending),
        ("requires_capture", Standing::Pending),
        ("canceled", Standing::Expired),
        ("a_new_word", Standing::Unknown),
    ] {
        account.set("pi_b", json!({"status": status}));
        assert_eq!(only(&shop).await.standing, expected, "{status}");
    }
}

#[tokio::test]
async fn a_payment_of_a_session_is_no_second_order() {
    let account = paid().await;
    account.set("pi_a", json!({"metadata": {"product_id": "prod_pro"}}));
    let shop = stripe(&account.url, "");
    assert_eq!(only(&shop).await.id.as_str(), "cs_a");
    assert_eq!(shop.get(&"pi_a".into()).await.unwrap(), entitled::source::Lookup::Missing);
    let without = stripe(&account.url, "read: [payments]");
    assert_eq!(only(&without).await.id.as_str(), "pi_a", "a shop that does not read sessions has only this");
}

#[tokio::test]
async fn a_session_that_got_its_payment_during_the_read_is_one_order() {
    let account = paid().await;
    let now = jiff::Timestamp::now().as_second();
    account.set("pi_a", json!({"metadata": {"product_id": "prod_pro"}, "created": now}));
    account.set("cs_a", json!({"listed_late": true}));
    let (orders, _) = everything(&stripe(&account.url, "")).await;
    let ids: Vec<&str> = orders.iter().map(|order| order.id.as_str()).collect();
    assert_eq!(ids, ["cs_a"]);
}

#[tokio::test]
async fn whose_it_is_stands_in_one_of_four_places() {
    let given = |session: Value, intent: Value, reference: Value, customer: Value| async move {
        let account = paid().await;
        account.set("cs_a", json!({"metadata": session, "client_reference_id": reference}));
        account.set("pi_a", json!({"metadata": intent})).set("cus_a", json!({"metadata": customer}));
        only(&stripe(&account.url, "user_id: uid")).await.buyer.user
    };
    let (none, id) = (json!({}), |id: &str| json!({"uid": id, "logto_user_id": "not asked for"}));
    let user = |id: &str| Some(UserId::from(id));
    assert_eq!(given(id("one"), id("two"), json!("three"), id("four")).await, user("one"));
    assert_eq!(given(none.clone(), id("two"), json!("three"), id("four")).await, user("two"));
    assert_eq!(given(none.clone(), none.clone(), json!("three"), id("four")).await, user("three"));
    assert_eq!(given(none.clone(), none.clone(), json!(null), id("four")).await, user("four"));
    assert_eq!(given(none.clone(), none.clone(), json!(null), none.clone()).await, None);
}

#[tokio::test]
async fn a_deleted_customer_is_no_obstacle() {
    let account = paid().await;
    account.put(json!({"id": "cus_a", "object": "customer", "deleted": true}));
    assert_eq!(only(&stripe(&account.url, "")).await.buyer.to_string(), "<a@example.com>");
}
