//! Lists and orders that are asked for by `POST`, with JSON: GraphQL, above all.

use entitled::config::settings::source::HttpSource;
use entitled::source::{Lookup, SourceError};
use serde_json::{Value, json};

use super::{FULL, chain, ids, read, refused, since, source};
use crate::support::preset::http_source;
use crate::support::replay::{Line, Replay};

const GRAPH: &str = "
list:
  path: /graphql
  method: POST
  body:
    query: 'query ($n: Int!, $after: String, $filter: F) { orders(first: $n, after: $after, filter: $filter) { nodes {id} } }'
    variables: {n: '{size}', after: '{cursor}', live: true, filter: {text: 'updated_at:>={since}', changed: {after: '{since}'}}}
  items: $.data.orders.nodes
  paging: {kind: token, next: $.data.orders.page.end, has_more: $.data.orders.page.more, size: 2}
incremental: {kind: filter, format: rfc3339, overlap: 1m}
get:
  path: /graphql
  method: POST
  body: {query: 'query ($id: ID!) { order(id: $id) {id} }', variables: {id: 'gid://shop/Order/{id}'}}
  item: $.data.order
map: {id: $.id, updated_at: $.at, products: $.product, email: $.email}
";

fn post(answer: Value) -> Line {
    Line::answer("POST", "/graphql", 200, "application/json", answer.to_string().into_bytes())
}

fn page(orders: Value, end: Value, more: bool) -> Line {
    post(json!({"data": {"orders": {"nodes": orders, "page": {"end": end, "more": more}}}}))
}

fn row(id: &str) -> Value {
    json!({"id": id, "status": "paid", "at": "2024-05-06T07:01:00Z", "product": "p", "email": "ann@example.com"})
}

fn variables(server: &Replay) -> Vec<Value> {
    let body = |asked: crate::support::replay::Asked| serde_json::from_str::<Value>(&asked.body).unwrap();
    server.asked().into_iter().map(|asked| body(asked)["variables"].clone()).collect()
}

#[tokio::test]
async fn a_list_is_asked_for_by_post_and_its_blanks_are_filled_as_json() {
    let server = Replay::start(vec![
        page(json!([row("a"), row("b")]), json!("say \"2\""), true),
        page(json!([row("c")]), json!("end"), false),
    ])
    .await;
    let shop = source(http_source(GRAPH, &server.url));
    let (pages, report) = read(&shop, FULL).await;
    assert_eq!(report.unwrap().orders, 3);
    assert_eq!(ids(&pages), [vec!["a", "b"], vec!["c"]]);
    // Nothing is asked for by time: what only a time stands in is left out, and a mark that is not there yet is null.
    assert_eq!(
        variables(&server),
        [json!({"n": 2, "after": null, "live": true}), json!({"n": 2, "after": "say \"2\"", "live": true})]
    );
    let query = serde_json::from_str::<Value>(&server.asked()[0].body).unwrap()["query"].clone();
    assert!(query.as_str().unwrap().ends_with("{ nodes {id} } }"), "other braces are none of ours: {query}");

    server.now_answers(vec![page(json!([row("c")]), json!(null), false)]);
    read(&shop, since(5)).await.1.unwrap();
    let from = "2024-05-06T07:04:00Z";
    assert_eq!(
        variables(&server),
        [json!({"n": 2, "after": null, "live": true, "filter": {
            "text": format!("updated_at:>={from}"), "changed": {"after": from}
        }})]
    );
}

#[tokio::test]
async fn a_place_that_is_a_number_is_sent_as_one() {
    let numbered = |paging: &str, first: Value, second: Value| {
        let graph = format!(
            "
list:
  path: /graphql
  method: POST
  body: {{skip: '{{cursor}}'}}
  items: $.items
  paging: {paging}
map: {{id: $.id, products: $.product, email: $.email}}
"
        );
        async move {
            let server = Replay::start(vec![
                post(json!({"items": [row("a"), row("b")], "next": 7})).sent(json!({"skip": first})),
                post(json!({"items": [row("c")], "next": null})).sent(json!({"skip": second})),
                post(json!({"items": []})),
            ])
            .await;
            let (_, report) = read(&source(http_source(&graph, &server.url)), FULL).await;
            assert_eq!(report.unwrap().orders, 3);
        }
    };
    numbered("{kind: offset, size: 2}", json!(0), json!(2)).await;
    numbered("{kind: page, size: 2}", json!(1), json!(2)).await;
    numbered("{kind: token, next: $.next}", json!(null), json!(7)).await;
    numbered("{kind: last_id, size: 2}", json!(null), json!("b")).await;
}

#[tokio::test]
async fn errors_in_an_answer_that_says_yes_are_errors() {
    let said = json!({"data": null, "errors": [{"message": "Field 'nodez' doesn't exist"}, {"message": "and more"}]});
    let server = Replay::start(vec![post(said.clone())]).await;
    let shop = source(http_source(GRAPH, &server.url));
    let error = refused(&shop, FULL).await;
    assert_eq!(
        chain(&error),
        "POST /graphql: answered with errors: `Field 'nodez' doesn't exist; and more`",
        "{error:?}"
    );
    assert!(error.hint().unwrap().contains("`body`"));
    let error = shop.get(&"1".into()).await.unwrap_err();
    assert!(matches!(error, SourceError::Errors { .. }), "{error:?}");

    // Some of it may be there: what is missing of it is missing without a word.
    let part =
        json!({"data": {"orders": {"nodes": [row("a")], "page": {"more": false}}}, "errors": [{"message": "no"}]});
    server.now_answers(vec![post(part)]);
    assert!(matches!(refused(&shop, FULL).await, SourceError::Errors { .. }));
    server.now_answers(vec![post(
        json!({"data": {"orders": {"nodes": [row("a")], "page": {"more": false}}}, "errors": []}),
    )]);
    read(&shop, FULL).await.1.unwrap();
}

#[tokio::test]
async fn what_was_asked_too_fast_is_asked_again() {
    let slow = json!({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]});
    let server = Replay::start(vec![post(slow), page(json!([row("a")]), json!(null), false)]).await;
    let (pages, report) = read(&source(http_source(GRAPH, &server.url)), FULL).await;
    report.unwrap();
    assert_eq!(ids(&pages), [["a"]]);
}

#[tokio::test]
async fn one_order_is_asked_for_by_post() {
    let sent = |id: &str| json!({"query": "query ($id: ID!) { order(id: $id) {id} }", "variables": {"id": format!("gid://shop/Order/{id}")}});
    let server = Replay::start(vec![
        post(json!({"data": {"order": row("a/1\"")}})).sent(sent("a/1\"")),
        post(json!({"data": {"order": null}})).sent(sent("b")),
    ])
    .await;
    let shop = source(http_source(GRAPH, &server.url));
    assert!(matches!(shop.get(&"a/1\"".into()).await.unwrap(), Lookup::Found(_)));
    assert_eq!(shop.get(&"b".into()).await.unwrap(), Lookup::Missing);
}

#[tokio::test]
async fn what_was_recorded_answers_to_what_was_sent() {
    let server = Replay::start(vec![
        page(json!([row("a"), row("b")]), json!("two"), true),
        page(json!([{"id": "c", "status": "paid", "email": "c@example.com", "name": "Cleo"}]), json!("end"), false),
        post(json!({"data": {"order": row("a")}})),
    ])
    .await;
    let http = http_source(GRAPH, &server.url);
    let mut shop = source(http.clone());
    assert!(shop.record());
    let (there, _) = read(&shop, FULL).await;
    shop.get(&"a".into()).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("kept");
    assert_eq!(shop.keep_recording(&folder).unwrap(), 3);
    let text = std::fs::read_to_string(folder.join("0002.json")).unwrap();
    assert!(!text.contains("Cleo") && !text.contains("c@example.com") && text.contains("\"c\""), "{text}");

    let asked = server.targets().len();
    let recorded = source(HttpSource { recorded: Some(folder), ..http });
    let (here, report) = read(&recorded, FULL).await;
    report.unwrap();
    assert_eq!(ids(&here), ids(&there));
    assert!(matches!(recorded.get(&"a".into()).await.unwrap(), Lookup::Found(_)));
    assert!(matches!(recorded.get(&"b".into()).await, Err(SourceError::NotRecorded { .. })));
    assert_eq!(server.targets().len(), asked);
}
