//! Clients that are slow on purpose, and a great many of them: health answers all the while, and so does everything
//! for whoever has the token.

use std::collections::VecDeque;
use std::time::Duration;

use entitled::secret::Secret;
use entitled::web::{Door, Patience};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Ask, Desk, TOKEN, samples};

/// More than there is room for.
const CROWD: usize = 300;

async fn desk(patience: Patience) -> Desk {
    let token = Some(Secret::new(TOKEN.to_owned()));
    let door = Door { patience, ..Door::new("127.0.0.1:8787".parse().unwrap(), token) };
    Desk::behind(door, samples::in_sync(), None).await
}

/// One that waits for nobody.
fn hasty() -> Patience {
    let soon = Duration::from_millis(100);
    Patience { head: soon, head_when_full: soon, request: soon, write: soon }
}

/// A request with what else its head says.
fn request(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{more}\r\n")
}

fn with_token(path: &str, more: &str) -> String {
    request(path, &format!("authorization: Bearer {TOKEN}\r\n{more}"))
}

async fn connect(desk: &Desk, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(desk.server.address()).await.unwrap();
    // Somebody else may have needed the seat already.
    let _sent = stream.write_all(bytes).await;
    stream
}

/// Everything that is answered until the server ends the connection; nothing where it never does.
async fn to_the_end(mut stream: TcpStream) -> Option<String> {
    let mut said = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut said)).await;
    // A reset is an end too.
    read.ok().map(|_| String::from_utf8_lossy(&said).into_owned())
}

/// What one request on a connection of its own is answered.
async fn once(desk: &Desk, request: &str) -> String {
    to_the_end(connect(desk, request.as_bytes()).await).await.expect("the server answers and ends")
}

async fn is_well(desk: &Desk, while_what: &str) {
    let close = "connection: close\r\n";
    for (path, says) in [("/healthz", "alive"), ("/readyz", "\"ready\":")] {
        let answer = once(desk, &request(path, close)).await;
        assert!(answer.contains(says), "{path} while {while_what}: {answer}");
    }
    let answer = once(desk, &with_token("/api/v1/status", close)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "the owner while {while_what}: {answer}");
}

/// What strangers do who want the room for themselves.
fn crowds() -> [(&'static str, Vec<u8>); 6] {
    let body = "POST /hooks/shop HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9999\r\n\r\n{";
    let chunked = "POST /hooks/shop HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n";
    [
        ("nothing is sent", Vec::new()),
        ("heads do not end", b"GET / HTTP/1.1\r\nhost: ".to_vec()),
        ("bodies do not end", body.into()),
        ("chunks do not end", chunked.into()),
        ("answers are not read", request("/assets/page.css", "").repeat(200).into_bytes()),
        ("connections rest", request("/nothing-here", "").into_bytes()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_the_owner_are_answered_while_strangers_hold_every_seat() {
    for (what, bytes) in crowds() {
        let desk = desk(Patience::default()).await;
        let mut crowd = Vec::new();
        for _ in 0..CROWD {
            crowd.push(connect(&desk, &bytes).await);
        }
        is_well(&desk, what).await;
        // A stranger is told to come again, not kept waiting.
        let stranger = once(&desk, &request("/api/v1/status", "")).await;
        assert!(stranger.starts_with("HTTP/1.1 503 ") && stranger.contains("\"busy\""), "{what}: {stranger}");
        drop(crowd);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_slow_is_given_up() {
    for (what, bytes) in crowds() {
        let desk = desk(hasty()).await;
        let ended = to_the_end(connect(&desk, &bytes).await).await;
        let said = ended.unwrap_or_else(|| panic!("never given up where {what}"));
        assert_eq!(
            said.starts_with("HTTP/1.1 504 "),
            what.contains("not end") && !what.contains("heads"),
            "{what}: {said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_never_reads_is_given_up() {
    let desk = desk(hasty()).await;
    let many = request("/assets/page.css", "").repeat(1_000);
    let mut stream = connect(&desk, &[]).await;
    let asking = async {
        // Without an end: only the server can end it.
        while stream.write_all(many.as_bytes()).await.is_ok() {}
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), asking).await.is_ok(), "it is never given up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_shown_the_token_keeps_the_seat() {
    let desk = desk(Patience::default()).await;
    let mut crowd = VecDeque::new();
    for _ in 0..CROWD {
        crowd.push_back(connect(&desk, b"GET").await);
    }
    let mut owner = connect(&desk, &[]).await;
    for turn in 0..3 {
        owner.write_all(with_token("/api/v1/runs", "").as_bytes()).await.unwrap();
        let mut said = vec![0; 4_096];
        let count = owner.read(&mut said).await.unwrap();
        let said = String::from_utf8_lossy(&said[..count]);
        assert!(said.starts_with("HTTP/1.1 200 ") && !said.contains("connection: close"), "turn {turn}: {said}");
        for _ in 0..50 {
            crowd.push_back(connect(&desk, b"GET").await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_connections_are_no_more_than_some() {
    let desk = desk(Patience::default()).await;
    let mut open = VecDeque::new();
    for number in 0..10_000 {
        open.push_back(connect(&desk, b"GET /").await);
        // The oldest of this many has long had to leave.
        if open.len() > 400 {
            open.pop_front();
        }
        if number % 1_000 == 999 {
            is_well(&desk, "thousands of connections come").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_takes_no_turn_of_who_has_the_token() {
    let desk = desk(Patience::default()).await;
    let mut told = Vec::new();
    for _ in 0..100 {
        told.push(desk.ask(Ask("GET", "/api/v1/status", &[], "")).await.status().as_u16());
    }
    assert!(told.contains(&401) && told.contains(&429), "{told:?}");
    let bearer = format!("Bearer {TOKEN}");
    let answer = desk.ask(Ask("GET", "/api/v1/status", &[("authorization", &bearer)], "")).await;
    assert_eq!(answer.status().as_u16(), 200);
}
