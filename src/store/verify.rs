//! Whether a store is whole: the file, the references, and that every grant of ours has its line in the trail.
//!
//! Never repairs, and never changes the store that it looks at.

use std::path::Path;

use sqlx::{Connection as _, SqliteConnection};

use super::codec::{Sql, count, text};
use super::error::StoreError;
use super::open::Store;
use super::{connect, own, schema};

/// How much a store that is whole has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Orders.
    pub orders: u64,
    /// Buyers.
    pub buyers: u64,
    /// Grants that are ours.
    pub ledger: u64,
    /// Lines of the audit trail.
    pub audit: u64,
    /// Passes.
    pub runs: u64,
}

impl Store {
    /// Checks the whole store at `path`, also while a daemon writes to it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the first thing that is wrong; else as for [`open`](Store::open).
    pub async fn verify(path: &Path) -> Result<Verified, StoreError> {
        let path = &own::real(path);
        own::look(path)?;
        let fault = |error| StoreError::of(path, error);
        let damaged = |what| StoreError::Damaged { path: path.to_owned(), what };
        let mut connection = connect::unchanged(path).await.map_err(fault)?;
        let verdict = match schema::judge(path, &mut connection, false).await {
            Ok(()) => file(&mut connection).await.map_err(fault),
            Err(refused) => Err(refused),
        };
        connection.close().await.map_err(fault)?;
        if let Some(what) = verdict? {
            return Err(damaged(what));
        }
        // The rest is asked of a copy, since an older schema must be brought up to date first.
        let copy = Self::for_reading(path).await?;
        let outcome = copy.contents(path).await;
        copy.close().await;
        outcome
    }

    async fn contents(&self, path: &Path) -> Result<Verified, StoreError> {
        if let Some(what) = self.flaw().await? {
            return Err(StoreError::Damaged { path: path.to_owned(), what });
        }
        let (orders, buyers, ledger, audit, runs): (i64, i64, i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM buyers), (SELECT count(*) FROM ledger),
                    (SELECT count(*) FROM audit), (SELECT count(*) FROM runs)",
        )
        .fetch_one(self.readers())
        .await
        .map_err(|error| StoreError::of(path, error))?;
        Ok(Verified {
            orders: count(orders),
            buyers: count(buyers),
            ledger: count(ledger),
            audit: count(audit),
            runs: count(runs),
        })
    }

    /// What is wrong with the ledger: SQLite has no checksums, so a page that is whole may still say what
    /// nobody wrote. A row that cannot be read, or of which the trail does not say last that it is ours.
    pub(super) async fn flaw(&self) -> Result<Option<String>, StoreError> {
        match self.ledger(None).await {
            Ok(_) => {}
            Err(StoreError::Sql { source: sqlx::Error::Decode(source), .. }) => return Ok(Some(source.to_string())),
            Err(StoreError::Sql { source: sqlx::Error::ColumnDecode { source, .. }, .. }) => {
                return Ok(Some(source.to_string()));
            }
            Err(other) => return Err(other),
        }
        let untold: Sql<Option<String>> = async {
            let row = sqlx::query(
                "SELECT l.user, l.target FROM ledger l WHERE coalesce((
                     SELECT a.verb FROM audit a WHERE a.user = l.user AND a.target = l.target ORDER BY a.id DESC LIMIT 1
                 ), '') NOT IN ('granted', 'adopted') LIMIT 1",
            )
            .fetch_optional(self.readers())
            .await?;
            row.map(|row| {
                let (user, target) = (text(&row, 0)?, text(&row, 1)?);
                Ok(format!("the ledger has `{target}` of user `{user}`, and the audit trail does not"))
            })
            .transpose()
        }
        .await;
        untold.map_err(|error| self.fault(error))
    }
}

/// What is wrong with the file.
async fn file(connection: &mut SqliteConnection) -> Sql<Option<String>> {
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *connection).await?;
    if tables == 0 {
        return Ok(Some("it is empty".to_owned()));
    }
    let said: String = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut *connection).await?;
    if said != "ok" {
        return Ok(Some(said));
    }
    let row = sqlx::query("PRAGMA foreign_key_check").fetch_optional(connection).await?;
    row.map(|row| Ok(format!("a row of `{}` refers to one of `{}` that is gone", text(&row, 0)?, text(&row, 2)?)))
        .transpose()
}
