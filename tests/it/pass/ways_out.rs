//! Every kind of hold, brought about, and lifted by what its own hint says.

use entitled::model::{Grant, OrderId, UserId};
use entitled::planner::{Bound, Doubt, Gap, Hold, Safeguard};
use entitled::report::HeldChange;
use entitled::sandbox::{Fault, Rule};
use entitled::store::{Freeze, FreezeScope, Verb};
use jiff::{SignedDuration, Timestamp};

use super::approving::let_through;
use crate::support::stage::{NO_LIMITS, PRODUCTS, Passed, Stage, file, usual};

/// The test below that walks a hold through its hint. A new kind of hold needs one.
#[expect(dead_code, reason = "the compiler asks for an arm for each kind of hold, and for the test that it names")]
fn walked_by(hold: &Hold) -> Option<fn()> {
    Some(match hold {
        Hold::OverLimit(Bound::Target(_) | Bound::Total, _) => what_is_over_a_limit_is_approved_or_raised,
        Hold::FreshLedger => a_fresh_ledger_sees_one_whole_pass_or_is_approved,
        Hold::ClockDoubtful(_) => a_clock_that_is_off_is_set_right_or_approved,
        // A pass asks before it ends.
        Hold::Unverified(Doubt::NotAsked) => return None,
        Hold::Unverified(Doubt::OrderUnconfirmed) => an_order_that_was_not_confirmed_is_read_again_or_approved,
        Hold::Unverified(Doubt::NoEvidence) => what_nothing_proves_is_vouched_for_or_given_up,
        Hold::Frozen => a_freeze_is_ended_or_ends_by_itself,
        Hold::Flapping => what_somebody_keeps_taking_away_is_granted_when_approved_and_a_week_later,
        Hold::Stuck => what_logto_says_it_took_and_keeps_is_taken_by_hand_or_tried_once_more,
        Hold::Settling(Safeguard::Role | Safeguard::User | Safeguard::Prune, _) => {
            what_an_earlier_version_forbids_is_approved_or_waits
        }
        Hold::Protected => what_is_protected_leaves_the_protection_or_the_file,
        Hold::Foreign => a_membership_with_a_role_that_stays_follows_that_role,
        Hold::Incomplete(Gap::Unread) => a_target_that_could_not_be_read_is_read_anew,
        Hold::Incomplete(Gap::Missing) => a_target_that_is_gone_comes_back_or_leaves_the_file,
        Hold::Incomplete(Gap::Partial) => a_list_that_lost_rows_is_read_anew,
        Hold::Incomplete(Gap::Source) => a_source_that_could_not_be_read_is_read_anew,
        Hold::Incomplete(Gap::Elsewhere) => another_source_that_could_not_be_read_is_read_anew,
        Hold::Incomplete(Gap::Odd) => an_order_that_could_not_be_read_is_mended,
        Hold::Incomplete(Gap::Name) => a_name_that_stands_for_nothing_is_mended,
        Hold::Incomplete(Gap::Successor) => super::successors::what_waits_for_its_grant_goes_with_it,
    })
}

const PRO: &str = "products: {prd_pro: {entitlements: [role: paid-tier]}}";
const TIGHT: &str = "limits: {revocations: {per_day: 0%, floor: 1}, config_grants: {per_day: 100%, floor: 5000}}";

fn one(prune: &str) -> String {
    file(prune, NO_LIMITS, PRO)
}

/// The holds of a pass, which carries nothing out and whose hints all say each of these.
async fn held(stage: &mut Stage, hold: &str, says: &[&str]) -> Passed {
    let passed = stage.pass().await;
    let held = &passed.planned.view.held;
    assert!(!held.is_empty() && passed.changes().is_empty(), "{:?}", passed.planned.view);
    for HeldChange { hold: is, lift, .. } in held {
        assert_eq!(is, hold);
        says.iter().for_each(|say| assert!(lift.contains(say), "`{say}` is not in: {lift}"));
    }
    passed
}

/// The same, as its digest.
async fn approvable(stage: &mut Stage, hold: &str, says: &[&str]) -> String {
    let passed = held(stage, hold, says).await;
    let digest = passed.planned.view.held[0].set.clone().unwrap();
    assert!(passed.planned.view.held[0].lift.contains(&format!("`entitled approve {digest}`")));
    let_through(stage, &passed).await
}

async fn revoked(stage: &mut Stage, user: &UserId) {
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("revoke", "role paid-tier", user)], "{:?}", passed.planned.view.held);
    assert!(!stage.holders("paid-tier").contains(user));
}

async fn granted(stage: &mut Stage, user: &UserId) {
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("grant", "role paid-tier", user)], "{:?}", passed.planned.view.held);
    assert!(stage.holders("paid-tier").contains(user));
}

/// Somebody whose order is refunded, and nobody has looked since.
async fn refunded(yaml: &str) -> (Stage, UserId, OrderId) {
    let mut stage = Stage::of(yaml).await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    stage.shop.set_status(&order, "refunded");
    (stage, ann, order)
}

#[tokio::test]
async fn what_is_over_a_limit_is_approved_or_raised() {
    let none = TIGHT.replace("floor: 1", "floor: 0");
    let says = ["raise `limits.revocations`", "waiting does not lift it"];
    let (mut stage, ann, _) = refunded(&file("owned", &none, PRO)).await;
    approvable(&mut stage, "OverLimit", &says).await;
    revoked(&mut stage, &ann).await;

    let (mut stage, ann, _) = refunded(&file("owned", &none, PRO)).await;
    held(&mut stage, "OverLimit", &says).await;
    stage.commit(&file("owned", TIGHT, PRO)).await.unwrap();
    revoked(&mut stage, &ann).await;
}

#[tokio::test]
async fn what_is_over_a_limit_fits_from_the_second_on_that_its_hint_says() {
    let (mut stage, _, _) = refunded(&file("owned", TIGHT, PRO)).await;
    let (ben, other) = stage.buyer("ben@example.com", "prd_pro");
    stage.pass().await;
    stage.ahead = SignedDuration::from_hours(5);
    stage.shop.set_status(&other, "refunded");
    let passed = held(&mut stage, "OverLimit", &["or wait: it fits from"]).await;
    let from = fits_from(&passed);
    let until = |stage: &Stage| from.duration_since(stage.now());
    assert!(until(&stage) > SignedDuration::from_hours(18) && until(&stage) < SignedDuration::from_hours(20), "{from}");

    stage.ahead += until(&stage) - SignedDuration::from_secs(20);
    held(&mut stage, "OverLimit", &["it fits from"]).await;
    stage.ahead += until(&stage) + SignedDuration::from_secs(1);
    revoked(&mut stage, &ben).await;
}

/// From when on a hint says that it fits.
fn fits_from(passed: &Passed) -> Timestamp {
    let lift = &passed.planned.view.held[0].lift;
    let (_, rest) = lift.split_once("it fits from ").unwrap_or_else(|| panic!("{lift}"));
    format!("{}Z", rest.split_once(" UTC").unwrap().0.replace(' ', "T")).parse().unwrap()
}

/// A limit that was raised counts later, and may be too low all the same.
#[tokio::test]
async fn a_limit_that_was_raised_says_when_it_counts_or_that_it_is_too_low() {
    let limits =
        |floor: u32| format!("limits: {{revocations: {{per_day: 0%, floor: {floor}}}}}\nsafeguards: {{delay: 1d}}");
    for (floor, says, not) in [
        (
            2,
            "then `entitled approve DIGEST` lets exactly this set through, once, within 24 hours; or wait: it fits from ",
            "waiting",
        ),
        (1, "or raise `limits.revocations` further: what the file says now is too little, too", "it fits from"),
    ] {
        let (mut stage, _, _) = refunded(&file("owned", &limits(0), PRO)).await;
        let (ben, other) = stage.buyer("ben@example.com", "prd_pro");
        granted(&mut stage, &ben).await;
        let one = held(&mut stage, "OverLimit", &["waiting does not lift it"]).await;
        let reason = &one.planned.view.held[0].reason;
        assert!(reason.starts_with("1 revocation of role paid-tier wanted, "), "{reason}");
        stage.shop.set_status(&other, "refunded");
        stage.commit(&file("owned", &limits(floor), PRO)).await.unwrap();
        let two = held(&mut stage, "OverLimit", &["of a version before this one"]).await;
        let HeldChange { lift, set, .. } = &two.planned.view.held[0];
        let lift = lift.replace(set.as_deref().unwrap(), "DIGEST");
        assert!(lift.contains(says) && !lift.contains(not), "{lift}");
    }
}

/// The day of what a commit grants, as that of what is taken.
#[tokio::test]
async fn what_a_commit_grants_beyond_its_day_fits_from_when_its_hint_says_or_never() {
    let limits = "limits: {revocations: {per_day: 0%, floor: 0}, config_grants: {per_day: 0%, floor: 2}}";
    let gives = |products: &[&str]| {
        let lines = products.iter().map(|product| format!("{product}: {{entitlements: [role: paid-tier]}}"));
        file("owned", limits, &format!("products: {{{}}}", lines.collect::<Vec<_>>().join(", ")))
    };
    let mut stage = Stage::of(&gives(&["prd_none"])).await;
    let sold = |product: &str, count: usize| {
        (0..count).map(|number| stage.buyer(&format!("{product}-{number}@example.com"), product).0).collect::<Vec<_>>()
    };
    let (one, two, three) = (sold("prd_one", 1), sold("prd_two", 2), sold("prd_three", 3));
    stage.pass().await;
    // Not within the second in which they paid: then it is they who came later.
    stage.ahead = SignedDuration::from_hours(1);
    stage.commit(&gives(&["prd_none", "prd_one"])).await.unwrap();
    granted(&mut stage, &one[0]).await;
    stage.ahead = SignedDuration::from_hours(6);
    stage.commit(&gives(&["prd_none", "prd_one", "prd_two"])).await.unwrap();
    let from = fits_from(&held(&mut stage, "OverLimit", &[]).await);
    assert!(from > stage.now() + SignedDuration::from_hours(18), "{from}");
    stage.ahead += from.duration_since(stage.now()) - SignedDuration::from_secs(20);
    held(&mut stage, "OverLimit", &["it fits from"]).await;
    stage.ahead += SignedDuration::from_secs(21);
    assert_eq!(stage.pass().await.changes().len(), 2);
    assert!(two.iter().all(|user| stage.holders("paid-tier").contains(user)));

    stage.commit(&gives(&["prd_none", "prd_one", "prd_two", "prd_three"])).await.unwrap();
    stage.ahead += SignedDuration::from_hours(30);
    approvable(&mut stage, "OverLimit", &["raise `limits.config_grants`", "waiting does not lift it"]).await;
    assert_eq!(stage.pass().await.changes().len(), three.len());
}

/// What is owned grows into the day: a set that is larger than what today allows may fit tomorrow.
#[tokio::test]
async fn a_limit_of_a_share_grows_with_what_is_owned_and_says_since_when_it_fits() {
    let share = "limits: {revocations: {per_day: 10%, floor: 0}}";
    let mut stage = Stage::of(&file("owned", share, PRO)).await;
    let sold: Vec<_> = (0..20).map(|number| stage.buyer(&format!("buyer-{number}@example.com"), "prd_pro")).collect();
    stage.pass().await;
    sold[..2].iter().for_each(|(_, order)| stage.shop.set_status(order, "refunded"));
    let from = fits_from(&held(&mut stage, "OverLimit", &[]).await);
    // Whenever it is asked.
    for hours in [4, 23] {
        stage.ahead = SignedDuration::from_hours(hours);
        assert_eq!(fits_from(&held(&mut stage, "OverLimit", &[]).await), from, "{hours}");
    }
    stage.ahead += from.duration_since(stage.now()) + SignedDuration::from_secs(1);
    assert_eq!(stage.pass().await.changes().len(), 2);
    // Ten more than a tenth never fit.
    sold[2..14].iter().for_each(|(_, order)| stage.shop.set_status(order, "refunded"));
    held(&mut stage, "OverLimit", &["waiting does not lift it"]).await;
}

/// What fits into the day of its target must fit into that of all targets.
#[tokio::test]
async fn a_limit_of_one_target_waits_for_the_day_of_all() {
    let limits = "limits: {revocations: {per_day: 0%, floor: 3}, config_grants: {per_day: 100%, floor: 5000}}";
    let mut stage = Stage::of(&file("owned", limits, PRODUCTS)).await;
    let pro: Vec<_> = (0..4).map(|n| stage.buyer(&format!("pro-{n}@example.com"), "prd_pro").1).collect();
    let team: Vec<_> = (0..4).map(|n| stage.buyer(&format!("team-{n}@example.com"), "prd_team").1).collect();
    stage.pass().await;
    pro[..2].iter().for_each(|order| stage.shop.set_status(order, "refunded"));
    assert_eq!(stage.pass().await.changes().len(), 2);
    // Five hours later all of another target, which somebody let through.
    stage.ahead = SignedDuration::from_hours(5);
    team.iter().for_each(|order| stage.shop.set_status(order, "refunded"));
    approvable(&mut stage, "OverLimit", &[]).await;
    stage.pass().await;
    pro[2..].iter().for_each(|order| stage.shop.set_status(order, "refunded"));
    let from = fits_from(&held(&mut stage, "OverLimit", &[]).await);
    assert!(from > stage.now() + SignedDuration::from_hours(23), "{from}");
    stage.ahead += from.duration_since(stage.now()) - SignedDuration::from_secs(20);
    held(&mut stage, "OverLimit", &[]).await;
    stage.ahead += SignedDuration::from_secs(21);
    assert_eq!(stage.pass().await.changes().len(), 2);
}

#[tokio::test]
async fn a_fresh_ledger_sees_one_whole_pass_or_is_approved() {
    let scene = async || {
        let stage = Stage::of(&one("exclusive")).await;
        let fay = stage.logto.add_user("fay@example.com");
        stage.logto.grant(&fay, &stage.logto.role("paid-tier").unwrap());
        (stage, fay)
    };
    let (mut stage, fay) = scene().await;
    held(&mut stage, "FreshLedger", &["let one full pass finish"]).await;
    revoked(&mut stage, &fay).await;

    let (mut stage, fay) = scene().await;
    stage.poll().await.unwrap();
    let planned = stage.plan_pass(&entitled::pass::PassScope::Full).await.unwrap();
    let passed = Passed { planned, report: entitled::report::run::RunReport::default() };
    let_through(&stage, &passed).await;
    revoked(&mut stage, &fay).await;
}

#[tokio::test]
async fn a_clock_that_is_off_is_set_right_or_approved() {
    let month = "products: {prd_pro: {entitlements: [role: paid-tier], valid_for: 1d}}";
    for approve in [false, true] {
        let mut stage = Stage::of(&file("owned", NO_LIMITS, month)).await;
        let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
        stage.pass().await;
        stage.ahead = SignedDuration::from_hours(25);
        stage.logto.faults().date_skew(-4_000);
        match approve {
            true => _ = approvable(&mut stage, "ClockDoubtful", &["NTP"]).await,
            false => {
                held(&mut stage, "ClockDoubtful", &["NTP"]).await;
                stage.logto.faults().date_skew(0);
            }
        }
        revoked(&mut stage, &ann).await;
    }
}

#[tokio::test]
async fn an_order_that_was_not_confirmed_is_read_again_or_approved() {
    for approve in [false, true] {
        let (mut stage, ann, order) = refunded(&one("owned")).await;
        stage.poll().await.unwrap();
        stage.shop.faults().add(Rule::refuse(500).method("GET").path(order.as_str()));
        let says = ["nothing to do if the payment API answers again"];
        match approve {
            true => _ = approvable(&mut stage, "Unverified", &says).await,
            false => {
                held(&mut stage, "Unverified", &says).await;
                stage.shop.faults().clear();
            }
        }
        revoked(&mut stage, &ann).await;
    }
}

#[tokio::test]
async fn what_nothing_proves_is_vouched_for_or_given_up() {
    for approve in [false, true] {
        let (mut stage, ann, order) = refunded(&one("owned")).await;
        stage.shop.set_status(&order, "pending");
        let says = ["look the order up in the shop", "`entitled release USER TARGET`"];
        if approve {
            approvable(&mut stage, "Unverified", &says).await;
            revoked(&mut stage, &ann).await;
        } else {
            let grant = grant(&held(&mut stage, "Unverified", &says).await.planned.view.held[0]);
            stage.store.release("ada", &[grant], "a gift", stage.now()).await.unwrap();
            stage.is_settled().await;
            assert!(stage.holders("paid-tier").contains(&ann), "whoever holds it keeps it");
        }
    }
}

fn grant(held: &HeldChange) -> Grant {
    let target = entitled::model::Target::from_key(&held.change.target_key).unwrap();
    Grant { user: held.change.user.clone(), target }
}

#[tokio::test]
async fn a_freeze_is_ended_or_ends_by_itself() {
    for unfreeze in [false, true] {
        let (mut stage, ann, _) = refunded(&one("owned")).await;
        let (since, who, reason) = (stage.now(), "ada".to_owned(), "moving".to_owned());
        let until = since + SignedDuration::from_hours(1);
        stage.store.freeze(&Freeze { scope: FreezeScope::Revocations, since, until, reason, who }).await.unwrap();
        held(&mut stage, "Frozen", &["`entitled unfreeze`", "until the freeze ends by itself"]).await;
        match unfreeze {
            true => _ = stage.store.unfreeze("ada", stage.now()).await.unwrap(),
            false => stage.ahead = SignedDuration::from_hours(1) + SignedDuration::from_secs(1),
        }
        revoked(&mut stage, &ann).await;
    }
}

#[tokio::test]
async fn what_somebody_keeps_taking_away_is_granted_when_approved_and_a_week_later() {
    for approve in [false, true] {
        let mut stage = Stage::of(&one("owned")).await;
        let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
        let role = stage.logto.role("paid-tier").unwrap();
        for _ in 0..2 {
            stage.pass().await;
            stage.logto.revoke(&ann, &role);
        }
        granted(&mut stage, &ann).await;
        stage.logto.revoke(&ann, &role);
        let says = ["find out who takes it away", "a week after it was granted last, it is granted again"];
        if approve {
            approvable(&mut stage, "Flapping", &says).await;
            granted(&mut stage, &ann).await;
            stage.is_settled().await;
            // Once: whoever goes on taking it is not fought.
            stage.logto.revoke(&ann, &role);
            held(&mut stage, "Flapping", &says).await;
        } else {
            held(&mut stage, "Flapping", &says).await;
            stage.ahead = SignedDuration::from_hours(7 * 24) + SignedDuration::from_secs(1);
            granted(&mut stage, &ann).await;
        }
    }
}

#[tokio::test]
async fn what_logto_says_it_took_and_keeps_is_taken_by_hand_or_tried_once_more() {
    for approve in [false, true] {
        let (mut stage, ann, _) = refunded(&one("owned")).await;
        stage.logto.faults().add(Rule::new(Fault::Pretend).method("DELETE"));
        for _ in 0..3 {
            assert_eq!(stage.pass().await.report.figures().failed, 1, "it is tried again");
        }
        let says = ["remove it in the Logto console", "find out why Logto keeps it"];
        let digest = approvable(&mut stage, "Stuck", &says).await;
        assert_eq!(stage.store.ledger(None).await.unwrap().len(), 1, "it is never forgotten");
        match approve {
            // Tried once more, in vain, and held again.
            true => {
                assert!(!digest.is_empty());
                assert_eq!(stage.pass().await.report.figures().failed, 1);
                held(&mut stage, "Stuck", &says).await;
                stage.logto.faults().clear();
                approvable(&mut stage, "Stuck", &says).await;
                revoked(&mut stage, &ann).await;
            }
            false => {
                stage.logto.revoke(&ann, &stage.logto.role("paid-tier").unwrap());
                stage.pass().await;
            }
        }
        stage.is_settled().await;
        let end = stage.store.history(&ann).await.unwrap().into_iter().next_back().unwrap();
        assert_eq!((end.verb, end.order.is_some()), (Verb::Revoked, true), "the trail says what ended it: {end:?}");
    }
}

#[tokio::test]
async fn what_is_protected_leaves_the_protection_or_the_file() {
    let protect = |what: &str| file("owned", &format!("{NO_LIMITS}\n{what}"), PRO);
    let (mut stage, ann, _) = refunded(&protect("protect: {emails: [ann@example.com]}")).await;
    held(&mut stage, "Protected", &["remove it from `protect`, which takes effect after", "by hand in the console"])
        .await;
    stage.commit(&one("owned")).await.unwrap();
    revoked(&mut stage, &ann).await;

    let (mut stage, ann, _) = refunded(&protect("protect: {emails: [ann@example.com]}")).await;
    held(&mut stage, "Protected", &["by hand in the console"]).await;
    stage.logto.revoke(&ann, &stage.logto.role("paid-tier").unwrap());
    stage.pass().await;
    stage.is_settled().await;
}

#[tokio::test]
async fn a_membership_with_a_role_that_stays_follows_that_role() {
    let mut stage = Stage::usual().await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_team");
    stage.pass().await;
    let (acme, boss) = (stage.organization(), stage.logto.organization_role("boss").unwrap());
    stage.logto.add_member_role(&acme, &ann, &boss);
    stage.shop.set_status(&order, "refunded");
    stage.pass().await;
    held(&mut stage, "Foreign", &["remove that role by hand"]).await;
    stage.logto.remove_member_role(&acme, &ann, &boss);
    stage.pass().await;
    assert_eq!(stage.acme(), [].into());
}

#[tokio::test]
async fn a_target_that_could_not_be_read_is_read_anew() {
    let mut stage = Stage::of(&one("owned")).await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    stage.logto.faults().add(Rule::refuse(500).method("GET").path("/roles/"));
    held(&mut stage, "Incomplete", &["the next pass reads it again"]).await;
    stage.logto.faults().clear();
    granted(&mut stage, &ann).await;
}

#[tokio::test]
async fn a_target_that_is_gone_comes_back_or_leaves_the_file() {
    for come_back in [true, false] {
        let mut stage = Stage::of(&usual()).await;
        let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
        stage.pass().await;
        stage.logto.delete_role(&stage.logto.role("paid-tier").unwrap());
        held(&mut stage, "Incomplete", &["create it again in the console, or take it out of the file"]).await;
        if come_back {
            stage.logto.add_role("paid-tier");
            stage.commit(&usual()).await.unwrap();
            granted(&mut stage, &ann).await;
        } else {
            let (_, team) = PRODUCTS.split_once("prd_team").unwrap();
            stage.commit(&file("owned", NO_LIMITS, &format!("products:\n  prd_team{team}"))).await.unwrap();
            stage.pass().await;
        }
        stage.is_settled().await;
    }
}

#[tokio::test]
async fn a_list_that_lost_rows_is_read_anew() {
    let mut stage = Stage::of(&one("exclusive")).await;
    (0..150).for_each(|number| _ = stage.buyer(&format!("buyer-{number}@example.com"), "prd_pro"));
    stage.pass().await;
    let fay = stage.logto.add_user("fay@example.com");
    stage.logto.grant(&fay, &stage.logto.role("paid-tier").unwrap());
    stage.logto.faults().ties();
    held(&mut stage, "Incomplete", &["nothing to do: the next pass reads it again"]).await;
    stage.logto.faults().clear();
    revoked(&mut stage, &fay).await;
}

#[tokio::test]
async fn a_source_that_could_not_be_read_is_read_anew() {
    let month = "products: {prd_pro: {entitlements: [role: paid-tier], valid_for: 30d}}";
    let mut stage = Stage::of(&file("owned", NO_LIMITS, month)).await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    stage.ahead = SignedDuration::from_hours(24 * 40);
    stage.shop.faults().refuse_next(100, 403);
    stage.poll().await.unwrap_err();
    let lift = stage.full().await.planned.view.held[0].lift.clone();
    assert!(lift.contains("nothing to do if the payment API answers again"), "{lift}");
    stage.shop.faults().clear();
    revoked(&mut stage, &ann).await;
}

/// A shop and a file of orders, each of which may say why somebody holds something.
fn two_sources(shop: bool) -> String {
    let shop = if shop { "shop: {kind: sandbox}, " } else { "" };
    let sources = format!("sources: {{{shop}byhand: {{kind: file, path: \"$FOLDER/orders.yaml\"}}}}");
    file("owned", NO_LIMITS, PRO).replace("sources: {shop: {kind: sandbox}}", &sources)
}

fn write(stage: &Stage, orders: &str) {
    std::fs::write(stage.folder.path().join("orders.yaml"), orders).unwrap();
}

/// Somebody whose order is of a source that the file does not name any more.
async fn dropped(orders: &str) -> (Stage, UserId) {
    let mut stage = Stage::of(&two_sources(true)).await;
    write(&stage, "[]");
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    stage.commit(&two_sources(false)).await.unwrap();
    write(&stage, orders);
    (stage, ann)
}

#[tokio::test]
async fn another_source_that_could_not_be_read_is_read_anew() {
    let (mut stage, ann) = dropped("[").await;
    stage.poll().await.unwrap_err();
    let lift = stage.full().await.planned.view.held[0].lift.clone();
    assert!(lift.contains("nothing to do if the payment API answers again"), "{lift}");
    write(&stage, "[]");
    revoked(&mut stage, &ann).await;
}

#[tokio::test]
async fn a_source_of_which_too_much_is_odd_is_told_from_one_that_does_not_answer() {
    let row = |at| format!("{{id: o{at}, productId: prd_pro, user: {{id: u}}, status: paid, paidAt: garbage}}");
    let rows: Vec<String> = (0..25).map(row).collect();
    let (mut stage, ann) = dropped(&format!("[{}]", rows.join(", "))).await;
    stage.poll().await.unwrap_err();
    let held = stage.full().await.planned.view.held[0].clone();
    assert!(held.reason.contains("so much of it is odd that its mapping must be wrong"), "{held:?}");
    assert!(held.lift.contains("`entitled status` says under `troubles` how to fix it"), "{held:?}");
    write(&stage, &format!("[{}]", rows.join(", ").replace("garbage", "2024-05-06")));
    revoked(&mut stage, &ann).await;
}

#[tokio::test]
async fn an_order_that_could_not_be_read_is_mended() {
    let odd = "[{id: o1, productId: prd_pro, user: {email: cid@example.com}, status: paid, paidAt: garbage}]";
    let (mut stage, ann) = dropped(odd).await;
    held(&mut stage, "Incomplete", &["fix the odd orders, or the mapping", "`entitled status` names them"]).await;
    write(&stage, &odd.replace("garbage", "2024-05-06"));
    revoked(&mut stage, &ann).await;
}

#[tokio::test]
async fn a_name_that_stands_for_nothing_is_mended() {
    let named = |role: &str| file("owned", NO_LIMITS, &PRO.replace("paid-tier", role));
    let mut stage = Stage::of(&one("owned")).await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    stage.enter(&named("payd-tier")).await;
    held(&mut stage, "Incomplete", &["fix the name in the file, or in Logto"]).await;
    stage.enter(&named("beta")).await;
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("grant", "role beta", &ann), ("revoke", "role paid-tier", &ann)]);
}

#[tokio::test]
async fn an_address_of_two_accounts_is_bound_to_one() {
    let mut stage = Stage::of(&one("owned")).await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    stage.logto.add_user("ANN@example.com");
    let waiting = stage.pass().await.planned.view.waiting;
    assert!(waiting[0].is_held() && waiting[0].lift.contains("`buyers.bindings`"), "{waiting:?}");
    let bound = format!("{NO_LIMITS}\nbuyers: {{bindings: [{{email: ann@example.com, user: {ann}}}]}}");
    stage.commit(&file("owned", &bound, PRO)).await.unwrap();
    granted(&mut stage, &ann).await;
}

#[tokio::test]
async fn what_an_earlier_version_forbids_is_approved_or_waits() {
    let settling =
        |prune: &str, products: &str| file(prune, &format!("safeguards: {{delay: 24h}}\n{NO_LIMITS}"), products);
    for approve in [true, false] {
        let mut stage = Stage::of(&settling("never", PRO)).await;
        let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
        stage.pass().await;
        stage.shop.set_status(&order, "refunded");
        stage.commit(&settling("owned", PRO)).await.unwrap();
        if approve {
            approvable(&mut stage, "Settling", &["wait until then", "`safeguards.delay`"]).await;
        } else {
            held(&mut stage, "Settling", &["wait until then"]).await;
            stage.ahead = SignedDuration::from_hours(23);
            held(&mut stage, "Settling", &["wait until then"]).await;
            stage.ahead = SignedDuration::from_hours(25);
        }
        revoked(&mut stage, &ann).await;
    }
}
