//! One order by its id.

use entitled::model::{OrderId, Standing};
use entitled::source::{Lookup, SourceError};
use serde_json::json;

use super::{order, shop, source};
use crate::support::preset::http_source;
use crate::support::replay::{Line, Replay};

#[tokio::test]
async fn an_order_is_found_bare_or_in_its_envelope() {
    for body in [order("a", 1), json!({"order": order("a", 1)})] {
        let server = Replay::start(vec![Line::json("/orders/a", body)]).await;
        let Lookup::Found(found) = shop(&server.url, "").get(&"a".into()).await.unwrap() else { panic!("not found") };
        assert_eq!((found.id.as_str(), found.standing), ("a", Standing::Paid));
    }
}

#[tokio::test]
async fn only_a_404_in_json_means_that_there_is_none() {
    let missing = Line::json("/orders/a", json!({"detail": "no such order"})).status(404);
    let server = Replay::start(vec![missing]).await;
    assert_eq!(shop(&server.url, "").get(&"a".into()).await.unwrap(), Lookup::Missing);

    let proxy = Line::answer("GET", "/orders/a", 404, "text/html", b"<h1>404</h1>".to_vec());
    let server = Replay::start(vec![proxy]).await;
    let error = shop(&server.url, "").get(&"a".into()).await.unwrap_err();
    assert!(matches!(error, SourceError::NotJson { .. }), "{error:?}");
}

#[tokio::test]
async fn another_order_than_asked_for_is_an_error() {
    let server = Replay::start(vec![Line::json("/orders/a", order("b", 1))]).await;
    let error = shop(&server.url, "").get(&"a".into()).await.unwrap_err();
    assert!(matches!(&error, SourceError::OtherOrder { got, .. } if got == "b"), "{error:?}");
}

#[tokio::test]
async fn an_error_in_place_of_an_order_is_an_error() {
    let server = Replay::start(vec![Line::json("/orders/a", json!({"error": "try later"}))]).await;
    assert!(shop(&server.url, "").get(&"a".into()).await.is_err());
    let server = Replay::start(vec![Line::json("/orders/a", json!([order("a", 1)]))]).await;
    let error = shop(&server.url, "").get(&"a".into()).await.unwrap_err();
    assert!(matches!(error, SourceError::NoItems { .. }), "{error:?}");
}

#[tokio::test]
async fn an_id_cannot_leave_its_place_in_the_path() {
    let id = "a/../b?x=1&ü";
    let server = Replay::start(vec![Line::json("/orders/a%2F..%2Fb%3Fx%3D1%26%C3%BC", order(id, 1))]).await;
    assert!(matches!(shop(&server.url, "").get(&id.into()).await, Ok(Lookup::Found(_))));
    for id in ["..", ".", ""] {
        assert!(shop(&server.url, "").get(&OrderId::from(id)).await.is_err());
    }
    assert_eq!(server.targets().len(), 1);
}

#[tokio::test]
async fn a_source_without_get_says_so() {
    let yaml = "
list: {path: /orders, items: $, paging: {kind: none}}
map: {id: $.id, products: $.product, email: $.email}
";
    let source = source(http_source(yaml, "http://127.0.0.1:9"));
    assert_eq!(source.get(&"a".into()).await.unwrap(), Lookup::Unsupported);
}
