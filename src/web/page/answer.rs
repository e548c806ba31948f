//! How a page is sent: under a policy that lets a browser run nothing and load nothing but what stands here.

use axum::http::header::{CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use super::Frame;
use crate::report::status::Status;
use crate::web::caller::Caller;
use crate::web::error::Fault;
use crate::web::{App, page};

/// No inline style or script, nothing from elsewhere, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What every page is drawn with for this caller.
pub(in crate::web) fn frame<'a>(app: &'a App, status: &'a Status, caller: &Caller) -> Frame<'a> {
    Frame { status, now: app.now(), hand: app.hand(caller), notice: None }
}

/// A page, or the one that says why not.
pub(in crate::web) fn answer(app: &App, caller: &Caller, drawn: Result<String, Fault>) -> Response {
    match drawn {
        Ok(text) => html(StatusCode::OK, text),
        Err(fault) => refusal(app, caller, fault),
    }
}

/// A page that says why not; where a token would help, the page that asks for one.
pub(in crate::web) fn refusal(app: &App, caller: &Caller, fault: Fault) -> Response {
    let (status, word) = fault.kind();
    if status == StatusCode::UNAUTHORIZED {
        return html(status, page::sign_in(false));
    }
    // Whoever may not read is not shown the state of anything either.
    let starting;
    let known = app.status();
    let shown = if caller.reads().is_ok() {
        &*known
    } else {
        starting = Status::starting(known.mode, app.now());
        &starting
    };
    let title = word.replace('_', " ");
    html(status, page::refused(frame(app, shown, caller), &title, &fault.message(), fault.hint().as_deref()))
}

/// Sends a browser on to another page.
pub(in crate::web) fn see(path: &str, cookie: Option<String>) -> Response {
    let header = |name: HeaderName, text: &str| Some((name, HeaderValue::from_str(text).ok()?));
    let headers: HeaderMap =
        [header(LOCATION, path), cookie.and_then(|cookie| header(SET_COOKIE, &cookie))].into_iter().flatten().collect();
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// A page under its policy.
pub(in crate::web) fn html(status: StatusCode, text: String) -> Response {
    // Under `no-referrer` a browser would not say from where a form was sent.
    let headers = [(CONTENT_SECURITY_POLICY, POLICY), (REFERRER_POLICY, "same-origin")];
    (status, headers, Html(text)).into_response()
}
