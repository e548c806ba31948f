//! `POST /oidc/token`, and what the Management API makes of a token.

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use serde_json::json;

use super::{APP_ID, APP_SECRET, NOSCOPE_ID, RESOURCE, refusal};
use crate::sandbox::exchange::{Answer, Call};
use crate::sandbox::token::{self, Claims, ClientAuth, Flaw, TokenCall};

/// The issuer of this server's tokens.
pub(in crate::sandbox) const ISSUER: &str = "sandbox-logto";

/// Gives a token to one of the two applications.
pub(super) fn endpoint(call: &Call, generation: u64, lifetime: u64) -> Answer {
    let asked = TokenCall::read(call);
    let (id, secret, basic) = match asked.client() {
        ClientAuth::Missing => {
            return refusal::oidc(400, "invalid_request", "no client authentication mechanism provided");
        }
        ClientAuth::Twice => {
            let why = "client authentication must only be provided using one mechanism";
            return refusal::oidc(400, "invalid_request", why);
        }
        ClientAuth::Basic { id, secret } => (id, secret, true),
        ClientAuth::Body { id, secret } => (id, secret, false),
    };
    if id != APP_ID && id != NOSCOPE_ID {
        return refusal::oidc(400, "invalid_client", &format!("invalid client {id}"));
    }
    if secret != APP_SECRET {
        let answer = refusal::oidc(401, "invalid_client", "client authentication failed");
        let challenge = r#"Basic realm="sandbox", error="invalid_client""#;
        return if basic { answer.with("www-authenticate", challenge) } else { answer };
    }
    match asked.field("grant_type") {
        Some("client_credentials") => {}
        Some(_) => return refusal::oidc(400, "unsupported_grant_type", "unsupported grant_type requested"),
        None => return refusal::oidc(400, "invalid_request", "missing required parameter 'grant_type'"),
    }
    if asked.field("resource") != Some(RESOURCE) {
        return refusal::oidc(400, "invalid_target", "resource indicator is missing, or unknown");
    }
    // A scope that the application lacks is left out, and is not an error.
    let wants_all = asked.field("scope").is_some_and(|scope| scope.split(' ').any(|one| one == "all"));
    let scope = (id == APP_ID && wants_all).then_some("all");
    let claims = Claims { issuer: ISSUER, client: &id, audience: RESOURCE, scope, lifetime, generation };
    let mut body = json!({ "access_token": token::mint(&claims), "expires_in": lifetime, "token_type": "Bearer" });
    if let Some(scope) = scope {
        body["scope"] = scope.into();
    }
    Answer::json(StatusCode::OK, &body).with("cache-control", "no-store")
}

/// Whether a call to the Management API may go on.
pub(super) fn admit(call: &Call, generation: u64) -> Result<(), Answer> {
    let header = call.header(AUTHORIZATION).ok_or_else(refusal::no_token)?;
    let token = header.strip_prefix("Bearer ").ok_or_else(refusal::wrong_scheme)?;
    let token =
        token::verify(token.trim(), |issuer| (issuer == ISSUER).then_some(generation)).map_err(|flaw| match flaw {
            Flaw::NotAToken => refusal::bad_token("ERR_JWS_INVALID", "JWSInvalid"),
            Flaw::BadSignature => {
                refusal::bad_token("ERR_JWS_SIGNATURE_VERIFICATION_FAILED", "JWSSignatureVerificationFailed")
            }
            Flaw::Expired => refusal::bad_token("ERR_JWT_EXPIRED", "JWTExpired"),
        })?;
    if token.scope.split(' ').any(|scope| scope == "all") { Ok(()) } else { Err(refusal::forbidden()) }
}
