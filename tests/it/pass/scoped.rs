//! A product that the file names otherwise and that means the same for an order makes no commit out of its sale.

use entitled::pass::PassScope;

use super::set;
use crate::support::stage::{Stage, file};

const NO_COMMITS: &str = "limits: {config_grants: {per_day: 0%, floor: 0}}";

fn selling(further: &str) -> String {
    file("owned", NO_COMMITS, &format!("products:\n  prd_pro: {{entitlements: [role: paid-tier]{further}}}\n"))
}

/// Somebody who paid before a commit and signs up after it gets what they paid for, whatever that commit allows.
async fn sold_before(before: &str, after: &str) -> (Stage, entitled::model::UserId) {
    let mut stage = Stage::of(before).await;
    stage.pass().await;
    stage.shop.buy(&"prd_pro".into(), "ann@example.com");
    stage.pass().await;
    stage.ahead = jiff::SignedDuration::from_secs(10);
    stage.commit(after).await.unwrap();
    stage.active.carry_over(&stage.store, stage.now()).await.unwrap();
    let ann = stage.logto.add_user("ann@example.com");
    (stage, ann)
}

#[tokio::test]
async fn to_say_of_which_source_a_product_is_makes_no_sale_a_commits() {
    let (any, one) = (selling(""), selling(", source: shop"));
    for (before, after) in [(&any, &one), (&one, &any), (&one, &one), (&any, &any)] {
        let (mut stage, ann) = sold_before(before, after).await;
        let passed = stage.pass().await;
        assert_eq!((passed.held(), stage.holders("paid-tier")), (vec![], set([&ann])), "{before}{after}");
    }
}

#[tokio::test]
async fn what_no_rule_said_of_a_source_is_new_there() {
    let other = "{shop: {kind: sandbox}, other: {kind: file, path: \"$FOLDER/orders.yaml\"}}";
    let with = |yaml: String| yaml.replace("{shop: {kind: sandbox}}", other);
    // Another target, or a source of which nothing was said: that may be somebody's mistake.
    let another = file("owned", NO_COMMITS, "products:\n  prd_pro: {entitlements: [role: beta], source: shop}\n");
    for (before, after) in [(with(selling("")), with(another)), (with(selling(", source: other")), with(selling("")))] {
        let mut stage = Stage::of(&before).await;
        std::fs::write(stage.folder.path().join("orders.yaml"), "[]").unwrap();
        stage.pass().await;
        let (_, _) = stage.buyer("ann@example.com", "prd_pro");
        stage.pass().await;
        stage.ahead = jiff::SignedDuration::from_secs(10);
        stage.commit(&after).await.unwrap();
        stage.active.carry_over(&stage.store, stage.now()).await.unwrap();
        stage.poll().await.unwrap();
        let planned = stage.plan_pass(&PassScope::Full).await.unwrap();
        assert!(planned.view.held.iter().any(|held| held.hold == "OverLimit"), "{:?}", planned.view.held);
    }
}
