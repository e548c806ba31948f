//! Nothing is taken without evidence, and what is taken names it.

use entitled::model::{OrderId, Standing, UserId};
use entitled::store::{Cause, Verb};
use jiff::SignedDuration;

use super::set;
use crate::support::stage::{NO_LIMITS, PRODUCTS, Stage, file, matching, usual};

/// So many buyers of the Pro product, granted, on a ledger that has seen a whole pass.
async fn seasoned(yaml: &str, buyers: usize) -> (Stage, Vec<UserId>, Vec<OrderId>) {
    let mut stage = Stage::of(yaml).await;
    let made = (0..buyers).map(|number| stage.buyer(&format!("buyer-{number}@example.com"), "prd_pro"));
    let (users, orders) = made.unzip();
    stage.pass().await;
    assert_eq!(stage.holders("paid-tier").len(), buyers);
    (stage, users, orders)
}

#[tokio::test]
async fn a_refund_takes_one_poll_one_order_and_one_holder_to_ask_for_before_and_after() {
    let (mut stage, users, orders) = seasoned(&usual(), 3).await;
    stage.shop.set_status(&orders[1], "refunded");
    stage.logto.clear_requests();
    stage.shop.clear_requests();

    let passed = stage.quick().await;

    assert_eq!(passed.changes(), [("revoke", "role paid-tier", &users[1])]);
    assert_eq!(stage.holders("paid-tier"), set([&users[0], &users[2]]));
    let counts = stage.shop.counts();
    assert_eq!((counts.lists, counts.reads, counts.others), (1, 1, 0), "{:?}", stage.shop.requests());
    let asked = stage.logto.requests();
    let by_id = format!("search.id={}", users[1]);
    assert_eq!(matching(&asked, "GET", &["/api/roles/", "/users?", &by_id]), 2, "{asked:?}");
    // Beside that, what she is a member of; and the revocation itself. A quick pass walks nothing.
    assert_eq!((asked.len(), stage.logto.writes().len()), (4, 1), "{asked:?}");
    let trail = stage.history().await;
    let last = trail.last().unwrap();
    assert_eq!((last.verb, last.order.as_ref()), (Verb::Revoked, Some(&orders[1])));
    assert!(last.note.as_ref().unwrap().contains("was refunded"), "{last:?}");
    stage.is_settled().await;
}

#[tokio::test]
async fn a_full_pass_asks_for_the_order_once_and_for_the_holder_before_and_after_too() {
    let (mut stage, users, orders) = seasoned(&usual(), 3).await;
    stage.shop.set_status(&orders[1], "refunded");
    stage.logto.clear_requests();
    stage.shop.clear_requests();
    assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &users[1])]);
    assert_eq!(stage.shop.counts().reads, 1);
    let by_id = format!("search.id={}", users[1]);
    assert_eq!(matching(&stage.logto.requests(), "GET", &["/users?", &by_id]), 2, "{:?}", stage.logto.requests());
}

#[tokio::test]
async fn another_order_keeps_what_a_refund_would_end() {
    let (mut stage, users, orders) = seasoned(&usual(), 1).await;
    let another = stage.shop.buy(&"prd_pro".into(), &users[0]);
    stage.shop.set_status(&orders[0], "refunded");
    assert_eq!(stage.pass().await.changes(), []);
    stage.is_settled().await;
    stage.shop.set_status(&another, "void");
    assert_eq!(stage.quick().await.changes(), [("revoke", "role paid-tier", &users[0])]);
    stage.is_settled().await;
}

#[tokio::test]
async fn an_order_that_changes_its_mind_while_it_is_read_again_keeps_its_grant() {
    let (mut stage, users, orders) = seasoned(&usual(), 1).await;
    stage.shop.set_status(&orders[0], "refunded");
    let touched = stage.poll().await.unwrap();
    stage.shop.set_status(&orders[0], "paid");
    let passed = stage.over(&entitled::pass::PassScope::Quick(touched)).await;
    assert_eq!((passed.changes(), passed.held()), (vec![], vec![]));
    assert_eq!(stage.holders("paid-tier"), set([&users[0]]));
}

#[tokio::test]
async fn an_order_that_cannot_be_read_again_is_no_evidence() {
    let (mut stage, users, orders) = seasoned(&usual(), 2).await;
    stage.shop.set_status(&orders[0], "refunded");
    stage.poll().await.unwrap();
    stage.shop.remove(&orders[0]);
    let passed = stage.full().await;
    assert_eq!(passed.changes(), []);
    assert_eq!(passed.held(), [("Unverified", "revoke", "role paid-tier", &users[0])]);
    assert_eq!(stage.holders("paid-tier").len(), 2);
}

#[tokio::test]
async fn an_unknown_standing_changes_nothing_either_way() {
    let (mut stage, users, orders) = seasoned(&usual(), 2).await;
    let (new, order) = stage.buyer("new@example.com", "prd_pro");
    stage.shop.set_status(&orders[0], "on_hold");
    stage.shop.set_status(&order, "on_hold");
    let passed = stage.quick().await;
    assert_eq!((passed.changes(), passed.held()), (vec![], vec![]));
    assert_eq!(passed.planned.view.summary.unknown, 2);
    assert_eq!(stage.full().await.changes(), []);
    assert_eq!(stage.holders("paid-tier"), set([&users[0], &users[1]]));
    stage.shop.set_status(&order, "paid");
    stage.shop.set_status(&orders[0], "refunded");
    let passed = stage.quick().await;
    assert_eq!(passed.changes(), [("grant", "role paid-tier", &new), ("revoke", "role paid-tier", &users[0])]);
}

#[tokio::test]
async fn what_expires_goes_in_its_second_and_not_before() {
    let products = "products: {prd_pro: {entitlements: [role: paid-tier], valid_for: 30d, grace: 3d}}";
    let (mut stage, users, _) = seasoned(&file("owned", NO_LIMITS, products), 1).await;
    stage.shop.clear_requests();
    let day = SignedDuration::from_hours(24);
    stage.ahead = day * 29;
    assert_eq!(stage.pass().await.changes(), []);
    stage.ahead = day * 32;
    let passed = stage.pass().await;
    assert_eq!((passed.changes(), passed.held()), (vec![], vec![]), "the grace keeps it");
    let ends = passed.planned.next_change.unwrap();
    let left = ends.duration_since(stage.now());
    assert!(left > day - SignedDuration::from_mins(1) && left < day + SignedDuration::from_mins(1), "{left}");

    stage.ahead = day * 33 + SignedDuration::from_secs(2);
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("revoke", "role paid-tier", &users[0])]);
    assert!(passed.planned.view.changes[0].because.contains("expired"), "{:?}", passed.planned.view.changes);
    assert_eq!(stage.shop.counts().reads, 0, "the clock proves it, and no order is read again");
    stage.is_settled().await;
}

#[tokio::test]
async fn nothing_expires_while_its_source_cannot_be_read() {
    let products = "products: {prd_pro: {entitlements: [role: paid-tier], valid_for: 30d}}";
    let (mut stage, users, _) = seasoned(&file("owned", NO_LIMITS, products), 1).await;
    stage.ahead = SignedDuration::from_hours(24 * 40);
    stage.shop.faults().refuse_next(100, 403);
    stage.poll().await.unwrap_err();
    let passed = stage.full().await;
    assert_eq!(passed.held(), [("Incomplete", "revoke", "role paid-tier", &users[0])]);
    // There was a renewal, and it is seen as soon as the source can be read.
    stage.shop.faults().clear();
    stage.shop.buy_at(&"prd_pro".into(), &users[0], stage.now());
    assert_eq!(stage.pass().await.changes(), []);
    assert_eq!(stage.holders("paid-tier"), set([&users[0]]));
}

#[tokio::test]
async fn a_commit_that_unmaps_a_product_is_evidence() {
    let (mut stage, users, _) = seasoned(&usual(), 2).await;
    stage.commit(&file("owned", NO_LIMITS, "products: {prd_team: {entitlements: [role: beta]}}")).await.unwrap();
    let passed = stage.pass().await;
    let mut expected = [("revoke", users[0].clone()), ("revoke", users[1].clone())];
    expected.sort();
    let changes = &passed.planned.view.changes;
    let found: Vec<(&str, entitled::model::UserId)> =
        changes.iter().map(|change| (change.action.as_str(), change.user.clone())).collect();
    assert_eq!(found, expected);
    assert!(changes.iter().all(|change| change.because.contains("no longer gives this")), "{changes:?}");
    assert_eq!(stage.holders("paid-tier"), set([]));
    stage.is_settled().await;
}

#[tokio::test]
async fn a_product_that_moves_to_another_role_gives_before_it_takes() {
    let (mut stage, users, _) = seasoned(&usual(), 1).await;
    stage.commit(&file("owned", NO_LIMITS, "products: {prd_pro: {entitlements: [role: beta]}}")).await.unwrap();
    stage.ahead = SignedDuration::from_secs(5);
    let passed = stage.pass().await;
    let verbs: Vec<&str> = passed.changes().iter().map(|change| change.0).collect();
    assert_eq!(verbs, ["grant", "revoke"]);
    assert!(passed.planned.view.changes[0].because.contains("now gives this"), "{:?}", passed.planned.view.changes);
    assert_eq!((stage.holders("beta"), stage.holders("paid-tier")), (set([&users[0]]), set([])));
    stage.is_settled().await;
}

#[tokio::test]
async fn a_commit_that_drops_nearly_everything_is_held_whole() {
    let limits = "limits: {revocations: {per_day: 10%, floor: 5}}";
    let (mut stage, users, _) = seasoned(&file("owned", limits, PRODUCTS), 20).await;
    stage.commit(&file("owned", limits, "products: {prd_other: {entitlements: [role: beta]}}")).await.unwrap();
    stage.logto.clear_requests();
    for _ in 0..2 {
        let passed = stage.pass().await;
        assert_eq!(passed.changes(), []);
        assert_eq!(passed.held().len(), users.len());
        assert!(passed.held().iter().all(|held| held.0 == "OverLimit"), "{:?}", passed.held());
        let reason = &passed.planned.view.held[0].reason;
        assert!(reason.contains("20 revocations") && reason.contains("5 allowed"), "{reason}");
    }
    assert_eq!(stage.logto.writes(), []);
    assert_eq!(stage.holders("paid-tier").len(), 20);
}

#[tokio::test]
async fn the_limit_of_a_day_is_one_for_all_its_passes() {
    let limits = "limits: {revocations: {per_day: 10%, floor: 3}}";
    let (mut stage, _, orders) = seasoned(&file("owned", limits, PRODUCTS), 20).await;
    for (number, order) in orders.iter().take(5).enumerate() {
        stage.shop.set_status(order, "refunded");
        let passed = stage.quick().await;
        // Three in a day; what comes after them waits, however slowly it comes.
        assert_eq!(passed.changes().len(), usize::from(number < 3), "{number}: {:?}", passed.held());
        assert_eq!(stage.full().await.changes(), []);
    }
    assert_eq!(stage.holders("paid-tier").len(), 17);
    stage.ahead = SignedDuration::from_hours(25);
    assert_eq!(stage.full().await.changes().len(), 2, "the next day");
}

#[tokio::test]
async fn what_is_sold_meanwhile_makes_no_room_for_what_is_held() {
    let limits = "limits: {revocations: {per_day: 10%, floor: 0}}";
    let (mut stage, users, orders) = seasoned(&file("owned", limits, PRODUCTS), 20).await;
    stage.ahead = SignedDuration::from_hours(25);
    for order in &orders[..3] {
        stage.shop.set_status(order, "refunded");
    }
    assert_eq!(stage.pass().await.held().len(), 3, "two of twenty are allowed");
    for number in 0..40 {
        stage.buyer(&format!("late-{number}@example.com"), "prd_pro");
    }
    assert!(stage.pass().await.changes().iter().all(|change| change.0 == "grant"));
    let passed = stage.pass().await;
    assert_eq!((passed.changes(), passed.held().len()), (vec![], 3), "still two of twenty");
    assert!(users.iter().all(|user| stage.holders("paid-tier").contains(user)));
    // A day later they are sixty, and the three are let through.
    stage.ahead = SignedDuration::from_hours(50);
    assert_eq!(stage.pass().await.changes().len(), 3);
}

#[tokio::test]
async fn a_commit_that_gives_too_much_is_held_whole() {
    let limits = "limits: {config_grants: {per_day: 20%, floor: 5}}";
    let (mut stage, _, _) = seasoned(&file("owned", limits, PRODUCTS), 8).await;
    // Sales are not limited, and neither was the first pass: that was eight.
    stage.ahead = SignedDuration::from_secs(5);
    let typo =
        "products: {prd_pro: {entitlements: [role: paid-tier, role: beta]}}".replace("role: beta", "{role: beta}");
    let typo = typo.replace("role: paid-tier", "{role: paid-tier}");
    stage.commit(&file("owned", limits, &typo)).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), []);
    assert!(passed.held().len() == 8 && passed.held().iter().all(|held| held.0 == "OverLimit"), "{:?}", passed.held());
    assert_eq!(stage.holders("beta"), set([]));
    // A sale of the same product passes meanwhile.
    stage.ahead = SignedDuration::from_secs(10);
    let (new, _) = stage.buyer("new@example.com", "prd_pro");
    let passed = stage.quick().await;
    assert_eq!(passed.changes(), [("grant", "role beta", &new), ("grant", "role paid-tier", &new)]);
}

#[tokio::test]
async fn a_mapping_of_one_shop_is_new_although_another_shop_sells_the_same_id() {
    let of = |products: &str| {
        format!(
            "version: 1\nlogto: {{endpoint: sandbox}}\nprune: owned\nlimits: {{config_grants: {{per_day: 0%, floor: 1}}}}\n\
             sources:\n  a: {{kind: file, path: $FOLDER/a.yaml}}\n  b: {{kind: file, path: $FOLDER/b.yaml}}\n\
             products:\n{products}"
        )
    };
    let first = "  pro: {source: a, entitlements: [{role: paid-tier}]}\n";
    let both = format!("{first}  other: {{source: b, ids: [pro], entitlements: [{{role: paid-tier}}]}}\n");
    let mut stage = Stage::of(&of(first)).await;
    let orders = |shop: &str, users: &[UserId]| {
        let line = |user: &UserId| format!("- {{id: {user}, productId: pro, user: {{id: {user}}}, status: paid}}\n");
        let lines: String = users.iter().map(line).collect();
        std::fs::write(stage.folder.path().join(format!("{shop}.yaml")), lines).unwrap();
    };
    let users = stage.logto.add_users(5);
    orders("a", &users[..2]);
    orders("b", &users[2..]);
    assert_eq!(stage.pass().await.changes().len(), 2);
    stage.ahead = SignedDuration::from_secs(5);
    stage.commit(&of(&both)).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), []);
    assert!(passed.held().len() == 3 && passed.held().iter().all(|held| held.0 == "OverLimit"), "{:?}", passed.held());
}

#[tokio::test]
async fn a_first_pass_is_no_commit_however_long_the_read_before_it_took() {
    let mut stage = Stage::usual().await;
    stage.buyer("ann@example.com", "prd_pro");
    stage.poll().await.unwrap();
    stage.ahead = SignedDuration::from_mins(5);
    let passed = stage.full().await;
    assert!(passed.planned.view.changes[0].because.contains("paid for prd_pro"), "{:?}", passed.planned.view.changes);
    assert_eq!(stage.history().await[0].cause, Some(Cause::Order));
}

#[tokio::test]
async fn an_order_that_vanishes_proves_nothing() {
    let (mut stage, _, orders) = seasoned(&usual(), 5).await;
    stage.shop.remove(&orders[2]);
    for _ in 0..2 {
        let passed = stage.pass().await;
        assert_eq!((passed.changes(), passed.held()), (vec![], vec![]));
    }
    assert_eq!(stage.holders("paid-tier").len(), 5);
}

#[tokio::test]
async fn each_ending_ends_as_the_file_says() {
    let products = "products:
  prd_pro: {entitlements: [role: paid-tier], on_dispute: revoke, on_partial_refund: keep}
  prd_beta: {entitlements: [role: beta], on_refund: keep}";
    let mut stage = Stage::of(&file("owned", NO_LIMITS, products)).await;
    let (ann, pro) = stage.buyer("ann@example.com", "prd_pro");
    let (_, beta) = stage.buyer("ben@example.com", "prd_beta");
    stage.pass().await;
    for (status, order, revoked) in [
        ("partially_refunded", &pro, false),
        ("disputed", &pro, true),
        ("refunded", &beta, false),
        ("pending", &beta, false),
    ] {
        stage.shop.set_status(order, status);
        let passed = stage.quick().await;
        assert_eq!(passed.changes().len(), usize::from(revoked), "{status}: {:?}", passed.planned.view);
    }
    // The dispute was won.
    stage.shop.set_status(&pro, "paid");
    assert_eq!(stage.quick().await.changes(), [("grant", "role paid-tier", &ann)]);
    let beta = stage.store.find_order(&"shop".into(), &beta).await.unwrap().unwrap();
    assert_eq!(beta.order.standing, Standing::Pending);
}
