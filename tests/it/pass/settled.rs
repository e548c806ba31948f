//! What settles a loosening and for how long, and what of a version is not taken back: each condition alone.

use std::collections::BTreeMap;

use entitled::store::{Freeze, FreezeScope};
use jiff::SignedDuration;

use super::approving::let_through;
use super::safeguards::{ADMIN, ADMIN_IS_PROTECTED, NOTHING_SOLD, SOLD, TIGHT, careful, figures, hours, only, sold};
use crate::support::stage::{NO_LIMITS, Passed, Stage};

/// Another version, by something that is no safeguard of what is looked at.
fn and_limits(floor: u32) -> String {
    format!("limits: {{revocations: {{per_day: 100%, floor: {floor}}}, config_grants: {{per_day: 100%, floor: 5000}}}}")
}

async fn enter(stage: &mut Stage, yaml: &str) {
    stage.ahead += SignedDuration::from_secs(5);
    stage.commit(yaml).await.unwrap();
}

/// Why the first of what is held is held, and until when.
fn why(passed: &Passed) -> String {
    passed.planned.view.held[0].reason.clone()
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
    // The first one counts until 25 hours after it began, the second one until 35, and that is said from the beginning.
    let said = why(&stage.pass().await);
    hours(&mut stage, 20).await;
    let passed = stage.pass().await;
    assert_eq!(figures(&passed), only("Settling", "grant", "role admin", 3));
    assert_eq!(why(&passed), said);
    hours(&mut stage, 5).await;
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role admin", 3));
}

#[tokio::test]
async fn of_two_versions_that_protect_somebody_the_later_one_counts_last() {
    let by_address = "protect: {emails: [\"prd_pro-*@example.com\"]}";
    let protects = |floor| careful("owned", &format!("{by_address}\n{}", and_limits(floor)), SOLD);
    let (mut stage, _) = sold(&protects(5_000), &[("prd_pro", 1)]).await;
    hours(&mut stage, 1).await;
    enter(&mut stage, &protects(4_000)).await;
    stage.pass().await;
    hours(&mut stage, 10).await;
    enter(&mut stage, &careful("owned", &and_limits(4_000), NOTHING_SOLD)).await;
    stage.pass().await;
    let said = why(&stage.pass().await);
    hours(&mut stage, 20).await;
    let passed = stage.pass().await;
    assert_eq!(figures(&passed), only("Settling", "revoke", "role paid-tier", 1));
    assert_eq!(why(&passed), said);
    hours(&mut stage, 5).await;
    assert_eq!(figures(&stage.pass().await), only("", "revoke", "role paid-tier", 1));
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
    let mut held = stage.pass().await;
    assert_eq!(figures(&held), only("Settling", "grant", "role admin", 3));
    // Of two approvals the later one says what is settled.
    held.planned.view.held.retain(|held| held.change.cause == "sale");
    let_through(&stage, &held).await;
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role admin", 3));
    stage.buyer("later@example.com", "prd_cheap");
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role admin", 1));
}

/// What one version gave, the next one takes back whatever it protects; a third one does not, where that next one
/// protected it and came to nothing.
#[tokio::test]
async fn what_was_protected_since_it_was_given_is_not_taken_by_the_version_that_stops_protecting_it() {
    let (mut stage, _) = sold(&careful("owned", NO_LIMITS, SOLD), &[("prd_cheap", 3)]).await;
    enter(&mut stage, &careful("owned", NO_LIMITS, ADMIN)).await;
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role admin", 3));
    let freeze = Freeze {
        scope: FreezeScope::Revocations,
        since: stage.now(),
        until: stage.now() + SignedDuration::from_hours(1),
        reason: "what is going on?".to_owned(),
        who: "ann".to_owned(),
    };
    stage.store.freeze(&freeze).await.unwrap();
    enter(&mut stage, &careful("owned", &format!("{ADMIN_IS_PROTECTED}\n{NO_LIMITS}"), SOLD)).await;
    assert_eq!(figures(&stage.pass().await), only("Frozen", "revoke", "role admin", 3));
    enter(&mut stage, &careful("owned", NO_LIMITS, SOLD)).await;
    hours(&mut stage, 2).await;
    assert_eq!(figures(&stage.pass().await), only("Settling", "revoke", "role admin", 3));
    hours(&mut stage, 24).await;
    assert_eq!(figures(&stage.pass().await), only("", "revoke", "role admin", 3));
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
    // Nor by a third one, where the second took over from the one that gave it.
    for (limits, sold) in [(NO_LIMITS, SOLD), (&and_limits(4_000), NOTHING_SOLD)] {
        enter(&mut stage, &careful("owned", limits, sold)).await;
        let passed = stage.pass().await;
        let held = if sold == SOLD { BTreeMap::new() } else { only("Settling", "revoke", "role paid-tier", 3) };
        assert_eq!(figures(&passed), held);
    }
}

/// A mapping that has been there for long, or from the beginning, makes a sale nobody's but the shop's.
#[tokio::test]
async fn what_was_sold_by_an_old_mapping_no_commit_takes_back_outside_the_limits() {
    let young = [
        (NOTHING_SOLD, SOLD, 60, "24h"),
        (NOTHING_SOLD, SOLD, 60, "30d"),
        (SOLD, SOLD, 1, "24h"),
        (SOLD, ADMIN, 1, "24h"),
    ];
    for (first, second, later, delay) in young {
        let careful = |prune, further: &str, sold| careful(prune, further, sold).replace("24h", delay);
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

const GIVES_FREELY: &str =
    "limits: {revocations: {per_day: 0%, floor: 2}, config_grants: {per_day: 100%, floor: 5000}}";

/// What a version gave is no more its doing once the shop has ended it and sold it anew.
#[tokio::test]
async fn what_was_sold_anew_since_no_commit_takes_back_outside_the_limits() {
    let (old, both) = (
        "products: {prd_old: {entitlements: [role: paid-tier]}}",
        "products: {prd_old: {entitlements: [role: paid-tier]}, prd_pro: {entitlements: [role: paid-tier]}}",
    );
    let (mut stage, buyers) = sold(&careful("owned", GIVES_FREELY, old), &[("prd_pro", 3)]).await;
    enter(&mut stage, &careful("owned", GIVES_FREELY, both)).await;
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role paid-tier", 3));
    buyers.values().for_each(|(_, order)| stage.shop.set_status(order, "refunded"));
    let held = stage.pass().await;
    let_through(&stage, &held).await;
    assert_eq!(figures(&stage.pass().await), only("", "revoke", "role paid-tier", 3));
    for email in buyers.keys() {
        stage.shop.buy(&"prd_old".into(), email.as_str());
    }
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role paid-tier", 3));
    enter(&mut stage, &careful("owned", GIVES_FREELY, NOTHING_SOLD)).await;
    assert_eq!(figures(&stage.pass().await), only("OverLimit", "revoke", "role paid-tier", 3));
}

/// What the shop took is not for a commit to give back outside the limits, by another product.
#[tokio::test]
async fn what_a_refund_took_no_commit_gives_back_outside_the_limits() {
    let nothing = "limits: {revocations: {per_day: 100%, floor: 5000}, config_grants: {per_day: 0%, floor: 0}}";
    let (mut stage, buyers) = sold(&careful("owned", nothing, SOLD), &[("prd_pro", 3)]).await;
    for (email, (_, order)) in &buyers {
        stage.shop.set_status(order, "refunded");
        stage.shop.buy(&"prd_cheap".into(), email.as_str());
    }
    assert_eq!(figures(&stage.pass().await), only("", "revoke", "role paid-tier", 3));
    let cheap = "products: {prd_cheap: {entitlements: [role: paid-tier]}}";
    enter(&mut stage, &careful("owned", nothing, cheap)).await;
    assert_eq!(figures(&stage.pass().await), only("OverLimit", "grant", "role paid-tier", 3));
}

/// Who lets it be taken has not said that it may be given.
#[tokio::test]
async fn that_a_role_is_taken_settles_nothing_about_giving_it() {
    let (mut stage, _) = sold(&careful("owned", NO_LIMITS, ADMIN), &[("prd_cheap", 2)]).await;
    enter(&mut stage, &careful("owned", &format!("{ADMIN_IS_PROTECTED}\n{NO_LIMITS}"), SOLD)).await;
    assert_eq!(figures(&stage.pass().await), only("Protected", "revoke", "role admin", 2));
    enter(&mut stage, &careful("owned", NO_LIMITS, SOLD)).await;
    let held = stage.pass().await;
    assert_eq!(figures(&held), only("Settling", "revoke", "role admin", 2));
    let_through(&stage, &held).await;
    assert_eq!(figures(&stage.pass().await), only("", "revoke", "role admin", 2));
    enter(&mut stage, &careful("owned", NO_LIMITS, ADMIN)).await;
    assert_eq!(figures(&stage.pass().await), only("Settling", "grant", "role admin", 2));
}
