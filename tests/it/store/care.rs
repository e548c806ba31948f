//! Care for the file: looking at it, copying it, and going on after it was damaged.

use std::path::{Path, PathBuf};

use entitled::store::{Cause, Opened, Store, StoreError};
use sqlx::Connection as _;

use super::ledger::{role, row};
use super::{Home, at, paid, shop};

/// A store with orders and one grant, closed.
async fn filled() -> Home {
    let home = Home::new();
    let store = home.store().await;
    let orders: Vec<_> = (0..300).map(|n| paid(&format!("o{n}"), &format!("u{n}"), "pro")).collect();
    store.record_orders(&shop(), &orders, at(1)).await.unwrap();
    store.journal_grants(&"r1".into(), &[row("u1", role("a"), Cause::Order, 10)]).await.unwrap();
    store.close().await;
    home
}

async fn damage(home: &Home, statement: &'static str) {
    let mut raw = home.raw().await;
    sqlx::query("PRAGMA foreign_keys = OFF").execute(&mut raw).await.unwrap();
    sqlx::query(statement).execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

async fn damaged_by_verify(path: &Path) -> String {
    match Store::verify(path).await {
        Err(StoreError::Damaged { what, path: of }) if of == path => what,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_whole_store_verifies_with_its_counts_and_is_left_alone() {
    let home = filled().await;
    let before = std::fs::read(home.path()).unwrap();
    let verified = Store::verify(&home.path()).await.unwrap();
    let counts = [verified.orders, verified.buyers, verified.ledger, verified.audit, verified.runs];
    assert_eq!(counts, [300, 300, 1, 1, 0]);
    assert!(std::fs::read(home.path()).unwrap() == before, "the store was touched");
    let open = home.store().await;
    open.record_orders(&shop(), &[paid("o300", "u300", "pro")], at(2)).await.unwrap();
    assert_eq!(Store::verify(&home.path()).await.unwrap().orders, 301, "also while somebody writes");
}

#[tokio::test]
async fn verify_names_what_is_wrong() {
    let home = filled().await;
    damage(&home, "UPDATE ledger SET target = 'role/b'").await;
    let what = damaged_by_verify(&home.path()).await;
    assert!(what.contains("role/b") && what.contains("audit trail"), "{what}");
    damage(&home, "UPDATE ledger SET target = 'rome/a'").await;
    let what = damaged_by_verify(&home.path()).await;
    assert!(what.contains("unknown target `rome/a`"), "{what}");

    let home = filled().await;
    damage(&home, "DELETE FROM buyers WHERE key = 1").await;
    let what = damaged_by_verify(&home.path()).await;
    assert!(what.contains("`orders`") && what.contains("`buyers`"), "{what}");

    let home = Home::new();
    let error = Store::verify(&home.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    assert!(!home.path().exists(), "looking creates nothing");
    std::fs::write(home.path(), "").unwrap();
    assert_eq!(damaged_by_verify(&home.path()).await, "it is empty");
}

#[tokio::test]
async fn a_backup_is_a_whole_store_and_overwrites_nothing() {
    let home = filled().await;
    let store = home.store().await;
    let to = home.directory.path().join("copy.db");
    store.backup(&to).await.unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    }
    store.journal_grants(&"r2".into(), &[row("u2", role("a"), Cause::Order, 20)]).await.unwrap();
    assert_eq!(Store::verify(&to).await.unwrap().ledger, 1);
    let copy = std::fs::read(&to).unwrap();
    let error = store.backup(&to).await.unwrap_err();
    assert!(matches!(&error, StoreError::Exists { path } if *path == to), "{error:?}");
    assert!(std::fs::read(&to).unwrap() == copy, "the copy was touched");
    let kept = Store::open(&to).await.unwrap();
    assert_eq!(kept.ledger(None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_store_that_is_whole_is_kept_and_one_that_is_missing_or_empty_is_new() {
    let home = filled().await;
    let (store, opened) = Store::open_or_salvage(&home.path(), at(7)).await.unwrap();
    assert_eq!((opened, store.ledger(None).await.unwrap().len()), (Opened::Kept, 1));
    for text in [None, Some(""), Some("S")] {
        let home = Home::new();
        text.inspect(|text| std::fs::write(home.path(), text).unwrap());
        let (store, opened) = Store::open_or_salvage(&home.path(), at(7)).await.unwrap();
        assert_eq!((opened, store.last_full_pass().await.unwrap()), (Opened::New, None));
    }
}

/// Opens what `spoil` left, and expects it aside, byte for byte, and a fresh store that works.
async fn replaced(home: &Home) -> String {
    let before = std::fs::read(home.path()).unwrap();
    let (store, opened) = Store::open_or_salvage(&home.path(), at(7)).await.unwrap();
    let Opened::Replaced { aside, why } = opened else { panic!("{opened:?}") };
    assert_eq!(aside, beside(&home.path(), ".damaged-7"));
    assert!(std::fs::read(&aside).unwrap() == before, "what was moved aside was changed");
    assert!(store.ledger(None).await.unwrap().is_empty());
    assert_eq!(store.last_full_pass().await.unwrap(), None, "a fresh ledger, which only adds");
    store.record_orders(&shop(), &[paid("o1", "u1", "pro")], at(8)).await.unwrap();
    store.close().await;
    assert_eq!(Store::verify(&home.path()).await.unwrap().orders, 1);
    why
}

#[tokio::test]
async fn a_truncated_store_is_moved_aside_and_a_new_one_begun() {
    let whole = std::fs::read(filled().await.path()).unwrap();
    for length in [2, 50, 100, 4_096, 5_000, whole.len() / 2, whole.len() - 4_096] {
        let home = Home::new();
        std::fs::write(home.path(), &whole[..length]).unwrap();
        assert!(!replaced(&home).await.is_empty(), "{length} bytes");
    }
}

#[tokio::test]
async fn a_store_that_says_what_nobody_wrote_is_moved_aside() {
    let home = filled().await;
    let mut bytes = std::fs::read(home.path()).unwrap();
    let broken = bytes.len() / 2 / 4096 * 4096;
    bytes[broken..broken + 4096].fill(0xa5);
    std::fs::write(home.path(), &bytes).unwrap();
    replaced(&home).await;

    // One bit, inside a value: no page is broken by it.
    let home = filled().await;
    damage(&home, "UPDATE ledger SET target = 'role/c'").await;
    assert!(replaced(&home).await.contains("role/c"));

    let home = filled().await;
    damage(&home, "DROP TABLE _sqlx_migrations").await;
    replaced(&home).await;
}

#[tokio::test]
async fn the_log_goes_with_its_store_and_nothing_that_lies_aside_is_overwritten() {
    let home = Home::new();
    std::fs::write(home.path(), "").unwrap();
    std::fs::write(beside(&home.path(), "-wal"), "what the empty file has lost").unwrap();
    std::fs::write(beside(&home.path(), ".damaged-7"), "an earlier one").unwrap();
    let (_store, opened) = Store::open_or_salvage(&home.path(), at(7)).await.unwrap();
    let Opened::Replaced { aside, why } = opened else { panic!("{opened:?}") };
    assert_eq!(aside, beside(&home.path(), ".damaged-7-2"));
    assert!(why.contains("empty"), "{why}");
    assert_eq!(std::fs::read(beside(&aside, "-wal")).unwrap(), b"what the empty file has lost");
    assert_eq!(std::fs::read(beside(&home.path(), ".damaged-7")).unwrap(), b"an earlier one");
}

#[tokio::test]
async fn a_newer_schema_and_somebody_elses_database_stay_where_they_are() {
    let newer = filled().await;
    damage(
        &newer,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (99, 'later', true, x'00', 0)",
    )
    .await;
    let foreign = Home::new();
    damage(&foreign, "CREATE TABLE invoices (id INTEGER PRIMARY KEY)").await;
    for home in [newer, foreign] {
        let before = std::fs::read(home.path()).unwrap();
        let error = Store::open_or_salvage(&home.path(), at(7)).await.unwrap_err();
        assert!(matches!(error, StoreError::Newer { .. } | StoreError::Foreign { .. }), "{error:?}");
        assert!(std::fs::read(home.path()).unwrap() == before, "the file was touched");
    }
}

#[tokio::test]
async fn whatever_bit_is_flipped_the_ledger_says_nothing_that_was_not_written() {
    let whole = std::fs::read(filled().await.path()).unwrap();
    let written = row("u1", role("a"), Cause::Order, 10).grant;
    for number in 0..64_usize {
        let home = Home::new();
        let mut bytes = whole.clone();
        let at_byte = number * bytes.len() / 64 + number;
        bytes[at_byte] ^= 1 << (number % 8);
        std::fs::write(home.path(), &bytes).unwrap();
        match Store::open_or_salvage(&home.path(), at(7)).await {
            Ok((store, Opened::Kept)) => {
                let ledger = store.ledger(None).await.unwrap();
                assert!(ledger.iter().all(|row| row.grant == written), "byte {at_byte}: {ledger:?}");
            }
            Ok((store, Opened::Replaced { aside, .. })) => {
                assert!(store.ledger(None).await.unwrap().is_empty());
                assert!(aside.exists());
            }
            Ok((_, Opened::New)) => panic!("byte {at_byte}: it is not empty"),
            // Refused, and therefore still there.
            Err(_) => assert!(home.path().exists(), "byte {at_byte}"),
        }
    }
}
