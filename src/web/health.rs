//! `/healthz` and `/readyz`.

use std::convert::Infallible;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponseParts, ResponseParts};
use serde_json::{Value, json};

use super::App;
use super::caller::Caller;
use crate::daemon::peer::STORE_HEADER;

/// Where it is answered.
pub(super) const PATHS: [&str; 2] = ["/healthz", "/readyz"];

/// The process answers. Says nothing about whether it does its work: a restart mends neither a Logto that is
/// down nor a file that is broken.
pub(super) async fn alive(State(app): State<App>) -> (Store, &'static str) {
    (Store(app.status().store.clone()), "alive\n")
}

/// A header that says which store the daemon works on, for whoever is about to show it a token; nothing before it has
/// opened one.
pub(super) struct Store(Option<String>);

impl IntoResponseParts for Store {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        if let Some(store) = self.0.and_then(|store| HeaderValue::from_str(&store).ok()) {
            parts.headers_mut().insert(STORE_HEADER, store);
        }
        Ok(parts)
    }
}

/// 200 where the daemon does its work, else 503, with everything that is wrong. Whoever asks from beyond this
/// machine without the token gets the words alone.
pub(super) async fn ready(State(app): State<App>, caller: Caller) -> (StatusCode, Store, Json<Value>) {
    let status = app.status();
    let reasons = status.not_ready(app.now());
    let code = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = json!({
        "ready": reasons.is_empty(), "state": status.state, "since": status.since, "duty": status.duty.word(),
        "store": status.store,
    });
    match caller.reads() {
        Ok(()) => {
            body["reasons"] = reasons.into();
            body["troubles"] = serde_json::to_value(&status.troubles).unwrap_or_default();
        }
        Err(_) => {
            let about: Vec<&str> = status.troubles.iter().map(|trouble| trouble.about.word()).collect();
            body["troubles"] = about.into();
        }
    }
    (code, Store(status.store.clone()), Json(body))
}
