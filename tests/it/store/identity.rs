//! Which store a file is, and that nothing is written to, or read from, another file than the one that was opened.

use std::path::Path;
use std::time::Duration;

use entitled::store::{Displaced, Freeze, FreezeScope, Store, StoreError};

use super::{Home, at};

fn freeze() -> Freeze {
    let (reason, who) = ("wait".to_owned(), "ann".to_owned());
    Freeze { scope: FreezeScope::All, since: at(0), until: at(1_000), reason, who }
}

async fn id_at(path: &Path) -> String {
    Store::id_at(path).await.unwrap().to_string()
}

#[tokio::test]
async fn a_store_is_known_again_and_no_other_file_is_taken_for_it() {
    let home = Home::new();
    let beside = |name: &str| home.directory.path().join(name);
    // What is still to be made has a name too, one for each path, and what is made is another one.
    let absent = id_at(&home.path()).await;
    assert_eq!(Store::scratch(&home.path()).await.unwrap().id().to_string(), absent);
    assert!(absent.len() == 32 && absent != id_at(&beside("other.db")).await);
    assert!(!home.path().exists(), "a look makes nothing");

    let store = home.store().await;
    let id = store.id().to_string();
    assert_ne!(id, absent);
    assert_eq!(
        (id_at(&home.path()).await, Store::scratch(&home.path()).await.unwrap().id().to_string()),
        (id.clone(), id.clone())
    );
    store.freeze(&freeze()).await.unwrap();
    store.close().await;
    assert_eq!(home.store().await.id().to_string(), id, "whatever is written into it");

    let another = Store::open(&beside("another.db")).await.unwrap();
    std::fs::copy(home.path(), beside("copy.db")).unwrap();
    for other in [another.id().to_string(), id_at(&beside("copy.db")).await] {
        assert_ne!(other, id);
    }
    // Moved, it is the same.
    std::fs::rename(home.path(), beside("moved.db")).unwrap();
    assert_eq!(id_at(&beside("moved.db")).await, id);
}

#[tokio::test]
async fn a_store_that_is_not_at_its_path_is_written_to_no_more_and_read_from_no_other_file() {
    for (deed, what) in [("removed", Displaced::Gone), ("replaced", Displaced::Replaced)] {
        let home = Home::new();
        let aside = home.directory.path().join("aside.db");
        let other = home.directory.path().join("other.db");
        let replacement = Store::open(&other).await.unwrap();
        replacement.freeze(&freeze()).await.unwrap();
        replacement.close().await;

        // Nothing was read from it so far, so that its readers are still to be opened.
        let store = home.store().await;
        assert_eq!(store.displaced(), None);
        std::fs::rename(home.path(), &aside).unwrap();
        if what == Displaced::Replaced {
            std::fs::rename(&other, home.path()).unwrap();
        }
        assert_eq!(store.displaced(), Some(what), "{deed}");
        let refused = store.unfreeze("ann", at(1)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Displaced { how, .. } if how == what), "{deed}: {refused}");
        assert!(refused.hint().unwrap().contains("put the file back"));
        // At once, and not when a pool has lost its patience.
        let read = tokio::time::timeout(Duration::from_secs(5), store.frozen(at(1))).await.expect("an answer");
        assert!(matches!(read, Err(StoreError::Displaced { how, .. }) if how == what), "{deed}: {read:?}");

        std::fs::rename(&aside, home.path()).unwrap();
        assert_eq!(store.displaced(), None, "{deed}");
        assert_eq!(store.frozen(at(1)).await.unwrap(), None, "{deed}");
        store.freeze(&freeze()).await.unwrap();
        assert_eq!(store.frozen(at(1)).await.unwrap(), Some(freeze()), "{deed}");
        store.close().await;
    }
}

/// The log of a store, where SQLite keeps it.
fn log(home: &Home) -> std::path::PathBuf {
    home.directory.path().join("entitled.db-wal")
}

/// The file may be the right one: without its log, whatever somebody else says to it is not heard.
#[tokio::test]
async fn a_store_whose_log_is_not_at_its_path_is_written_to_no_more() {
    for deed in ["removed", "replaced"] {
        let home = Home::new();
        let store = home.store().await;
        store.freeze(&freeze()).await.unwrap();
        std::fs::remove_file(log(&home)).unwrap();
        if deed == "replaced" {
            std::fs::write(log(&home), "").unwrap();
        }
        assert!(store.displaced().is_some(), "{deed}");
        let refused = store.unfreeze("ann", at(1)).await.unwrap_err();
        let hint = refused.hint().unwrap();
        assert!(hint.contains("restart it") && !hint.contains("by itself"), "{deed}: {hint}");
        let read = tokio::time::timeout(Duration::from_secs(5), store.frozen(at(1))).await.expect("an answer");
        assert!(matches!(read, Err(StoreError::Displaced { .. })), "{deed}: {read:?}");
    }
}

/// Whoever ends before anybody has noticed leaves no log beside a file that it is not the log of.
#[tokio::test]
async fn a_store_that_was_replaced_leaves_nothing_of_its_own_to_the_new_file() {
    for noticed in [true, false] {
        let home = Home::new();
        let (aside, backup) = (home.directory.path().join("aside.db"), home.directory.path().join("backup.db"));
        let store = home.store().await;
        store.backup(&backup).await.unwrap();
        store.freeze(&freeze()).await.unwrap();
        std::fs::rename(home.path(), &aside).unwrap();
        std::fs::rename(&backup, home.path()).unwrap();
        if noticed {
            store.set_log_aside().await;
        }
        store.close().await;
        let restored = home.store().await;
        assert_eq!(restored.frozen(at(1)).await.unwrap(), None, "{noticed}: the backup is as it was made");
        restored.close().await;
        // And the other one is whole in itself, wherever it lies.
        let kept = Store::open(&aside).await.unwrap();
        assert_eq!(kept.frozen(at(1)).await.unwrap(), Some(freeze()), "{noticed}");
        kept.close().await;
        let left: Vec<_> =
            std::fs::read_dir(home.directory.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{noticed}: {left:?}");
    }
}

/// A copy is looked at by nobody else, so nothing can be said past it.
#[tokio::test]
async fn a_copy_for_a_dry_run_is_not_displaced() {
    let home = Home::new();
    home.store().await.close().await;
    let copy = Store::scratch(&home.path()).await.unwrap();
    std::fs::remove_dir_all(copy.path().parent().unwrap()).unwrap();
    assert_eq!(copy.displaced(), None);
    copy.close().await;
}
