//! Tokens of both simulated servers: three base64url parts like a JWT, opaque to clients.
//!
//! They are signed with a key that anybody can read here, so they protect nothing; what they hold is
//! checked as the real server checks it. A token needs no memory and so survives a restart.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::clock;
use super::exchange::{Call, form_pairs};

/// Seconds that a token lives where no fault says otherwise.
pub(super) const LIFETIME: u64 = 3600;

/// What a new token says.
pub(super) struct Claims<'a> {
    pub(super) issuer: &'a str,
    pub(super) client: &'a str,
    pub(super) audience: &'a str,
    pub(super) scope: Option<&'a str>,
    /// Seconds.
    pub(super) lifetime: u64,
    /// See [`verify`].
    pub(super) generation: u64,
}

/// A token that was read and is in force.
pub(super) struct Token {
    pub(super) scope: String,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    NotAToken,
    BadSignature,
    Expired,
}

pub(super) fn mint(claims: &Claims<'_>) -> String {
    let now = clock::now_ms() / 1000;
    let header = json!({ "alg": "ES384", "typ": "at+jwt", "kid": "sandbox" });
    let mut body = json!({
        "jti": format!("{:016x}", fastrand::u64(..)),
        "sub": claims.client,
        "client_id": claims.client,
        "iat": now,
        "exp": now.saturating_add_unsigned(claims.lifetime),
        "iss": claims.issuer,
        "aud": claims.audience,
        "generation": claims.generation,
    });
    if let Some(scope) = claims.scope {
        body["scope"] = scope.into();
    }
    let text = format!("{}.{}", encode(header.to_string()), encode(body.to_string()));
    let signature = sign(&text);
    format!("{text}.{signature}")
}

/// `generations` gives the generation of an issuer whose tokens are taken here; an earlier one counts as
/// expired, an unknown issuer as badly signed.
pub(super) fn verify(token: &str, generations: impl Fn(&str) -> Option<u64>) -> Result<Token, Flaw> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, body, signature] = parts.as_slice() else { return Err(Flaw::NotAToken) };
    let claims = decode(header).and(decode(body)).ok_or(Flaw::NotAToken)?;
    if sign(&format!("{header}.{body}")) != *signature {
        return Err(Flaw::BadSignature);
    }
    let generation = generations(claims["iss"].as_str().unwrap_or_default()).ok_or(Flaw::BadSignature)?;
    let expires = claims["exp"].as_i64().unwrap_or_default();
    if expires <= clock::now_ms() / 1000 || claims["generation"].as_u64() != Some(generation) {
        return Err(Flaw::Expired);
    }
    Ok(Token { scope: claims["scope"].as_str().unwrap_or_default().to_owned() })
}

fn encode(text: String) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn sign(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("sandbox signing key\n{text}")))
}

/// A call to a token endpoint, from a form or from JSON.
pub(super) struct TokenCall {
    fields: Vec<(String, String)>,
    basic: Option<(String, String)>,
}

/// How a client says who it is.
pub(super) enum ClientAuth {
    Missing,
    /// Both ways at once.
    Twice,
    Basic {
        id: String,
        secret: String,
    },
    Body {
        id: String,
        secret: String,
    },
}

impl TokenCall {
    pub(super) fn read(call: &Call) -> Self {
        let fields = if call.is("application/json") {
            let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
            let text = |value: &Value| value.as_str().map(str::to_owned);
            body.as_object()
                .into_iter()
                .flatten()
                .filter_map(|(name, value)| Some((name.clone(), text(value)?)))
                .collect()
        } else {
            form_pairs(&String::from_utf8_lossy(&call.body))
        };
        Self { fields, basic: call.basic() }
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn client(&self) -> ClientAuth {
        match (&self.basic, self.field("client_id"), self.field("client_secret")) {
            (Some(_), _, Some(_)) => ClientAuth::Twice,
            (Some((id, secret)), _, None) => ClientAuth::Basic { id: id.clone(), secret: secret.clone() },
            (None, Some(id), secret) => {
                ClientAuth::Body { id: id.to_owned(), secret: secret.unwrap_or_default().to_owned() }
            }
            (None, None, _) => ClientAuth::Missing,
        }
    }
}
