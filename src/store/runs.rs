//! The passes that were made.
//!
//! Never records a dry run as a pass: that one works on a copy.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;

use super::codec::{Sql, count, millis, text, text_or_null, time, time_or_null};
use super::error::{StoreError, unreadable};
use super::open::Store;
use super::versions;
use crate::model::RunId;

/// A pass that begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// What it looks at.
    pub kind: RunKind,
    /// The digest of the configuration in force.
    pub config: String,
    /// The commit of that configuration, where it lies in a work tree.
    pub commit: Option<String>,
    /// When it began.
    pub started: Timestamp,
}

/// What a pass looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// The users whose orders changed.
    Quick,
    /// Every target.
    Full,
}

/// How a pass ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// When.
    pub finished: Timestamp,
    /// Whether it went through.
    pub outcome: Outcome,
    /// Actions that were carried out.
    pub done: u64,
    /// Actions that were held.
    pub held: u64,
    /// Actions that failed.
    pub failed: u64,
    /// Calls to Logto.
    pub calls: u64,
}

/// Whether a pass went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// To its end; some of its actions may have been held.
    Succeeded,
    /// It broke off.
    Failed,
}

/// A pass as the store has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// How it began.
    pub run: Run,
    /// How it ended. `None`: it is under way, or was killed.
    pub end: Option<RunEnd>,
}

impl Store {
    /// A pass begins.
    pub async fn begin_run(&self, run: &Run) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let begin = async {
            sqlx::query("INSERT INTO runs (id, kind, config, revision, started) VALUES (?1, ?2, ?3, ?4, ?5)")
                .bind(run.id.as_str().to_owned())
                .bind(kind_word(run.kind))
                .bind(run.config.clone())
                .bind(run.commit.clone())
                .bind(millis(run.started))
                .execute(&mut *transaction)
                .await?;
            sqlx::query(
                "INSERT INTO config_in_force (one, config, since) VALUES (1, ?1, ?2)
                 ON CONFLICT (one) DO UPDATE SET config = excluded.config, since = excluded.since
                 WHERE config <> excluded.config",
            )
            .bind(run.config.clone())
            .bind(millis(run.started))
            .execute(&mut *transaction)
            .await?;
            versions::note(&mut transaction, &run.config, run.commit.as_deref()).await
        };
        let outcome = begin.await;
        self.end(transaction, outcome).await
    }

    /// A pass ended.
    pub async fn finish_run(&self, run: &RunId, end: &RunEnd) -> Result<(), StoreError> {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "UPDATE runs SET finished = ?2, outcome = ?3, done = ?4, held = ?5, failed = ?6, calls = ?7 WHERE id = ?1",
        )
        .bind(run.as_str().to_owned())
        .bind(millis(end.finished))
        .bind(outcome_word(end.outcome))
        .bind(number(end.done))
        .bind(number(end.held))
        .bind(number(end.failed))
        .bind(number(end.calls))
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }

    /// When the last full pass that succeeded was finished. `None`: none ever was, so the ledger is fresh.
    pub async fn last_full_pass(&self) -> Result<Option<Timestamp>, StoreError> {
        sqlx::query("SELECT max(finished) FROM runs WHERE kind = 'full' AND outcome = 'succeeded'")
            .fetch_one(self.readers())
            .await
            .and_then(|row| time_or_null(&row, 0))
            .map_err(|error| self.fault(error))
    }

    /// The last `limit` passes, newest first.
    pub async fn runs(&self, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, kind, config,
                    coalesce((SELECT commit_id FROM versions WHERE digest = config), revision), started, finished,
                    outcome, done, held, failed, calls
             FROM runs ORDER BY started DESC, id DESC LIMIT ?1",
        )
        .bind(limit)
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(run_row).collect()).map_err(|error| self.fault(error))
    }
}

fn kind_word(kind: RunKind) -> &'static str {
    match kind {
        RunKind::Quick => "quick",
        RunKind::Full => "full",
    }
}

fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
    }
}

fn run_row(row: &SqliteRow) -> Sql<RunRow> {
    let kind = match text(row, 1)? {
        "quick" => RunKind::Quick,
        "full" => RunKind::Full,
        word => return Err(unreadable("kind of pass", word)),
    };
    let number = |column| -> Sql<u64> { Ok(count(sqlx::Row::try_get(row, column)?)) };
    let end = match time_or_null(row, 5)? {
        None => None,
        Some(finished) => Some(RunEnd {
            finished,
            outcome: match text(row, 6)? {
                "succeeded" => Outcome::Succeeded,
                "failed" => Outcome::Failed,
                word => return Err(unreadable("outcome", word)),
            },
            done: number(7)?,
            held: number(8)?,
            failed: number(9)?,
            calls: number(10)?,
        }),
    };
    let run = Run {
        id: text(row, 0)?.into(),
        kind,
        config: text(row, 2)?.to_owned(),
        commit: text_or_null(row, 3)?.map(str::to_owned),
        started: time(row, 4)?,
    };
    Ok(RunRow { run, end })
}
