//! How far each source was read.
//!
//! Never advances a cursor by itself: the code that stored the pages does.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::codec::{Sql, count, int, millis, time_or_null};
use super::error::StoreError;
use super::open::Store;
use crate::model::{ListMark, SourceName};

/// How far a source was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The newest change that was stored.
    pub watermark: Option<Timestamp>,
    /// When the last good full read ended.
    pub last_full_read: Option<Timestamp>,
    /// How many orders that one had.
    pub last_full_count: Option<u64>,
    /// The settings that it was read with.
    pub reading: Option<i64>,
    /// Rows of that read, or of one since, of which not even the id could be read.
    pub nameless: u64,
    /// How far each list but the orders was read, by its name. The above is of the orders, where there are several
    /// lists.
    pub lists: BTreeMap<String, ListMark>,
}

impl Store {
    /// How far `source` was read. `None`: never.
    pub async fn cursor(&self, source: &SourceName) -> Result<Option<Cursor>, StoreError> {
        let row = sqlx::query(
            "SELECT watermark, last_full_read, last_full_count, reading, nameless, lists FROM cursors
             WHERE source = (SELECT key FROM sources WHERE name = ?1)",
        )
        .bind(source.as_str().to_owned())
        .fetch_optional(self.readers())
        .await;
        row.and_then(|row| {
            row.map(|row| -> Sql<Cursor> {
                Ok(Cursor {
                    watermark: time_or_null(&row, 0)?,
                    last_full_read: time_or_null(&row, 1)?,
                    last_full_count: sqlx::Row::try_get::<Option<i64>, _>(&row, 2)?.map(count),
                    reading: sqlx::Row::try_get(&row, 3)?,
                    nameless: count(int(&row, 4)?),
                    // What cannot be read is read anew.
                    lists: sqlx::Row::try_get::<Option<String>, _>(&row, 5)?
                        .and_then(|lists| serde_json::from_str(&lists).ok())
                        .unwrap_or_default(),
                })
            })
            .transpose()
        })
        .map_err(|error| self.fault(error))
    }

    /// Remembers how far `source` was read.
    pub async fn set_cursor(&self, source: &SourceName, cursor: &Cursor) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome: Sql<()> = async {
            let source = super::keys::source_key(&mut transaction, source).await?;
            let lists = serde_json::to_string(&cursor.lists).expect("marks are plain data");
            let lists = Some(lists).filter(|_| !cursor.lists.is_empty());
            sqlx::query(
                "INSERT INTO cursors (source, watermark, last_full_read, last_full_count, reading, nameless, lists)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (source) DO UPDATE SET watermark = excluded.watermark,
                     last_full_read = excluded.last_full_read, last_full_count = excluded.last_full_count,
                     reading = excluded.reading, nameless = excluded.nameless,
                     lists = excluded.lists",
            )
            .bind(source)
            .bind(cursor.watermark.map(millis))
            .bind(cursor.last_full_read.map(millis))
            .bind(cursor.last_full_count.map(|count| i64::try_from(count).unwrap_or(i64::MAX)))
            .bind(cursor.reading)
            .bind(i64::try_from(cursor.nameless).unwrap_or(i64::MAX))
            .bind(lists)
            .execute(&mut *transaction)
            .await
            .map(drop)
        }
        .await;
        self.end(transaction, outcome).await
    }
}
