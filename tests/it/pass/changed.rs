//! An order that says something else now: another product, another buyer, nobody at all. What it gave before
//! ends where the payment API says so and somebody else has it, and stays wherever that is not sure.

use entitled::model::{OrderId, UserId};
use entitled::sandbox::Customer;
use entitled::store::Verb;
use jiff::SignedDuration;

use super::set;
use crate::support::stage::{NO_LIMITS, PRODUCTS, Passed, Stage, file, usual};

/// Two products with a role each.
const TWO: &str = "products:
  prd_pro: {name: Pro, entitlements: [role: paid-tier]}
  prd_lite: {name: Lite, entitlements: [role: beta]}
";

/// Ann has bought Pro and holds it, on a ledger that has seen a whole pass; Ben has an account.
async fn sold(yaml: &str) -> (Stage, UserId, OrderId, UserId) {
    let mut stage = Stage::of(yaml).await;
    let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
    let ben = stage.logto.add_user("ben@example.com");
    stage.pass().await;
    assert_eq!(stage.holders("paid-tier"), set([&ann]));
    (stage, ann, order, ben)
}

fn two() -> String {
    file("owned", NO_LIMITS, TWO)
}

/// The reason of the one revocation of a pass.
fn reason(passed: &Passed) -> &str {
    let mut reasons = passed.planned.view.changes.iter().filter(|change| change.action == "revoke");
    let reason = &reasons.next().expect("something is taken").because;
    assert!(reasons.next().is_none(), "one thing is taken");
    reason
}

#[tokio::test]
async fn a_product_that_is_exchanged_gives_the_new_one_and_takes_the_old_one_in_a_quick_pass() {
    let (mut stage, ann, order, _) = sold(&two()).await;
    stage.shop.set_product(&order, &"prd_lite".into());
    stage.shop.clear_requests();
    let passed = stage.quick().await;
    assert_eq!(passed.changes(), [("grant", "role beta", &ann), ("revoke", "role paid-tier", &ann)]);
    assert_eq!(passed.held(), []);
    assert!(reason(&passed).contains("another product"), "{}", reason(&passed));
    assert_eq!(stage.shop.counts().reads, 1, "the order is read again by id");
    let last = stage.history().await.pop().unwrap();
    assert_eq!(last.verb, Verb::Revoked);
    assert!(last.note.unwrap().contains("another product"));
    stage.is_settled().await;
    // And back again.
    stage.shop.set_product(&order, &"prd_pro".into());
    let passed = stage.quick().await;
    assert_eq!(passed.changes(), [("grant", "role paid-tier", &ann), ("revoke", "role beta", &ann)]);
    stage.is_settled().await;
}

#[tokio::test]
async fn a_product_that_the_file_does_not_map_is_another_product_too() {
    let (mut stage, ann, order, _) = sold(&usual()).await;
    stage.shop.set_product(&order, &"prd_mug".into());
    assert_eq!(stage.quick().await.changes(), [("revoke", "role paid-tier", &ann)]);
    stage.is_settled().await;
}

#[tokio::test]
async fn a_product_that_is_exchanged_and_put_back_while_it_is_read_again_ends_nothing() {
    let (mut stage, ann, order, _) = sold(&two()).await;
    stage.shop.set_product(&order, &"prd_lite".into());
    let touched = stage.poll().await.unwrap();
    stage.shop.set_product(&order, &"prd_pro".into());
    let passed = stage.over(&entitled::pass::PassScope::Quick(touched)).await;
    assert!(passed.changes().iter().all(|change| change.0 != "revoke"), "{:?}", passed.changes());
    stage.pass().await;
    assert_eq!(stage.holders("paid-tier"), set([&ann]));
}

/// What is bought instead gives the same: then only the end of that is an end of it.
#[tokio::test]
async fn a_product_that_gives_the_same_ends_nothing_by_being_another_one() {
    let products = |pro: &str| {
        format!("products:\n  prd_pro: {{entitlements: [{pro}]}}\n  prd_lite: {{entitlements: [role: beta]}}\n")
    };
    let file = |pro: &str| file("owned", NO_LIMITS, &products(pro));
    for unmapped in [false, true] {
        for status in ["pending", "expired", "on_hold"] {
            let (mut stage, ann, order, _) = sold(&file("{role: paid-tier}, {role: beta}")).await;
            stage.shop.set_product(&order, &"prd_lite".into());
            assert_eq!(stage.quick().await.changes(), [("revoke", "role paid-tier", &ann)]);
            if unmapped {
                stage.commit(&file("{role: paid-tier}")).await.unwrap();
            }
            stage.shop.set_status(&order, status);
            for _ in 0..2 {
                assert_eq!(stage.pass().await.changes(), [], "{status}");
                assert_eq!(stage.holders("beta"), set([&ann]), "{status}");
            }
            stage.shop.set_status(&order, "refunded");
            assert_eq!(stage.quick().await.changes(), [("revoke", "role beta", &ann)], "{status}");
            stage.is_settled().await;
        }
    }
}

#[tokio::test]
async fn an_exchange_that_is_not_confirmed_ends_nothing() {
    let (mut stage, ann, order, _) = sold(&two()).await;
    stage.shop.set_product(&order, &"prd_lite".into());
    stage.poll().await.unwrap();
    stage.shop.remove(&order);
    let passed = stage.full().await;
    assert_eq!(passed.held(), [("Unverified", "revoke", "role paid-tier", &ann)]);
    assert_eq!(stage.holders("paid-tier"), set([&ann]));
}

#[tokio::test]
async fn another_order_keeps_what_an_exchange_or_a_move_would_end() {
    for moves in [false, true] {
        let (mut stage, ann, order, _) = sold(&two()).await;
        let another = stage.shop.buy(&"prd_pro".into(), &ann);
        match moves {
            true => stage.shop.set_buyer(&order, "ben@example.com"),
            false => stage.shop.set_product(&order, &"prd_lite".into()),
        }
        stage.quick().await;
        assert!(stage.holders("paid-tier").contains(&ann));
        stage.is_settled().await;
        stage.shop.set_status(&another, "refunded");
        assert_eq!(stage.quick().await.changes(), [("revoke", "role paid-tier", &ann)]);
        stage.is_settled().await;
    }
}

#[tokio::test]
async fn an_order_that_moves_to_another_user_takes_along_what_it_gave() {
    let (mut stage, ann, order, ben) = sold(&usual()).await;
    stage.shop.set_buyer(&order, "ben@example.com");
    let passed = stage.quick().await;
    assert_eq!(passed.changes(), [("grant", "role paid-tier", &ben), ("revoke", "role paid-tier", &ann)]);
    assert!(reason(&passed).contains("another buyer"), "{}", reason(&passed));
    stage.is_settled().await;
    stage.shop.set_status(&order, "refunded");
    assert_eq!(stage.quick().await.changes(), [("revoke", "role paid-tier", &ben)]);
    assert_eq!(stage.holders("paid-tier"), set([]), "after the refund of the new owner nobody keeps it");
    stage.is_settled().await;
}

#[tokio::test]
async fn a_full_pass_sees_the_same() {
    let (mut stage, ann, order, ben) = sold(&usual()).await;
    stage.shop.set_buyer(&order, &ben);
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("grant", "role paid-tier", &ben), ("revoke", "role paid-tier", &ann)]);
    stage.is_settled().await;
}

#[tokio::test]
async fn the_same_user_by_another_identity_is_no_move() {
    let (mut stage, ann, order, _) = sold(&usual()).await;
    stage.shop.set_buyer(&order, &ann);
    let passed = stage.quick().await;
    assert_eq!((passed.changes(), passed.held()), (vec![], vec![]));
    stage.is_settled().await;
}

#[tokio::test]
async fn an_address_that_is_edited_takes_nothing_until_somebody_signs_up_with_it() {
    let (mut stage, ann, order, _) = sold(&usual()).await;
    stage.shop.set_buyer(&order, "ann@new.example.com");
    let passed = stage.quick().await;
    assert_eq!((passed.changes(), passed.held()), (vec![], vec![]));
    assert_eq!(passed.planned.view.waiting.len(), 1);
    let passed = stage.pass().await;
    assert_eq!((passed.changes(), passed.held()), (vec![], vec![]));
    assert_eq!(stage.holders("paid-tier"), set([&ann]));
    let new = stage.logto.add_user("ann@new.example.com");
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("grant", "role paid-tier", &new), ("revoke", "role paid-tier", &ann)]);
    stage.is_settled().await;
}

#[tokio::test]
async fn two_users_for_the_new_address_are_no_evidence() {
    let (mut stage, ann, order, _) = sold(&usual()).await;
    stage.logto.add_user("twin@example.com");
    stage.logto.add_user("TWIN@example.com");
    stage.shop.set_buyer(&order, "twin@example.com");
    let passed = stage.pass().await;
    assert_eq!((passed.changes(), passed.held()), (vec![], vec![]));
    assert_eq!(stage.holders("paid-tier"), set([&ann]));
}

#[tokio::test]
async fn a_new_buyer_who_is_gone_again_is_no_evidence() {
    let (mut stage, ann, order, ben) = sold(&usual()).await;
    stage.shop.buy(&"prd_team".into(), "ben@example.com");
    stage.pass().await;
    stage.logto.delete_user(&ben);
    stage.shop.set_buyer(&order, "ben@example.com");
    for _ in 0..3 {
        stage.pass().await;
        assert_eq!(stage.holders("paid-tier"), set([&ann]));
    }
}

#[tokio::test]
async fn who_was_made_anonymous_keeps_it_until_the_order_ends() {
    for nobody in [Customer::default(), "deleted@site.invalid".into()] {
        let (mut stage, ann, order, _) = sold(&usual()).await;
        stage.shop.set_buyer(&order, nobody.clone());
        for _ in 0..2 {
            let passed = stage.quick().await;
            assert_eq!((passed.changes(), passed.held()), (vec![], vec![]), "{nobody:?}");
            let passed = stage.pass().await;
            assert_eq!((passed.changes(), passed.held()), (vec![], vec![]), "{nobody:?}");
        }
        let waits = usize::from(nobody.email.is_some());
        assert_eq!(stage.pass().await.planned.view.waiting.len(), waits, "nobody waits for an order that names nobody");
        // Drift is undone as before: it is paid for.
        stage.logto.revoke(&ann, &stage.logto.role("paid-tier").unwrap());
        assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &ann)]);
        // Another order of hers ends, and the one that is nobody's now still counts.
        let another = stage.shop.buy(&"prd_pro".into(), &ann);
        stage.pass().await;
        stage.shop.set_status(&another, "refunded");
        let passed = stage.quick().await;
        assert_eq!((passed.changes(), passed.held()), (vec![], vec![]), "{nobody:?}");
        stage.shop.set_status(&order, "refunded");
        let passed = stage.quick().await;
        assert_eq!(passed.changes(), [("revoke", "role paid-tier", &ann)], "{nobody:?}");
        assert!(reason(&passed).contains("was refunded"), "{}", reason(&passed));
        stage.is_settled().await;
    }
}

#[tokio::test]
async fn an_order_that_no_row_of_the_ledger_names_keeps_its_buyer_too() {
    let (mut stage, ann, first, _) = sold(&usual()).await;
    let second = stage.shop.buy(&"prd_pro".into(), &ann);
    stage.pass().await;
    stage.shop.set_buyer(&second, Customer::default());
    stage.quick().await;
    stage.shop.set_status(&first, "refunded");
    let passed = stage.quick().await;
    assert_eq!((passed.changes(), passed.held()), (vec![], vec![]));
    stage.is_settled().await;
    stage.shop.set_status(&second, "refunded");
    assert_eq!(stage.quick().await.changes(), [("revoke", "role paid-tier", &ann)]);
    stage.is_settled().await;
}

#[tokio::test]
async fn who_is_gone_from_logto_is_given_nothing_again_and_again() {
    for nobody in [Customer::default(), "deleted@site.invalid".into()] {
        let (mut stage, ann, order, _) = sold(&usual()).await;
        stage.shop.set_buyer(&order, nobody);
        stage.pass().await;
        stage.logto.delete_user(&ann);
        stage.pass().await;
        assert_eq!(stage.pass().await.changes(), []);
        assert_eq!(stage.store.ledger(None).await.unwrap(), []);
        stage.is_settled().await;
    }
}

#[tokio::test]
async fn who_was_made_anonymous_keeps_it_until_it_expires() {
    let products = "products: {prd_pro: {entitlements: [role: paid-tier], valid_for: 30d}}";
    let (mut stage, ann, order, _) = sold(&file("owned", NO_LIMITS, products)).await;
    stage.shop.set_buyer(&order, Customer::default());
    stage.ahead = SignedDuration::from_hours(24 * 29);
    assert_eq!(stage.pass().await.changes(), []);
    stage.ahead = SignedDuration::from_hours(24 * 31);
    assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ann)]);
    stage.is_settled().await;
}

fn bound(bindings: &str) -> String {
    file("owned", &format!("{NO_LIMITS}\nbuyers: {{match: [binding, email], bindings: [{bindings}]}}"), PRODUCTS)
}

#[tokio::test]
async fn a_binding_that_is_corrected_moves_what_the_wrong_one_gave() {
    let mut stage = Stage::usual().await;
    let (ann, ben) = (stage.logto.add_user("ann@example.com"), stage.logto.add_user("ben@example.com"));
    stage.shop.buy(&"prd_pro".into(), "ceo@acme.example");
    stage.commit(&bound(&format!("{{email: ceo@acme.example, user: {ann}}}"))).await.unwrap();
    assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &ann)]);
    stage.commit(&bound(&format!("{{email: ceo@acme.example, user: {ben}}}"))).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("grant", "role paid-tier", &ben), ("revoke", "role paid-tier", &ann)]);
    assert!(reason(&passed).contains("`buyers.bindings`"), "{}", reason(&passed));
    stage.is_settled().await;
}

#[tokio::test]
async fn what_a_corrected_binding_gives_is_a_commits_doing() {
    let limits = "limits: {config_grants: {per_day: 0%, floor: 0}}";
    let bound = |user: &UserId| {
        let further = format!("{limits}\nbuyers: {{bindings: [{{email: ceo@acme.example, user: {user}}}]}}");
        file("owned", &further, PRODUCTS)
    };
    let mut stage = Stage::usual().await;
    let (ann, ben) = (stage.logto.add_user("ann@example.com"), stage.logto.add_user("ben@example.com"));
    stage.shop.buy(&"prd_pro".into(), "ceo@acme.example");
    stage.commit(&bound(&ann)).await.unwrap();
    stage.pass().await;
    stage.ahead = SignedDuration::from_secs(5);
    stage.commit(&bound(&ben)).await.unwrap();
    let passed = stage.pass().await;
    assert!(passed.held().contains(&("OverLimit", "grant", "role paid-tier", &ben)), "{:?}", passed.held());
    // What is bought after that is a sale.
    stage.ahead = SignedDuration::from_secs(10);
    stage.shop.buy_at(&"prd_team".into(), "ceo@acme.example", stage.now());
    let passed = stage.pass().await;
    let team = ("grant", "organization acme", &ben);
    assert!(passed.changes().contains(&team), "{:?} {:?}", passed.changes(), passed.held());
}

#[tokio::test]
async fn a_binding_that_is_taken_out_is_asked_for_anew() {
    let mut stage = Stage::usual().await;
    let (ann, ben) = (stage.logto.add_user("ann@example.com"), stage.logto.add_user("ben@example.com"));
    stage.shop.buy(&"prd_pro".into(), "ben@example.com");
    stage.shop.buy(&"prd_team".into(), "ceo@acme.example");
    let wrong = format!("{{email: ben@example.com, user: {ann}}}, {{email: ceo@acme.example, user: {ann}}}");
    stage.commit(&bound(&wrong)).await.unwrap();
    stage.pass().await;
    assert_eq!(stage.holders("paid-tier"), set([&ann]));
    // Whoever is nobody without the binding keeps what it gave.
    stage.commit(&usual()).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("grant", "role paid-tier", &ben), ("revoke", "role paid-tier", &ann)]);
    assert_eq!(stage.acme().keys().collect::<Vec<_>>(), [&ann]);
    assert_eq!(stage.pass().await.changes(), []);
}

#[tokio::test]
async fn what_protects_and_holds_a_revocation_holds_this_one() {
    let limits = "limits: {revocations: {per_day: 0%, floor: 0}}";
    for (prune, further, hold) in [
        ("owned", "protect: {emails: ['ann@example.com']}".to_owned(), Some("Protected")),
        ("owned", limits.to_owned(), Some("OverLimit")),
        ("never", NO_LIMITS.to_owned(), None),
    ] {
        let (mut stage, ann, order, _) = sold(&file(prune, &further, PRODUCTS)).await;
        stage.shop.set_buyer(&order, "ben@example.com");
        for _ in 0..2 {
            let passed = stage.quick().await;
            assert_eq!(stage.holders("paid-tier").len(), 2, "{prune} {further}");
            let passed = if passed.held().is_empty() { stage.pass().await } else { passed };
            let expected: Vec<_> = hold.into_iter().map(|hold| (hold, "revoke", "role paid-tier", &ann)).collect();
            assert_eq!(passed.held(), expected, "{prune} {further}");
        }
    }
}

#[tokio::test]
async fn a_source_that_cannot_read_one_order_says_all_there_is_in_its_list() {
    let yaml = two().replace("{kind: sandbox}", "{kind: file, path: $FOLDER/orders.yaml}");
    let mut stage = Stage::of(&yaml).await;
    let (ann, ben) = (stage.logto.add_user("ann@example.com"), stage.logto.add_user("ben@example.com"));
    let write = |stage: &Stage, products: &str, email: &str| {
        let order = format!("- {{id: o1, products: [{products}], user: {{email: {email}}}, status: paid}}");
        std::fs::write(stage.folder.path().join("orders.yaml"), order).unwrap();
    };
    write(&stage, "prd_pro, prd_lite", "ann@example.com");
    stage.pass().await;
    assert_eq!((stage.holders("paid-tier"), stage.holders("beta")), (set([&ann]), set([&ann])));
    // One line of two is taken out.
    write(&stage, "prd_lite", "ann@example.com");
    assert_eq!(stage.quick().await.changes(), [("revoke", "role paid-tier", &ann)]);
    stage.is_settled().await;
    write(&stage, "prd_lite", "ben@example.com");
    assert_eq!(stage.quick().await.changes(), [("grant", "role beta", &ben), ("revoke", "role beta", &ann)]);
    stage.is_settled().await;
}

/// `unknown` changes nothing in either direction, whatever else such an order names.
#[tokio::test]
async fn an_order_of_unknown_standing_moves_nothing_to_another_product_or_buyer() {
    type Turn = fn(&Stage, &OrderId);
    let turns: [Turn; 2] = [
        |stage, order| stage.shop.set_product(order, &"prd_team".into()),
        |stage, order| stage.shop.set_buyer(order, "ben@example.com"),
    ];
    for (at, turn) in turns.into_iter().enumerate() {
        let mut stage = Stage::usual().await;
        stage.logto.add_user("ben@example.com");
        let (ann, order) = stage.buyer("ann@example.com", "prd_pro");
        stage.pass().await;
        stage.shop.set_status(&order, "on_hold");
        turn(&stage, &order);
        let passed = stage.pass().await;
        assert_eq!((passed.changes(), passed.held()), (vec![], vec![]), "case {at}");
        assert!(stage.holders("paid-tier").contains(&ann), "case {at}");
        // Known again, it says what it names.
        stage.shop.set_status(&order, "paid");
        assert!(stage.pass().await.changes().contains(&("revoke", "role paid-tier", &ann)), "case {at}");
    }
}
