//! Which product led to which target since when, so that the effects of a commit can be told from a sale.
//!
//! Never reads `entitlements.yaml`: it is told what the file says.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;

use super::codec::{Sql, list, millis, text, text_or_null, time};
use super::error::StoreError;
use super::open::Store;

/// A mapping as the file has it: product, target key, and the key of the target that this one replaces.
pub type Mapped = (String, String, Option<String>);

/// A product of `entitlements.yaml` and a target that it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The product, as [`Rule::key`](crate::model::Rule::key) names it.
    pub product: String,
    /// The key of the target.
    pub target: String,
    /// When a pass first saw it.
    pub since: Timestamp,
    /// Whether a full pass has made or passed over every grant that it caused.
    pub settled: bool,
    /// The key of the target that it led to before a name stood for another id.
    pub replaces: Option<String>,
}

impl Store {
    /// Every mapping that the file had when it was last noted, by product and target.
    pub async fn mappings(&self) -> Result<Vec<Mapping>, StoreError> {
        let rows = sqlx::query(
            "SELECT product, target, since, settled_at IS NOT NULL, replaces FROM mappings ORDER BY product, target",
        )
        .fetch_all(self.readers())
        .await;
        let mapping = |row: &SqliteRow| -> Sql<Mapping> {
            Ok(Mapping {
                product: text(row, 0)?.to_owned(),
                target: text(row, 1)?.to_owned(),
                since: time(row, 2)?,
                settled: sqlx::Row::try_get(row, 3)?,
                replaces: text_or_null(row, 4)?.map(str::to_owned),
            })
        };
        rows.and_then(|rows| rows.iter().map(mapping).collect()).map_err(|error| self.fault(error))
    }

    /// Notes what the file says now. What it did not say before is new at `now`; what it no longer says is dropped, and
    /// is new again if it comes back. Of a product with a name that nobody knows, in `nameless`, nothing is dropped.
    pub async fn note_mappings(
        &self,
        mappings: &[Mapped],
        nameless: &[String],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mappings = list(mappings);
        let mut transaction = self.begin().await?;
        let outcome: Sql<()> = async {
            sqlx::query(
                "DELETE FROM mappings
                 WHERE (product, target) NOT IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
                 AND product NOT IN (SELECT value FROM json_each(?2))",
            )
            .bind(mappings.clone())
            .bind(list(nameless))
            .execute(&mut *transaction)
            .await?;
            sqlx::query(
                "INSERT INTO mappings (product, target, since, replaces)
                 SELECT value ->> 0, value ->> 1, ?2, value ->> 2 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
            )
            .bind(mappings)
            .bind(millis(now))
            .execute(&mut *transaction)
            .await?;
            // What they replace is written beside them now; what a commit does later is a commit's.
            sqlx::query("UPDATE names SET before = NULL WHERE before IS NOT NULL")
                .execute(&mut *transaction)
                .await
                .map(drop)
        }
        .await;
        self.end(transaction, outcome).await
    }

    /// Keeps what is known of products that the file names otherwise than it did: each by its key, with the keys
    /// under which it may have stood. What it led to under all of those is no newer now, and what is known under
    /// its own key stays.
    pub async fn carry_mappings(&self, renamed: &[(String, Vec<String>)]) -> Result<(), StoreError> {
        let known = self.mappings().await?;
        let of = |product: &str| known.iter().filter(move |mapping| mapping.product == product).collect::<Vec<_>>();
        let mut carried = Vec::new();
        for (product, before) in renamed.iter().filter(|(product, _)| of(product).is_empty()) {
            let Some((first, others)) = before.split_first() else { continue };
            for mapping in of(first) {
                let same = others.iter().map(|key| of(key).into_iter().find(|one| one.target == mapping.target));
                let Some(mut all) = same.collect::<Option<Vec<_>>>() else { continue };
                all.push(mapping);
                let newest = all.iter().map(|one| one.since).max().unwrap_or(mapping.since);
                let settled = all.iter().all(|one| one.settled).then_some(millis(newest));
                carried.push((product, &mapping.target, millis(newest), settled));
            }
        }
        if carried.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "INSERT INTO mappings (product, target, since, settled_at)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1) WHERE true
             ON CONFLICT DO NOTHING",
        )
        .bind(list(&carried))
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }

    /// All mappings are new once more, from when they were first seen: what came back into the file, or is read
    /// elsewhere now, they have not passed over.
    pub async fn unsettle_mappings(&self) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query("UPDATE mappings SET settled_at = NULL").execute(&mut *transaction).await;
        self.end(transaction, outcome.map(drop)).await
    }

    /// These mappings are no longer new.
    pub async fn settle_mappings(&self, mappings: &[Mapped], now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "UPDATE mappings SET settled_at = ?2 WHERE settled_at IS NULL
             AND (product, target) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
        )
        .bind(list(mappings))
        .bind(millis(now))
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }
}
