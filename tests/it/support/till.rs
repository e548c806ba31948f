//! A shop that changes, over real HTTP: what is refunded or disputed may stand in a list of its own, and never in
//! the row of the order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Json, Response};
use serde_json::Value;
use tokio::net::TcpListener;

/// What a shop has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    /// By id: the row of the order.
    pub(crate) orders: BTreeMap<String, Value>,
    /// By id: an item of the other list.
    pub(crate) claims: BTreeMap<String, Value>,
}

/// What is answered to a path and its query; `None`: there is no such thing.
pub(crate) type Answers = fn(&Held, &str, &BTreeMap<String, String>) -> Option<Value>;

/// The shop.
#[derive(Clone)]
pub(crate) struct Till {
    pub(crate) url: String,
    pub(crate) held: Arc<Mutex<Held>>,
    /// The path of every request, in order.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    /// Whether requests for one order get no answer.
    pub(crate) stuck: Arc<AtomicBool>,
    /// How many of those are waited for, and the most there ever were.
    pub(crate) waited_for: Arc<[AtomicUsize; 2]>,
    answers: Answers,
}

impl Till {
    pub(crate) async fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (held, asked, stuck, waited_for) = Default::default();
        let till = Self { url, held, asked, stuck, waited_for, answers };
        let app = Router::new().fallback(answer).with_state(till.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        till
    }

    pub(crate) fn put(&self, id: &str, order: Value) {
        self.held.lock().unwrap().orders.insert(id.to_owned(), order);
    }

    pub(crate) fn claim(&self, id: &str, item: Value) {
        self.held.lock().unwrap().claims.insert(id.to_owned(), item);
    }
}

/// One request that is waited for; not any more once its connection is closed.
struct Waiting(Arc<[AtomicUsize; 2]>);

impl Waiting {
    fn begin(counts: &Arc<[AtomicUsize; 2]>) -> Self {
        let now = counts[0].fetch_add(1, Ordering::Relaxed) + 1;
        counts[1].fetch_max(now, Ordering::Relaxed);
        Self(Arc::clone(counts))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0[0].fetch_sub(1, Ordering::Relaxed);
    }
}

async fn answer(State(till): State<Till>, uri: Uri) -> Response {
    let url: reqwest::Url = format!("http://localhost{uri}").parse().unwrap();
    let query = url.query_pairs().into_owned().collect();
    till.asked.lock().unwrap().push(url.path().to_owned());
    if till.stuck.load(Ordering::Relaxed) && url.path().matches('/').count() > 1 {
        let _counted = Waiting::begin(&till.waited_for);
        std::future::pending::<()>().await;
    }
    let held = till.held.lock().unwrap();
    match (till.answers)(&held, url.path(), &query) {
        Some(answer) => Json(answer).into_response(),
        None => (StatusCode::NOT_FOUND, Json(Value::Null)).into_response(),
    }
}
