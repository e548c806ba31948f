//! The daemon's own server over real HTTP: what it says, whom it lets in, what it bears.

pub(crate) mod browser;
mod deliveries;
mod guard;
pub(crate) mod hooks;
mod metrics;
pub(crate) mod page;
mod purposes;

use entitled::daemon::Mode;
use entitled::model::State;
use entitled::secret::Secret;
use entitled::web::{App, Door, Server, bind};
use serde_json::Value;

use crate::daemon::{ALWAYS, Live, QUICK, RARELY};
use crate::support::program::until;
use crate::support::stage::PRODUCTS;

pub(crate) const TOKEN: &str = "a-token-of-some-length";

/// A server on a free port that reads what a loop says.
pub(crate) struct Web {
    server: Server,
    client: reqwest::Client,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.body))
    }
}

impl Web {
    pub(crate) async fn of(live: &Live) -> Self {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let token = Some(Secret::new(TOKEN.to_owned()));
        let app = App::new(live.reading.clone(), live.trigger.clone(), Door::new(address, token));
        let server = Server::start(listener, &app).unwrap();
        Self { server, client: entitled::http::client(std::time::Duration::from_secs(20)) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Got {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Got { status, headers, body: answer.text().await.unwrap() }
    }

    /// As whoever has the token.
    pub(crate) async fn get(&self, path: &str) -> Got {
        self.send(self.client.get(self.url(path)).bearer_auth(TOKEN)).await
    }
}

/// Waits until the loop is in this state.
pub(crate) async fn state(live: &Live, wanted: State) {
    until(&format!("{wanted:?}"), || live.reading.status.borrow().state == wanted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_is_ready_when_it_has_passed_once() {
    let live = Live::with(RARELY, PRODUCTS).await;
    let web = Web::of(&live).await;
    assert_eq!(web.get("/healthz").await.status, 200);
    state(&live, State::InSync).await;
    let ready = web.get("/readyz").await;
    assert_eq!((ready.status, ready.json()["state"].as_str()), (200, Some("InSync")), "{ready:?}");
    assert_eq!(ready.json()["troubles"], serde_json::json!([]));
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_first_pass_a_daemon_says_why_it_is_not_ready() {
    let prepared = Live::prepare(RARELY, PRODUCTS).await;
    let logto = prepared.logto.clone();
    // Names resolve at the start; from then on nothing answers.
    let live = prepared.run(QUICK, Mode::Live);
    logto.faults().refuse_next(1_000_000, 500);
    let web = Web::of(&live).await;
    let ready = web.get("/readyz").await;
    assert_eq!(ready.status, 503, "{ready:?}");
    assert!(!ready.json()["reasons"].as_array().unwrap().is_empty(), "{ready:?}");
    drop(live);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_file_is_said_with_its_line_and_leaves_the_daemon_ready() {
    let live = Live::with(ALWAYS, PRODUCTS).await;
    let web = Web::of(&live).await;
    state(&live, State::InSync).await;
    let whole = std::fs::read_to_string(live.program.file()).unwrap();
    std::fs::write(live.program.file(), whole.replace("prune: owned", "prune: sometimes")).unwrap();
    state(&live, State::Degraded).await;
    let ready = web.get("/readyz").await;
    let trouble = &ready.json()["troubles"][0];
    assert_eq!((ready.status, trouble["about"]["kind"].as_str()), (200, Some("file")), "{ready:?}");
    assert!(trouble["detail"].as_str().unwrap().contains("sometimes"), "{ready:?}");
    std::fs::write(live.program.file(), whole).unwrap();
    state(&live, State::InSync).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_and_a_logto_that_do_not_answer_are_said_with_their_mend_until_they_do() {
    let live = Live::with(ALWAYS, PRODUCTS).await;
    let web = Web::of(&live).await;
    state(&live, State::InSync).await;
    live.shop.faults().refuse_next(1_000_000, 403);
    state(&live, State::Degraded).await;
    let ready = web.get("/readyz").await.json();
    assert_eq!(ready["troubles"][0]["about"], serde_json::json!({"kind": "source", "name": "shop"}), "{ready}");
    assert!(ready["troubles"][0]["hint"].is_string(), "{ready}");
    assert_eq!(web.get("/readyz").await.status, 503);
    live.shop.faults().clear();
    state(&live, State::InSync).await;

    live.logto.faults().refuse_next(1_000_000, 403);
    state(&live, State::Degraded).await;
    let ready = web.get("/readyz").await.json();
    assert_eq!(ready["troubles"][0]["about"]["kind"], "logto", "{ready}");
    live.logto.faults().clear();
    state(&live, State::InSync).await;
    assert_eq!(web.get("/readyz").await.status, 200);
    live.stop().await;
}
