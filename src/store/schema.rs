//! The schema: its steps, whether a file has one that this version can use, and how it is brought up to date.
//!
//! To add a step, write `migrations/NNNN_name.sql` under the next number, say in a comment there what it is for and
//! what becomes of the rows that exist, and add its line to `STEPS`. Never change a step that was released: stores know
//! the checksum of each. `tests/it/store/upgrade.rs` shows that a store of an earlier version loses nothing.
//!
//! Steps are taken when a store is opened, by whoever opens it (a daemon that stands by, too), before anything else is
//! written; a dry run takes them in its copy. Each step is one transaction together with the note that it was taken, so
//! a process that is killed in between leaves a store at an earlier step, and the next one to open it goes on. There is
//! no way back: a store with a later schema than this version knows is refused as [`StoreError::Newer`] and left as it
//! is.

use std::path::Path;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{SqlStr, SqliteConnection, SqlitePool};

use super::codec::Sql;
use super::error::StoreError;

/// Each step of the schema. Only ever added to: a file in the field knows them by their checksum.
const STEPS: [(i64, &str, &str); 31] = [
    (1, "orders", include_str!("migrations/0001_orders.sql")),
    (2, "ledger", include_str!("migrations/0002_ledger.sql")),
    (3, "runs", include_str!("migrations/0003_runs.sql")),
    (4, "safety", include_str!("migrations/0004_safety.sql")),
    (5, "subscriptions", include_str!("migrations/0005_subscriptions.sql")),
    (6, "marks", include_str!("migrations/0006_marks.sql")),
    (7, "hooks", include_str!("migrations/0007_hooks.sql")),
    (8, "odd", include_str!("migrations/0008_odd.sql")),
    (9, "turned", include_str!("migrations/0009_turned.sql")),
    (10, "renamed", include_str!("migrations/0010_renamed.sql")),
    (11, "foreign", include_str!("migrations/0011_foreign.sql")),
    (12, "renewals", include_str!("migrations/0012_renewals.sql")),
    (13, "valid_file", include_str!("migrations/0013_valid_file.sql")),
    (14, "names", include_str!("migrations/0014_names.sql")),
    (15, "approvals", include_str!("migrations/0015_approvals.sql")),
    (16, "undo_approvals", include_str!("migrations/0016_undo_approvals.sql")),
    (17, "identity", include_str!("migrations/0017_identity.sql")),
    (18, "resolved_anew", include_str!("migrations/0018_resolved_anew.sql")),
    (19, "versions", include_str!("migrations/0019_versions.sql")),
    (20, "kept_status", include_str!("migrations/0020_kept_status.sql")),
    (21, "intents", include_str!("migrations/0021_intents.sql")),
    (22, "asked", include_str!("migrations/0022_asked.sql")),
    (23, "safeguards", include_str!("migrations/0023_safeguards.sql")),
    (24, "costs", include_str!("migrations/0024_costs.sql")),
    (25, "rechecks", include_str!("migrations/0025_rechecks.sql")),
    (26, "explained", include_str!("migrations/0026_explained.sql")),
    (27, "absent sources", include_str!("migrations/0027_absent_sources.sql")),
    (28, "terms", include_str!("migrations/0028_terms.sql")),
    (29, "parts", include_str!("migrations/0029_parts.sql")),
    (30, "lists", include_str!("migrations/0030_lists.sql")),
    (31, "pending", include_str!("migrations/0031_pending.sql")),
];

/// Whether this is a store that this version can use, before anything is changed in it. `whole`: and whether its every
/// page is sound.
pub(super) async fn judge(path: &Path, connection: &mut SqliteConnection, whole: bool) -> Result<(), StoreError> {
    let fault = |error| StoreError::of(path, error);
    let (tables, ours, like_ours): (i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), coalesce(sum(name = '_sqlx_migrations'), 0),
                coalesce(sum(name IN ('ledger', 'audit', 'orders', 'buyers')), 0)
         FROM sqlite_schema",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(fault)?;
    if tables == 0 {
        return Ok(());
    }
    if ours == 0 && like_ours > 2 {
        let what = "it does not say which schema it has".to_owned();
        return Err(StoreError::Damaged { path: path.to_owned(), what });
    }
    if ours == 0 {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    let found = schema(connection).await.map_err(fault)?;
    let known = STEPS[STEPS.len() - 1].0;
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    if whole {
        let what: String =
            sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut *connection).await.map_err(fault)?;
        if what != "ok" {
            return Err(StoreError::Damaged { path: path.to_owned(), what });
        }
    }
    Ok(())
}

/// The schema of a store.
async fn schema(connection: &mut SqliteConnection) -> Sql<i64> {
    sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations").fetch_one(&mut *connection).await
}

/// Whether a store has the schema of this version.
pub(super) async fn is_current(connection: &mut SqliteConnection) -> Sql<bool> {
    Ok(schema(connection).await? == STEPS[STEPS.len() - 1].0)
}

/// Takes the steps that are still to be taken.
pub(super) async fn migrate(path: &Path, writer: &SqlitePool) -> Result<(), StoreError> {
    let steps = STEPS.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, SqlStr::from_static(sql), false)
    });
    let migrator = Migrator::with_migrations(steps.into());
    // SQLite has no lock for this: of two processes that open a new store at once, one finds its step
    // already taken, and goes on from there when it looks again. That may happen at every step.
    let mut outcome = migrator.run(writer).await;
    for _ in STEPS {
        match outcome {
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) => outcome = migrator.run(writer).await,
            _ => break,
        }
    }
    outcome.map_err(|error| match error {
        MigrateError::Execute(error) => StoreError::of(path, error),
        source => StoreError::Migrate { path: path.to_owned(), source },
    })
}
