//! What must never be taken for an answer, nor shown.

use std::time::{Duration, Instant};

use entitled::source::SourceError;
use serde_json::{Value, json};

use super::account::Account;
use super::objects::{DAY, bought, session};
use super::{KEY, stripe, with_key};
use crate::source::{FULL, chain, refused};
use crate::support::replay::{Line, Replay};

const EVENTS: &str = "/v1/events?limit=1";
const DISPUTES: &str = "/v1/disputes?limit=100";
const SESSIONS: &str = "/v1/checkout/sessions?expand[]=data.line_items&expand[]=data.customer\
                        &expand[]=data.payment_intent.latest_charge.refunds&limit=100";

fn list(data: &[Value], has_more: bool) -> Value {
    json!({"object": "list", "url": "/v1", "has_more": has_more, "data": data})
}

fn open_session(id: &str) -> Value {
    let mut open = session(id, DAY, "cus", "pi");
    open["status"] = json!("open");
    open["customer"] = Value::Null;
    open["payment_intent"] = Value::Null;
    open["line_items"] = list(&[], false);
    open
}

/// How a full read ends on a server that has no disputes and answers like this for sessions.
async fn ends(lines: Vec<Line>) -> (SourceError, Replay) {
    let mut all = vec![Line::json(EVENTS, list(&[], false)), Line::json(DISPUTES, list(&[], false))];
    all.extend(lines);
    let server = Replay::start(all).await;
    let error = refused(&stripe(&server.url, "read: [checkout]\nmax_pages: 3"), FULL).await;
    (error, server)
}

#[tokio::test]
async fn an_empty_page_that_says_more_follow_is_no_end() {
    let (error, _) = ends(vec![Line::json(SESSIONS, list(&[], true))]).await;
    assert!(matches!(error, SourceError::EmptyPage { .. }), "{error:?}");
}

#[tokio::test]
async fn a_cursor_that_begins_anew_is_noticed() {
    let page = list(&[open_session("cs_1"), open_session("cs_2")], true);
    let second = format!("{SESSIONS}&starting_after=cs_2");
    let (error, server) = ends(vec![Line::json(SESSIONS, page.clone()), Line::json(&second, page)]).await;
    assert!(matches!(error, SourceError::PageRepeats { .. }), "{error:?}");
    assert_eq!(server.targets().len(), 4);
}

#[tokio::test]
async fn a_list_that_does_not_end_is_left() {
    let mut lines = vec![Line::json(SESSIONS, list(&[open_session("cs_0")], true))];
    for number in 0..9 {
        let target = format!("{SESSIONS}&starting_after=cs_{number}");
        lines.push(Line::json(&target, list(&[open_session(&format!("cs_{}", number + 1))], true)));
    }
    let (error, server) = ends(lines).await;
    assert!(matches!(error, SourceError::TooManyPages { max: 3 }), "{error:?}");
    assert_eq!(server.targets().len(), 5);
}

#[tokio::test]
async fn something_else_than_a_list_is_no_list_without_objects() {
    for answer in
        [json!({}), json!([]), json!({"data": []}), json!({"has_more": false}), json!({"data": {}, "has_more": false})]
    {
        let (error, _) = ends(vec![Line::json(SESSIONS, answer.clone())]).await;
        assert!(matches!(error, SourceError::NoItems { .. }), "{answer}: {error:?}");
    }
}

#[tokio::test]
async fn an_object_of_the_other_mode_is_refused() {
    let account = Account::start().await;
    bought(&account, "a", DAY);
    for (key, more, refused_as) in [
        ("rk_live_51Secret0fTheTest", "", Some("is of test mode, and this source is of live mode")),
        (KEY, "live: true", Some("is of test mode, and this source is of live mode")),
        (KEY, "live: false", None),
        ("rk_live_51Secret0fTheTest", "live: false", None),
        ("another-kind-of-key", "", None),
    ] {
        let shop = with_key(key, &account.url, more);
        let (_, ended) = super::read(&shop, FULL).await;
        match (ended, refused_as) {
            (Ok(_), None) => {}
            (Err(error), Some(words)) => assert!(error.to_string().contains(words), "{error}"),
            (ended, _) => panic!("{key} {more}: {ended:?}"),
        }
    }
    assert!(with_key("rk_live_51Secret0fTheTest", &account.url, "").get(&"cs_a".into()).await.is_err());
}

#[tokio::test]
async fn a_key_that_may_not_is_told_what_it_needs() {
    let body = json!({"error": {"type": "invalid_request_error", "message": format!(
        "The provided key '{KEY}' does not have the required permissions for this endpoint.")}});
    let (error, server) = ends(vec![Line::json(SESSIONS, body).status(403)]).await;
    assert!(matches!(error, SourceError::Denied { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("restricted key"), "{:?}", error.hint());
    assert!(!format!("{} {error:?}", chain(&error)).contains(KEY), "{}", chain(&error));
    assert!(chain(&error).contains("does not have the required permissions"));
    let shop = stripe(&server.url, "");
    assert!(!format!("{shop:?}").contains(KEY), "{shop:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_a_page_of_a_proxy_is_no_answer() {
    let elsewhere = Replay::start(vec![]).await;
    let away = Line::json(SESSIONS, json!({})).status(302).header("location", &format!("{}/v1", elsewhere.url));
    let (error, _) = ends(vec![away]).await;
    assert!(matches!(error, SourceError::Redirect { .. }), "{error:?}");
    assert_eq!(elsewhere.targets().len(), 0);

    let missing = Line::answer(
        "GET",
        "/v1/subscriptions/sub_1?expand[]=customer&expand[]=latest_invoice.payments",
        404,
        "text/html",
        b"<html>".to_vec(),
    );
    let server = Replay::start(vec![missing]).await;
    let error = stripe(&server.url, "").get(&"sub_1".into()).await.unwrap_err();
    assert!(matches!(error, SourceError::NotJson { .. }), "{error:?}");
}

#[tokio::test]
async fn too_many_requests_slow_every_call_down() {
    let busy =
        Line::json(SESSIONS, json!({"error": {"message": "Too many requests"}})).status(429).header("retry-after", "1");
    let server = Replay::start(vec![
        Line::json(EVENTS, list(&[], false)),
        Line::json(DISPUTES, list(&[], false)),
        busy,
        Line::json(SESSIONS, list(&[open_session("cs_1")], false)),
    ])
    .await;
    let began = Instant::now();
    let (pages, ended) = super::read(&stripe(&server.url, "read: [checkout]"), FULL).await;
    assert!(ended.is_ok() && began.elapsed() >= Duration::from_secs(1), "{ended:?}");
    assert_eq!(pages.concat().len(), 1);
}

#[tokio::test]
async fn another_object_than_was_asked_for_is_no_answer() {
    let target = "/v1/checkout/sessions/cs_1?expand[]=line_items&expand[]=customer\
                  &expand[]=payment_intent.latest_charge.refunds";
    let server = Replay::start(vec![Line::json(target, open_session("cs_2"))]).await;
    let error = stripe(&server.url, "").get(&"cs_1".into()).await.unwrap_err();
    assert!(matches!(error, SourceError::OtherOrder { .. }), "{error:?}");
}
