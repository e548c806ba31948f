//! Any bytes as what a client sends to the daemon's server: whatever they are, what comes back is HTTP, says nothing of
//! a fault, holds no token, and tells nobody anything who has not shown it.
//!
//! Over a connection in memory, to every route, of a daemon that has opened nothing yet: heads, paths, queries, forms,
//! bodies, cookies and the bounds, without the store and without Logto.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use entitled::daemon::metrics::Metrics;
use entitled::daemon::{HealthReporter, StatusReader, triggers};
use entitled::report::status::{About, Mode, Status, Trouble};
use entitled::secret::Secret;
use entitled::web::{App, Door, router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

const TOKEN: &str = "correct-horse-battery-staple";
/// What the status says, and only who shows the token may read.
const CANARY: &str = "canary-in-the-status";
/// More than any answer.
const ROOM: usize = 1 << 20;
/// So often a connection may go on with what is there already, until it waits for more or for a time to pass.
const TURNS: usize = 64;

/// The target `request`.
pub(crate) fn fuzz(bytes: &[u8]) {
    answers(bytes);
}

/// What is answered to these bytes on one connection, every answer looked at.
pub(crate) fn answers(bytes: &[u8]) -> String {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        Builder::new_current_thread().enable_time().build().expect("a runtime without a thread of its own")
    });
    let answers = String::from_utf8_lossy(&RUNTIME.block_on(exchange(bytes))).into_owned();
    let asked = String::from_utf8_lossy(bytes);
    assert!(answers.is_empty() || answers.starts_with("HTTP/1."), "{answers}\nto {asked:?}");
    assert!(!answers.contains("HTTP/1.1 500 "), "{answers}\nto {asked:?}");
    assert!(!answers.contains(TOKEN), "the token in {answers}\nto {asked:?}");
    assert!(asked.contains(TOKEN) || !answers.contains(CANARY), "the status in {answers}\nto {asked:?}");
    // What is no HTTP never reaches a route: hyper answers with a head and nothing else.
    let final_answer = answers.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&answers);
    let head = final_answer.split("\r\n\r\n").next().unwrap_or_default();
    let not_http = final_answer.is_empty() || head.contains("content-length: 0");
    assert!(not_http || head.contains("x-content-type-options: nosniff"), "{answers}\nto {asked:?}");
    answers
}

async fn exchange(bytes: &[u8]) -> Vec<u8> {
    let (mut client, server) = tokio::io::duplex(ROOM);
    // What does not fit waits for a server that reads no further.
    let sent = &bytes[..bytes.len().min(ROOM)];
    let written = client.write_all(sent).await.and(client.shutdown().await);
    let service = TowerToHyperService::new(router(&app()));
    let mut http = http1::Builder::new();
    let connection = http.timer(TokioTimer::new()).half_close(true).serve_connection(TokioIo::new(server), service);
    // An open page is told of changes for ever.
    tokio::select! {
        biased;
        _ended = connection => {}
        () = turns() => {}
    }
    let mut answers = Vec::new();
    let read = client.read_to_end(&mut answers).await;
    assert!(written.is_ok() && read.is_ok(), "memory has no faults");
    answers
}

async fn turns() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}

/// A server for a whole network, fresh for each connection: what it has seen of one must not decide about the next.
fn app() -> App {
    let mut status = Status::starting(Mode::Live, Timestamp::UNIX_EPOCH);
    status.troubles.push(Trouble {
        about: About::Logto,
        message: CANARY.to_owned(),
        because: vec![CANARY.to_owned()],
        hint: None,
        detail: None,
        since: Timestamp::UNIX_EPOCH,
    });
    // Nothing is told after this, and what was told stays.
    let (_, status) = watch::channel(Arc::new(status));
    let (_, open) = watch::channel(None);
    let (trigger, _) = triggers();
    let reading =
        StatusReader { status, open, metrics: Arc::<Metrics>::default(), reporter: HealthReporter::default() };
    let token = Some(Secret::new(TOKEN.to_owned()));
    App::new(reading, trigger, Door::new(SocketAddr::from(([0, 0, 0, 0], 8787)), token))
}
