//! Two shops at once: one id in both is two products or one, as the file says.

use crate::support::stage::{NO_LIMITS, Stage, file};

/// The simulated shop, and orders in a file beside it that sells under the same id.
fn both(products: &str) -> String {
    file("owned", NO_LIMITS, products).replace(
        "{shop: {kind: sandbox}}",
        "{shop: {kind: sandbox}, other: {kind: file, path: \"$FOLDER/orders.yaml\"}}",
    )
}

/// Ann buys `prd_pro` in the one shop, Ben in the other.
async fn sold(products: &str) -> (Stage, [entitled::model::UserId; 2]) {
    let mut stage = Stage::of(&both(products)).await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    let ben = stage.logto.add_user("ben@example.com");
    let orders = "[{id: o1, productId: prd_pro, user: {email: ben@example.com}, status: paid, paidAt: \"2024-05-06\"}]";
    std::fs::write(stage.store.path().with_file_name("orders.yaml"), orders).unwrap();
    stage.pass().await;
    (stage, [ann, ben])
}

#[tokio::test]
async fn one_id_in_two_shops_is_two_products_where_the_file_says_so() {
    let apart = "products:\n  pro: {ids: [{source: shop, id: prd_pro}], entitlements: [role: paid-tier]}\n  \
                 team: {ids: [{source: other, id: prd_pro}], entitlements: [role: beta]}\n";
    let (stage, [ann, ben]) = sold(apart).await;
    assert_eq!(stage.holders("paid-tier"), [ann].into());
    assert_eq!(stage.holders("beta"), [ben].into());
}

#[tokio::test]
async fn one_product_is_sold_in_two_shops() {
    for ids in ["[{source: shop, id: prd_pro}, {source: other, id: prd_pro}]", "[prd_pro]"] {
        let (stage, [ann, ben]) =
            sold(&format!("products:\n  pro: {{ids: {ids}, entitlements: [role: paid-tier]}}\n")).await;
        assert_eq!(stage.holders("paid-tier"), [ann, ben].into(), "{ids}");
    }
}
