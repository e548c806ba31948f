//! The audit trail: everything that ever happened to a grant of ours, and everything that a person let happen.
//!
//! Only ever appended to: the schema lets nobody change or delete a line.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::cause::Cause;
use super::codec::{Sql, count, grant, int, list, millis, text, text_or_null, time};
use super::error::{StoreError, unreadable};
use super::open::Store;
use super::versions::VERSION;
use crate::model::{Grant, OrderId, ProductId, RunId, SourceName, UserId};
use crate::planner::TRIES;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Logto was about to be asked for it.
    Granted,
    /// It was there when an order first explained it.
    Adopted,
    /// It was taken away.
    Revoked,
    /// Logto refused to grant it.
    Refused,
    /// Nothing entitled to it and nobody held it.
    Closed,
    /// A person gave it up; whoever held it holds it still.
    Released,
    /// A person let a held set through.
    Approved,
    /// A pass made use of that.
    ApprovalUsed,
    /// A person stopped revocations, or every write.
    Frozen,
    /// A person ended that before its time.
    Unfrozen,
}

impl Verb {
    const ALL: [Self; 10] = [
        Self::Granted,
        Self::Adopted,
        Self::Revoked,
        Self::Refused,
        Self::Closed,
        Self::Released,
        Self::Approved,
        Self::ApprovalUsed,
        Self::Frozen,
        Self::Unfrozen,
    ];

    /// The word in the store and in every output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Adopted => "adopted",
            Self::Revoked => "revoked",
            Self::Refused => "refused",
            Self::Closed => "closed",
            Self::Released => "released",
            Self::Approved => "approved",
            Self::ApprovalUsed => "approval_used",
            Self::Frozen => "frozen",
            Self::Unfrozen => "unfrozen",
        }
    }
}

/// Whose work a line is.
#[derive(Clone, Copy)]
pub(super) enum Actor<'a> {
    Pass(&'a RunId),
    Person(&'a str),
}

impl<'a> Actor<'a> {
    pub(super) fn run(self) -> Option<&'a str> {
        match self {
            Self::Pass(run) => Some(run.as_str()),
            Self::Person(_) => None,
        }
    }

    pub(super) fn who(self) -> Option<&'a str> {
        match self {
            Self::Pass(_) => None,
            Self::Person(who) => Some(who),
        }
    }
}

/// One line of the trail. What caused a grant is absent where the ledger did not know the grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// When.
    pub at: Timestamp,
    /// In which pass. `None`: a person did it.
    pub run: Option<RunId>,
    /// Which person. `None`: a pass did it.
    pub who: Option<String>,
    /// What happened.
    pub verb: Verb,
    /// To which grant. `None`: to what `subject` says.
    pub grant: Option<Grant>,
    /// How the target of that grant was last called, where a pass has named it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target_name: Option<String>,
    /// What it is about, where that is no grant: the digest of a held set, or the scope of a freeze.
    pub subject: Option<String>,
    /// What had made us grant it.
    pub cause: Option<Cause>,
    /// Where the order was read.
    pub source: Option<SourceName>,
    /// The order behind it: of a revocation the one that ended it.
    pub order: Option<OrderId>,
    /// The product of that order.
    pub product: Option<ProductId>,
    /// The line of `entitlements.yaml`.
    pub line: Option<u32>,
    /// The version of that file under which this happened: its commit, or its digest.
    pub commit: Option<String>,
    /// Why: what ended it, or what Logto said.
    pub note: Option<String>,
}

impl AuditRow {
    /// What it is about: a target by its name, where that is known, and its ids; else its subject.
    pub fn about(&self) -> String {
        match (&self.grant, &self.target_name) {
            (Some(grant), Some(name)) if *name != grant.target.unnamed() => format!("{name} ({})", grant.target.key()),
            (Some(grant), _) => grant.target.unnamed(),
            (None, _) => self.subject.clone().unwrap_or_default(),
        }
    }
}

/// A line as [`audit_row`] reads it.
macro_rules! AUDIT {
    () => {
        concat!(
            "SELECT a.user, a.target, a.at, a.run, a.verb, a.cause, a.source, a.order_id, a.product, a.line, ",
            VERSION!("a.config"),
            ", a.note, a.who, a.subject, n.name
             FROM audit a LEFT JOIN target_names n ON n.target = a.target"
        )
    };
}

impl Store {
    /// Everything that ever happened to this user's grants, oldest first.
    pub async fn history(&self, user: &UserId) -> Result<Vec<AuditRow>, StoreError> {
        let rows = sqlx::query(concat!(AUDIT!(), " WHERE user = ?1 ORDER BY id"))
            .bind(user.as_str().to_owned())
            .fetch_all(self.readers())
            .await;
        self.lines(rows)
    }

    /// Everything that a pass did, oldest first.
    pub async fn audit_of_run(&self, run: &RunId) -> Result<Vec<AuditRow>, StoreError> {
        let rows = sqlx::query(concat!(AUDIT!(), " WHERE run = ?1 ORDER BY id"))
            .bind(run.as_str().to_owned())
            .fetch_all(self.readers())
            .await;
        self.lines(rows)
    }

    /// The last `limit` lines of the trail, newest first.
    pub async fn audit_trail(&self, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let rows =
            sqlx::query(concat!(AUDIT!(), " ORDER BY id DESC LIMIT ?1")).bind(limit).fetch_all(self.readers()).await;
        self.lines(rows)
    }

    /// The number of the last line of the trail; zero where there is none.
    pub async fn last_line(&self) -> Result<i64, StoreError> {
        let last: Sql<i64> =
            sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM audit").fetch_one(self.readers()).await;
        last.map_err(|error| self.fault(error))
    }

    /// The number of the last line after line `after`, and whether a person's word is among those: an approval, a
    /// freeze or its end, what was adopted or released by hand. Costs next to nothing while nothing was written.
    pub async fn word_since(&self, after: i64) -> Result<(i64, bool), StoreError> {
        let row: Sql<(i64, bool)> =
            sqlx::query_as("SELECT coalesce(max(id), ?1), coalesce(max(who IS NOT NULL), 0) FROM audit WHERE id > ?1")
                .bind(after)
                .fetch_one(self.readers())
                .await;
        row.map_err(|error| self.fault(error))
    }

    fn lines(&self, rows: Sql<Vec<SqliteRow>>) -> Result<Vec<AuditRow>, StoreError> {
        rows.and_then(|rows| rows.iter().map(audit_row).collect()).map_err(|error| self.fault(error))
    }

    /// How many grants of each target were revoked at `since` or later, by target key. What takes back what a version
    /// of the file did does not count, here as below.
    pub async fn revoked_since(&self, since: Timestamp) -> Result<BTreeMap<String, u64>, StoreError> {
        let rows = sqlx::query(
            "SELECT target, count(*) FROM (
                 SELECT target FROM audit WHERE verb = 'revoked' AND at >= ?1 AND author IS NOT 'undo'
                 UNION ALL
                 SELECT target FROM open_revocations WHERE at >= ?1 AND in_vain < ?2 AND author IS NOT 'undo')
             GROUP BY target",
        )
        .bind(millis(since))
        .bind(TRIES)
        .fetch_all(self.readers())
        .await;
        rows.and_then(counts).map_err(|error| self.fault(error))
    }

    /// How many users were granted each target because of a commit at `since` or later, by target key. Those
    /// that Logto refused do not count, and one that was made again counts once.
    pub async fn config_grants_since(&self, since: Timestamp) -> Result<BTreeMap<String, u64>, StoreError> {
        let rows = sqlx::query(
            "SELECT a.target, count(DISTINCT a.user) FROM audit a
             WHERE a.verb = 'granted' AND a.at >= ?1 AND a.cause = 'commit' AND a.author IS NOT 'undo' AND NOT EXISTS (
                 SELECT 1 FROM audit r
                 WHERE r.user = a.user AND r.target = a.target AND r.run = a.run AND r.verb = 'refused' AND r.id > a.id)
             GROUP BY a.target",
        )
        .bind(millis(since))
        .fetch_all(self.readers())
        .await;
        rows.and_then(counts).map_err(|error| self.fault(error))
    }
}

/// Appends lines that are about no grant: each with its subject and a note.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    verb: Verb,
    actor: Actor<'_>,
    lines: &[(&str, Option<&str>)],
    at: Timestamp,
) -> Sql<()> {
    sqlx::query(
        "INSERT INTO audit (at, run, who, verb, subject, note)
         SELECT ?2, ?3, ?4, ?5, value ->> 0, value ->> 1 FROM json_each(?1)",
    )
    .bind(list(lines))
    .bind(millis(at))
    .bind(actor.run().map(str::to_owned))
    .bind(actor.who().map(str::to_owned))
    .bind(verb.word())
    .execute(connection)
    .await
    .map(drop)
}

fn counts(rows: Vec<SqliteRow>) -> Sql<BTreeMap<String, u64>> {
    rows.iter().map(|row| Ok((text(row, 0)?.to_owned(), count(int(row, 1)?)))).collect()
}

fn audit_row(row: &SqliteRow) -> Sql<AuditRow> {
    let word = text(row, 4)?;
    let verb = Verb::ALL.into_iter().find(|verb| verb.word() == word).ok_or_else(|| unreadable("verb", word))?;
    Ok(AuditRow {
        grant: text_or_null(row, 0)?.map(|_| grant(row)).transpose()?,
        at: time(row, 2)?,
        run: text_or_null(row, 3)?.map(Into::into),
        who: text_or_null(row, 12)?.map(str::to_owned),
        subject: text_or_null(row, 13)?.map(str::to_owned),
        verb,
        cause: text_or_null(row, 5)?.map(Cause::from_word).transpose()?,
        source: text_or_null(row, 6)?.map(Into::into),
        order: text_or_null(row, 7)?.map(Into::into),
        product: text_or_null(row, 8)?.map(Into::into),
        line: sqlx::Row::try_get(row, 9)?,
        commit: text_or_null(row, 10)?.map(str::to_owned),
        note: text_or_null(row, 11)?.map(str::to_owned),
        target_name: text_or_null(row, 14)?.map(str::to_owned),
    })
}
