//! The pages by their paths. Each reads a value, draws it ([`page`]) and sends it under a policy that
//! lets a browser run nothing and load nothing but what stands here.

use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Frame, Person};
use crate::model::RunId;
use crate::report::status::Status;
use crate::web::caller::Caller;
use crate::web::error::Fault;
use crate::web::forms::Did;
use crate::web::{App, Rate, Refused, events, forms, guard, page, queries, sandbox};

/// No inline style or script, nothing from elsewhere, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Everything that a browser asks for.
pub(crate) fn routes() -> Router<App> {
    let assets = Router::new()
        .route("/assets/page.css", get(async || asset("text/css; charset=utf-8", page::CSS)))
        .route("/assets/page.js", get(async || asset("text/javascript; charset=utf-8", page::SCRIPT)))
        .route("/assets/icon.svg", get(async || asset("image/svg+xml", page::ICON)));
    let pages = Router::new()
        .route("/", get(overview))
        .route("/users/{id}", get(user))
        .route("/targets/{*key}", get(target))
        .route("/runs/{id}", get(run))
        .route("/events", get(events::events));
    let session = Router::new().route("/sign-in", get(asks).post(sign_in)).route("/sign-out", post(sign_out));
    Router::new()
        .merge(guard::limited(assets, Rate::new(50.0, 100)))
        .merge(guard::limited(pages, Rate::new(20.0, 60)))
        .merge(guard::limited(session, Rate::new(0.5, 10)))
        .merge(guard::limited(forms::routes(), Rate::new(5.0, 30)))
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text).into_response()
}

/// What came of a form, by its word in the address.
#[derive(Deserialize)]
struct Told {
    did: Option<String>,
}

async fn overview(State(app): State<App>, caller: Caller, Query(told): Query<Told>) -> Response {
    if let Err(refused) = caller.reads() {
        return refusal(&app, &caller, refused.into());
    }
    let sandbox = sandbox::look(&app).await;
    let status = app.status();
    let notice = told.did.as_deref().and_then(Did::from_word).map(Did::sentence);
    let frame = Frame { notice, ..frame(&app, &status, &caller) };
    html(StatusCode::OK, page::overview(frame, sandbox.as_ref()))
}

async fn user(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Response {
    let drawn = async {
        caller.reads()?;
        let why = queries::explained(&app, &id).await?;
        let history = queries::history(&app, &why).await?;
        let status = app.status();
        let person = Person { asked: &id, why: &why, history: &history };
        Ok(page::person(frame(&app, &status, &caller), person))
    };
    answer(&app, &caller, drawn.await)
}

async fn target(State(app): State<App>, caller: Caller, Path(key): Path<String>) -> Response {
    let drawn = async {
        caller.reads()?;
        let all = queries::holders(&app, &key).await?;
        Ok(page::holders(frame(&app, &app.status(), &caller), &all))
    };
    answer(&app, &caller, drawn.await)
}

async fn run(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Response {
    let drawn = async {
        caller.reads()?;
        let open = app.open().ok_or(Fault::Closed)?;
        let rows = open.store.audit_of_run(&RunId::from(id.as_str())).await?;
        let status = app.status();
        let known = status.runs.iter().find(|run| run.id == id);
        if rows.is_empty() && known.is_none() {
            return Err(Fault::Missing("no run of that id is written down".to_owned()));
        }
        Ok(page::run(frame(&app, &status, &caller), &id, known, &rows))
    };
    answer(&app, &caller, drawn.await)
}

async fn asks(State(app): State<App>, caller: Caller) -> Response {
    // Nobody needs to sign in where nobody can.
    if app.door().token.is_none() {
        return see("/", None);
    }
    match app.hand(&caller) {
        page::Hand::Writes { .. } => see("/", None),
        page::Hand::Reads => html(StatusCode::OK, page::sign_in(false)),
    }
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

async fn sign_in(State(app): State<App>, caller: Caller, Form(typed): Form<Token>) -> Response {
    match app.sign_in(typed.token.trim(), &caller) {
        Ok(cookie) => see("/", Some(cookie)),
        Err(Refused::NoToken) => html(StatusCode::UNAUTHORIZED, page::sign_in(true)),
        Err(refused) => refusal(&app, &caller, refused.into()),
    }
}

async fn sign_out(State(app): State<App>, caller: Caller, Form(sent): Form<forms::Sent>) -> Response {
    match app.writes(&caller, Some(&sent.form)) {
        Ok(()) => see("/", Some(app.sign_out(&caller))),
        Err(refused) => refusal(&app, &caller, refused.into()),
    }
}

fn frame<'a>(app: &'a App, status: &'a Status, caller: &Caller) -> Frame<'a> {
    Frame { status, now: app.now(), hand: app.hand(caller), notice: None }
}

fn answer(app: &App, caller: &Caller, drawn: Result<String, Fault>) -> Response {
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
pub(crate) fn see(path: &str, cookie: Option<String>) -> Response {
    let header = |name: HeaderName, text: &str| Some((name, HeaderValue::from_str(text).ok()?));
    let headers: HeaderMap =
        [header(LOCATION, path), cookie.and_then(|cookie| header(SET_COOKIE, &cookie))].into_iter().flatten().collect();
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn html(status: StatusCode, text: String) -> Response {
    // Under `no-referrer` a browser would not say from where a form was sent.
    let headers = [(CONTENT_SECURITY_POLICY, POLICY), (REFERRER_POLICY, "same-origin")];
    (status, headers, Html(text)).into_response()
}
