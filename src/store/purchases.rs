//! The mirror in the compact form of the pure core: one scan, integers only.
//!
//! Never holds much more than its result.

use std::collections::{BTreeMap, HashMap};

use super::codec::{Sql, bundle, int, list, standing_of, text};
use super::error::StoreError;
use super::keys::{BuyerKey, ProductKey, Scope};
use super::open::Store;
use crate::model::{Catalog, OrderKey, ProductIx, Purchase, SourceName, Standing, UserIx, Verdict};

/// So many orders are read at once.
const PAGE: i64 = 8_192;

impl Store {
    /// Every line of every order in `scope` whose product and buyer both map, by order and line.
    ///
    /// Lines of one order that name the same product and stand alike are one purchase of their sum, up to
    /// 255. `at` is when the line ended where [`Rule::verdict`](crate::model::Rule::verdict) says that it
    /// ends, and the end of the paid period where it entitles and has one; else when it was paid, or last changed, or was
    /// first seen, whichever is known first.
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
        let slack = self.slack(catalog).await.map_err(|error| self.fault(error))?;
        let fold = Fold { catalog, slack, product_ix, user_ix };
        match scope {
            Scope::All => self.all_purchases(&list(&mapped), &fold).await,
            Scope::Buyers(buyers) => {
                let buyers: Vec<u32> = buyers.iter().map(|buyer| buyer.0).collect();
                self.purchases_of(&list(&mapped), &list(&buyers), &fold).await
            }
        }
        .map_err(|error| self.fault(error))
    }

    /// The same for these orders alone, whoever their buyer is: each counts as bought by the user beside it.
    pub async fn purchases_for(
        &self,
        catalog: &Catalog,
        product_ix: &(dyn Fn(ProductKey) -> Option<ProductIx> + Sync),
        users: &BTreeMap<OrderKey, UserIx>,
    ) -> Result<Vec<Purchase>, StoreError> {
        let orders: Vec<u32> = users.keys().map(|order| order.0).collect();
        let slack = self.slack(catalog).await.map_err(|error| self.fault(error))?;
        let fold = Fold { catalog, slack, product_ix, user_ix: &|_| Some(UserIx(0)) };
        let read: Sql<Vec<Purchase>> = async {
            let rows: String = sqlx::query_scalar(
                "SELECT json_group_array(json_array(
                     (o.key << 32) | o.buyer,
                     (min(i.line, 32767) << 48) | (i.product << 16) | (i.standing << 8) | min(i.quantity, 255),
                     coalesce(o.paid_at, o.updated_at, o.seen_at), i.since, o.entitled_seen_at, iif(i.until IS NULL, o.period_end, nullif(i.until, 9223372036854775807)),
                     iif(o.renews = 0, 0, o.source)))
                 FROM orders o CROSS JOIN items i ON i.order_key = o.key
                 WHERE o.key IN (SELECT value FROM json_each(?1))",
            )
            .bind(list(&orders))
            .fetch_one(self.readers())
            .await?;
            let mut purchases = Vec::new();
            fold.add_all(&rows, &mut purchases)?;
            Ok(purchases)
        }
        .await;
        let mut purchases = read.map_err(|error| self.fault(error))?;
        purchases.retain_mut(|purchase| match users.get(&purchase.order) {
            Some(user) => {
                purchase.user = *user;
                true
            }
            None => false,
        });
        Ok(purchases)
    }

    async fn slack(&self, catalog: &Catalog) -> Sql<HashMap<i64, u32>> {
        let rows = sqlx::query("SELECT key, name FROM sources").fetch_all(self.readers()).await?;
        let mut slack = HashMap::with_capacity(rows.len());
        for row in &rows {
            let of_source = catalog.slack.get(&SourceName::from(text(row, 1)?));
            slack.extend(of_source.map(|slack| Ok::<_, sqlx::Error>((int(row, 0)?, *slack))).transpose()?);
        }
        Ok(slack)
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
            let rows: String = sqlx::query_scalar(
                "SELECT json_group_array(json_array(
                     (o.key << 32) | o.buyer,
                     (min(i.line, 32767) << 48) | (i.product << 16) | (i.standing << 8) | min(i.quantity, 255),
                     coalesce(o.paid_at, o.updated_at, o.seen_at), i.since, o.entitled_seen_at, iif(i.until IS NULL, o.period_end, nullif(i.until, 9223372036854775807)),
                     iif(o.renews = 0, 0, o.source)))
                 FROM orders o CROSS JOIN items i ON i.order_key = o.key
                 WHERE o.key > ?1 AND o.key <= ?2 AND i.product IN (SELECT value FROM json_each(?3))",
            )
            .bind(from)
            .bind(from + PAGE)
            .bind(mapped.to_owned())
            .fetch_one(&mut *snapshot)
            .await?;
            fold.add_all(&rows, &mut purchases)?;
        }
        Ok(purchases)
    }

    async fn purchases_of(&self, mapped: &str, buyers: &str, fold: &Fold<'_>) -> Sql<Vec<Purchase>> {
        let rows: String = sqlx::query_scalar(
            "SELECT json_group_array(json_array(
                 (o.key << 32) | o.buyer,
                 (min(i.line, 32767) << 48) | (i.product << 16) | (i.standing << 8) | min(i.quantity, 255),
                 coalesce(o.paid_at, o.updated_at, o.seen_at), i.since, o.entitled_seen_at, iif(i.until IS NULL, o.period_end, nullif(i.until, 9223372036854775807)),
                     iif(o.renews = 0, 0, o.source)))
             FROM orders o CROSS JOIN items i ON i.order_key = o.key
             WHERE o.buyer IN (SELECT value FROM json_each(?1)) AND i.product IN (SELECT value FROM json_each(?2))",
        )
        .bind(buyers.to_owned())
        .bind(mapped.to_owned())
        .fetch_one(self.readers())
        .await?;
        let mut purchases = Vec::new();
        fold.add_all(&rows, &mut purchases)?;
        Ok(purchases)
    }
}

/// A line on its way from SQLite, so packed that it sorts by order and line: the order's key and the buyer's,
/// 32 bits each; place in the order, product, standing and quantity, 15, 32, 8 and 8 bits; while it entitles,
/// from when; when it came to stand so; when it was first seen to entitle; until when it is paid. Times in
/// milliseconds. Last the key of its source, where a renewal is to be expected.
type Row = (i64, i64, i64, i64, Option<i64>, Option<i64>, i64);

struct Fold<'a> {
    catalog: &'a Catalog,
    /// By the key of a source.
    slack: HashMap<i64, u32>,
    product_ix: &'a (dyn Fn(ProductKey) -> Option<ProductIx> + Sync),
    user_ix: &'a (dyn Fn(BuyerKey) -> Option<UserIx> + Sync),
}

impl Fold<'_> {
    fn add_all(&self, rows: &str, purchases: &mut Vec<Purchase>) -> Sql<()> {
        let mut rows: Vec<Row> = bundle(rows)?;
        rows.sort_unstable();
        rows.iter().try_for_each(|row| self.add(row, purchases))
    }

    /// Adds one line, or its quantity to a line of the same order that is like it.
    fn add(
        &self,
        &(head, line, active, since, seen, paid_until, renewed_by): &Row,
        purchases: &mut Vec<Purchase>,
    ) -> Sql<()> {
        let (order, buyer) = ((head >> 32) as u32, head as u32);
        let (product, standing, quantity) = ((line >> 16) as u32, (line >> 8) as u8, line as u8);
        let (Some(product), Some(user)) = ((self.product_ix)(ProductKey(product)), (self.user_ix)(BuyerKey(buyer)))
        else {
            return Ok(());
        };
        let standing = standing_of(i64::from(standing))?;
        let order = OrderKey(order);
        // Only what the payment API itself calls a running subscription has a renewal that may be late.
        let slack = match standing {
            Standing::Subscribed => self.slack.get(&renewed_by).copied().unwrap_or(0),
            _ => 0,
        };
        let (standing, millis) = match (self.catalog.rule(product).verdict(standing), paid_until) {
            (Verdict::Ends, _) => (standing, since),
            // What a policy keeps of a subscription, or of a period that was paid, is kept as long as that is.
            (Verdict::Lasts | Verdict::Entitles, Some(until)) => (Standing::Subscribed, until),
            (Verdict::Lasts | Verdict::Entitles | Verdict::Never | Verdict::Undecided, _) => (standing, active),
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
            twin.slack = twin.slack.max(slack);
            return Ok(());
        }
        purchases.push(Purchase {
            user,
            product,
            standing,
            quantity,
            order,
            at,
            seen: seen.map_or(0, |seen| (seen / 1000).clamp(0, i64::from(u32::MAX)) as u32),
            slack,
        });
        Ok(())
    }
}
