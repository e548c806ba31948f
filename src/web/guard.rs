//! What holds for every request, whoever sends it: bounds, headers, and how it is refused.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::caller::{Standing, client, names_one_host};
use super::rate_limit::Buckets;
use super::refused::Refused;
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
            Standing::Preview | Standing::Stranger(_)
                if seat.is_some_and(|seat| seat.is_last() || !seat.asks_for(client(request.extensions()))) =>
            {
                return Err(Refused::Busy);
            }
            // It is in the hands of everybody who may propose something.
            Standing::Preview | Standing::Stranger(_) => &self.strangers,
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
                let said = "internal error; the log says where\n";
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
