//! What holds for every request, and who may ask: bounds, headers, the token.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use super::{App, Bucket};
use crate::clock;
use crate::daemon::{HealthReporter, trouble};
use crate::logging::{Panicked, caught};
use crate::report::status::About;
use crate::secret::Secret;

/// The most bytes of a request's body.
pub const MAX_BODY: usize = 256 * 1024;
/// How long a request may take until its answer begins.
pub const WITHIN: Duration = Duration::from_secs(10);
/// Requests that are answered at the same time.
const AT_ONCE: usize = 64;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing changes. Free on this machine, while the server listens to nobody else.
    Read,
    /// Something changes: never without the token.
    Write,
}

/// Why a request is not answered. Its answer is `{"error", "message", "hint"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No token, or another one.
    NoToken,
    /// No token is set, so nobody can show it.
    NoTokenSet,
    /// More than this route takes.
    TooMany,
    /// More than this server answers at once.
    Busy,
    /// It took too long.
    TooLong,
    /// Nothing shows that it was sent from this page, or by a program rather than by another web site.
    NotFromHere,
}

impl Refused {
    /// Its status, the word that programs go by, the sentence, and what would mend it.
    pub(super) fn told(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        match self {
            Refused::NoToken => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "this needs the token of the API",
                "send `Authorization: Bearer $ENTITLED_API_TOKEN`",
            ),
            Refused::NoTokenSet => (
                StatusCode::FORBIDDEN,
                "no_token_set",
                "this needs a token, and the daemon was started without one",
                "set `ENTITLED_API_TOKEN` and start it again, or ask on its own machine by a name of that",
            ),
            Refused::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many", "too many requests", "ask less often"),
            Refused::Busy => {
                (StatusCode::SERVICE_UNAVAILABLE, "busy", "too many requests at the same time", "ask again later")
            }
            Refused::TooLong => {
                (StatusCode::GATEWAY_TIMEOUT, "too_long", "the answer took too long", "ask again later")
            }
            Refused::NotFromHere => (
                StatusCode::FORBIDDEN,
                "not_from_here",
                "nothing shows that this was not sent by another web site",
                "load the page again and press the button there; a program sends the header `X-Entitled: 1`",
            ),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, error, message, hint) = self.told();
        let body = Json(json!({ "error": error, "message": message, "hint": hint }));
        match self {
            Refused::NoToken => (status, [(WWW_AUTHENTICATE, "Bearer")], body).into_response(),
            Refused::TooMany | Refused::Busy => (status, [("retry-after", "1")], body).into_response(),
            Refused::NoTokenSet | Refused::TooLong | Refused::NotFromHere => (status, body).into_response(),
        }
    }
}

impl App {
    /// Whether a request may have what it asks for.
    ///
    /// Reading is free only where nobody but this machine can have sent the request: the server listens on
    /// loopback, the request was addressed to loopback (so no page of another site has sent it through a
    /// name of its own), and no proxy has passed it on.
    ///
    /// # Errors
    /// The answer to send instead.
    pub fn admit(&self, headers: &HeaderMap, access: Access) -> Result<(), Refused> {
        if access == Access::Read && self.0.address.ip().is_loopback() && is_local(headers) {
            return Ok(());
        }
        match &self.0.token {
            None => Err(Refused::NoTokenSet),
            Some(token) if shows(headers, token) => Ok(()),
            Some(_) => Err(Refused::NoToken),
        }
    }
}

/// Whether a request was addressed to this machine and passed on by nobody.
pub(super) fn is_local(headers: &HeaderMap) -> bool {
    let passed_on = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let loopback = name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    loopback && !passed_on.iter().any(|header| headers.contains_key(*header))
}

/// Whether a request shows a token. Takes as long for a wrong one as for the right one: what is compared are
/// digests, which have one length.
fn shows(headers: &HeaderMap, token: &Secret) -> bool {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let shown = shown.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let shown = shown.map_or("", |(_, token)| token.trim());
    Sha256::digest(shown)[..].ct_eq(&Sha256::digest(token.expose())[..]).into()
}

/// Bounds a group of routes: what the bucket does not give is answered 429.
pub fn limited(routes: Router<App>, bucket: Bucket) -> Router<App> {
    let bucket = Arc::new(bucket);
    routes.route_layer(middleware::from_fn(move |request: Request, next: Next| {
        let bucket = Arc::clone(&bucket);
        async move { if bucket.take() { next.run(request).await } else { Refused::TooMany.into_response() } }
    }))
}

/// What holds for every route: bounds in number, size and time, and headers that keep browsers from making
/// more of an answer than it is.
pub(super) fn bounded(routes: Router<App>) -> Router<App> {
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    routes.layer(DefaultBodyLimit::max(MAX_BODY)).layer(middleware::from_fn(move |request: Request, next: Next| {
        let at_once = Arc::clone(&at_once);
        async move {
            let mut response = match at_once.try_acquire() {
                Err(_) => Refused::Busy.into_response(),
                Ok(_permit) => match tokio::time::timeout(WITHIN, next.run(request)).await {
                    Ok(response) => response,
                    Err(_) => Refused::TooLong.into_response(),
                },
            };
            secure(response.headers_mut());
            response
        }
    }))
}

/// Headers of every answer. What an answer has said already stays.
fn secure(headers: &mut HeaderMap) {
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// A fault of the program in one request ends that request and nothing else.
pub(super) fn contained(routes: Router, reporter: HealthReporter) -> Router {
    routes.layer(middleware::from_fn(move |request: Request, next: Next| {
        let reporter = reporter.clone();
        async move {
            caught(next.run(request)).await.unwrap_or_else(|fault| {
                tell(&reporter, &fault);
                let said = "a fault of the program; its log has the place\n";
                let mut response = (StatusCode::INTERNAL_SERVER_ERROR, said).into_response();
                secure(response.headers_mut());
                response
            })
        }
    }))
}

/// A fault of the program is shown with the loop's own.
pub(super) fn tell(reporter: &HealthReporter, fault: &Panicked) {
    reporter.trouble(trouble(About::Program, fault, Some(fault.hint()), clock::now()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fault_in_a_request_ends_that_request_and_is_told() {
        let reporter = HealthReporter::default();
        let fault = axum::routing::get(|| async { [0; 3][std::hint::black_box(7)].to_string() });
        let routes = Router::new().route("/fault", fault).route("/well", axum::routing::get(|| async { "well" }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = contained(routes, reporter.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let client = crate::http::client(Duration::from_secs(10));
        let status = async |path: &str| client.get(format!("http://{address}{path}")).send().await.unwrap().status();
        assert_eq!(status("/fault").await, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(status("/well").await, StatusCode::OK);
        assert!(reporter.knows(&About::Program));
    }
}
