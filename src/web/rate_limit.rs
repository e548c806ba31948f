//! How often something may happen: a bucket of tokens that fills at a steady rate.

#![expect(clippy::disallowed_methods, reason = "an edge: measures how long the bucket has filled")]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::rooms::household;

/// Addresses of which a table of buckets knows at the same time.
const ADDRESSES: usize = 1_024;

/// So many a second, and so many at once after a pause.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    per_second: f64,
    most: f64,
}

impl Rate {
    /// So many a second, and so many at once.
    pub fn new(per_second: f64, most: u32) -> Self {
        Self { per_second, most: most.into() }
    }

    /// A full bucket that fills at this rate.
    pub fn bucket(self) -> Bucket {
        Bucket { rate: self, level: Mutex::new((self.most, Instant::now())) }
    }
}

/// What is left of what may happen.
#[derive(Debug)]
pub struct Bucket {
    rate: Rate,
    level: Mutex<(f64, Instant)>,
}

/// A bucket for each address. Those that have been quiet for longest are forgotten first.
#[derive(Debug)]
pub(super) struct Buckets {
    rate: Rate,
    levels: Mutex<BTreeMap<IpAddr, (f64, Instant)>>,
}

impl Buckets {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, levels: Mutex::default() }
    }

    /// Takes one out of the bucket of an address.
    pub(super) fn take(&self, address: IpAddr) -> bool {
        self.take_at(address, Instant::now())
    }

    /// Whether there is something in the bucket of an address.
    pub(super) fn has(&self, address: IpAddr, now: Instant) -> bool {
        let levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        levels.get(&household(address)).is_none_or(|level| self.rate.take(&mut level.clone(), now))
    }

    pub(super) fn take_at(&self, address: IpAddr, now: Instant) -> bool {
        let address = household(address);
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        if levels.len() >= ADDRESSES && !levels.contains_key(&address) {
            let quiet = levels.iter().min_by_key(|(_, (_, at))| *at).map(|(address, _)| *address);
            quiet.and_then(|quiet| levels.remove(&quiet));
        }
        self.rate.take(levels.entry(address).or_insert((self.rate.most, now)), now)
    }
}

impl Rate {
    fn take(self, level: &mut (f64, Instant), now: Instant) -> bool {
        let filled = now.saturating_duration_since(level.1).as_secs_f64() * self.per_second;
        *level = ((level.0 + filled).min(self.most), now);
        let enough = level.0 >= 1.0;
        if enough {
            level.0 -= 1.0;
        }
        enough
    }
}

impl Bucket {
    /// Takes one out. False: it is empty, and what was to happen may not.
    pub fn take(&self) -> bool {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> bool {
        self.rate.take(&mut self.level.lock().unwrap_or_else(PoisonError::into_inner), now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let bucket = Rate::new(10.0, 3).bucket();
        let start = Instant::now();
        let taken = |at: Duration| (0..10).filter(|_| bucket.take_at(start + at)).count();
        assert_eq!(taken(Duration::ZERO), 3);
        assert_eq!(taken(Duration::from_millis(100)), 1);
        assert_eq!(taken(Duration::from_millis(350)), 2);
        assert_eq!(taken(Duration::from_secs(60)), 3);
    }
    #[test]
    fn each_address_has_a_bucket_and_the_table_is_bounded() {
        let (buckets, start) = (Buckets::new(Rate::new(0.001, 2)), Instant::now());
        let address = |number: u32| IpAddr::from(number.to_be_bytes());
        assert_eq!((0..5).filter(|_| buckets.take_at(address(1), start)).count(), 2);
        assert!(buckets.take_at(address(2), start), "another one has its own");
        for number in 10..20_000 {
            buckets.take_at(address(number), start + Duration::from_millis(number.into()));
        }
        assert_eq!(buckets.levels.lock().unwrap().len(), ADDRESSES);
    }
}
