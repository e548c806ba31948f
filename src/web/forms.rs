//! The forms of the page: each does one thing and sends the browser back to where it stands.

use axum::Router;
use axum::extract::{Form, State};
use axum::response::Response;
use axum::routing::post;
use serde::Deserialize;

use super::actions::Through;
use super::caller::Caller;
use super::error::Fault;
use super::page::answer::{refusal, see};
use super::{App, actions, sandbox};
use crate::store::FreezeScope;

/// What came of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Did {
    Approve,
    Freeze,
    Unfreeze,
    Reconcile,
    Buy,
    Order,
    Break,
}

impl Did {
    const ALL: [Self; 7] =
        [Self::Approve, Self::Freeze, Self::Unfreeze, Self::Reconcile, Self::Buy, Self::Order, Self::Break];

    fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Freeze => "freeze",
            Self::Unfreeze => "unfreeze",
            Self::Reconcile => "reconcile",
            Self::Buy => "buy",
            Self::Order => "order",
            Self::Break => "break",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|did| did.word() == word)
    }

    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Approve => "Approved: the next pass carries exactly this set out, once.",
            Self::Freeze => "Frozen, including a pass that is under way.",
            Self::Unfreeze => "Every freeze has ended.",
            Self::Reconcile => "A full pass was requested.",
            Self::Buy => "Bought and paid: the shop has notified the daemon.",
            Self::Order => "The order has changed: the shop has notified the daemon.",
            Self::Break => "Done: the next poll or pass runs into it.",
        }
    }
}

/// What every form carries.
#[derive(Deserialize)]
pub(super) struct Sent {
    #[serde(default)]
    pub(super) form: String,
}

/// What the forms carry beside that.
#[derive(Deserialize)]
struct Approve {
    #[serde(default)]
    form: String,
    digest: String,
    note: Option<String>,
}

#[derive(Deserialize)]
struct Freeze {
    #[serde(default)]
    form: String,
    #[serde(rename = "for")]
    length: String,
    reason: String,
    all: Option<String>,
}

#[derive(Deserialize)]
struct Buy {
    #[serde(default)]
    form: String,
    product: String,
    email: String,
}

#[derive(Deserialize)]
struct Order {
    #[serde(default)]
    form: String,
    order: String,
    what: String,
}

#[derive(Deserialize)]
struct Break {
    #[serde(default)]
    form: String,
    what: String,
}

/// See the module.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/actions/approve", post(approve))
        .route("/actions/freeze", post(freeze))
        .route("/actions/unfreeze", post(unfreeze))
        .route("/actions/reconcile", post(reconcile))
        .route("/sandbox/buy", post(buy))
        .route("/sandbox/order", post(order))
        .route("/sandbox/break", post(break_something))
}

async fn approve(State(app): State<App>, caller: Caller, Form(sent): Form<Approve>) -> Response {
    let doing = async { actions::approve(&app, &sent.digest, sent.note, Through::Page).await.map(drop) };
    done(&app, &caller, &sent.form, Did::Approve, doing).await
}

async fn freeze(State(app): State<App>, caller: Caller, Form(sent): Form<Freeze>) -> Response {
    let scope = if sent.all.is_some() { FreezeScope::All } else { FreezeScope::Revocations };
    let doing = async { actions::freeze(&app, sent.length.trim(), &sent.reason, scope, Through::Page).await.map(drop) };
    done(&app, &caller, &sent.form, Did::Freeze, doing).await
}

async fn unfreeze(State(app): State<App>, caller: Caller, Form(sent): Form<Sent>) -> Response {
    let doing = async { actions::unfreeze(&app, Through::Page).await.map(drop) };
    done(&app, &caller, &sent.form, Did::Unfreeze, doing).await
}

async fn reconcile(State(app): State<App>, caller: Caller, Form(sent): Form<Sent>) -> Response {
    let doing = async { actions::reconcile(&app).map(drop) };
    done(&app, &caller, &sent.form, Did::Reconcile, doing).await
}

async fn buy(State(app): State<App>, caller: Caller, Form(sent): Form<Buy>) -> Response {
    let doing = async { sandbox::buy(&app, &sent.product, &sent.email).await };
    done(&app, &caller, &sent.form, Did::Buy, doing).await
}

async fn order(State(app): State<App>, caller: Caller, Form(sent): Form<Order>) -> Response {
    let doing = async { sandbox::change(&app, &sent.order, &sent.what).await };
    done(&app, &caller, &sent.form, Did::Order, doing).await
}

async fn break_something(State(app): State<App>, caller: Caller, Form(sent): Form<Break>) -> Response {
    let doing = async { sandbox::break_something(&app, &sent.what).await };
    done(&app, &caller, &sent.form, Did::Break, doing).await
}

/// Does what a form asks for if it may be done, and answers with the page.
async fn done(
    app: &App,
    caller: &Caller,
    form: &str,
    did: Did,
    doing: impl Future<Output = Result<(), Fault>>,
) -> Response {
    let outcome = match app.writes(caller, Some(form)) {
        Ok(()) => doing.await,
        Err(refused) => Err(refused.into()),
    };
    match outcome {
        Ok(()) => see(&format!("/?did={}", did.word()), None),
        Err(fault) => refusal(app, caller, fault),
    }
}
