//! Only what is ours is ever touched, and only one writes to it, by whichever name it comes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use entitled::store::{Displaced, Store, StoreError, lease};
use sqlx::Connection as _;

use super::{Home, at, paid, shop};

/// Every name in a folder with what lies there: bytes of files, targets of links.
fn all(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let what = |path: &Path| {
        let kind = fs::symlink_metadata(path).unwrap().file_type();
        match () {
            () if kind.is_symlink() => fs::read_link(path).unwrap().as_os_str().as_encoded_bytes().to_vec(),
            () if kind.is_file() => fs::read(path).unwrap(),
            () if kind.is_fifo() => b"a pipe".to_vec(),
            () => b"something else".to_vec(),
        }
    };
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), what(&path))).collect()
}

/// Whatever opens a store, in each of its ways: why it is refused.
async fn refusals(path: &Path) -> Vec<(&'static str, Option<StoreError>)> {
    vec![
        ("open", Store::open(path).await.err()),
        ("open_or_salvage", Store::open_or_salvage(path, at(7)).await.err()),
        ("scratch", Store::scratch(path).await.err()),
        ("for_reading", Store::for_reading(path).await.err()),
        ("verify", Store::verify(path).await.err()),
        ("valid_file", Store::valid_file(path).await.err()),
        ("id_at", Store::id_at(path).await.err()),
    ]
}

async fn database(path: &Path, statements: &str) {
    let url = format!("sqlite:{}?mode=rwc", path.display());
    let mut raw = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned())).execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
}

#[tokio::test]
async fn whatever_is_not_ours_is_refused_by_everything_and_left_as_it_was() {
    let tables = "CREATE TABLE invoices (id INTEGER PRIMARY KEY); INSERT INTO invoices VALUES (1);";
    for strange in [
        "text",
        "one letter",
        "yaml",
        "zeros",
        "nearly",
        "folder",
        "pipe",
        "link to nothing",
        "link to text",
        "invoices",
        "invoices in wal",
        "named otherwise",
        "two names",
    ] {
        let home = Home::new();
        let path = home.path();
        let beside = home.directory.path().join("beside");
        match strange {
            "text" => fs::write(&path, "SECRET=abc\n").unwrap(),
            "one letter" => fs::write(&path, "\n").unwrap(),
            "yaml" => fs::write(&path, "version: 1\n".repeat(2_000)).unwrap(),
            "zeros" => fs::write(&path, vec![0; 8_192]).unwrap(),
            "nearly" => fs::write(&path, [&b"SQLite format 4\0"[..], &[0; 4_080]].concat()).unwrap(),
            "folder" => fs::create_dir(&path).unwrap(),
            "pipe" => assert!(Command::new("mkfifo").arg(&path).status().unwrap().success()),
            "link to nothing" => symlink(&beside, &path).unwrap(),
            "link to text" => {
                fs::write(&beside, "[package]\nname = \"x\"\n").unwrap();
                symlink(&beside, &path).unwrap();
            }
            "invoices" => database(&path, tables).await,
            "invoices in wal" => database(&path, &format!("PRAGMA journal_mode = WAL; {tables}")).await,
            "named otherwise" => database(&path, "PRAGMA application_id = 77; VACUUM").await,
            "two names" => {
                Store::open(&path).await.unwrap().close().await;
                fs::hard_link(&path, &beside).unwrap();
            }
            other => panic!("{other}"),
        }
        let before = all(home.directory.path());
        for (way, refused) in refusals(&path).await {
            let Some(error) = refused else {
                // Which file that is can be said of any database.
                assert!(way == "id_at" || way == "valid_file", "{strange}: {way} takes it");
                continue;
            };
            let right = match strange {
                "folder" | "pipe" | "link to nothing" => matches!(error, StoreError::NoFile { .. }),
                "invoices" | "invoices in wal" | "named otherwise" => matches!(error, StoreError::Foreign { .. }),
                "two names" => matches!(error, StoreError::Linked { names: 2, .. }),
                _ => matches!(error, StoreError::NoStore { .. }),
            };
            assert!(right, "{strange}: {way}: {error:?}");
            assert!(error.hint().is_some(), "{strange}: {way}");
        }
        assert_eq!(all(home.directory.path()), before, "{strange}: it was touched");
    }
}

#[tokio::test]
async fn a_store_says_whose_it_is_from_the_first_byte_on_and_one_of_an_earlier_version_does_once_it_was_opened() {
    let home = Home::new();
    let named = || fs::read(home.path()).unwrap()[68..72] == *b"entl";
    let store = home.store().await;
    assert!(named(), "while everything else is still in the log");
    store.record_orders(&shop(), &[paid("o1", "u1", "pro")], at(1)).await.unwrap();
    store.close().await;
    database(&home.path(), "PRAGMA application_id = 0").await;
    assert!(!named());
    home.store().await.close().await;
    assert!(named());
    assert_eq!(Store::verify(&home.path()).await.unwrap().orders, 1);
}

#[tokio::test]
async fn one_store_has_one_writer_by_whichever_name_it_is_called() {
    let home = Home::new();
    home.store().await.close().await;
    let folder = home.directory.path();
    symlink(home.path(), folder.join("link.db")).unwrap();
    fs::create_dir(folder.join("elsewhere")).unwrap();
    symlink(folder.join("link.db"), folder.join("elsewhere/far.db")).unwrap();
    symlink(folder, folder.join("elsewhere/around")).unwrap();
    let names = ["entitled.db", "link.db", "elsewhere/far.db", "elsewhere/around/entitled.db", "elsewhere/../link.db"];
    for held in names {
        let lease = lease::take(&folder.join(held)).unwrap().unwrap();
        for other in names {
            assert!(lease::take(&folder.join(other)).unwrap().is_err(), "{held} and {other}");
            assert!(lease::holder(&folder.join(other)).unwrap().is_some(), "{held} and {other}");
        }
        drop(lease);
    }
    let lock = folder.join("entitled.db-lock");
    assert_eq!(fs::metadata(&lock).unwrap().permissions().mode() & 0o777, 0o600);
    let locks = fs::read_dir(folder)
        .unwrap()
        .filter(|name| name.as_ref().unwrap().file_name().to_string_lossy().ends_with("lock"));
    assert_eq!(locks.count(), 1);
    // By every name the log is that of the file.
    let store = Store::open(&folder.join("elsewhere/far.db")).await.unwrap();
    store.record_orders(&shop(), &[paid("o1", "u1", "pro")], at(1)).await.unwrap();
    assert!(fs::metadata(folder.join("entitled.db-wal")).unwrap().len() > 0);
    assert_eq!(Store::verify(&home.path()).await.unwrap().orders, 1);
}

#[test]
fn what_lies_where_the_lock_should_is_never_written_to() {
    for strange in ["cargo", "link", "link to nothing", "pipe", "folder"] {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("x.db");
        let (lock, other) = (folder.path().join("x.db-lock"), folder.path().join("other"));
        match strange {
            "cargo" => fs::write(&lock, "# This file is automatically @generated by Cargo.\nversion = 4\n").unwrap(),
            "link" => {
                fs::write(&other, "").unwrap();
                symlink(&other, &lock).unwrap();
            }
            "link to nothing" => symlink(&other, &lock).unwrap(),
            "pipe" => assert!(Command::new("mkfifo").arg(&lock).status().unwrap().success()),
            "folder" => fs::create_dir(&lock).unwrap(),
            other => panic!("{other}"),
        }
        let before = all(folder.path());
        assert!(lease::take(&store).is_err(), "{strange}");
        assert!(lease::holder(&store).is_err(), "{strange}");
        assert_eq!(all(folder.path()), before, "{strange}");
    }
    // A name beside a store of another kind is nobody's.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("Cargo.lock"), "version = 4\n").unwrap();
    let _held = lease::take(&folder.path().join("Cargo.db")).unwrap().unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("Cargo.lock")).unwrap(), "version = 4\n");
}

#[tokio::test]
async fn whoever_loses_the_lock_writes_nothing_until_it_is_held_again() {
    let home = Home::new();
    let store = home.store().await;
    store.hold(lease::take(&home.path()).unwrap().unwrap()).await;
    let lock = home.directory.path().join("entitled.db-lock");
    let write = async || store.record_orders(&shop(), &[paid("o1", "u1", "pro")], at(1)).await;
    assert!(write().await.is_ok());

    fs::remove_file(&lock).unwrap();
    assert_eq!(store.displaced(), Some(Displaced::Lock));
    let refused = write().await.unwrap_err();
    assert!(matches!(refused, StoreError::Displaced { how: Displaced::Lock, .. }), "{refused:?}");

    let other = lease::take(&home.path()).unwrap().unwrap();
    store.take_lock_back();
    assert_eq!(store.displaced(), Some(Displaced::Lock), "somebody else has it");
    assert!(write().await.is_err());
    drop(other);
    store.take_lock_back();
    assert_eq!(store.displaced(), None);
    assert!(write().await.is_ok());
    assert!(lease::take(&home.path()).unwrap().is_err(), "it keeps others out again");

    // Another file in its place is as good as none.
    let moved = home.directory.path().join("moved");
    fs::rename(&lock, &moved).unwrap();
    fs::write(&lock, "").unwrap();
    assert_eq!(store.displaced(), Some(Displaced::Lock));
    fs::rename(&moved, &lock).unwrap();
    assert_eq!(store.displaced(), None);
}
