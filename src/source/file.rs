//! Orders from a YAML or JSON file, in the shape of the documented OpenBitum payload.
//!
//! Reads and parses the file whole, once for each change of it; orders are looked up by their ids in memory. What is
//! no list of orders is an error; an entry that cannot be read is one odd order.
//!
//! The shape: a list, or `{orders: [...]}`, of entries with `id` (or `orderId`), `productId` or
//! `products`, `user: {id, email}`, `status`, `paidAt`, `updatedAt`, `amount`, `currency`
//! (<https://docs.openbitum.pw/integrations/webhook>), and `periodEnd` for a `status` of `subscribed`.

mod entry;
mod kept;
mod node;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::odd::{Nameless, odd};
use super::{FileError, Lookup, Read, ReadReport, Scope, SourceError, Step};
use crate::files::{self, Kind};
use crate::model::{OddPart, Oddity, OrderId, ReadOrder};
use crate::text::without_bom;
use kept::{Kept, Place};
use node::Node;

/// A file that has not changed is handed out again after that long.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// A file of orders.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    last: Mutex<Last>,
    /// How often it was parsed.
    parsed: AtomicU64,
}

/// What is known of the last read.
#[derive(Debug, Default)]
struct Last {
    /// What it held, and where and when.
    kept: Option<(Place, Arc<Kept>)>,
    /// What of that was taken in by whoever reads it, and when.
    taken: Option<(Arc<Kept>, Timestamp)>,
}

impl File {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, last: Mutex::default(), parsed: AtomicU64::new(0) }
    }

    /// All orders, as one page. What a person took out of the file is out of it: there is no guard against
    /// shrinking, since a file that parses is whole. What was taken in already and is the same is not given again.
    pub(super) fn read(&self, plan: Read, now: Timestamp) -> Reading<'_> {
        let (Read::Full { last_count } | Read::Since { last_count, .. }) = plan;
        Reading { file: self, known: last_count, now, given: None, report: None }
    }

    pub(super) async fn get(&self, id: &OrderId, now: Timestamp) -> Result<Lookup, SourceError> {
        let kept = self.kept(now).await?;
        Ok(kept.find(id).map_or(Lookup::Missing, |order| Lookup::Found(order.clone())))
    }

    /// What the file holds now.
    async fn kept(&self, now: Timestamp) -> Result<Arc<Kept>, SourceError> {
        let read = async {
            let place = Place::of(&files::apart(&self.path, Path::metadata).await.map_err(FileError::Open)?);
            let last = self.last().kept.clone();
            if let Some((before, kept)) = &last
                && before.is_still(&place)
                && kept.holds_at(now)
            {
                return Ok(Arc::clone(kept));
            }
            let bytes =
                files::apart(&self.path, |path| files::bytes(path, Kind::Orders)).await.map_err(FileError::Open)?;
            let kept = match last {
                Some((_, kept)) if kept.is_of(&bytes, now) => kept,
                _ => {
                    self.parsed.fetch_add(1, Ordering::Relaxed);
                    let path = self.path.clone();
                    // Sixty megabytes take seconds, and whoever is to end or to answer waits for nobody's orders.
                    let parse = move || {
                        let (orders, nameless) = orders(&path, &bytes, now)?;
                        Ok::<_, FileError>(Kept::new(orders, nameless, &bytes, now))
                    };
                    match tokio::task::spawn_blocking(parse).await {
                        Ok(parsed) => parsed?,
                        Err(error) => match error.try_into_panic() {
                            Ok(panic) => std::panic::resume_unwind(panic),
                            // The whole program ends.
                            Err(_) => std::future::pending().await,
                        },
                    }
                }
            };
            self.last().kept = Some((place, Arc::clone(&kept)));
            Ok(kept)
        };
        read.await.map_err(|source| SourceError::File { path: self.path.clone(), source })
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A read of the file: its page, then its end.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    file: &'a File,
    /// How many orders the last read gave to whoever reads.
    known: Option<u64>,
    now: Timestamp,
    /// The page that was given.
    given: Option<Arc<Kept>>,
    report: Option<ReadReport>,
}

impl Reading<'_> {
    pub(super) async fn next(&mut self) -> Result<Step, SourceError> {
        if let Some(report) = &self.report {
            // Whoever asks for more has taken in what was given.
            if let Some(given) = self.given.take() {
                self.file.last().taken = Some((given, self.now));
            }
            return Ok(Step::Done(report.clone()));
        }
        let kept = self.file.kept(self.now).await?;
        let orders = &kept.orders;
        let odd = orders.iter().filter(|order| !order.odd.is_empty()).count() as u64;
        let report = ReadReport {
            scope: Scope::Full,
            pages: 1,
            orders: orders.len() as u64,
            odd: odd + kept.nameless.rows,
            nameless: kept.nameless.clone(),
            overlays: Vec::new(),
            test_orders: 0,
            total_claimed: None,
            watermark: orders.iter().filter_map(|order| order.updated_at).max(),
            absent: Vec::new(),
            lists: std::collections::BTreeMap::new(),
            reread: false,
        };
        self.report = Some(report.clone());
        if orders.is_empty() || self.knows(&kept) {
            return Ok(Step::Done(report));
        }
        let page = orders.clone();
        self.given = Some(kept);
        Ok(Step::Page(page))
    }

    /// Whether whoever reads has taken in the very same not long ago.
    fn knows(&self, kept: &Arc<Kept>) -> bool {
        let last = self.file.last();
        let Some((taken, at)) = &last.taken else { return false };
        let since = self.now.duration_since(*at);
        Arc::ptr_eq(taken, kept)
            && self.known == Some(kept.orders.len() as u64)
            && !since.is_negative()
            && since < AGAIN
    }
}

/// The orders of a file's content. JSON if its name ends so, YAML otherwise.
fn orders(path: &Path, bytes: &[u8], now: Timestamp) -> Result<(Vec<ReadOrder>, Nameless), FileError> {
    let bytes = without_bom(bytes);
    if bytes.trim_ascii().is_empty() {
        return Err(FileError::Empty);
    }
    let mut places: HashMap<OrderId, usize> = HashMap::new();
    let mut orders: Vec<ReadOrder> = Vec::new();
    let mut nameless = Nameless::default();
    let mut number = 0;
    let mut take = |entry: Node| {
        number += 1;
        match entry::order(entry, now) {
            Ok(order) => match places.get(&order.id) {
                Some(at) => orders[*at] = twice(&order.id, orders[*at].clone()),
                None => {
                    places.insert(order.id.clone(), orders.len());
                    orders.push(order);
                }
            },
            Err(odd) => nameless.note("entries", number, &odd),
        }
    };
    if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json")) {
        node::json_entries(bytes, &mut take)?;
    } else {
        node::yaml_entries(bytes, &mut take)?;
    }
    Ok((orders, nameless))
}

/// An order of which two entries tell: which of them is true, nobody can say.
fn twice(id: &OrderId, earlier: ReadOrder) -> ReadOrder {
    let mut odd = earlier.odd;
    if !odd.iter().any(|odd| odd.what == Oddity::Twice) {
        odd.push(self::odd(OddPart::Row, Oddity::Twice, "id", &Value::from(id.as_str())));
    }
    ReadOrder::new(earlier.order, odd)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the tests write the files that are read")]

    use super::*;

    fn text(count: usize, status: &str) -> String {
        let entry = |number| format!("- {{id: o{number}, productId: p, user: {{id: ann}}, status: {status}}}\n");
        (0..count).map(entry).collect()
    }

    async fn page(file: &File, known: Option<u64>, now: Timestamp) -> usize {
        let mut reading = file.read(Read::Full { last_count: known }, now);
        let mut given = 0;
        loop {
            match reading.next().await.unwrap() {
                Step::Page(orders) => given += orders.len(),
                Step::Done(report) => {
                    assert_eq!(report.scope, Scope::Full);
                    return given;
                }
                Step::Adjustments(_) => {}
            }
        }
    }

    #[tokio::test]
    async fn a_file_is_parsed_once_for_each_change_however_many_orders_are_looked_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.yaml");
        let file = File::new(path.clone());
        let now = crate::clock::now();
        for (change, status) in ["paid", "void", "paid"].into_iter().enumerate() {
            // As long as before, and within the same instant: only its bytes tell.
            std::fs::write(&path, text(200, status)).unwrap();
            for number in 0..200 {
                let Lookup::Found(order) = file.get(&format!("o{number}").as_str().into(), now).await.unwrap() else {
                    panic!("o{number} is not found");
                };
                assert_eq!(order.status.as_deref(), Some(status));
            }
            assert_eq!(file.parsed.load(Ordering::Relaxed), change as u64 + 1);
        }
        assert_eq!(file.get(&"o200".into(), now).await.unwrap(), Lookup::Missing);
        std::fs::remove_file(&path).unwrap();
        assert!(file.get(&"o1".into(), now).await.is_err(), "what is kept is no file");
    }

    #[tokio::test]
    async fn what_was_taken_in_and_is_the_same_is_not_given_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.yaml");
        let file = File::new(path.clone());
        let now = crate::clock::now();
        std::fs::write(&path, text(3, "paid")).unwrap();
        assert_eq!(page(&file, None, now).await, 3);
        assert_eq!(page(&file, Some(3), now).await, 0, "it is known");
        assert_eq!(page(&file, None, now).await, 3, "by another store it is not");
        assert_eq!(page(&file, Some(3), now + AGAIN).await, 3, "now and then it is given again");
        std::fs::write(&path, text(3, "void")).unwrap();
        let mut broken_off = file.read(Read::Full { last_count: Some(3) }, now + AGAIN);
        assert!(matches!(broken_off.next().await.unwrap(), Step::Page(_)));
        drop(broken_off);
        assert_eq!(page(&file, Some(3), now + AGAIN).await, 3, "what was not taken in is given again");
        assert_eq!(page(&file, Some(3), now + AGAIN).await, 0);
        assert_eq!(file.parsed.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_time_that_was_impossible_is_looked_at_again_when_it_may_be_true() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.yaml");
        let file = File::new(path.clone());
        let now = crate::clock::now();
        let paid = now + SignedDuration::from_hours(30);
        std::fs::write(&path, format!("- {{id: o, productId: p, user: {{id: ann}}, status: paid, paidAt: '{paid}'}}"))
            .unwrap();
        for (hours, odd) in [(0, true), (7, false), (0, true), (30, false)] {
            let Lookup::Found(order) = file.get(&"o".into(), now + SignedDuration::from_hours(hours)).await.unwrap()
            else {
                panic!("it is not found");
            };
            assert_eq!(!order.odd.is_empty(), odd, "{hours} hours later");
        }
    }
}
