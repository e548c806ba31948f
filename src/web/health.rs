//! `/healthz` and `/readyz`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::{Access, App};

/// The process answers. Says nothing about whether it does its work: a restart mends neither a Logto that is
/// down nor a file that is broken.
pub(super) async fn alive() -> &'static str {
    "alive\n"
}

/// 200 where the daemon does its work, else 503, with everything that is wrong. Whoever asks from beyond this
/// machine without the token gets the words alone.
pub(super) async fn ready(State(app): State<App>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let status = app.status();
    let reasons = status.not_ready(app.now());
    let code = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = json!({
        "ready": reasons.is_empty(), "state": status.state, "since": status.since, "duty": status.duty.word(),
    });
    match app.admit(&headers, Access::Read) {
        Ok(()) => {
            body["reasons"] = reasons.into();
            body["troubles"] = serde_json::to_value(&status.troubles).unwrap_or_default();
        }
        Err(_) => {
            let about: Vec<&str> = status.troubles.iter().map(|trouble| trouble.about.word()).collect();
            body["troubles"] = about.into();
        }
    }
    (code, Json(body))
}
