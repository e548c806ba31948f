//! Promise 1 over random sequences: what was made by hand stays, exactly with `adopt: never`, and within its stated
//! limits with `adopt: explained`.

use std::collections::BTreeMap;

use entitled::model::OrderId;
use entitled::sandbox::Customer;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::support::stage::{NO_LIMITS, PRODUCTS, Stage, file};

/// One thing that happens; a pass follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Give,
    Take,
    Buy,
    /// A purchase that was paid long ago and is heard of now.
    BuyLate,
    Refund,
    /// The product is mapped to the role, or not any more.
    Map(bool),
    LoseStore,
    Nothing,
}

const EVENTS: [Event; 12] = [
    Event::Give,
    Event::Give,
    Event::Take,
    Event::Buy,
    Event::Buy,
    Event::BuyLate,
    Event::Refund,
    Event::Refund,
    Event::Map(false),
    Event::Map(true),
    Event::LoseStore,
    Event::Nothing,
];

/// Who made the grant that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Nobody,
    Us,
    /// By hand, and first seen then. `explained`: an order paid before that has entitled to it since, or the
    /// memory was lost while one did.
    ByHand {
        seen: Timestamp,
        explained: bool,
    },
}

async fn play(adopt: &str, events: &[Event]) -> Result<(), String> {
    let yaml = |mapped: bool| {
        let products = if mapped { PRODUCTS } else { "products: {prd_team: {entitlements: [role: beta]}}" };
        file("owned", &format!("adopt: {adopt}\n{NO_LIMITS}"), products)
    };
    let mut stage = Stage::of(&yaml(true)).await;
    let fay = stage.logto.add_user("fay@example.com");
    let role = stage.logto.role("paid-tier").unwrap();
    let mut mapped = true;
    // Of each order when it was paid, and whether it still counts.
    let mut orders: BTreeMap<OrderId, (Timestamp, bool)> = BTreeMap::new();
    let mut made = Made::Nobody;
    let mut forgotten = false;
    stage.pass().await;
    for event in events {
        stage.ahead += SignedDuration::from_secs(5);
        let now = Timestamp::from_second(stage.now().as_second()).unwrap();
        let held = stage.holders("paid-tier").contains(&fay);
        let paid_at = if *event == Event::BuyLate { now - SignedDuration::from_hours(48) } else { now };
        match event {
            Event::Give if !held => {
                stage.logto.grant(&fay, &role);
                made = Made::ByHand { seen: now, explained: false };
            }
            Event::Take if held => {
                stage.logto.revoke(&fay, &role);
                made = Made::Nobody;
            }
            Event::Buy | Event::BuyLate => {
                let customer = Customer { user: None, email: Some("fay@example.com".to_owned()) };
                orders.insert(stage.shop.buy_at(&"prd_pro".into(), customer, paid_at), (paid_at, true));
            }
            Event::Refund => {
                if let Some((id, (_, counts))) = orders.iter_mut().find(|(_, (_, counts))| *counts) {
                    stage.shop.set_status(id, "refunded");
                    *counts = false;
                }
            }
            Event::Map(to) => {
                mapped = *to;
                stage.commit(&yaml(mapped)).await.unwrap();
            }
            Event::LoseStore => {
                stage.lose_the_store().await;
                forgotten = true;
            }
            Event::Give | Event::Take | Event::Nothing => {}
        }
        // A second later: whoever gave something was seen after that.
        stage.ahead += SignedDuration::from_secs(1);
        let passed = stage.pass().await;
        let after = stage.holders("paid-tier").contains(&fay);
        let wrong =
            |why: &str| Err(format!("{why} by {event:?} of {events:?} under `adopt: {adopt}`: {:?}", passed.changes()));
        if let Made::ByHand { seen, explained } = &mut made {
            if forgotten {
                *seen = stage.now();
            }
            let paid_before = orders.values().any(|(paid, counts)| *counts && *paid <= *seen);
            *explained |= mapped && paid_before;
            if !after && (adopt == "never" || !*explained) {
                return wrong("made by hand, and taken");
            }
        }
        forgotten = false;
        let wanted = mapped && orders.values().any(|(_, counts)| *counts);
        let may_rest = passed.held().iter().any(|held| held.0 == "Flapping");
        if wanted && !after && !may_rest {
            return wrong("paid for, and not given");
        }
        if after && made == Made::Us && !wanted && passed.held().is_empty() && !stage_is_fresh(&stage).await {
            return wrong("ours, over, and kept");
        }
        made = match (after, made) {
            (false, _) => Made::Nobody,
            (true, Made::Nobody) => Made::Us,
            (true, made) => made,
        };
        if *event == Event::LoseStore && made == Made::Us {
            // Nobody knows any more who made it.
            made = Made::ByHand { seen: stage.now(), explained: true };
            if adopt == "never" {
                made = Made::ByHand { seen: stage.now(), explained: false };
            }
        }
        let again = stage.full().await;
        if !again.changes().is_empty() || again.report.adopted + again.report.released > 0 {
            return Err(format!("not settled after {event:?} of {events:?}: {:?}", again.planned.view));
        }
    }
    Ok(())
}

/// Whether the ledger owns nothing: then nothing is taken.
async fn stage_is_fresh(stage: &Stage) -> bool {
    stage.store.ledger(None).await.unwrap().is_empty()
}

#[test]
fn what_was_made_by_hand_stays() {
    // They mostly wait for the disk, so they wait together.
    std::thread::scope(|threads| {
        for (seed, adopt) in [(1, "never"), (2, "explained")] {
            threads.spawn(move || stays_by(seed, adopt));
        }
    });
}

fn stays_by(seed: u64, adopt: &str) {
    let config = Config { cases: 20, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    let events = prop::collection::vec(select(&EVENTS[..]), 4..12);
    let outcome = TestRunner::new(config).run(&events, |events| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(adopt, &events)).map_err(TestCaseError::fail)
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
