//! How a person writes from the page, and how a browser shows that it is this page which writes.
//!
//! A browser sends a form to any address that any site names, cookies included. So a form is heeded only if it
//! carries a value that no other site can read, and if the browser says, where it says anything, that it was sent
//! from here. The API takes a header in place of the value: a site that sets one of its own must ask first, and is
//! never told yes.
//!
//! Where a token is set, a person signs in with it. The cookie that they get is no token: it is made from one
//! and from a key that ends with the process.

#![expect(clippy::disallowed_methods, reason = "an edge: reads the system's randomness")]

use std::io::Read as _;

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HOST, ORIGIN};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::caller::{Caller, Standing};
use super::page::{Hand, Session};
use super::{App, Refused};
use crate::secret::Secret;

/// The header that takes the place of a form's value in the API, whatever it says.
pub const HEADER: &str = "x-entitled";
/// The cookie of whoever signed in.
const SESSION: &str = "entitled_session";

/// What shows that a form was sent from this page. Lives as long as the process.
#[derive(Clone)]
pub struct Keys {
    form: String,
    session: Secret,
}

impl Keys {
    /// Fresh ones. Absent where the system has no randomness: then nothing can be written from the page.
    pub fn fresh() -> Option<Self> {
        let mut bytes = [0; 64];
        let read = std::fs::File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes));
        if let Err(error) = read {
            tracing::warn!(%error, "no randomness, so nothing can be done from the page");
            return None;
        }
        Some(Self { form: hex(&bytes[..32]), session: Secret::new(hex(&bytes[32..])) })
    }

    /// What the cookie of somebody who showed `token` says.
    fn cookie(&self, token: &Secret) -> String {
        hex(&Sha256::digest(format!("{}\n{}", self.session.expose(), token.expose())))
    }
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
            (Standing::Stranger(refused), _) => Err(refused),
        }
    }

    /// What whoever sent this may do with a page.
    pub(super) fn hand(&self, caller: &Caller) -> Hand<'_> {
        let session = match caller.standing {
            Standing::Session => Session::SignedIn,
            Standing::Local => Session::Open,
            Standing::Token | Standing::Stranger(_) => return Hand::Reads,
        };
        self.keys().map_or(Hand::Reads, |keys| Hand::Writes { form: &keys.form, session })
    }

    /// The cookie for whoever typed `token`; `None` where that is not it.
    pub(super) fn sign_in(&self, token: &str, headers: &HeaderMap) -> Option<String> {
        let (keys, set) = (self.keys()?, self.door().token.as_ref()?);
        if !same(token, set.expose()) || !same_origin(headers) {
            return None;
        }
        let secure = headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
        let secure = if secure { "; Secure" } else { "" };
        Some(format!("{SESSION}={}; Path=/; HttpOnly; SameSite=Strict{secure}", keys.cookie(set)))
    }

    pub(super) fn is_signed_in(&self, headers: &HeaderMap) -> bool {
        let (Some(keys), Some(token)) = (self.keys(), &self.door().token) else { return false };
        let sent = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
        let mut sent = sent.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        sent.any(|(name, value)| name == SESSION && same(value, &keys.cookie(token)))
    }

    fn sent_from_here(&self, headers: &HeaderMap, form: Option<&str>) -> Result<(), Refused> {
        let keys = self.keys().ok_or(Refused::NotFromHere)?;
        let known = form.is_some_and(|form| same(form, &keys.form));
        if known && same_origin(headers) { Ok(()) } else { Err(Refused::NotFromHere) }
    }
}

/// The cookie that ends a session.
pub(super) fn signed_out() -> String {
    format!("{SESSION}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// Whether a browser says that a page of this very origin sent this. Programs that are no browsers say nothing.
fn same_origin(headers: &HeaderMap) -> bool {
    let header = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let fetched = headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin");
    let here = header(HOST.as_str()).unwrap_or_default();
    let named = header(ORIGIN.as_str()).map(|origin| origin.split_once("://").map_or("", |(_, host)| host));
    fetched && (named.is_none_or(|origin| !origin.is_empty() && origin.eq_ignore_ascii_case(here)))
}

/// Takes as long for a wrong value as for the right one: what is compared are digests, which have one length.
pub(super) fn same(shown: &str, known: &str) -> bool {
    Sha256::digest(shown)[..].ct_eq(&Sha256::digest(known)[..]).into()
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
    fn a_cookie_says_nothing_of_the_token() {
        let (keys, others) = (Keys::fresh().unwrap(), Keys::fresh().unwrap());
        let token = Secret::new("correct horse".to_owned());
        assert_ne!(keys.cookie(&token), others.cookie(&token), "it must not outlive the process");
        assert!(!keys.cookie(&token).contains("horse"));
        assert_ne!(keys.form, others.form);
    }
}
