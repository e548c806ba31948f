//! Bounds, headers, and who may read.

use entitled::model::State;

use super::{TOKEN, Web, state};
use crate::daemon::{Live, RARELY};
use crate::support::stage::PRODUCTS;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_token_nothing_but_health_is_read_without_it_not_even_on_this_machine() {
    let live = Live::with(RARELY, PRODUCTS).await;
    let web = Web::of(&live).await;
    state(&live, State::InSync).await;
    for path in ["/metrics", "/api/v1/status", "/api/v1/openapi.json", "/events", "/", "/runs/none"] {
        let ask = || web.client().get(web.url(path));
        // A page of another site that has given this machine's address to a name of its own; a proxy in between.
        for (name, value) in [("accept", "*/*"), ("host", "evil.example"), ("x-forwarded-for", "192.0.2.1")] {
            let refused = web.send(ask().header(name, value)).await;
            assert_eq!(refused.status, 401, "{path} {name}: {refused:?}");
        }
        let wrong = web.send(ask().bearer_auth("another")).await;
        assert_eq!(wrong.status, 401, "{path}: {wrong:?}");
    }
    let behind_a_proxy = web.client().get(web.url("/metrics")).header("via", "1.1 proxy").bearer_auth(TOKEN);
    assert_eq!(web.send(behind_a_proxy).await.status, 200);
    // Health is for everybody; what is wrong with what is not.
    let ready = web.send(web.client().get(web.url("/readyz"))).await;
    assert_eq!(ready.status, 200);
    assert!(ready.json().get("reasons").is_none(), "{ready:?}");
    assert!(ready.headers.contains_key("entitled-store"), "{ready:?}");
    assert!(web.get("/readyz").await.json().get("reasons").is_some(), "whoever shows the token is told");
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_bounded_and_none_can_be_made_into_something_else() {
    let live = Live::with(RARELY, PRODUCTS).await;
    let web = Web::of(&live).await;
    for path in ["/healthz", "/readyz", "/metrics", "/nothing-here"] {
        let got = web.get(path).await;
        assert_eq!(got.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(got.headers["cache-control"], "no-store", "{path}");
        assert!(got.headers.contains_key("content-security-policy"), "{path}");
        assert!(!got.body.contains(TOKEN), "{path}");
    }
    let mut answers = Vec::new();
    for _ in 0..200 {
        answers.push(web.get("/metrics").await.status);
    }
    assert!(answers.contains(&429), "{answers:?}");
    live.stop().await;
}
