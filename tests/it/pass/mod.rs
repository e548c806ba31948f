//! Whole passes over the simulators: from what was bought to what Logto holds, over real HTTP and a real
//! store, with nothing left out but the loop.

mod approving;
mod asking;
mod at_once;
mod attacks;
mod by_hand;
mod calls;
mod changed;
mod clocks;
mod disasters;
mod evidence;
mod faults;
mod frozen;
mod gone_products;
pub(crate) mod identities;
mod intents;
mod known_orders;
mod made_up_orders;
mod neighbours;
mod odd;
mod people;
mod preview;
mod protected;
mod rebuild;
mod renamed;
mod resolved_anew;
mod safeguards;
mod scoped;
mod sequences;
mod settled;
mod shop;
mod successors;
mod taken_along;
mod targets;
mod turning;
mod two_shops;
mod ways_out;
mod why;
mod wrong_clock;

use std::collections::BTreeSet;

use entitled::model::{Ownership, UserId};
use entitled::pass::PassScope;
use entitled::report::run::ActionOutcome;
use entitled::store::Verb;

use crate::support::stage::{NO_LIMITS, PRODUCTS, Stage, file, matching};

pub(crate) fn set<const N: usize>(users: [&UserId; N]) -> BTreeSet<UserId> {
    users.into_iter().cloned().collect()
}

#[tokio::test]
async fn what_was_bought_is_granted_and_then_there_is_nothing_to_do() {
    let mut stage = Stage::usual().await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
    let (ben, _) = stage.buyer("ben@example.com", "prd_team");
    let team = stage.shop.buy(&"prd_team".into(), &ann);

    let passed = stage.pass().await;

    let mut changes = passed.changes();
    changes.sort_unstable();
    let mut expected = [
        ("grant", "organization acme", &ann),
        ("grant", "organization acme", &ben),
        ("grant", "organization acme role member", &ann),
        ("grant", "organization acme role member", &ben),
        ("grant", "role paid-tier", &ann),
    ];
    expected.sort_unstable();
    assert_eq!(changes, expected);
    assert!(passed.came().iter().all(|came| **came == ActionOutcome::Done), "{:?}", passed.report);
    assert_eq!(stage.holders("paid-tier"), set([&ann]));
    assert_eq!(stage.acme(), [(ann.clone(), vec!["member"]), (ben, vec!["member"])].into());
    for row in stage.store.ledger(None).await.unwrap() {
        assert_eq!(row.ownership, Ownership::Granted);
        assert_eq!(row.cause, entitled::store::Cause::Order, "{row:?}");
        let role = row.grant.target.organization().is_none();
        let expected = if role { &order } else { &team };
        assert!(row.grant.user != ann || row.order == *expected, "{row:?}");
    }
    assert_eq!(stage.store.unconfirmed().await.unwrap(), []);
    stage.is_settled().await;
}

#[tokio::test]
async fn every_change_explains_itself() {
    let mut stage = Stage::usual().await;
    let (_, order) = stage.buyer("ann@example.com", "prd_pro");
    let passed = stage.pass().await;
    let change = &passed.planned.view.changes[0];
    assert_eq!(change.order.as_deref(), Some(order.as_str()));
    assert_eq!(change.product.as_deref(), Some("prd_pro"));
    let yaml = file("owned", NO_LIMITS, PRODUCTS);
    let line = yaml.lines().nth(change.line.unwrap() as usize - 1).unwrap();
    assert!(line.contains("role: paid-tier"), "{line}");
    assert!(change.because.contains(order.as_str()), "{}", change.because);
    let trail = stage.history().await;
    assert_eq!(trail.len(), 1);
    assert_eq!((trail[0].verb, trail[0].order.as_ref()), (Verb::Granted, Some(&order)));
    assert_eq!(trail[0].commit.as_deref(), Some(stage.active.origin.digest.as_str()));
}

#[tokio::test]
async fn what_an_order_explains_is_adopted_and_the_rest_stays_foreign() {
    let mut stage = Stage::usual().await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
    let fay = stage.logto.add_user("fay@example.com");
    let paid = stage.logto.role("paid-tier").unwrap();
    stage.logto.grant(&ann, &paid);
    stage.logto.grant(&fay, &paid);

    let passed = stage.pass().await;

    assert_eq!(passed.changes(), []);
    assert_eq!(passed.report.adopted, 1);
    assert_eq!(passed.planned.view.summary.foreign, 1);
    assert_eq!(stage.logto.writes(), [], "adopting changes nothing in Logto");
    let ledger = stage.store.ledger(None).await.unwrap();
    assert_eq!(ledger.len(), 1);
    assert_eq!((&ledger[0].grant.user, ledger[0].ownership), (&ann, Ownership::Adopted));
    stage.is_settled().await;

    // An adopted grant is ours: it goes with its order. A foreign one stays, whatever happens.
    stage.shop.set_status(&order, "refunded");
    assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ann)]);
    assert_eq!(stage.holders("paid-tier"), set([&fay]));
    stage.is_settled().await;
}

#[tokio::test]
async fn drift_is_undone() {
    let mut stage = Stage::usual().await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_team");
    stage.pass().await;
    stage.logto.remove_member(&stage.organization(), &ann);
    let passed = stage.pass().await;
    assert_eq!(passed.changes().len(), 2);
    assert!(passed.planned.view.changes.iter().all(|change| change.because.contains("somebody took it away")));
    assert_eq!(stage.acme(), [(ann, vec!["member"])].into());
    stage.is_settled().await;
}

#[tokio::test]
async fn prune_never_only_adds() {
    let mut stage = Stage::of(&file("never", NO_LIMITS, PRODUCTS)).await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    stage.shop.set_status(&order, "refunded");
    stage.logto.clear_requests();
    let passed = stage.pass().await;
    assert_eq!((passed.changes(), passed.held()), (vec![], vec![]));
    assert_eq!(passed.planned.view.targets.iter().map(|target| target.kept).sum::<u64>(), 1);
    assert_eq!(stage.logto.writes(), []);
    assert_eq!(stage.holders("paid-tier"), set([&ann]));
    assert_eq!(stage.store.ledger(None).await.unwrap().len(), 1, "it stays ours");
}

#[tokio::test]
async fn prune_exclusive_leaves_the_buyers_and_the_protected() {
    let further = format!("{NO_LIMITS}\nprotect: {{emails: ['*@staff.example.com'], users: [keep1]}}");
    let mut stage = Stage::of(&file("exclusive", &further, PRODUCTS)).await;
    let paid = stage.logto.role("paid-tier").unwrap();
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    let fay = stage.logto.add_user("fay@example.com");
    // On the staff, and never bought anything: no order knows the address.
    let sam = stage.logto.add_user("Sam@Staff.example.com");
    for user in [&fay, &sam] {
        stage.logto.grant(user, &paid);
    }

    let first = stage.pass().await;
    assert_eq!(first.changes(), [("grant", "role paid-tier", &ann)], "a fresh ledger takes nothing");
    assert!(first.held().iter().all(|held| held.0 == "FreshLedger"), "{:?}", first.held());

    let second = stage.pass().await;
    assert_eq!(second.changes(), [("revoke", "role paid-tier", &fay)]);
    assert_eq!(second.held(), [], "who is protected is exempt, for ever");
    assert_eq!(second.planned.view.targets.iter().map(|target| target.kept).sum::<u64>(), 1);
    assert_eq!(stage.holders("paid-tier"), set([&ann, &sam]));
}

#[tokio::test]
async fn protected_users_keep_what_they_have() {
    let further = format!("{NO_LIMITS}\nprotect: {{emails: ['*@staff.example.com']}}");
    let mut stage = Stage::of(&file("owned", &further, PRODUCTS)).await;
    let (sam, first) = stage.buyer("sam@staff.example.com", "prd_pro");
    // Known to the shop by the id alone.
    let uma = stage.logto.add_user("uma@staff.example.com");
    let second = stage.shop.buy(&"prd_pro".into(), &uma);
    let (ann, third) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    for order in [&first, &second, &third] {
        stage.shop.set_status(order, "refunded");
    }
    let passed = stage.quick().await;
    assert_eq!(passed.changes(), [("revoke", "role paid-tier", &ann)]);
    let mut held = passed.held();
    held.sort_unstable();
    let mut expected =
        [("Protected", "revoke", "role paid-tier", &sam), ("Protected", "revoke", "role paid-tier", &uma)];
    expected.sort_unstable();
    assert_eq!(held, expected);

    let further = format!("{NO_LIMITS}\nprotect: {{users: [{sam}]}}");
    stage.commit(&file("owned", &further, PRODUCTS)).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("revoke", "role paid-tier", &uma)]);
    assert_eq!(passed.held(), [("Protected", "revoke", "role paid-tier", &sam)]);
}

#[tokio::test]
async fn a_protected_role_is_never_sold() {
    let further = format!("{NO_LIMITS}\nprotect: {{roles: [admin]}}");
    let mut stage = Stage::of(&file("owned", &further, PRODUCTS)).await;
    // Written by name it is refused by `check`; by its id it is known only here.
    let admin = stage.logto.role("admin").unwrap();
    stage
        .commit(&file("owned", &further, &format!("products: {{prd_pro: {{entitlements: [role: {admin}]}}}}")))
        .await
        .unwrap();
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), []);
    assert_eq!(passed.held(), [("Protected", "grant", "role admin", &ann)]);
    assert_eq!(stage.holders("admin"), set([]));
}

#[tokio::test]
async fn a_role_of_another_keeps_the_membership() {
    let mut stage = Stage::usual().await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_team");
    stage.pass().await;
    let boss = stage.logto.organization_role("boss").unwrap();
    stage.logto.add_member_role(&stage.organization(), &ann, &boss);
    stage.shop.set_status(&order, "refunded");

    let passed = stage.quick().await;

    assert_eq!(passed.changes(), [("revoke", "organization acme role member", &ann)]);
    assert_eq!(passed.held(), [("Foreign", "revoke", "organization acme", &ann)]);
    assert_eq!(stage.acme(), [(ann.clone(), vec!["boss"])].into());

    // Gone by hand, so the membership may follow.
    stage.logto.remove_member_role(&stage.organization(), &ann, &boss);
    assert_eq!(stage.pass().await.changes(), [("revoke", "organization acme", &ann)]);
    assert_eq!(stage.acme(), [].into());
    stage.is_settled().await;
}

#[tokio::test]
async fn a_lost_store_only_adds() {
    let mut stage = Stage::usual().await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    let (ben, ended) = stage.buyer("ben@example.com", "prd_pro");
    stage.pass().await;
    stage.shop.set_status(&ended, "refunded");
    stage.lose_the_store().await;
    stage.logto.clear_requests();

    for _ in 0..3 {
        let passed = stage.pass().await;
        assert_eq!(passed.changes(), []);
        assert_eq!(passed.planned.view.summary.foreign, 1, "nothing explains it any more");
    }
    assert_eq!(stage.logto.writes(), []);
    assert_eq!(stage.holders("paid-tier"), set([&ann, &ben]));
    let ledger = stage.store.ledger(None).await.unwrap();
    assert_eq!(ledger.len(), 1);
    assert_eq!((&ledger[0].grant.user, ledger[0].ownership), (&ann, Ownership::Adopted));
}

#[tokio::test]
async fn a_report_counts_the_calls_of_its_own_pass() {
    let mut stage = Stage::usual().await;
    stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    for span in [PassScope::Full, PassScope::Quick(Vec::new())] {
        stage.logto.clear_requests();
        let report = stage.over(&span).await.report;
        assert_eq!(report.calls, stage.logto.requests().len() as u64, "{span:?}");
    }
    assert_eq!(matching(&stage.logto.requests(), "POST", &["/oidc/token"]), 0, "one token does for all");
}
