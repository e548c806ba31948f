//! One call to Logto: paced, authorised, tried again where that is safe, logged, and its answer classified.
//!
//! 429 slows every call down and is tried again; a 5xx, a broken connection and a time-out are tried again for what may
//! be repeated; 401 once, with a new token. A 4xx with a `code` is a [`Reply::Refusal`], which the caller
//! interprets; any other answer is an error.
//!
//! Never sends a write a second time unless the first was certainly not carried out, and never logs a
//! credential or the address of a person.

#![expect(clippy::disallowed_methods, reason = "an edge: measures how long calls take")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT_LANGUAGE, HeaderMap};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::error::LogtoError;
use super::stats::CallStats;
use super::token::{self, TokenSource};
use super::wire::Raw;
use super::{curl, wire};
use crate::config::settings;
use crate::http::{self, Backoff, Pace, Skew};
use crate::secret::Secret;
use crate::text::json;

/// Tries of one call that is answered 429. It is no failure, so there are more of them than of others.
const QUIET_TRIES: u32 = 8;

/// The wait after a first 429 without `Retry-After`. It doubles.
const QUIET_FIRST: Duration = Duration::from_secs(1);

/// Query parameters, in order; a name may repeat.
pub(super) type Query = Vec<(&'static str, String)>;

/// What all clones of a client share.
pub(super) struct Core {
    http: reqwest::Client,
    pub(super) endpoint: String,
    pub(super) token: TokenSource,
    pub(super) concurrency: usize,
    pub(super) batch: usize,
    pub(super) backoff: Backoff,
    pub(super) skew: Skew,
    in_flight: Semaphore,
    pace: Pace,
    timeout: Duration,
    calls: AtomicU64,
    slept_us: AtomicU64,
    tally: Mutex<CallStats>,
}

/// An answer that Logto meant.
pub(super) enum Reply {
    /// 2xx.
    Answer(Answer),
    /// 4xx with a JSON `code`, other than 401, 403 and 429.
    Refusal(Refusal),
}

/// A 2xx.
pub(super) struct Answer {
    path: String,
    total: Option<u64>,
    body: Vec<u8>,
}

/// A 4xx that says why.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
}

/// The way to read, and no other.
#[derive(Clone)]
pub(super) struct ReadAccess(Arc<Core>);

/// The way to write.
#[derive(Clone)]
pub(super) struct WriteAccess(Arc<Core>);

/// What may be tried again after an answer that does not tell what happened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Safety {
    /// A read: as often as there is patience.
    Repeatable,
    /// A write: only when it was certainly not carried out.
    Once,
}

impl ReadAccess {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self(core)
    }

    pub(super) fn core(&self) -> &Core {
        &self.0
    }

    pub(super) async fn get(&self, path: &str, query: &Query) -> Result<Reply, LogtoError> {
        self.0.send("GET", path, Safety::Repeatable, |http, url| http.get(url).query(query)).await
    }

    /// A 404 with a JSON `code` is `None`; any other refusal is an error.
    pub(super) async fn find(&self, path: &str, query: &Query) -> Result<Option<Answer>, LogtoError> {
        match self.get(path, query).await? {
            Reply::Answer(answer) => Ok(Some(answer)),
            Reply::Refusal(refusal) if refusal.status == 404 => Ok(None),
            Reply::Refusal(refusal) => Err(refusal.into()),
        }
    }
}

impl WriteAccess {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self(core)
    }

    pub(super) async fn post(&self, path: &str, body: &impl Serialize) -> Result<Reply, LogtoError> {
        self.0.send("POST", path, Safety::Once, |http, url| http.post(url).json(body)).await
    }

    pub(super) async fn patch(&self, path: &str, body: &impl Serialize) -> Result<Reply, LogtoError> {
        self.0.send("PATCH", path, Safety::Once, |http, url| http.patch(url).json(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Reply, LogtoError> {
        self.0.send("DELETE", path, Safety::Once, |http, url| http.delete(url)).await
    }
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, LogtoError> {
        serde_json::from_slice(&json::holdable(&self.body))
            .map_err(|source| LogtoError::Shape { path: self.path.clone(), source: Arc::new(source) })
    }

    /// `Total-Number`.
    pub(super) fn total(&self) -> Result<u64, LogtoError> {
        self.total.ok_or_else(|| LogtoError::NoTotal { path: self.path.clone() })
    }
}

impl From<Refusal> for LogtoError {
    fn from(refusal: Refusal) -> Self {
        let Refusal { method, path, status, code, message } = refusal;
        LogtoError::Refused { method: method.to_owned(), path, status, code, message }
    }
}

impl Core {
    pub(super) fn new(endpoint: &str, settings: &settings::Logto) -> Self {
        let timeout = settings.timeout.unsigned_abs();
        Self {
            http: http::client(timeout),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: TokenSource::new(settings.app_id.clone(), settings.app_secret.clone(), settings.resource.clone()),
            concurrency: settings.concurrency.max(1),
            batch: settings.batch.max(1),
            backoff: Backoff::default(),
            skew: Skew::default(),
            in_flight: Semaphore::new(settings.concurrency.max(1)),
            pace: Pace::new(settings.rate),
            timeout,
            calls: AtomicU64::new(0),
            slept_us: AtomicU64::new(0),
            tally: Mutex::default(),
        }
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(super) fn slept(&self) -> Duration {
        Duration::from_micros(self.slept_us.load(Ordering::Relaxed))
    }

    pub(super) fn tally(&self) -> CallStats {
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone();
        CallStats { slept: self.slept(), ..tally }
    }

    fn note(&self, method: &'static str, path: &str, status: Option<u16>) {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).note(method, path, status);
    }

    /// Waits, and counts it.
    pub(super) async fn rest(&self, wait: Duration) {
        self.counted(tokio::time::sleep(wait)).await;
    }

    async fn counted(&self, wait: impl Future<Output = ()>) {
        let before = Instant::now();
        wait.await;
        let slept = u64::try_from(before.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.slept_us.fetch_add(slept, Ordering::Relaxed);
    }

    async fn send(
        &self,
        method: &'static str,
        path: &str,
        safety: Safety,
        build: impl Fn(&reqwest::Client, &str) -> reqwest::RequestBuilder,
    ) -> Result<Reply, LogtoError> {
        let mut fresh = false;
        loop {
            let token = self
                .token
                .current(|request| self.patiently("POST", token::PATH, move |http, url| request.fill(http.post(url))))
                .await?;
            let authorised = |http: &reqwest::Client, url: &str| {
                build(http, url).bearer_auth(token.value.expose()).header(ACCEPT_LANGUAGE, "en")
            };
            let raw = self.persistently(method, path, safety, authorised).await?;
            if raw.status == 401 && !fresh {
                fresh = true;
                self.token.forget(&token).await;
                continue;
            }
            return self.judge(method, path, raw, &token.value);
        }
    }

    /// A call that may be repeated, without a token: the one that fetches it.
    pub(super) async fn patiently(
        &self,
        method: &'static str,
        path: &str,
        build: impl Fn(&reqwest::Client, &str) -> reqwest::RequestBuilder,
    ) -> Result<Raw, LogtoError> {
        self.persistently(method, path, Safety::Repeatable, build).await
    }

    async fn persistently(
        &self,
        method: &'static str,
        path: &str,
        safety: Safety,
        build: impl Fn(&reqwest::Client, &str) -> reqwest::RequestBuilder,
    ) -> Result<Raw, LogtoError> {
        let mut failures = 0;
        let mut throttled = 0;
        let url = format!("{}{path}", self.endpoint);
        loop {
            let failed = match self.exchange(method, path, build(&self.http, &url), throttled).await {
                Ok(raw) if asks_for_quiet(&raw) => {
                    throttled += 1;
                    if throttled >= QUIET_TRIES {
                        return Err(LogtoError::RateLimited {
                            tries: throttled,
                            method: method.to_owned(),
                            path: path.to_owned(),
                        });
                    }
                    continue;
                }
                Ok(raw) if raw.status < 500 => return Ok(raw),
                Ok(raw) => LogtoError::Server {
                    method: method.to_owned(),
                    path: path.to_owned(),
                    status: raw.status,
                    request: header(&raw.headers, "logto-core-request-id"),
                },
                Err(error) => error,
            };
            failures += 1;
            let again = match safety {
                Safety::Repeatable => failed.is_ambiguous() || matches!(failed, LogtoError::Connect { .. }),
                Safety::Once => matches!(failed, LogtoError::Connect { .. }),
            };
            if !again || failures >= self.backoff.attempts {
                return Err(failed);
            }
            let wait = self.backoff.wait(failures + 1, None);
            tracing::debug!(method, path, error = %failed, wait_ms = wait.as_millis(), "logto is tried again");
            self.rest(wait).await;
        }
    }

    /// Exactly one request on the wire. When its answer asks for quiet, no further call starts before that
    /// is granted; the next try takes its turn with all the others.
    async fn exchange(
        &self,
        method: &'static str,
        path: &str,
        request: reqwest::RequestBuilder,
        throttled: u32,
    ) -> Result<Raw, LogtoError> {
        let _permit = self.in_flight.acquire().await.expect("the semaphore is never closed");
        self.counted(self.pace.turn()).await;
        self.calls.fetch_add(1, Ordering::Relaxed);
        let start = Instant::now();
        // Its text would show the query, which may hold addresses.
        let broken = |error: reqwest::Error| self.broken(method, path, error.without_url());
        let request = request.build().map_err(broken)?;
        if tracing::enabled!(tracing::Level::DEBUG) {
            tracing::debug!("{}", curl::line(&request));
        }
        let sent = self.http.execute(request).await;
        self.note(method, path, sent.as_ref().ok().map(|response| response.status().as_u16()));
        let response = sent.map_err(broken)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        self.skew.note(&headers);
        let body = http::body(response, http::MAX_ANSWER).await;
        tracing::debug!(
            method,
            path,
            status,
            elapsed_ms = start.elapsed().as_millis(),
            request_id = header(&headers, "logto-core-request-id"),
            "logto"
        );
        match body {
            Ok(body) => {
                let raw = Raw { status, headers, body };
                if asks_for_quiet(&raw) {
                    let patience = Backoff { first: QUIET_FIRST, ..self.backoff };
                    let wait = patience.wait(throttled + 2, http::retry_after(&raw.headers));
                    self.pace.quiet(wait).await;
                }
                Ok(raw)
            }
            Err(http::BodyError::Cut(error)) if error.is_timeout() => {
                Err(self.broken(method, path, error.without_url()))
            }
            Err(source) => {
                Err(LogtoError::Body { method: method.to_owned(), path: path.to_owned(), source: Arc::new(source) })
            }
        }
    }

    fn broken(&self, method: &str, path: &str, error: reqwest::Error) -> LogtoError {
        let (method, path) = (method.to_owned(), path.to_owned());
        let error = if error.is_connect() || error.is_builder() {
            LogtoError::Connect { endpoint: self.endpoint.clone(), source: Arc::new(error) }
        } else if error.is_timeout() {
            LogtoError::Timeout { method, path, within: self.timeout }
        } else {
            LogtoError::Dropped { method, path, source: Arc::new(error) }
        };
        tracing::debug!(%error, "logto");
        error
    }

    fn judge(&self, method: &'static str, path: &str, raw: Raw, token: &Secret) -> Result<Reply, LogtoError> {
        if (200..300).contains(&raw.status) {
            // A login page of a proxy is a 200 too: only the status that Logto gives for a write means done.
            let expected = match method {
                "POST" => 201,
                "DELETE" => 204,
                _ => raw.status,
            };
            if raw.status != expected {
                let (method, path) = (method.to_owned(), path.to_owned());
                return Err(LogtoError::Impostor { method, path, status: raw.status, expected });
            }
            let total = header(&raw.headers, "total-number").parse().ok();
            return Ok(Reply::Answer(Answer { path: path.to_owned(), total, body: raw.body }));
        }
        let said: wire::Refusal = serde_json::from_slice(&raw.body).unwrap_or_default();
        let message = self.token.presentable(&said.message, Some(token));
        let code = said.code.map(|code| self.token.presentable(&code, Some(token)));
        let (owned_method, owned_path) = (method.to_owned(), path.to_owned());
        match (raw.status, code) {
            (401, code) => {
                Err(LogtoError::Unauthorized { code: code.unwrap_or_default(), method: owned_method, path: owned_path })
            }
            (403, Some(code)) if code == "auth.forbidden" => {
                Err(LogtoError::Forbidden { app: self.token.app.clone(), method: owned_method, path: owned_path })
            }
            (300..=399 | 404 | 405, None) => Err(LogtoError::WrongPath { path: owned_path, status: raw.status }),
            (status @ (403 | 429), Some(code)) => {
                Err(Refusal { method, path: owned_path, status, code, message }.into())
            }
            (status, Some(code)) => Ok(Reply::Refusal(Refusal { method, path: owned_path, status, code, message })),
            (status, None) => Err(Refusal { method, path: owned_path, status, code: String::new(), message }.into()),
        }
    }
}

/// A 429, but for the one that no wait mends: the plan's quota of tokens is used up.
fn asks_for_quiet(raw: &Raw) -> bool {
    raw.status == 429
        && !serde_json::from_slice::<wire::Refusal>(&raw.body)
            .is_ok_and(|said| said.code.is_some_and(|code| code == "auth.exceed_token_limit"))
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim().to_owned()
}
