//! The ledger: which grants are ours, and what caused each.
//!
//! A row never appears or vanishes without a line in the audit trail, in the same transaction. Whether something is
//! ours is decided elsewhere, never here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::audit::{Actor, Verb};
use super::cause::Cause;
use super::codec::{Sql, count, grant, int, keys, list, millis, small, small_or_null, text, time};
use super::ends::{self, Author, End};
use super::error::{StoreError, unreadable};
use super::open::Store;
use super::versions::VERSION;
use crate::model::{Grant, OrderId, OrderKey, Ownership, ProductId, RunId, SourceName, UserId};

/// A grant that is ours, and what caused it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRow {
    /// Who holds what.
    pub grant: Grant,
    /// How it came to be ours.
    pub ownership: Ownership,
    /// Whether a sale or a commit caused it.
    pub cause: Cause,
    /// Where the order was read.
    pub source: SourceName,
    /// The order that explains it.
    pub order: OrderId,
    /// Its row, while the store still has it. Not written: the id is.
    pub order_key: Option<OrderKey>,
    /// The product of that order.
    pub product: ProductId,
    /// The line of `entitlements.yaml` that maps the product to the target, from 1.
    pub line: u32,
    /// The commit of that file, or its digest where it lies in no work tree.
    pub commit: String,
    /// Since when it is ours.
    pub since: Timestamp,
    /// The pass that wrote it down.
    pub run: RunId,
    /// How often somebody else took it away after Logto had confirmed it. Counted by the store, never written.
    pub undone: u32,
}

/// A row as [`ledger_row`] reads it, with the row of its order while there is one.
macro_rules! LEDGER {
    () => {
        concat!(
            "SELECT l.user, l.target, l.ownership, l.cause, l.source, l.order_id, l.product, l.line, ",
            VERSION!("l.config"),
            ", l.since, l.run, o.key, l.undone
             FROM ledger l LEFT JOIN sources s ON s.name = l.source
             LEFT JOIN orders o ON o.source = s.key AND o.id = l.order_id"
        )
    };
}

impl Store {
    /// What is ours, of these users or of all, by user and target.
    pub async fn ledger(&self, users: Option<&[UserId]>) -> Result<Vec<LedgerRow>, StoreError> {
        let rows = match users {
            None => sqlx::query(concat!(LEDGER!(), " WHERE ?1 IS NULL")).bind(None::<String>),
            Some(users) => {
                sqlx::query(concat!(LEDGER!(), " WHERE l.user IN (SELECT value FROM json_each(?1))")).bind(list(users))
            }
        };
        let rows = rows.fetch_all(self.readers()).await;
        let mut rows: Vec<LedgerRow> =
            rows.and_then(|rows| rows.iter().map(ledger_row).collect()).map_err(|error| self.fault(error))?;
        rows.sort_unstable_by(|one, other| one.grant.cmp(&other.grant));
        Ok(rows)
    }

    /// Every user of whom something is ours, ascending.
    pub async fn ledger_users(&self) -> Result<Vec<UserId>, StoreError> {
        let rows = sqlx::query("SELECT DISTINCT user FROM ledger ORDER BY user").fetch_all(self.readers()).await;
        rows.and_then(|rows| rows.iter().map(|row| Ok(text(row, 0)?.into())).collect())
            .map_err(|error| self.fault(error))
    }

    /// How much was ours of each target when `at` began, by target key: what has been ours since before then,
    /// and what was ours then and is not any more, or is anew.
    pub async fn owned_at(&self, at: Timestamp) -> Result<BTreeMap<String, u64>, StoreError> {
        let rows = sqlx::query(
            "SELECT target, count(*) FROM (
                 SELECT user, target FROM ledger WHERE since < ?1
                 UNION
                 SELECT user, target FROM audit gone
                 WHERE verb IN ('revoked', 'closed', 'released') AND at >= ?1 AND 'ours' = (
                     SELECT iif(verb IN ('granted', 'adopted'), 'ours', 'not ours') FROM audit said
                     WHERE said.user = gone.user AND said.target = gone.target AND said.at < ?1
                     ORDER BY id DESC LIMIT 1))
             GROUP BY target",
        )
        .bind(millis(at))
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(|row| Ok((text(row, 0)?.to_owned(), count(int(row, 1)?)))).collect())
            .map_err(|error| self.fault(error))
    }

    /// Grants that were sent to Logto and whose outcome is not known: after a crash, Logto may lack them.
    pub async fn unconfirmed(&self) -> Result<Vec<Grant>, StoreError> {
        let rows =
            sqlx::query("SELECT user, target FROM ledger WHERE confirmed_at IS NULL").fetch_all(self.readers()).await;
        let mut grants: Vec<Grant> =
            rows.and_then(|rows| rows.iter().map(grant).collect()).map_err(|error| self.fault(error))?;
        grants.sort_unstable();
        Ok(grants)
    }

    /// Grants that somebody else undid at least `min` times, the last time at `since` or later, ascending.
    pub async fn flapping(&self, min: u32, since: Timestamp) -> Result<Vec<Grant>, StoreError> {
        let rows = sqlx::query("SELECT user, target FROM ledger WHERE undone > 0 AND undone >= ?1 AND undone_at >= ?2")
            .bind(min)
            .bind(millis(since))
            .fetch_all(self.readers())
            .await;
        let mut grants: Vec<Grant> =
            rows.and_then(|rows| rows.iter().map(grant).collect()).map_err(|error| self.fault(error))?;
        grants.sort_unstable();
        Ok(grants)
    }

    /// Writes down grants **before** Logto is asked for them. `ownership` and `run` of the rows are not read:
    /// they are granted, by `run`. A grant that is ours already keeps its row, and the trail says that it was
    /// made again; if Logto had confirmed it, somebody else undid it, and that is counted.
    pub async fn journal_grants(&self, run: &RunId, rows: &[LedgerRow]) -> Result<(), StoreError> {
        self.journal_authored(run, rows, &BTreeMap::new()).await
    }

    /// The same, where a version of the file is behind some of them.
    pub async fn journal_authored(
        &self,
        run: &RunId,
        rows: &[LedgerRow],
        authors: &BTreeMap<Grant, Author>,
    ) -> Result<(), StoreError> {
        self.journal(run, rows, Ownership::Granted, authors).await
    }

    /// Writes down grants that Logto held already when an order first explained them. `ownership` and `run`
    /// of the rows are not read. A grant that is ours already stays as it is.
    pub async fn journal_adoptions(&self, run: &RunId, rows: &[LedgerRow]) -> Result<(), StoreError> {
        self.journal(run, rows, Ownership::Adopted, &BTreeMap::new()).await
    }

    /// Names another order as the reason of grants that are ours: the one that pays for them now. When and by which
    /// pass they became ours stays as it is.
    pub async fn follow(&self, rows: &[LedgerRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                let Grant { user, target } = &row.grant;
                (user.as_str(), target.key(), row.source.as_str(), row.order.as_str(), row.product.as_str(), row.line)
            })
            .collect();
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "UPDATE ledger SET source = j.value ->> 2, order_id = j.value ->> 3, product = j.value ->> 4,
                               line = j.value ->> 5
             FROM json_each(?1) j WHERE user = j.value ->> 0 AND target = j.value ->> 1",
        )
        .bind(list(&rows))
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }

    /// Logto has acknowledged these grants.
    pub async fn confirm(&self, grants: &[Grant], now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = confirm(&mut transaction, grants, now).await;
        self.end(transaction, outcome).await
    }

    /// Takes back what [`journal_grants`](Self::journal_grants) wrote, for grants that Logto refused for
    /// good. Not for an ambiguous answer: there the grant may have been made.
    pub async fn unjournal_grants(
        &self,
        run: &RunId,
        grants: &[Grant],
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.drop_rows(Verb::Refused, run, grants.iter().map(|grant| (grant, reason)), now).await
    }

    /// Writes down revocations that are seen to be carried out, each with what ended it.
    pub async fn journal_ends(&self, run: &RunId, ends: &[End], now: Timestamp) -> Result<(), StoreError> {
        self.end_rows(Verb::Revoked, run, ends, now).await
    }

    /// Writes them down as [`journal_ends`](Self::journal_ends) does, where nothing is known but what had caused
    /// the grants.
    pub async fn journal_revocations(
        &self,
        run: &RunId,
        revocations: &[(Grant, String)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let revocations = revocations.iter().map(|(grant, cause)| (grant, cause.as_str()));
        self.drop_rows(Verb::Revoked, run, revocations, now).await
    }

    /// Closes grants that nothing entitles to and that Logto does not hold. Nothing was taken from anybody,
    /// so this is no revocation.
    pub async fn forget(&self, run: &RunId, grants: &[Grant], reason: &str, now: Timestamp) -> Result<(), StoreError> {
        self.drop_rows(Verb::Closed, run, grants.iter().map(|grant| (grant, reason)), now).await
    }

    pub(super) async fn end_rows(
        &self,
        verb: Verb,
        run: &RunId,
        ends: &[End],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let rows = ends::rows(ends);
        let mut transaction = self.begin().await?;
        let outcome = remove(&mut transaction, verb, Actor::Pass(run), &rows, millis(now)).await;
        self.end(transaction, outcome).await
    }

    async fn journal(
        &self,
        run: &RunId,
        rows: &[LedgerRow],
        ownership: Ownership,
        authors: &BTreeMap<Grant, Author>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = insert(&mut transaction, Actor::Pass(run), rows, ownership, None, authors).await;
        self.end(transaction, outcome).await
    }

    async fn drop_rows(
        &self,
        verb: Verb,
        run: &RunId,
        grants: impl Iterator<Item = (&Grant, &str)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let grants: Vec<_> = grants.map(|(grant, note)| (grant.user.as_str(), grant.target.key(), note)).collect();
        let grants = list(&grants);
        let mut transaction = self.begin().await?;
        let outcome = remove(&mut transaction, verb, Actor::Pass(run), &grants, millis(now)).await;
        self.end(transaction, outcome).await
    }
}

/// Logto holds these grants.
pub(super) async fn confirm(connection: &mut SqliteConnection, grants: &[Grant], now: Timestamp) -> Sql<()> {
    sqlx::query(
        "UPDATE ledger SET confirmed_at = ?2 FROM json_each(?1) j
         WHERE ledger.user = j.value ->> 0 AND ledger.target = j.value ->> 1 AND ledger.confirmed_at IS NULL",
    )
    .bind(keys(grants))
    .bind(millis(now))
    .execute(connection)
    .await
    .map(drop)
}

/// Writes down what is ours now, and that it is neither released nor foreign any more. `authors`: how a version of the
/// file is behind some of it. In one piece: the statements of one transaction.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    actor: Actor<'_>,
    rows: &[LedgerRow],
    ownership: Ownership,
    note: Option<&str>,
    authors: &BTreeMap<Grant, Author>,
) -> Sql<()> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.grant.user.as_str(),
                row.grant.target.key(),
                row.cause.word(),
                row.source.as_str(),
                row.order.as_str(),
                row.product.as_str(),
                row.line,
                row.commit.as_str(),
                millis(row.since),
                actor.run().unwrap_or(row.run.as_str()),
                authors.get(&row.grant).map(|author| author.word()),
            )
        })
        .collect();
    let rows = list(&rows);
    // A grant is said to be made each time that Logto is asked for it; an adoption happens once.
    let (verb, again) = match ownership {
        Ownership::Granted => (Verb::Granted, true),
        Ownership::Adopted => (Verb::Adopted, false),
    };
    sqlx::query(
        "INSERT INTO audit (at, run, who, verb, user, target, cause, source, order_id, product, line, config, note,
                            author)
         SELECT j.value ->> 8, ?2, ?5, ?3, j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, j.value ->> 4,
                j.value ->> 5, j.value ->> 6, j.value ->> 7, ?6, j.value ->> 10
         FROM json_each(?1) j
         WHERE ?4 OR NOT EXISTS (SELECT 1 FROM ledger l WHERE l.user = j.value ->> 0 AND l.target = j.value ->> 1)",
    )
    .bind(rows.clone())
    .bind(actor.run().map(str::to_owned))
    .bind(verb.word())
    .bind(again)
    .bind(actor.who().map(str::to_owned))
    .bind(note.map(str::to_owned))
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO ledger (user, target, ownership, cause, source, order_id, product, line, config, since, run,
                             confirmed_at)
         SELECT value ->> 0, value ->> 1, ?2, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
                value ->> 7, value ->> 8, value ->> 9, iif(?2 = 'adopted', value ->> 8, NULL)
         FROM json_each(?1) WHERE true
         ON CONFLICT (user, target) DO UPDATE SET undone = undone + 1, undone_at = excluded.since, confirmed_at = NULL
         WHERE excluded.ownership = 'granted' AND ledger.confirmed_at IS NOT NULL",
    )
    .bind(rows.clone())
    .bind(ownership_word(ownership))
    .execute(&mut *connection)
    .await?;
    if ownership == Ownership::Granted {
        sqlx::query(
            "UPDATE ledger SET lost_at = NULL
             WHERE lost_at IS NOT NULL AND (user, target) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
        )
        .bind(rows.clone())
        .execute(&mut *connection)
        .await?;
    }
    for forget in [
        "DELETE FROM released WHERE (user, target) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
        "DELETE FROM foreign_grants WHERE (user, target) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
    ] {
        sqlx::query(forget).bind(rows.clone()).execute(&mut *connection).await?;
    }
    drop_open(connection, &rows).await
}

/// Drops rows, given as JSON of user, target key and note, and says so in the trail. Where source, order, product,
/// line, version and author follow, they are what ended the grant; else the trail has those that had made it.
pub(super) async fn remove(
    connection: &mut SqliteConnection,
    verb: Verb,
    actor: Actor<'_>,
    grants: &str,
    now: i64,
) -> Sql<()> {
    sqlx::query(
        "INSERT INTO audit (at, run, who, verb, user, target, cause, source, order_id, product, line, config, note,
                            author)
         SELECT ?2, ?3, ?5, ?4, j.value ->> 0, j.value ->> 1, l.cause,
                iif(j.value ->> 7 IS NULL, l.source, j.value ->> 3),
                iif(j.value ->> 7 IS NULL, l.order_id, j.value ->> 4),
                iif(j.value ->> 7 IS NULL, l.product, j.value ->> 5),
                iif(j.value ->> 7 IS NULL, l.line, j.value ->> 6),
                iif(j.value ->> 7 IS NULL, l.config, j.value ->> 7),
                j.value ->> 2, j.value ->> 8
         FROM json_each(?1) j LEFT JOIN ledger l ON l.user = j.value ->> 0 AND l.target = j.value ->> 1",
    )
    .bind(grants.to_owned())
    .bind(now)
    .bind(actor.run().map(str::to_owned))
    .bind(verb.word())
    .bind(actor.who().map(str::to_owned))
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM ledger WHERE (user, target) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))")
        .bind(grants.to_owned())
        .execute(&mut *connection)
        .await?;
    drop_open(connection, grants).await
}

/// Drops open revocations, given as JSON of user and target key and whatever follows.
pub(super) async fn drop_open(connection: &mut SqliteConnection, grants: &str) -> Sql<()> {
    sqlx::query(
        "DELETE FROM open_revocations WHERE (user, target) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
    )
    .bind(grants.to_owned())
    .execute(connection)
    .await
    .map(drop)
}

fn ownership_word(ownership: Ownership) -> &'static str {
    match ownership {
        Ownership::Granted => "granted",
        Ownership::Adopted => "adopted",
    }
}

fn ledger_row(row: &SqliteRow) -> Sql<LedgerRow> {
    let ownership = match text(row, 2)? {
        "granted" => Ownership::Granted,
        "adopted" => Ownership::Adopted,
        word => return Err(unreadable("ownership", word)),
    };
    Ok(LedgerRow {
        grant: grant(row)?,
        ownership,
        cause: Cause::from_word(text(row, 3)?)?,
        source: text(row, 4)?.into(),
        order: text(row, 5)?.into(),
        product: text(row, 6)?.into(),
        line: small(row, 7)?,
        commit: text(row, 8)?.to_owned(),
        since: time(row, 9)?,
        run: text(row, 10)?.into(),
        order_key: small_or_null(row, 11)?.map(OrderKey),
        undone: small(row, 12)?,
    })
}
