//! Which commit has which content of the file.
//!
//! The ledger and the trail keep the version that was in force, and never change a line. If an edited file is committed
//! later with the same bytes, those lines are shown with that commit.

use sqlx::SqliteConnection;

use super::codec::Sql;
use super::error::StoreError;
use super::open::Store;
use crate::model::EDITED;

/// The version in column `$config`: where that is a content (by itself, or after [`EDITED`]) that has been committed
/// since, the commit.
macro_rules! VERSION {
    ($config:literal) => {
        concat!(
            "coalesce((SELECT v.commit_id FROM versions v WHERE v.digest = substr(",
            $config,
            ", -64)), ",
            $config,
            ")"
        )
    };
}

pub(super) use VERSION;

/// Notes that `commit` has the content `digest`; a version that is no commit as it stands notes nothing.
pub(super) async fn note(connection: &mut SqliteConnection, digest: &str, commit: Option<&str>) -> Sql<()> {
    let Some(commit) = commit.filter(|commit| !commit.contains(EDITED)) else { return Ok(()) };
    sqlx::query("INSERT INTO versions (digest, commit_id) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING")
        .bind(digest.to_owned())
        .bind(commit.to_owned())
        .execute(connection)
        .await
        .map(drop)
}

impl Store {
    /// Notes that `commit` has the content `digest`, so that what was done by that content before is read as of the
    /// commit. One that has [`EDITED`] in it notes nothing.
    pub async fn note_version(&self, digest: &str, commit: Option<&str>) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = note(&mut transaction, digest, commit).await;
        self.end(transaction, outcome).await
    }
}
