//! The server itself: who may read and who may write, what is said of refusals, and how an open page is told.

mod admission;
mod api;
mod previews;
mod proxies;
mod rooms;

use std::sync::Arc;

use axum::http::StatusCode;
use entitled::daemon::metrics::Metrics;
use entitled::daemon::{LiveState, StatusReader, TriggerReceiver, triggers};
use entitled::report::status::Status;
use entitled::secret::Secret;
use entitled::web::{App, Door, Server, bind};
use serde_json::Value;
use tokio::sync::watch;

use super::samples;
use crate::support::stage::Stage;

const TOKEN: &str = "correct-horse-battery-staple";

/// A server with a status of the test's choosing.
struct Desk {
    server: Server,
    status: watch::Sender<Arc<Status>>,
    /// Kept, so that what is open stays so.
    _open: watch::Sender<Option<Arc<LiveState>>>,
    triggers: TriggerReceiver,
    client: reqwest::Client,
}

/// One request: method, path, headers, body.
struct Ask<'a>(&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

impl Desk {
    /// `claims`: where the server is told that it listens.
    async fn start(status: Status, token: Option<&str>, claims: &str, open: Option<LiveState>) -> Self {
        let token = token.map(|token| Secret::new(token.to_owned()));
        Self::behind(Door::new(claims.parse().unwrap(), token), status, open).await
    }

    async fn behind(door: Door, status: Status, open: Option<LiveState>) -> Self {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (status, status_of) = watch::channel(Arc::new(status));
        let (open, open_of) = watch::channel(open.map(Arc::new));
        let (trigger, triggers) = triggers();
        let reading = StatusReader {
            status: status_of,
            open: open_of,
            metrics: Arc::<Metrics>::default(),
            reporter: entitled::daemon::HealthReporter::default(),
        };
        let app = App::new(reading, trigger, door);
        let server = Server::start(listener, &app).unwrap();
        let client = entitled::http::client(std::time::Duration::from_secs(30));
        Self { server, status, _open: open, triggers, client }
    }

    async fn local(status: Status) -> Self {
        Self::start(status, None, "127.0.0.1:8787", None).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    async fn ask(&self, ask: Ask<'_>) -> reqwest::Response {
        let Ask(method, path, headers, body) = ask;
        let mut request = self.client.request(method.parse().unwrap(), self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body.to_owned()).send().await.unwrap()
    }

    async fn page(&self) -> String {
        self.ask(Ask("GET", "/", &[], "")).await.text().await.unwrap()
    }

    /// What a form of the page carries.
    async fn form_token(&self, cookie: Option<&str>) -> String {
        let headers: Vec<(&str, &str)> = cookie.map(|cookie| ("cookie", cookie)).into_iter().collect();
        let page = self.ask(Ask("GET", "/", &headers, "")).await.text().await.unwrap();
        let start = "name=\"form\" value=\"";
        let from = page.find(start).unwrap_or_else(|| panic!("no form in\n{page}")) + start.len();
        page[from..].split('"').next().unwrap().to_owned()
    }
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn no_other_site_can_press_a_button() {
    let desk = Desk::local(samples::in_sync()).await;
    let form = desk.form_token(None).await;
    let (body, wrong) = (format!("form={form}"), "form=0000");
    let host = desk.server.address().to_string();
    let (here, there) = (format!("http://{host}"), "https://evil.example");
    let same = ("sec-fetch-site", "same-origin");
    let cross = ("sec-fetch-site", "cross-site");
    let program = ("x-entitled", "1");
    // Nothing is open here, so what is let in is answered 503.
    for (path, headers, body, expected) in [
        ("/actions/reconcile", &[FORM, ("origin", here.as_str()), same][..], body.as_str(), 503),
        ("/actions/reconcile", &[FORM], &body, 503),
        ("/actions/reconcile", &[FORM, ("origin", here.as_str()), same], wrong, 403),
        ("/actions/reconcile", &[FORM, ("origin", here.as_str()), same], "", 403),
        ("/actions/reconcile", &[FORM, ("origin", there)], &body, 403),
        ("/actions/reconcile", &[FORM, ("origin", "null")], &body, 403),
        ("/actions/reconcile", &[FORM, cross], &body, 403),
        ("/actions/reconcile", &[FORM, ("host", "rebound.example")], &body, 403),
        ("/sandbox/break", &[FORM], "form=0000&what=shop-down", 403),
        ("/sandbox/buy", &[FORM], "product=p&email=a@example.com", 403),
        ("/actions/freeze", &[FORM, cross], "for=1h&reason=x", 403),
        ("/actions/approve", &[FORM], "digest=4be2d11c90a7", 403),
        ("/actions/unfreeze", &[FORM], "", 403),
        ("/api/v1/reconcile", &[program], "", 503),
        ("/api/v1/reconcile", &[], "", 403),
        ("/api/v1/reconcile", &[program, ("origin", there)], "", 403),
        ("/api/v1/reconcile", &[program, ("host", "rebound.example:8787")], "", 403),
        ("/api/v1/unfreeze", &[], "", 403),
        ("/api/v1/approve", &[("content-type", "application/json")], "{\"digest\":\"4be2d11c90a7\"}", 403),
        ("/api/v1/freeze", &[("content-type", "text/plain")], "{\"for\":\"1h\",\"reason\":\"x\"}", 403),
    ] {
        let answer = desk.ask(Ask("POST", path, headers, body)).await;
        assert_eq!(answer.status().as_u16(), expected, "{path} {headers:?} {body}");
        assert!(!answer.headers().contains_key("access-control-allow-origin"));
    }
    // Nor may a script of theirs ask whether it may.
    let preflight = [("origin", there), ("access-control-request-method", "POST")];
    let answer = desk.ask(Ask("OPTIONS", "/api/v1/reconcile", &preflight, "")).await;
    assert!(!answer.status().is_success() && !answer.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn with_a_token_writing_needs_it_or_a_session_of_this_page() {
    let desk = Desk::start(samples::in_sync(), Some(TOKEN), "127.0.0.1:8787", None).await;
    let bearer = format!("Bearer {TOKEN}");
    let post = async |path: &str, headers: &[(&str, &str)], body: &str| {
        desk.ask(Ask("POST", path, headers, body)).await.status().as_u16()
    };
    assert_eq!(post("/api/v1/reconcile", &[("x-entitled", "1")], "").await, 401);
    assert_eq!(post("/api/v1/reconcile", &[("authorization", "Bearer another")], "").await, 401);
    assert_eq!(post("/api/v1/reconcile", &[("authorization", &bearer)], "").await, 503);
    assert!(!desk.page().await.contains("/actions/"), "whoever has not signed in has no buttons");

    let wrong = desk.ask(Ask("POST", "/sign-in", &[FORM], "token=another")).await;
    assert_eq!((wrong.status(), wrong.headers().contains_key("set-cookie")), (StatusCode::UNAUTHORIZED, false));
    let elsewhere = [FORM, ("origin", "https://evil.example")];
    let foreign = desk.ask(Ask("POST", "/sign-in", &elsewhere, &format!("token={TOKEN}"))).await;
    assert!(!foreign.headers().contains_key("set-cookie"));
    let right = desk.ask(Ask("POST", "/sign-in", &[FORM], &format!("token={TOKEN}"))).await;
    assert_eq!(right.status(), StatusCode::SEE_OTHER);
    let cookie = right.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains(TOKEN), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();

    let more = desk.ask(Ask("POST", "/sign-in", &[FORM], &format!("token={TOKEN}"))).await;
    let another = more.headers()["set-cookie"].to_str().unwrap().to_owned();
    let another = another.split(';').next().unwrap();
    assert_ne!(cookie, another, "each session is one of its own");

    let form = desk.form_token(Some(cookie)).await;
    let body = format!("form={form}");
    assert_eq!(post("/actions/reconcile", &[FORM, ("cookie", cookie)], &body).await, 503);
    assert_eq!(post("/actions/reconcile", &[FORM, ("cookie", cookie)], "form=0000").await, 403);
    assert_eq!(post("/actions/reconcile", &[FORM], &body).await, 401);
    let evil = [FORM, ("cookie", cookie), ("origin", "https://evil.example")];
    assert_eq!(post("/actions/reconcile", &evil, &body).await, 403);
    assert_eq!(post("/actions/reconcile", &[FORM, ("cookie", "entitled_session=0000")], &body).await, 401);
    let out = desk.ask(Ask("POST", "/sign-out", &[FORM, ("cookie", cookie)], &body)).await;
    assert!(out.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    // Whoever has kept the cookie is told so, and another session goes on.
    assert_eq!(post("/actions/reconcile", &[FORM, ("cookie", cookie)], &body).await, 401);
    assert_eq!(desk.ask(Ask("GET", "/api/v1/status", &[("cookie", cookie)], "")).await.status().as_u16(), 401);
    assert_eq!(post("/actions/reconcile", &[FORM, ("cookie", another)], &body).await, 503);
}

#[tokio::test]
async fn a_page_runs_and_loads_nothing_but_its_own() {
    let desk = Desk::local(samples::degraded()).await;
    let answer = desk.ask(Ask("GET", "/", &[], "")).await;
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    for part in
        ["default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = answer.text().await.unwrap();
    let linked: Vec<&str> = page.split(['"']).filter(|part| part.starts_with("/assets/")).collect();
    assert!(linked.len() >= 3, "{linked:?}");
    for path in linked {
        let answer = desk.ask(Ask("GET", path, &[], "")).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    }
    for (path, status) in [("/runs/none", 503), ("/users/nobody", 503), ("/nothing", 404), ("/targets/role/x", 503)] {
        assert_eq!(desk.ask(Ask("GET", path, &[], "")).await.status().as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn an_open_page_is_told_of_a_change() {
    let desk = Desk::local(samples::in_sync()).await;
    let mut stream = desk.ask(Ask("GET", "/events", &[], "")).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut told = async || {
        let chunk = tokio::time::timeout(std::time::Duration::from_secs(30), stream.chunk()).await;
        chunk.expect("an event comes").unwrap().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    };
    let first = told().await.unwrap();
    assert!(first.contains("event: change") && first.contains("\"state\":\"InSync\""), "{first}");
    desk.status.send_replace(Arc::new(samples::waits_for_approval(2)));
    let second = told().await.unwrap();
    assert!(second.contains("event: change") && second.contains("\"state\":\"Held\""), "{second}");
    // A source was asked again: another kind of news.
    let mut polled = (**desk.status.borrow()).clone();
    polled.sources[0].last_poll = Some(samples::now());
    desk.status.send_replace(Arc::new(polled));
    let third = told().await.unwrap();
    assert!(third.contains("event: poll"), "{third}");
    // The end of the daemon ends the stream.
    let mut ending = samples::in_sync();
    ending.duty = entitled::report::status::Duty::Stopping;
    desk.status.send_replace(Arc::new(ending));
    assert_eq!(told().await, None);
}

/// A server over a whole stage.
async fn over(stage: Stage, status: Status) -> Desk {
    let Stage { store, active, .. } = &stage;
    let store = Arc::new(entitled::store::Store::open(store.path()).await.unwrap());
    let open = LiveState { active: active.clone(), store };
    let desk = Desk::start(status, None, "127.0.0.1:8787", Some(open)).await;
    // The simulators end with the stage.
    std::mem::forget(stage);
    desk
}

async fn json(answer: reqwest::Response) -> Value {
    let text = answer.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
