//! What a pass costs, in calls, and that a dry run costs Logto nothing.

use crate::support::stage::{Stage, matching};

#[tokio::test]
async fn a_thousand_grants_take_ten_writes_and_a_thousand_holders_ten_reads() {
    let mut stage = Stage::usual().await;
    stage.shop.buy_many(&"prd_pro".into(), 1_000);
    for number in 1..=1_000 {
        stage.logto.add_user(&format!("buyer-{number}@example.com"));
    }
    let passed = stage.pass().await;
    assert_eq!(passed.changes().len(), 1_000);
    assert_eq!(stage.holders("paid-tier").len(), 1_000);
    let writes = stage.logto.writes();
    assert_eq!(writes.len(), 10, "{writes:?}");
    assert_eq!(matching(&stage.logto.requests(), "GET", &["search.primaryEmail"]), 10);

    stage.logto.clear_requests();
    stage.pass().await;
    let requests = stage.logto.requests();
    let role = stage.logto.role("paid-tier").unwrap();
    assert_eq!(matching(&requests, "GET", &[role.as_str(), "/users?"]), 10, "{requests:?}");
    // The organization of the file: one page without members, whether it exists, and whether its role does.
    assert_eq!(requests.len(), 13, "{requests:?}");
}

#[tokio::test]
async fn one_dead_user_among_a_hundred_costs_a_handful() {
    let mut stage = Stage::usual().await;
    for number in 0..100 {
        stage.buyer(&format!("buyer-{number}@example.com"), "prd_pro");
    }
    stage.poll().await.unwrap();
    let span = entitled::pass::PassScope::Full;
    let planned = stage.plan_pass(&span).await.unwrap();
    let dead = planned.view.changes[42].user.clone();
    stage.logto.delete_user(&dead);
    stage.logto.clear_requests();
    let (writer, stop, now) = (stage.active.client.writer(), entitled::shutdown::Shutdown::never(), stage.now());
    let report =
        entitled::pass::execute_pass(&stage.active, &stage.store, &writer, &planned, &span, now, &stop).await.unwrap();
    assert_eq!((report.figures().done, report.figures().failed), (99, 1));
    assert_eq!(report.gone, [dead].into());
    let calls = stage.logto.requests().len();
    assert!(calls <= 6, "{calls}: {:?}", stage.logto.requests());
    assert_eq!(stage.holders("paid-tier").len(), 99);
    stage.ledger_is_true().await;
    stage.is_settled().await;
}

#[tokio::test]
async fn a_quiet_poll_is_one_page_and_no_call_to_logto() {
    let mut stage = Stage::usual().await;
    stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    stage.logto.clear_requests();
    stage.shop.clear_requests();
    assert_eq!(stage.poll().await.unwrap(), []);
    assert_eq!(stage.shop.requests().len(), 1);
    assert_eq!(stage.logto.requests(), []);
}
