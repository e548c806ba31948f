//! A name of the file that comes to stand for another id in Logto: the name wins, within the limits of a commit.

use entitled::model::UserId;
use jiff::SignedDuration;

use crate::support::stage::{NO_LIMITS, Passed, Stage, file};

const PRO: &str = "products: {prd_pro: {entitlements: [role: paid-tier]}, prd_team: {entitlements: [{organization: acme, roles: [member]}]}}";

/// Three buyers of each, and what is told of the name afterwards.
async fn sold(limits: &str) -> (Stage, Vec<UserId>) {
    let mut stage = Stage::of(&file("owned", limits, PRO)).await;
    stage.enter(&file("owned", limits, PRO)).await;
    let pro: Vec<UserId> = (0..3).map(|n| stage.buyer(&format!("pro-{n}@example.com"), "prd_pro").0).collect();
    (0..3).for_each(|n| _ = stage.buyer(&format!("team-{n}@example.com"), "prd_team"));
    stage.pass().await;
    stage.is_settled().await;
    // Orders and mappings are told apart by the second.
    stage.ahead = SignedDuration::from_secs(5);
    (stage, pro)
}

fn causes(passed: &Passed) -> Vec<(&str, &str)> {
    let view = &passed.planned.view;
    let all = view.changes.iter().chain(view.held.iter().map(|held| &held.change));
    let mut all: Vec<(&str, &str)> = all.map(|change| (change.action.as_str(), change.cause.as_str())).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[tokio::test]
async fn a_role_made_anew_is_given_anew_for_its_own_cause() {
    let (mut stage, pro) = sold(NO_LIMITS).await;
    stage.logto.delete_role(&stage.logto.role("paid-tier").unwrap());
    let new = stage.logto.add_role("paid-tier");
    stage.enter(&file("owned", NO_LIMITS, PRO)).await;
    let passed = stage.pass().await;
    assert_eq!(causes(&passed), [("grant", "resolution")], "{:?}", passed.planned.view);
    assert!(passed.planned.view.changes[0].because.contains("another id"), "{:?}", passed.planned.view.changes);
    assert_eq!(stage.logto.holders(&new), pro.into_iter().collect());
    stage.is_settled().await;
    // A sale is a sale.
    stage.buyer("late@example.com", "prd_pro");
    assert_eq!(causes(&stage.pass().await), [("grant", "sale")]);
}

#[tokio::test]
async fn an_organization_made_anew_is_given_anew_with_its_roles() {
    let (mut stage, _) = sold(NO_LIMITS).await;
    stage.logto.delete_organization(&stage.organization());
    stage.logto.add_organization("acme");
    stage.enter(&file("owned", NO_LIMITS, PRO)).await;
    let passed = stage.pass().await;
    assert_eq!(causes(&passed), [("grant", "resolution")], "{:?}", passed.planned.view);
    assert_eq!(stage.acme().values().filter(|roles| **roles == ["member"]).count(), 3);
}

#[tokio::test]
async fn what_lies_under_another_name_now_is_taken_and_given_within_the_limits_of_a_commit() {
    let limits = "limits: {revocations: {per_day: 0%, floor: 2}, config_grants: {per_day: 0%, floor: 2}}";
    let (mut stage, pro) = sold(limits).await;
    let old = stage.logto.role("paid-tier").unwrap();
    stage.logto.rename_role(&old, "legacy");
    let new = stage.logto.add_role("paid-tier");
    // Restarted in between: the cause is not forgotten with the pass that was told of it.
    for _ in 0..2 {
        stage.enter(&file("owned", limits, PRO)).await;
        let passed = stage.pass().await;
        assert_eq!(passed.changes(), []);
        assert_eq!(causes(&passed), [("grant", "resolution"), ("revoke", "resolution")]);
        assert!(passed.held().iter().all(|held| held.0 == "OverLimit"), "{:?}", passed.held());
    }
    assert_eq!(stage.logto.holders(&old), pro.iter().cloned().collect());
    stage.enter(&file("owned", NO_LIMITS, PRO)).await;
    assert_eq!(causes(&stage.pass().await), [("grant", "resolution"), ("revoke", "resolution")]);
    assert_eq!((stage.logto.holders(&new), stage.logto.holders(&old)), (pro.into_iter().collect(), [].into()));
    stage.is_settled().await;
}

#[tokio::test]
async fn a_commit_that_names_another_role_is_a_commit() {
    let (mut stage, _) = sold(NO_LIMITS).await;
    stage.enter(&file("owned", NO_LIMITS, &PRO.replace("paid-tier", "beta"))).await;
    assert_eq!(causes(&stage.pass().await), [("grant", "commit"), ("revoke", "unmapped")]);
}

/// Whoever holds the new one already was given it by hand: the name alone makes it ours, and takes it back with it.
#[tokio::test]
async fn what_a_name_alone_made_ours_outlives_that_name() {
    let (mut stage, pro) = sold(NO_LIMITS).await;
    let old = stage.logto.role("paid-tier").unwrap();
    stage.logto.rename_role(&old, "legacy");
    let new = stage.logto.add_role("paid-tier");
    stage.logto.grant(&pro[0], &new);
    stage.enter(&file("owned", NO_LIMITS, PRO)).await;
    let passed = stage.pass().await;
    assert_eq!((passed.report.adopted, stage.logto.holders(&new).len()), (1, 3), "{:?}", passed.planned.view);
    stage.ahead += SignedDuration::from_secs(5);
    stage.logto.rename_role(&new, "other");
    stage.logto.rename_role(&old, "paid-tier");
    stage.enter(&file("owned", NO_LIMITS, PRO)).await;
    let passed = stage.pass().await;
    assert_eq!(passed.report.released, 1, "{:?}", passed.planned.view);
    assert_eq!((stage.logto.holders(&new), stage.logto.holders(&old).len()), ([pro[0].clone()].into(), 3));
}
