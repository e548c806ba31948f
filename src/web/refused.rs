//! Why a request is not answered, and the answer that says so.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

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
                "without a token the daemon answers only programs on its own machine, and nothing that was forwarded",
                "set `ENTITLED_API_TOKEN` to a long random text, restart the daemon, and show it",
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
