//! Whatever befalls a read or a write, on either side: nothing is taken from whoever has paid, and once it is over all is
//! as it should be.

use std::collections::BTreeSet;

use entitled::model::UserId;
use entitled::pass::PassScope;
use entitled::sandbox::{Fault, Knobs, Rule};
use futures_util::StreamExt as _;

use crate::support::stage::{NO_LIMITS, PRODUCTS, Stage, file};

/// So many worlds at once: most of the time each waits for its next try.
const ABREAST: usize = 64;
/// After so many passes at most everything is as it should be.
const PASSES: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Logto,
    Shop,
}

/// What befalls any request.
fn kinds() -> Vec<Rule> {
    let refused = [400, 401, 403, 404, 405, 408, 409, 410, 413, 422, 429, 431, 500, 501, 502, 503, 504];
    let broken = [Fault::Drop, Fault::Truncate, Fault::Html, Fault::HalfJson];
    // Whoever is told to wait waits for minutes, where it is told so without end.
    let rule = |status| if status == 429 { Rule::refuse(status).next(2) } else { Rule::refuse(status) };
    refused.map(rule).into_iter().chain(broken.map(Rule::new)).collect()
}

/// What befalls the reads of either side.
fn reads() -> Vec<(Side, Knobs)> {
    let of = |rule: Rule| Knobs { rules: vec![rule.method("GET")], ..Knobs::default() };
    let lists = [Fault::Empty, Fault::RepeatPage, Fault::LoseHalf, Fault::NoId, Fault::UnknownStatus];
    let logto = kinds().into_iter().map(|rule| (Side::Logto, of(rule)));
    let shop = kinds().into_iter().chain(lists.map(Rule::new)).map(|rule| (Side::Shop, of(rule)));
    let ties = (Side::Logto, Knobs { ties: true, ..Knobs::default() });
    let envelope = (Side::Shop, Knobs { envelope: Some("rows".to_owned()), ..Knobs::default() });
    logto.chain(shop).chain([ties, envelope]).collect()
}

/// What befalls the writes to Logto.
fn writes() -> Vec<(Side, Knobs)> {
    let made = [
        Rule { status: Some(502), ..Rule::new(Fault::ApplyThenRefuse) },
        Rule::new(Fault::ApplyThenDrop),
        Rule::new(Fault::Pretend),
    ];
    let of = |rule: Rule| Knobs { rules: vec![rule.path("/api/roles/")], ..Knobs::default() };
    let each = |rule: Rule| ["POST", "DELETE"].map(|method| (Side::Logto, of(rule.clone().method(method))));
    kinds().into_iter().chain(made).flat_map(each).collect()
}

/// Somebody is to be granted and somebody to lose while it lasts; three hold what they have paid for.
async fn outlived(side: Side, fault: Knobs) {
    let mut stage = Stage::of(&file("owned", NO_LIMITS, PRODUCTS)).await;
    let paid: BTreeSet<UserId> =
        (0..3).map(|number| stage.buyer(&format!("paid-{number}@example.com"), "prd_pro").0).collect();
    let (_, order) = stage.buyer("gone@example.com", "prd_pro");
    stage.pass().await;
    stage.is_settled().await;
    stage.shop.set_status(&order, "refunded");
    let (new, _) = stage.buyer("new@example.com", "prd_pro");
    let faults = match side {
        Side::Logto => stage.logto.faults().clone(),
        Side::Shop => stage.shop.faults().clone(),
    };
    faults.set(fault.clone());
    // Whether a read fails, or the pass that it is for, is told elsewhere.
    let _maybe = stage.poll().await;
    if let Ok(planned) = stage.plan_pass(&PassScope::Full).await {
        stage.carry_out(&planned, &PassScope::Full).await;
    }
    assert!(stage.holders("paid-tier").is_superset(&paid), "{side:?} {fault:?} takes from who has paid");
    faults.clear();
    let wanted: BTreeSet<UserId> = paid.into_iter().chain([new]).collect();
    for _ in 0..PASSES {
        stage.pass().await;
        if stage.holders("paid-tier") == wanted {
            break;
        }
    }
    assert_eq!(stage.holders("paid-tier"), wanted, "{side:?} {fault:?} is not outlived");
    stage.pass().await;
    stage.is_settled().await;
}

async fn all_outlived(faults: Vec<(Side, Knobs)>) {
    futures_util::stream::iter(faults)
        .map(|(side, fault)| outlived(side, fault))
        .buffer_unordered(ABREAST)
        .collect::<()>()
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_of_a_read_takes_anything_and_all_are_outlived() {
    let faults = reads();
    assert!(faults.len() >= 2 * 21 + 5, "{}", faults.len());
    all_outlived(faults).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_of_a_write_takes_anything_else_and_all_are_outlived() {
    all_outlived(writes()).await;
}
