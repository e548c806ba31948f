//! What approvals let through, action by action: each once, until its approval expires. It is spent when its change is
//! begun, and given back if the change was not made.
//!
//! Which approval lifts which hold is decided by the planner, never here.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::approvals::{Approval, approve};
use super::audit::{self, Actor, Verb};
use super::codec::{Sql, count, list, millis, text, time};
use super::error::StoreError;
use super::open::Store;
use crate::model::RunId;

/// One change that a person let through, and which kind of hold that lifts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ApprovedAction {
    /// The approval that it is part of.
    pub digest: String,
    /// The kind of hold, in a word.
    pub lifts: String,
    /// `grant` or `revoke`.
    pub verb: String,
    /// The key of the target.
    pub target: String,
    /// The id of the user.
    pub user: String,
}

/// What became of an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalNow {
    /// Names the set that was held.
    pub digest: String,
    /// Who let it through.
    pub who: String,
    /// When.
    pub created: Timestamp,
    /// From then on it lets nothing through.
    pub expires: Timestamp,
    /// Changes of it that were carried out.
    pub used: u64,
    /// Changes of it that are still let through until then.
    pub open: u64,
}

impl Store {
    /// Lets a held set through, action by action. One that was let through before, used or not, is let through anew.
    pub async fn approve_actions(&self, approval: &Approval, actions: &[ApprovedAction]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = write_down(&mut transaction, approval, actions).await;
        self.end(transaction, outcome).await
    }

    /// What is let through at `now`, neither used nor expired: of a pass, or of taking a run back.
    pub async fn open_actions(
        &self,
        now: Timestamp,
        undoes: Option<&RunId>,
    ) -> Result<Vec<ApprovedAction>, StoreError> {
        let rows = sqlx::query(
            "SELECT a.digest, a.lifts, a.verb, a.target, a.user FROM approvals p
             CROSS JOIN approved_actions a USING (digest)
             WHERE p.expires > ?1 AND p.undoes IS ?2 AND a.used_at IS NULL
             ORDER BY a.digest, a.lifts, a.verb, a.target, a.user",
        )
        .bind(millis(now))
        .bind(undoes.map(|run| run.as_str().to_owned()))
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(action).collect()).map_err(|error| self.fault(error))
    }

    /// What was let through after `since` and by `now`, by word of what it lifts, used or not: each with when.
    pub async fn let_through(
        &self,
        lifts: &[&str],
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<(ApprovedAction, Timestamp)>, StoreError> {
        let rows = sqlx::query(
            "SELECT a.digest, a.lifts, a.verb, a.target, a.user, p.created
             FROM approvals p CROSS JOIN approved_actions a USING (digest)
             WHERE p.created > ?1 AND p.created <= ?3 AND p.undoes IS NULL
             AND a.lifts IN (SELECT value FROM json_each(?2))",
        )
        .bind(millis(since))
        .bind(list(lifts))
        .bind(millis(now))
        .fetch_all(self.readers())
        .await;
        let row = |row: &SqliteRow| Ok((action(row)?, time(row, 5)?));
        rows.and_then(|rows| rows.iter().map(row).collect()).map_err(|error| self.fault(error))
    }

    /// Spends actions. To be called **before** they are carried out: else a pass that is killed could make a change
    /// twice by one approval.
    pub async fn spend_actions(
        &self,
        run: &RunId,
        actions: &[ApprovedAction],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if actions.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let outcome = spend(&mut transaction, run, actions, now).await;
        self.end(transaction, outcome).await
    }

    /// Writes down what came of actions that a run has spent: which were carried out, and which were not and are given
    /// back. The trail has one line for each approval of which a run has carried anything out.
    pub async fn settle_actions(
        &self,
        run: &RunId,
        carried_out: &[ApprovedAction],
        given_back: &[ApprovedAction],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if carried_out.is_empty() && given_back.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let outcome = async {
            give_back(&mut transaction, run, given_back).await?;
            note_use(&mut transaction, run, carried_out, now).await
        }
        .await;
        self.end(transaction, outcome).await
    }

    /// What became of the approvals given since `since`, the newest first.
    pub async fn approvals_since(&self, since: Timestamp) -> Result<Vec<ApprovalNow>, StoreError> {
        let rows = sqlx::query(
            "SELECT p.digest, p.who, p.created, p.expires, coalesce(sum(a.used_at IS NOT NULL), 0),
                    coalesce(sum(a.used_at IS NULL), 0)
             FROM approvals p JOIN approved_actions a USING (digest) WHERE p.created >= ?1
             GROUP BY p.created, p.digest ORDER BY p.created DESC, p.digest",
        )
        .bind(millis(since))
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(now).collect()).map_err(|error| self.fault(error))
    }
}

async fn write_down(connection: &mut SqliteConnection, approval: &Approval, actions: &[ApprovedAction]) -> Sql<()> {
    approve(connection, approval).await?;
    sqlx::query("DELETE FROM approved_actions WHERE digest = ?1")
        .bind(approval.digest.clone())
        .execute(&mut *connection)
        .await?;
    let rows: Vec<_> = actions.iter().map(|one| [&one.lifts, &one.verb, &one.target, &one.user]).collect();
    sqlx::query(
        "INSERT OR IGNORE INTO approved_actions (digest, lifts, verb, target, user)
         SELECT ?2, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1)",
    )
    .bind(list(&rows))
    .bind(approval.digest.clone())
    .execute(&mut *connection)
    .await
    .map(drop)
}

async fn spend(connection: &mut SqliteConnection, run: &RunId, actions: &[ApprovedAction], now: Timestamp) -> Sql<()> {
    sqlx::query(
        "UPDATE approved_actions SET used_at = ?2, run = ?3
         WHERE used_at IS NULL AND (digest, lifts, verb, target, user) IN
            (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1))",
    )
    .bind(rows(actions))
    .bind(millis(now))
    .bind(run.as_str().to_owned())
    .execute(connection)
    .await
    .map(drop)
}

/// What another run has spent stays spent.
async fn give_back(connection: &mut SqliteConnection, run: &RunId, actions: &[ApprovedAction]) -> Sql<()> {
    sqlx::query(
        "UPDATE approved_actions SET used_at = NULL, run = NULL
         WHERE run = ?2 AND (digest, lifts, verb, target, user) IN
            (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1))",
    )
    .bind(rows(actions))
    .bind(run.as_str().to_owned())
    .execute(connection)
    .await
    .map(drop)
}

/// An approval names the run that made use of it last.
async fn note_use(
    connection: &mut SqliteConnection,
    run: &RunId,
    actions: &[ApprovedAction],
    now: Timestamp,
) -> Sql<()> {
    let digests: BTreeSet<&str> = actions.iter().map(|one| one.digest.as_str()).collect();
    let digests: Vec<&str> = digests.into_iter().collect();
    let told: Vec<String> = sqlx::query_scalar(
        "UPDATE approvals SET used_at = ?2, run = ?3
         WHERE digest IN (SELECT value FROM json_each(?1)) AND run IS NOT ?3 RETURNING digest",
    )
    .bind(list(&digests))
    .bind(millis(now))
    .bind(run.as_str().to_owned())
    .fetch_all(&mut *connection)
    .await?;
    let lines: Vec<(&str, Option<&str>)> = told.iter().map(|digest| (digest.as_str(), None)).collect();
    if lines.is_empty() {
        return Ok(());
    }
    audit::append(connection, Verb::ApprovalUsed, Actor::Pass(run), &lines, now).await
}

fn rows(actions: &[ApprovedAction]) -> String {
    let rows: Vec<_> = actions.iter().map(|one| [&one.digest, &one.lifts, &one.verb, &one.target, &one.user]).collect();
    list(&rows)
}

fn action(row: &SqliteRow) -> Sql<ApprovedAction> {
    let [digest, lifts, verb, target, user] = [0, 1, 2, 3, 4].map(|at| text(row, at).map(str::to_owned));
    Ok(ApprovedAction { digest: digest?, lifts: lifts?, verb: verb?, target: target?, user: user? })
}

fn now(row: &SqliteRow) -> Sql<ApprovalNow> {
    Ok(ApprovalNow {
        digest: text(row, 0)?.to_owned(),
        who: text(row, 1)?.to_owned(),
        created: time(row, 2)?,
        expires: time(row, 3)?,
        used: count(row.try_get(4)?),
        open: count(row.try_get(5)?),
    })
}
