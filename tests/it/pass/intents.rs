//! Writes of which Logto says something that is not so, or nothing: they are found out by looking, told as what
//! they were, and never forgotten.

use std::time::Duration;

use entitled::model::{OrderId, UserId};
use entitled::pass::PassScope;
use entitled::report::run::ActionOutcome;
use entitled::sandbox::{Fault, Rule};
use entitled::store::Verb;
use jiff::SignedDuration;

use crate::support::stage::{NO_LIMITS, PRODUCTS, Stage, file, matching};

fn pretend(method: &str) -> Rule {
    Rule::new(Fault::Pretend).method(method)
}

/// One who holds a role, one who is a member with a role there; both have their money back.
async fn two_refunds(further: &str) -> (Stage, UserId, UserId) {
    let mut stage = Stage::of(&file("owned", further, PRODUCTS)).await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
    let (ben, other) = stage.buyer("ben@example.com", "prd_team");
    stage.pass().await;
    stage.shop.set_status(&order, "refunded");
    stage.shop.set_status(&other, "refunded");
    (stage, ann, ben)
}

#[tokio::test]
async fn what_logto_says_it_took_and_did_not_stays_ours_until_it_is_gone() {
    let (mut stage, ann, ben) = two_refunds(NO_LIMITS).await;
    stage.logto.faults().add(pretend("DELETE"));
    let passed = stage.pass().await;
    let said: Vec<_> = passed.came().into_iter().cloned().collect();
    assert!(
        said.iter().all(|came| matches!(came, ActionOutcome::Failed(why) if why.contains("still held") || why.contains("could not be taken first"))),
        "{said:?}"
    );
    assert!(stage.holders("paid-tier").contains(&ann) && stage.acme().contains_key(&ben));
    assert_eq!(stage.store.ledger(None).await.unwrap().len(), 3, "nothing is forgotten");
    assert!(stage.history().await.iter().all(|row| row.verb != Verb::Revoked), "nothing is said to be gone");

    stage.logto.faults().clear();
    stage.pass().await;
    assert!(stage.holders("paid-tier").is_empty() && stage.acme().is_empty());
    let ended = stage.history().await.into_iter().filter(|row| row.verb == Verb::Revoked).count();
    assert_eq!(ended, 3, "each once");
    stage.is_settled().await;
}

#[tokio::test]
async fn a_holder_who_could_not_be_asked_for_is_asked_for_by_the_next_pass() {
    let (mut stage, ann, _) = two_refunds(NO_LIMITS).await;
    let touched = stage.poll().await.unwrap();
    let scope = PassScope::Quick(touched);
    let planned = stage.plan_pass(&scope).await.unwrap();
    stage.logto.faults().add(Rule::refuse(500).method("GET"));
    let report = stage.carry_out(&planned, &scope).await;
    assert_eq!(report.figures().failed as usize, report.lines.len(), "nobody knows: {:?}", report.lines);
    assert!(stage.holders("paid-tier").is_empty() && !stage.store.ledger(None).await.unwrap().is_empty());

    stage.logto.faults().clear();
    stage.logto.clear_requests();
    stage.pass().await;
    let trail = stage.store.history(&ann).await.unwrap();
    let end = trail.last().unwrap();
    assert_eq!(end.verb, Verb::Revoked, "what ended it is told, not that it was gone: {end:?}");
    assert!(end.order.is_some() && end.note.as_ref().unwrap().contains("was refunded"), "{end:?}");
    stage.pass().await;
    stage.is_settled().await;
}

/// However slow it is: of a role in one call for as many as are taken from at once, at the least.
#[tokio::test]
async fn holders_are_asked_for_together() {
    let mut stage = Stage::of(&file("owned", NO_LIMITS, PRODUCTS)).await;
    let orders: Vec<_> = (0..16).map(|n| stage.buyer(&format!("b{n}@example.com"), "prd_pro").1).collect();
    stage.pass().await;
    orders.iter().for_each(|order| stage.shop.set_status(order, "refunded"));
    stage.poll().await.unwrap();
    stage.logto.clear_requests();
    // Each slice of time is over when its first revocation is.
    stage.logto.faults().latency(Duration::from_millis(300));
    stage.pass().await;
    assert!(stage.holders("paid-tier").is_empty());
    let asked = matching(&stage.logto.requests(), "GET", &["/api/roles/", "search.id="]);
    // Once before, and afterwards once for each slice of time, in which all begin that may be in flight at once.
    let slices = 16_usize.div_ceil(stage.active.config.logto.concurrency);
    assert!((2..=1 + slices).contains(&asked), "{asked} calls for 16 holders");
}

#[tokio::test]
async fn an_order_that_pays_again_keeps_what_was_taken_in_vain() {
    let (mut stage, ann, _) = two_refunds(NO_LIMITS).await;
    stage.logto.faults().add(pretend("DELETE"));
    stage.pass().await;
    stage.logto.faults().clear();
    stage.buyer("ann@example.com", "prd_pro");
    let passed = stage.pass().await;
    assert!(passed.changes().iter().all(|(_, _, user)| **user != ann), "{:?}", passed.changes());
    assert!(stage.store.intents().await.unwrap().is_empty(), "nothing is left of it");
    stage.is_settled().await;
}

const ONE_A_DAY: &str = "limits: {revocations: {per_day: 0%, floor: 1}, config_grants: {per_day: 100%, floor: 5000}}";

/// One revocation a day; Ann, whose order is refunded and nobody has looked since, and Ben, who keeps his.
async fn refunded_and_not() -> (Stage, [(UserId, OrderId); 2]) {
    let mut stage = Stage::of(&file("owned", ONE_A_DAY, PRODUCTS)).await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
    let (ben, other) = stage.buyer("ben@example.com", "prd_pro");
    stage.pass().await;
    stage.shop.set_status(&order, "refunded");
    (stage, [(ann, order), (ben, other)])
}

/// Otherwise one grant that cannot be taken would use the whole day up by being tried.
#[tokio::test]
async fn what_is_tried_again_counts_once_for_the_day() {
    let (mut stage, [(ann, _), (ben, other)]) = refunded_and_not().await;
    stage.logto.faults().add(pretend("DELETE"));
    for _ in 0..2 {
        assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ann)]);
    }
    stage.shop.set_status(&other, "refunded");
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("revoke", "role paid-tier", &ann)]);
    assert_eq!(passed.held(), [("OverLimit", "revoke", "role paid-tier", &ben)], "ann's is the one of the day");
}

/// Otherwise what was asked for yesterday and is taken today would be one more than the day allows.
#[tokio::test]
async fn what_was_asked_for_yesterday_is_held_with_what_is_new() {
    let (mut stage, [(ann, _), (ben, other)]) = refunded_and_not().await;
    stage.logto.faults().add(pretend("DELETE"));
    stage.pass().await;
    stage.logto.faults().clear();
    stage.ahead = SignedDuration::from_hours(25);
    stage.shop.set_status(&other, "refunded");
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), []);
    let mut held = [&ann, &ben].map(|user| ("OverLimit", "revoke", "role paid-tier", user));
    held.sort_unstable();
    assert_eq!(passed.held(), held, "two are too many for one day, whenever they were asked for first");
}

/// Whoever was asked for late and tried again counts from then: it may have been taken by the last of the tries.
#[tokio::test]
async fn what_is_tried_again_counts_from_the_last_try() {
    let (mut stage, [(ann, _), (ben, other)]) = refunded_and_not().await;
    stage.logto.faults().add(pretend("DELETE"));
    stage.pass().await;
    stage.ahead = SignedDuration::from_hours(20);
    stage.pass().await;
    stage.ahead = SignedDuration::from_hours(30);
    stage.shop.set_status(&other, "refunded");
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("revoke", "role paid-tier", &ann)]);
    assert_eq!(passed.held(), [("OverLimit", "revoke", "role paid-tier", &ben)]);
}

/// Otherwise what Logto refuses would use the day up, and keep everybody else's.
#[tokio::test]
async fn what_logto_refuses_for_good_counts_for_no_day() {
    let (mut stage, [(ann, order), (ben, other)]) = refunded_and_not().await;
    stage.logto.faults().add(Rule::refuse(403).method("DELETE").path(ann.as_str()));
    assert_eq!(stage.pass().await.report.figures().failed, 1);
    assert_eq!(stage.store.intents().await.unwrap(), []);

    stage.shop.set_status(&order, "paid");
    stage.shop.set_status(&other, "refunded");
    assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ben)]);
}

/// What was seen to be there was not taken; otherwise nobody else would be let through for a day.
#[tokio::test]
async fn what_was_tried_and_is_to_stay_for_now_counts_for_no_day() {
    let (mut stage, [(ann, order), (ben, other)]) = refunded_and_not().await;
    stage.logto.faults().add(pretend("DELETE"));
    assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ann)]);
    stage.logto.faults().clear();
    stage.shop.set_status(&order, "on_hold");
    assert_eq!(stage.pass().await.changes(), []);
    assert_eq!(stage.store.intents().await.unwrap(), []);

    stage.shop.set_status(&other, "refunded");
    assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ben)]);
    assert!(stage.holders("paid-tier").contains(&ann));
}

/// Nor where something else keeps it from being tried again.
#[tokio::test]
async fn what_was_tried_and_is_held_for_now_counts_for_no_day() {
    let (mut stage, [(ann, _), (ben, other)]) = refunded_and_not().await;
    stage.logto.faults().add(pretend("DELETE"));
    assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ann)]);
    stage.logto.faults().clear();
    let protected = format!("{ONE_A_DAY}\nprotect: {{users: [{ann}]}}");
    stage.enter(&file("owned", &protected, PRODUCTS)).await;
    assert_eq!(stage.pass().await.held(), [("Protected", "revoke", "role paid-tier", &ann)]);

    stage.shop.set_status(&other, "refunded");
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("revoke", "role paid-tier", &ben)], "{:?}", passed.held());
    assert!(stage.holders("paid-tier").contains(&ann));
}

/// Nor where Logto never makes it: each try was followed by a look that saw the holder.
#[tokio::test]
async fn what_is_stuck_counts_for_no_day() {
    let (mut stage, [(ann, _), (ben, other)]) = refunded_and_not().await;
    stage.logto.faults().add(pretend("DELETE").path(ann.as_str()));
    for _ in 0..3 {
        assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ann)]);
    }
    stage.shop.set_status(&other, "refunded");
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("revoke", "role paid-tier", &ben)]);
    assert_eq!(passed.held(), [("Stuck", "revoke", "role paid-tier", &ann)]);
    assert_eq!(stage.pass().await.held(), [("Stuck", "revoke", "role paid-tier", &ann)], "it is not tried again");
}

/// An outage that cuts grants off half done is not somebody who takes them away.
#[tokio::test]
async fn what_an_outage_left_half_done_is_told_as_that_and_is_no_quarrel() {
    let mut stage = Stage::usual().await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    for round in 0..4 {
        stage.logto.faults().add(Rule::new(Fault::Drop).method("POST").path("/api/roles"));
        let passed = stage.pass().await;
        assert_eq!(passed.changes(), [("grant", "role paid-tier", &ann)], "round {round}: {:?}", passed.held());
        let because = &passed.planned.view.changes[0].because;
        assert!(!because.contains("somebody took it away"), "{because}");
        assert_eq!(because.contains("never confirmed it"), round > 0, "{because}");
        stage.logto.faults().clear();
    }
    stage.pass().await;
    assert!(stage.holders("paid-tier").contains(&ann));
    stage.is_settled().await;
}

/// A grant whose answer was lost and that is seen later is as good as any: who takes it away then is somebody.
#[tokio::test]
async fn a_grant_that_is_seen_is_confirmed() {
    let mut stage = Stage::usual().await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    // Made, and neither the answer nor a look at it comes through.
    let touched = stage.poll().await.unwrap();
    let scope = PassScope::Quick(touched);
    let planned = stage.plan_pass(&scope).await.unwrap();
    stage.logto.faults().add(Rule::new(Fault::ApplyThenDrop).method("POST").path("/api/roles").next(1));
    stage.logto.faults().add(Rule::refuse(500));
    stage.carry_out(&planned, &scope).await;
    stage.logto.faults().clear();
    assert!(stage.holders("paid-tier").contains(&ann));
    assert_eq!(stage.store.unconfirmed().await.unwrap().len(), 1);

    stage.pass().await;
    assert_eq!(stage.store.unconfirmed().await.unwrap(), []);
    stage.logto.revoke(&ann, &stage.logto.role("paid-tier").unwrap());
    let passed = stage.pass().await;
    assert!(passed.planned.view.changes[0].because.contains("somebody took it away"), "{:?}", passed.planned.view);
    stage.ahead = SignedDuration::from_secs(1);
    stage.is_settled().await;
}

/// Nobody's by the ledger, and evicted: what Logto does not do is held for strangers too.
#[tokio::test]
async fn a_stranger_who_cannot_be_put_out_is_held() {
    let mut stage = Stage::of(&file("exclusive", NO_LIMITS, PRODUCTS)).await;
    stage.pass().await;
    let fay = stage.logto.add_user("fay@example.com");
    stage.logto.grant(&fay, &stage.logto.role("paid-tier").unwrap());
    stage.logto.faults().add(pretend("DELETE"));
    for _ in 0..3 {
        assert_eq!(stage.pass().await.report.figures().failed, 1);
    }
    assert_eq!(stage.pass().await.held(), [("Stuck", "revoke", "role paid-tier", &fay)]);
    stage.logto.faults().clear();
    stage.logto.revoke(&fay, &stage.logto.role("paid-tier").unwrap());
    stage.pass().await;
    assert!(stage.store.intents().await.unwrap().is_empty());
    stage.is_settled().await;
}
