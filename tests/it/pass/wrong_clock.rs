//! What is remembered by a clock that was wrong does not mislead once it is right.

use entitled::pass::PassScope;
use jiff::{SignedDuration, Timestamp};

use super::set;
use crate::support::stage::{NO_LIMITS, Stage, file};

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

/// A refund without a time of its own is first read while the clock is off. Once it is right, the grace runs from the
/// refund: it is neither over at once nor lasts for years.
#[tokio::test]
async fn a_refund_that_is_first_read_by_a_clock_that_is_off_has_its_grace() {
    let hours = SignedDuration::from_hours;
    let products = "products: {prd_pro: {entitlements: [role: paid-tier], grace: 2d}}";
    let both = file("owned", NO_LIMITS, products).replace(
        "{shop: {kind: sandbox}}",
        "{shop: {kind: sandbox}, till: {kind: file, path: \"$FOLDER/orders.yaml\"}}",
    );
    for off in [hours(24 * 700), hours(24 * 10), -hours(24 * 10), -hours(24 * 700)] {
        for at_the_till in [false, true] {
            let mut stage = Stage::of(&both).await;
            let ann = stage.logto.add_user("ann@example.com");
            let path = stage.folder.path().join("orders.yaml");
            let paid_at = Timestamp::now() - hours(1);
            let till = |status| {
                let line = format!(
                    "- {{id: t1, productId: prd_pro, user: {{email: ann@example.com}}, status: {status}, paidAt: {paid_at}}}\n"
                );
                std::fs::write(&path, if at_the_till { line } else { "[]\n".to_owned() }).unwrap();
            };
            till("paid");
            let order = (!at_the_till).then(|| stage.shop.buy(&"prd_pro".into(), &ann));
            stage.pass().await;
            assert_eq!(stage.holders("paid-tier"), set([&ann]));

            stage.ahead = off;
            let faults = [stage.logto.faults(), stage.shop.faults()];
            faults.iter().for_each(|faults| faults.date_skew(-off.as_secs()));
            // Its first answer tells how far it is off.
            stage.plan_pass(&PassScope::Full).await.unwrap();
            till("refunded");
            order.iter().for_each(|order| stage.shop.set_status(order, "refunded"));
            stage.pass().await;
            stage.pass().await;

            let what = format!("off by {off}, at the till: {at_the_till}");
            [stage.logto.faults(), stage.shop.faults()].iter().for_each(|faults| faults.date_skew(0));
            stage.ahead = SignedDuration::ZERO;
            stage.plan_pass(&PassScope::Full).await.unwrap();
            for after in [hours(0), hours(47)] {
                stage.ahead = after;
                assert_eq!(stage.pass().await.changes(), [], "{what}, after {after}");
                assert_eq!(stage.holders("paid-tier"), set([&ann]), "{what}");
            }
            stage.ahead = hours(49);
            assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ann)], "{what}");
        }
    }
}
