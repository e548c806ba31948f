//! An approval covers its actions, each once: whatever becomes of the rest of the set before the pass.

use std::collections::BTreeSet;
use std::time::Duration;

use entitled::model::{OrderId, UserId};
use entitled::pass::approved::approve;
use entitled::pass::{PassScope, execute_pass};
use entitled::report::HeldChange;
use entitled::sandbox::Rule;
use entitled::shutdown::{Shutdown, shutdown};
use entitled::store::{Approval, Freeze, FreezeScope, Verb};
use jiff::SignedDuration;

use crate::support::program::until;
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

/// So many who have bought, were refunded, and are let through to be taken from.
async fn refunded(number: usize) -> (Stage, Vec<(UserId, OrderId)>) {
    let mut stage = Stage::of(&file("owned", NOTHING_A_DAY, PRODUCTS)).await;
    let sold: Vec<(UserId, OrderId)> =
        (0..number).map(|number| stage.buyer(&format!("buyer{number}@example.com"), "prd_pro")).collect();
    stage.pass().await;
    sold.iter().for_each(|(_, order)| stage.shop.set_status(order, "refunded"));
    let held = stage.pass().await;
    let_through(&stage, &held).await;
    (stage, sold)
}

/// Lines of the trail that say that an approval was made use of.
async fn uses(stage: &Stage) -> usize {
    stage.history().await.iter().filter(|line| line.verb == Verb::ApprovalUsed).count()
}

#[tokio::test]
async fn an_approval_stays_for_what_logto_refuses() {
    for status in [403, 502] {
        let (mut stage, sold) = refunded(3).await;
        stage.logto.faults().add(Rule::refuse(status).method("DELETE").path(sold[0].0.as_str()));
        stage.logto.faults().add(Rule::refuse(status).method("DELETE").path(sold[1].0.as_str()));
        stage.pass().await;
        assert_eq!(stage.holders("paid-tier").len(), 2, "{status}");
        assert_eq!(became(&stage).await, (1, 2), "{status}: what was carried out, and what was not");
        stage.logto.faults().clear();
        let passed = stage.pass().await;
        assert_eq!(passed.held(), [], "{status}");
        assert_eq!(stage.holders("paid-tier"), BTreeSet::new(), "{status}");
        assert_eq!(became(&stage).await, (3, 0), "{status}");
        assert_eq!(uses(&stage).await, 2, "{status}: once for each run that made use of it");
    }
}

/// Nobody hears that a change was made until the next look: then it has used its approval up.
#[tokio::test]
async fn an_approval_is_used_up_by_a_change_that_was_made_although_logto_said_otherwise() {
    let (mut stage, sold) = refunded(2).await;
    stage.logto.faults().apply_then_refuse_next(2);
    stage.pass().await;
    assert_eq!(stage.holders("paid-tier"), BTreeSet::new());
    stage.pass().await;
    assert_eq!(became(&stage).await, (2, 0));
    stage.shop.set_status(&sold[0].1, "paid");
    stage.pass().await;
    stage.shop.set_status(&sold[0].1, "refunded");
    let passed = stage.pass().await;
    assert_eq!(passed.held(), [("OverLimit", "revoke", "role paid-tier", &sold[0].0)], "each once");
}

#[tokio::test]
async fn an_approval_stays_for_what_a_freeze_or_the_end_has_kept_from_being_begun() {
    for ended in [true, false] {
        let (mut stage, _) = refunded(3).await;
        let planned = stage.plan_pass(&PassScope::Full).await.unwrap();
        assert_eq!(planned.view.changes.len(), 3, "{ended}");
        let (end, shutdown) = shutdown();
        if ended {
            end.request();
        } else {
            let (since, reason, who) = (stage.now(), "wait".to_owned(), "ann".to_owned());
            let until = since + SignedDuration::from_hours(1);
            stage.store.freeze(&Freeze { scope: FreezeScope::All, since, until, reason, who }).await.unwrap();
        }
        let (writer, now) = (stage.active.client.writer(), stage.now());
        let report = execute_pass(&stage.active, &stage.store, &writer, &planned, &PassScope::Full, now, &shutdown);
        assert_eq!(report.await.unwrap().stopped, 3, "{ended}");
        assert_eq!(became(&stage).await, (0, 3), "{ended}");
        assert_eq!(uses(&stage).await, 0, "{ended}");
        stage.store.unfreeze("ann", stage.now()).await.unwrap();
        stage.pass().await;
        assert_eq!(stage.holders("paid-tier"), BTreeSet::new(), "{ended}");
        assert_eq!(became(&stage).await, (3, 0), "{ended}");
    }
}

/// Whoever is killed has spent what it had begun, and nothing else: no change is made twice by one approval.
#[tokio::test]
async fn a_pass_that_is_killed_has_spent_the_approval_of_what_it_had_begun() {
    const MANY: usize = 40;
    let (stage, _) = refunded(MANY).await;
    let planned = stage.plan_pass(&PassScope::Full).await.unwrap();
    stage.logto.clear_requests();
    stage.logto.faults().latency(Duration::from_secs(60));
    let (writer, now, never) = (stage.active.client.writer(), stage.now(), Shutdown::never());
    let scope = PassScope::Full;
    let pass = execute_pass(&stage.active, &stage.store, &writer, &planned, &scope, now, &never);
    tokio::select! {
        ended = pass => panic!("{ended:?}"),
        () = until("something is asked for", || !stage.logto.writes().is_empty()) => {}
    }
    let (used, open) = became(&stage).await;
    assert!(stage.logto.writes().len() as u64 <= used, "{used} are spent: {:#?}", stage.logto.writes());
    assert!(open > 0 && used + open == MANY as u64, "{used} are spent, {open} are open");
}
