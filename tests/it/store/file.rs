//! The file itself: how it is made, what is refused, and what a copy leaves alone.

use std::collections::BTreeMap;
use std::path::Path;

use entitled::store::{Store, StoreError};
use sqlx::Connection as _;

use super::{Home, at, paid, shop};

/// Every file beside the store, with its bytes.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = Home::new();
    let store = home.store().await;
    store.record_orders(&shop(), &[paid("o1", "u1", "pro")], at(1)).await.unwrap();
    let modes: BTreeMap<String, u32> = std::fs::read_dir(home.directory.path())
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().permissions().mode() & 0o777)
        })
        .collect();
    let expected = ["entitled.db", "entitled.db-shm", "entitled.db-wal"].map(|name| (name.to_owned(), 0o600));
    assert_eq!(modes, BTreeMap::from(expected));
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let home = Home::new();
    let store = home.store().await;
    store.record_orders(&shop(), &[paid("o1", "u1", "pro")], at(1)).await.unwrap();
    store.close().await;
    assert_eq!(files(home.directory.path()).keys().collect::<Vec<_>>(), ["entitled.db"]);
    assert_eq!(home.store().await.order_count(&shop()).await.unwrap(), 1);
}

#[tokio::test]
async fn two_may_open_a_new_store_at_once() {
    let home = Home::new();
    let path = home.path();
    let (one, other) = tokio::join!(Store::open(&path), Store::open(&path));
    one.unwrap().record_orders(&shop(), &[paid("o1", "u1", "pro")], at(1)).await.unwrap();
    assert_eq!(other.unwrap().order_count(&shop()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let home = Home::new();
    home.store().await.close().await;
    let mut raw = home.raw().await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (99, 'later', true, x'00', 0)",
    )
    .execute(&mut raw)
    .await
    .unwrap();
    raw.close().await.unwrap();
    let before = files(home.directory.path());
    for outcome in [Store::open(&home.path()).await, Store::scratch(&home.path()).await] {
        let error = outcome.unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 99, known: 31, .. }), "{error:?}");
        assert!(error.hint().unwrap().contains("version"));
    }
    assert!(files(home.directory.path()) == before, "the file was touched");
}

#[tokio::test]
async fn what_is_no_database_is_refused_and_left_alone() {
    let home = Home::new();
    let text = b"orders: []\n".repeat(500);
    std::fs::write(home.path(), &text).unwrap();
    for outcome in [Store::open(&home.path()).await, Store::scratch(&home.path()).await] {
        let error = outcome.unwrap_err();
        assert!(matches!(&error, StoreError::NoStore { path } if *path == home.path()), "{error:?}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("point `store` at a file of its own"), "{hint}");
    }
    assert_eq!(std::fs::read(home.path()).unwrap(), text);
}

#[tokio::test]
async fn a_file_with_a_broken_page_is_reported_as_damaged() {
    let home = Home::new();
    let store = home.store().await;
    let orders: Vec<_> = (0..500).map(|n| paid(&format!("o{n}"), &format!("u{n}"), "pro")).collect();
    store.record_orders(&shop(), &orders, at(1)).await.unwrap();
    store.close().await;
    let mut bytes = std::fs::read(home.path()).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xa5);
    std::fs::write(home.path(), &bytes).unwrap();
    let error = Store::open(&home.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}

#[tokio::test]
async fn somebody_elses_database_is_refused_and_left_alone() {
    let home = Home::new();
    let mut raw = home.raw().await;
    sqlx::query("CREATE TABLE invoices (id INTEGER PRIMARY KEY)").execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    let before = files(home.directory.path());
    let error = Store::open(&home.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error:?}");
    assert!(files(home.directory.path()) == before, "the file was touched");
}

#[tokio::test]
async fn a_missing_directory_is_an_error_that_names_the_store() {
    let home = Home::new();
    let path = home.directory.path().join("missing").join("entitled.db");
    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    assert!(error.to_string().contains("missing/entitled.db"), "{error}");
    assert!(error.hint().unwrap().contains("directory"));
}

#[tokio::test]
async fn a_scratch_copy_has_everything_and_leaves_the_store_alone() {
    let home = Home::new();
    let store = home.store().await;
    store.record_orders(&shop(), &[paid("o1", "u1", "pro")], at(1)).await.unwrap();
    store.close().await;
    let before = files(home.directory.path());

    let scratch = Store::scratch(&home.path()).await.unwrap();
    let copy = scratch.path().to_owned();
    let kept = scratch.find_order(&shop(), &"o1".into()).await.unwrap().unwrap();
    let recorded = scratch.record_orders(&shop(), &[paid("o2", "u2", "pro")], at(2)).await.unwrap();
    assert_eq!((recorded.new, scratch.order_count(&shop()).await.unwrap()), (1, 2));
    assert!(recorded.touched[0] > kept.key, "the copy goes on counting where the store stopped");
    scratch.close().await;
    drop(scratch);

    assert!(files(home.directory.path()) == before, "the store was touched");
    assert!(!copy.parent().unwrap().exists(), "the copy stayed");
    assert_eq!(home.store().await.order_count(&shop()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_scratch_copy_sees_what_is_still_in_the_log_of_a_running_daemon() {
    let home = Home::new();
    let store = home.store().await;
    store.record_orders(&shop(), &[paid("o1", "u1", "pro")], at(1)).await.unwrap();
    let before = std::fs::read(home.path()).unwrap();
    let log = std::fs::read(home.directory.path().join("entitled.db-wal")).unwrap();
    assert!(!log.is_empty());

    let scratch = Store::scratch(&home.path()).await.unwrap();
    assert_eq!(scratch.order_count(&shop()).await.unwrap(), 1);
    assert!(std::fs::read(home.path()).unwrap() == before, "the store was touched");
    assert!(std::fs::read(home.directory.path().join("entitled.db-wal")).unwrap() == log, "the log was touched");
    // And the daemon goes on.
    store.record_orders(&shop(), &[paid("o2", "u2", "pro")], at(2)).await.unwrap();
    assert_eq!(scratch.order_count(&shop()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_scratch_copy_of_a_store_that_died_does_not_tidy_up_after_it() {
    let home = Home::new();
    let store = home.store().await;
    store.record_orders(&shop(), &[paid("o1", "u1", "pro")], at(1)).await.unwrap();
    // What a crash leaves: the file and its log, and nobody who has them open.
    let crashed = Home::new();
    for name in ["entitled.db", "entitled.db-wal"] {
        std::fs::copy(home.directory.path().join(name), crashed.directory.path().join(name)).unwrap();
    }
    let before = files(crashed.directory.path());
    let scratch = Store::scratch(&crashed.path()).await.unwrap();
    assert_eq!(scratch.order_count(&shop()).await.unwrap(), 1);
    let mut after = files(crashed.directory.path());
    // An index of the log, which holds nothing of its own.
    after.remove("entitled.db-shm");
    assert!(after == before, "the store was touched");
}

#[tokio::test]
async fn a_scratch_copy_of_nothing_is_empty_and_creates_nothing() {
    let home = Home::new();
    let scratch = Store::scratch(&home.path()).await.unwrap();
    scratch.record_orders(&shop(), &[paid("o1", "u1", "pro")], at(1)).await.unwrap();
    assert_eq!(scratch.order_count(&shop()).await.unwrap(), 1);
    assert!(files(home.directory.path()).is_empty());
}
