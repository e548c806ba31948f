//! A payment API that answers as recorded, over real HTTP.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// One request and the answer to it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    /// `Some` where the recording says what was sent; `Some(None)` is a request without the header.
    authorization: Option<Option<String>>,
    /// The JSON that has to be sent, where that matters.
    sent: Option<Value>,
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Line {
    /// `GET target`, answered with 200 and this JSON.
    pub(crate) fn json(target: &str, body: Value) -> Self {
        Self::answer("GET", target, 200, "application/json", body.to_string().into_bytes())
    }

    pub(crate) fn answer(method: &str, target: &str, status: u16, content_type: &str, body: Vec<u8>) -> Self {
        let (path, query) = split(target);
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { method: method.to_owned(), path, query, authorization: None, sent: None, status, headers, body }
    }

    /// What it answers, as text.
    pub(crate) fn request(&self) -> String {
        let sent = self.sent.as_ref().map(|sent| format!(" {sent}")).unwrap_or_default();
        format!("{} {} {:?}{sent}", self.method, self.path, self.query)
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Answers only where this JSON is sent.
    pub(crate) fn sent(mut self, body: Value) -> Self {
        self.sent = Some(body);
        self
    }

    pub(crate) fn authorized(mut self, value: &str) -> Self {
        self.authorization = Some(Some(value.to_owned()));
        self
    }

    /// Every line of a recording, with `{name}` replaced by the value of that name.
    pub(crate) fn recorded(jsonl: &str, names: &[(&str, &str)]) -> Vec<Self> {
        let line = |text: &str| {
            let mut text = text.to_owned();
            for (name, value) in names {
                text = text.replace(&format!("{{{name}}}"), value);
            }
            let line: Value = serde_json::from_str(&text).expect("a line of a recording is JSON");
            let response = &line["response"];
            let content_type = response["headers"]["content-type"].as_str().unwrap_or_default();
            let body = response["body"].to_string().into_bytes();
            let status = response["status"].as_u64().expect("a status") as u16;
            let text = |key: &str| line[key].as_str().expect("a text").to_owned();
            let mut made = Self::answer(&text("method"), &text("path"), status, content_type, body);
            let told = line["response"]["headers"].as_object().into_iter().flatten();
            for (name, value) in told.filter(|(name, _)| name.starts_with("x-")) {
                made = made.header(name, value.as_str().expect("a text"));
            }
            made.authorization = Some(line["headers"]["authorization"].as_str().map(str::to_owned));
            made
        };
        jsonl.lines().filter(|text| !text.trim().is_empty()).map(line).collect()
    }
}

/// What a client asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) target: String,
    pub(crate) authorization: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) body: String,
    headers: HeaderMap,
}

impl Asked {
    /// What a header said.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A server that lives as long as the test's runtime.
pub(crate) struct Replay {
    pub(crate) url: String,
    state: Arc<Mutex<Recorded>>,
}

struct Recorded {
    /// Lines with the same request answer in turn; the last one goes on answering.
    lines: Vec<(Line, bool)>,
    asked: Vec<Asked>,
}

impl Replay {
    pub(crate) async fn start(lines: Vec<Line>) -> Self {
        let lines = lines.into_iter().map(|line| (line, false)).collect();
        let state = Arc::new(Mutex::new(Recorded { lines, asked: Vec::new() }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, state }
    }

    /// From now on these lines answer, and no request has been made yet.
    pub(crate) fn now_answers(&self, lines: Vec<Line>) {
        let mut state = self.state.lock().unwrap();
        state.lines = lines.into_iter().map(|line| (line, false)).collect();
        state.asked.clear();
    }

    /// Every request so far, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Answers that are there from now on.
    pub(crate) fn add(&self, lines: Vec<Line>) {
        self.state.lock().unwrap().lines.extend(lines.into_iter().map(|line| (line, false)));
    }

    /// Of the lines, those that some client has asked for.
    pub(crate) fn answered(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.lines.iter().filter(|(_, used)| *used).map(|(line, _)| line.request()).collect()
    }

    /// The targets of every request so far, in order.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.target).collect()
    }
}

async fn answer(
    State(state): State<Arc<Mutex<Recorded>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let target = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let header = |name| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let (authorization, language) = (header("authorization"), header("accept-language"));
    let (path, query) = split(&target);
    let mut state = state.lock().unwrap();
    let fits = |line: &Line| {
        line.method == method.as_str()
            && line.path == path
            && asks(&line.query, &query)
            && line
                .sent
                .as_ref()
                .is_none_or(|wanted| serde_json::from_slice::<Value>(&body).is_ok_and(|sent| sends(wanted, &sent)))
            && line.authorization.as_ref().is_none_or(|wanted| *wanted == authorization)
    };
    let fitting: Vec<usize> = (0..state.lines.len()).filter(|at| fits(&state.lines[*at].0)).collect();
    let at = fitting.iter().copied().find(|at| !state.lines[*at].1).or(fitting.last().copied());
    state.asked.push(Asked {
        language,
        target: target.clone(),
        authorization,
        body: String::from_utf8_lossy(&body).into_owned(),
        headers: headers.clone(),
    });
    let Some(at) = at else {
        return Response::builder().status(400).body(Body::from(format!("not recorded: {method} {target}"))).unwrap();
    };
    state.lines[at].1 = true;
    let line = &state.lines[at].0;
    let mut response = Response::builder().status(line.status);
    for (name, value) in &line.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(line.body.clone())).unwrap()
}

/// Whether a query is what a line wants: `*` stands for any value, such as a time that depends on now.
fn asks(wanted: &[(String, String)], query: &[(String, String)]) -> bool {
    let fits = |(wanted, got): (&(String, String), &(String, String))| {
        wanted.0 == got.0 && (wanted.1 == got.1 || wanted.1 == "*")
    };
    wanted.len() == query.len() && wanted.iter().zip(query).all(fits)
}

/// Whether what was sent is what a line wants: the text `*` stands for anything.
fn sends(wanted: &Value, sent: &Value) -> bool {
    match (wanted, sent) {
        (Value::String(any), _) if any == "*" => true,
        (Value::Object(wanted), Value::Object(sent)) => {
            wanted.len() == sent.len()
                && wanted.iter().all(|(key, value)| sent.get(key).is_some_and(|sent| sends(value, sent)))
        }
        (Value::Array(wanted), Value::Array(sent)) => {
            wanted.len() == sent.len() && wanted.iter().zip(sent).all(|(wanted, sent)| sends(wanted, sent))
        }
        _ => wanted == sent,
    }
}

/// Path and decoded, sorted query: the order of parameters and their encoding are the client's business.
fn split(target: &str) -> (String, Vec<(String, String)>) {
    let url: reqwest::Url = format!("http://localhost{target}").parse().unwrap();
    let mut query: Vec<(String, String)> =
        url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
    query.sort();
    (url.path().to_owned(), query)
}

/// A server that answers every connection with these bytes and closes it. Returns its URL and how many
/// connections it has had.
pub(crate) async fn raw(bytes: &'static [u8]) -> (String, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            *counted.lock().unwrap() += 1;
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if socket.read(&mut byte).await.unwrap_or(0) == 0 {
                    break;
                }
                request.push(byte[0]);
            }
            let _closed_by_the_client = socket.write_all(bytes).await;
            let _closed_by_the_client = socket.shutdown().await;
        }
    });
    (url, count)
}
