//! The HTTP in front of a simulated server: reads a request, lets a fault befall it, logs and answers it.
//!
//! Knows nothing of Logto or of the shop: each is a [`Side`].

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderValue, Method, Response, StatusCode};
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::clock::now_ms;
use super::exchange::{Answer, Call, form_pairs};
use super::faults::{Fault, Faults, Rule};
use super::log::{Log, Seen};
use super::wire::{Door, Line};

/// More than any body a server accepts, so that its own limit answers instead of a closed connection.
const READ_LIMIT: usize = 64 * 1024 * 1024;

/// One simulated server.
pub(super) trait Side: Send + Sync + 'static {
    /// Carries a request out. `fault` is the one that befell it, for those that change what an answer
    /// says rather than how it travels.
    fn answer(&self, call: &Call, fault: Option<Fault>) -> Answer;
    /// `/sandbox/...` calls of its own, beside `alive` and `faults`.
    fn sandbox(&self, call: &Call) -> Option<Answer>;
    fn faults(&self) -> &Faults;
    fn log(&self) -> &Log;
    /// Sent with every answer.
    fn request_id(&self) -> Option<(&'static str, String)>;
}

/// Binds, so that the address is known before anything is served.
pub(super) async fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves until `stop` changes or its sender is dropped, then closes the connections that are idle.
pub(super) fn serve(
    listener: TcpListener,
    side: Arc<dyn Side>,
    nonce: String,
    mut stop: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let front = Front { side, nonce: nonce.into() };
    let app = Router::new().fallback(answer).with_state(front).into_make_service_with_connect_info::<Line>();
    tokio::spawn(async move {
        let stopped = async move {
            let _sender_gone = stop.changed().await;
        };
        if let Err(error) = axum::serve(Door(listener), app).with_graceful_shutdown(stopped).await {
            tracing::warn!(%error, "a simulated server ended");
        }
    })
}

#[derive(Clone)]
struct Front {
    side: Arc<dyn Side>,
    nonce: Arc<str>,
}

async fn answer(State(front): State<Front>, ConnectInfo(line): ConnectInfo<Line>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, READ_LIMIT).await else {
        line.drop_answer();
        return Response::new(Body::empty());
    };
    let target = head.uri.path_and_query().map_or_else(|| head.uri.path().to_owned(), |target| target.to_string());
    let query = form_pairs(head.uri.query().unwrap_or_default());
    let method = if head.method == Method::HEAD { Method::GET } else { head.method.clone() };
    let call = Call { method, target, query, headers: head.headers, body };

    if call.path().starts_with("/sandbox/") {
        return response(front.sandbox(&call));
    }
    let side = &front.side;
    let rule = side.faults().befalling(&call);
    let (mut answer, ending) = befall(side.as_ref(), &call, rule.as_ref());
    let status = matches!(ending, Ending::Whole | Ending::Half).then_some(answer.status.as_u16());
    side.log().add(Seen {
        method: head.method.to_string(),
        path: call.target.clone(),
        status,
        user_agent: call.header(USER_AGENT).unwrap_or_default().to_owned(),
    });
    let latency = Duration::from_millis(side.faults().knobs().latency_ms);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    match ending {
        Ending::Whole => {}
        Ending::Nothing => line.drop_answer(),
        // Whoever has asked gives up: then nobody waits here any more.
        Ending::Never => std::future::pending().await,
        Ending::Half => line.cut_body_after(answer.body.len() / 2),
    }
    answer.headers.extend(side.request_id());
    answer.headers.extend(skewed(side.faults().knobs().date_skew_s));
    response(answer)
}

/// A `Date` of its own, where the clock is to be wrong; the server sends the right one by itself.
fn skewed(ahead_s: i64) -> Option<(&'static str, String)> {
    let at = (ahead_s != 0).then(|| Timestamp::from_millisecond(now_ms() + ahead_s * 1000).ok()).flatten()?;
    Some(("date", at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()))
}

/// How much of an answer goes out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Whole,
    Half,
    Nothing,
    /// Nothing, and the connection stays.
    Never,
}

fn befall(side: &dyn Side, call: &Call, rule: Option<&Rule>) -> (Answer, Ending) {
    let Some(rule) = rule else {
        return (side.answer(call, None), Ending::Whole);
    };
    match rule.fault {
        Fault::Refuse => (refusal(rule), Ending::Whole),
        Fault::Drop => (Answer::empty(StatusCode::OK), Ending::Nothing),
        Fault::Silence => (Answer::empty(StatusCode::OK), Ending::Never),
        Fault::ApplyThenRefuse => {
            side.answer(call, None);
            (refusal(rule), Ending::Whole)
        }
        Fault::Pretend => {
            let said = if call.method == Method::DELETE { StatusCode::NO_CONTENT } else { StatusCode::CREATED };
            (Answer::empty(said), Ending::Whole)
        }
        Fault::ApplyThenDrop => (side.answer(call, None), Ending::Nothing),
        Fault::Truncate => {
            let answer = side.answer(call, None);
            // An answer without a body can only be cut before it starts.
            let ending = if answer.body.is_empty() { Ending::Nothing } else { Ending::Half };
            (answer, ending)
        }
        Fault::Html => {
            let mut page = Answer::text(StatusCode::OK, "<!doctype html><title>Welcome</title><p>It works.</p>");
            page.content_type = Some("text/html; charset=utf-8");
            (page, Ending::Whole)
        }
        Fault::HalfJson => {
            let mut answer = side.answer(call, None);
            answer.body.truncate(answer.body.len() / 2);
            (answer, Ending::Whole)
        }
        Fault::Empty | Fault::RepeatPage | Fault::LoseHalf | Fault::NoId | Fault::UnknownStatus => {
            (side.answer(call, Some(rule.fault)), Ending::Whole)
        }
    }
}

fn refusal(rule: &Rule) -> Answer {
    let status =
        rule.status.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = if status == StatusCode::INTERNAL_SERVER_ERROR {
        "Internal server error."
    } else {
        status.canonical_reason().unwrap_or("Refused")
    };
    let answer = Answer::json(status, &json!({ "message": reason }));
    match rule.retry_after {
        Some(seconds) => answer.with("retry-after", seconds.to_string()),
        None => answer,
    }
}

impl Front {
    fn sandbox(&self, call: &Call) -> Answer {
        let faults = self.side.faults();
        match (call.method.as_str(), call.path()) {
            ("GET", "/sandbox/alive") => Answer::json(StatusCode::OK, &json!({ "nonce": *self.nonce })),
            ("GET", "/sandbox/faults") => show(faults),
            ("POST", "/sandbox/faults") => match faults.merge(&call.body) {
                Ok(()) => show(faults),
                Err(error) => Answer::json(StatusCode::BAD_REQUEST, &json!({ "message": error.to_string() })),
            },
            ("DELETE", "/sandbox/faults") => {
                faults.clear();
                show(faults)
            }
            _ => self.side.sandbox(call).unwrap_or_else(|| Answer::text(StatusCode::NOT_FOUND, "Not Found")),
        }
    }
}

fn show(faults: &Faults) -> Answer {
    let knobs = serde_json::to_value(faults.knobs()).expect("plain data with text keys");
    Answer::json(StatusCode::OK, &knobs)
}

fn response(answer: Answer) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    if let Some(kind) = answer.content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(name, value);
        }
    }
    response
}
