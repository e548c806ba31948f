//! Takes in what a source read: new orders, changed orders, and nothing else.
//!
//! Never forgets an order, never lets an older reading replace a newer one, and never stores one without what
//! overlays say of it. A missing buyer never replaces a known one: a shop that forgets a customer takes nothing from
//! them.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::codec::{Sql, bundle, int, list, millis, small};
use super::elsewhere::known_elsewhere;
use super::error::StoreError;
use super::incoming::{AsRead, Settled, settled};
use super::keys::source_key;
use super::open::Store;
use super::{adjustments, codec, odd};
use crate::model::{Odd, Order, OrderId, OrderKey, Renewal, SourceName, Standing};

/// What came of recording orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Seen for the first time.
    pub new: usize,
    /// Known, and different now.
    pub changed: usize,
    /// Known and the same, or an older reading than the one we have.
    pub unchanged: usize,
    /// The orders that are new or changed, ascending, each once.
    pub touched: Vec<OrderKey>,
    /// Readings that were passed over, since a newer one is known: they confirm nothing.
    pub outdated: Vec<OrderId>,
    /// Of those that changed, the ones about which something else is odd than before.
    pub odd: Vec<(OrderId, Vec<Odd>)>,
}

/// So many orders a transaction: enough that the commit costs little, few enough that a reader's snapshot
/// and the write-ahead log stay small.
const CHUNK: usize = 10_000;

/// In milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// So many rows a statement: SQLite takes up to 32,766 parameters, and a row has at most 15.
const ROWS: usize = 1_000;

impl Store {
    /// Records what `source` read. Orders that are not in `orders` stay as they are.
    ///
    /// All that overlays say of an order is put on it in the same transaction, and what could not be read of it
    /// stays as it was: see `store::incoming`.
    ///
    /// The last reading of an order counts, except that one which changed (`updated_at`) before what is
    /// known is passed over. A long slice is several transactions of whole orders.
    pub async fn record_orders<R: AsRead + Sync>(
        &self,
        source: &SourceName,
        orders: &[R],
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        self.record_noticed(source, orders, now, now).await
    }

    /// The same where the clock that says `now` is off: what has ended without a time ended when it was `noticed`.
    pub async fn record_noticed<R: AsRead + Sync>(
        &self,
        source: &SourceName,
        orders: &[R],
        now: Timestamp,
        noticed: Timestamp,
    ) -> Result<Recorded, StoreError> {
        let mut recorded = Recorded::default();
        for chunk in orders.chunks(CHUNK) {
            let mut transaction = self.begin().await?;
            let outcome = record(&mut transaction, source, chunk, [now, noticed].map(millis), &mut recorded).await;
            self.end(transaction, outcome).await?;
        }
        recorded.touched.sort_unstable();
        recorded.touched.dedup();
        Ok(recorded)
    }
}

/// What the store knows of an order before it is read again.
struct Known {
    key: i64,
    digest: i64,
    standing: Standing,
    updated_at: Option<i64>,
    seen_at: i64,
    entitled_seen_at: Option<i64>,
    standing_since: i64,
}

/// An order on its way in.
struct Incoming<'a> {
    settled: &'a Settled<'a>,
    order: &'a Order,
    digest: i64,
    known: Option<Known>,
    key: i64,
}

/// Stores orders, and says which have changed. In one piece: the statements of one transaction.
async fn record<R: AsRead>(
    connection: &mut SqliteConnection,
    source: &SourceName,
    readings: &[R],
    [now, noticed]: [i64; 2],
    recorded: &mut Recorded,
) -> Sql<()> {
    let source = source_key(connection, source).await?;
    let readings = latest(readings);
    let ids: Vec<&str> = readings.iter().map(|reading| reading.order().id.as_str()).collect();
    let known = known(connection, source, &ids).await?;
    let marked = adjustments::said_of(connection, source, &ids).await?;
    let keys: Vec<Option<i64>> = known.iter().map(|known| known.as_ref().map(|known| known.key)).collect();
    let settled = settled(connection, readings, &keys, &marked, noticed).await?;
    let mut incoming = Vec::with_capacity(settled.len());
    let (mut fresh, mut changed, mut closed) = (0, Vec::new(), Vec::new());
    for (settled, known) in settled.iter().zip(known) {
        let order = &*settled.order;
        let digest = settled.digest();
        let passed_over = known.as_ref().is_some_and(|known| older(order, known, now));
        if !passed_over && marked.open.contains(&order.id) {
            closed.push(order.id.as_str());
        }
        match &known {
            Some(known) if known.digest == digest || passed_over => {
                recorded.unchanged += 1;
                if passed_over && known.digest != digest {
                    recorded.outdated.push(order.id.clone());
                }
                continue;
            }
            Some(known) => changed.push(known.key),
            None => fresh += 1,
        }
        let key = known.as_ref().map_or(0, |known| known.key);
        incoming.push(Incoming { settled, order, digest, key, known });
    }
    if !closed.is_empty() {
        adjustments::close(connection, source, &closed).await?;
    }
    if incoming.is_empty() {
        return Ok(());
    }
    let last = last_key(connection).await?;
    let mut next = last;
    for incoming in incoming.iter_mut().filter(|incoming| incoming.known.is_none()) {
        next += 1;
        incoming.key = next;
    }
    recorded.new += fresh;
    recorded.changed += changed.len();
    recorded.touched.extend(incoming.iter().map(|incoming| order_key(incoming.key)));

    let buyers = buyer_keys(connection, &incoming).await?;
    let products = product_keys(connection, source, &incoming).await?;
    let lines = known_lines(connection, &changed).await?;
    write_orders(connection, source, &incoming, &buyers, now).await?;
    if !changed.is_empty() {
        sqlx::query("DELETE FROM items WHERE order_key IN (SELECT value FROM json_each(?1))")
            .bind(list(&changed))
            .execute(&mut *connection)
            .await?;
    }
    write_items(connection, &incoming, &products, lines).await?;
    let keys: Vec<i64> = incoming.iter().map(|incoming| incoming.key).collect();
    known_elsewhere(connection, &keys, now).await?;
    let odd: Vec<(i64, &OrderId, &[Odd])> =
        incoming.iter().map(|incoming| (incoming.key, &incoming.order.id, &*incoming.settled.odd)).collect();
    recorded.odd.extend(odd::write(connection, source, &odd, &changed, now).await?);
    Ok(())
}

/// One reading of each order: the last, unless it is older than the one before it.
fn latest<R: AsRead>(readings: &[R]) -> Vec<&R> {
    let mut at: HashMap<&str, usize> = HashMap::with_capacity(readings.len());
    let mut latest: Vec<&R> = Vec::with_capacity(readings.len());
    for reading in readings {
        let order = reading.order();
        match at.get(order.id.as_str()) {
            None => {
                at.insert(order.id.as_str(), latest.len());
                latest.push(reading);
            }
            Some(&at) if !before(order.updated_at.map(millis), latest[at].order().updated_at.map(millis)) => {
                latest[at] = reading;
            }
            Some(_) => {}
        }
    }
    latest
}

/// Whether a reading is older than the one that is known. A change that was dated far ahead of its time would
/// hide every later one.
fn older(order: &Order, known: &Known, now: i64) -> bool {
    let updated_at = known.updated_at.filter(|at| *at <= now.saturating_add(DAY));
    before(order.updated_at.map(millis), updated_at)
}

/// Whether one change came before another, as exactly as the first is dated: an API may tell milliseconds in its list,
/// and whole seconds of the same order elsewhere.
fn before(one: Option<i64>, other: Option<i64>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    let step = if one.rem_euclid(1_000) == 0 { 1_000 } else { 1 };
    one < other.div_euclid(step) * step
}

fn order_key(key: i64) -> OrderKey {
    OrderKey(u32::try_from(key).expect("the schema refuses a key above 32 bits"))
}

fn entitling(standing: Standing) -> bool {
    matches!(standing, Standing::Paid | Standing::Subscribed | Standing::PartiallyRefunded | Standing::Disputed)
}

/// The highest key that was ever given to an order.
async fn last_key(connection: &mut SqliteConnection) -> Sql<i64> {
    sqlx::query_scalar("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'orders'), 0)")
        .fetch_one(connection)
        .await
}

/// What is known of each of these orders, in their order.
async fn known(connection: &mut SqliteConnection, source: i64, ids: &[&str]) -> Sql<Vec<Option<Known>>> {
    type Row = (usize, i64, i64, i64, Option<i64>, i64, Option<i64>, i64);
    let mut known = Vec::with_capacity(ids.len());
    known.resize_with(ids.len(), || None);
    for (ids, known) in ids.chunks(ROWS).zip(known.chunks_mut(ROWS)) {
        let rows: String = sqlx::query_scalar(
            "SELECT json_group_array(json_array(j.key, o.key, o.digest, o.standing, o.updated_at, o.seen_at,
                                                o.entitled_seen_at, o.standing_since))
             FROM json_each(?2) j CROSS JOIN orders o ON o.source = ?1 AND o.id = j.value",
        )
        .bind(source)
        .bind(list(ids))
        .fetch_one(&mut *connection)
        .await?;
        for (at, key, digest, standing, updated_at, seen_at, entitled_seen_at, standing_since) in bundle::<Row>(&rows)?
        {
            let standing = codec::standing_of(standing)?;
            known[at] = Some(Known { key, digest, standing, updated_at, seen_at, entitled_seen_at, standing_since });
        }
    }
    Ok(known)
}

/// A buyer as the store tells them apart: an absent part is empty.
fn identity(order: &Order) -> (&str, &str) {
    let user = order.buyer.user.as_ref().map_or("", |user| user.as_str());
    let email = order.buyer.email.as_ref().map_or("", |email| email.as_str());
    (user, email)
}

async fn buyer_keys<'a>(
    connection: &mut SqliteConnection,
    incoming: &[Incoming<'a>],
) -> Sql<HashMap<(&'a str, &'a str), i64>> {
    let identities: BTreeSet<(&str, &str)> = incoming.iter().map(|incoming| identity(incoming.order)).collect();
    let identities: Vec<(&str, &str)> = identities.into_iter().collect();
    let mut keys = HashMap::with_capacity(identities.len());
    for identities in identities.chunks(ROWS) {
        known_buyers(connection, identities, &mut keys).await?;
        let new: Vec<_> = identities.iter().copied().filter(|identity| !keys.contains_key(identity)).collect();
        if new.is_empty() {
            continue;
        }
        sqlx::query("INSERT INTO buyers (claimed, email) SELECT value ->> 0, value ->> 1 FROM json_each(?1)")
            .bind(list(&new))
            .execute(&mut *connection)
            .await?;
        known_buyers(connection, &new, &mut keys).await?;
    }
    Ok(keys)
}

/// Adds the keys of those of `identities` that are in the directory.
async fn known_buyers<'a>(
    connection: &mut SqliteConnection,
    identities: &[(&'a str, &'a str)],
    keys: &mut HashMap<(&'a str, &'a str), i64>,
) -> Sql<()> {
    let rows: String = sqlx::query_scalar(
        "SELECT json_group_array(json_array(j.key, b.key)) FROM json_each(?1) j
         CROSS JOIN buyers b ON b.claimed = j.value ->> 0 AND b.email = j.value ->> 1",
    )
    .bind(list(identities))
    .fetch_one(connection)
    .await?;
    keys.extend(bundle::<(usize, i64)>(&rows)?.into_iter().map(|(at, key)| (identities[at], key)));
    Ok(())
}

async fn product_keys<'a>(
    connection: &mut SqliteConnection,
    source: i64,
    incoming: &[Incoming<'a>],
) -> Sql<HashMap<&'a str, i64>> {
    let ids: BTreeSet<&str> =
        incoming.iter().flat_map(|incoming| &incoming.order.items).map(|item| item.product.as_str()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let wanted = list(&ids);
    sqlx::query(
        "INSERT INTO products (source, id) SELECT ?1, j.value FROM json_each(?2) j
         WHERE NOT EXISTS (SELECT 1 FROM products p WHERE p.source = ?1 AND p.id = j.value)",
    )
    .bind(source)
    .bind(wanted.clone())
    .execute(&mut *connection)
    .await?;
    let rows = sqlx::query(
        "SELECT j.key, p.key FROM json_each(?2) j CROSS JOIN products p ON p.source = ?1 AND p.id = j.value",
    )
    .bind(source)
    .bind(wanted)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok((ids[small(row, 0)? as usize], int(row, 1)?))).collect()
}

/// The lines of the orders that are about to change: order and product to what held, and since when.
type Lines = HashMap<(i64, i64), Vec<(Standing, i64)>>;

async fn known_lines(connection: &mut SqliteConnection, orders: &[i64]) -> Sql<Lines> {
    let mut lines = Lines::new();
    for orders in orders.chunks(ROWS) {
        let rows = sqlx::query(
            "SELECT order_key, product, standing, since FROM items
             WHERE order_key IN (SELECT value FROM json_each(?1)) ORDER BY order_key, line",
        )
        .bind(list(orders))
        .fetch_all(&mut *connection)
        .await?;
        for row in &rows {
            let line = (codec::standing(row, 2)?, int(row, 3)?);
            lines.entry((int(row, 0)?, int(row, 1)?)).or_default().push(line);
        }
    }
    Ok(lines)
}

async fn write_orders(
    connection: &mut SqliteConnection,
    source: i64,
    incoming: &[Incoming<'_>],
    buyers: &HashMap<(&str, &str), i64>,
    now: i64,
) -> Sql<()> {
    for incoming in incoming.chunks(ROWS) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO orders (key, source, id, buyer, standing, status, paid_at, updated_at, ended_at, period_end,
                                 renews, seen_at, entitled_seen_at, standing_since, digest) ",
        );
        insert.push_values(incoming, |mut row, Incoming { settled, order, digest, known, key }| {
            let before = known.as_ref().map(|known| (known.standing, known.standing_since));
            let entitled = known.as_ref().and_then(|known| known.entitled_seen_at);
            row.push_bind(*key)
                .push_bind(source)
                .push_bind(order.id.as_str())
                .push_bind(buyers[&identity(order)])
                .push_bind(order.standing as i64)
                .push_bind(order.status.as_deref())
                .push_bind(order.paid_at.map(millis))
                .push_bind(order.updated_at.map(millis))
                .push_bind(order.ended_at.map(millis))
                .push_bind(order.period_end.map(millis))
                .push_bind(i64::from(order.renewal == Renewal::Expected))
                .push_bind(known.as_ref().map_or(now, |known| known.seen_at))
                .push_bind(entitled.or(entitling(order.standing).then_some(now)))
                .push_bind(settled.since(order.standing, before))
                .push_bind(*digest);
        });
        // A payment that was told stays told, and one that never was counts from what was known of it first: or an
        // order that is touched would be paid anew.
        insert.push(
            " ON CONFLICT (key) DO UPDATE SET
                 buyer = iif((SELECT claimed = '' AND email = '' FROM buyers WHERE key = excluded.buyer), buyer,
                             excluded.buyer),
                 standing = excluded.standing, status = excluded.status,
                 paid_at = coalesce(excluded.paid_at, orders.paid_at,
                                    iif(orders.entitled_seen_at IS NULL, NULL,
                                        coalesce(orders.updated_at,
                                                 iif(orders.seen_at < orders.entitled_seen_at, NULL, orders.seen_at)))),
                 updated_at = excluded.updated_at, ended_at = excluded.ended_at,
                 period_end = excluded.period_end, renews = excluded.renews,
                 entitled_seen_at = excluded.entitled_seen_at, standing_since = excluded.standing_since,
                 digest = excluded.digest",
        );
        insert.build().persistent(incoming.len() == ROWS).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn write_items(
    connection: &mut SqliteConnection,
    incoming: &[Incoming<'_>],
    products: &HashMap<&str, i64>,
    mut lines: Lines,
) -> Sql<()> {
    let mut rows = Vec::with_capacity(incoming.len());
    for Incoming { settled, order, key, .. } in incoming {
        for (line, item) in (0_i64..).zip(&order.items) {
            let product = products[item.product.as_str()];
            let standing = order.standing_of(item);
            // Each line of before speaks for one line of now: of two that end one after the other, the second
            // does not take over when the first has ended.
            let before = lines.get_mut(&(*key, product)).and_then(|lines| {
                let at = lines.iter().position(|(held, _)| *held == standing)?;
                Some(lines.remove(at))
            });
            rows.push((*key, line, product, item, standing, settled.since(standing, before)));
        }
    }
    for rows in rows.chunks(ROWS) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO items (order_key, line, product, quantity, said, standing, since, until, id) ",
        );
        insert.push_values(rows, |mut row, (key, line, product, item, standing, since)| {
            row.push_bind(*key)
                .push_bind(*line)
                .push_bind(*product)
                .push_bind(i64::from(item.quantity))
                .push_bind(item.standing.map(|standing| standing as i64))
                .push_bind(*standing as i64)
                .push_bind(*since)
                .push_bind(codec::until(item.term))
                .push_bind(item.id.as_deref());
        });
        insert.build().persistent(rows.len() == ROWS).execute(&mut *connection).await?;
    }
    Ok(())
}
