//! Orders that a commit names itself: what of promise 12 holds for them, and what the manual says does not.

use super::approving::let_through;
use super::safeguards::{careful, figures, only};
use crate::support::stage::Stage;

const TIGHT: &str = "limits: {revocations: {per_day: 0%, floor: 2}, config_grants: {per_day: 0%, floor: 2}}";
const SOLD: &str = "products: {prd_pro: {entitlements: [role: paid-tier]}, prd_cheap: {entitlements: [role: beta]}}";
const MADE_UP: usize = 9;

/// A tenant with accounts that have bought nothing, and a file of orders that says they have.
async fn tenant(further: &str) -> (Stage, [String; 2]) {
    let before = careful("owned", further, SOLD);
    let after = before.replace(
        "sources: {shop: {kind: sandbox}}",
        "sources: {shop: {kind: sandbox}, made: {kind: file, path: \"$FOLDER/made.yaml\"}}",
    );
    let mut stage = Stage::of(&before).await;
    let orders: Vec<String> = (0..MADE_UP)
        .map(|number| {
            let email = format!("friend-{number}@example.com");
            stage.logto.add_user(&email);
            format!("{{id: o{number}, productId: prd_pro, user: {{email: {email}}}, status: paid}}")
        })
        .collect();
    stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    std::fs::write(stage.folder.path().join("made.yaml"), format!("[{}]", orders.join(", "))).unwrap();
    stage.ahead = jiff::SignedDuration::from_secs(5);
    (stage, [before, after])
}

/// They are sales, as those of any other source; no limit is on what is sold.
#[tokio::test]
async fn what_a_source_says_that_a_commit_adds_is_sold() {
    let (mut stage, [before, after]) = tenant(TIGHT).await;
    stage.commit(&after).await.unwrap();
    assert_eq!(figures(&stage.pass().await), only("", "grant", "role paid-tier", MADE_UP));
    // And its end is a source that is given up, which the limits hold until a person has looked.
    stage.ahead += jiff::SignedDuration::from_secs(5);
    stage.commit(&before).await.unwrap();
    let held = stage.pass().await;
    assert_eq!(figures(&held), only("OverLimit", "revoke", "role paid-tier", MADE_UP));
    let_through(&stage, &held).await;
    assert_eq!(figures(&stage.pass().await), only("", "revoke", "role paid-tier", MADE_UP));
    assert_eq!(stage.holders("paid-tier").len(), 1, "who bought it has it");
}

/// What keeps a role from being sold keeps it from being sold by made-up orders.
#[tokio::test]
async fn a_role_that_is_protected_is_given_for_no_made_up_order() {
    let (mut stage, [before, after]) = tenant(TIGHT).await;
    let protected = |yaml: &str| {
        let nothing = yaml.replace("prd_pro: {entitlements: [role: paid-tier]}, ", "");
        nothing.replace("prune: owned\n", "prune: owned\nprotect: {roles: [paid-tier]}\n")
    };
    stage.commit(&protected(&before)).await.unwrap();
    stage.pass().await;
    stage.ahead += jiff::SignedDuration::from_secs(5);
    stage.commit(&after).await.unwrap();
    let settling = only("Settling", "grant", "role paid-tier", MADE_UP);
    assert_eq!(figures(&stage.pass().await), settling);
}
