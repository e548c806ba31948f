//! `/api/v1`: what the commands print, for programs.
//!
//! [`OPENAPI`] describes every call with an example of its answer; a test holds the two against each other and
//! against real answers. Who may read is said in `caller`, who may write in
//! [`session`](super::session). Errors are `{"error", "message", "hint"}`. No answer is longer than its `limit`
//! lets it be.

mod responses;

use axum::Router;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Json, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::Through;
use super::caller::Caller;
use super::error::Fault;
use super::{App, Rate, actions, guard, queries};
use crate::config::MOST_PROPOSED;
use crate::store::FreezeScope;

/// The description of all of it, as OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("openapi.json");

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// How it stands.
    Status,
    /// The last plan.
    Plan,
    /// The last passes.
    Runs,
    /// Why a user holds what they hold.
    Why,
    /// Who holds a target.
    Holders,
    /// What merging a version of the file would do.
    Preview,
    /// Asks for a pass.
    Reconcile,
    /// Lets a held set through.
    Approve,
    /// Stops revocations, or every write.
    Freeze,
    /// Ends every freeze.
    Unfreeze,
    /// This description.
    OpenApi,
}

impl Call {
    /// Every call there is.
    pub const ALL: [Self; 11] = [
        Self::Status,
        Self::Plan,
        Self::Runs,
        Self::Why,
        Self::Holders,
        Self::Preview,
        Self::Reconcile,
        Self::Approve,
        Self::Freeze,
        Self::Unfreeze,
        Self::OpenApi,
    ];

    /// Its path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Status => "/api/v1/status",
            Self::Plan => "/api/v1/plan",
            Self::Runs => "/api/v1/runs",
            Self::Why => "/api/v1/users/{id}/why",
            Self::Holders => "/api/v1/targets/{key}/holders",
            Self::Preview => "/api/v1/preview",
            Self::Reconcile => "/api/v1/reconcile",
            Self::Approve => "/api/v1/approve",
            Self::Freeze => "/api/v1/freeze",
            Self::Unfreeze => "/api/v1/unfreeze",
            Self::OpenApi => "/api/v1/openapi.json",
        }
    }

    /// `get` or `post`: a call that only reads, or one that writes.
    pub fn method(self) -> &'static str {
        match self {
            Self::Status | Self::Plan | Self::Runs | Self::Why | Self::Holders | Self::OpenApi => "get",
            Self::Preview | Self::Reconcile | Self::Approve | Self::Freeze | Self::Unfreeze => "post",
        }
    }

    fn handler(self) -> MethodRouter<App> {
        match self {
            Self::Status => get(status),
            Self::Plan => get(plan),
            Self::Runs => get(runs),
            Self::Why => get(why),
            Self::Holders => get(holders),
            Self::Preview => post(preview).layer(DefaultBodyLimit::max(MOST_BODY)),
            Self::Reconcile => post(reconcile),
            Self::Approve => post(approve),
            Self::Freeze => post(freeze),
            Self::Unfreeze => post(unfreeze),
            Self::OpenApi => get(openapi),
        }
    }
}

/// Every call. Another path below is answered as a program expects it.
pub(super) fn routes() -> Router<App> {
    let calls = Call::ALL.into_iter().fold(Router::new(), |router, call| router.route(call.path(), call.handler()));
    let missing =
        async || Fault::Missing("there is no such endpoint; `/api/v1/openapi.json` lists them all".to_owned());
    guard::limited(calls.route("/api/{*rest}", axum::routing::any(missing)), Rate::new(20.0, 60))
}

/// The most that a caller may ask for.
const MOST_ROWS: usize = 10_000;

/// How many rows of each list an answer has at the most.
#[derive(Deserialize)]
struct Limit {
    limit: Option<String>,
}

type Limited = Result<Query<Limit>, QueryRejection>;

fn rows(limited: Limited) -> Result<usize, Fault> {
    let Query(Limit { limit }) = limited.map_err(|wrong| Fault::Wrong(wrong.body_text()))?;
    let Some(limit) = limit else { return Ok(1_000) };
    let wrong = || Fault::Wrong(format!("`limit` must be a whole number from 1 to {MOST_ROWS}"));
    limit.parse().ok().filter(|rows| (1..=MOST_ROWS).contains(rows)).ok_or_else(wrong)
}

/// What a path names.
type Named = Result<Path<String>, PathRejection>;

fn name(named: Named) -> Result<String, Fault> {
    let Path(name) = named.map_err(|wrong| Fault::Wrong(wrong.body_text()))?;
    if name.trim().is_empty() { Err(Fault::Wrong("the path names nothing".to_owned())) } else { Ok(name) }
}

type Answer = Result<Json<Value>, Fault>;

async fn status(State(app): State<App>, caller: Caller, limit: Limited) -> Answer {
    caller.reads()?;
    Ok(Json(responses::status(&app.status(), rows(limit)?)))
}

async fn plan(State(app): State<App>, caller: Caller, limit: Limited) -> Answer {
    caller.reads()?;
    let rows = rows(limit)?;
    let status = app.status();
    let planned = status.plan.as_deref().ok_or_else(|| Fault::Missing("nothing has been planned yet".to_owned()))?;
    Ok(Json(responses::plan(planned, rows)))
}

async fn runs(State(app): State<App>, caller: Caller) -> Answer {
    caller.reads()?;
    Ok(Json(json!({ "runs": app.status().runs })))
}

async fn why(State(app): State<App>, caller: Caller, id: Named) -> Answer {
    caller.reads()?;
    Ok(Json(responses::value(&queries::explained(&app, &name(id)?).await?)))
}

async fn holders(State(app): State<App>, caller: Caller, key: Named, limit: Limited) -> Answer {
    caller.reads()?;
    let (key, rows) = (name(key)?, rows(limit)?);
    Ok(Json(responses::holders(queries::holders(&app, &key).await?, rows)))
}

/// The versions of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Versions {
    /// What it is compared with; what is in force, where nobody says.
    base: Option<Text>,
    head: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    text: String,
    commit: Option<String>,
}

/// Two versions as JSON may write them: each line feed is two characters there.
const MOST_BODY: usize = 4 * MOST_PROPOSED;

async fn preview(State(app): State<App>, caller: Caller, body: Result<Json<Versions>, JsonRejection>) -> Answer {
    let people = caller.previews()?;
    let Versions { base, head } = read(body)?;
    let of = |text: Text| (text.text, text.commit);
    Ok(Json(responses::value(&queries::preview(&app, base.map(of), of(head), people).await?)))
}

async fn reconcile(State(app): State<App>, caller: Caller) -> Response {
    let asked = app.writes(&caller, None).map_err(Fault::from).and_then(|()| actions::reconcile(&app));
    match asked {
        Ok(at) => (StatusCode::ACCEPTED, Json(json!({ "asked": at }))).into_response(),
        Err(fault) => fault.into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approve {
    digest: String,
    note: Option<String>,
}

async fn approve(State(app): State<App>, caller: Caller, body: Result<Json<Approve>, JsonRejection>) -> Answer {
    app.writes(&caller, None)?;
    let Approve { digest, note } = read(body)?;
    Ok(Json(responses::value(&actions::approve(&app, &digest, note, Through::Api).await?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Freeze {
    #[serde(rename = "for")]
    length: String,
    reason: String,
    #[serde(default)]
    all: bool,
}

async fn freeze(State(app): State<App>, caller: Caller, body: Result<Json<Freeze>, JsonRejection>) -> Answer {
    app.writes(&caller, None)?;
    let Freeze { length, reason, all } = read(body)?;
    let scope = if all { FreezeScope::All } else { FreezeScope::Revocations };
    let freeze = actions::freeze(&app, &length, &reason, scope, Through::Api).await?;
    Ok(Json(responses::freeze(&freeze, app.in_flight())))
}

async fn unfreeze(State(app): State<App>, caller: Caller) -> Answer {
    app.writes(&caller, None)?;
    Ok(Json(json!({ "ended": actions::unfreeze(&app, Through::Api).await? })))
}

async fn openapi(caller: Caller) -> Result<Response, Fault> {
    caller.reads()?;
    Ok(([(CONTENT_TYPE, "application/json")], OPENAPI).into_response())
}

fn read<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Fault> {
    body.map(|Json(body)| body).map_err(|wrong| Fault::Wrong(wrong.body_text()))
}
