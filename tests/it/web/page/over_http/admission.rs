//! Who is let in: with a token whoever shows it, without one whoever sits at this machine, and nobody whom a proxy
//! may have let through.

use std::time::Duration;

use entitled::web::{Door, Patience};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

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
        for wrong in ["", "Bearer another", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", TOKEN] {
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

/// What somebody at another address is answered: all of 127.0.0.0/8 is this machine on Linux.
pub(super) async fn answer_from(address: &str, desk: &Desk, bytes: &str) -> String {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    whole(socket.connect(desk.server.address()).await.unwrap(), bytes).await
}

/// The head of the answer, and the connection, which stays open.
pub(super) async fn kept_open(address: &str, desk: &Desk, bytes: &str) -> (String, tokio::net::TcpStream) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    let mut connection = socket.connect(desk.server.address()).await.unwrap();
    connection.write_all(bytes.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    while !said.windows(4).any(|end| end == b"\r\n\r\n") {
        assert_ne!(connection.read_buf(&mut said).await.unwrap(), 0, "hung up");
    }
    (String::from_utf8_lossy(&said).into_owned(), connection)
}

#[tokio::test]
async fn wrong_tokens_slow_down_the_address_that_tries_and_not_the_owner() {
    let desk = Desk::start(samples::in_sync(), Some(TOKEN), "127.0.0.1:8787", None).await;
    let end = "host: 127.0.0.1\r\nconnection: close\r\n";
    let show = async |address: &str, token: &str| {
        let request = format!("GET /api/v1/runs HTTP/1.1\r\n{end}authorization: Bearer {token}\r\n\r\n");
        let said = answer_from(address, &desk, &request).await;
        (said[9..12].parse::<u16>().unwrap(), said.contains("too_many_tries"))
    };
    let (owner, guesser) = ("127.0.0.2", "127.0.0.3");
    assert_eq!(show(owner, TOKEN).await.0, 200);
    for number in 0..10 {
        assert_eq!(show(guesser, &format!("guess-{number}")).await, (401, false));
    }
    assert_eq!(show(guesser, "guess-more").await, (429, true));
    assert_eq!(show(guesser, TOKEN).await, (429, true), "the right one is no longer told from a wrong one");
    assert_eq!(show(owner, TOKEN).await.0, 200);
    // Somebody behind the owner's own address.
    for number in 0..20 {
        show(owner, &format!("guess-{number}")).await;
    }
    assert_eq!(show(owner, TOKEN).await.0, 200);
    let (body, kind) = (format!("token={TOKEN}"), "content-type: application/x-www-form-urlencoded\r\n");
    let sign_in = format!("POST /sign-in HTTP/1.1\r\n{end}{kind}content-length: {}\r\n\r\n{body}", body.len());
    let typed = answer_from(guesser, &desk, &sign_in).await;
    assert!(typed.starts_with("HTTP/1.1 429 ") && !typed.contains("set-cookie"), "{typed}");
    let typed = answer_from(owner, &desk, &sign_in).await;
    assert!(typed.starts_with("HTTP/1.1 303 ") && typed.contains("set-cookie"), "{typed}");
}

/// What raw bytes are answered, up to the end of the connection.
async fn answer(desk: &Desk, bytes: &str) -> String {
    whole(TcpStream::connect(desk.server.address()).await.unwrap(), bytes).await
}

async fn whole(mut stream: TcpStream, bytes: &str) -> String {
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn a_request_names_one_host() {
    let desk = Desk::local(samples::in_sync()).await;
    let end = "connection: close\r\n\r\n";
    for (path, hosts, status) in [
        ("/api/v1/runs", "host: localhost\r\n", 200),
        ("/api/v1/runs", "host: localhost\r\nhost: evil.example\r\n", 400),
        ("/api/v1/runs", "host: localhost\r\nHost: localhost\r\n", 400),
        ("/healthz", "host: evil.example\r\nhost: localhost\r\n", 400),
        ("http://localhost/api/v1/runs", "host: localhost\r\n", 200),
        ("http://evil.example/api/v1/runs", "host: localhost\r\n", 400),
        ("http://localhost/api/v1/runs", "host: evil.example\r\n", 400),
        ("/api/v1/runs", "", 403),
    ] {
        let said = answer(&desk, &format!("GET {path} HTTP/1.1\r\n{hosts}{end}")).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {hosts:?}: {said}");
    }
    // What a proxy speaks that was told nothing else.
    let said = answer(&desk, &format!("GET /api/v1/runs HTTP/1.0\r\nhost: 127.0.0.1:8787\r\n{end}")).await;
    assert!(said.contains(" 403 "), "{said}");
}

/// A body of another length than one reader takes it for, or a head that two readers read in two ways, is never followed
/// by a second request.
#[tokio::test]
async fn no_request_hides_in_another() {
    // Some of them are an unfinished request, which is waited for.
    let soon = Duration::from_millis(500);
    let patience = Patience { head: soon, request: soon, ..Patience::default() };
    let door = Door { patience, ..Door::new("127.0.0.1:8787".parse().unwrap(), None) };
    let desk = Desk::behind(door, samples::in_sync(), None).await;
    let hidden = "GET /api/v1/runs HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    for head in [
        "POST /sign-in HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 0\r\n\r\n",
        "POST /sign-in HTTP/1.1\r\nhost: localhost\r\ncontent-length: +5\r\n\r\n",
        "POST /sign-in HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0, 0\r\n\r\n",
        "POST /sign-in HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /sign-in HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST /sign-in HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n folded: yes\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: a\rb: c\r\n\r\n",
        // Lines that end with a bare LF: where they are heard at all, lengths count as they are written.
        &format!("POST /sign-in HTTP/1.1\nhost: localhost\ncontent-length: {}\n\n", hidden.len()),
        "POST /sign-in HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\n\n",
        "POST /sign-in HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\nx\n0\n\n",
        "POST /sign-in HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n2\r\nxy0\r\n\r\n",
        "POST /sign-in HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "POST /sign-in HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: identity, chunked, x\r\n\r\n0\r\n\r\n",
    ] {
        let said = answer(&desk, &format!("{head}{hidden}")).await;
        assert!(!said.contains("\"runs\""), "{head:?}: {said}");
    }
    // Both lengths: the chunks count, and the connection ends with them.
    let both =
        "POST /sign-in HTTP/1.1\r\nhost: localhost\r\ncontent-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let said = answer(&desk, &format!("{both}{hidden}")).await;
    assert!(!said.contains("\"runs\""), "{said}");
}

/// Nothing here is a file, so no path leads to one.
#[tokio::test]
async fn no_path_leads_out_of_what_is_served() {
    let desk = Desk::local(samples::in_sync()).await;
    for path in [
        "/../../../../../../etc/passwd",
        "/assets/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/..%5c..%5cetc%5cpasswd",
        "/hooks/..%2f..%2fetc%2fpasswd",
        "/users/..%2f..%2fetc%2fpasswd",
        "/api/v1/users/..%2f..%2f..%2fetc%2fpasswd/why",
        "//etc/passwd",
        "/etc/passwd%00.css",
        "/entitlements.yaml",
        "/entitled.db",
        "/.env",
    ] {
        let said = answer(&desk, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).await;
        assert!(!said.contains("root:") && !said.contains("version: 1") && !said.contains("SQLite"), "{path}: {said}");
        let status: u16 = said[9..12].parse().unwrap();
        assert!(status != 200 && status < 600, "{path}: {said}");
        let of_files = said.contains("daemon is not ready to answer") || status < 500;
        assert!(of_files, "{path}: {said}");
    }
}
