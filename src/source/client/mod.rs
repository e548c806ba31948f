//! One payment API on the wire: a question with credentials, at the pace it allows, tried again while that may
//! help.
//!
//! Asks at one origin only and follows no redirect: the credentials go nowhere else. Knows nothing of orders.

mod auth;
pub(super) mod response;

use std::sync::OnceLock;
use std::time::Duration;

use jiff::SignedDuration;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, Url};
use serde_json::Value;

use super::SourceError;
use super::recording::{Recording, Tape};
use crate::config::settings::source::Auth;
use crate::http::{Backoff, BodyError, MAX_ANSWER, Pace, Skew, body, client, retry_after};
use response::Reply;

/// The client of one payment API, with its one token and its one pace.
#[derive(Debug)]
pub(super) struct Caller {
    base_url: String,
    base: Url,
    client: reqwest::Client,
    headers: HeaderMap,
    auth: auth::Auth,
    pace: Pace,
    skew: Skew,
    backoff: Backoff,
    /// Bytes of one answer, at the most.
    most: usize,
    /// Takes every answer down.
    tape: OnceLock<Tape>,
    /// Answers in place of the API.
    recording: Option<Recording>,
}

impl Caller {
    /// Checks the settings; asks nobody.
    pub(super) fn new(
        base_url: &str,
        auth: &Auth,
        headers: &[(String, String)],
        timeout: SignedDuration,
        rate: Option<f64>,
    ) -> Result<Self, SourceError> {
        let base = origin_of_ours(base_url)?;
        let client = client(Duration::try_from(timeout).unwrap_or(Duration::from_secs(30)));
        let backoff = Backoff::default();
        let mut map = HeaderMap::new();
        map.insert(ACCEPT, HeaderValue::from_static("application/json"));
        for (name, value) in headers {
            map.insert(
                header_name(name)?,
                HeaderValue::from_str(value)
                    .map_err(|_| SourceError::Settings { what: "the value of a header", value: value.clone() })?,
            );
        }
        Ok(Self {
            auth: auth::Auth::new(auth, client.clone(), backoff)?,
            pace: Pace::new(rate),
            skew: Skew::default(),
            base_url: base_url.to_owned(),
            base,
            client,
            headers: map,
            backoff,
            most: MAX_ANSWER,
            tape: OnceLock::new(),
            recording: None,
        })
    }

    /// Reads no more than so many bytes of an answer.
    #[must_use]
    pub(super) fn at_most(self, bytes: u32) -> Self {
        Self { most: bytes as usize, ..self }
    }

    /// A caller that asks nobody: what was recorded answers.
    pub(super) fn recorded(recording: Recording) -> Result<Self, SourceError> {
        let caller = Self::new(&recording.base_url(), &Auth::None, &[], SignedDuration::from_secs(30), None)?;
        Ok(Self { recording: Some(recording), ..caller })
    }

    /// Takes every answer down from now on.
    pub(super) fn record(&self) {
        self.tape.get_or_init(Tape::default);
    }

    pub(super) fn tape(&self) -> Option<&Tape> {
        self.tape.get()
    }

    /// How far the server's clock is ahead of this machine's, by its last answer.
    pub(super) fn skew(&self) -> Option<SignedDuration> {
        self.skew.last()
    }

    /// The same, where this machine's clock only ran since.
    pub(super) fn still_skew(&self) -> Option<SignedDuration> {
        self.skew.still()
    }

    /// The address that every call begins with.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// A URL that the API gave, without the secret that it may have written into it: [`Caller::fetch`] adds
    /// that itself.
    pub(super) fn printable(&self, url: &Url) -> Url {
        self.auth.unsigned(url)
    }

    /// A URL under the base, with these parameters.
    pub(super) fn url(&self, path: &str, query: &[(String, String)]) -> Result<Url, SourceError> {
        let text = format!("{}{path}", self.base_url);
        let mut url: Url = text
            .parse()
            .map_err(|_| SourceError::Settings { what: "a URL with `list.path` or `get.path`", value: text })?;
        if url.origin() != self.base.origin() {
            // A base of `https://shop.example` and a path of `.evil.example` make another host.
            return Err(SourceError::Settings { what: "a path, which starts with a slash", value: path.to_owned() });
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// One `GET`, as [`Caller::ask`] does it.
    pub(super) async fn fetch(&self, url: Url) -> Result<Reply, SourceError> {
        self.ask(url, None).await
    }

    /// One question, with credentials, tried again while that may help: a `GET`, or a `POST` of `sent`. The reply is a
    /// success or a 404; everything else is an error. In one piece: what an answer means depends on the tries before it.
    pub(super) async fn ask(&self, url: Url, sent: Option<&Value>) -> Result<Reply, SourceError> {
        let call = call(&url, sent);
        if let Some(recording) = &self.recording {
            let Some(exchange) = recording.answer(&url, sent) else { return Err(SourceError::NotRecorded { call }) };
            let reply = Reply::from(exchange);
            return match reply.verdict(&call, self.auth.kind()) {
                None => Ok(reply),
                Some(error) => Err(error),
            };
        }
        let mut tries = 0;
        let mut renewed = false;
        loop {
            self.pace.turn().await;
            tries += 1;
            let credentials = self.auth.credentials().await?;
            let address = self.auth.signed(&url);
            let mut request = match sent {
                None => self.client.get(address).headers(self.headers.clone()),
                Some(sent) => self.client.post(address).headers(self.headers.clone()).json(sent),
            };
            if let Some((name, value)) = &credentials {
                request = request.header(name, value);
            }
            let secrets = self.auth.secrets(credentials.as_ref());
            let (error, wait) = match request.send().await {
                Err(error) => (
                    SourceError::Unreachable { call: call.clone(), tries, source: error.without_url() },
                    self.backoff.wait(tries + 1, None),
                ),
                Ok(response) => {
                    self.skew.note(response.headers());
                    let asked = retry_after(response.headers());
                    let wait = self.backoff.wait(tries + 1, asked);
                    let status = response.status();
                    if status == StatusCode::UNAUTHORIZED
                        && !renewed
                        && self.auth.renewable()
                        && let Some((_, refused)) = &credentials
                    {
                        self.auth.discard(refused).await;
                        renewed = true;
                        tries -= 1;
                        continue;
                    }
                    if status == StatusCode::TOO_MANY_REQUESTS || asked.is_some() {
                        self.pace.quiet(wait).await;
                    }
                    let head = response::Head::of(&response);
                    match body(response, self.most).await {
                        Err(source @ BodyError::TooLong { .. }) => return Err(SourceError::Body { call, source }),
                        Err(source) => (SourceError::Body { call: call.clone(), source }, wait),
                        Ok(bytes) => {
                            let reply = Reply::new(head, bytes, secrets);
                            if let Some(tape) = self.tape.get() {
                                tape.note(&url, sent, &reply);
                            }
                            match reply.verdict(&call, self.auth.kind()) {
                                None => match reply.throttled(&call) {
                                    None => return Ok(reply),
                                    Some(error) => (error, wait),
                                },
                                Some(error) if !response::passing(status) => return Err(error),
                                Some(error) => (error, wait),
                            }
                        }
                    }
                }
            };
            if tries >= self.backoff.attempts {
                return Err(error);
            }
            tracing::debug!(call, tries, error = %error, "a read is tried again");
            tokio::time::sleep(wait).await;
        }
    }
}

/// The base URL, if it can be one: absolute, `http` or `https`, and without credentials, which would show
/// in every error.
fn origin_of_ours(text: &str) -> Result<Url, SourceError> {
    let url: Result<Url, _> = text.parse();
    match url {
        Ok(url)
            if matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none() =>
        {
            Ok(url)
        }
        Ok(url) if url.has_authority() && (!url.username().is_empty() || url.password().is_some()) => {
            Err(SourceError::Settings {
                what: "the `url` of a source; it holds a user name or a password, which belong under `auth`",
                value: url.host_str().unwrap_or_default().to_owned(),
            })
        }
        _ => Err(SourceError::Settings { what: "the `url` of a source", value: text.to_owned() }),
    }
}

fn header_name(name: &str) -> Result<HeaderName, SourceError> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| SourceError::Settings { what: "the name of a header", value: name.to_owned() })
}

/// The most of a query that an error shows, in characters.
const SHOWN: usize = 240;

/// The request as errors name it.
pub(super) fn call(url: &Url, sent: Option<&Value>) -> String {
    let (method, path) = (if sent.is_some() { "POST" } else { "GET" }, url.path());
    match url.query() {
        // A query is percent-encoded, so every character is one byte.
        Some(query) if query.len() > SHOWN => format!("{method} {path}?{}...", &query[..SHOWN]),
        Some(query) => format!("{method} {path}?{query}"),
        None => format!("{method} {path}"),
    }
}

/// An id as one segment of a path: everything but RFC 3986's unreserved characters is percent-encoded.
/// `.` and `..` are refused, since every URL parser takes them for steps, encoded or not.
pub(super) fn segment(id: &str) -> Result<String, SourceError> {
    if id.is_empty() || id == "." || id == ".." {
        return Err(SourceError::Settings { what: "an order id in a path", value: id.to_owned() });
    }
    Ok(id
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect())
}
