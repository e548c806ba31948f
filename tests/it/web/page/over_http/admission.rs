//! Who is let in: with a token whoever shows it, without one whoever sits at this machine, and nobody whom a proxy
//! may have let through.

use super::{Ask, Desk, FORM, TOKEN, samples};

/// What proxies, balancers and networks in between add to a request.
const PASSED_ON: [(&str, &str); 24] = [
    ("forwarded", "for=203.0.113.9"),
    ("x-forwarded-for", "203.0.113.9"),
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-host", "entitled.example.com"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-port", "443"),
    ("x-forwarded-server", "proxy.example.com"),
    ("x-forwarded-by-some-other-name", "proxy"),
    ("x-real-ip", "203.0.113.9"),
    ("via", "1.1 proxy.example.com"),
    ("cf-connecting-ip", "203.0.113.9"),
    ("cf-ray", "7d0a1b2c3d4e5f60-FRA"),
    ("cdn-loop", "a-network"),
    ("true-client-ip", "203.0.113.9"),
    ("client-ip", "203.0.113.9"),
    ("x-client-ip", "203.0.113.9"),
    ("x-cluster-client-ip", "203.0.113.9"),
    ("x-original-forwarded-for", "203.0.113.9"),
    ("x-original-host", "entitled.example.com"),
    ("x-envoy-external-address", "203.0.113.9"),
    ("x-amzn-trace-id", "Root=1-67891233-abcdef012345678912345678"),
    ("x-azure-clientip", "203.0.113.9"),
    ("fastly-client-ip", "203.0.113.9"),
    ("fly-client-ip", "203.0.113.9"),
];

const READS: [&str; 7] = ["/", "/api/v1/status", "/api/v1/plan", "/api/v1/runs", "/events", "/metrics", "/runs/none"];

/// Nobody is told anything, and only health says at all that it is there.
async fn is_told_nothing(desk: &Desk, headers: &[(&str, &str)], status: u16) {
    for path in READS {
        let answer = desk.ask(Ask("GET", path, headers, "")).await;
        assert_eq!(answer.status().as_u16(), status, "{path} {headers:?}");
        let said = answer.text().await.unwrap();
        assert!(!said.contains("paid-tier") && !said.contains(TOKEN), "{path} {headers:?}: {said}");
    }
    for (path, body) in [("/api/v1/unfreeze", ""), ("/api/v1/reconcile", ""), ("/actions/unfreeze", "form=0000")] {
        let headers: Vec<_> = headers.iter().copied().chain([FORM, ("x-entitled", "1")]).collect();
        let answer = desk.ask(Ask("POST", path, &headers, body)).await;
        assert_eq!(answer.status().as_u16(), status, "{path} {headers:?}");
    }
    assert_eq!(desk.ask(Ask("GET", "/healthz", headers, "")).await.status().as_u16(), 200, "{headers:?}");
}

#[tokio::test]
async fn without_a_token_what_a_proxy_may_have_passed_on_is_refused() {
    let desk = Desk::local(samples::waits_for_approval(2)).await;
    for header in PASSED_ON {
        let headers = [("host", "127.0.0.1:8787"), header];
        let answer = desk.ask(Ask("GET", "/api/v1/status", &headers, "")).await;
        assert_eq!(answer.status().as_u16(), 403, "{header:?}");
        let written = desk.ask(Ask("POST", "/api/v1/unfreeze", &[header, ("x-entitled", "1")], "")).await;
        assert_eq!(written.status().as_u16(), 403, "{header:?}");
    }
}

#[tokio::test]
async fn without_a_token_only_a_name_of_this_machine_is_answered() {
    let desk = Desk::local(samples::waits_for_approval(2)).await;
    for host in ["127.0.0.1", "127.0.0.1:8787", "localhost", "LOCALHOST:8787", "[::1]:8787", "127.8.9.1:1"] {
        let answer = desk.ask(Ask("GET", "/api/v1/status", &[("host", host)], "")).await;
        assert_eq!(answer.status().as_u16(), 200, "{host}");
    }
    for host in ["rebound.example", "127.0.0.1.rebound.example:8787", "localhost.example", "10.0.0.1:8787", "[::2]"] {
        is_told_nothing(&desk, &[("host", host)], 403).await;
    }
}

#[tokio::test]
async fn a_refusal_recommends_a_token_and_no_open_proxy() {
    let desk = Desk::local(samples::in_sync()).await;
    let answer = desk.ask(Ask("GET", "/api/v1/status", &[("via", "1.1 proxy")], "")).await;
    let said: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let hint = said["hint"].as_str().unwrap();
    assert!(hint.contains("ENTITLED_API_TOKEN"), "{said}");
    assert!(!hint.contains("behind a proxy"), "{said}");
}

#[tokio::test]
async fn with_a_token_it_is_shown_from_anywhere() {
    let bearer = format!("Bearer {TOKEN}");
    let lower = format!("bearer  {TOKEN} ");
    for claims in ["127.0.0.1:8787", "0.0.0.0:8787"] {
        let desk = Desk::start(samples::waits_for_approval(2), Some(TOKEN), claims, None).await;
        is_told_nothing(&desk, &[("host", "127.0.0.1:8787")], 401).await;
        is_told_nothing(&desk, &[("authorization", "Bearer another")], 401).await;
        for wrong in ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", TOKEN] {
            let answer = desk.ask(Ask("GET", "/api/v1/status", &[("authorization", wrong)], "")).await;
            assert_eq!(answer.status().as_u16(), 401, "{wrong}");
        }
        let proxied = ("x-forwarded-for", "203.0.113.9");
        for headers in [
            &[("authorization", bearer.as_str())][..],
            &[("authorization", &bearer), ("host", "entitled.example.com"), proxied],
            &[("authorization", &lower)],
        ] {
            let answer = desk.ask(Ask("GET", "/api/v1/status", headers, "")).await;
            assert_eq!(answer.status().as_u16(), 200, "{headers:?}");
        }
    }
}
