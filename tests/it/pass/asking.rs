//! Whom Logto is asked for, and how often: what strangers put into a shop's list costs nobody anything, and who waits
//! for an account costs one call.

use jiff::SignedDuration;

use crate::support::stage::{Stage, matching};

fn look_ups(stage: &Stage) -> usize {
    let requests = stage.logto.requests();
    matching(&requests, "GET", &["search.primaryEmail"]) + matching(&requests, "GET", &["/api/users?", "search.id"])
}

fn lists(stage: &Stage) -> usize {
    matching(&stage.logto.requests(), "GET", &["/api/users?page=1&page_size=100"])
}

#[tokio::test]
async fn who_never_paid_is_nobody_to_be_looked_for() {
    let mut stage = Stage::usual().await;
    let order = stage.shop.start_checkout(&"prd_pro".into(), "ann@example.com");
    // Whatever a stranger can make of an order without paying for it.
    for (number, status) in (0..300).zip(["pending", "expired", "void", "paid_partial"].into_iter().cycle()) {
        let order = stage.shop.start_checkout(&"prd_pro".into(), format!("stranger-{number}@example.com").as_str());
        stage.shop.set_status(&order, status);
    }
    let ann = stage.logto.add_user("ann@example.com");
    for _ in 0..2 {
        stage.pass().await;
        stage.quick().await;
    }
    assert_eq!((look_ups(&stage), lists(&stage)), (0, 0), "{:?}", stage.logto.requests());

    // Nobody waits for the next full pass who pays at last.
    stage.shop.set_status(&order, "paid");
    let quick = stage.quick().await;
    assert_eq!(quick.changes(), [("grant", "role paid-tier", &ann)]);
    assert_eq!(look_ups(&stage), 1);
    // And what was paid once is somebody's, whatever the shop says of it later.
    stage.shop.set_status(&order, "pending");
    stage.pass().await;
    assert_eq!(stage.resolution("ann@example.com").await, Some(entitled::model::Resolution::User(ann)));
    // So is what was paid and cancelled before anybody looked.
    let (ben, order) = stage.buyer("ben@example.com", "prd_pro");
    stage.shop.set_status(&order, "void");
    stage.pass().await;
    assert_eq!(stage.resolution("ben@example.com").await, Some(entitled::model::Resolution::User(ben)));
}

/// In the first hours a waiting buyer is asked for at each pass; later one call tells that nobody came.
#[tokio::test]
async fn who_waits_long_costs_one_call_a_pass_until_somebody_comes() {
    let mut stage = Stage::usual().await;
    for number in 0..250 {
        stage.shop.buy(&"prd_pro".into(), format!("lena-{number}@example.com").as_str());
    }
    stage.pass().await;
    stage.ahead = SignedDuration::from_hours(30);
    stage.pass().await;
    stage.ahead += SignedDuration::from_mins(10);
    stage.pass().await;
    for minutes in [10, 20] {
        stage.ahead += SignedDuration::from_mins(minutes);
        stage.logto.clear_requests();
        stage.pass().await;
        assert_eq!((look_ups(&stage), lists(&stage)), (0, 1), "{:?}", stage.logto.requests());
    }

    // Strangers who sign up are none of them; one of those who wait is asked for alone, and at once.
    stage.logto.add_user("eve@example.com");
    let lena = stage.logto.add_user("Lena-7@example.com");
    stage.ahead += SignedDuration::from_mins(10);
    stage.logto.clear_requests();
    assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &lena)]);
    assert_eq!((look_ups(&stage), lists(&stage)), (1, 1), "{:?}", stage.logto.requests());

    // Who got the address by a change of their account is nobody new: they are found by their turn.
    let ida = stage.logto.user("eve@example.com").unwrap();
    stage.logto.set_email(&ida, Some("lena-9@example.com"));
    stage.ahead += SignedDuration::from_mins(10);
    assert_eq!(stage.pass().await.changes(), []);
    stage.ahead += SignedDuration::from_hours(4);
    assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &ida)]);
    stage.is_settled().await;
}

/// Where accounts come and go at once, everybody may be anybody.
#[tokio::test]
async fn who_signs_up_while_others_leave_is_found_all_the_same() {
    let mut stage = Stage::usual().await;
    let old = stage.logto.add_user("old@example.com");
    stage.shop.buy(&"prd_pro".into(), "lena@example.com");
    stage.pass().await;
    stage.ahead = SignedDuration::from_hours(30);
    for _ in 0..2 {
        stage.pass().await;
        stage.ahead += SignedDuration::from_mins(10);
    }
    stage.logto.delete_user(&old);
    let lena = stage.logto.add_user("lena@example.com");
    assert_eq!(stage.pass().await.changes(), [("grant", "role paid-tier", &lena)]);
}
