//! What was given by hand stays given, whatever is bought and refunded later, and whatever a commit says.

use entitled::model::{Grant, OrderId, Ownership, Target, UserId};
use entitled::pass::PassScope;
use entitled::store::SpokenOf;
use jiff::{SignedDuration, Timestamp};

use super::set;
use crate::support::stage::{NO_LIMITS, PRODUCTS, Stage, file};

/// Fay, to whom somebody gave the role, and a pass that has seen it.
async fn given(stage: &mut Stage) -> UserId {
    let fay = stage.logto.add_user("fay@example.com");
    stage.logto.grant(&fay, &stage.logto.role("paid-tier").unwrap());
    stage.pass().await;
    fay
}

async fn ends(stage: &mut Stage, order: &OrderId) {
    stage.shop.set_status(order, "refunded");
    for span in [PassScope::Quick(stage.poll().await.unwrap()), PassScope::Full] {
        let passed = stage.over(&span).await;
        assert_eq!(passed.changes(), [], "{span:?}");
    }
}

#[tokio::test]
async fn a_role_that_was_seen_before_it_was_paid_for_outlives_the_refund() {
    let mut stage = Stage::usual().await;
    let fay = given(&mut stage).await;
    let order = stage.shop.buy(&"prd_pro".into(), "fay@example.com");
    for quick in [true, false] {
        let passed = if quick { stage.quick().await } else { stage.pass().await };
        assert_eq!((passed.changes(), passed.report.adopted), (vec![], 0), "quick: {quick}");
    }
    assert_eq!(stage.store.ledger(None).await.unwrap(), []);
    stage.is_settled().await;
    ends(&mut stage, &order).await;
    assert_eq!(stage.holders("paid-tier"), set([&fay]));
}

/// Whatever becomes of an order that was known when somebody gave it, and gave nothing of the kind then: it is paid
/// again, moves to that user, or is exchanged for what gives it. Paid earlier, all of them.
#[tokio::test]
async fn what_was_given_beside_an_order_that_did_not_give_it_outlives_that_order() {
    type Turn = fn(&Stage, &OrderId);
    let cases: [(&str, &str, Option<&str>, Turn); 3] = [
        ("prd_pro", "fay@example.com", Some("refunded"), |stage, order| stage.shop.set_status(order, "paid")),
        ("prd_pro", "ben@example.com", None, |stage, order| stage.shop.set_buyer(order, "fay@example.com")),
        ("prd_team", "fay@example.com", None, |stage, order| stage.shop.set_product(order, &"prd_pro".into())),
    ];
    for (at, (product, buyer, before, turns)) in cases.into_iter().enumerate() {
        let mut stage = Stage::of(&file("owned", NO_LIMITS, PRODUCTS)).await;
        stage.logto.add_user("ben@example.com");
        let fay = stage.logto.add_user("fay@example.com");
        let order = stage.shop.buy(&product.into(), buyer);
        stage.pass().await;
        if let Some(before) = before {
            stage.shop.set_status(&order, before);
            stage.pass().await;
        }
        stage.logto.grant(&fay, &stage.logto.role("paid-tier").unwrap());
        stage.pass().await;
        turns(&stage, &order);
        let passed = stage.pass().await;
        assert_eq!(passed.report.adopted, 0, "case {at}");
        assert!(passed.changes().iter().all(|change| *change != ("revoke", "role paid-tier", &fay)), "case {at}");
        ends(&mut stage, &order).await;
        assert_eq!(stage.holders("paid-tier"), set([&fay]), "case {at}");
        stage.is_settled().await;
    }
}

/// But a pass may well see first what another program gave for an order that nobody could judge at that moment.
#[tokio::test]
async fn what_an_order_of_unknown_standing_may_have_given_is_taken_over_once_it_is_known() {
    let mut stage = Stage::usual().await;
    let fay = stage.logto.add_user("fay@example.com");
    let order = stage.shop.buy(&"prd_pro".into(), "fay@example.com");
    stage.shop.set_status(&order, "on_hold");
    stage.logto.grant(&fay, &stage.logto.role("paid-tier").unwrap());
    assert_eq!(stage.pass().await.report.adopted, 0);
    stage.shop.set_status(&order, "paid");
    assert_eq!(stage.pass().await.report.adopted, 1);
}

/// A plain date is some moment of that day.
#[tokio::test]
async fn what_was_seen_on_the_day_of_the_purchase_may_have_been_there_before_it() {
    let mut stage = Stage::usual().await;
    let fay = given(&mut stage).await;
    let midnight = jiff::Timestamp::from_second(stage.now().as_second() / 86_400 * 86_400).unwrap();
    let order = stage.shop.buy_at(&"prd_pro".into(), "fay@example.com", midnight);
    assert_eq!(stage.pass().await.report.adopted, 0);
    ends(&mut stage, &order).await;
    assert_eq!(stage.holders("paid-tier"), set([&fay]));
}

/// A shop whose clock is slow dates purchases before the moment when a pass saw what was there already.
#[tokio::test]
async fn a_shop_whose_clock_is_slow_takes_over_nothing_that_was_there() {
    let mut stage = Stage::usual().await;
    stage.shop.faults().date_skew(-3_600);
    let fay = given(&mut stage).await;
    let paid_at = stage.now() - SignedDuration::from_mins(55);
    let order = stage.shop.buy_at(&"prd_pro".into(), "fay@example.com", paid_at);
    assert_eq!(stage.pass().await.report.adopted, 0);
    stage.shop.faults().date_skew(0);
    ends(&mut stage, &order).await;
    assert_eq!(stage.holders("paid-tier"), set([&fay]));
}

/// Whoever only edits their address has not been moved by a commit, also where a commit had made it ours.
#[tokio::test]
async fn an_address_that_is_edited_releases_nothing_that_a_mapping_made_ours() {
    for prune in ["owned", "exclusive"] {
        let bare = "products:\n  prd_pro: {entitlements: [role: beta]}\n";
        let mut stage = Stage::of(&file("owned", NO_LIMITS, bare)).await;
        let (fay, order) = stage.buyer("fay@example.com", "prd_pro");
        stage.shop.set_paid_at(&order, stage.now() - SignedDuration::from_hours(72));
        stage.pass().await;
        stage.logto.grant(&fay, &stage.logto.role("paid-tier").unwrap());
        stage.ahead = SignedDuration::from_secs(5);
        stage.enter(&file(prune, NO_LIMITS, PRODUCTS)).await;
        assert_eq!(stage.pass().await.report.adopted, 1, "{prune}");
        stage.shop.set_buyer(&order, "nobody@example.com");
        let passed = stage.pass().await;
        assert!(!passed.changes().contains(&("revoke", "role paid-tier", &fay)), "{prune}: {:?}", passed.changes());
        assert_eq!(stage.store.ledger(None).await.unwrap().len(), 1, "{prune}");
        stage.shop.set_status(&order, "refunded");
        assert!(stage.pass().await.changes().contains(&("revoke", "role paid-tier", &fay)), "{prune}");
    }
}

/// What a binding made ours is given back when the binding goes, also where the order is nobody's then.
#[tokio::test]
async fn what_a_binding_made_ours_outlives_the_binding() {
    let mut stage = Stage::of(&file("owned", NO_LIMITS, PRODUCTS)).await;
    let fay = given(&mut stage).await;
    let order = stage.shop.buy(&"prd_pro".into(), "other@example.com");
    stage.shop.set_paid_at(&order, stage.now() - SignedDuration::from_hours(72));
    stage.pass().await;
    stage.ahead = SignedDuration::from_secs(5);
    let bound = format!("{NO_LIMITS}\nbuyers: {{bindings: [{{email: other@example.com, user: {fay}}}]}}");
    stage.enter(&file("owned", &bound, PRODUCTS)).await;
    stage.pass().await;
    stage.enter(&file("owned", NO_LIMITS, PRODUCTS)).await;
    stage.pass().await;
    assert_eq!(stage.store.ledger(None).await.unwrap(), []);
    ends(&mut stage, &order).await;
    stage.logto.add_user("other@example.com");
    stage.pass().await;
    assert!(stage.holders("paid-tier").contains(&fay));
}

#[tokio::test]
async fn a_clock_that_was_ahead_when_it_was_seen_makes_it_no_younger() {
    let mut stage = Stage::usual().await;
    stage.ahead = SignedDuration::from_hours(2);
    stage.logto.faults().date_skew(-7200);
    let fay = given(&mut stage).await;
    stage.ahead = SignedDuration::ZERO;
    stage.logto.faults().date_skew(0);
    let order = stage.shop.buy(&"prd_pro".into(), "fay@example.com");
    let passed = stage.pass().await;
    assert_eq!((passed.changes(), passed.report.adopted), (vec![], 0));
    ends(&mut stage, &order).await;
    assert_eq!(stage.holders("paid-tier"), set([&fay]));
}

#[tokio::test]
async fn a_member_given_by_hand_is_not_put_out_with_the_role_that_was_bought() {
    let mut stage = Stage::usual().await;
    let fay = stage.logto.add_user("fay@example.com");
    stage.logto.add_member(&stage.organization(), &fay);
    stage.pass().await;
    let order = stage.shop.buy(&"prd_team".into(), "fay@example.com");
    let passed = stage.quick().await;
    assert_eq!(passed.changes(), [("grant", "organization acme role member", &fay)]);
    stage.is_settled().await;
    stage.shop.set_status(&order, "refunded");
    assert_eq!(stage.pass().await.changes(), [("revoke", "organization acme role member", &fay)]);
    assert_eq!(stage.acme(), [(fay, vec![])].into(), "the membership was there before");
    stage.is_settled().await;
}

#[tokio::test]
async fn what_a_commit_made_adopted_its_revert_releases() {
    let none = "products: {prd_team: {entitlements: [role: beta]}}";
    let mut stage = Stage::of(&file("owned", NO_LIMITS, none)).await;
    // Paid for, and given by somebody else the same day: nobody had looked in between.
    let order = stage.shop.buy(&"prd_pro".into(), "fay@example.com");
    stage.pass().await;
    let fay = stage.logto.add_user("fay@example.com");
    stage.logto.grant(&fay, &stage.logto.role("paid-tier").unwrap());
    // A commit is told from a sale by the second.
    stage.ahead = SignedDuration::from_secs(2);
    stage.commit(&file("owned", NO_LIMITS, PRODUCTS)).await.unwrap();
    assert_eq!(stage.pass().await.report.adopted, 1);
    assert_eq!(stage.store.ledger(None).await.unwrap()[0].ownership, Ownership::Adopted);

    stage.commit(&file("owned", NO_LIMITS, none)).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!((passed.changes(), passed.held()), (vec![], vec![]));
    assert_eq!(stage.holders("paid-tier"), set([&fay]));
    assert_eq!(stage.store.ledger(None).await.unwrap(), []);
    let last = stage.history().await.pop().unwrap();
    assert_eq!((last.verb.word(), last.order), ("released", Some(order)));
    stage.is_settled().await;
}

#[tokio::test]
async fn the_trail_says_what_ended_a_grant_and_not_what_made_it() {
    let mut stage = Stage::usual().await;
    let (ann, first) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    let made_by = stage.active.origin.version().to_owned();
    let second = stage.shop.buy(&"prd_pro".into(), "ann@example.com");
    stage.shop.set_status(&first, "refunded");
    stage.pass().await;
    // The clock of the shop goes by its newest order: the second refund is in another second.
    let later = stage.now() + SignedDuration::from_secs(10);
    stage.shop.remove(&stage.shop.buy_at(&"nothing".into(), entitled::sandbox::Customer::default(), later));
    stage.ahead = SignedDuration::from_secs(20);
    stage.commit(&format!("{}# a comment\n", file("owned", NO_LIMITS, PRODUCTS))).await.unwrap();
    stage.shop.set_status(&second, "refunded");
    stage.quick().await;
    let trail = stage.store.history(&ann).await.unwrap();
    let told: Vec<_> = trail
        .iter()
        .map(|row| (row.verb.word(), row.order.as_ref().unwrap().as_str(), row.commit.as_deref().unwrap()))
        .collect();
    let ended_by = stage.active.origin.version();
    assert_ne!(made_by, ended_by);
    assert_eq!(told, [("granted", first.as_str(), made_by.as_str()), ("revoked", second.as_str(), ended_by)]);
    let role = stage.logto.role("paid-tier").unwrap();
    assert!(trail.iter().all(|row| row.about() == format!("role paid-tier (role/{role})")), "{trail:?}");
}

#[tokio::test]
async fn why_says_that_it_was_there_before_and_adopt_takes_it_over() {
    let mut stage = Stage::usual().await;
    let fay = given(&mut stage).await;
    let order = stage.shop.buy(&"prd_pro".into(), "fay@example.com");
    let passed = stage.pass().await;
    let summary = passed.planned.view.summary;
    assert_eq!((summary.foreign, summary.foreign_paid, summary.adoptions), (0, 1, 0));
    assert!(passed.planned.view.in_sync());
    let context = stage.active.context(&stage.store, stage.unread(), &|_, _, _| {}, stage.now());
    let why = entitled::pass::explain::why(context, &entitled::pass::explain::Whom::User(fay.clone())).await.unwrap();
    let on = why.targets.iter().find(|target| target.target == "role paid-tier").unwrap();
    assert!(on.first_seen.is_some());
    let text = entitled::report::why_text(&why, false, entitled::text::Color::Plain);
    assert!(text.contains("before an order gave it") && text.contains("`entitled adopt`"), "{text}");
    let role = stage.logto.role("paid-tier").unwrap();
    let target = entitled::model::Target::Role { role };
    let holders = entitled::pass::holders::who_has(context, &target).await.unwrap().unwrap();
    assert_eq!((&holders.holders[0].explained_by, holders.holders[0].paid_by.is_some()), (&None, true));

    // Gone and given again by us, it is ours.
    stage.logto.revoke(&fay, &stage.logto.role("paid-tier").unwrap());
    assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &fay)]);
    assert_eq!(stage.store.ledger(None).await.unwrap()[0].ownership, Ownership::Granted);
    stage.shop.set_status(&order, "refunded");
    assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &fay)]);
    stage.is_settled().await;
}

/// Who holds a role or is a member, and paid before or after a pass saw it: who is it whose?
#[tokio::test]
async fn a_table_of_what_is_adopted() {
    // Adopt, given before the pass, a pass before the sale, and whether it is adopted.
    for (adopt, given_first, looked, adopted) in [
        ("explained", true, true, false),
        ("explained", true, false, true),
        ("explained", false, true, true),
        ("explained", false, false, true),
        ("never", true, true, false),
        ("never", true, false, false),
        ("never", false, true, false),
        ("never", false, false, false),
    ] {
        for (product, target) in [("prd_pro", "role paid-tier"), ("prd_member", "organization acme")] {
            let products = "products:\n  prd_pro: {entitlements: [role: paid-tier]}\n  prd_member: {entitlements: [organization: acme]}\n";
            let mut stage = Stage::of(&file("owned", &format!("adopt: {adopt}\n{NO_LIMITS}"), products)).await;
            let fay = stage.logto.add_user("fay@example.com");
            let paid = stage.logto.role("paid-tier").unwrap();
            let give = |stage: &Stage| match product {
                "prd_pro" => stage.logto.grant(&fay, &paid),
                _ => stage.logto.add_member(&stage.organization(), &fay),
            };
            if given_first {
                give(&stage);
            }
            if looked {
                stage.pass().await;
            }
            let order = stage.shop.buy(&product.into(), "fay@example.com");
            if !given_first {
                // The other writer was faster than the next look.
                give(&stage);
            }
            stage.pass().await;
            let what = format!("{adopt}, given first: {given_first}, looked: {looked}, {target}");
            assert_eq!(stage.store.ledger(None).await.unwrap().len(), usize::from(adopted), "{what}");
            stage.is_settled().await;
            stage.shop.set_status(&order, "refunded");
            let expected: &[(&str, &str, &UserId)] = if adopted { &[("revoke", target, &fay)] } else { &[] };
            assert_eq!(stage.pass().await.changes(), expected, "{what}");
        }
    }
}

/// Payment APIs that tell whole seconds: what was given within the second of the payment may have been given before it.
#[tokio::test]
async fn a_payment_that_is_told_in_whole_seconds_was_made_by_the_end_of_its_second() {
    // When it was paid, in milliseconds from the second within which the grant was seen, 500 ms after it began.
    for (paid, adopted) in [(-1_000, true), (0, false), (400, true), (600, false), (1_000, false)] {
        let mut stage = Stage::usual().await;
        let fay = given(&mut stage).await;
        let second = Timestamp::from_second(stage.now().as_second() - 60).unwrap();
        let role = stage.logto.role("paid-tier").unwrap();
        let grant = Grant { user: fay.clone(), target: Target::Role { role } };
        let seen = second + SignedDuration::from_millis(500);
        stage.store.note_foreign(&[(grant, SpokenOf::No)], &[], seen).await.unwrap();
        stage.shop.buy_at(&"prd_pro".into(), "fay@example.com", second + SignedDuration::from_millis(paid));
        let passed = stage.pass().await;
        assert_eq!(passed.report.adopted, u64::from(adopted), "paid at {paid} ms");
        stage.is_settled().await;
    }
}

/// The file of orders of a till, beside the shop or without it.
fn with_till(till: bool) -> String {
    let till = if till { ", till: {kind: file, path: \"$FOLDER/till.yaml\"}" } else { "" };
    crate::support::stage::usual().replace("{kind: sandbox}}", &format!("{{kind: sandbox}}{till}}}"))
}

#[tokio::test]
async fn what_a_commit_that_adds_a_source_made_ours_outlives_that_source() {
    let mut stage = Stage::of(&with_till(false)).await;
    let (ann, cid) = (stage.logto.add_user("ann@example.com"), stage.logto.add_user("cid@example.com"));
    stage.pass().await;
    stage.logto.grant(&cid, &stage.logto.role("paid-tier").unwrap());
    stage.pass().await;
    let order = |id: &str, who: &str| {
        format!(
            "{{id: {id}, productId: prd_pro, user: {{email: {who}@example.com}}, status: paid, paidAt: 2024-05-06}}"
        )
    };
    std::fs::write(stage.folder.path().join("till.yaml"), format!("[{}, {}]", order("o1", "ann"), order("o2", "cid")))
        .unwrap();
    stage.commit(&with_till(true)).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!((passed.changes(), passed.report.adopted), (vec![("grant", "role paid-tier", &ann)], 1));
    // What only an order made ours later on goes with its order.
    stage.pass().await;
    stage.commit(&with_till(false)).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("revoke", "role paid-tier", &ann)]);
    assert_eq!(passed.report.released, 1, "it was there before that commit: {:?}", passed.planned.view);
    assert_eq!(stage.holders("paid-tier"), [cid].into());
    stage.pass().await;
    stage.is_settled().await;
}
