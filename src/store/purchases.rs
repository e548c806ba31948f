//! The mirror in the compact form of the pure core: one scan, integers only.
//!
//! Never holds much more than its result.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::error::StoreError;
use super::keys::{BuyerKey, ProductKey, Scope};
use super::open::Store;
use super::rows::{Sql, list, standing_of};
use crate::model::{Catalog, OrderKey, ProductIx, Purchase, UserIx, Verdict};

/// So many orders are read at once.
const PAGE: i64 = 8_192;

impl Store {
    /// Every line of every order in `scope` whose product and buyer both map, by order and line.
    ///
    /// Lines of one order that name the same product and stand alike are one purchase of their sum, up to
    /// 255. `at` is when the line ended where [`Rule::verdict`](crate::model::Rule::verdict) says that it
    /// ends; else when it was paid, or last changed, or was first seen, whichever is known first.
    pub async fn purchases(
        &self,
        catalog: &Catalog,
        product_ix: &(dyn Fn(ProductKey) -> Option<ProductIx> + Sync),
        user_ix: &(dyn Fn(BuyerKey) -> Option<UserIx> + Sync),
        scope: &Scope,
    ) -> Result<Vec<Purchase>, StoreError> {
        let mapped: Vec<u32> = self
            .products()
            .await?
            .iter()
            .map(|product| product.key)
            .filter(|&key| product_ix(key).is_some())
            .map(|key| key.0)
            .collect();
        let fold = Fold { catalog, product_ix, user_ix };
        match scope {
            Scope::All => self.all_purchases(&list(&mapped), &fold).await,
            Scope::Buyers(buyers) => {
                let buyers: Vec<u32> = buyers.iter().map(|buyer| buyer.0).collect();
                self.purchases_of(&list(&mapped), &list(&buyers), &fold).await
            }
        }
        .map_err(|error| self.fault(error))
    }

    async fn all_purchases(&self, mapped: &str, fold: &Fold<'_>) -> Sql<Vec<Purchase>> {
        // One snapshot over all pages.
        let mut snapshot = self.readers().begin().await?;
        let (last, lines): (i64, i64) =
            sqlx::query_as("SELECT (SELECT coalesce(max(key), 0) FROM orders), (SELECT count(*) FROM items)")
                .fetch_one(&mut *snapshot)
                .await?;
        let mut purchases = Vec::with_capacity(usize::try_from(lines).expect("a count is never negative"));
        for from in (0..last).step_by(PAGE as usize) {
            let rows = sqlx::query(
                "SELECT (o.key << 32) | o.buyer, (i.product << 32) | (i.standing << 24) | min(i.quantity, 255),
                        coalesce(o.paid_at, o.updated_at, o.seen_at), i.since, o.entitled_seen_at
                 FROM orders o CROSS JOIN items i ON i.order_key = o.key
                 WHERE o.key > ?1 AND o.key <= ?2 AND i.product IN (SELECT value FROM json_each(?3))
                 ORDER BY o.key, i.line",
            )
            .bind(from)
            .bind(from + PAGE)
            .bind(mapped.to_owned())
            .fetch_all(&mut *snapshot)
            .await?;
            for row in &rows {
                fold.add(row, &mut purchases)?;
            }
        }
        Ok(purchases)
    }

    async fn purchases_of(&self, mapped: &str, buyers: &str, fold: &Fold<'_>) -> Sql<Vec<Purchase>> {
        let rows = sqlx::query(
            "SELECT (o.key << 32) | o.buyer, (i.product << 32) | (i.standing << 24) | min(i.quantity, 255),
                    coalesce(o.paid_at, o.updated_at, o.seen_at), i.since, o.entitled_seen_at
             FROM orders o CROSS JOIN items i ON i.order_key = o.key
             WHERE o.buyer IN (SELECT value FROM json_each(?1)) AND i.product IN (SELECT value FROM json_each(?2))
             ORDER BY o.key, i.line",
        )
        .bind(buyers.to_owned())
        .bind(mapped.to_owned())
        .fetch_all(self.readers())
        .await?;
        let mut purchases = Vec::with_capacity(rows.len());
        for row in &rows {
            fold.add(row, &mut purchases)?;
        }
        Ok(purchases)
    }
}

struct Fold<'a> {
    catalog: &'a Catalog,
    product_ix: &'a (dyn Fn(ProductKey) -> Option<ProductIx> + Sync),
    user_ix: &'a (dyn Fn(BuyerKey) -> Option<UserIx> + Sync),
}

impl Fold<'_> {
    /// Adds one line, or its quantity to a line of the same order that is like it.
    fn add(&self, row: &SqliteRow, purchases: &mut Vec<Purchase>) -> Sql<()> {
        // Two columns instead of five: each costs a copy on its way between SQLite's thread and this one.
        let (order, buyer) = halves(row.try_get_unchecked(0)?);
        let (product, rest) = halves(row.try_get_unchecked(1)?);
        let (Some(product), Some(user)) = ((self.product_ix)(ProductKey(product)), (self.user_ix)(BuyerKey(buyer)))
        else {
            return Ok(());
        };
        let standing = standing_of(i64::from(rest >> 24))?;
        let quantity = u8::try_from(rest & 0xff_ffff).expect("the statement caps it at 255");
        let order = OrderKey(order);
        let millis: i64 = match self.catalog.rule(product).verdict(standing) {
            Verdict::Ends => row.try_get_unchecked(3)?,
            Verdict::Entitles | Verdict::Never | Verdict::Undecided => row.try_get_unchecked(2)?,
        };
        let at = millis.div_euclid(1000);
        let twin = purchases
            .iter_mut()
            .rev()
            .take_while(|other| other.order == order)
            .find(|other| other.product == product && other.standing == standing);
        if let Some(twin) = twin {
            twin.quantity = twin.quantity.saturating_add(quantity);
            // Of two lines that ended at different times, the later end: grace is never cut short.
            twin.at = twin.at.max(at);
            return Ok(());
        }
        let seen: Option<i64> = row.try_get(4)?;
        purchases.push(Purchase {
            user,
            product,
            standing,
            quantity,
            order,
            at,
            seen: seen.map_or(0, |seen| (seen / 1000).clamp(0, i64::from(u32::MAX)) as u32),
        });
        Ok(())
    }
}

/// The upper and the lower 32 bits.
fn halves(packed: i64) -> (u32, u32) {
    let packed = packed.cast_unsigned();
    ((packed >> 32) as u32, packed as u32)
}
