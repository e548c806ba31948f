//! The last day as the limits count it: what was done, what became ours, and what ceased to be.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;

use super::codec::{Sql, int, millis, text};
use super::error::StoreError;
use super::ledger::Cause;
use super::open::Store;
use crate::model::Verb;
use crate::planner::limits::Day;

impl Store {
    /// What happened from `since` on, by target key. `verb` says which limit is looked at: revocations, or grants that
    /// a commit caused.
    pub async fn day(&self, verb: Verb, since: Timestamp) -> Result<BTreeMap<String, Day>, StoreError> {
        let done = match verb {
            Verb::Grant => {
                "SELECT a.target, max(a.at), 0 FROM audit a
                 WHERE a.verb = 'granted' AND a.at >= ?1 AND a.cause = ?2 AND a.author IS NOT 'undo' AND NOT EXISTS (
                     SELECT 1 FROM audit r WHERE r.user = a.user AND r.target = a.target AND r.run = a.run
                     AND r.verb = 'refused' AND r.id > a.id)
                 GROUP BY a.target, a.user"
            }
            _ => {
                "SELECT target, at, 0 FROM audit WHERE verb = 'revoked' AND at >= ?1 AND ?2 IS NOT NULL
                 AND author IS NOT 'undo'
                 UNION ALL SELECT target, at, 0 FROM open_revocations WHERE at >= ?1 AND author IS NOT 'undo'"
            }
        };
        let questions = [
            "SELECT target, count(*), 0 FROM ledger WHERE ?1 IS NOT NULL AND ?2 IS NOT NULL GROUP BY target",
            "SELECT target, since, 0 FROM ledger WHERE since >= ?1 AND ?2 IS NOT NULL",
            "SELECT target, at, coalesce((
                 SELECT max(began.at) FROM audit began
                 WHERE began.user = gone.user AND began.target = gone.target AND began.verb IN ('granted', 'adopted')
                 AND began.id < gone.id), at)
             FROM audit gone WHERE verb IN ('revoked', 'closed', 'released') AND at >= ?1 AND ?2 IS NOT NULL",
            done,
        ];
        let mut days: BTreeMap<String, Day> = BTreeMap::new();
        for (which, question) in questions.into_iter().enumerate() {
            let rows = sqlx::query(question)
                .bind(millis(since))
                .bind(Cause::Commit.word())
                .fetch_all(self.readers())
                .await
                .map_err(|error| self.fault(error))?;
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
