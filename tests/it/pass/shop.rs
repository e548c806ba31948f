//! A shop says strange things: an error or nothing, never a revocation, and the error says what to do.

use entitled::sandbox::{Fault, Rule};

use crate::support::stage::{NO_LIMITS, PRODUCTS, Stage, file, usual};

/// The shop read page by page, two orders each.
fn paged() -> String {
    let paging = "list: {paging: {kind: offset, param: offset, size_param: limit, size: 2}}";
    let source =
        format!("{{kind: openbitum, url: \"$SHOP\", auth: {{kind: bearer, token: \"${{SHOP_TOKEN}}\"}}, {paging}}}");
    file("owned", NO_LIMITS, PRODUCTS).replace("{kind: sandbox}", &source)
}

async fn with_buyers(yaml: &str, count: usize) -> Stage {
    let mut stage = Stage::of(yaml).await;
    for number in 0..count {
        stage.buyer(&format!("buyer-{number}@example.com"), "prd_pro");
    }
    stage.pass().await;
    assert_eq!(stage.holders("paid-tier").len(), count);
    stage
}

/// The faults that a read cannot go on with.
const ERRORS: [Fault; 8] = [
    Fault::Empty,
    Fault::Html,
    Fault::HalfJson,
    Fault::NoId,
    Fault::RepeatPage,
    Fault::Truncate,
    Fault::Drop,
    Fault::Refuse,
];

#[tokio::test]
async fn a_shop_that_cannot_be_believed_is_an_error_that_says_what_to_do() {
    let mut stage = with_buyers(&paged(), 5).await;
    let mut messages = std::collections::BTreeSet::new();
    for fault in ERRORS {
        let rule = Rule { status: Some(403), ..Rule::new(fault) };
        stage.shop.faults().add(rule);
        stage.logto.clear_requests();
        let error = stage.poll().await.expect_err(&format!("{fault:?}"));
        let why = std::error::Error::source(&error).unwrap().to_string();
        let hint = error.hint().unwrap_or_else(|| panic!("{fault:?} has no hint: {why}"));
        assert!(!hint.is_empty());
        assert!(messages.insert(why.clone()), "{fault:?} says the same as another: {why}");
        let passed = stage.full().await;
        assert_eq!(passed.changes(), [], "{fault:?}");
        assert_eq!(stage.logto.writes(), [], "{fault:?}");
        stage.shop.faults().clear();
    }
    assert_eq!(stage.holders("paid-tier").len(), 5);
    stage.is_settled().await;
}

#[tokio::test]
async fn half_of_a_list_is_no_evidence_against_the_other_half() {
    for (yaml, buyers, believed) in [(paged(), 9, false), (usual(), 9, false), (usual(), 8, true)] {
        let mut stage = with_buyers(&yaml, buyers).await;
        stage.shop.faults().add(Rule::new(Fault::LoseHalf));
        stage.logto.clear_requests();
        match stage.poll().await {
            // Exactly half may be gone, and then what is gone is just not mentioned.
            Ok(touched) => assert!(believed && touched.is_empty(), "{touched:?}"),
            Err(error) => assert!(!believed && error.hint().unwrap().contains("max_shrink"), "{error:?}"),
        }
        assert_eq!(stage.full().await.changes(), []);
        assert_eq!(stage.logto.writes(), []);
        assert_eq!(stage.holders("paid-tier").len(), buyers);
        stage.shop.faults().clear();
        stage.is_settled().await;
    }
}

#[tokio::test]
async fn an_empty_shop_at_the_start_is_just_that() {
    let mut stage = Stage::usual().await;
    stage.is_settled().await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    assert_eq!(stage.quick().await.changes(), [("grant", "role paid-tier", &ann)]);
}

#[tokio::test]
async fn what_was_read_before_a_read_failed_counts_and_the_rest_comes_later() {
    let mut stage = Stage::of(&paged()).await;
    for number in 0..6 {
        stage.buyer(&format!("buyer-{number}@example.com"), "prd_pro");
    }
    stage.shop.faults().add(Rule { status: Some(403), ..Rule::new(Fault::Refuse) }.path("offset=4"));
    stage.poll().await.unwrap_err();
    assert_eq!(stage.full().await.changes().len(), 4, "a grant rests on what was read, and that was read");
    stage.shop.faults().clear();
    assert_eq!(stage.pass().await.changes().len(), 2);
    stage.is_settled().await;
}

#[tokio::test]
async fn one_source_that_fails_keeps_nothing_from_the_other() {
    let two = "sources:
  shop: {kind: sandbox}
  other: {kind: openbitum, url: \"$SHOP\", auth: {kind: bearer, token: \"${SHOP_TOKEN}\"}, list: {path: /api/elsewhere}}";
    let yaml = usual().replace("sources: {shop: {kind: sandbox}}", two);
    let mut stage = Stage::of(&yaml).await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    let error = stage.poll().await.unwrap_err();
    assert!(error.to_string().contains("`other`") && error.hint().is_some(), "{error}");
    assert_eq!(stage.full().await.changes(), [("grant", "role paid-tier", &ann)]);
}
