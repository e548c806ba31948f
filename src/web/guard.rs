//! What holds for every request, whoever sends it: bounds, headers, and how it is refused.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::caller::{Standing, client, names_one_host};
use super::rate_limit::Buckets;
use super::rooms::Seat;
use super::{App, Rate, health};
use crate::clock;
use crate::daemon::{HealthReporter, trouble};
use crate::logging::{Panicked, caught};
use crate::report::status::About;

/// The most bytes of a request's body.
pub const MAX_BODY: usize = 256 * 1024;
/// Requests of those who have shown the token, or sit at this machine, that are answered at the same time.
const KNOWN_AT_ONCE: usize = 64;
/// The same of all others, webhooks among them.
const STRANGERS_AT_ONCE: usize = 128;

/// Why a request is not answered. Its answer is `{"error", "message", "hint"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No token, or another one.
    NoToken,
    /// No token is set, and this does not come from the same machine, or does not look so.
    NoTokenSet,
    /// More wrong tokens than an address has tries.
    TooManyTries,
    /// More than this route takes.
    TooMany,
    /// It names no host that could be this one, or two.
    Ambiguous,
    /// A trusted proxy leaves open for whom it asks.
    Forwarding,
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
                "without a token the daemon answers only programs on its own machine, and nothing that was passed on",
                "set `ENTITLED_API_TOKEN` to a long random text, start the daemon again, and show it",
            ),
            Refused::TooManyTries => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_tries",
                "too many wrong tokens came from this address",
                "wait a minute, then show the right one; if this is the address of your proxy, name it in `trusted_proxies`",
            ),
            Refused::Ambiguous => (
                StatusCode::BAD_REQUEST,
                "ambiguous_host",
                "the request names more than one host",
                "send one `Host` header, and the same host in the address",
            ),
            Refused::Forwarding => (
                StatusCode::BAD_REQUEST,
                "unclear_client",
                "a trusted proxy passed this on without an address that can be read, or with two that differ",
                "have the proxy add the address to `X-Forwarded-For` or to `Forwarded`, and remove the other one",
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
            Refused::TooManyTries => (status, [("retry-after", "60")], body).into_response(),
            Refused::TooMany | Refused::Busy => (status, [("retry-after", "1")], body).into_response(),
            Refused::NoTokenSet
            | Refused::TooLong
            | Refused::NotFromHere
            | Refused::Ambiguous
            | Refused::Forwarding => (status, body).into_response(),
        }
    }
}

/// Bounds a group of routes: what the buckets do not give is answered 429. Those who have shown the token draw on one
/// of their own, and of all others each address on its own, so that nobody keeps anybody else out.
pub fn limited(routes: Router<App>, rate: Rate) -> Router<App> {
    let (known, strangers) = (Arc::new(rate.bucket()), Arc::new(Buckets::new(rate)));
    routes.route_layer(middleware::from_fn(move |request: Request, next: Next| {
        let (known, strangers) = (Arc::clone(&known), Arc::clone(&strangers));
        async move {
            let may = match request.extensions().get::<Standing>() {
                Some(Standing::Token | Standing::Session | Standing::Local) => known.take(),
                _ => strangers.take(client(request.extensions())),
            };
            if may { next.run(request).await } else { Refused::TooMany.into_response() }
        }
    }))
}

/// Room for requests.
struct Pools {
    known: Semaphore,
    strangers: Semaphore,
}

/// What holds for every route: who asks is found out, there are bounds in number, size and time, and headers that keep
/// browsers from making more of an answer than it is.
pub(super) fn bounded(routes: Router<App>, app: App) -> Router<App> {
    let pools = Arc::new(Pools { known: Semaphore::new(KNOWN_AT_ONCE), strangers: Semaphore::new(STRANGERS_AT_ONCE) });
    routes.layer(DefaultBodyLimit::max(MAX_BODY)).layer(middleware::from_fn(move |mut request: Request, next: Next| {
        let (pools, within, recognized) =
            (Arc::clone(&pools), app.door().patience.request, app.recognize(&mut request));
        let standing = recognized.unwrap_or_else(Standing::Stranger);
        request.extensions_mut().insert(standing);
        async move {
            let seat = request.extensions().get::<Arc<Seat>>().cloned();
            let mut response = match recognized.and_then(|_| pools.admit(&request, standing, seat.as_deref())) {
                Err(refused) => refused.into_response(),
                Ok(_permit) => match tokio::time::timeout(within, next.run(request)).await {
                    Ok(response) => response,
                    Err(_) => Refused::TooLong.into_response(),
                },
            };
            secure(response.headers_mut());
            if seat.is_some_and(|seat| seat.is_last()) {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
    }))
}

impl Pools {
    /// Room for one request, if there is any. Health needs none: it is answered from memory, and at once.
    fn admit(
        &self,
        request: &Request,
        standing: Standing,
        seat: Option<&Seat>,
    ) -> Result<Option<SemaphorePermit<'_>>, Refused> {
        if !names_one_host(request) {
            return Err(Refused::Ambiguous);
        }
        let pool = match standing {
            _ if health::PATHS.contains(&request.uri().path()) => return Ok(None),
            Standing::Token | Standing::Session | Standing::Local => {
                if let Some(seat) = seat {
                    seat.know();
                }
                &self.known
            }
            Standing::Stranger(_)
                if seat.is_some_and(|seat| seat.is_last() || !seat.asks_for(client(request.extensions()))) =>
            {
                return Err(Refused::Busy);
            }
            Standing::Stranger(_) => &self.strangers,
        };
        pool.try_acquire().map(Some).map_err(|_| Refused::Busy)
    }
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
    use std::time::Duration;

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
