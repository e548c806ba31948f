//! Odd orders, from the row to what Logto holds.

use crate::support::stage::{NO_LIMITS, Stage, file};

const PRODUCT: &str = "products: {prd_pro: {entitlements: [role: paid-tier]}}";

/// Orders in a file that somebody edits.
async fn stage(prune: &str) -> Stage {
    let text = file(prune, NO_LIMITS, PRODUCT)
        .replace("{shop: {kind: sandbox}}", "{shop: {kind: file, path: \"$FOLDER/orders.yaml\"}}");
    let stage = Stage::of(&text).await;
    write(&stage, "[]");
    stage
}

fn write(stage: &Stage, orders: &str) {
    std::fs::write(stage.store.path().with_file_name("orders.yaml"), orders).unwrap();
}

#[tokio::test]
async fn an_order_that_becomes_odd_takes_nothing_and_gives_nothing() {
    for odd in [
        "paidAt: 20261125",
        "paidAt: 0001-01-01T00:00:00Z",
        "paidAt: 2026",
        "paidAt: 45986.5",
        "paidAt: 0",
        "paidAt: -1",
        "paidAt: garbage",
        "paidAt: 2999-01-01",
        "products: []",
        "user: [ann]",
        "payedAt: 2024-05-06",
    ] {
        let mut stage = stage("owned").await;
        let (ann, ben) = (stage.logto.add_user("ann@example.com"), stage.logto.add_user("ben@example.com"));
        let row = |id: &str, email: &str, more: &str| {
            let user = if more.starts_with("user") { String::new() } else { format!("user: {{email: {email}}}, ") };
            let product = if more.starts_with("products") { "" } else { "productId: prd_pro, " };
            format!("{{id: {id}, {product}{user}status: paid, {more}}}")
        };
        let good = row("o1", "ann@example.com", "paidAt: 2024-05-06");
        write(&stage, &format!("[{good}]"));
        stage.pass().await;
        assert_eq!(stage.holders("paid-tier"), [ann.clone()].into(), "{odd}");
        write(&stage, &format!("[{}, {}]", row("o1", "ann@example.com", odd), row("o2", "ben@example.com", odd)));
        let passed = stage.pass().await;
        assert_eq!(stage.holders("paid-tier"), [ann.clone()].into(), "{odd}: {:?}", passed.planned.view);
        assert!(passed.planned.plan.held.is_empty(), "{odd}: nothing waits for a person");
        // Mended, both are what they are.
        let back = good.replace("paid,", "refunded,");
        write(&stage, &format!("[{back}, {}]", row("o2", "ben@example.com", "paidAt: 2024-05-06")));
        stage.pass().await;
        assert_eq!(stage.holders("paid-tier"), [ben.clone()].into(), "{odd}");
    }
}

#[tokio::test]
async fn exclusive_waits_while_an_order_cannot_be_read() {
    let mut stage = stage("exclusive").await;
    let (ann, eve) = (stage.logto.add_user("ann@example.com"), stage.logto.add_user("eve@example.com"));
    let role = stage.logto.role("paid-tier").unwrap();
    stage.pass().await;
    stage.logto.grant(&eve, &role);
    let good = "{id: o1, productId: prd_pro, user: {email: ann@example.com}, status: paid, paidAt: 2024-05-06}";
    write(&stage, &format!("[{good}, {{id: o2, productId: prd_pro, user: 7.5.1, status: paid}}]"));
    let passed = stage.pass().await;
    assert_eq!(stage.holders("paid-tier"), [ann.clone(), eve].into());
    let held = &passed.planned.view.held;
    assert_eq!(held.len(), 1, "{held:?}");
    assert!(held[0].reason.contains("could not be read") && held[0].lift.contains("entitled status"), "{held:?}");
    write(&stage, &format!("[{good}]"));
    // What a file does not list any more has not ended, and is not read: its last word stands until it is mended.
    write(&stage, &format!("[{good}, {{id: o2, productId: prd_pro, user: {{id: nobody}}, status: expired}}]"));
    stage.pass().await;
    assert_eq!(stage.holders("paid-tier"), [ann].into());
}
