//! What is ours, the trail of what happened to it, and what the file maps.

use entitled::model::{Grant, Ownership, Target, UserId};
use entitled::store::{Cause, LedgerRow, Mapping, Verb};

use super::{Home, at, shop};

pub(super) fn role(name: &str) -> Target {
    Target::Role { role: name.into() }
}

fn member(name: &str) -> Target {
    Target::Membership { organization: name.into() }
}

pub(super) fn row(user: &str, target: Target, cause: Cause, second: i64) -> LedgerRow {
    LedgerRow {
        grant: Grant { user: user.into(), target },
        ownership: Ownership::Granted,
        cause,
        source: shop(),
        order: "o1".into(),
        order_key: None,
        product: "pro".into(),
        line: 7,
        commit: "4f2a91c".to_owned(),
        since: at(second),
        run: "r1".into(),
        undone: 0,
    }
}

#[tokio::test]
async fn a_journaled_grant_is_ours_until_it_is_revoked() {
    let home = Home::new();
    let store = home.store().await;
    let rows = [
        row("u2", role("a"), Cause::Order, 10),
        row("u1", role("a"), Cause::Order, 10),
        row("u1", member("z"), Cause::Commit, 10),
    ];
    store.journal_grants(&"r1".into(), &rows).await.unwrap();
    let expected = [rows[2].clone(), rows[1].clone(), rows[0].clone()];
    assert_eq!(store.ledger(None).await.unwrap(), expected, "by user, then by target");
    assert_eq!(store.ledger(Some(&["u2".into()])).await.unwrap(), expected[2..]);
    assert_eq!(store.ledger_users().await.unwrap(), ["u1".into(), "u2".into()]);

    store.journal_revocations(&"r2".into(), &[(rows[0].grant.clone(), "refunded".to_owned())], at(20)).await.unwrap();
    assert_eq!(store.ledger(None).await.unwrap(), expected[..2]);
    let trail = store.history(&"u2".into()).await.unwrap();
    assert_eq!(trail.iter().map(|line| line.verb).collect::<Vec<_>>(), [Verb::Granted, Verb::Revoked]);
    let revoked = &trail[1];
    assert_eq!(
        (revoked.at, revoked.run.clone(), revoked.note.as_deref()),
        (at(20), Some("r2".into()), Some("refunded"))
    );
    assert_eq!(revoked.order.as_ref().unwrap().as_str(), "o1", "the line says what had caused the grant");
    assert_eq!((revoked.line, revoked.commit.as_deref()), (Some(7), Some("4f2a91c")));
}

#[tokio::test]
async fn a_grant_that_is_made_again_keeps_its_row() {
    let home = Home::new();
    let store = home.store().await;
    let adopted = row("u1", role("a"), Cause::Order, 10);
    store.journal_adoptions(&"r1".into(), std::slice::from_ref(&adopted)).await.unwrap();
    store.journal_adoptions(&"r2".into(), std::slice::from_ref(&adopted)).await.unwrap();
    store.journal_grants(&"r3".into(), &[row("u1", role("a"), Cause::Commit, 30)]).await.unwrap();
    let expected = LedgerRow { ownership: Ownership::Adopted, undone: 1, ..adopted };
    assert_eq!(store.ledger(None).await.unwrap(), [expected]);
    let verbs: Vec<Verb> = store.audit_trail(10).await.unwrap().iter().map(|line| line.verb).collect();
    assert_eq!(verbs, [Verb::Granted, Verb::Adopted], "an adoption happens once");
}

#[tokio::test]
async fn a_grant_is_unconfirmed_until_logto_has_answered() {
    let home = Home::new();
    let store = home.store().await;
    let rows = [row("u1", role("a"), Cause::Order, 10), row("u2", role("a"), Cause::Order, 10)];
    store.journal_grants(&"r1".into(), &rows).await.unwrap();
    store.journal_adoptions(&"r1".into(), &[row("u3", role("a"), Cause::Order, 10)]).await.unwrap();
    store.confirm(&[rows[0].grant.clone()], at(11)).await.unwrap();
    assert_eq!(store.unconfirmed().await.unwrap(), [rows[1].grant.clone()]);
}

#[tokio::test]
async fn what_logto_refused_and_what_was_closed_is_not_ours_and_no_revocation() {
    let home = Home::new();
    let store = home.store().await;
    let rows = [row("u1", role("a"), Cause::Commit, 10), row("u2", role("a"), Cause::Commit, 10)];
    store.journal_grants(&"r1".into(), &rows).await.unwrap();
    store.unjournal_grants(&"r1".into(), &[rows[0].grant.clone()], "no such user", at(11)).await.unwrap();
    assert_eq!(store.ledger_users().await.unwrap(), [UserId::from("u2")]);
    let counted: Vec<(String, u64)> = store.config_grants_since(at(10)).await.unwrap().into_iter().collect();
    assert_eq!(counted, [("role/a".to_owned(), 1)], "what was refused does not count against the limit");
    store.forget(&"r2".into(), &[rows[1].grant.clone()], "gone from both sides", at(12)).await.unwrap();
    assert_eq!(store.ledger(None).await.unwrap(), []);
    assert!(store.revoked_since(at(0)).await.unwrap().is_empty());
    let verbs: Vec<Verb> = store.audit_trail(2).await.unwrap().iter().map(|line| line.verb).collect();
    assert_eq!(verbs, [Verb::Closed, Verb::Refused]);
}

#[tokio::test]
async fn the_daily_counts_begin_where_they_are_told() {
    let home = Home::new();
    let store = home.store().await;
    let rows: Vec<LedgerRow> = (0..4).map(|n| row(&format!("u{n}"), role("a"), Cause::Commit, 10 + n)).collect();
    store.journal_grants(&"r1".into(), &rows).await.unwrap();
    store.journal_grants(&"r1".into(), &[row("u9", role("a"), Cause::Order, 13)]).await.unwrap();
    store.journal_grants(&"r2".into(), &rows[3..]).await.unwrap();
    assert_eq!(store.config_grants_since(at(12)).await.unwrap()["role/a"], 2, "the sale and the repeat do not count");
    for (n, row) in rows.iter().enumerate() {
        let revocation = (row.grant.clone(), "refunded".to_owned());
        store.journal_revocations(&"r3".into(), &[revocation], at(20 + n as i64)).await.unwrap();
    }
    assert_eq!(store.revoked_since(at(21)).await.unwrap()["role/a"], 3);
    assert!(store.revoked_since(at(24)).await.unwrap().is_empty());
}

#[tokio::test]
async fn nobody_can_change_or_delete_a_line_of_the_trail() {
    let home = Home::new();
    let store = home.store().await;
    store.journal_grants(&"r1".into(), &[row("u1", role("a"), Cause::Order, 10)]).await.unwrap();
    let before = store.audit_trail(10).await.unwrap();
    let mut raw = home.raw().await;
    for statement in ["UPDATE audit SET note = 'nothing happened'", "DELETE FROM audit"] {
        let error = sqlx::query(statement).execute(&mut raw).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{statement}: {error}");
    }
    assert_eq!(store.audit_trail(10).await.unwrap(), before);
}

#[tokio::test]
async fn a_mapping_is_new_until_it_is_settled_and_again_when_it_comes_back() {
    let home = Home::new();
    let store = home.store().await;
    let pair = |product: &str, target: &str| (product.to_owned(), target.to_owned(), None);
    let mapping = |product: &str, target: &str, second, settled| Mapping {
        product: product.to_owned(),
        target: target.to_owned(),
        since: at(second),
        settled,
        replaces: None,
    };
    store.note_mappings(&[pair("pro", "role/a"), pair("lite", "role/b")], &[], at(10)).await.unwrap();
    store.settle_mappings(&[pair("pro", "role/a")], at(11)).await.unwrap();
    store.note_mappings(&[pair("pro", "role/a"), pair("pro", "role/b")], &[], at(12)).await.unwrap();
    let expected = [mapping("pro", "role/a", 10, true), mapping("pro", "role/b", 12, false)];
    assert_eq!(store.mappings().await.unwrap(), expected);
    store.note_mappings(&[], &[], at(13)).await.unwrap();
    store.note_mappings(&[pair("pro", "role/a")], &[], at(14)).await.unwrap();
    assert_eq!(store.mappings().await.unwrap(), [mapping("pro", "role/a", 14, false)]);
    // Nobody knows what a slip in a name stands for, so it unmaps nothing.
    store.note_mappings(&[], &["pro".to_owned()], at(15)).await.unwrap();
    assert_eq!(store.mappings().await.unwrap(), [mapping("pro", "role/a", 14, false)]);
}

#[tokio::test]
async fn what_was_owned_then_is_what_a_share_is_of() {
    let home = Home::new();
    let store = home.store().await;
    let rows = |users: &[&str], at| -> Vec<LedgerRow> {
        users.iter().map(|user| row(user, role("a"), Cause::Order, at)).collect()
    };
    let owned = async |then| store.owned_at(at(then)).await.unwrap().get("role/a").copied().unwrap_or_default();
    let old = rows(&["u1", "u2", "u3", "u4"], 10);
    store.journal_adoptions(&"r1".into(), &old).await.unwrap();
    store.journal_grants(&"r2".into(), &rows(&["u5", "u6"], 30)).await.unwrap();
    assert_eq!((owned(10).await, owned(20).await, owned(31).await), (0, 4, 6), "what is given makes no room");

    let gone = |row: &LedgerRow| (row.grant.clone(), "refunded".to_owned());
    store.journal_revocations(&"r3".into(), &[gone(&old[0]), gone(&old[1])], at(40)).await.unwrap();
    store.forget(&"r3".into(), &[old[2].grant.clone()], "gone", at(40)).await.unwrap();
    assert_eq!(owned(20).await, 4, "what is taken does not shrink it");
    store.journal_revocations(&"r4".into(), &[gone(&row("u5", role("a"), Cause::Order, 30))], at(50)).await.unwrap();
    assert_eq!(owned(20).await, 4, "what was not there yet was not there");
    store.journal_grants(&"r5".into(), &rows(&["u1"], 60)).await.unwrap();
    assert_eq!((owned(20).await, owned(45).await), (4, 3), "what comes back is counted once");
}
