//! How often a watched file is read: when something may have become of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use entitled::daemon::{Content, Pulse, Watch};
use tokio::time::timeout;

/// Longer than any of it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Has it look until its counts of looks and reads are such, and tells them.
async fn looked(watch: &mut Watch, enough: impl Fn(u64, u64) -> bool) -> (u64, u64) {
    let looking = async {
        loop {
            let (looks, reads) = watch.looks_and_reads();
            if enough(looks, reads) {
                return (looks, reads);
            }
            if let Ok(changed) = timeout(Duration::from_millis(20), watch.changed()).await {
                panic!("nothing has changed: {changed:?}");
            }
        }
    };
    timeout(PATIENCE, looking).await.expect("it looks again and again")
}

/// What it says next that the file holds.
async fn next(watch: &mut Watch, path: &Path) -> Content {
    let (of, content) = timeout(PATIENCE, watch.changed()).await.expect("a change is found");
    assert_eq!(of, path);
    content
}

#[tokio::test]
async fn a_file_that_stays_as_it_is_is_read_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = &folder.path().join("entitlements.yaml");
    std::fs::write(path, "before").unwrap();
    let pulse =
        Pulse { backstop: Duration::from_millis(5), settle: Duration::from_millis(5), gap: Duration::from_secs(1) };
    let mut watch = Watch::new([path.clone()], &BTreeMap::new(), pulse).await;
    let first = watch.known()[path].clone();
    // A write that follows at once may leave the same size and the same times.
    std::fs::write(path, "after!").unwrap();
    assert_ne!(next(&mut watch, path).await, first);
    let (looks, reads) = looked(&mut watch, |looks, reads| looks > reads + 20).await;
    let later = looked(&mut watch, |now, _| now >= looks + 50).await;
    assert_eq!(later.1, reads, "it is read although nothing has become of it");

    // A time that is put back hides nothing.
    let then = std::fs::metadata(path).unwrap().modified().unwrap();
    std::fs::write(path, "before").unwrap();
    std::fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
    assert_eq!(next(&mut watch, path).await, first);
    std::fs::remove_file(path).unwrap();
    assert_eq!(next(&mut watch, path).await, Content::Gone);
}
