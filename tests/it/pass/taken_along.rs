//! Leaving an organization takes every role in it: a role that could not be taken keeps its member.

use std::collections::BTreeSet;

use entitled::model::UserId;
use entitled::report::run::ActionOutcome;
use entitled::sandbox::Rule;
use entitled::store::Verb;

use super::set;
use crate::support::stage::{NO_LIMITS, PRODUCTS, Stage, file};

fn members(stage: &Stage) -> BTreeSet<UserId> {
    let acme = stage.logto.organization("acme").unwrap();
    stage.logto.members(&acme).into_keys().collect()
}

#[tokio::test]
async fn a_membership_waits_for_the_role_that_could_not_be_taken() {
    for status in [500, 403] {
        let mut stage = Stage::of(&file("owned", NO_LIMITS, PRODUCTS)).await;
        let (ann, order) = stage.buyer("ann@example.com", "prd_team");
        let (ben, other) = stage.buyer("ben@example.com", "prd_team");
        stage.pass().await;
        assert_eq!(members(&stage), set([&ann, &ben]));
        stage.shop.set_status(&order, "refunded");
        stage.shop.set_status(&other, "refunded");
        let fault = Rule::refuse(status).method("DELETE").path(&format!("/users/{ann}/roles"));
        stage.logto.faults().add(fault);
        let passed = stage.pass().await;
        let failed = passed.report.lines.iter().filter(|line| matches!(line.came, ActionOutcome::Failed(_)));
        assert_eq!(failed.count(), 2, "{:?}", passed.report.lines);
        assert_eq!(members(&stage), set([&ann]), "{status}");

        stage.logto.faults().clear();
        stage.pass().await;
        assert_eq!(members(&stage), set([]));
        for user in [&ann, &ben] {
            let history = stage.store.history(user).await.unwrap();
            assert_eq!(history.iter().filter(|row| row.verb == Verb::Revoked).count(), 2, "{status}: {history:?}");
        }
        stage.is_settled().await;
    }
}
