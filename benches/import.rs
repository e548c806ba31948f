//! How fast orders come in, and how fast they are read back for a full pass.
//!
//! `IMPORT_MILLION=1 cargo bench --bench import` also takes in one million in a single store, and reports the
//! time of each scan of it.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use entitled::model::{
    Buyer, Catalog, Email, Item, Order, Policy, ProductId, ProductIx, Rule, SourceName, Standing, UserIx,
};
use entitled::store::{Scope, Store};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Runtime;

const PRODUCTS: u32 = 10;

/// Orders with ids in no order, as most payment APIs give them; ten for each buyer.
fn orders(count: u32) -> Vec<Order> {
    (0..count)
        .map(|n| {
            let buyer = n % count.div_ceil(10);
            let paid = Timestamp::from_second(1_700_000_000 + i64::from(n)).expect("within range");
            Order {
                id: format!("ord_{:016x}", u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15)).into(),
                buyer: Buyer {
                    user: Some(format!("{buyer:012}").into()),
                    email: Email::parse(&format!("buyer-{buyer}@example.com")),
                },
                items: vec![Item::one(ProductId::from(format!("prd_{}", n % PRODUCTS)))],
                standing: if n % 50 == 0 { Standing::Refunded } else { Standing::Paid },
                status: Some("completed".to_owned()),
                paid_at: Some(paid),
                updated_at: Some(paid),
                ended_at: None,
                period_end: None,
                renewal: Default::default(),
            }
        })
        .collect()
}

fn catalog() -> Catalog {
    let rule = |n| Rule {
        product: ProductId::from(format!("prd_{n}")),
        source: None,
        name: format!("product {n}"),
        line: 1,
        entitlements: Vec::new(),
        valid_for: None,
        quantity: Default::default(),
        grace: SignedDuration::ZERO,
        on_refund: Policy::Revoke,
        on_partial_refund: Policy::Keep,
        on_dispute: Policy::Keep,
    };
    Catalog { targets: Vec::new(), products: (0..PRODUCTS).map(rule).collect(), ..Catalog::default() }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("within range")
}

async fn empty() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(&directory.path().join("entitled.db")).await.expect("a new store");
    (directory, store)
}

async fn scan(store: &Store) -> usize {
    let product = |key: entitled::store::ProductKey| Some(ProductIx(u16::try_from(key.0 - 1).expect("ten products")));
    let user = |key: entitled::store::BuyerKey| Some(UserIx(key.0));
    store.purchases(&catalog(), &product, &user, &Scope::All).await.expect("a scan").len()
}

fn import(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let source = SourceName::from("shop");
    let orders = orders(100_000);
    let mut group = c.benchmark_group("store");
    group.sample_size(10).measurement_time(Duration::from_secs(20)).throughput(Throughput::Elements(100_000));
    group.bench_function("import 100,000 orders", |bencher| {
        bencher.iter_custom(|iterations| {
            runtime.block_on(async {
                let mut spent = Duration::ZERO;
                for _ in 0..iterations {
                    let (_directory, store) = empty().await;
                    let started = Instant::now();
                    black_box(store.record_orders(&source, &orders, now()).await.expect("recorded"));
                    spent += started.elapsed();
                    store.close().await;
                }
                spent
            })
        });
    });
    let (_directory, store) = runtime.block_on(empty());
    runtime.block_on(store.record_orders(&source, &orders, now())).expect("recorded");
    group.bench_function("read 100,000 orders again, unchanged", |bencher| {
        bencher.iter(|| runtime.block_on(store.record_orders(&source, &orders, now())).expect("recorded"));
    });
    group.bench_function("scan 100,000 purchases", |bencher| {
        bencher.iter(|| runtime.block_on(scan(&store)));
    });
    group.finish();
}

fn million(_: &mut Criterion) {
    if std::env::var_os("IMPORT_MILLION").is_none() {
        return;
    }
    let runtime = Runtime::new().expect("a runtime");
    let source = SourceName::from("shop");
    let orders = orders(1_000_000);
    runtime.block_on(async {
        let (directory, store) = empty().await;
        let path = directory.path().join("entitled.db");
        let report = |what: &str, started: Instant| {
            let spent = started.elapsed();
            println!("{what}: {:.2} s, {:.0} a second", spent.as_secs_f64(), 1_000_000.0 / spent.as_secs_f64());
        };
        let started = Instant::now();
        store.record_orders(&source, &orders, now()).await.expect("recorded");
        report("import of 1,000,000 orders", started);
        let started = Instant::now();
        store.record_orders(&source, &orders, now()).await.expect("recorded");
        report("the same again, unchanged", started);
        for _ in 0..2 {
            let started = Instant::now();
            scan(&store).await;
            report("scan of 1,000,000 purchases", started);
        }
        store.close().await;
        println!("size: {} MiB", std::fs::metadata(&path).expect("the store").len() >> 20);
        let started = Instant::now();
        let store = Store::open(&path).await.expect("opened");
        report("open", started);
        let started = Instant::now();
        Store::scratch(&path).await.expect("a copy");
        report("scratch copy", started);
        store.close().await;
    });
}

criterion_group!(benches, import, million);
criterion_main!(benches);
