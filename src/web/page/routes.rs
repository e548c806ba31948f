//! The pages by their paths. Each reads a value, draws it ([`page`]) and sends it (`answer`).

use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::answer::{answer, frame, html, refusal, see};
use super::{Frame, Person};
use crate::model::RunId;
use crate::web::caller::Caller;
use crate::web::error::Fault;
use crate::web::forms::Did;
use crate::web::{App, Rate, Refused, events, forms, guard, page, queries, sandbox};

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
            return Err(Fault::Missing("no run with that id is recorded".to_owned()));
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
