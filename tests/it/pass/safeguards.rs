//! Promise 12: one commit cannot undo its own safeguards, and what it did another one takes back.

use std::collections::BTreeMap;

use entitled::model::{OrderId, UserId};
use jiff::SignedDuration;

use super::approving::let_through;
use crate::support::stage::{NO_LIMITS, Passed, Stage, file};

pub(super) const SOLD: &str = "products: {prd_pro: {entitlements: [role: paid-tier]}}";
pub(super) const ADMIN: &str =
    "products: {prd_pro: {entitlements: [role: paid-tier]}, prd_cheap: {entitlements: [role: admin]}}";
pub(super) const NOTHING_SOLD: &str = "products: {prd_other: {entitlements: [role: beta]}}";
pub(super) const ADMIN_IS_PROTECTED: &str = "protect: {roles: [admin]}";
pub(super) const TIGHT: &str = "limits: {revocations: {per_day: 0%, floor: 2}, config_grants: {per_day: 0%, floor: 2}}";

/// A file of which what it loosens counts a day later.
pub(super) fn careful(prune: &str, further: &str, products: &str) -> String {
    file(prune, &format!("safeguards: {{delay: 24h}}\n{further}"), products)
}

/// A tenant in which so many have bought each of these products, and a pass has gone by the file.
pub(super) async fn sold(yaml: &str, products: &[(&str, usize)]) -> (Stage, BTreeMap<String, (UserId, OrderId)>) {
    let mut stage = Stage::of(yaml).await;
    let mut buyers = BTreeMap::new();
    for (product, count) in products {
        for number in 0..*count {
            let email = format!("{product}-{number}@example.com");
            let bought = stage.buyer(&email, product);
            buyers.insert(email, bought);
        }
    }
    stage.pass().await;
    stage.is_settled().await;
    (stage, buyers)
}

/// How many changes are made and withheld, each by hold, verb and target.
pub(super) fn figures(passed: &Passed) -> BTreeMap<(&str, &str, &str), usize> {
    let mut figures = BTreeMap::new();
    for (verb, target, _) in passed.changes() {
        *figures.entry(("", verb, target)).or_default() += 1;
    }
    for (hold, verb, target, _) in passed.held() {
        *figures.entry((hold, verb, target)).or_default() += 1;
    }
    figures
}

pub(super) fn only(
    hold: &'static str,
    verb: &'static str,
    target: &'static str,
    count: usize,
) -> BTreeMap<(&'static str, &'static str, &'static str), usize> {
    [((hold, verb, target), count)].into()
}

pub(super) async fn hours(stage: &mut Stage, hours: i64) {
    stage.ahead += SignedDuration::from_hours(hours);
}

#[tokio::test]
async fn a_role_that_a_commit_stops_protecting_is_not_sold_by_that_commit() {
    let (mut stage, _) = sold(&careful("owned", ADMIN_IS_PROTECTED, SOLD), &[("prd_cheap", 45)]).await;
    let open = careful("owned", NO_LIMITS, ADMIN);
    stage.commit(&open).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!(figures(&passed), only("Settling", "grant", "role admin", 45));
    assert!(passed.planned.view.held[0].reason.contains("protects role admin"), "{:?}", passed.planned.view.held[0]);
    // Nor by a sale, nor by the next commit, which protects nothing either.
    stage.buyer("late@example.com", "prd_cheap");
    assert_eq!(figures(&stage.quick().await), only("Settling", "grant", "role admin", 1));
    hours(&mut stage, 12).await;
    stage.commit(&careful("owned", &format!("{NO_LIMITS}\nschedule: {{full_pass: 5m}}"), ADMIN)).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("Settling", "grant", "role admin", 46));
    hours(&mut stage, 11).await;
    assert_eq!(figures(&stage.pass().await), only("Settling", "grant", "role admin", 46));
    hours(&mut stage, 2).await;
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role admin", 46));
}

#[tokio::test]
async fn an_approval_settles_what_was_loosened_and_nothing_else() {
    let first = careful("owned", &format!("protect: {{roles: [admin, beta]}}\n{NO_LIMITS}"), SOLD);
    let (mut stage, _) = sold(&first, &[("prd_cheap", 2), ("prd_pro", 1)]).await;
    let open = careful("owned", NO_LIMITS, &ADMIN.replace("role: paid-tier]", "role: paid-tier, role: beta]"));
    stage.commit(&open).await.unwrap();
    let mut passed = stage.pass().await;
    let both = [(("Settling", "grant", "role admin"), 2), (("Settling", "grant", "role beta"), 1)];
    assert_eq!(figures(&passed), both.into());
    passed.planned.view.held.retain(|held| held.change.target == "role admin");
    let_through(&stage, &passed).await;
    // What was looked at, and the sale that comes after it; of the other role nobody has said anything.
    stage.buyer("late@example.com", "prd_cheap");
    let went = [(("", "grant", "role admin"), 3), (("Settling", "grant", "role beta"), 1)];
    assert_eq!(figures(&stage.pass().await), went.into());
    // Protected once more and given up once more, it has to be looked at once more.
    stage.commit(&first).await.unwrap();
    stage.pass().await;
    stage.commit(&open).await.unwrap();
    stage.buyer("later@example.com", "prd_cheap");
    let held = stage.pass().await;
    assert!(figures(&held).contains_key(&("Settling", "grant", "role admin")), "{:?}", figures(&held));
}

#[tokio::test]
async fn the_revert_finds_nothing_to_do_and_nothing_held() {
    let (mut stage, _) = sold(&careful("owned", ADMIN_IS_PROTECTED, SOLD), &[("prd_cheap", 45)]).await;
    stage.commit(&careful("owned", NO_LIMITS, ADMIN)).await.unwrap();
    stage.pass().await;
    stage.commit(&careful("owned", ADMIN_IS_PROTECTED, SOLD)).await.unwrap();
    stage.is_settled().await;
}

#[tokio::test]
async fn what_was_let_through_by_mistake_the_revert_takes_back_outside_the_limits() {
    let before = careful("owned", &format!("{ADMIN_IS_PROTECTED}\n{TIGHT}"), SOLD);
    let (mut stage, buyers) = sold(&before, &[("prd_cheap", 45), ("prd_pro", 3)]).await;
    stage.ahead = SignedDuration::from_secs(5);
    stage.commit(&careful("owned", NO_LIMITS, ADMIN)).await.unwrap();
    let passed = stage.pass().await;
    let_through(&stage, &passed).await;
    // Past the one kind of hold it meets the next one.
    let passed = stage.pass().await;
    assert_eq!(figures(&passed), only("OverLimit", "grant", "role admin", 45));
    let_through(&stage, &passed).await;
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role admin", 45));
    stage.commit(&before).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("", "revoke", "role admin", 45));
    stage.is_settled().await;
    // And it leaves the day as it was: two more may go, and no third.
    for number in 0..2 {
        stage.shop.set_status(&buyers[&format!("prd_pro-{number}@example.com")].1, "refunded");
    }
    assert_eq!(figures(&stage.pass().await), only("", "revoke", "role paid-tier", 2));
    assert_eq!(stage.holders("paid-tier"), [buyers["prd_pro-2@example.com"].0.clone()].into());
}

#[tokio::test]
async fn what_a_version_did_longer_ago_than_the_delay_is_taken_back_within_the_limits() {
    // Not for longer than a day where the delay is longer, either.
    for (delay, later) in [("24h", 25), ("1h", 5), ("72h", 26)] {
        let careful = |limits: &str, products: &str| careful("owned", limits, products).replace("24h", delay);
        let (mut stage, _) = sold(&careful(TIGHT, NOTHING_SOLD), &[("prd_pro", 2)]).await;
        stage.ahead = SignedDuration::from_secs(5);
        stage.commit(&careful(TIGHT, SOLD)).await.unwrap();
        assert_eq!(figures(&stage.pass().await), only("", "grant", "role paid-tier", 2));
        hours(&mut stage, later).await;
        let none = TIGHT.replace("floor: 2", "floor: 1");
        stage.commit(&careful(&none, NOTHING_SOLD)).await.unwrap();
        assert_eq!(figures(&stage.pass().await), only("OverLimit", "revoke", "role paid-tier", 2), "{delay}");
    }
}

#[tokio::test]
async fn limits_that_a_commit_raises_are_those_of_the_version_before_for_what_it_takes_and_gives() {
    let (mut stage, _) = sold(&careful("owned", TIGHT, SOLD), &[("prd_pro", 12), ("prd_cheap", 12)]).await;
    stage.ahead = SignedDuration::from_secs(5);
    let hasty = NO_LIMITS;
    stage.commit(&careful("owned", hasty, ADMIN)).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("OverLimit", "grant", "role admin", 12));
    stage.commit(&careful("owned", hasty, NOTHING_SOLD)).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!(figures(&passed), only("OverLimit", "revoke", "role paid-tier", 12));
    // It says when the file's own limits count, and then they do.
    assert!(passed.planned.view.held[0].lift.contains("it fits from"), "{}", passed.planned.view.held[0].lift);
    hours(&mut stage, 25).await;
    assert_eq!(figures(&stage.pass().await), only("", "revoke", "role paid-tier", 12));
}

#[tokio::test]
async fn what_a_version_took_its_revert_gives_back_outside_the_limits() {
    let none = "limits: {revocations: {per_day: 0%, floor: 7}, config_grants: {per_day: 0%, floor: 0}}";
    let (mut stage, _) = sold(&careful("owned", none, SOLD), &[("prd_pro", 7)]).await;
    stage.ahead = SignedDuration::from_secs(5);
    stage.commit(&careful("owned", none, NOTHING_SOLD)).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("", "revoke", "role paid-tier", 7));
    stage.ahead += SignedDuration::from_secs(5);
    stage.commit(&careful("owned", none, SOLD)).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role paid-tier", 7));
    stage.is_settled().await;
    // What it never took, it does not give back.
    stage.ahead += SignedDuration::from_secs(5);
    stage.buyer("cheap@example.com", "prd_cheap");
    stage.pass().await;
    stage.ahead += SignedDuration::from_secs(5);
    stage.commit(&careful("owned", none, ADMIN)).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("OverLimit", "grant", "role admin", 1));
}

#[tokio::test]
async fn a_commit_that_prunes_more_takes_nothing_more_for_a_day() {
    let (mut stage, buyers) = sold(&careful("never", NO_LIMITS, SOLD), &[("prd_pro", 3)]).await;
    let stranger = stage.logto.add_user("stranger@example.com");
    stage.logto.grant(&stranger, &stage.logto.role("paid-tier").unwrap());
    stage.shop.set_status(&buyers["prd_pro-0@example.com"].1, "refunded");
    stage.commit(&careful("exclusive", NO_LIMITS, SOLD)).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("Settling", "revoke", "role paid-tier", 2));
    // Half way back still waits for what is left of the way.
    hours(&mut stage, 1).await;
    stage.commit(&careful("owned", NO_LIMITS, SOLD)).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("Settling", "revoke", "role paid-tier", 1));
    hours(&mut stage, 24).await;
    assert_eq!(figures(&stage.pass().await), only("", "revoke", "role paid-tier", 1));
    assert!(stage.holders("paid-tier").contains(&stranger));
}

#[tokio::test]
async fn who_is_protected_stays_protected_for_a_day_by_id_by_the_address_of_the_order_and_by_that_in_logto() {
    for by in ["emails: [\"prd_pro-*@example.com\"]", "users: [$USER]", "emails: [\"known@example.com\"]"] {
        let mut stage = Stage::of(&careful("owned", NO_LIMITS, SOLD)).await;
        let user = if by.contains("known") {
            let user = stage.logto.add_user("known@example.com");
            stage.shop.buy(&"prd_pro".into(), &user);
            user
        } else {
            stage.buyer("prd_pro-0@example.com", "prd_pro").0
        };
        let protect = format!("protect: {{{}}}", by.replace("$USER", user.as_str()));
        stage.commit(&careful("owned", &format!("{protect}\n{NO_LIMITS}"), SOLD)).await.unwrap();
        stage.pass().await;
        stage.commit(&careful("owned", NO_LIMITS, NOTHING_SOLD)).await.unwrap();
        assert_eq!(figures(&stage.pass().await), only("Settling", "revoke", "role paid-tier", 1), "{by}");
        hours(&mut stage, 25).await;
        assert_eq!(figures(&stage.pass().await), only("", "revoke", "role paid-tier", 1), "{by}");
    }
}

#[tokio::test]
async fn a_commit_cannot_shorten_its_own_delay_and_one_that_tightens_counts_at_once() {
    let (mut stage, _) = sold(&careful("never", NO_LIMITS, SOLD), &[("prd_pro", 3)]).await;
    stage.commit(&file("owned", NO_LIMITS, NOTHING_SOLD)).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("Settling", "revoke", "role paid-tier", 3));
    stage.commit(&file("owned", &format!("protect: {{roles: [paid-tier]}}\n{NO_LIMITS}"), NOTHING_SOLD)).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("Protected", "revoke", "role paid-tier", 3));
    stage.commit(&file("never", NO_LIMITS, NOTHING_SOLD)).await.unwrap();
    assert_eq!(figures(&stage.pass().await), BTreeMap::new());
}

#[tokio::test]
async fn the_first_file_of_a_store_is_its_own_measure_and_a_preview_is_no_version() {
    let mut stage = Stage::of(&careful("never", TIGHT, SOLD)).await;
    let (_, order) = stage.buyer("ann@example.com", "prd_pro");
    stage.poll().await.unwrap();
    // Planned and never carried out.
    stage.plan_pass(&entitled::pass::PassScope::Full).await.unwrap();
    stage.commit(&careful("exclusive", NO_LIMITS, SOLD)).await.unwrap();
    stage.pass().await;
    stage.shop.set_status(&order, "refunded");
    assert_eq!(figures(&stage.pass().await), only("", "revoke", "role paid-tier", 1));
    // Nor is one that was looked at and put aside.
    stage.commit(&careful("never", TIGHT, SOLD)).await.unwrap();
    stage.plan_pass(&entitled::pass::PassScope::Full).await.unwrap();
    stage.commit(&careful("exclusive", NO_LIMITS, SOLD)).await.unwrap();
    assert_eq!(stage.store.versions().await.unwrap().len(), 1);
}

/// Whoever looks is told once what still counts, also where nothing is held for it.
#[tokio::test]
async fn a_plan_says_what_the_version_before_still_asks_for() {
    let first = careful("never", &format!("{TIGHT}\nprotect: {{users: [u1], roles: [admin]}}"), SOLD);
    let (mut stage, _) = sold(&first, &[]).await;
    let said = |passed: &Passed| passed.planned.view.settling.clone();
    assert_eq!(said(&stage.pass().await), None);
    stage.commit(&file("owned", NO_LIMITS, SOLD)).await.unwrap();
    let settling = said(&stage.pass().await).unwrap();
    let all = ["limits.revocations", "limits.config_grants", "protect", "prune", "safeguards.delay"];
    assert_eq!(settling.keys, all);
    assert_eq!(settling.until.duration_since(stage.now()).as_hours(), 23);
    assert!(settling.sentence.contains("`limits.revocations`, `limits.config_grants`"), "{}", settling.sentence);
    // Tightened again, one of them is left.
    let again = format!("{TIGHT}\nprotect: {{users: [u1], roles: [admin]}}");
    stage.commit(&file("never", &again, SOLD)).await.unwrap();
    assert_eq!(said(&stage.pass().await).unwrap().keys, ["safeguards.delay"]);
    hours(&mut stage, 25).await;
    assert_eq!(said(&stage.pass().await), None);
}

/// Otherwise the worst commit would be the one that cannot be taken back.
#[tokio::test]
async fn a_version_does_not_shield_what_it_did_by_what_it_protects() {
    let (mut stage, _) = sold(&careful("owned", ADMIN_IS_PROTECTED, SOLD), &[("prd_cheap", 12)]).await;
    stage.ahead = SignedDuration::from_secs(5);
    let poison = format!("{NO_LIMITS}\nprotect: {{emails: [\"*@example.com\"]}}");
    stage.commit(&careful("owned", &poison, ADMIN)).await.unwrap();
    stage.pass().await;
    hours(&mut stage, 25).await;
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role admin", 12));
    hours(&mut stage, 1).await;
    stage.commit(&careful("owned", ADMIN_IS_PROTECTED, SOLD)).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("", "revoke", "role admin", 12));
}

#[tokio::test]
async fn what_was_sold_by_a_mapping_that_came_lately_the_revert_takes_back_too() {
    let before = careful("owned", &format!("{ADMIN_IS_PROTECTED}\n{TIGHT}"), SOLD);
    let (mut stage, _) = sold(&before, &[("prd_pro", 2)]).await;
    stage.ahead = SignedDuration::from_secs(5);
    stage.commit(&careful("owned", TIGHT, ADMIN)).await.unwrap();
    stage.pass().await;
    hours(&mut stage, 25).await;
    (0..9).for_each(|number| _ = stage.buyer(&format!("late-{number}@example.com"), "prd_cheap"));
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role admin", 9));
    hours(&mut stage, 1).await;
    // A freeze, and somebody who thinks about it, use none of the time up.
    stage.commit(&before).await.unwrap();
    let until = stage.now() + SignedDuration::from_hours(30);
    let freeze = entitled::store::Freeze {
        scope: entitled::store::FreezeScope::Revocations,
        since: stage.now(),
        until,
        reason: "what is going on?".to_owned(),
        who: "ann".to_owned(),
    };
    stage.store.freeze(&freeze).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("Frozen", "revoke", "role admin", 9));
    hours(&mut stage, 31).await;
    assert_eq!(figures(&stage.pass().await), only("", "revoke", "role admin", 9));
}

#[tokio::test]
async fn what_a_revert_gave_back_is_as_old_as_it_was() {
    let (mut stage, _) = sold(&careful("owned", TIGHT, SOLD), &[("prd_pro", 9)]).await;
    stage.ahead = SignedDuration::from_secs(5);
    let drops = careful("owned", TIGHT, NOTHING_SOLD);
    stage.commit(&drops).await.unwrap();
    let held = stage.pass().await;
    let_through(&stage, &held).await;
    assert_eq!(figures(&stage.pass().await), only("", "revoke", "role paid-tier", 9));
    stage.ahead += SignedDuration::from_secs(5);
    stage.commit(&careful("owned", TIGHT, SOLD)).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role paid-tier", 9));
    // Once more is not free because the first time was taken back.
    stage.ahead += SignedDuration::from_secs(5);
    stage.commit(&drops).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("OverLimit", "revoke", "role paid-tier", 9));
}

#[tokio::test]
async fn a_longer_delay_opens_nothing_that_a_shorter_one_keeps() {
    let sells = careful("owned", NO_LIMITS, SOLD);
    let (mut stage, _) = sold(&careful("owned", NO_LIMITS, NOTHING_SOLD), &[("prd_pro", 9)]).await;
    stage.ahead = SignedDuration::from_secs(5);
    stage.commit(&sells).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role paid-tier", 9));
    hours(&mut stage, 24 * 5).await;
    stage.pass().await;
    let long = format!("safeguards: {{delay: 30d}}\n{TIGHT}");
    stage.commit(&file("owned", &long, NOTHING_SOLD)).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("OverLimit", "revoke", "role paid-tier", 9));
}

/// Nobody's commit gives what a name that stands for another id gives.
#[tokio::test]
async fn what_a_name_gave_is_no_version_s_doing() {
    let (mut stage, _) = sold(&careful("owned", TIGHT, SOLD), &[("prd_pro", 9)]).await;
    stage.enter(&careful("owned", TIGHT, SOLD)).await;
    stage.ahead = SignedDuration::from_secs(5);
    stage.logto.delete_role(&stage.logto.role("paid-tier").unwrap());
    stage.logto.add_role("paid-tier");
    stage.enter(&careful("owned", TIGHT, SOLD)).await;
    let held = stage.pass().await;
    assert_eq!(figures(&held), only("OverLimit", "grant", "role paid-tier", 9));
    let_through(&stage, &held).await;
    stage.pass().await;
    stage.enter(&careful("owned", TIGHT, NOTHING_SOLD)).await;
    assert_eq!(figures(&stage.pass().await), only("OverLimit", "revoke", "role paid-tier", 9));
}
