//! Several freezes at once: what a hold says is how long it will last.

use entitled::store::{Freeze, FreezeScope};
use jiff::SignedDuration;

use crate::support::stage::{Stage, usual};

#[tokio::test]
async fn a_hold_names_the_last_of_the_freezes_that_stop_it() {
    let mut stage = Stage::of(&usual()).await;
    let (_, order) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    stage.shop.set_status(&order, "refunded");
    stage.buyer("ben@example.com", "prd_pro");
    let since = stage.now();
    for (scope, hours, reason) in [
        (FreezeScope::All, 1, "first"),
        (FreezeScope::Revocations, 3, "third"),
        (FreezeScope::Revocations, 2, "second"),
    ] {
        let until = since + SignedDuration::from_hours(hours);
        let freeze = Freeze { scope, since, until, reason: reason.to_owned(), who: "ada".to_owned() };
        stage.store.freeze(&freeze).await.unwrap();
    }
    let told = async |stage: &mut Stage| -> Vec<(String, String)> {
        let held = stage.pass().await.planned.view.held;
        held.into_iter().map(|held| (held.change.action, held.reason)).collect()
    };
    let names = |told: &[(String, String)], verb: &str, reason: &str| {
        told.iter().any(|(is, why)| is == verb && why.contains(&format!(": {reason}")))
    };
    let now = told(&mut stage).await;
    assert!(now.len() == 2 && names(&now, "grant", "first") && names(&now, "revoke", "third"), "{now:?}");
    // When the strongest has ended, the other one still stops what it stops.
    stage.ahead = SignedDuration::from_mins(90);
    let later = told(&mut stage).await;
    assert!(later.len() == 1 && names(&later, "revoke", "third"), "{later:?}");
    stage.ahead = SignedDuration::from_mins(181);
    assert_eq!(told(&mut stage).await, []);
}
