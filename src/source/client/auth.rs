//! How a source says who asks: a fixed header or parameter, or a machine-to-machine token that is fetched and renewed.
//!
//! Never sends a secret anywhere but to the source itself and to the token endpoint of the settings.

#![expect(clippy::disallowed_methods, reason = "an edge: a token lives by the clock of the machine")]

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::response::{Head, Reply, passing};
use super::{header_name, origin_of_ours};
use crate::config::settings::source::{Auth as Settings, ClientAuth};
use crate::http::{Backoff, LONGEST_TOKEN, MAX_ANSWER, body, retry_after};
use crate::secret::{Secret, hide_issued};
use crate::source::SourceError;

/// The life of a token whose answer names none.
const DEFAULT_LIFE: Duration = Duration::from_secs(300);

/// Who asks.
pub(super) enum Auth {
    /// Nobody.
    None,
    /// The same header on every request.
    Fixed { kind: &'static str, name: HeaderName, value: HeaderValue, secrets: Vec<Secret> },
    /// The same parameter in every URL.
    Query { param: String, value: Secret },
    /// `Authorization: Bearer` with a token that expires.
    OAuth2(Box<Tokens>),
}

// By hand: a header value is a secret whatever type it has.
impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

/// The one token of a source.
pub(super) struct Tokens {
    client: Client,
    url: Url,
    id: String,
    secret: Secret,
    form: Vec<(&'static str, String)>,
    client_auth: ClientAuth,
    /// Where the token goes by itself. `None`: into `Authorization`, as a bearer's.
    name: Option<HeaderName>,
    backoff: Backoff,
    /// Locked while a token is fetched, so that whoever needs one first fetches it and the others wait.
    held: Mutex<Option<Token>>,
}

struct Token {
    header: HeaderValue,
    renew_at: Instant,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: Option<f64>,
}

impl Auth {
    pub(super) fn new(settings: &Settings, client: Client, backoff: Backoff) -> Result<Self, SourceError> {
        let fixed = |kind, name, text: String, secrets: Vec<Secret>| {
            let mut value = HeaderValue::from_str(&text).map_err(|_| SourceError::Settings {
                what: "sent in a header",
                value: format!("the secret of `{kind}`"),
            })?;
            value.set_sensitive(true);
            Ok(Auth::Fixed { kind, name, value, secrets })
        };
        match settings {
            Settings::None => Ok(Auth::None),
            Settings::Bearer(token) => {
                fixed("bearer", AUTHORIZATION, format!("Bearer {}", token.expose()), vec![token.clone()])
            }
            Settings::Basic { username, password } => {
                let value = basic(username.expose(), password.expose());
                fixed("basic", AUTHORIZATION, value, vec![username.clone(), password.clone()])
            }
            Settings::Header { name, value } => {
                fixed("header", header_name(name)?, value.expose().to_owned(), vec![value.clone()])
            }
            Settings::Query { param, value } => Ok(Auth::Query { param: param.clone(), value: value.clone() }),
            Settings::OAuth2 {
                token_url,
                client_id,
                client_secret,
                resource,
                scope,
                audience,
                client_auth,
                header,
            } => {
                let mut form = vec![("grant_type", "client_credentials".to_owned())];
                for (key, value) in [("resource", resource), ("scope", scope), ("audience", audience)] {
                    form.extend(value.clone().map(|value| (key, value)));
                }
                Ok(Auth::OAuth2(Box::new(Tokens {
                    client,
                    url: origin_of_ours(token_url)?,
                    id: client_id.clone(),
                    secret: client_secret.clone(),
                    form,
                    client_auth: *client_auth,
                    name: header.as_deref().map(header_name).transpose()?,
                    backoff,
                    held: Mutex::new(None),
                })))
            }
        }
    }

    /// The word for it in `entitlements.yaml`.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Auth::None => "none",
            Auth::Fixed { kind, .. } => kind,
            Auth::Query { .. } => "query",
            Auth::OAuth2(_) => "oauth2_client_credentials",
        }
    }

    /// Whether new credentials can be had where the old ones were refused.
    pub(super) fn renewable(&self) -> bool {
        matches!(self, Auth::OAuth2(_))
    }

    /// The header to send, from a token that still has a fifth of its life.
    pub(super) async fn credentials(&self) -> Result<Option<(HeaderName, HeaderValue)>, SourceError> {
        match self {
            Auth::None | Auth::Query { .. } => Ok(None),
            Auth::Fixed { name, value, .. } => Ok(Some((name.clone(), value.clone()))),
            Auth::OAuth2(tokens) => {
                let name = tokens.name.clone().unwrap_or(AUTHORIZATION);
                Ok(Some((name, tokens.header().await?)))
            }
        }
    }

    /// The URL as it is sent: with the secret parameter, where there is one. It is never printed.
    pub(super) fn signed(&self, url: &Url) -> Url {
        let mut url = url.clone();
        if let Auth::Query { param, value } = self {
            url.query_pairs_mut().append_pair(param, value.expose());
        }
        url
    }

    /// The URL as it may be printed: an API may write the secret parameter into a link that it gives.
    pub(super) fn unsigned(&self, url: &Url) -> Url {
        let Auth::Query { param, .. } = self else { return url.clone() };
        if !url.query_pairs().any(|(name, _)| name == *param) {
            return url.clone();
        }
        let rest: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| name != param)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let mut url = url.clone();
        url.set_query(None);
        if !rest.is_empty() {
            url.query_pairs_mut().extend_pairs(rest);
        }
        url
    }

    /// Forgets a token that was refused, unless somebody has renewed it already.
    pub(super) async fn discard(&self, refused: &HeaderValue) {
        if let Auth::OAuth2(tokens) = self {
            let mut held = tokens.held.lock().await;
            if held.as_ref().is_some_and(|token| token.header == *refused) {
                *held = None;
            }
        }
    }

    /// Everything that a server could echo and nobody may read.
    pub(super) fn secrets(&self, sent: Option<&(HeaderName, HeaderValue)>) -> Vec<Secret> {
        let mut all = match self {
            Auth::None => Vec::new(),
            Auth::Fixed { secrets, .. } => secrets.clone(),
            Auth::Query { value, .. } => vec![value.clone(), Secret::new(form_encoded(value.expose()))],
            Auth::OAuth2(tokens) => vec![tokens.secret.clone()],
        };
        let sent = sent.and_then(|(_, value)| value.to_str().ok()).unwrap_or_default();
        let bare = sent.split_once(' ').map_or(sent, |(_, credentials)| credentials);
        all.push(Secret::new(bare.to_owned()));
        all
    }
}

impl Tokens {
    async fn header(&self) -> Result<HeaderValue, SourceError> {
        let mut held = self.held.lock().await;
        if let Some(token) = held.as_ref().filter(|token| Instant::now() < token.renew_at) {
            return Ok(token.header.clone());
        }
        let token = self.fetch().await?;
        let header = token.header.clone();
        *held = Some(token);
        Ok(header)
    }

    /// Asks for a token, again while that may help: client credentials may be asked for any number of times.
    async fn fetch(&self) -> Result<Token, SourceError> {
        let call = format!("POST {}", self.url);
        let authorization = basic(&form_encoded(&self.id), &form_encoded(self.secret.expose()));
        let secrets = vec![self.secret.clone()];
        let mut tries = 0;
        loop {
            tries += 1;
            let asked = Instant::now();
            let request = self.client.post(self.url.clone());
            let request = match self.client_auth {
                ClientAuth::Basic => request.header(AUTHORIZATION, &authorization).form(&self.form),
                ClientAuth::Post => {
                    let own = [("client_id", self.id.clone()), ("client_secret", self.secret.expose().to_owned())];
                    request.form(&self.form.iter().cloned().chain(own).collect::<Vec<_>>())
                }
            };
            let (error, wait) = match request.send().await {
                Err(error) => (
                    SourceError::Unreachable { call: call.clone(), tries, source: error.without_url() },
                    self.backoff.wait(tries + 1, None),
                ),
                Ok(response) => {
                    let wait = self.backoff.wait(tries + 1, retry_after(response.headers()));
                    let head = Head::of(&response);
                    match body(response, MAX_ANSWER).await {
                        Err(source) => (SourceError::Body { call: call.clone(), source }, wait),
                        Ok(bytes) => {
                            let reply = Reply::new(head, bytes, secrets.clone());
                            if reply.status.is_success() {
                                return self.token(&reply, &call, asked);
                            }
                            let (url, status) = (self.url.to_string(), reply.status);
                            let error = SourceError::TokenRefused { url, status, said: reply.said() };
                            if !passing(status) {
                                return Err(error);
                            }
                            (error, wait)
                        }
                    }
                }
            };
            if tries >= self.backoff.attempts {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn token(&self, reply: &Reply, call: &str, asked: Instant) -> Result<Token, SourceError> {
        let unusable = || SourceError::TokenUnusable { url: self.url.to_string() };
        let answer: TokenAnswer = serde_json::from_value(reply.json(call)?).map_err(|_| unusable())?;
        if !(1..=LONGEST_TOKEN).contains(&answer.access_token.len()) {
            return Err(unusable());
        }
        hide_issued(&answer.access_token);
        let value = match self.name {
            Some(_) => answer.access_token,
            None => format!("Bearer {}", answer.access_token),
        };
        let mut header = HeaderValue::from_str(&value).map_err(|_| unusable())?;
        header.set_sensitive(true);
        let life = answer
            .expires_in
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .unwrap_or(DEFAULT_LIFE)
            .min(Duration::from_secs(24 * 3600));
        Ok(Token { header, renew_at: asked + life.mul_f64(0.8) })
    }
}

/// The value of HTTP basic.
fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{username}:{password}").as_bytes()))
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// RFC 6749 section 2.3.1: client id and secret are form-encoded before they stand in HTTP basic.
fn form_encoded(text: &str) -> String {
    let mut url = Url::parse("http://localhost/").expect("a constant URL parses");
    url.query_pairs_mut().append_key_only(text);
    url.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{base64, form_encoded};

    #[test]
    fn base64_pads_every_length() {
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("é:ÿ>?", "w6k6w78+Pw==")];
        for (plain, encoded) in cases {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn client_credentials_are_form_encoded() {
        assert_eq!(form_encoded("plain-id_9"), "plain-id_9");
        assert_eq!(form_encoded("a:b&c %"), "a%3Ab%26c+%25");
    }
}
