//! Credentials: sent where they belong, renewed once, shown nowhere.

use entitled::source::{Source, SourceError};
use serde_json::json;

use super::{FULL, chain, order, read, refused, shop, source};
use crate::support::preset::http_source;
use crate::support::replay::{Line, Replay};

const FIRST: &str = "/orders?offset=0&limit=2";

fn good() -> Line {
    Line::json(FIRST, json!({"orders": [order("a", 1)], "count": 1}))
}

fn token(name: &str, life: u32) -> Line {
    let body = json!({"access_token": name, "expires_in": life, "token_type": "Bearer"});
    Line::answer("POST", "/oidc/token", 200, "application/json", body.to_string().into_bytes())
}

fn denied(status: u16) -> Line {
    Line::json(FIRST, json!({"message": "not you"})).status(status)
}

fn machine(url: &str) -> Source {
    let auth = format!(
        "auth: {{kind: oauth2_client_credentials, token_url: '{url}/oidc/token', client_id: app, client_secret: 's3cr:t', \
         resource: 'https://api.example.com', scope: all}}"
    );
    shop(url, &auth)
}

fn tokens(server: &Replay) -> usize {
    server.targets().iter().filter(|target| *target == "/oidc/token").count()
}

#[tokio::test]
async fn every_kind_sends_its_header() {
    let cases = [
        ("{kind: bearer, token: abcd1234}", "Bearer abcd1234"),
        ("{kind: basic, username: sk_key, password: ''}", "Basic c2tfa2V5Og=="),
        ("{kind: header, name: Authorization, value: token KEY}", "token KEY"),
    ];
    for (auth, header) in cases {
        let server = Replay::start(vec![good().authorized(header)]).await;
        let (_, report) = read(&shop(&server.url, &format!("auth: {auth}")), FULL).await;
        assert_eq!(report.unwrap().orders, 1, "{auth}");
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all_who_need_it() {
    let server =
        Replay::start(vec![token("t1", 3600), Line::json("/orders/a", order("a", 1)).authorized("Bearer t1")]).await;
    let shop = machine(&server.url);
    let id = "a".into();
    let all = tokio::join!(shop.get(&id), shop.get(&id), shop.get(&id), shop.get(&id), shop.get(&id));
    for found in [all.0, all.1, all.2, all.3, all.4] {
        found.unwrap();
    }
    assert_eq!(tokens(&server), 1);
    let asked = &server.asked()[0];
    assert_eq!(asked.authorization.as_deref(), Some("Basic YXBwOnMzY3IlM0F0"), "app:s3cr%3At");
    assert_eq!(asked.body, "grant_type=client_credentials&resource=https%3A%2F%2Fapi.example.com&scope=all");
}

/// Shopify, as its page on the grant of client credentials has it.
#[tokio::test]
async fn a_token_may_go_into_a_header_of_its_own_and_the_client_into_the_form() {
    let granted = json!({"access_token": "shpat_1", "scope": "read_orders", "expires_in": 86399});
    let path = "/admin/oauth/access_token";
    let server = Replay::start(vec![
        Line::answer("POST", path, 200, "application/json", granted.to_string().into_bytes()),
        good(),
    ])
    .await;
    let auth = format!(
        "auth: {{kind: oauth2_client_credentials, token_url: '{}{path}', client_id: app, client_secret: 's3cr:t-of-the-app', \
         client_auth: client_secret_post, header: X-Shopify-Access-Token}}",
        server.url
    );
    read(&shop(&server.url, &auth), FULL).await.1.unwrap();
    let asked = server.asked();
    assert_eq!(asked[0].body, "grant_type=client_credentials&client_id=app&client_secret=s3cr%3At-of-the-app");
    assert_eq!((&asked[0].authorization, &asked[1].authorization), (&None, &None));
    assert_eq!(asked[1].header("x-shopify-access-token"), Some("shpat_1"));
}

#[tokio::test]
async fn a_token_past_its_life_is_fetched_anew() {
    let server = Replay::start(vec![token("t1", 0), token("t2", 3600), good()]).await;
    let shop = machine(&server.url);
    for _ in 0..3 {
        read(&shop, FULL).await.1.unwrap();
    }
    assert_eq!(tokens(&server), 2, "the first lived for no time, the second for an hour");
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let server = Replay::start(vec![
        token("old", 3600),
        token("new", 3600),
        denied(401).authorized("Bearer old"),
        good().authorized("Bearer new"),
    ])
    .await;
    assert_eq!(read(&machine(&server.url), FULL).await.1.unwrap().orders, 1);
    assert_eq!(tokens(&server), 2);

    let server = Replay::start(vec![token("t", 3600), denied(401)]).await;
    let error = refused(&machine(&server.url), FULL).await;
    assert!(matches!(error, SourceError::Denied { .. }), "{error:?}");
    assert_eq!((tokens(&server), server.targets().len()), (2, 4), "twice each, and no more");
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let server = Replay::start(vec![denied(401)]).await;
    let error = refused(&shop(&server.url, ""), FULL).await;
    assert!(error.to_string().contains("not you"), "{error}");
    assert!(error.hint().unwrap().contains("sends no credentials"));
    assert_eq!(server.targets().len(), 1);

    let server = Replay::start(vec![token("t", 3600), denied(403)]).await;
    let error = refused(&machine(&server.url), FULL).await;
    assert!(error.hint().unwrap().contains("role"), "{:?}", error.hint());
    assert_eq!(tokens(&server), 1, "a 403 is not about the token");

    let body = json!({"error": "invalid_client", "error_description": "client authentication failed"});
    let line = Line::answer("POST", "/oidc/token", 401, "application/json", body.to_string().into_bytes());
    let server = Replay::start(vec![line]).await;
    let error = refused(&machine(&server.url), FULL).await;
    assert!(matches!(error, SourceError::TokenRefused { .. }), "{error:?}");
    assert!(error.to_string().contains("client authentication failed") && error.hint().is_some());
    assert_eq!(server.targets().len(), 1, "nothing was asked without a token");
}

#[tokio::test]
async fn no_secret_comes_back_in_an_error() {
    let echo = |words: &str| Line::answer("GET", FIRST, 400, "text/plain", words.as_bytes().to_vec());
    let server = Replay::start(vec![echo("bad header Bearer hush-hush-1 from you")]).await;
    let shop_of_ours = shop(&server.url, "auth: {kind: bearer, token: hush-hush-1}");
    let error = refused(&shop_of_ours, FULL).await;
    assert!(chain(&error).contains("bad header Bearer [secret]"), "{error}");
    for shown in [format!("{error:?}"), chain(&error), format!("{shop_of_ours:?}")] {
        assert!(!shown.contains("hush-hush-1"), "{shown}");
    }

    let server = Replay::start(vec![echo("who is key-5678, sent as a2V5LTU2Nzg6")]).await;
    let error = refused(&shop(&server.url, "auth: {kind: basic, username: key-5678, password: ''}"), FULL).await;
    assert!(!chain(&error).contains("key-5678") && !chain(&error).contains("a2V5LTU2Nzg6"), "{error}");

    let server = Replay::start(vec![token("jwt.jwt.jwt", 3600), echo("bad jwt.jwt.jwt")]).await;
    let error = refused(&machine(&server.url), FULL).await;
    assert!(!chain(&error).contains("jwt.jwt"), "{error}");
}

#[tokio::test]
async fn a_secret_parameter_is_sent_and_shown_nowhere() {
    let auth = "auth: {kind: query, param: access_token, value: hush+hush=1}";
    let good = Line::json(
        "/orders?offset=0&limit=2&access_token=hush%2Bhush%3D1",
        json!({"orders": [order("a", 1)], "count": 1}),
    );
    let server = Replay::start(vec![good]).await;
    assert_eq!(read(&shop(&server.url, auth), FULL).await.1.unwrap().orders, 1);

    let unshown = |shown: &str| {
        for secret in ["hush+hush", "hush%2Bhush", "access_token"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    };
    // The server echoes the address, once as text and once in a redirect.
    let target = "/orders?offset=0&limit=2&access_token=hush%2Bhush%3D1";
    let echo = Line::answer("GET", target, 400, "text/plain", b"bad hush+hush=1 hush%2Bhush%3D1".to_vec());
    let away = Line::json(target, json!({})).status(302).header("location", "/login?t=hush%2Bhush%3D1");
    let cut = Line::answer("GET", target, 200, "application/json", b"{\"orders\": [".to_vec());
    for line in [echo, away, cut] {
        let server = Replay::start(vec![line]).await;
        let source = shop(&server.url, auth);
        let error = refused(&source, FULL).await;
        unshown(&format!("{} {error:?}", chain(&error)));
        assert!(!format!("{source:?}").contains("hush"), "the settings name the parameter, and not its value");
    }
    let nobody = shop("http://127.0.0.1:1", &format!("{auth}\ntimeout: 100ms"));
    let error = refused(&nobody, FULL).await;
    unshown(&format!("{} {error:?}", chain(&error)));
}

#[tokio::test]
async fn a_secret_parameter_in_a_link_of_the_api_is_sent_once_and_not_shown() {
    let yaml = "
auth: {kind: query, param: access_token, value: hush-hush-1}
list: {path: /sales, items: $.sales, paging: {kind: next_url, next: $.next}}
map: {id: $.id, products: $.product, email: $.email}
";
    let link = "/sales?access_token=hush-hush-1&page_key=k2";
    let server = Replay::start(vec![
        Line::json("/sales?access_token=hush-hush-1", json!({"sales": [{"id": 1}], "next": link})),
        Line::json("/sales?page_key=k2&access_token=hush-hush-1", json!({"error": "no"})),
    ])
    .await;
    let error = refused(&source(http_source(yaml, &server.url)), FULL).await;
    assert_eq!(server.targets()[1].matches("hush-hush-1").count(), 1);
    assert!(chain(&error).contains("GET /sales?page_key=k2:"), "{}", chain(&error));
    assert!(!format!("{error:?}").contains("hush-hush-1"));
}

#[tokio::test]
async fn further_headers_are_sent() {
    let yaml = "
headers: {accept-language: from-headers}
list: {path: /orders, items: $, paging: {kind: none}}
map: {id: $.id, products: $.product, email: $.email}
";
    let server = Replay::start(vec![Line::json("/orders", json!([{"id": 1}]))]).await;
    assert_eq!(read(&source(http_source(yaml, &server.url)), FULL).await.1.unwrap().orders, 1);
    assert_eq!(server.asked()[0].language.as_deref(), Some("from-headers"));
}

/// What no server takes in a header is no token; and each is searched for in all that is shown.
#[tokio::test]
async fn a_token_without_end_is_none() {
    for (length, taken) in [(16_000, true), (17_000, false), (4 << 20, false)] {
        let name = "t".repeat(length);
        let bearer = format!("Bearer {name}");
        let server = Replay::start(vec![token(&name, 3600), good().authorized(&bearer)]).await;
        let read = read(&machine(&server.url), FULL).await.1;
        assert_eq!(read.is_ok(), taken, "{length}: {read:?}");
    }
}
