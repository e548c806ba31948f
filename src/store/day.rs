//! The last day as the limits count it: what was done, what became ours, and what ceased to be.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;

use super::cause::Cause;
use super::codec::{Sql, int, keys, millis, text};
use super::error::StoreError;
use super::open::Store;
use crate::model::{Grant, Verb};
use crate::planner::TRIES;
use crate::planner::limits::Day;

impl Store {
    /// What happened from `since` on, by target key. `verb` says which limit is looked at: revocations, or grants that
    /// a commit caused. `waiting`: revocations that were tried before and wait to be tried again, which are wanted and
    /// not done.
    pub async fn day(
        &self,
        verb: Verb,
        since: Timestamp,
        waiting: &[Grant],
    ) -> Result<BTreeMap<String, Day>, StoreError> {
        let since = millis(since);
        let owned = sqlx::query("SELECT target, count(*), 0 FROM ledger GROUP BY target");
        let came = sqlx::query("SELECT target, since, 0 FROM ledger WHERE since >= ?1").bind(since);
        let went = sqlx::query(
            "SELECT target, at, coalesce((
                 SELECT max(began.at) FROM audit began
                 WHERE began.user = gone.user AND began.target = gone.target AND began.verb IN ('granted', 'adopted')
                 AND began.id < gone.id), at)
             FROM audit gone WHERE verb IN ('revoked', 'closed', 'released') AND at >= ?1",
        )
        .bind(since);
        let done = match verb {
            Verb::Grant => sqlx::query(
                "SELECT a.target, max(a.at), 0 FROM audit a
                 WHERE a.verb = 'granted' AND a.at >= ?1 AND a.cause = ?2 AND a.author IS NOT 'undo' AND NOT EXISTS (
                     SELECT 1 FROM audit r WHERE r.user = a.user AND r.target = a.target AND r.run = a.run
                     AND r.verb = 'refused' AND r.id > a.id)
                 GROUP BY a.target, a.user",
            )
            .bind(since)
            .bind(Cause::Commit.word()),
            _ => sqlx::query(
                "SELECT target, at, 0 FROM audit WHERE verb = 'revoked' AND at >= ?1 AND author IS NOT 'undo'
                 UNION ALL
                 SELECT target, at, 0 FROM open_revocations
                 WHERE at >= ?1 AND in_vain < ?2 AND author IS NOT 'undo'
                 AND (user, target) NOT IN (SELECT value ->> 0, value ->> 1 FROM json_each(?3))",
            )
            .bind(since)
            .bind(TRIES)
            .bind(keys(waiting)),
        };
        let mut days: BTreeMap<String, Day> = BTreeMap::new();
        for (which, question) in [owned, came, went, done].into_iter().enumerate() {
            let rows = question.fetch_all(self.readers()).await.map_err(|error| self.fault(error))?;
            for row in &rows {
                let (target, first, second) = figures(row).map_err(|error| self.fault(error))?;
                let day = days.entry(target).or_default();
                match which {
                    0 => day.owned = first.unsigned_abs(),
                    1 => day.came.push(first),
                    2 => day.went.push((second, first)),
                    _ => day.done.push(first),
                }
            }
        }
        days.values_mut().for_each(Day::sort);
        Ok(days)
    }
}

fn figures(row: &SqliteRow) -> Sql<(String, i64, i64)> {
    Ok((text(row, 0)?.to_owned(), int(row, 1)?, int(row, 2)?))
}
