//! Each fault does what its name says, over HTTP, and ends when it is used up.

use std::collections::BTreeSet;
use std::time::Duration;

use entitled::sandbox::{Fault, Rule};
use reqwest::Method;
use serde_json::json;

use super::{Got, World, anonymous, nothing};

/// A world with one user and one role, and the path and body that grant it.
async fn with_a_grant() -> (World, entitled::model::RoleId, String, serde_json::Value) {
    let world = World::new().await;
    let (user, role) = (world.logto.add_user("a@example.com"), world.logto.add_role("paid"));
    let path = format!("/api/roles/{role}/users");
    (world, role, path, json!({"userIds": [user]}))
}

#[tokio::test]
async fn requests_are_refused_only_where_the_rule_says() {
    let (world, role, path, grant) = with_a_grant().await;
    world.logto.faults().add(Rule::refuse(429).next(1).method("POST").path("/users").retry_after(7));
    assert_eq!(world.get(&path).await.status, 200);
    let refused = world.post(&path, grant.clone()).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "7"));
    assert!(world.logto.holders(&role).is_empty(), "a refused write changes nothing");
    assert_eq!(world.post(&path, grant).await.status, 201);
    assert!(world.logto.faults().knobs().rules.is_empty(), "it is used up");
}

#[tokio::test]
async fn a_dropped_request_gets_no_answer_and_changes_nothing() {
    let (world, role, path, grant) = with_a_grant().await;
    world.logto.faults().drop_next(1);
    assert!(world.try_logto(Method::POST, &path, Some(grant.clone())).await.is_err());
    assert!(world.logto.holders(&role).is_empty());
    assert_eq!(world.logto.writes()[0].status, None);
    assert_eq!(world.post(&path, grant).await.status, 201);
}

#[tokio::test]
async fn an_ambiguous_write_has_happened() {
    let (world, role, path, grant) = with_a_grant().await;
    world.logto.faults().apply_then_refuse_next(1);
    assert_eq!(world.get(&path).await.status, 200, "reads are not befallen");
    assert_eq!(world.post(&path, grant.clone()).await.status, 500);
    assert_eq!(world.logto.holders(&role).len(), 1);

    let user = world.logto.add_user("b@example.com");
    world.logto.faults().apply_then_drop_next(1);
    assert!(world.try_logto(Method::POST, &path, Some(json!({"userIds": [user]}))).await.is_err());
    assert_eq!(world.logto.holders(&role).len(), 2);
    assert_eq!(world.post(&path, grant).await.code(), (422, "role.user_exists".into()));
}

#[tokio::test]
async fn a_truncated_answer_announces_more_than_it_holds() {
    let world = World::new().await;
    world.logto.add_users(50);
    let whole = world.get("/api/users?page_size=50").await.text;
    let url = format!("{}/api/users?page_size=50", world.running.logto_url());
    let token = world.new_token("sandbox-app").await;
    world.logto.faults().truncate_next(1);
    let client = entitled::http::client(Duration::from_secs(10));
    let mut answer = client.get(url).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.content_length(), Some(whole.len() as u64));
    let mut read = Vec::new();
    let error = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => read.extend_from_slice(&chunk),
            Ok(None) => panic!("the answer is whole"),
            Err(error) => break error,
        }
    };
    assert!(error.is_decode() || error.is_body(), "{error:?}");
    assert_eq!(read, &whole.as_bytes()[..whole.len() / 2]);
}

#[tokio::test]
async fn a_late_answer_comes_after_the_deed() {
    let (world, role, path, grant) = with_a_grant().await;
    let url = format!("{}{path}", world.running.logto_url());
    let token = world.new_token("sandbox-app").await;
    world.logto.faults().latency(Duration::from_secs(3600));
    let hasty = entitled::http::client(Duration::from_millis(300));
    let error = hasty.post(url).bearer_auth(token).json(&grant).send().await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(world.logto.holders(&role).len(), 1);
}

#[tokio::test]
async fn ties_lose_rows_in_a_walk_and_nothing_else() {
    let world = World::new().await;
    let role = world.logto.add_role("paid");
    for user in world.logto.add_users(250) {
        world.logto.grant(&user, &role);
    }
    world.logto.faults().ties();
    for path in ["/api/users".to_owned(), format!("/api/roles/{role}/users")] {
        let (total, ids) = world.walk(&path, 100).await;
        let seen: BTreeSet<String> = ids.iter().cloned().collect();
        assert_eq!((total, ids.len(), seen.len()), (250, 250, 248), "{path}");
        let lost = world.logto.holders(&role).into_iter().find(|user| !seen.contains(user.as_str())).unwrap();
        let asked = world.get(&format!("{path}?search.id={lost}&mode.id=exact")).await;
        assert_eq!(asked.ids(), [lost.as_str()], "{path}");
    }
    let org = world.logto.add_organization("acme");
    world.logto.holders(&role).iter().for_each(|user| world.logto.add_member(&org, user));
    let (_, ids) = world.walk(&format!("/api/organizations/{org}/users"), 100).await;
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>().len(), 250);
}

#[tokio::test]
async fn tokens_end_when_told() {
    let world = World::new().await;
    let expired = |got: &Got| (got.status.as_u16(), got.json()["data"]["code"].clone());
    assert_eq!(world.get("/api/users").await.status, 200);
    world.logto.expire_tokens();
    assert_eq!(expired(&world.get("/api/users").await), (401, "ERR_JWT_EXPIRED".into()));
    world.logto.faults().token_lifetime(0);
    let short = world.ask_token("sandbox-app").await.json();
    assert_eq!(short["expires_in"], 0);
    let url = format!("{}/api/users", world.running.logto_url());
    let client = entitled::http::client(Duration::from_secs(10));
    let call = async |token: &str| Got::read(client.get(&url).bearer_auth(token).send().await.unwrap()).await.unwrap();
    assert_eq!(expired(&call(short["access_token"].as_str().unwrap()).await), (401, "ERR_JWT_EXPIRED".into()));
    world.logto.faults().clear();
    let token = world.new_token("sandbox-app").await;
    assert_eq!(call(&token).await.status, 200);
    let forged = format!("{token}x");
    assert_eq!(expired(&call(&forged).await), (401, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED".into()));
}

#[tokio::test]
async fn the_shop_says_strange_things_when_told() {
    let world = World::new().await;
    let product = world.shop.add_product("prd_1", "One");
    let ids: Vec<String> = world.shop.buy_many(&product, 4).iter().rev().map(ToString::to_string).collect();
    let orders = "/api/merchant/orders";
    let list = async |fault: Fault, query: &str| {
        world.shop.faults().add(Rule::new(fault).next(1));
        let got = world.shop_get(&format!("{orders}{query}")).await;
        assert!(world.shop.faults().knobs().rules.is_empty());
        assert_eq!(got.status, 200, "{fault:?}");
        got
    };
    assert_eq!(list(Fault::Empty, "").await.text, "[]");
    assert_eq!(list(Fault::LoseHalf, "").await.ids(), ids[..2]);
    assert_eq!(list(Fault::RepeatPage, "?offset=2&limit=2").await.ids(), ids[..2]);
    assert_eq!(world.shop_get(&format!("{orders}?offset=2&limit=2")).await.ids(), ids[2..]);
    let nameless = list(Fault::NoId, "").await.json();
    assert_eq!((nameless[0].get("id"), &nameless[1]["id"]), (None, &ids[1].as_str().into()));
    assert_eq!(list(Fault::UnknownStatus, "").await.json()[0]["status"], "on_hold");
    assert_eq!(list(Fault::Html, "").await.header("content-type"), "text/html; charset=utf-8");
    let half = list(Fault::HalfJson, "").await.text;
    assert!(half.starts_with("[{") && serde_json::from_str::<serde_json::Value>(&half).is_err(), "{half}");
    world.shop.faults().envelope("orders");
    let wrapped = world.shop_get(&format!("{orders}?limit=3")).await.json();
    assert_eq!((wrapped["orders"].as_array().unwrap().len(), &wrapped["total"]), (3, &4.into()));
    world.shop.faults().clear();
    assert_eq!(world.shop_get(orders).await.ids(), ids);
}

#[tokio::test]
async fn a_person_can_set_the_faults_over_http() {
    let world = World::new().await;
    for origin in [world.running.logto_url(), world.running.shop_url()] {
        let url = format!("{origin}/sandbox/faults");
        let set = json!({"rules": [{"fault": "refuse", "status": 503, "next": 2, "path": "/api/"}]});
        assert_eq!(anonymous(Method::POST, url.clone(), set).await.status, 200);
        let shown = anonymous(Method::POST, url.clone(), json!({"ties": true})).await.json();
        assert_eq!((&shown["rules"][0]["next"], &shown["ties"]), (&2.into(), &true.into()), "keys not named stay");
        let answer = anonymous(Method::GET, format!("{origin}/api/products"), nothing()).await;
        assert_eq!(answer.status, 503);
        let left = anonymous(Method::GET, url.clone(), nothing()).await.json();
        assert_eq!(left["rules"][0]["next"], 1);
        let typo = anonymous(Method::POST, url.clone(), json!({"latency": 5})).await;
        assert_eq!(typo.status, 400);
        assert!(typo.text.contains("latency_ms"), "{}", typo.text);
        let cleared = anonymous(Method::DELETE, url, nothing()).await.json();
        assert_eq!(cleared["rules"], json!([]));
    }
}
