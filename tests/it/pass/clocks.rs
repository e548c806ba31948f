//! What the clock takes, it takes only while it agrees with the servers.

use super::approving::let_through;
use entitled::model::UserId;
use entitled::pass::PassScope;
use jiff::{SignedDuration, Timestamp};

use crate::support::stage::{NO_LIMITS, Stage, file, held};

/// Orders in a file, of the product `month`.
fn sold(further: &str) -> String {
    file("owned", NO_LIMITS, "products: {month: {entitlements: [role: paid-tier]}}").replace(
        "{shop: {kind: sandbox}}",
        &format!("{{till: {{kind: file, path: \"$FOLDER/orders.yaml\"{further}}}}}"),
    )
}

/// A subscription of Ann's that runs until then.
async fn subscribed(further: &str, until: Timestamp, order: &str) -> (Stage, UserId) {
    let mut stage = Stage::of(&sold(further)).await;
    let ann = stage.logto.add_user("ann@example.com");
    let paid = until - SignedDuration::from_hours(24 * 30);
    let text = format!(
        "- {{id: s1, productId: month, user: {{email: ann@example.com}}, status: subscribed, paidAt: {paid}, periodEnd: {until}{order}}}\n"
    );
    std::fs::write(stage.folder.path().join("orders.yaml"), text).unwrap();
    stage.pass().await;
    (stage, ann)
}

#[tokio::test]
async fn at_the_second_of_renewal_nothing_is_taken() {
    let until = Timestamp::now() + SignedDuration::from_mins(10);
    let (mut stage, ann) = subscribed("", until, "").await;
    assert_eq!(stage.holders("paid-tier"), super::set([&ann]));
    for hours in [0, 1, 23] {
        stage.ahead = SignedDuration::from_hours(hours) + SignedDuration::from_mins(11);
        assert_eq!(stage.pass().await.changes(), [], "{hours} h past the period");
    }
    stage.ahead = SignedDuration::from_hours(24) + SignedDuration::from_mins(11);
    assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ann)]);
}

#[tokio::test]
async fn an_expiry_is_not_believed_to_a_clock_that_is_off() {
    for skew in [-2 * 365 * 86_400, -400, 400] {
        let until = Timestamp::now() - SignedDuration::from_hours(1);
        let mut stage = Stage::of(&sold(", slack: 0s").replace(", slack: 0s", "")).await;
        let ann = stage.logto.add_user("ann@example.com");
        let text = |end: Timestamp| {
            format!(
                "- {{id: s1, productId: month, user: {{email: ann@example.com}}, status: subscribed, paidAt: 2026-01-01T00:00:00Z, periodEnd: {end}}}\n"
            )
        };
        let path = stage.folder.path().join("orders.yaml");
        std::fs::write(&path, text(until + SignedDuration::from_hours(24 * 365))).unwrap();
        stage.pass().await;
        assert_eq!(stage.holders("paid-tier"), super::set([&ann]));
        std::fs::write(&path, text(until - SignedDuration::from_hours(48))).unwrap();

        stage.logto.faults().date_skew(skew);
        stage.poll().await.unwrap();
        let planned = stage.plan_pass(&PassScope::Full).await.unwrap();
        assert_eq!(held(&planned), [("ClockDoubtful", "revoke", "role paid-tier", &ann)], "{skew} s");
        stage.logto.faults().date_skew(0);
        assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ann)], "{skew} s");
    }
}

const DAYS: &str = "products:
  prd_pro: {entitlements: [role: paid-tier], valid_for: 1d}
  prd_team: {entitlements: [{organization: acme, roles: [member]}], grace: 1h}
";

/// Ann's day is over, Ben's grace after a refund, and Cyd was refunded without one.
async fn all_ends(prune: &str) -> (Stage, [UserId; 3]) {
    let products = format!("{DAYS}  prd_beta: {{entitlements: [role: beta]}}\n");
    let mut stage = Stage::of(&file(prune, NO_LIMITS, &products)).await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    let (ben, kept) = stage.buyer("ben@example.com", "prd_team");
    let (cyd, refunded) = stage.buyer("cyd@example.com", "prd_beta");
    stage.pass().await;
    stage.shop.set_status(&kept, "refunded");
    stage.shop.set_status(&refunded, "refunded");
    stage.ahead = SignedDuration::from_hours(25);
    (stage, [ann, ben, cyd])
}

#[tokio::test]
async fn a_table_of_clocks() {
    // How far Logto's clock and the shop's are ahead in seconds, and whether what a clock takes is held.
    for (logto, shop, held) in [
        (0, 0, false),
        (290, 290, false),
        (-290, -290, false),
        (320, 0, true),
        (-320, 0, true),
        (0, 320, true),
        (0, -320, true),
        (2 * 365 * 86_400, 2 * 365 * 86_400, true),
        (-2 * 365 * 86_400, -2 * 365 * 86_400, true),
        (-30, 86_400, true),
    ] {
        for quick in [true, false] {
            let (mut stage, [ann, ben, cyd]) = all_ends("owned").await;
            stage.logto.faults().date_skew(logto);
            stage.shop.faults().date_skew(shop);
            let passed = if quick { stage.quick().await } else { stage.pass().await };
            let what = format!("logto {logto} s, shop {shop} s, quick: {quick}");
            let mut lost: Vec<&UserId> = passed.changes().into_iter().map(|change| change.2).collect();
            lost.dedup();
            assert!(lost.contains(&&cyd), "{what}: a refund is the word of the shop");
            assert_eq!(lost.contains(&&ben), !held, "{what}: a grace ends by the clock");
            // A quick pass was not asked about her.
            assert_eq!(lost.contains(&&ann), !held && !quick, "{what}: an expiry");
            for one in &passed.planned.view.held {
                assert_eq!(one.hold, "ClockDoubtful", "{what}");
                let whose = if logto.abs() > 300 { "Logto" } else { "source `shop`" };
                let off = if logto.abs() > 300 { logto } else { shop };
                let way = if off < 0 { "ahead of" } else { "behind" };
                assert!(one.reason.contains(whose) && one.reason.contains(way), "{what}: {}", one.reason);
                assert!(one.lift.contains("entitled approve") && one.lift.contains("NTP"), "{what}: {}", one.lift);
            }
            // It lifts itself.
            stage.logto.faults().date_skew(0);
            stage.shop.faults().date_skew(0);
            stage.pass().await;
            assert!(stage.holders("paid-tier").is_empty() && stage.acme().is_empty(), "{what}: {ann}");
        }
    }
}

#[tokio::test]
async fn a_wrong_clock_evicts_nobody_either() {
    let (mut stage, [ann, ..]) = all_ends("exclusive").await;
    // Ann's grant is nobody's: given up, and then kept by `exclusive` while it is paid for.
    let grant = entitled::model::Grant {
        user: ann.clone(),
        target: entitled::model::Target::Role { role: stage.logto.role("paid-tier").unwrap() },
    };
    stage.store.release("ada", &[grant], "a gift", stage.now()).await.unwrap();
    stage.logto.faults().date_skew(-4_000);
    let passed = stage.pass().await;
    assert!(passed.held().contains(&("ClockDoubtful", "revoke", "role paid-tier", &ann)), "{:?}", passed.held());
    stage.logto.faults().date_skew(0);
    assert_eq!(stage.pass().await.changes().iter().filter(|change| change.2 == &ann).count(), 1);
}

#[tokio::test]
async fn an_approval_of_the_clock_lifts_the_clock_and_no_limit() {
    let limits = "limits: {revocations: {per_day: 0%, floor: 0}}";
    let mut stage = Stage::of(&file("owned", limits, DAYS)).await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    stage.ahead = SignedDuration::from_hours(25);
    stage.logto.faults().date_skew(-4_000);
    let passed = stage.pass().await;
    assert_eq!(passed.held(), [("ClockDoubtful", "revoke", "role paid-tier", &ann)]);
    let clock = let_through(&stage, &passed).await;
    let passed = stage.pass().await;
    assert_eq!(passed.held(), [("OverLimit", "revoke", "role paid-tier", &ann)], "nobody has spoken of the limit");
    let limit = let_through(&stage, &passed).await;
    assert_ne!(clock, limit);
    assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ann)], "both are open until used");
    assert_eq!(stage.store.open_actions(stage.now(), None).await.unwrap(), []);
}

#[tokio::test]
async fn a_subscription_that_was_cancelled_ends_with_its_period() {
    // The source, the order, and how many hours past the period it is still held.
    for (source, order, hours) in [
        ("", "", 24),
        ("", ", cancelled: false", 24),
        ("", ", cancelled: true", 0),
        (", slack: 0s", "", 0),
        (", slack: 3h", "", 3),
        (", slack: 3h", ", cancelled: true", 0),
    ] {
        let until = Timestamp::now() + SignedDuration::from_mins(10);
        let (mut stage, ann) = subscribed(source, until, order).await;
        // A minute on either side: a busy machine takes its time for a pass.
        stage.ahead = SignedDuration::from_mins(9) + SignedDuration::from_hours(hours);
        assert_eq!(stage.pass().await.changes(), [], "{source} {order}");
        stage.ahead += SignedDuration::from_mins(2);
        assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ann)], "{source} {order}");
    }
}

/// Nor does a payment API that stops telling when an order was paid, or an order that is touched, restart `valid_for`.
#[tokio::test]
async fn valid_for_counts_from_the_same_moment_whatever_is_told_later() {
    let products = "products: {month: {entitlements: [role: paid-tier], valid_for: 30d}}";
    let yaml = file("owned", NO_LIMITS, products)
        .replace("{shop: {kind: sandbox}}", "{till: {kind: file, path: \"$FOLDER/orders.yaml\"}}");
    let start = Timestamp::now();
    let told = format!(", paidAt: {start}");
    for (first, later) in [(&*told, ""), (&*told, ", paidAt: null"), (&*told, ", paidAt: \"\""), ("", "")] {
        let mut stage = Stage::of(&yaml).await;
        let ann = stage.logto.add_user("ann@example.com");
        let path = stage.folder.path().join("orders.yaml");
        let write = |changed: Timestamp, paid: &str| {
            let order = "id: o1, productId: month, user: {email: ann@example.com}, status: paid";
            std::fs::write(&path, format!("- {{{order}, updatedAt: {changed}{paid}}}\n")).unwrap();
        };
        write(start, first);
        assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &ann)]);
        for days in [10, 20] {
            stage.ahead = SignedDuration::from_hours(24 * days);
            write(start + stage.ahead, later);
            assert_eq!(stage.pass().await.changes(), [], "{first} {later}");
        }
        stage.ahead = SignedDuration::from_hours(24 * 31);
        assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &ann)], "{first} {later}");
    }
}
