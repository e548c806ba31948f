//! What a person says of a grant: that it is ours, or no longer ours.
//!
//! Never touches Logto: a released grant stays with whoever holds it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::audit::{Actor, Verb};
use super::codec::{Sql, grant, list, millis};
use super::error::StoreError;
use super::ledger::{self, LedgerRow};
use super::open::Store;
use crate::model::{Grant, Ownership, UserId};

/// What the trail says of an adoption that no pass made.
const BY_HAND: &str = "by hand";
/// What the trail says of what a rebuilt ledger has and has not.
const REBUILT: &str = "the ledger was rebuilt";

impl Store {
    /// Makes a grant ours that Logto holds. `ownership` and `since` of the row are not read, and its `run`
    /// stands in the ledger only: the trail names `who`. A grant that is ours already stays as it is.
    pub async fn adopt_by_hand(&self, who: &str, row: &LedgerRow, now: Timestamp) -> Result<(), StoreError> {
        let row = LedgerRow { since: now, ..row.clone() };
        let mut transaction = self.begin().await?;
        let actor = Actor::Person(who);
        let outcome =
            ledger::insert(&mut transaction, actor, &[row], Ownership::Adopted, Some(BY_HAND), &BTreeMap::new()).await;
        self.end(transaction, outcome).await
    }

    /// Makes grants ours that Logto holds and orders explain, and closes those that nobody holds and nothing
    /// entitles to: both or neither. Of the rows, `ownership` and `since` are not read, as above.
    pub async fn rebuild(
        &self,
        who: &str,
        adopt: &[LedgerRow],
        close: &[Grant],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let rows: Vec<LedgerRow> = adopt.iter().map(|row| LedgerRow { since: now, ..row.clone() }).collect();
        let close: Vec<_> = close.iter().map(|grant| (grant.user.as_str(), grant.target.key(), REBUILT)).collect();
        let close = list(&close);
        let mut transaction = self.begin().await?;
        let actor = Actor::Person(who);
        let outcome: Sql<()> = async {
            ledger::insert(&mut transaction, actor, &rows, Ownership::Adopted, Some(REBUILT), &BTreeMap::new()).await?;
            ledger::remove(&mut transaction, Verb::Closed, actor, &close, millis(now)).await
        }
        .await;
        self.end(transaction, outcome).await
    }

    /// Gives grants up without taking them from anybody, and remembers that, also of what was not ours:
    /// else the next pass would adopt them.
    pub async fn release(&self, who: &str, grants: &[Grant], reason: &str, now: Timestamp) -> Result<(), StoreError> {
        let grants: Vec<_> = grants.iter().map(|grant| (grant.user.as_str(), grant.target.key(), reason)).collect();
        let grants = list(&grants);
        let mut transaction = self.begin().await?;
        let outcome: Sql<()> = async {
            ledger::remove(&mut transaction, Verb::Released, Actor::Person(who), &grants, millis(now)).await?;
            sqlx::query(
                "INSERT INTO released (user, target, since, who)
                 SELECT value ->> 0, value ->> 1, ?2, ?3 FROM json_each(?1) WHERE true
                 ON CONFLICT (user, target) DO UPDATE SET since = excluded.since, who = excluded.who",
            )
            .bind(grants)
            .bind(millis(now))
            .bind(who.to_owned())
            .execute(&mut *transaction)
            .await
            .map(drop)
        }
        .await;
        self.end(transaction, outcome).await
    }

    /// What was released and neither granted nor adopted since, ascending.
    pub async fn released(&self, users: Option<&[UserId]>) -> Result<Vec<Grant>, StoreError> {
        let rows = match users {
            None => sqlx::query("SELECT user, target FROM released WHERE ?1 IS NULL").bind(None::<String>),
            Some(users) => {
                sqlx::query("SELECT user, target FROM released WHERE user IN (SELECT value FROM json_each(?1))")
                    .bind(list(users))
            }
        };
        let rows = rows.fetch_all(self.readers()).await;
        let mut grants: Vec<Grant> =
            rows.and_then(|rows| rows.iter().map(grant).collect()).map_err(|error| self.fault(error))?;
        grants.sort_unstable();
        Ok(grants)
    }
}
