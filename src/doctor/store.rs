//! The store: openable, schema, writable, size, mode, who writes to it.
//!
//! Never writes to it: its contents are looked at in a copy.

#![expect(clippy::disallowed_methods, reason = "an edge: looks at a file")]

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use jiff::Timestamp;

use super::{Patient, SaysStore};
use crate::config::settings::Config;
use crate::pass::active::carry_over_one;
use crate::report::checkup::Check;
use crate::store::{FreezeScope, Store, StoreError, lease};
use crate::text::{error_chain, human};

const SECTION: &str = "store";
const OPENS: &str = "opens";
const WRITABLE: &str = "writable";
const SIZE: &str = "size";
const MODE: &str = "mode";
const WRITER: &str = "writer";
const FROZEN: &str = "frozen";
const SAID: &str = "path";
const RENAMED: &str = "was";
/// The least that SQLite writes.
const PAGE: usize = 4096;

/// What of the store the other checks speak of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// Grants in the ledger.
    pub(super) grants: u64,
}

pub(super) async fn examine(path: &Path, config: &Config, now: Timestamp) -> (Vec<Check>, Known) {
    let mut checks = Vec::new();
    let mut known = Known::default();
    if let Ok(file) = fs::metadata(path) {
        match contents(path, config, now).await {
            Ok((opens, grants)) => {
                checks.extend(opens);
                known.grants = grants;
            }
            Err(error) => checks.push(Check::wrong(SECTION, OPENS, error_chain(&error), error.hint())),
        }
        checks.push(writable(path));
        checks.push(Check::ok(SECTION, SIZE, human::bytes(file.len())));
        checks.push(mode(path, &file));
    } else {
        let path = path.display();
        checks.push(Check::note(
            SECTION,
            OPENS,
            format!("`{path}` does not exist yet; the first pass creates it"),
            None,
        ));
        checks.push(folder(path.to_string().as_ref()));
    }
    checks.push(match lease::holder(path) {
        Ok(Some(holder)) => Check::ok(SECTION, WRITER, holder),
        Ok(None) => Check::ok(SECTION, WRITER, "nobody at the moment"),
        Err(error) => Check::wrong(SECTION, WRITER, error_chain(&error), None),
    });
    (checks, known)
}

/// A commit that sets another `store` begins an empty ledger, which has no limits: a caution where one can.
pub(super) fn said(Patient { config, origin, store, .. }: Patient<'_>) -> Option<Check> {
    if store == SaysStore::CommandLine || !crate::config::says_store(config) {
        return None;
    }
    let found = format!(
        "`store` in {} says where it lies: with a commit that changes it, the next start finds an empty ledger, which knows of no limits",
        origin.file
    );
    let mend = "set `ENTITLED_STORE`, or `--store`, as the examples do: either outranks the file";
    Some(Check::note(SECTION, SAID, found, Some(mend.to_owned())))
}

async fn contents(path: &Path, config: &Config, now: Timestamp) -> Result<(Vec<Check>, u64), StoreError> {
    let copy = Store::for_reading(path).await?;
    let grants = copy.ledger(None).await?.len() as u64;
    let passed = match copy.last_full_pass().await? {
        Some(at) => format!("the last full pass ended {at:.0}"),
        None => "no full pass has finished yet".to_owned(),
    };
    let owned = human::count(grants, "grant");
    let mut checks = vec![Check::ok(SECTION, OPENS, format!("its schema is known; {owned} in the ledger; {passed}"))];
    if let Some(freeze) = copy.frozen(now).await? {
        let what = match freeze.scope {
            FreezeScope::Revocations => "nothing is taken away",
            FreezeScope::All => "nothing is written to Logto",
        };
        let says = format!("{what} until {:.0}, by {}: {}", freeze.until, freeze.who, freeze.reason);
        checks.push(Check::note(SECTION, FROZEN, says, Some("`entitled unfreeze` ends it".to_owned())));
    }
    for source in &config.sources {
        // In the copy, as the next pass does it in the store. Where there is no room for a copy it cannot be tried further.
        if let Err(error @ StoreError::SameIds { .. }) = carry_over_one(source, &copy, now).await {
            checks.push(Check::wrong(SECTION, RENAMED, error_chain(&error), error.hint()));
        }
    }
    copy.close().await;
    Ok((checks, grants))
}

/// Opening for writing changes nothing, and making a file beside it is what SQLite's log needs.
fn writable(path: &Path) -> Check {
    match OpenOptions::new().append(true).open(path) {
        Ok(_) => folder(path),
        Err(error) => Check::wrong(
            SECTION,
            WRITABLE,
            format!("`{}` cannot be written: {error}", path.display()),
            Some("give the file to the user that runs the daemon".to_owned()),
        ),
    }
}

fn folder(store: &Path) -> Check {
    let folder = match store.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let probe = folder.join(format!(".entitled-doctor-{:08x}", fastrand::u32(..)));
    let made = OpenOptions::new().write(true).create_new(true).open(&probe);
    // A file without content fits on every disk.
    let filled = made.and_then(|mut file| file.write_all(&[0; PAGE]));
    let _not_there_or_said_already = fs::remove_file(&probe);
    match filled {
        Err(error)
            if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::FileTooLarge | ErrorKind::QuotaExceeded) =>
        {
            Check::wrong(
                SECTION,
                WRITABLE,
                format!("there is no room in `{}`: {error}", folder.display()),
                Some("free some space: nothing can be recorded until then, so nothing is done".to_owned()),
            )
        }
        Ok(()) => Check::ok(SECTION, WRITABLE, format!("`{}`, and the folder it lies in", store.display())),
        Err(error) => Check::wrong(
            SECTION,
            WRITABLE,
            format!("no file can be created in `{}`: {error}", folder.display()),
            Some("SQLite keeps its log beside the store: give the folder to the user that runs the daemon".to_owned()),
        ),
    }
}

#[cfg(unix)]
fn mode(path: &Path, file: &fs::Metadata) -> Check {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Check::ok(SECTION, MODE, format!("{mode:04o}"));
    }
    let mend = format!("it holds addresses of buyers: `chmod 600 {}`", path.display());
    Check::wrong(SECTION, MODE, format!("{mode:04o}: others may read it"), Some(mend))
}

#[cfg(not(unix))]
fn mode(_: &Path, _: &fs::Metadata) -> Check {
    Check::not_tried(SECTION, MODE, "this system has no file modes")
}
