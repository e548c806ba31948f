//! Logto changes under a pass: objects go, walks lose rows. Nothing is taken by mistake, nothing given twice.

use std::collections::BTreeSet;

use entitled::model::UserId;
use entitled::pass::active::ActivateError;
use entitled::report::run::ActionOutcome;
use entitled::sandbox::{Fault, Rule};

use super::set;
use crate::support::stage::{NO_LIMITS, Stage, file, usual};

#[tokio::test]
async fn a_walk_that_loses_rows_takes_nothing_and_gives_nothing_twice() {
    let mut stage = Stage::usual().await;
    let (mut users, mut orders) = (Vec::new(), Vec::new());
    for number in 0..250 {
        let (user, order) = stage.buyer(&format!("buyer-{number}@example.com"), "prd_pro");
        users.push(user);
        orders.push(order);
    }
    stage.pass().await;
    stage.logto.faults().ties();
    stage.logto.clear_requests();

    let passed = stage.pass().await;
    let coverage = passed.planned.view.targets.iter().find(|target| target.name == "role paid-tier").unwrap();
    assert_eq!(coverage.coverage, "partial: 248 of 250");
    assert!(passed.planned.plan.is_empty(), "{:?}", passed.planned.view);
    assert_eq!(stage.logto.writes(), []);

    // New buyers and a refund in the same lossy walk.
    let (new, _) = stage.buyer("new@example.com", "prd_pro");
    stage.shop.set_status(&orders[100], "refunded");
    let passed = stage.pass().await;
    let held = passed.held();
    assert_eq!(
        passed.changes(),
        [("grant", "role paid-tier", &new), ("revoke", "role paid-tier", &users[100])],
        "{held:?}"
    );
    assert_eq!(passed.came(), [&ActionOutcome::Done, &ActionOutcome::Done]);
    let writes = stage.logto.writes();
    assert!(writes.iter().all(|seen| seen.status.is_some_and(|status| status < 300)), "{writes:?}");
    assert_eq!(stage.holders("paid-tier").len(), 250);
    stage.is_settled().await;

    // A ledger that knows nothing, too: whoever is entitled is asked for, so nobody is given it twice.
    stage.lose_the_store().await;
    stage.logto.clear_requests();
    let passed = stage.pass().await;
    assert_eq!((passed.changes(), passed.report.adopted), (vec![], 250));
    assert_eq!(stage.logto.writes(), []);
    stage.logto.faults().clear();
    stage.is_settled().await;
}

#[tokio::test]
async fn exclusive_waits_for_a_whole_walk() {
    let mut stage =
        Stage::of(&file("exclusive", NO_LIMITS, "products: {prd_pro: {entitlements: [role: paid-tier]}}")).await;
    let paid = stage.logto.role("paid-tier").unwrap();
    let fay = stage.logto.add_user("fay@example.com");
    let buyers: BTreeSet<UserId> =
        (0..150).map(|number| stage.buyer(&format!("buyer-{number}@example.com"), "prd_pro").0).collect();
    stage.pass().await;
    stage.logto.grant(&fay, &paid);
    stage.logto.faults().ties();
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), []);
    assert!(passed.held().iter().all(|held| held.0 == "Incomplete"), "{:?}", passed.held());
    stage.logto.faults().clear();
    assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &fay)]);
    assert_eq!(stage.holders("paid-tier"), buyers);
}

#[tokio::test]
async fn an_organization_that_is_deleted_takes_nothing_else_along() {
    let mut stage = Stage::usual().await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_team");
    let (ben, _) = stage.buyer("ben@example.com", "prd_pro");
    stage.pass().await;
    stage.logto.delete_organization(&stage.organization());
    stage.logto.clear_requests();

    let passed = stage.pass().await;

    assert_eq!(passed.changes(), [], "an organization without members is not one that is gone");
    let held = passed.held();
    assert!(
        held.len() == 2 && held.iter().all(|held| (held.0, held.1, held.3) == ("Incomplete", "grant", &ann)),
        "{held:?}"
    );
    assert!(passed.planned.view.held[0].reason.contains("no longer in Logto"), "{:?}", passed.planned.view.held);
    assert_eq!(stage.logto.writes(), []);
    assert_eq!(stage.holders("paid-tier"), set([&ben]), "the others go on");
    // Nor does a refund now: there is nothing to take it from.
    stage.shop.set_status(&order, "refunded");
    assert_eq!(stage.pass().await.changes(), []);

    // The file still names it, so it cannot be entered anew.
    let refused = stage.commit(&usual()).await.unwrap_err();
    let ActivateError::Names { problems, .. } = refused else { panic!("{refused:?}") };
    assert!(problems[0].message.contains("acme"), "{problems:?}");

    // Made again, it is another one, and whoever paid is in it.
    let (cara, _) = stage.buyer("cara@example.com", "prd_team");
    stage.logto.add_organization("acme");
    stage.commit(&usual()).await.unwrap();
    stage.pass().await;
    assert_eq!(stage.acme(), [(cara, vec!["member"])].into());
    stage.is_settled().await;
}

#[tokio::test]
async fn a_role_that_is_deleted_holds_its_own_grants_and_no_others() {
    let mut stage = Stage::usual().await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    let gone = stage.logto.role("paid-tier").unwrap();
    stage.logto.delete_role(&gone);
    let (ben, _) = stage.buyer("ben@example.com", "prd_team");
    let passed = stage.pass().await;
    assert_eq!(passed.changes().len(), 2, "{:?}", passed.changes());
    assert_eq!(passed.held(), [("Incomplete", "grant", "role paid-tier", &ann)]);
    assert_eq!(stage.acme(), [(ben, vec!["member"])].into());

    // Made again under the same name, it is another role.
    let again = stage.logto.add_role("paid-tier");
    stage.commit(&usual()).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("grant", "role paid-tier", &ann)]);
    assert_eq!(stage.logto.holders(&again), set([&ann]));
    stage.is_settled().await;
}

#[tokio::test]
async fn a_role_that_goes_between_looking_and_acting_is_said_to_be_gone() {
    let mut stage = Stage::usual().await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    let (ben, _) = stage.buyer("ben@example.com", "prd_team");
    stage.poll().await.unwrap();
    let span = entitled::pass::PassScope::Full;
    let planned = stage.plan_pass(&span).await.unwrap();
    stage.logto.delete_role(&stage.logto.role("paid-tier").unwrap());
    let writer = stage.active.client.writer();
    let stop = entitled::shutdown::Shutdown::never();
    let now = stage.now();
    let report =
        entitled::pass::execute_pass(&stage.active, &stage.store, &writer, &planned, &span, now, &stop).await.unwrap();
    let gone: Vec<_> = report.lines.iter().filter(|line| matches!(line.came, ActionOutcome::Gone(_))).collect();
    assert!(gone.len() == 1 && gone[0].change.user == ann, "{report:?}");
    assert_eq!(stage.acme(), [(ben, vec!["member"])].into());
    stage.ledger_is_true().await;
}

#[tokio::test]
async fn a_logto_that_cannot_be_read_holds_what_it_may_hold() {
    let mut stage = Stage::usual().await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    stage.shop.set_status(&order, "refunded");
    let role = stage.logto.role("paid-tier").unwrap();
    for fault in [Fault::Refuse, Fault::Html, Fault::HalfJson, Fault::Truncate] {
        stage.logto.faults().add(Rule::new(fault).path(&format!("/api/roles/{role}/users")));
        stage.poll().await.unwrap();
        match stage.plan_pass(&entitled::pass::PassScope::Full).await {
            Ok(planned) => {
                assert_eq!(planned.view.changes, [], "{fault:?}");
                assert!(!planned.troubles.is_empty(), "{fault:?}");
                assert!(planned.view.held.iter().all(|held| held.hold == "Incomplete"), "{:?}", planned.view.held);
            }
            Err(error) => assert!(error.hint().is_some(), "{fault:?}: {error:?}"),
        }
        stage.logto.faults().clear();
        assert_eq!(stage.holders("paid-tier"), set([&ann]), "{fault:?}");
    }
    assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ann)]);
    stage.is_settled().await;
}
