//! The small integers under which the store keeps sources, products and buyers.

use sqlx::SqliteConnection;

use super::codec::Sql;
use crate::model::SourceName;

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);
    )*};
}

keys! {
    /// A product's row in the store: one product id of one source. Stable over passes, and never reused.
    ProductKey
    /// A buyer's row in the store: one pair of user id and email. Stable over passes, and never reused.
    BuyerKey
}

/// Which buyers a question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every one: a full pass.
    All,
    /// These only: a quick pass.
    Buyers(Vec<BuyerKey>),
}

/// The row of `source`, made where there is none.
pub(super) async fn source_key(connection: &mut SqliteConnection, source: &SourceName) -> Sql<i64> {
    let known = sqlx::query_scalar("SELECT key FROM sources WHERE name = ?1")
        .bind(source.as_str().to_owned())
        .fetch_optional(&mut *connection)
        .await?;
    match known {
        Some(key) => Ok(key),
        None => {
            sqlx::query_scalar("INSERT INTO sources (name) VALUES (?1) RETURNING key")
                .bind(source.as_str().to_owned())
                .fetch_one(connection)
                .await
        }
    }
}
