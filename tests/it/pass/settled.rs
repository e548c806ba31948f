//! What settles a loosening and for how long, and what of a version is not taken back: each condition alone.

use jiff::SignedDuration;

use super::approving::let_through;
use super::safeguards::{ADMIN, ADMIN_IS_PROTECTED, NOTHING_SOLD, SOLD, TIGHT, careful, figures, hours, only, sold};
use crate::support::stage::{NO_LIMITS, Stage};

/// Another version, by something that is no safeguard of what is looked at.
fn and_limits(floor: u32) -> String {
    format!("limits: {{revocations: {{per_day: 100%, floor: {floor}}}, config_grants: {{per_day: 100%, floor: 5000}}}}")
}

async fn enter(stage: &mut Stage, yaml: &str) {
    stage.ahead += SignedDuration::from_secs(5);
    stage.commit(yaml).await.unwrap();
}

#[tokio::test]
async fn of_two_versions_that_protect_a_role_the_later_one_counts_last() {
    let protects = |floor| careful("owned", &format!("{ADMIN_IS_PROTECTED}\n{}", and_limits(floor)), SOLD);
    let (mut stage, _) = sold(&protects(5_000), &[("prd_cheap", 3)]).await;
    hours(&mut stage, 1).await;
    enter(&mut stage, &protects(4_000)).await;
    stage.pass().await;
    hours(&mut stage, 10).await;
    enter(&mut stage, &careful("owned", &and_limits(4_000), ADMIN)).await;
    stage.pass().await;
    // The first one counts until 25 hours after it began, the second one until 35.
    hours(&mut stage, 20).await;
    assert_eq!(figures(&stage.pass().await), only("Settling", "grant", "role admin", 3));
    hours(&mut stage, 5).await;
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role admin", 3));
}

#[tokio::test]
async fn what_was_settled_stays_so_when_another_version_comes() {
    let first = careful("owned", &format!("{ADMIN_IS_PROTECTED}\n{NO_LIMITS}"), SOLD);
    let (mut stage, _) = sold(&first, &[("prd_cheap", 2)]).await;
    enter(&mut stage, &careful("owned", NO_LIMITS, ADMIN)).await;
    let held = stage.pass().await;
    let_through(&stage, &held).await;
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role admin", 2));
    enter(&mut stage, &careful("owned", &and_limits(4_000), ADMIN)).await;
    stage.buyer("late@example.com", "prd_cheap");
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role admin", 1));
}

#[tokio::test]
async fn what_was_settled_is_asked_anew_of_a_version_that_was_left_since() {
    let protects = |floor| careful("owned", &format!("{ADMIN_IS_PROTECTED}\n{}", and_limits(floor)), SOLD);
    let (mut stage, _) = sold(&protects(5_000), &[("prd_cheap", 2)]).await;
    enter(&mut stage, &careful("owned", NO_LIMITS, ADMIN)).await;
    let held = stage.pass().await;
    let_through(&stage, &held).await;
    stage.pass().await;
    enter(&mut stage, &protects(4_000)).await;
    stage.pass().await;
    enter(&mut stage, &careful("owned", NO_LIMITS, ADMIN)).await;
    stage.buyer("late@example.com", "prd_cheap");
    let passed = stage.pass().await;
    assert_eq!(passed.held().iter().filter(|held| (held.0, held.1) == ("Settling", "grant")).count(), 3);
}

#[tokio::test]
async fn what_ends_was_settled_for_the_version_before_alone() {
    let never = |floor| careful("never", &and_limits(floor), SOLD);
    let owned = careful("owned", NO_LIMITS, SOLD);
    let (mut stage, buyers) = sold(&never(5_000), &[("prd_pro", 3)]).await;
    let refund = |stage: &Stage, number: usize| {
        stage.shop.set_status(&buyers[&format!("prd_pro-{number}@example.com")].1, "refunded");
    };
    refund(&stage, 0);
    enter(&mut stage, &owned).await;
    let held = stage.pass().await;
    assert_eq!(figures(&held), only("Settling", "revoke", "role paid-tier", 1));
    let_through(&stage, &held).await;
    // What ends after that on the same target goes, too.
    refund(&stage, 1);
    assert_eq!(figures(&stage.pass().await), only("", "revoke", "role paid-tier", 2));
    enter(&mut stage, &never(4_000)).await;
    stage.pass().await;
    enter(&mut stage, &owned).await;
    refund(&stage, 2);
    assert_eq!(figures(&stage.pass().await), only("Settling", "revoke", "role paid-tier", 1));
}

#[tokio::test]
async fn what_a_version_gave_that_takes_nothing_is_not_taken_by_the_one_that_prunes() {
    let (mut stage, _) = sold(&careful("never", NO_LIMITS, NOTHING_SOLD), &[("prd_pro", 3)]).await;
    enter(&mut stage, &careful("never", NO_LIMITS, SOLD)).await;
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role paid-tier", 3));
    enter(&mut stage, &careful("owned", NO_LIMITS, NOTHING_SOLD)).await;
    assert_eq!(figures(&stage.pass().await), only("Settling", "revoke", "role paid-tier", 3));
}

/// A mapping that has been there for long, or from the beginning, makes a sale nobody's but the shop's.
#[tokio::test]
async fn what_was_sold_by_an_old_mapping_no_commit_takes_back_outside_the_limits() {
    for (first, second, later) in [(NOTHING_SOLD, SOLD, 60), (SOLD, SOLD, 1), (SOLD, ADMIN, 1)] {
        let (mut stage, _) = sold(&careful("owned", TIGHT, first), &[]).await;
        enter(&mut stage, &careful("owned", TIGHT, second)).await;
        stage.pass().await;
        hours(&mut stage, later).await;
        (0..9).for_each(|number| _ = stage.buyer(&format!("late-{number}@example.com"), "prd_pro"));
        assert_eq!(figures(&stage.pass().await), only("", "grant", "role paid-tier", 9));
        enter(&mut stage, &careful("owned", TIGHT, NOTHING_SOLD)).await;
        assert_eq!(figures(&stage.pass().await), only("OverLimit", "revoke", "role paid-tier", 9), "{later}");
    }
}
