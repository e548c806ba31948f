//! Orders that are already known under the name of another source: a source was renamed, or a second one reads the same
//! shop. They count as known since then. Otherwise renaming a source without saying so (`was`) would turn everything
//! ever sold into a new sale.
//!
//! Two orders are the same if they have the same id, at least one product in common, and the same buyer: by address, by
//! id, or by what the address was resolved to. Where one names its buyer by address, the other by id, and the new one
//! has not been resolved yet, they count as the same too, since nothing says otherwise.

use sqlx::SqliteConnection;

use super::codec::{Sql, list};

/// Lets those of these orders that are first seen to entitle `now` have been seen to when that order was, whatever its
/// source is called.
pub(super) async fn known_elsewhere(connection: &mut SqliteConnection, orders: &[i64], now: i64) -> Sql<()> {
    sqlx::query(
        "UPDATE orders SET entitled_seen_at = known.at
         FROM (SELECT new.key, min(old.entitled_seen_at) AS at
               FROM json_each(?1) j CROSS JOIN orders new ON new.key = j.value CROSS JOIN sources s
               CROSS JOIN orders old ON old.source = s.key AND old.id = new.id
               CROSS JOIN buyers a ON a.key = new.buyer
               CROSS JOIN buyers b ON b.key = old.buyer
               WHERE new.entitled_seen_at = ?2 AND s.key <> new.source
               AND (a.key = b.key OR (a.email <> '' AND a.email = b.email)
                    OR (a.claimed <> '' AND a.claimed IN (b.claimed, b.user)) OR (b.claimed <> '' AND b.claimed = a.user)
                    OR (a.user IS NULL AND '' IN (a.claimed, b.claimed) AND '' IN (a.email, b.email)))
               AND EXISTS (
                   SELECT 1 FROM items i JOIN products p ON p.key = i.product
                   JOIN items j ON j.order_key = old.key JOIN products q ON q.key = j.product
                   WHERE i.order_key = new.key AND q.id = p.id)
               GROUP BY new.key) known
         WHERE orders.key = known.key AND known.at < orders.entitled_seen_at",
    )
    .bind(list(orders))
    .bind(now)
    .execute(connection)
    .await
    .map(drop)
}
