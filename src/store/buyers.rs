//! The directory: who paid, and which Logto user that is, once it is known.
//!
//! Never resolves anybody itself, and forgets a resolution only when told another one.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;

use super::codec::{Sql, count, int, list, millis, small, text, text_or_null, time_or_null};
use super::error::{StoreError, unreadable};
use super::keys::{BuyerKey, Scope};
use super::open::Store;
use crate::model::{Buyer, Email, OrderKey, Resolution, Standing, UserId, UsersMark};

/// A buyer as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBuyer {
    /// Its row. Stable, and never reused.
    pub key: BuyerKey,
    /// What the payment API said.
    pub buyer: Buyer,
    /// Who that is. `None`: nobody has asked yet.
    pub resolution: Option<Resolution>,
    /// Since when that is so.
    pub checked_at: Option<Timestamp>,
    /// When Logto was last asked, whatever came of it.
    pub asked_at: Option<Timestamp>,
    /// The user whom a binding of the file named, where that decided.
    pub bound: Option<UserId>,
}

impl StoredBuyer {
    /// The one user whom this buyer is known to be.
    pub fn user(&self) -> Option<&UserId> {
        match &self.resolution {
            Some(Resolution::User(user)) => Some(user),
            Some(Resolution::Ambiguous(_) | Resolution::NoAccount | Resolution::NoIdentity) | None => None,
        }
    }
}

/// A buyer on whom a binding of the file decides now, or decides no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Who is bound.
    pub buyer: BuyerKey,
    /// To whom; nobody where no binding decides any more.
    pub user: Option<UserId>,
    /// Whether the buyer was nobody until then: what they get by it is a commit's doing.
    pub by_commit: bool,
}

impl Store {
    /// The buyers in `scope`, by key.
    pub async fn buyers(&self, scope: &Scope) -> Result<Vec<StoredBuyer>, StoreError> {
        let rows =
            match scope {
                Scope::All => sqlx::query(
                    "SELECT key, claimed, email, resolution, user, candidates, checked_at, bound, asked_at FROM buyers
                 ORDER BY key",
                )
                .fetch_all(self.readers())
                .await,
                Scope::Buyers(keys) => {
                    let keys: Vec<u32> = keys.iter().map(|key| key.0).collect();
                    sqlx::query(
                    "SELECT key, claimed, email, resolution, user, candidates, checked_at, bound, asked_at FROM buyers
                     WHERE key IN (SELECT value FROM json_each(?1)) ORDER BY key",
                )
                .bind(list(&keys))
                .fetch_all(self.readers())
                .await
                }
            };
        rows.and_then(|rows| rows.iter().map(stored).collect()).map_err(|error| self.fault(error))
    }

    /// Remembers who these buyers are, until told otherwise. Of one who was somebody else, that is kept too.
    pub async fn resolve_buyers(
        &self,
        resolutions: &[(BuyerKey, Resolution)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let rows: Vec<_> = resolutions
            .iter()
            .map(|(key, resolution)| match resolution {
                Resolution::User(user) => (key.0, "user", Some(user.as_str()), None),
                Resolution::Ambiguous(users) => (key.0, "ambiguous", None, Some(list(users))),
                Resolution::NoAccount => (key.0, "no_account", None, None),
                Resolution::NoIdentity => (key.0, "no_identity", None, None),
            })
            .collect();
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "UPDATE buyers SET
                 was = iif(user <> j.value ->> 2, user, was), moved_at = iif(user <> j.value ->> 2, ?2, moved_at),
                 resolution = j.value ->> 1, user = j.value ->> 2, candidates = j.value ->> 3, checked_at = ?2
             FROM json_each(?1) j WHERE buyers.key = j.value ->> 0",
        )
        .bind(list(&rows))
        .bind(millis(now))
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }

    /// Remembers which of these buyers a binding of the file decided on, and for whom; and whose a buyer was by one that
    /// is gone.
    pub async fn note_bound(&self, bound: &[Bound], now: Timestamp) -> Result<(), StoreError> {
        let rows: Vec<_> =
            bound.iter().map(|one| (one.buyer.0, one.user.as_ref().map(UserId::as_str), one.by_commit)).collect();
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "UPDATE buyers SET was = iif(j.value ->> 1 IS NULL AND bound IS NOT NULL, bound, was),
                 bound = j.value ->> 1, moved_at = iif(j.value ->> 2, ?2, moved_at)
             FROM json_each(?1) j WHERE buyers.key = j.value ->> 0",
        )
        .bind(list(&rows))
        .bind(millis(now))
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }

    /// The buyers of these orders, ascending, each once.
    pub async fn buyers_of_orders(&self, orders: &[OrderKey]) -> Result<Vec<BuyerKey>, StoreError> {
        let orders: Vec<u32> = orders.iter().map(|order| order.0).collect();
        let rows = sqlx::query(
            "SELECT DISTINCT buyer FROM orders WHERE key IN (SELECT value FROM json_each(?1)) ORDER BY buyer",
        )
        .bind(list(&orders))
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(key).collect()).map_err(|error| self.fault(error))
    }

    /// Every buyer that is known to be one of these users, ascending. A quick pass needs them all: what one
    /// of a user's orders ends, another may still entitle to.
    pub async fn buyers_of_users(&self, users: &[UserId]) -> Result<Vec<BuyerKey>, StoreError> {
        let rows = sqlx::query("SELECT key FROM buyers WHERE user IN (SELECT value FROM json_each(?1)) ORDER BY key")
            .bind(list(users))
            .fetch_all(self.readers())
            .await;
        rows.and_then(|rows| rows.iter().map(key).collect()).map_err(|error| self.fault(error))
    }

    /// Every buyer who is nobody yet, or more than one, ascending.
    pub async fn waiting_buyers(&self) -> Result<Vec<BuyerKey>, StoreError> {
        let rows =
            sqlx::query("SELECT key FROM buyers WHERE user IS NULL ORDER BY key").fetch_all(self.readers()).await;
        rows.and_then(|rows| rows.iter().map(key).collect()).map_err(|error| self.fault(error))
    }

    /// Which of these buyers have an order that was ever more than an intention: who only filled a basket, or let a
    /// payment run out, is nobody to be looked for; nor who cancelled what was never paid.
    pub async fn have_paid(&self, buyers: &[BuyerKey]) -> Result<BTreeSet<BuyerKey>, StoreError> {
        let keys: Vec<u32> = buyers.iter().map(|key| key.0).collect();
        let rows = sqlx::query(
            "SELECT value FROM json_each(?1) WHERE EXISTS (
                 SELECT 1 FROM orders o
                 WHERE o.buyer = value AND (o.standing NOT IN (?2, ?3, ?4) OR o.entitled_seen_at IS NOT NULL
                     OR (o.standing = ?4 AND o.paid_at IS NOT NULL)))",
        )
        .bind(list(&keys))
        .bind(Standing::Pending as i64)
        .bind(Standing::Expired as i64)
        .bind(Standing::Void as i64)
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(key).collect()).map_err(|error| self.fault(error))
    }

    /// Logto was asked who these buyers are.
    pub async fn note_asked(&self, buyers: &[BuyerKey], now: Timestamp) -> Result<(), StoreError> {
        if buyers.is_empty() {
            return Ok(());
        }
        let keys: Vec<u32> = buyers.iter().map(|key| key.0).collect();
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query("UPDATE buyers SET asked_at = ?2 WHERE key IN (SELECT value FROM json_each(?1))")
            .bind(list(&keys))
            .bind(millis(now))
            .execute(&mut *transaction)
            .await;
        self.end(transaction, outcome.map(drop)).await
    }

    /// The users of Logto when everybody who waits for an account had last been asked for.
    pub async fn users_mark(&self) -> Result<Option<UsersMark>, StoreError> {
        let row = sqlx::query("SELECT newest, total FROM users_mark").fetch_optional(self.readers()).await;
        let mark = |row: SqliteRow| {
            Ok(UsersMark { newest: text_or_null(&row, 0)?.map(UserId::from), total: count(int(&row, 1)?) })
        };
        row.and_then(|row| row.map(mark).transpose()).map_err(|error| self.fault(error))
    }

    /// Everybody who waits for an account has been asked for among these users.
    pub async fn note_users_mark(&self, mark: &UsersMark) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = sqlx::query(
            "INSERT INTO users_mark (id, newest, total) VALUES (1, ?1, ?2)
             ON CONFLICT (id) DO UPDATE SET newest = excluded.newest, total = excluded.total",
        )
        .bind(mark.newest.as_ref().map(|user| user.as_str().to_owned()))
        .bind(i64::try_from(mark.total).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await;
        self.end(transaction, outcome.map(drop)).await
    }

    /// Users whose orders have this address, ascending; no more than two, since that is one too many for whoever asks.
    pub async fn users_by_email(&self, email: &Email) -> Result<Vec<UserId>, StoreError> {
        let rows =
            sqlx::query("SELECT DISTINCT user FROM buyers WHERE email = ?1 AND user IS NOT NULL ORDER BY user LIMIT 2")
                .bind(email.as_str().to_owned())
                .fetch_all(self.readers())
                .await;
        rows.and_then(|rows| rows.iter().map(|row| Ok(text(row, 0)?.into())).collect())
            .map_err(|error| self.fault(error))
    }

    /// Every buyer whom a payment API calls by one of these ids or addresses, or who is known to be one of
    /// these users, ascending.
    pub async fn buyers_named(&self, users: &[UserId], emails: &[Email]) -> Result<Vec<BuyerKey>, StoreError> {
        let rows = sqlx::query(
            "SELECT key FROM buyers
             WHERE user IN (SELECT value FROM json_each(?1)) OR claimed IN (SELECT value FROM json_each(?1))
                OR email IN (SELECT value FROM json_each(?2)) ORDER BY key",
        )
        .bind(list(users))
        .bind(list(emails))
        .fetch_all(self.readers())
        .await;
        rows.and_then(|rows| rows.iter().map(key).collect()).map_err(|error| self.fault(error))
    }
}

fn key(row: &SqliteRow) -> Sql<BuyerKey> {
    Ok(BuyerKey(small(row, 0)?))
}

/// The buyer with this user id and email, where the empty text is none.
pub(super) fn buyer(claimed: &str, email: &str) -> Sql<Buyer> {
    let email = match email {
        "" => None,
        text => Some(Email::parse(text).ok_or_else(|| unreadable("email", text))?),
    };
    Ok(Buyer { user: (!claimed.is_empty()).then(|| claimed.into()), email })
}

fn stored(row: &SqliteRow) -> Sql<StoredBuyer> {
    let resolution = match text_or_null(row, 3)? {
        None => None,
        Some("user") => Some(Resolution::User(text(row, 4)?.into())),
        Some("ambiguous") => {
            let users = text(row, 5)?;
            Some(Resolution::Ambiguous(serde_json::from_str(users).map_err(|_| unreadable("list of users", users))?))
        }
        Some("no_account") => Some(Resolution::NoAccount),
        Some("no_identity") => Some(Resolution::NoIdentity),
        Some(word) => return Err(unreadable("resolution", word)),
    };
    Ok(StoredBuyer {
        key: BuyerKey(small(row, 0)?),
        buyer: buyer(text(row, 1)?, text(row, 2)?)?,
        resolution,
        checked_at: time_or_null(row, 6)?,
        bound: text_or_null(row, 7)?.map(UserId::from),
        asked_at: time_or_null(row, 8)?,
    })
}
