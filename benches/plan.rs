//! `desired` and `plan` for a million orders: how long they take, and how much memory a pass needs beside
//! the store.
//!
//! `cargo bench --bench plan` prints both. The memory is measured in a process of its own, as the peak of
//! its resident set over what it had before the first purchase was loaded.
#![expect(clippy::disallowed_methods, reason = "reads its own memory figures from /proc")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group};
use entitled::model::{
    Catalog, Entitlement, Limit, Limits, OrderKey, Ownership, Policy, ProductIx, Prune, Purchase, Rule, Standing,
    Target, TargetEntry, TargetIx, UserIx,
};
use entitled::planner::desired::{Desired, State, desired};
use entitled::planner::input::{
    Actual, Coverage, Holding, LedgerTrust, LedgerView, LimitUsage, OwnedGrant, PlanConstraints,
};
use entitled::planner::{Plan, PlanInput, plan};
use jiff::SignedDuration;

const ORDERS: u32 = 1_000_000;
const USERS: u32 = 100_000;
const TARGETS: u16 = 10;
const DAY: i64 = 86_400;
const NOW: i64 = 1_000 * DAY;
/// One grant in so many differs from what it should be.
const DRIFT: u64 = 100;

/// Ten products, each for a year, each with its own role.
fn catalog() -> Catalog {
    let target = |at: u16| Target::Role { role: format!("role{at:02}").into() };
    let rule = |at: u16| Rule {
        product: format!("product{at:02}").into(),
        source: None,
        name: format!("Product {at}"),
        line: 10 + 2 * u32::from(at),
        entitlements: vec![Entitlement {
            target: TargetIx(at),
            line: 11 + 2 * u32::from(at),
            new_since: None,
            replaces: None,
        }],
        valid_for: Some(SignedDuration::from_secs(365 * DAY)),
        quantity: Default::default(),
        grace: SignedDuration::from_secs(3 * DAY),
        on_refund: Policy::Revoke,
        on_partial_refund: Policy::Keep,
        on_dispute: Policy::Keep,
    };
    let entry =
        |at| TargetEntry { target: target(at), name: format!("role role{at:02}"), role: None, protected: false };
    Catalog {
        targets: (0..TARGETS).map(entry).collect(),
        products: (0..TARGETS).map(rule).collect(),
        ..Catalog::default()
    }
}

/// In the order of the store, which is that of arrival. One in twelve was refunded.
fn purchases() -> Vec<Purchase> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut purchases = Vec::with_capacity(ORDERS as usize);
    purchases.extend((0..ORDERS).map(|order| Purchase {
        user: UserIx(random.u32(..USERS)),
        product: ProductIx(random.u16(..TARGETS)),
        at: i64::from(order) * NOW / i64::from(ORDERS),
        order: OrderKey(order),
        standing: if random.u8(..12) == 0 { Standing::Refunded } else { Standing::Paid },
        quantity: 1,
        seen: 0,
        slack: 0,
    }));
    purchases
}

/// What Logto holds and the ledger owns: what is desired, but for the drift.
fn world_of(desired: &Desired) -> (Actual, LedgerView) {
    let mut random = fastrand::Rng::with_seed(11);
    let (mut actual, mut ledger) = (Actual::default(), LedgerView::default());
    for claims in &desired.targets {
        let mut holding = Holding { coverage: Coverage::Whole, ..Holding::default() };
        holding.holders.reserve_exact(claims.len());
        let mut rows = Vec::with_capacity(claims.len());
        for claim in claims {
            let wanted = matches!(claim.state, State::Entitled | State::Grace(_));
            if wanted != (random.u64(..DRIFT) == 0) {
                holding.holders.push(claim.user);
                let (user, order) = (claim.user, Some(claim.order));
                rows.push(OwnedGrant { user, order, product: claim.product, ownership: Ownership::Granted });
            }
        }
        ledger.tally.push(LimitUsage { base: rows.len() as u64, revoked: 0, config_granted: 0 });
        actual.targets.push(holding);
        ledger.targets.push(rows);
    }
    (actual, ledger)
}

fn constraints() -> PlanConstraints {
    let limit = Limit { percent: 10.0, floor: 5 };
    PlanConstraints::new(Prune::Owned, Limits { revocations: limit, config_grants: limit }, LedgerTrust::Seasoned)
}

fn pass(
    purchases: &mut [Purchase],
    catalog: &Catalog,
    actual: &Actual,
    ledger: &LedgerView,
    constraints: &PlanConstraints,
) -> (Desired, Plan) {
    let desired = desired(purchases, catalog, NOW);
    let plan = plan(PlanInput { catalog, desired: &desired, actual, ledger, constraints });
    (desired, plan)
}

fn time(criterion: &mut Criterion) {
    let (catalog, purchases, constraints) = (catalog(), purchases(), constraints());
    let (actual, ledger) = world_of(&desired(&mut purchases.clone(), &catalog, NOW));
    criterion.bench_function("desired + plan, 1,000,000 orders, 100,000 users, 10 targets, 1% drift", |bencher| {
        bencher.iter_batched(
            || purchases.clone(),
            |mut purchases| black_box(pass(&mut purchases, &catalog, &actual, &ledger, &constraints)),
            BatchSize::PerIteration,
        );
    });
    memory();
}

const CHILD: &str = "measure-memory";

/// Prints the peak of a pass over everything that it holds: purchases, claims, holders, ledger rows, plan.
fn memory() {
    let itself = std::env::current_exe().expect("a running program has a path");
    // What is freed before the peak is reset has to go back to the system: no threshold that adapts.
    let mut child = std::process::Command::new(itself);
    child.env(CHILD, "1").env("MALLOC_MMAP_THRESHOLD_", "131072");
    let status = child.status().expect("the bench starts itself");
    assert!(status.success(), "the measurement failed");
}

fn measure() {
    let before = resident("VmRSS:");
    let (catalog, constraints) = (catalog(), constraints());
    let (actual, ledger) = world_of(&desired(&mut purchases(), &catalog, NOW));
    let inputs = actual.targets.iter().map(|holding| holding.holders.len() * size_of::<UserIx>()).sum::<usize>()
        + ledger.targets.iter().map(|rows| rows.len() * size_of::<OwnedGrant>()).sum::<usize>();
    // The `desired` that made the inputs is gone by now, and must not count.
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux lets a process reset its own peak");
    let mut purchases = purchases();
    let (desired, plan) = pass(&mut purchases, &catalog, &actual, &ledger, &constraints);
    let peak = resident("VmHWM:");
    let claims: usize = desired.targets.iter().map(Vec::len).sum();
    println!(
        "memory: peak {:.1} MiB above an empty process (purchases {:.1}, holders and ledger {:.1}, claims {:.1}, ended {:.1}, {} actions, {} held)",
        (peak - before) as f64 / 1024.0,
        mib(std::mem::size_of_val(&purchases[..])),
        mib(inputs),
        mib(claims * size_of::<entitled::planner::desired::Claim>()),
        mib(std::mem::size_of_val(&desired.ended[..])),
        plan.actions.len(),
        plan.held.len(),
    );
    black_box((desired, plan, purchases, actual, ledger));
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

/// A figure of this process, in KiB.
fn resident(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells a process of itself");
    let line = status.lines().find(|line| line.starts_with(field)).expect("every process has a resident set");
    line.split_whitespace().nth(1).and_then(|figure| figure.parse().ok()).expect("a figure in KiB")
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(10));
    targets = time
}

fn main() {
    if std::env::var_os(CHILD).is_some() {
        return measure();
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
