//! A buyer becomes a user: once, never by a guess, and when there is one.

use entitled::model::Resolution;
use entitled::sandbox::Customer;

use super::set;
use crate::support::stage::{NO_LIMITS, PRODUCTS, Stage, file, usual};

#[tokio::test]
async fn who_has_no_account_waits_for_one() {
    let mut stage = Stage::usual().await;
    stage.shop.buy(&"prd_pro".into(), "lena@example.com");
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), []);
    let waiting = &passed.planned.view.waiting;
    assert_eq!((waiting.len(), waiting[0].reason.as_str()), (1, "NoAccount"));
    assert!(waiting[0].lift.contains("lena@example.com"), "{waiting:?}");

    let lena = stage.logto.add_user("lena@example.com");
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("grant", "role paid-tier", &lena)]);
    assert_eq!(passed.planned.view.waiting, []);
    stage.is_settled().await;
}

#[tokio::test]
async fn case_and_blanks_do_not_count_in_an_address() {
    let mut stage = Stage::usual().await;
    let dora = stage.logto.add_user("Dora@Example.com");
    stage.shop.buy(&"prd_pro".into(), " DORA@example.COM ");
    assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &dora)]);
    stage.is_settled().await;
}

#[tokio::test]
async fn two_accounts_for_one_address_are_nobody() {
    let mut stage = Stage::usual().await;
    let one = stage.logto.add_user("twin@example.com");
    let other = stage.logto.add_user("TWIN@example.com");
    let order = stage.shop.buy(&"prd_pro".into(), "Twin@example.com");
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), []);
    let waiting = &passed.planned.view.waiting;
    assert_eq!((waiting.len(), waiting[0].reason.as_str()), (1, "Ambiguous"));
    assert_eq!((passed.planned.view.summary.held, waiting[0].order.as_str()), (1, order.as_str()));
    assert!(waiting[0].lift.contains(one.as_str()) && waiting[0].lift.contains(other.as_str()), "{waiting:?}");
    assert!(matches!(stage.resolution("twin@example.com").await, Some(Resolution::Ambiguous(_))));

    // The file decides.
    let further = format!("{NO_LIMITS}\nbuyers: {{bindings: [{{email: twin@example.com, user: {other}}}]}}");
    stage.commit(&file("owned", &further, PRODUCTS)).await.unwrap();
    assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &other)]);
    stage.is_settled().await;
}

/// Where the file does name somebody, it is no way out to say that it should.
#[tokio::test]
async fn a_binding_to_a_user_who_is_not_there_is_said_to_be_wrong() {
    let bound = |user: &str| format!("{NO_LIMITS}\nbuyers: {{bindings: [{{email: ann@example.com, user: {user}}}]}}");
    for accounts in [0, 2] {
        let mut stage = Stage::of(&file("owned", &bound("nobody"), PRODUCTS)).await;
        for address in ["ann@example.com", "ANN@example.com"].iter().take(accounts) {
            stage.logto.add_user(address);
        }
        stage.shop.buy(&"prd_pro".into(), "ann@example.com");
        let waiting = stage.pass().await.planned.view.waiting;
        let says = "`buyers.bindings` names `nobody` for this address, and Logto has no user with that id; correct it";
        assert!(waiting[0].lift.contains(says), "{accounts} accounts: {waiting:?}");
        assert_eq!(waiting[0].is_held(), accounts == 2);
        let ann = stage.logto.add_user("new@example.com");
        stage.commit(&file("owned", &bound(ann.as_str()), PRODUCTS)).await.unwrap();
        assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &ann)]);
    }
}

#[tokio::test]
async fn two_accounts_are_one_again_when_one_changes_its_address() {
    let mut stage = Stage::usual().await;
    let one = stage.logto.add_user("twin@example.com");
    let other = stage.logto.add_user("TWIN@example.com");
    stage.shop.buy(&"prd_pro".into(), "twin@example.com");
    stage.pass().await;
    stage.logto.set_email(&other, Some("other@example.com"));
    assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &one)]);
    // Once known, a buyer stays who they are, whatever happens to addresses.
    stage.logto.set_email(&one, Some("new@example.com"));
    stage.logto.set_email(&other, Some("twin@example.com"));
    stage.is_settled().await;
    assert_eq!(stage.holders("paid-tier"), set([&one]));
}

#[tokio::test]
async fn a_quick_pass_takes_nothing_that_an_order_of_nobody_yet_entitles_to() {
    let mut stage = Stage::usual().await;
    let one = stage.logto.add_user("twin@example.com");
    let other = stage.logto.add_user("TWIN@example.com");
    stage.shop.buy(&"prd_pro".into(), "twin@example.com");
    let by_id = stage.shop.buy(&"prd_pro".into(), &one);
    assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &one)]);
    // With the other account gone, the order that was nobody's is theirs, and no full pass has seen that yet.
    stage.logto.delete_user(&other);
    stage.shop.set_status(&by_id, "refunded");
    let passed = stage.quick().await;
    assert_eq!((passed.changes(), passed.held()), (vec![], vec![]));
    assert_eq!(stage.holders("paid-tier"), set([&one]));
    stage.is_settled().await;
}

#[tokio::test]
async fn the_first_rule_that_answers_decides() {
    let mut stage = Stage::usual().await;
    let one = stage.logto.add_user("one@example.com");
    let two = stage.logto.add_user("two@example.com");
    stage.shop.buy(&"prd_pro".into(), (&one, "two@example.com"));
    assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &one)], "the id says more than the address");
    stage.logto.delete_user(&one);
    stage.shop.buy(&"prd_pro".into(), (&one, "TWO@example.com "));
    stage.pass().await;
    stage.pass().await;
    assert_eq!(stage.holders("paid-tier"), set([&two]), "an id that is gone leaves the address");
    stage.is_settled().await;
}

#[tokio::test]
async fn who_is_deleted_waits_to_come_back() {
    let mut stage = Stage::usual().await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_team");
    let (ben, _) = stage.buyer("ben@example.com", "prd_team");
    stage.pass().await;
    stage.logto.delete_user(&ann);

    // What was taken along is missed, and asking for her shows that nobody took it away.
    stage.logto.clear_requests();
    let passed = stage.pass().await;
    assert_eq!((passed.changes(), passed.planned.view.waiting.len()), (vec![], 1));
    assert_eq!(stage.logto.writes(), []);
    assert!(stage.store.ledger(None).await.unwrap().iter().all(|row| row.grant.user == ben));
    assert_eq!(stage.resolution("ann@example.com").await, Some(Resolution::NoAccount));
    stage.is_settled().await;

    let again = stage.logto.add_user("ann@example.com");
    assert_eq!(stage.pass().await.changes().len(), 2);
    assert_eq!(stage.acme(), [(again, vec!["member"]), (ben, vec!["member"])].into());
    stage.is_settled().await;
}

/// By the id that the order names, or by its address; whoever has neither is somebody else.
#[tokio::test]
async fn who_is_deleted_and_comes_back_is_known_by_what_the_order_says_of_them() {
    for (named, same_id, same_address, given) in [
        (true, true, true, true),
        (true, true, false, true),
        (true, false, true, true),
        (true, false, false, false),
        (false, true, true, true),
        (false, true, false, false),
        (false, false, true, true),
    ] {
        let told = format!("the order names the id: {named}; same id: {same_id}; same address: {same_address}");
        let mut stage = Stage::usual().await;
        let ann = stage.logto.add_user("ann@example.com");
        match named {
            true => _ = stage.shop.buy(&"prd_team".into(), (&ann, "ann@example.com")),
            false => _ = stage.shop.buy(&"prd_team".into(), "ann@example.com"),
        }
        stage.pass().await;
        stage.logto.delete_user(&ann);
        // Deleted twice is no other case.
        for _ in 0..2 {
            assert_eq!(stage.pass().await.changes(), [], "{told}");
            assert_eq!(stage.store.ledger(None).await.unwrap(), [], "{told}");
            let address = if same_address { "ann@example.com" } else { "ann@example.org" };
            let again = match same_id {
                true => {
                    stage.logto.add_user_as(&ann, address);
                    ann.clone()
                }
                false => stage.logto.add_user(address),
            };
            stage.pass().await;
            let members = if given { [(again.clone(), vec!["member"])].into() } else { [].into() };
            assert_eq!(stage.acme(), members, "{told}");
            stage.is_settled().await;
            stage.logto.delete_user(&again);
        }
    }
}

#[tokio::test]
async fn who_is_deleted_is_given_nothing_by_a_quick_pass_and_by_a_hint_either() {
    for touched in [true, false] {
        let mut stage = Stage::usual().await;
        let (ann, order) = stage.buyer("ann@example.com", "prd_team");
        stage.pass().await;
        stage.logto.delete_user(&ann);
        stage.logto.clear_requests();
        let passed = if touched {
            stage.shop.set_paid_at(&order, stage.now() - jiff::SignedDuration::from_hours(1));
            stage.quick().await
        } else {
            stage.about(&ann).await
        };
        assert_eq!(passed.changes(), [], "nobody took anything away from her");
        assert_eq!(stage.logto.writes(), []);
        assert_eq!(stage.store.ledger(None).await.unwrap(), [], "{touched}");
        assert_eq!(stage.resolution("ann@example.com").await, Some(Resolution::NoAccount));
        stage.is_settled().await;
    }
}

/// Whose order names somebody else by now keeps what it gave, for as long as they are there themselves.
#[tokio::test]
async fn who_is_deleted_when_their_order_is_nobodys_any_more_is_given_nothing_again() {
    for (product, forgets) in [("prd_pro", true), ("prd_pro", false), ("prd_team", false)] {
        for whole in [true, false] {
            let told = format!("{product}, forgotten: {forgets}, a full pass: {whole}");
            let mut stage = Stage::usual().await;
            let (ann, order) = stage.buyer("ann@example.com", product);
            stage.pass().await;
            let email = (!forgets).then(|| "nobody@example.com".to_owned());
            stage.shop.set_buyer(&order, Customer { user: None, email });
            assert_eq!(stage.pass().await.changes(), [], "{told}");
            assert!(stage.holders("paid-tier").contains(&ann) || stage.acme().contains_key(&ann), "{told}");
            stage.logto.delete_user(&ann);
            stage.logto.clear_requests();
            if !whole {
                stage.shop.set_paid_at(&order, stage.now() - jiff::SignedDuration::from_hours(1));
            }
            let passed = if whole { stage.pass().await } else { stage.quick().await };
            assert_eq!((passed.changes(), passed.held()), (vec![], vec![]), "{told}");
            assert_eq!(stage.logto.writes(), [], "{told}");
            assert_eq!(stage.store.ledger(None).await.unwrap(), [], "{told}");
            stage.is_settled().await;
        }
    }
}

#[tokio::test]
async fn who_is_deleted_and_has_another_account_gets_it_there() {
    let mut stage = Stage::usual().await;
    let ann = stage.logto.add_user("old@example.com");
    stage.shop.buy(&"prd_pro".into(), (&ann, "ann@example.com"));
    stage.pass().await;
    stage.logto.delete_user(&ann);
    let again = stage.logto.add_user("ann@example.com");
    assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &again)]);
    assert_eq!(stage.holders("paid-tier"), set([&again]));
    stage.is_settled().await;
}

#[tokio::test]
async fn who_is_suspended_keeps_what_was_paid_for() {
    let mut stage = Stage::usual().await;
    let (kim, _) = stage.buyer("kim@example.com", "prd_pro");
    stage.logto.suspend(&kim);
    assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &kim)]);
    stage.is_settled().await;
}

#[tokio::test]
async fn an_order_that_moves_to_another_buyer_goes_with_all_it_gave() {
    let yaml = usual().replace("{kind: sandbox}", "{kind: file, path: $FOLDER/orders.yaml}");
    let mut stage = Stage::of(&yaml).await;
    let (ann, ben) = (stage.logto.add_user("ann@example.com"), stage.logto.add_user("ben@example.com"));
    let write = |stage: &Stage, email: &str| {
        let order = format!("- {{id: o1, productId: prd_pro, user: {{email: {email}}}, status: paid}}");
        std::fs::write(stage.folder.path().join("orders.yaml"), order).unwrap();
    };
    write(&stage, "ann@example.com");
    assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &ann)]);
    write(&stage, "ben@example.com");
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), [("grant", "role paid-tier", &ben), ("revoke", "role paid-tier", &ann)]);
    assert_eq!(stage.holders("paid-tier"), set([&ben]));
    stage.is_settled().await;
}
