//! What hurts people who trust such a tool: a careless commit, a shop or a Logto that says less than there is.
//! Nothing is taken away, and each says in its own words what happened and what to do.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use entitled::model::UserId;
use entitled::report::text;
use entitled::sandbox::{Fault, Rule};
use entitled::text::Color;
use jiff::SignedDuration;

use crate::support::home::Town;
use crate::support::stage::{Passed, Stage, file, usual};

/// What the usual file does not say: the limits as they are without it.
const LIMITS: &str = "limits: {revocations: {per_day: 10%, floor: 5}, config_grants: {per_day: 20%, floor: 50}}";

/// Whether each of these stands in the message.
#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is missing in\n{message}");
    }
}

/// So many products, each with a role of its own.
fn products(count: usize) -> String {
    (0..count).fold("products:\n".to_owned(), |mut all, number| {
        let _ = writeln!(all, "  prd_{number}: {{name: Plan {number}, entitlements: [role: plan-{number}]}}");
        all
    })
}

fn shown(passed: &Passed) -> String {
    text(&passed.planned.view, Color::Plain)
}

#[tokio::test]
async fn a_commit_that_drops_nine_of_ten_products_takes_nothing() {
    let mut stage = Stage::usual().await;
    let roles: Vec<_> = (0..10).map(|number| stage.logto.add_role(&format!("plan-{number}"))).collect();
    stage.commit(&file("owned", LIMITS, &products(10))).await.unwrap();
    for number in 0..20 {
        stage.buyer(&format!("buyer-{number}@example.com"), &format!("prd_{}", number % 10));
    }
    stage.pass().await;
    let held = |stage: &Stage| roles.iter().map(|role| stage.logto.holders(role).len()).sum::<usize>();
    assert_eq!(held(&stage), 20);

    stage.ahead = SignedDuration::from_hours(25);
    stage.commit(&file("owned", LIMITS, &products(1))).await.unwrap();
    stage.logto.clear_requests();
    let passed = stage.pass().await;
    assert_eq!((passed.changes(), stage.logto.writes(), held(&stage)), (vec![], vec![], 20));
    // No target is over a limit of its own; together they are.
    assert!(passed.held().len() == 18 && passed.held().iter().all(|one| one.0 == "OverLimit"), "{:?}", passed.held());
    let set: BTreeSet<&str> = passed.planned.view.held.iter().filter_map(|one| one.set.as_deref()).collect();
    let [digest] = set.into_iter().collect::<Vec<_>>()[..] else { panic!("{:?}", passed.planned.view.held) };
    says(
        &shown(&passed),
        &[
            "OverLimit: 18 revocations in total wanted, 0 made in the last 24 hours, 5 allowed (20 owned a day ago)",
            "; caused by prd_1, prd_2, prd_3, prd_4, prd_5 and 4 more in ",
            &stage.active.origin.short(),
            &format!(
                "hint: check that this is intended; then `entitled approve {digest}` lets exactly this set through"
            ),
            "prd_9 no longer gives this; ",
        ],
    );
}

#[tokio::test]
async fn a_commit_that_maps_a_cheap_product_to_a_protected_role_gives_nothing() {
    let mut stage = Stage::of(&file("owned", LIMITS, "products: {prd_sticker: {entitlements: [role: beta]}}")).await;
    let buyers: Vec<UserId> =
        (0..3).map(|number| stage.buyer(&format!("buyer-{number}@example.com"), "prd_sticker").0).collect();
    stage.pass().await;
    stage.ahead = SignedDuration::from_secs(5);
    // Named by its id on one side, so that no reader of the file alone can see it.
    let admin = stage.logto.role("admin").unwrap();
    let typo = format!("products:\n  prd_sticker: {{name: Sticker, entitlements: [role: beta, {{role: {admin}}}]}}");
    let typo = typo.replace("[role: beta,", "[{role: beta},");
    let further = format!("{LIMITS}\nprotect: {{roles: [admin]}}");
    stage.commit(&file("owned", &further, &typo)).await.unwrap();
    stage.logto.clear_requests();
    let passed = stage.pass().await;
    assert_eq!((passed.changes(), stage.logto.writes()), (vec![], vec![]));
    assert_eq!((stage.holders("admin").len(), stage.holders("beta").len()), (0, buyers.len()));
    assert_eq!(passed.held().len(), buyers.len());
    says(
        &shown(&passed),
        &[
            "Protected: `protect.roles` names role admin, so no product gives it",
            "hint: map the product to another target, or take this one out of `protect.roles`",
            "Sticker now gives this (line ",
        ],
    );
}

/// What a poll says that is refused, and that nothing is taken meanwhile.
async fn refused(fault: Fault) -> String {
    let mut stage = Stage::of(&usual()).await;
    for number in 0..9 {
        stage.buyer(&format!("buyer-{number}@example.com"), "prd_pro");
    }
    stage.pass().await;
    stage.shop.faults().add(Rule::new(fault));
    stage.logto.clear_requests();
    let error = stage.poll().await.unwrap_err();
    let why = std::error::Error::source(&error).unwrap().to_string();
    let passed = stage.full().await;
    assert_eq!((passed.changes(), stage.logto.writes()), (vec![], vec![]), "{fault:?}");
    assert_eq!(stage.holders("paid-tier").len(), 9, "{fault:?}");
    stage.shop.faults().clear();
    stage.is_settled().await;
    format!("{error}: {why}\nhint: {}", error.hint().unwrap())
}

#[tokio::test]
async fn a_shop_that_answers_with_nothing_takes_nothing() {
    let message = refused(Fault::Empty).await;
    says(&message, &["source `shop`", "found no order, where the last good one found 9"]);
    says(&message, &["hint: check that the source still lists everything", "`expect: {max_shrink: 100%}`"]);
}

#[tokio::test]
async fn a_shop_that_loses_half_of_its_pages_takes_nothing() {
    let message = refused(Fault::LoseHalf).await;
    says(&message, &["source `shop`", "orders, where the last good one found 9: more than 50% are gone"]);
    says(&message, &["hint: check that the source still lists everything", "`expect: {max_shrink: 100%}`"]);
}

#[tokio::test]
async fn a_logto_that_loses_rows_in_a_walk_takes_nothing() {
    let mut stage = Stage::usual().await;
    for number in 0..150 {
        stage.buyer(&format!("buyer-{number}@example.com"), "prd_pro");
    }
    stage.pass().await;
    stage.logto.faults().ties();
    stage.logto.clear_requests();
    let passed = stage.pass().await;
    assert!(passed.planned.plan.is_empty(), "{:?}", passed.planned.view);
    assert_eq!((stage.logto.writes(), stage.holders("paid-tier").len()), (vec![], 150));
    says(
        &shown(&passed),
        &["! role paid-tier was not read completely (partial: 1", " of 150): the users that matter were checked"],
    );
    says(&shown(&passed), &["by id, and the next pass reads it again"]);
}

/// The same from the command line: exit code, stderr, and no write.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_it_too() {
    let town = Town::demo().await;
    town.home.entitled(&["run", "--once"]).exits(0);
    let before = town.logto.writes().len();
    town.shop.faults().add(Rule::new(Fault::Empty));
    for arguments in [&["run", "--once"][..], &["plan"], &["ledger", "rebuild", "--yes"]] {
        let ran = town.home.entitled(arguments).exits(1);
        ran.complains(&["error: source `shop` could not be read", "found no order", "hint: check that the source"]);
    }
    assert_eq!(town.logto.writes().len(), before);
    town.shop.faults().clear();
    town.home.entitled(&["plan", "--exit-code"]).exits(0);
}
