//! What every HTTP client here shares: one way to build it, to bound an answer, to wait and to slow down.
//!
//! Knows nothing of Logto or of any payment API, and never decides whether a call may be repeated.

#![expect(clippy::disallowed_methods, reason = "an edge: waits on the clock of the machine")]

pub(crate) mod link;
mod proxy;
mod tls;

use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use reqwest::header::{AGE, DATE, HeaderMap, RETRY_AFTER};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clock::Steady;

pub(crate) use proxy::{proxy_hint, through};
pub(crate) use tls::roots_hint;

/// Sent with every request, so that a server's log tells our calls from everybody else's.
pub const USER_AGENT: &str = concat!("entitled/", env!("CARGO_PKG_VERSION"));

/// Logto closes an idle connection after 5 s (observed on 1.42); one that is younger is not yet half closed.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// The most of one answer that is read, in bytes, where nothing else is said: a page of 100 Logto users is 40 KB, and
/// JSON takes ten to twenty times its length in memory.
pub const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// The longest token that is taken, in bytes: no server takes a longer one in a header, and each is searched for in all
/// that is shown.
pub const LONGEST_TOKEN: usize = 16 * 1024;

/// A client that follows no redirect (a token must not travel to another origin) and keeps no idle
/// connection longer than the server does.
pub fn client(timeout: Duration) -> reqwest::Client {
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(10)))
        .pool_idle_timeout(POOL_IDLE)
        .redirect(reqwest::redirect::Policy::none())
        .tls_backend_preconfigured(tls::settings());
    proxy::with_proxies(builder).build().expect("everything that it is built of is a part of this program")
}

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection ended before the body did.
    #[error("the answer ended too early")]
    Cut(#[source] reqwest::Error),
    /// It is too long.
    #[error("the answer is longer than {most} bytes")]
    TooLong {
        /// So many bytes are read.
        most: usize,
    },
}

/// The whole body, or an error: never a part of it. Ends where `most` bytes are exceeded, whatever it was packed in.
pub async fn body(mut response: reqwest::Response, most: usize) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| BodyError::Cut(error.without_url()))? {
        if bytes.len() + chunk.len() > most {
            return Err(BodyError::TooLong { most });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// How often and how patiently a read is tried again.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// Tries in all, the first included.
    pub attempts: u32,
    /// The wait after the first failure, before jitter; it doubles each time.
    pub first: Duration,
    /// No wait is longer, whatever a `Retry-After` says.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { attempts: 4, first: Duration::from_millis(200), longest: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// The wait before the try number `next` (from 2): full jitter over a doubling bound, so that many
    /// clients that failed together do not return together; a server's own word goes first.
    pub fn wait(&self, next: u32, retry_after: Option<Duration>) -> Duration {
        if let Some(asked) = retry_after {
            return asked.min(self.longest);
        }
        let bound = self.first.saturating_mul(1 << next.saturating_sub(2).min(16)).min(self.longest);
        bound.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

/// `Retry-After` in seconds or as an HTTP date.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(jiff::Timestamp::now())).unwrap_or(Duration::ZERO))
}

/// How far a server's clock is from this machine's, by the `Date` of its last answer. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Skew(Arc<Lock<Option<(SignedDuration, Steady)>>>);

impl Skew {
    /// Takes in an answer that has just come. One without a `Date` that can be read says nothing, and neither
    /// does one with an `Age`: it lay in a cache, and its `Date` is of when it was made.
    pub fn note(&self, headers: &HeaderMap) {
        if headers.contains_key(AGE) {
            return;
        }
        let date = headers.get(DATE).and_then(|value| value.to_str().ok());
        let Some(date) = date.and_then(|text| jiff::fmt::rfc2822::parse(text.trim()).ok()) else { return };
        let ahead = date.timestamp().duration_since(jiff::Timestamp::now());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((ahead, Steady::now()));
    }

    /// How far it is ahead; a `Date` has whole seconds, and the answer took its time.
    pub fn last(&self) -> Option<SignedDuration> {
        self.noted().map(|(ahead, _)| ahead)
    }

    /// The same, as long as the clock of this machine only ran since that answer: where it was set, or the machine
    /// slept, nobody knows until the next one.
    pub fn still(&self) -> Option<SignedDuration> {
        self.noted().filter(|(_, at)| at.set_until(Steady::now()).is_zero()).map(|(ahead, _)| ahead)
    }

    fn noted(&self) -> Option<(SignedDuration, Steady)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Spaces calls out: never more than `rate` a second, and none at all while a server has asked for quiet.
/// Shared by all calls to one server, so that one 429 slows everything down and not just one call.
#[derive(Clone, Debug)]
pub struct Pace {
    gap: Duration,
    next: Arc<Mutex<Instant>>,
}

impl Pace {
    /// `None`: as fast as the calls come, until a server asks for quiet.
    pub fn new(rate: Option<f64>) -> Self {
        let gap = rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate.max(0.001)));
        Self { gap, next: Arc::new(Mutex::new(Instant::now())) }
    }

    /// Returns when the next call may start.
    pub async fn turn(&self) {
        let at = {
            let mut next = self.next.lock().await;
            let at = (*next).max(Instant::now());
            *next = at + self.gap;
            at
        };
        tokio::time::sleep_until(at).await;
    }

    /// No call starts for this long.
    pub async fn quiet(&self, wait: Duration) {
        let mut next = self.next.lock().await;
        *next = (*next).max(Instant::now() + wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_out_of_a_cache_says_nothing_of_a_clock() {
        let date = "Mon, 01 Jan 2024 00:00:00 GMT".parse().unwrap();
        let skew = Skew::default();
        let mut headers = HeaderMap::from_iter([(DATE, date)]);
        headers.insert(AGE, "86400".parse().unwrap());
        skew.note(&headers);
        assert_eq!(skew.last(), None);
        headers.remove(AGE);
        skew.note(&headers);
        assert!(skew.last().is_some_and(|ahead| ahead.as_hours() < -24));
    }
}
