//! How many requests a second the daemon's own server answers, over eight connections of this machine: health, what is
//! refused without the token, and webhooks that nobody has signed.
//!
//! `cargo bench --bench listener` prints how long [`REQUESTS`] of each take, and how many a second that is.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use entitled::daemon::metrics::Metrics;
use entitled::daemon::{HealthReporter, StatusReader, triggers};
use entitled::report::status::{Mode, Status};
use entitled::secret::Secret;
use entitled::web::{App, Door, Server, bind};
use jiff::Timestamp;
use tokio::sync::watch;

const REQUESTS: usize = 4_000;
const CONNECTIONS: usize = 8;
/// So many are asked before the answers are read.
const AT_ONCE: usize = 20;

fn bench(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let (_status, status) = watch::channel(Arc::new(Status::starting(Mode::Live, Timestamp::UNIX_EPOCH)));
    let (_open, open) = watch::channel(None);
    let (trigger, _triggers) = triggers();
    let (metrics, reporter) = (Arc::<Metrics>::default(), HealthReporter::default());
    let token = Some(Secret::new("correct-horse-battery-staple".to_owned()));
    let server = runtime.block_on(async {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
        let door = Door::new(listener.local_addr().expect("it listens"), token);
        Server::start(listener, &App::new(StatusReader { status, open, metrics, reporter }, trigger, door))
            .expect("it serves")
    });

    let mut group = criterion.benchmark_group("listener");
    group.sample_size(20).throughput(Throughput::Elements(REQUESTS as u64));
    let at = server.address();
    for (name, request) in [
        ("health", "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned()),
        ("refused", "GET /api/v1/status HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned()),
        ("forged webhook", {
            let body = "x".repeat(2_000);
            format!("POST /hooks/shop HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        }),
    ] {
        group.bench_function(name, |bencher| bencher.iter(|| black_box(flood(at, &request))));
    }
    group.finish();
}

/// Sends them all, and counts the answers.
fn flood(at: SocketAddr, request: &str) -> usize {
    let one = move || {
        let mut connection = TcpStream::connect(at).expect("it listens");
        let (requests, mut answered) = (request.repeat(AT_ONCE), 0);
        for _ in 0..REQUESTS / CONNECTIONS / AT_ONCE {
            connection.write_all(requests.as_bytes()).expect("it reads");
            answered += answers(&mut connection);
        }
        answered
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(one)).collect();
        all.into_iter().map(|one| one.join().expect("it answers")).sum()
    })
}

/// Reads the answers to what was sent at once.
fn answers(connection: &mut TcpStream) -> usize {
    let (mut text, mut buffer, mut seen) = (Vec::new(), [0; 16_384], 0);
    while seen < AT_ONCE {
        let read = connection.read(&mut buffer).expect("it answers");
        assert_ne!(read, 0, "it hung up");
        text.extend_from_slice(&buffer[..read]);
        seen = text.windows(9).filter(|begins| begins == b"HTTP/1.1 ").count();
    }
    seen
}

criterion_group!(benches, bench);
criterion_main!(benches);
