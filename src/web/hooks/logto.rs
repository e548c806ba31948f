//! Webhooks of Logto: who signed up, changed or is gone, and which targets changed.
//!
//! Facts, observed on 1.42: the header is the HMAC-SHA256 of the raw body in lower-case hex; there is one try
//! and no retry; nothing is sent when a role is given to a user or taken. So these only make things faster,
//! and full passes find the rest.

use axum::http::HeaderMap;
use serde::Deserialize;

use super::{Line, Outcome};
use crate::daemon::{Hint, LiveState};
use crate::http::USER_AGENT;
use crate::model::UserId;
use crate::secret::Secret;
use crate::source::webhook::is_hmac_hex;
use crate::text::json;
use crate::web::App;

/// The header that carries the signature.
const SIGNATURE: &str = "logto-signature-sha-256";

/// What a delivery says, as far as it is of use.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Delivery {
    event: String,
    user_agent: Option<String>,
    params: Params,
    data: Option<Data>,
    organization_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Params {
    id: Option<String>,
    user_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Data {
    id: Option<String>,
}

/// The key that deliveries are signed with: the file's, or the one that was stored when the webhook was set up.
pub(super) async fn key(open: &LiveState) -> Option<Secret> {
    if let Some(key) = &open.active.config.logto.signing_key {
        return Some(key.clone());
    }
    let stored = open.store.logto_hook().await;
    stored
        .inspect_err(|error| tracing::warn!(%error, "the key of Logto's webhooks"))
        .ok()
        .flatten()
        .map(|hook| hook.key)
}

/// Verifies a delivery and asks the loop to look at what it is about.
pub(super) fn take(
    app: &App,
    open: &LiveState,
    line: &Line,
    key: &Secret,
    headers: &HeaderMap,
    body: &[u8],
) -> Outcome {
    let sent = headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_hmac_hex(key, body, sent) {
        return line.refuse();
    }
    let Ok(delivery) = serde_json::from_slice::<Delivery>(&json::holdable(body)) else { return Outcome::Unreadable };
    // Nothing but its own signature tells a delivery from another, and the body has its time in it.
    match line.take(Some(sent)) {
        Outcome::Accepted => match hint(&delivery, |organization| open.manages(organization)) {
            Some(hint) => {
                app.trigger().trigger(hint);
                Outcome::Accepted
            }
            None => Outcome::Ignored,
        },
        Outcome::TooMany => {
            app.trigger().trigger(Hint::Targets);
            Outcome::TooMany
        }
        outcome => outcome,
    }
}

/// What a genuine delivery asks to be looked at, where no organization is managed. `None`: nothing.
///
/// # Errors
/// Where it is no JSON.
pub fn understood(body: &[u8]) -> Result<Option<Hint>, serde_json::Error> {
    serde_json::from_slice::<Delivery>(&json::holdable(body)).map(|delivery| hint(&delivery, |_| false))
}

/// What is to be looked at. `manages`: whether an organization is one of ours. What this program has done
/// itself is known to it.
fn hint(delivery: &Delivery, manages: impl Fn(&str) -> bool) -> Option<Hint> {
    if delivery.user_agent.as_deref() == Some(USER_AGENT) {
        return None;
    }
    let data = delivery.data.as_ref().and_then(|data| data.id.as_deref());
    let Params { id, user_id } = &delivery.params;
    match delivery.event.as_str() {
        "User.Created" | "User.Data.Updated" | "User.Deleted" => {
            user_id.as_deref().or(data).map(|user| Hint::User(UserId::from(user)))
        }
        "Organization.Membership.Updated" => {
            let organization = delivery.organization_id.as_deref().or(id.as_deref())?;
            manages(organization).then_some(Hint::Targets)
        }
        event if event.starts_with("Role.") || event.starts_with("Organization") => Some(Hint::Targets),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(text: &str) -> Option<Hint> {
        hint(&serde_json::from_str(text).unwrap(), |organization| organization == "acme")
    }

    #[test]
    fn what_each_event_is_about() {
        let user = |id: &str| Some(Hint::User(id.into()));
        assert_eq!(understood(r#"{"event":"User.Created","params":{},"data":{"id":"u1"}}"#), user("u1"));
        assert_eq!(
            understood(r#"{"event":"User.Data.Updated","params":{"userId":"u2"},"data":{"plan":"x"}}"#),
            user("u2")
        );
        assert_eq!(understood(r#"{"event":"User.Deleted","params":{"userId":"u3"}}"#), user("u3"));
        let members = r#"{"event":"Organization.Membership.Updated","organizationId":"ORG"}"#;
        assert_eq!(understood(&members.replace("ORG", "acme")), Some(Hint::Targets));
        assert_eq!(understood(&members.replace("ORG", "other")), None);
        assert_eq!(understood(r#"{"event":"Role.Deleted","params":{"id":"r1"}}"#), Some(Hint::Targets));
        assert_eq!(understood(r#"{"event":"User.SuspensionStatus.Updated","params":{"userId":"u"}}"#), None);
        assert_eq!(understood(r#"{"event":"PostSignIn"}"#), None);
        let own = format!(r#"{{"event":"Role.Created","userAgent":"{USER_AGENT}"}}"#);
        assert_eq!(understood(&own), None);
    }
}
