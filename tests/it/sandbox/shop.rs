//! The simulated shop without faults.

use entitled::sandbox::{Counts, SHOP_CLIENT_ID, SHOP_CLIENT_SECRET};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use super::{World, anonymous, nothing};
use crate::support::program::until;

#[tokio::test]
async fn an_order_goes_from_checkout_to_refund() {
    let world = World::new().await;
    world.shop.add_product("prd_1", "One");
    let origin = world.running.shop_url();
    let buy = json!({"productId": "prd_1", "email": "Anna@Example.com"});
    let made = anonymous(Method::POST, format!("{origin}/api/checkout/initiate"), buy).await.json();
    let id = made["orderId"].as_str().unwrap();
    assert_eq!(made["checkoutUrl"], format!("{origin}/checkout/{id}"));

    let path = format!("/api/merchant/orders/{id}");
    let order = world.shop_get(&path).await.json();
    assert_eq!((&order["status"], &order["paidAt"], &order["txHash"]), (&json!("pending"), &json!(null), &json!(null)));
    assert_eq!((&order["user"], &order["amount"]), (&json!({"email": "Anna@Example.com"}), &json!("49.00")));

    assert_eq!(anonymous(Method::POST, format!("{origin}/sandbox/orders/{id}/pay"), nothing()).await.status, 200);
    let paid = world.shop_get(&path).await.json();
    assert_eq!((&paid["status"], paid["paidAt"].is_string()), (&json!("paid"), true));
    let public = anonymous(Method::GET, format!("{origin}/api/orders/{id}"), nothing()).await.json();
    assert_eq!((&public["status"], public.get("user")), (&json!("paid"), None));

    // The shop's clock counts milliseconds, and two calls may fit into one.
    let changed = |order: &Value| order["updatedAt"].as_str().unwrap().parse::<Timestamp>().unwrap();
    until("a millisecond has passed", || Timestamp::now().as_millisecond() > changed(&paid).as_millisecond()).await;
    let refunded = world.shop_post(&format!("{path}/refund"), nothing()).await.json();
    assert_eq!((&refunded["status"], &refunded["paidAt"]), (&json!("refunded"), &paid["paidAt"]));
    assert!(changed(&refunded) > changed(&paid), "{refunded:#} after {paid:#}");
    for (what, status) in
        [("partial-refund", "partially_refunded"), ("expire", "expired"), ("dispute", "disputed"), ("void", "void")]
    {
        let url = format!("{origin}/sandbox/orders/{id}/{what}");
        assert_eq!(anonymous(Method::POST, url, nothing()).await.json()["status"], status);
    }
    let nonsense = anonymous(Method::POST, format!("{origin}/sandbox/orders/{id}/eat"), nothing()).await;
    assert_eq!(nonsense.status, 404);
    assert_eq!(
        world.shop_post("/api/checkout/initiate", json!({"productId": "prd_2", "email": "x@y.example"})).await.status,
        404
    );
}

#[tokio::test]
async fn the_newest_change_comes_first() {
    let world = World::new().await;
    let product = world.shop.add_product("prd_1", "One");
    let user = world.logto.add_user("a@example.com");
    let old = world.shop.buy_at(&product, (&user, "a@example.com"), "2026-01-01T00:00:00Z".parse().unwrap());
    let new = world.shop.buy(&product, "b@example.com");
    let list = async || world.shop_get("/api/merchant/orders").await;
    assert_eq!(list().await.ids(), [new.as_str(), old.as_str()]);
    assert_eq!(list().await.json()[1]["paidAt"], "2026-01-01T00:00:00Z");
    world.shop.set_status(&old, "refunded");
    assert_eq!(list().await.ids(), [old.as_str(), new.as_str()]);
    world.shop.remove(&old);
    assert_eq!(list().await.ids(), [new.as_str()]);
    assert_eq!(world.shop_get(&format!("/api/merchant/orders/{old}")).await.status, 404);
    assert_eq!(world.shop.counts(), Counts { lists: 4, reads: 1, tokens: 0, others: 0 });
}

#[tokio::test]
async fn the_merchant_side_wants_a_token() {
    let world = World::new().await;
    let origin = world.running.shop_url();
    let orders = format!("{origin}/api/merchant/orders");
    let refused = anonymous(Method::GET, orders.clone(), nothing()).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]), (401, &json!("unauthorized")));

    let ask =
        json!({"grant_type": "client_credentials", "client_id": SHOP_CLIENT_ID, "client_secret": SHOP_CLIENT_SECRET});
    let token = anonymous(Method::POST, format!("{origin}/oidc/token"), ask).await.json();
    let own = token["access_token"].as_str().unwrap().to_owned();
    let logtos = world.new_token("sandbox-app").await;
    let client = entitled::http::client(std::time::Duration::from_secs(10));
    let status = async |token: &str| client.get(&orders).bearer_auth(token).send().await.unwrap().status().as_u16();
    assert_eq!((status(&own).await, status(&logtos).await, status("nonsense").await), (200, 200, 401));
    world.shop.expire_tokens();
    assert_eq!((status(&own).await, status(&logtos).await), (401, 200));
}
