//! How often something may happen: a bucket of tokens that fills at a steady rate.

#![expect(clippy::disallowed_methods, reason = "an edge: measures how long the bucket has filled")]

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// So many a second, and so many at once after a pause.
#[derive(Debug)]
pub struct Bucket {
    per_second: f64,
    most: f64,
    level: Mutex<(f64, Instant)>,
}

impl Bucket {
    /// A full one.
    pub fn new(per_second: f64, most: u32) -> Self {
        Self { per_second, most: most.into(), level: Mutex::new((most.into(), Instant::now())) }
    }

    /// Takes one out. False: it is empty, and what was to happen may not.
    pub fn take(&self) -> bool {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = now.saturating_duration_since(level.1).as_secs_f64() * self.per_second;
        *level = ((level.0 + filled).min(self.most), now);
        let enough = level.0 >= 1.0;
        if enough {
            level.0 -= 1.0;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let bucket = Bucket::new(10.0, 3);
        let start = Instant::now();
        let taken = |at: Duration| (0..10).filter(|_| bucket.take_at(start + at)).count();
        assert_eq!(taken(Duration::ZERO), 3);
        assert_eq!(taken(Duration::from_millis(100)), 1);
        assert_eq!(taken(Duration::from_millis(350)), 2);
        assert_eq!(taken(Duration::from_secs(60)), 3);
    }
}
