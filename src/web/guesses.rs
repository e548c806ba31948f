//! Whoever shows wrong tokens is slowed down, and whoever has the right one is not.
//!
//! Each address has some tries, and gets new ones slowly. When they are used up nothing that it shows is looked at, but
//! where the right one was shown from there before: then somebody else is behind the same address, and would keep the
//! owner out.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::rate_limit::{Buckets, Rate};
use super::rooms::household;

/// For how long an address is known.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 3_600);
/// So many addresses are known at the same time.
const KNOWN: usize = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Guesses {
    tries: Buckets,
    /// From where the right token was shown, the latest last.
    known: Mutex<VecDeque<(IpAddr, Instant)>>,
}

/// What a token that was shown comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Wrong,
    /// Nobody has looked at it.
    TooMany,
}

impl Default for Guesses {
    fn default() -> Self {
        Self { tries: Buckets::new(Rate::new(0.1, 10)), known: Mutex::default() }
    }
}

impl Guesses {
    /// `is_right`: whether what was shown from `address` is the token.
    pub(super) fn judge(&self, address: IpAddr, is_right: impl FnOnce() -> bool, now: Instant) -> Verdict {
        let address = household(address);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(_, at)| now.saturating_duration_since(*at) < KNOWN_FOR);
        let at = known.iter().position(|(other, _)| *other == address);
        if at.is_none() && !self.tries.has(address, now) {
            return Verdict::TooMany;
        }
        if is_right() {
            at.and_then(|at| known.remove(at));
            if known.len() >= KNOWN {
                known.pop_front();
            }
            known.push_back((address, now));
            return Verdict::Right;
        }
        if self.tries.take_at(address, now) { Verdict::Wrong } else { Verdict::TooMany }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test may begin when it likes")]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_is_slowed_down_and_who_knows_is_not() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        let [one, two] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        let wrong = |address| guesses.judge(address, || false, now);
        assert_eq!((0..10).filter(|_| wrong(one) == Verdict::Wrong).count(), 10);
        assert_eq!(wrong(one), Verdict::TooMany);
        assert_eq!(guesses.judge(one, || panic!("nobody looks"), now), Verdict::TooMany);
        assert_eq!(guesses.judge(two, || true, now), Verdict::Right, "another one is let in");
        assert_eq!((0..50).filter(|_| wrong(two) == Verdict::Wrong).count(), 10);
        assert_eq!(guesses.judge(two, || true, now), Verdict::Right, "whoever knew it before is let in");
        let later = now + Duration::from_secs(11);
        assert_eq!(guesses.judge(one, || true, later), Verdict::Right, "and everybody some time later");
    }

    #[test]
    fn few_addresses_are_known() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        for last in 0..200 {
            guesses.judge(IpAddr::from([192, 0, 2, last]), || true, now);
        }
        assert_eq!(guesses.known.lock().unwrap().len(), KNOWN);
    }
}
