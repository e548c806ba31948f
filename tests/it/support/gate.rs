//! A gate in front of the simulated Logto that can be shut at one write: before the write has gone through, or
//! after it has and before its answer comes back. A write that is caught hangs until whoever sent it is gone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::Response;
use reqwest::Method;
use serde_json::Value;
use tokio::net::TcpListener;

/// Where a write is caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shut {
    /// It has not happened.
    Before,
    /// It has happened, and nobody was told.
    After,
}

/// A write that went through to Logto.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) users: Vec<String>,
    pub(crate) status: u16,
}

#[derive(Default)]
struct Watched {
    /// Which write is caught, counted from 1, and where.
    shut: Option<(usize, Shut)>,
    seen: usize,
    caught: bool,
    through: Vec<Write>,
}

/// See the module. Closes when dropped.
pub(crate) struct Gate {
    pub(crate) url: String,
    watched: Arc<Mutex<Watched>>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Way {
    to: String,
    client: reqwest::Client,
    watched: Arc<Mutex<Watched>>,
}

impl Gate {
    /// An open gate to the server at `to`.
    pub(crate) async fn before(to: &str) -> Self {
        let watched = Arc::new(Mutex::new(Watched::default()));
        let client = entitled::http::client(Duration::from_secs(10));
        let way = Way { to: to.to_owned(), client, watched: watched.clone() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(pass).with_state(way);
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, watched, server }
    }

    /// Catches the write number `number` from now on.
    pub(crate) fn shut(&self, number: usize, shut: Shut) {
        let mut watched = self.watched.lock().unwrap();
        watched.shut = Some((number, shut));
        watched.seen = 0;
        watched.caught = false;
    }

    /// Lets everything through from now on.
    pub(crate) fn open(&self) {
        self.watched.lock().unwrap().shut = None;
    }

    /// Whether a write was caught.
    pub(crate) fn caught(&self) -> bool {
        self.watched.lock().unwrap().caught
    }

    /// Every write that went through.
    pub(crate) fn through(&self) -> Vec<Write> {
        self.watched.lock().unwrap().through.clone()
    }

    /// How often each change of one user took effect: path and user of each write that succeeded.
    pub(crate) fn effects(&self) -> BTreeMap<(String, String), usize> {
        let mut effects = BTreeMap::new();
        for write in self.through().into_iter().filter(|write| write.status < 300) {
            let users = if write.method == Method::DELETE { vec![String::new()] } else { write.users };
            for user in users {
                *effects.entry((format!("{} {}", write.method, write.path), user)).or_default() += 1;
            }
        }
        effects
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(State(way): State<Way>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let target = head.uri.path_and_query().unwrap().to_string();
    let write = head.method != Method::GET && head.uri.path().starts_with("/api/");
    let here = write.then(|| way.arrive()).flatten();
    if here == Some(Shut::Before) {
        way.catch().await;
    }
    let mut headers = head.headers;
    // The simulator is asked under its own name, and the length is written anew.
    headers.remove("host");
    headers.remove("content-length");
    let sent = way.client.request(head.method.clone(), format!("{}{target}", way.to)).headers(headers);
    let answer = sent.body(body.to_vec()).send().await.unwrap();
    if write {
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let users = body["userIds"].as_array().into_iter().flatten();
        way.watched.lock().unwrap().through.push(Write {
            method: head.method,
            path: head.uri.path().to_owned(),
            users: users.map(|user| user.as_str().unwrap().to_owned()).collect(),
            status: answer.status().as_u16(),
        });
    }
    if here == Some(Shut::After) {
        way.catch().await;
    }
    let mut back = Response::builder().status(answer.status());
    for (name, value) in answer.headers().iter().filter(|(name, _)| *name != "transfer-encoding") {
        back = back.header(name, value);
    }
    back.body(Body::from(answer.bytes().await.unwrap())).unwrap()
}

impl Way {
    /// Counts a write, and says where it is caught.
    fn arrive(&self) -> Option<Shut> {
        let mut watched = self.watched.lock().unwrap();
        watched.seen += 1;
        watched.shut.filter(|(number, _)| *number == watched.seen).map(|(_, shut)| shut)
    }

    async fn catch(&self) -> std::convert::Infallible {
        self.watched.lock().unwrap().caught = true;
        std::future::pending().await
    }
}
