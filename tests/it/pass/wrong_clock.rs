//! What is remembered by a clock that was wrong does not mislead once it is right.

use entitled::pass::PassScope;
use jiff::SignedDuration;

use super::set;
use crate::support::stage::Stage;

/// A role that was given by hand is seen while the clock is off, the clock is put right, the user buys and is refunded.
#[tokio::test]
async fn what_was_seen_by_a_clock_that_is_off_was_seen_before_it_was_paid() {
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    for off in [days(700), days(2), SignedDuration::from_mins(6), -days(2), -days(700)] {
        let mut stage = Stage::usual().await;
        stage.pass().await;
        let ann = stage.logto.add_user("ann@example.com");
        stage.logto.grant(&ann, &stage.logto.role("paid-tier").unwrap());
        (stage.ahead, _) = (off, stage.logto.faults().date_skew(-off.as_secs()));
        // Twice: the first answer tells how far the clock is off.
        stage.pass().await;
        stage.pass().await;
        (stage.ahead, _) = (SignedDuration::from_mins(3), stage.logto.faults().date_skew(0));
        let order = stage.shop.buy_at(&"prd_pro".into(), "ann@example.com", stage.now());
        stage.pass().await;
        stage.shop.set_status(&order, "refunded");
        let planned = stage.plan_pass(&PassScope::Full).await.unwrap();
        assert!(planned.plan.adopt.is_empty(), "{off}");
        assert_eq!(stage.pass().await.changes(), [], "{off}");
        assert_eq!(stage.holders("paid-tier"), set([&ann]), "{off}");
    }
}
