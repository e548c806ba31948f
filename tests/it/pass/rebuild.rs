//! A ledger made anew from orders and Logto: it knows more, and takes nothing from anybody.

use entitled::model::{Ownership, UserId};
use entitled::pass::PassScope;
use entitled::pass::rebuild::Rebuild;
use entitled::store::Verb;

use super::set;
use crate::support::stage::{NO_LIMITS, PRODUCTS, Stage, file};

async fn rebuilt(stage: &mut Stage) -> Rebuild {
    stage.poll().await.unwrap();
    let planned = stage.plan_pass(&PassScope::Full).await.unwrap();
    let rebuild = Rebuild::of(&planned, stage.now());
    rebuild.write(&stage.store, "alice", stage.now()).await.unwrap();
    rebuild
}

/// Two buyers, one who was refunded but holds on to it, and somebody whom nobody knows; the store is lost.
async fn ruins(prune: &str) -> (Stage, [UserId; 4], entitled::model::OrderId) {
    let mut stage = Stage::of(&file(prune, NO_LIMITS, PRODUCTS)).await;
    let paid = stage.logto.role("paid-tier").unwrap();
    let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
    let (ben, _) = stage.buyer("ben@example.com", "prd_pro");
    let (rex, refunded) = stage.buyer("rex@example.com", "prd_pro");
    stage.pass().await;
    stage.shop.set_status(&refunded, "refunded");
    let fay = stage.logto.add_user("fay@example.com");
    stage.logto.grant(&fay, &paid);
    stage.lose_the_store().await;
    stage.logto.clear_requests();
    (stage, [ann, ben, rex, fay], order)
}

#[tokio::test]
async fn after_a_rebuild_nothing_is_taken_that_was_not_proved_afresh() {
    for prune in ["owned", "exclusive"] {
        let (mut stage, [ann, ben, rex, fay], order) = ruins(prune).await;
        let rebuild = rebuilt(&mut stage).await;
        let mut adopted: Vec<UserId> = rebuild.adopt.iter().map(|row| row.grant.user.clone()).collect();
        adopted.sort();
        let mut expected = vec![ann.clone(), ben.clone()];
        expected.sort();
        assert_eq!((adopted, rebuild.close.len()), (expected, 0), "{prune}");
        let ledger = stage.store.ledger(None).await.unwrap();
        assert!(ledger.iter().all(|row| row.ownership == Ownership::Adopted && row.line > 0), "{ledger:?}");
        assert_eq!(stage.logto.writes(), [], "{prune}: a rebuild writes to the ledger only");
        assert_eq!(stage.store.last_full_pass().await.unwrap(), None, "{prune}: the ledger stays fresh");
        let trail = stage.history().await;
        assert!(trail.iter().all(|row| row.verb == Verb::Adopted && row.who.as_deref() == Some("alice")), "{trail:?}");

        let planned = stage.plan_pass(&PassScope::Full).await.unwrap();
        assert_eq!(planned.view.summary.revocations, 0, "{prune}: {:#?}", planned.view);
        let passed = stage.pass().await;
        assert_eq!(passed.changes(), [], "{prune}");
        assert!(passed.held().iter().all(|held| held.0 == "FreshLedger"), "{prune}: {:?}", passed.held());
        assert_eq!(stage.holders("paid-tier"), set([&ann, &ben, &rex, &fay]), "{prune}");

        // What was adopted goes with proof, as before the loss.
        if prune == "owned" {
            assert!(stage.pass().await.held().is_empty());
            stage.shop.set_status(&order, "refunded");
            assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ann)]);
            assert_eq!(stage.holders("paid-tier"), set([&ben, &rex, &fay]));
        }
    }
}

#[tokio::test]
async fn a_ledger_that_is_whole_is_left_alone_and_a_row_goes_only_where_nobody_holds_it() {
    let mut stage = Stage::usual().await;
    let paid = stage.logto.role("paid-tier").unwrap();
    let (ann, first) = stage.buyer("ann@example.com", "prd_pro");
    let (ben, second) = stage.buyer("ben@example.com", "prd_pro");
    let (cat, _) = stage.buyer("cat@example.com", "prd_pro");
    stage.pass().await;
    assert!(rebuilt(&mut stage).await.is_empty());
    // Ended and gone; ended and still there; gone and still paid for.
    stage.shop.set_status(&first, "refunded");
    stage.shop.set_status(&second, "refunded");
    stage.logto.revoke(&ann, &paid);
    stage.logto.revoke(&cat, &paid);
    stage.logto.clear_requests();
    let rebuild = rebuilt(&mut stage).await;
    assert_eq!(rebuild.adopt, []);
    assert_eq!(rebuild.close.iter().map(|grant| &grant.user).collect::<Vec<_>>(), [&ann]);
    let mut left: Vec<UserId> = stage.store.ledger(None).await.unwrap().into_iter().map(|row| row.grant.user).collect();
    left.sort();
    let mut expected = vec![ben, cat];
    expected.sort();
    assert_eq!(left, expected);
    assert_eq!(stage.logto.writes(), []);
    let last = stage.history().await.pop().unwrap();
    assert_eq!((last.verb, last.who.as_deref()), (Verb::Closed, Some("alice")));
}

#[tokio::test]
async fn what_somebody_released_is_not_adopted_by_a_rebuild() {
    let mut stage = Stage::usual().await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    let grant = stage.store.ledger(None).await.unwrap().remove(0).grant;
    stage.store.release("bob", std::slice::from_ref(&grant), "a gift", stage.now()).await.unwrap();
    assert!(rebuilt(&mut stage).await.is_empty());
    assert_eq!(stage.holders("paid-tier"), set([&ann]));
}
