//! An approval covers its actions, each once: whatever becomes of the rest of the set before the pass.

use std::collections::BTreeSet;

use entitled::model::{OrderId, UserId};
use entitled::pass::approved::approve;
use entitled::report::HeldChange;
use entitled::store::Approval;
use jiff::SignedDuration;

use crate::support::stage::{PRODUCTS, Passed, Stage, file};

const NOTHING_A_DAY: &str =
    "limits: {revocations: {per_day: 0%, floor: 0}, config_grants: {per_day: 100%, floor: 5000}}";

pub(crate) async fn let_through(stage: &Stage, passed: &Passed) -> String {
    let held: Vec<&HeldChange> = passed.planned.view.held.iter().collect();
    let digest = held[0].set.clone().unwrap();
    assert!(held.iter().all(|one| one.set.as_ref() == Some(&digest)), "one set: {held:?}");
    let created = stage.now();
    let expires = created + SignedDuration::from_hours(24);
    let approval =
        Approval { digest: digest.clone(), who: "ann".to_owned(), created, expires, note: None, undoes: None };
    approve(&stage.store, &approval, &held).await.unwrap();
    digest
}

/// What became of the only approval: carried out, and open.
async fn became(stage: &Stage) -> (u64, u64) {
    let since = stage.now() - SignedDuration::from_hours(48);
    let all = stage.store.approvals_since(since).await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    (all[0].used, all[0].open)
}

fn revoked(passed: &Passed) -> BTreeSet<UserId> {
    passed.planned.view.changes.iter().map(|change| change.user.clone()).collect()
}

#[tokio::test]
async fn an_approval_covers_its_actions_whatever_joins_or_leaves_the_set() {
    let mut stage = Stage::of(&file("owned", NOTHING_A_DAY, PRODUCTS)).await;
    let sold: Vec<(UserId, OrderId)> =
        (0..5).map(|number| stage.buyer(&format!("buyer{number}@example.com"), "prd_pro")).collect();
    stage.pass().await;
    let refund = |stage: &Stage, number: usize| stage.shop.set_status(&sold[number].1, "refunded");
    (0..4).for_each(|number| refund(&stage, number));
    let held = stage.pass().await;
    assert_eq!((held.changes().len(), held.held().len()), (0, 4));
    let digest = let_through(&stage, &held).await;
    assert_eq!(became(&stage).await, (0, 4));

    // One leaves the set, and another one joins it.
    stage.shop.set_status(&sold[0].1, "paid");
    refund(&stage, 4);
    let passed = stage.pass().await;
    assert_eq!(revoked(&passed), (1..4).map(|number| sold[number].0.clone()).collect());
    assert_eq!(passed.held(), [("OverLimit", "revoke", "role paid-tier", &sold[4].0)]);
    assert_ne!(passed.planned.view.held[0].set.as_ref(), Some(&digest), "it has a digest of its own");
    assert_eq!(became(&stage).await, (3, 1));

    // Each once: who pays and is refunded again is held again; whom the approval has not been used for is not.
    stage.shop.set_status(&sold[1].1, "paid");
    stage.pass().await;
    refund(&stage, 0);
    refund(&stage, 1);
    let passed = stage.pass().await;
    assert_eq!(revoked(&passed), [sold[0].0.clone()].into());
    assert_eq!(passed.held().len(), 2, "{:?}", passed.held());
    assert_eq!(became(&stage).await, (4, 0));
    assert_eq!(stage.store.open_actions(stage.now(), None).await.unwrap(), []);
}

#[tokio::test]
async fn an_approval_ends_after_a_day() {
    let mut stage = Stage::of(&file("owned", NOTHING_A_DAY, PRODUCTS)).await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    stage.shop.set_status(&order, "refunded");
    let held = stage.pass().await;
    let_through(&stage, &held).await;
    stage.logto.faults().date_skew(25 * 3_600);
    stage.shop.faults().date_skew(25 * 3_600);
    stage.ahead = SignedDuration::from_hours(25);
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), []);
    assert_eq!(passed.held(), [("OverLimit", "revoke", "role paid-tier", &ann)]);
}
