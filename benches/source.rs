//! A payment API read over loopback: how long the mapping of one order takes, and how much memory a full read
//! of 100,000 orders needs.
//!
//! `cargo bench --bench source` prints both. The shop and the reader are processes of their own, so that only
//! the reader's memory is measured: the peak of its resident set over what it had before the read.
#![expect(clippy::disallowed_methods, reason = "reads its own memory figures from /proc, and listens")]

use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use criterion::{BatchSize, Criterion, criterion_group};
use entitled::config::presets::PRESETS;
use entitled::config::settings::source::{SourceKind, SourceSettings};
use entitled::config::{Env, Presets, check_text};
use entitled::source::http::mapping::Mapper;
use entitled::source::{Read, Source, Step};
use serde_json::{Value, json};

const ORDERS: u32 = 100_000;
const PAGE: u32 = 100;

struct Nothing;

impl Env for Nothing {
    fn var(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &str) -> Result<String, String> {
        Err("no file here".to_owned())
    }
}

/// The Medusa preset without credentials, with pages of a hundred: eight paths and ten conditions an order.
fn settings(url: &str) -> SourceSettings {
    let file = format!(
        "version: 1\nlogto: {{endpoint: sandbox}}\nprune: owned\nproducts: {{p: {{entitlements: [{{role: r}}]}}}}\n\
         sources: {{shop: {{kind: medusa, url: '{url}', auth: {{kind: none}}}}}}\n"
    );
    let (config, _) = check_text(&file, Path::new("bench.yaml"), &Nothing, &Presets::new(PRESETS))
        .unwrap_or_else(|problems| panic!("{problems:#?}"));
    config.sources.into_iter().next().expect("one source")
}

/// An order as the Admin API of Medusa gives it.
fn order(number: u32) -> Value {
    json!({
        "id": format!("order_01M80V{number:020}"),
        "email": format!("buyer-{}@example.com", number / 10),
        "metadata": {"logto_user_id": format!("user{:08}", number / 10)},
        "status": "pending",
        "payment_status": if number.is_multiple_of(50) { "refunded" } else { "captured" },
        "created_at": "2026-11-22T05:54:12.342Z",
        "updated_at": "2026-11-22T05:54:17.005Z",
        "canceled_at": null,
        "total": 4900,
        "currency_code": "usd",
        "items": [
            {"product_id": "prod_01M80VKH8APX3RT0BB3S13QXNK", "variant_sku": "PRO-1Y", "quantity": 1},
            {"product_id": "prod_01M80VKH8APX3RT0BB3S13QXNL", "variant_sku": "ADD-ON", "quantity": 2},
        ],
        "payment_collections": [{"payments": [{"captured_at": "2026-11-22T05:54:17.005Z"}]}],
    })
}

fn mapping(criterion: &mut Criterion) {
    let settings = settings("http://127.0.0.1:1");
    let SourceKind::Http(http) = &settings.kind else { unreachable!("a preset is an HTTP source") };
    let mapper = Mapper::new(&http.map, &http.status);
    let now = jiff::Timestamp::now();
    let raw = order(7);
    criterion.bench_function("mapping of one order of two lines", |bencher| {
        bencher.iter_batched(|| raw.clone(), |raw| black_box(mapper.order(raw, now)), BatchSize::SmallInput);
    });
    memory();
}

const ROLE: &str = "BENCH_ROLE";

/// Starts a shop and a reader of it, and lets the reader print what it needed.
fn memory() {
    let itself = std::env::current_exe().expect("a running program has a path");
    let mut shop = Command::new(&itself).env(ROLE, "shop").stdout(Stdio::piped()).spawn().expect("a shop");
    let mut url = String::new();
    BufReader::new(shop.stdout.take().expect("it is piped")).read_line(&mut url).expect("the shop says where it is");
    let mut reader = Command::new(&itself);
    reader.env(ROLE, url.trim()).env("MALLOC_MMAP_THRESHOLD_", "131072");
    let ended = reader.status();
    shop.kill().expect("a process that was started can be ended");
    shop.wait().expect("a process that was ended is gone");
    assert!(ended.expect("a reader").success(), "the measurement failed");
}

/// Serves pages until it is ended, one connection after the other.
fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    println!("http://{}", listener.local_addr().expect("it is bound"));
    for socket in listener.incoming() {
        let socket = socket.expect("a connection");
        std::thread::spawn(move || answer(&socket));
    }
}

fn answer(socket: &TcpStream) {
    let mut requests = BufReader::new(socket);
    let mut writer = socket;
    loop {
        let mut first = String::new();
        if requests.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut line = String::new();
        while requests.read_line(&mut line).unwrap_or(0) > 2 {
            line.clear();
        }
        let number = |name: &str| {
            let rest = first.split_once(name).map(|(_, rest)| rest).unwrap_or_default();
            rest.split(|char: char| !char.is_ascii_digit()).next().and_then(|digits| digits.parse::<u32>().ok())
        };
        let from = number("offset=").unwrap_or(0);
        let orders: Vec<Value> = (from..ORDERS.min(from + PAGE)).map(order).collect();
        let body = json!({"orders": orders, "count": ORDERS}).to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(body.as_bytes())).is_err() {
            return;
        }
    }
}

/// Reads everything, keeps nothing, and prints its peak.
fn measure(url: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let source = Source::new(&settings(url)).expect("settings that work");
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux lets a process reset its own peak");
    let before = resident("VmRSS:");
    let begun = std::time::Instant::now();
    let report = runtime.block_on(async {
        let mut reading = source.read(Read::Full { last_count: None });
        loop {
            match reading.next().await.expect("a read") {
                Step::Adjustments(_) => {}
                Step::Page(orders) => drop(black_box(orders)),
                Step::Done(report) => break report,
            }
        }
    });
    assert_eq!((report.orders, report.pages), (u64::from(ORDERS), ORDERS.div_ceil(PAGE) + 1));
    println!(
        "reading {} orders in {} pages: {:.1} s, peak {:.1} MiB above what the process had before",
        report.orders,
        report.pages,
        begun.elapsed().as_secs_f64(),
        resident("VmHWM:").saturating_sub(before) as f64 / 1024.0,
    );
}

/// A figure of this process, in KiB.
fn resident(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells a process of itself");
    let line = status.lines().find(|line| line.starts_with(field)).expect("every process has a resident set");
    line.split_whitespace().nth(1).and_then(|figure| figure.parse().ok()).expect("a figure in KiB")
}

criterion_group!(benches, mapping);

fn main() {
    match std::env::var(ROLE).as_deref() {
        Ok("shop") => return serve(),
        Ok(url) => return measure(url),
        Err(_) => {}
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
