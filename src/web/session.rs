//! How a person writes from the page, and how a browser shows that it is this page which writes.
//!
//! A browser sends a form to any address that any site names, cookies included. So a form is heeded only if it
//! carries a value that no other site can read, and if the browser says, where it says anything, that it was sent
//! from here. The API takes a header in place of the value: a site that sets one of its own must ask first, and is
//! never told yes.
//!
//! Where a token is set, a person signs in with it. The cookie that they get says nothing of it: it is the name of a
//! session, which ends on the server when they sign out, after half a day, and with the process.

#![expect(clippy::disallowed_methods, reason = "an edge: reads the system's randomness and asks how old a session is")]

use std::collections::VecDeque;
use std::io::Read as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HOST, ORIGIN};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::caller::{Caller, Standing, same};
use super::guesses::Verdict;
use super::page::{Hand, Session};
use super::{App, Refused};

/// The header that takes the place of a form's value in the API, whatever it says.
pub const HEADER: &str = "x-entitled";
/// The cookie of whoever signed in.
const SESSION: &str = "entitled_session";

/// So many people are signed in at the same time; one more ends the oldest session.
const SESSIONS: usize = 64;
/// How long a session lasts.
const LASTS: Duration = Duration::from_secs(12 * 3_600);

/// What shows that a form was sent from this page, and who has signed in. Lives as long as the process.
pub struct Keys {
    form: String,
    /// By the digest of their cookies, the oldest first: who could read this would be nobody yet.
    sessions: Mutex<VecDeque<(String, Instant)>>,
}

/// So many random bytes, in hex. Absent where the system has none.
fn random() -> Option<String> {
    let mut bytes = [0; 32];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes));
    if let Err(error) = read {
        tracing::warn!(%error, "no random numbers are available, so the page can only be read");
        return None;
    }
    Some(hex(&bytes))
}

impl Keys {
    /// Fresh ones. Absent where the system has no randomness: then nothing can be written from the page.
    pub fn fresh() -> Option<Self> {
        Some(Self { form: random()?, sessions: Mutex::default() })
    }

    fn sessions(&self) -> MutexGuard<'_, VecDeque<(String, Instant)>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session, and returns the value of its cookie.
    fn begin(&self, now: Instant) -> Option<String> {
        let cookie = random()?;
        let mut sessions = self.sessions();
        if sessions.len() >= SESSIONS {
            sessions.pop_front();
        }
        sessions.push_back((digest(&cookie), now));
        Some(cookie)
    }

    /// Whether a cookie is that of a session which is not over.
    fn knows(&self, cookie: &str, now: Instant) -> bool {
        let (cookie, mut sessions) = (digest(cookie), self.sessions());
        sessions.retain(|(_, since)| now.saturating_duration_since(*since) < LASTS);
        sessions.iter().any(|(session, _)| *session == cookie)
    }

    /// Ends a session.
    fn end(&self, cookie: &str) {
        let cookie = digest(cookie);
        self.sessions().retain(|(session, _)| *session != cookie);
    }
}

fn digest(text: &str) -> String {
    hex(&Sha256::digest(text))
}

impl App {
    /// Whether something may be written. `form`: the value that the form carries.
    ///
    /// With a token: whoever shows it, or who signed in and sends a form of this page. Without one: a form of
    /// this page, or a call with [`HEADER`], and nobody who is not on this machine.
    pub(super) fn writes(&self, caller: &Caller, form: Option<&str>) -> Result<(), Refused> {
        let headers = &caller.headers;
        match (caller.standing, form) {
            (Standing::Token, _) => Ok(()),
            (Standing::Local, None) if headers.contains_key(HEADER) && same_origin(headers) => Ok(()),
            (Standing::Local | Standing::Session, form) => self.sent_from_here(headers, form),
            (Standing::Preview, _) => Err(Refused::NoToken),
            (Standing::Stranger(refused), _) => Err(refused),
        }
    }

    /// What whoever sent this may do with a page.
    pub(super) fn hand(&self, caller: &Caller) -> Hand<'_> {
        let session = match caller.standing {
            Standing::Session => Session::SignedIn,
            Standing::Local => Session::Open,
            Standing::Token | Standing::Preview | Standing::Stranger(_) => return Hand::Reads,
        };
        self.keys().map_or(Hand::Reads, |keys| Hand::Writes { form: &keys.form, session })
    }

    /// The cookie for whoever typed `typed`.
    ///
    /// # Errors
    /// Where that is not the token, or nothing shows that it was typed into this page.
    pub(super) fn sign_in(&self, typed: &str, caller: &Caller) -> Result<String, Refused> {
        let (Some(keys), Some(token)) = (self.keys(), &self.door().token) else { return Err(Refused::NoToken) };
        if !same_origin(&caller.headers) {
            return Err(Refused::NoToken);
        }
        match self.judge(typed, token, &caller.extensions) {
            Verdict::Right => {}
            Verdict::Wrong => return Err(Refused::NoToken),
            Verdict::TooMany => return Err(Refused::TooManyTries),
        }
        let cookie = keys.begin(Instant::now()).ok_or(Refused::NoToken)?;
        let secure = caller.headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
        let secure = if secure { "; Secure" } else { "" };
        Ok(format!("{SESSION}={cookie}; Path=/; HttpOnly; SameSite=Strict{secure}"))
    }

    /// Ends the session of whoever sent this, for whoever else has its cookie too. Returns the cookie that says so.
    pub(super) fn sign_out(&self, caller: &Caller) -> String {
        for cookie in cookies(&caller.headers) {
            self.keys().inspect(|keys| keys.end(cookie));
        }
        format!("{SESSION}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
    }

    pub(super) fn is_signed_in(&self, headers: &HeaderMap) -> bool {
        let now = Instant::now();
        self.keys().is_some_and(|keys| cookies(headers).any(|cookie| keys.knows(cookie, now)))
    }

    fn sent_from_here(&self, headers: &HeaderMap, form: Option<&str>) -> Result<(), Refused> {
        let keys = self.keys().ok_or(Refused::NotFromHere)?;
        let known = form.is_some_and(|form| same(form, &keys.form));
        if known && same_origin(headers) { Ok(()) } else { Err(Refused::NotFromHere) }
    }
}

/// The sessions that a request claims.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let sent = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let sent = sent.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    // A browser sends one; whoever sends a thousand is looked at no longer.
    sent.filter(|(name, _)| *name == SESSION).map(|(_, value)| value).take(4)
}

/// Whether a browser says that a page of this very origin sent this. Programs that are no browsers say nothing.
fn same_origin(headers: &HeaderMap) -> bool {
    let header = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let fetched = headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin");
    let here = header(HOST.as_str()).unwrap_or_default();
    let named = header(ORIGIN.as_str()).map(|origin| origin.split_once("://").map_or("", |(_, host)| host));
    fetched && (named.is_none_or(|origin| !origin.is_empty() && origin.eq_ignore_ascii_case(here)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn another_origin_is_told_from_this_one() {
        let host = ("host", "127.0.0.1:8787");
        for from_here in [
            &[host][..],
            &[host, ("origin", "http://127.0.0.1:8787")],
            &[host, ("origin", "http://127.0.0.1:8787"), ("sec-fetch-site", "same-origin")],
        ] {
            assert!(same_origin(&headers(from_here)), "{from_here:?}");
        }
        for from_elsewhere in [
            &[host, ("origin", "https://evil.example")][..],
            &[host, ("origin", "http://127.0.0.1:9999")],
            &[host, ("origin", "null")],
            &[host, ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "same-site")],
            &[host, ("origin", "http://127.0.0.1:8787"), ("sec-fetch-site", "none")],
        ] {
            assert!(!same_origin(&headers(from_elsewhere)), "{from_elsewhere:?}");
        }
    }

    #[test]
    fn a_session_ends_by_itself_by_word_and_when_there_are_too_many() {
        let (keys, now) = (Keys::fresh().unwrap(), Instant::now());
        assert_ne!(keys.form, Keys::fresh().unwrap().form);
        let all: Vec<String> = (0..SESSIONS).map(|_| keys.begin(now).unwrap()).collect();
        assert!(all.iter().all(|cookie| keys.knows(cookie, now)));
        assert!(!keys.knows("", now) && !keys.knows(&digest(&all[0]), now));
        keys.end(&all[1]);
        assert!(!keys.knows(&all[1], now) && keys.knows(&all[0], now));
        keys.begin(now).unwrap();
        keys.begin(now).unwrap();
        assert!(!keys.knows(&all[0], now), "the oldest makes room");
        assert!(keys.knows(&all[2], now) && !keys.knows(&all[2], now + LASTS));
    }
}
