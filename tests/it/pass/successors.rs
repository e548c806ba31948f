//! Whoever pays is never left with neither: what an order gave before goes once what it gives now is there, and what
//! pays now is what has to end.

use entitled::model::{OrderId, UserId};
use entitled::pass::PassScope;
use entitled::sandbox::{Fault, Rule};

use super::set;
use crate::support::stage::{NO_LIMITS, Stage, file};

const TWO: &str = "products:
  prd_pro: {name: Pro, entitlements: [role: paid-tier]}
  prd_lite: {name: Lite, entitlements: [role: beta]}
";

/// Ann has bought Pro and holds it, on a ledger that has seen a whole pass.
async fn sold(yaml: &str) -> (Stage, UserId, OrderId) {
    let mut stage = Stage::of(yaml).await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    assert_eq!(stage.holders("paid-tier"), set([&ann]));
    (stage, ann, order)
}

fn two() -> String {
    file("owned", NO_LIMITS, TWO)
}

/// She holds the one or the other after every pass, and in the end the new one alone.
async fn ends_with_the_new_one(stage: &mut Stage, ann: &UserId, what: &str) {
    for _ in 0..2 {
        let passed = stage.pass().await;
        if stage.holders("beta").contains(ann) {
            assert_eq!(stage.holders("paid-tier"), set([]), "{what}");
            return;
        }
        assert_eq!(stage.holders("paid-tier"), set([ann]), "{what}: left with neither: {:?}", passed.planned.view);
    }
    panic!("{what}: the new one is not given");
}

#[tokio::test]
async fn what_an_order_gave_before_stays_while_what_it_gives_now_cannot_be_given() {
    // The new role is gone from Logto, and comes back.
    let (mut stage, ann, order) = sold(&two()).await;
    stage.logto.delete_role(&stage.logto.role("beta").unwrap());
    stage.shop.set_product(&order, &"prd_lite".into());
    for passed in [stage.quick().await, stage.pass().await] {
        assert_eq!(passed.changes(), [], "gone");
        assert_eq!(stage.holders("paid-tier"), set([&ann]));
    }
    stage.logto.add_role("beta");
    stage.commit(&two()).await.unwrap();
    ends_with_the_new_one(&mut stage, &ann, "gone").await;

    // Its name in the file stands for nothing.
    let misspelt = two().replace("role: beta", "role: betta");
    let mut stage = Stage::of(&two()).await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
    stage.enter(&misspelt).await;
    stage.pass().await;
    stage.shop.set_product(&order, &"prd_lite".into());
    for passed in [stage.quick().await, stage.pass().await] {
        assert_eq!(passed.changes(), [], "misspelt");
        assert_eq!(stage.holders("paid-tier"), set([&ann]));
    }
    stage.enter(&two()).await;
    ends_with_the_new_one(&mut stage, &ann, "misspelt").await;

    // Logto refuses it for a while.
    let (mut stage, ann, order) = sold(&two()).await;
    stage.shop.set_product(&order, &"prd_lite".into());
    let refuses = Rule { status: Some(403), ..Rule::new(Fault::Refuse) };
    stage.logto.faults().add(refuses.method("POST").path("/roles"));
    stage.quick().await;
    assert_eq!(stage.holders("paid-tier"), set([&ann]), "refused");
    stage.logto.faults().clear();
    ends_with_the_new_one(&mut stage, &ann, "refused").await;
    stage.is_settled().await;
}

/// The hold says so, and what lets the grant through lets it go.
#[tokio::test]
pub(super) async fn what_waits_for_its_grant_goes_with_it() {
    let bound = |limit: &str, bindings: &str| {
        let further = format!("{limit}\nbuyers: {{match: [binding, email], bindings: [{bindings}]}}");
        file("owned", &further, TWO)
    };
    let none = "limits: {revocations: {per_day: 100%, floor: 50}, config_grants: {per_day: 0%, floor: 0}}";
    let (mut stage, ann, _) = sold(&bound(none, "")).await;
    let ben = stage.logto.add_user("ben@example.com");
    let corrected = format!("{{email: ann@example.com, user: {ben}}}");
    stage.commit(&bound(none, &corrected)).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [], "nobody would have it");
    assert_eq!(stage.holders("paid-tier"), set([&ann]));
    let waits = passed.planned.view.held.iter().find(|held| held.change.action == "revoke").unwrap();
    assert_eq!((waits.hold.as_str(), waits.set.as_ref()), ("Incomplete", None));
    assert!(waits.lift.contains("this follows in the same pass"), "{}", waits.lift);
    stage.commit(&bound(NO_LIMITS, &corrected)).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("grant", "role paid-tier", &ben), ("revoke", "role paid-tier", &ann)]);
}

/// What the shop changes later is the shop's doing, whatever a commit has said of the buyer before.
#[tokio::test]
async fn an_upgrade_after_a_binding_is_a_sale() {
    let bound = |bindings: &str| {
        let limits = "limits: {revocations: {per_day: 100%, floor: 50}, config_grants: {per_day: 0%, floor: 1}}";
        file("owned", &format!("{limits}\nbuyers: {{match: [binding, email], bindings: [{bindings}]}}"), TWO)
    };
    let mut stage = Stage::of(&bound("")).await;
    let ann = stage.logto.add_user("ann@example.com");
    let order = stage.shop.buy(&"prd_pro".into(), "private@example.com");
    stage.pass().await;
    stage.commit(&bound(&format!("{{email: private@example.com, user: {ann}}}"))).await.unwrap();
    assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &ann)]);
    stage.ahead = jiff::SignedDuration::from_secs(5);
    stage.shop.set_product(&order, &"prd_lite".into());
    for passed in [stage.quick().await, stage.pass().await] {
        assert_eq!(passed.held(), [], "{:?}", passed.planned.view.held);
    }
    assert_eq!((stage.holders("beta"), stage.holders("paid-tier")), (set([&ann]), set([])));
}

/// The first order ended long ago, and the second one pays: that one has to say that it is for something else.
async fn renewed() -> (Stage, UserId, OrderId) {
    let (mut stage, ann, first) = sold(&two()).await;
    let second = stage.shop.buy(&"prd_pro".into(), &ann);
    stage.pass().await;
    stage.shop.set_status(&first, "refunded");
    assert_eq!(stage.pass().await.changes(), []);
    (stage, ann, second)
}

#[tokio::test]
async fn the_order_that_pays_now_is_the_one_that_is_asked() {
    let (mut stage, ann, second) = renewed().await;
    // It says so in the list, and not when it is read again by its id.
    stage.shop.set_product(&second, &"prd_lite".into());
    let touched = stage.poll().await.unwrap();
    stage.shop.set_product(&second, &"prd_pro".into());
    let passed = stage.over(&PassScope::Quick(touched)).await;
    assert!(passed.changes().iter().all(|change| change.0 != "revoke"), "{:?}", passed.changes());
    stage.pass().await;
    assert_eq!(stage.holders("paid-tier"), set([&ann]));
    // And then it is so.
    stage.shop.set_product(&second, &"prd_lite".into());
    let passed = stage.quick().await;
    let because = &passed.planned.view.changes.iter().find(|change| change.action == "revoke").unwrap().because;
    assert!(because.contains(second.as_str()) && because.contains("another product"), "{because}");
    stage.is_settled().await;
}

#[tokio::test]
async fn an_order_that_is_pending_again_takes_nothing_whatever_ended_before_it() {
    for status in ["pending", "expired", "on_hold"] {
        let (mut stage, ann, second) = renewed().await;
        stage.shop.set_status(&second, status);
        for passed in [stage.quick().await, stage.pass().await] {
            assert!(passed.changes().is_empty(), "{status}: {:?}", passed.changes());
        }
        assert_eq!(stage.holders("paid-tier"), set([&ann]), "{status}");
        // Later than the first one, so that it is the end that counts.
        stage.ahead = jiff::SignedDuration::from_secs(5);
        stage.shop.set_status(&second, "refunded");
        let passed = stage.quick().await;
        assert_eq!(passed.changes(), [("revoke", "role paid-tier", &ann)], "{status}");
        assert!(passed.planned.view.changes[0].because.contains("was refunded"), "{status}");
        stage.is_settled().await;
    }
}
