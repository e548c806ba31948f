//! What is released, what is adopted by hand, and what somebody else keeps undoing.

use entitled::model::Ownership;
use entitled::store::{Cause, LedgerRow, Verb};

use super::ledger::{role, row};
use super::{Home, at};

#[tokio::test]
async fn what_is_released_is_not_ours_and_stays_marked_until_it_is_ours_again() {
    let home = Home::new();
    let store = home.store().await;
    let rows: Vec<LedgerRow> = (1..=3).map(|n| row(&format!("u{n}"), role("a"), Cause::Order, 10)).collect();
    let grants: Vec<_> = rows.iter().map(|row| row.grant.clone()).collect();
    store.journal_grants(&"r1".into(), &rows[..2]).await.unwrap();
    // The third was never ours: it is not to become so.
    store.release("ada", &grants, "a gift", at(20)).await.unwrap();
    assert!(store.ledger(None).await.unwrap().is_empty());
    assert_eq!(store.released(None).await.unwrap(), grants);
    let trail = store.history(&"u1".into()).await.unwrap();
    assert_eq!(trail.iter().map(|line| line.verb).collect::<Vec<_>>(), [Verb::Granted, Verb::Released]);
    let line = &trail[1];
    assert_eq!((line.who.as_deref(), &line.run, line.note.as_deref()), (Some("ada"), &None, Some("a gift")));
    assert_eq!((line.at, line.order.as_ref().unwrap().as_str()), (at(20), "o1"));

    store.journal_grants(&"r2".into(), &rows[..1]).await.unwrap();
    assert_eq!(store.released(None).await.unwrap(), grants[1..]);
    store.journal_adoptions(&"r2".into(), &rows[1..2]).await.unwrap();
    assert_eq!(store.released(None).await.unwrap(), grants[2..]);
    store.adopt_by_hand("ada", &rows[2], at(30)).await.unwrap();
    assert!(store.released(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_adopted_by_hand_is_ours_once_and_says_who_said_so() {
    let home = Home::new();
    let store = home.store().await;
    let foreign = row("u1", role("a"), Cause::Order, 10);
    store.adopt_by_hand("ada", &foreign, at(30)).await.unwrap();
    store.adopt_by_hand("bob", &foreign, at(40)).await.unwrap();
    let expected = LedgerRow { ownership: Ownership::Adopted, since: at(30), ..foreign };
    assert_eq!(store.ledger(None).await.unwrap(), [expected]);
    assert!(store.unconfirmed().await.unwrap().is_empty(), "Logto holds it");
    let trail = store.history(&"u1".into()).await.unwrap();
    let [line] = &trail[..] else { panic!("{trail:?}") };
    assert_eq!((line.verb, line.who.as_deref(), &line.run), (Verb::Adopted, Some("ada"), &None));
    assert_eq!((line.at, line.note.as_deref()), (at(30), Some("by hand")));
}

#[tokio::test]
async fn only_a_grant_that_was_confirmed_counts_as_undone() {
    let home = Home::new();
    let store = home.store().await;
    let made = |second| row("u1", role("a"), Cause::Order, second);
    let grant = made(0).grant;
    let undone = async || store.ledger(None).await.unwrap()[0].undone;
    store.journal_grants(&"r1".into(), &[made(10)]).await.unwrap();
    // Killed before Logto answered: the next pass asks again.
    store.journal_grants(&"r2".into(), &[made(20)]).await.unwrap();
    store.journal_adoptions(&"r2".into(), &[made(20)]).await.unwrap();
    assert_eq!(undone().await, 0);

    store.confirm(std::slice::from_ref(&grant), at(21)).await.unwrap();
    store.journal_adoptions(&"r2".into(), &[made(22)]).await.unwrap();
    assert_eq!(undone().await, 0, "nobody undid what is there");
    store.journal_grants(&"r3".into(), &[made(30)]).await.unwrap();
    assert_eq!(undone().await, 1);
    assert_eq!(store.unconfirmed().await.unwrap(), std::slice::from_ref(&grant), "asked for again");
    store.journal_grants(&"r4".into(), &[made(40)]).await.unwrap();
    assert_eq!(undone().await, 1, "killed before Logto answered");

    store.confirm(std::slice::from_ref(&grant), at(41)).await.unwrap();
    store.journal_grants(&"r5".into(), &[made(50)]).await.unwrap();
    assert_eq!(undone().await, 2);
    assert_eq!(store.flapping(2, at(50)).await.unwrap(), [grant]);
    assert!(store.flapping(3, at(0)).await.unwrap().is_empty(), "not so often");
    assert!(store.flapping(2, at(51)).await.unwrap().is_empty(), "not lately");
    assert_eq!(store.ledger(None).await.unwrap()[0].since, at(10), "ours since it was first made");
}
