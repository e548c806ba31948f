//! The real pass over the simulators, through random histories: purchases, refunds, exchanges, commits, deletions,
//! work by hand, lost stores and every fault. A model that knows nothing of the planner says at each step
//! what may have happened, and at the end what must stand.
//!
//! A failure prints the shortest history that shows it and the one command that replays it.
//! `ENTITLED_MODEL_CASES` says how many histories are tried.

mod accounts;
mod catalogs;
mod clocks;
mod commits;
mod drive;
mod edits;
mod holding;
mod judge;
mod meanwhile;
mod outside;
mod sequences;
mod settle;
mod short;
mod short_passes;
mod steps;
mod stores;
mod truth;
mod turns;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use sequences::steps;
use steps::Step;

/// Who has an account at the start, the last of them protected, and two who may sign up later. Any of them
/// may come to have a second account with the same address.
const SIGNED_UP: usize = 5;
const PEOPLE: usize = 7;
const ACCOUNTS: usize = 2 * PEOPLE;

/// Runners beside each other: a history mostly waits.
const LANES: u64 = 4;

struct History {
    /// Whether 120 users hold a role by hand, so that reads have several pages.
    crowded: bool,
    steps: Vec<Step>,
}

/// One step a line.
impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "crowded: {}", self.crowded)?;
        self.steps.iter().enumerate().try_for_each(|(number, step)| write!(f, "\n{number}: {step:?}"))
    }
}

fn cases() -> u32 {
    std::env::var("ENTITLED_MODEL_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(32)
}

#[test]
fn histories_keep_the_promises() {
    let lanes: Vec<u64> = match Config::default().rng_seed {
        RngSeed::Fixed(seed) => vec![seed],
        // The same for everybody who changes something; at random for whoever asks for a number of cases.
        RngSeed::Random if std::env::var_os("ENTITLED_MODEL_CASES").is_none() => (1..=LANES).collect(),
        RngSeed::Random => (0..LANES).map(|_| fastrand::u64(..)).collect(),
    };
    let each = cases().div_ceil(u32::try_from(lanes.len()).unwrap()).max(1);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let lanes: Vec<_> = lanes.iter().map(|seed| scope.spawn(move || lane(*seed, each))).collect();
        lanes.into_iter().filter_map(|lane| lane.join().unwrap().err()).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// One runner with its own seed. The first promise that is broken is told with the way to see it again.
fn lane(seed: u64, cases: u32) -> Result<(), String> {
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 300,
        max_shrink_time: 20_000,
        ..Config::default()
    };
    let histories = (prop::bool::weighted(0.2), steps());
    let histories = histories.prop_map(|(crowded, steps)| History { crowded, steps });
    let outcome = TestRunner::new(config).run(&histories, |history| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(drive::play(history.crowded, &history.steps)).map_err(TestCaseError::fail)
    });
    outcome.map_err(|failure| {
        format!(
            "{failure}\nreplay: PROPTEST_RNG_SEED={seed} ENTITLED_MODEL_CASES={cases} cargo test --test it \
             histories::histories_keep_the_promises"
        )
    })
}
