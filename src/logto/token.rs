//! The access token: fetched by the first call that needs it, and again at 80% of its life.
//!
//! Never lets two calls fetch at the same time, and never shows a token or the secret.

#![expect(clippy::disallowed_methods, reason = "an edge: the life of a token is measured by the clock of the machine")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::LogtoError;
use super::wire::{self, Raw};
use crate::http::LONGEST_TOKEN;
use crate::secret::{Secret, hide_issued};

/// Where tokens come from.
pub(super) const PATH: &str = "/oidc/token";

/// No token is kept for longer than this.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3_600);

/// How long a token that is due for a new one is still used when none can be had.
const RETRY_LATER: Duration = Duration::from_secs(30);

/// The most of a server's own words that is repeated.
const MESSAGE: usize = 300;

/// One access token.
pub(super) struct Token {
    pub(super) value: Secret,
    refresh_at: Instant,
    expires_at: Instant,
}

/// The application, and the token it holds.
pub(super) struct TokenSource {
    pub(super) app: String,
    pub(super) secret: Secret,
    resource: String,
    state: Mutex<State>,
    /// Fetches that have ended, well or badly. Who waited while one ended takes its result.
    ended: AtomicU64,
}

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    failure: Option<LogtoError>,
}

/// What is sent for a token.
pub(super) struct TokenRequest {
    user: String,
    password: String,
    resource: String,
}

impl TokenRequest {
    /// Fills a `POST` to [`PATH`].
    pub(super) fn fill(&self, post: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let form = [("grant_type", "client_credentials"), ("resource", self.resource.as_str()), ("scope", "all")];
        post.basic_auth(&self.user, Some(&self.password)).form(&form)
    }
}

impl TokenSource {
    pub(super) fn new(app: String, secret: Secret, resource: String) -> Self {
        Self { app, secret, resource, state: Mutex::default(), ended: AtomicU64::new(0) }
    }

    /// The token to use now; `send` asks for a new one where that is due. The lock is held while one is fetched, so all
    /// others wait for that one; its failure is theirs too, or twenty calls would try a wrong secret twenty times.
    pub(super) async fn current<F: Future<Output = Result<Raw, LogtoError>>>(
        &self,
        send: impl FnOnce(TokenRequest) -> F,
    ) -> Result<Arc<Token>, LogtoError> {
        let before = self.ended.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        if let Some(token) = state.token.as_ref().filter(|token| Instant::now() < token.refresh_at) {
            return Ok(token.clone());
        }
        if let Some(failure) = state.failure.as_ref().filter(|_| self.ended.load(Ordering::Acquire) != before) {
            return Err(failure.clone());
        }
        let fetched = self.fetch(send).await;
        self.ended.fetch_add(1, Ordering::Release);
        match fetched {
            Ok(token) => {
                let token = Arc::new(token);
                *state = State { token: Some(token.clone()), failure: None };
                Ok(token)
            }
            Err(error) => {
                let old = state.token.take().filter(|old| error.is_transient() && Instant::now() < old.expires_at);
                state.failure = Some(error.clone());
                let old = old.ok_or(error)?;
                let later = Token {
                    value: old.value.clone(),
                    refresh_at: (Instant::now() + RETRY_LATER).min(old.expires_at),
                    expires_at: old.expires_at,
                };
                let later = Arc::new(later);
                state.token = Some(later.clone());
                Ok(later)
            }
        }
    }

    /// Forgets a token that the server refused, unless another call has replaced it already.
    pub(super) async fn forget(&self, refused: &Token) {
        let mut state = self.state.lock().await;
        if state.token.as_ref().is_some_and(|held| held.value.expose() == refused.value.expose()) {
            state.token = None;
        }
    }

    async fn fetch<F: Future<Output = Result<Raw, LogtoError>>>(
        &self,
        send: impl FnOnce(TokenRequest) -> F,
    ) -> Result<Token, LogtoError> {
        let asked_at = Instant::now();
        let raw = send(self.request()).await?;
        if raw.status != 200 {
            return Err(self.refusal(&raw));
        }
        let answer: wire::TokenAnswer =
            serde_json::from_slice(&raw.body).map_err(|_may_show_the_token| LogtoError::TokenShape { status: 200 })?;
        if answer.access_token.len() > LONGEST_TOKEN {
            return Err(LogtoError::TokenShape { status: 200 });
        }
        hide_issued(&answer.access_token);
        if !answer.scope.as_deref().unwrap_or_default().split_whitespace().any(|scope| scope == "all") {
            return Err(LogtoError::Scope { app: self.app.clone() });
        }
        // Whatever it says: a time that far ahead cannot be counted to.
        let life = Duration::from_secs(answer.expires_in).min(LONGEST_LIFE);
        Ok(Token {
            value: Secret::new(answer.access_token),
            refresh_at: asked_at + life.mul_f64(0.8),
            expires_at: asked_at + life,
        })
    }

    /// A server's own words, fit to be shown: one line, not endless, and without what it was sent in
    /// confidence, should it repeat that.
    pub(super) fn presentable(&self, text: &str, token: Option<&Secret>) -> String {
        let mut text = text.to_owned();
        for secret in [Some(&self.secret), token].into_iter().flatten().map(Secret::expose) {
            if !secret.is_empty() {
                text = text.replace(secret, "[secret]");
            }
        }
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE).collect()
    }

    fn request(&self) -> TokenRequest {
        // RFC 6749, 2.3.1: both halves are form-encoded before they are joined.
        let (user, password) = (encoded(&self.app), encoded(self.secret.expose()));
        TokenRequest { user, password, resource: self.resource.clone() }
    }

    fn refusal(&self, raw: &Raw) -> LogtoError {
        let app = self.app.clone();
        let Ok(said) = serde_json::from_slice::<wire::Refusal>(&raw.body) else {
            return match raw.status {
                300..=399 | 404 | 405 => LogtoError::WrongPath { path: PATH.to_owned(), status: raw.status },
                status => LogtoError::TokenShape { status },
            };
        };
        let text = if said.error_description.is_empty() { &said.message } else { &said.error_description };
        match said.error.as_str() {
            "invalid_client" if raw.status == 401 => LogtoError::WrongSecret { app },
            "invalid_client" => LogtoError::UnknownApplication { app },
            "invalid_target" => LogtoError::UnknownResource { resource: self.resource.clone() },
            _ if text.contains("secret has expired") => LogtoError::ExpiredSecret { app },
            _ => LogtoError::NoToken {
                status: raw.status,
                message: self.presentable(text, None),
                code: self.presentable(&said.code.unwrap_or(said.error), None),
            },
        }
    }
}

/// `application/x-www-form-urlencoded` of one value.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_basic_auth_could_misread_is_encoded() {
        assert_eq!(super::encoded("aZ09-._~"), "aZ09-._~");
        assert_eq!(super::encoded("a:b+c %/é"), "a%3Ab%2Bc%20%25%2F%C3%A9");
    }
}
