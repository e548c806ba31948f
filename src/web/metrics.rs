//! `/metrics`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;

use super::{Access, App};
use crate::meter::Counted;
use crate::status::{State as Word, Status};

pub(super) async fn answer(State(app): State<App>, headers: HeaderMap) -> Response {
    if let Err(refused) = app.admit(&headers, Access::Read) {
        return refused.into_response();
    }
    let text = exposition(&app.status(), &app.meter().counted(), app.now());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// The text.
pub fn exposition(status: &Status, _counted: &Counted, _now: Timestamp) -> String {
    let mut out = String::from("# HELP entitled_state The state in one word.\n# TYPE entitled_state gauge\n");
    for state in Word::ALL {
        out.push_str(&format!("entitled_state{{state=\"{}\"}} {}\n", state.word(), u8::from(state == status.state)));
    }
    out
}
