//! What can go wrong with Logto, and how to mend each of it.
//!
//! Never holds a secret, a token or a query: a query may carry email addresses.

use std::sync::Arc;
use std::time::Duration;

use crate::http::{self, BodyError};
use crate::model::{OrganizationId, UserId};

/// Where an application is given its role.
const GIVE_ROLE: &str = "Console > Machine-to-machine > your application > Roles: assign `Logto Management API access`";

/// Why Logto did not do what it was asked. Cheap to clone: one failure may stand for many users.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogtoError {
    /// A token came, but without the scope `all`: Logto answers so instead of refusing.
    #[error("the application `{app}` has no access to the Management API of Logto")]
    Scope {
        /// The application's id.
        app: String,
    },
    /// 403 `auth.forbidden` although the token was fetched with the right scope.
    #[error("Logto forbids `{method} {path}` to the application `{app}`")]
    Forbidden {
        /// The application's id.
        app: String,
        /// The HTTP method.
        method: String,
        /// The path, without its query.
        path: String,
    },
    /// 401 `invalid_client` from the token endpoint.
    #[error("Logto refuses the secret of the application `{app}`")]
    WrongSecret {
        /// The application's id.
        app: String,
    },
    /// A write was answered with a success that Logto does not give for it: something else answered in its
    /// place, and whether it was carried out is unknown.
    #[error("`{method} {path}` was answered {status}, where Logto answers {expected}")]
    Impostor {
        /// The HTTP method.
        method: String,
        /// The path, without its query.
        path: String,
        /// The HTTP status.
        status: u16,
        /// The one status that means done.
        expected: u16,
    },
    /// The secret has run out.
    #[error("the secret of the application `{app}` has expired")]
    ExpiredSecret {
        /// The application's id.
        app: String,
    },
    /// 400 `invalid_client` from the token endpoint.
    #[error("Logto knows no application `{app}`")]
    UnknownApplication {
        /// The application's id.
        app: String,
    },
    /// `invalid_target` from the token endpoint.
    #[error("Logto knows no API resource `{resource}`")]
    UnknownResource {
        /// The resource indicator that was sent.
        resource: String,
    },
    /// Any other refusal of a token.
    #[error("Logto issued no token: {status} `{code}` {message}")]
    NoToken {
        /// The HTTP status.
        status: u16,
        /// The stable name of the error, or nothing.
        code: String,
        /// What the server said.
        message: String,
    },
    /// The answer of the token endpoint holds no token. Its text is not shown: it might hold one after all.
    #[error("the token endpoint of Logto answered {status} with something other than a token")]
    TokenShape {
        /// The HTTP status.
        status: u16,
    },
    /// 401, and again 401 with a fresh token.
    #[error("Logto does not accept its own token: `{code}` for `{method} {path}`")]
    Unauthorized {
        /// The stable name of the error, or nothing.
        code: String,
        /// The HTTP method.
        method: String,
        /// The path, without its query.
        path: String,
    },
    /// A 4xx that the caller did not expect.
    #[error("Logto refuses `{method} {path}`: {status} `{code}` {message}")]
    Refused {
        /// The HTTP method.
        method: String,
        /// The path, without its query.
        path: String,
        /// The HTTP status.
        status: u16,
        /// The stable name of the error, or nothing.
        code: String,
        /// What the server said, in English.
        message: String,
    },
    /// A 404 without a JSON `code`, or a redirect: nothing of Logto answers there.
    #[error("no Logto API answers at `{path}` ({status})")]
    WrongPath {
        /// The path, without its query.
        path: String,
        /// The HTTP status.
        status: u16,
    },
    /// 5xx, on a read after several tries.
    #[error("Logto failed on `{method} {path}`: {status}")]
    Server {
        /// The HTTP method.
        method: String,
        /// The path, without its query.
        path: String,
        /// The HTTP status.
        status: u16,
        /// `Logto-Core-Request-Id`, to find it in Logto's log.
        request: String,
    },
    /// 429 over and over.
    #[error("Logto still rate limits `{method} {path}` after {tries} tries")]
    RateLimited {
        /// How often it was tried.
        tries: u32,
        /// The HTTP method.
        method: String,
        /// The path, without its query.
        path: String,
    },
    /// No connection, so nothing was sent.
    #[error("no connection to Logto at `{endpoint}`{}", http::through(.endpoint))]
    Connect {
        /// The origin.
        endpoint: String,
        /// What the network said.
        #[source]
        source: Arc<reqwest::Error>,
    },
    /// No answer in time. Whether a write took effect is unknown.
    #[error("no answer to `{method} {path}` within {}", humane(.within))]
    Timeout {
        /// The HTTP method.
        method: String,
        /// The path, without its query.
        path: String,
        /// `logto.timeout`.
        within: Duration,
    },
    /// The connection broke. Whether a write took effect is unknown.
    #[error("the connection to Logto broke during `{method} {path}`")]
    Dropped {
        /// The HTTP method.
        method: String,
        /// The path, without its query.
        path: String,
        /// What the network said.
        #[source]
        source: Arc<reqwest::Error>,
    },
    /// The answer was cut short or has no end.
    #[error("the answer to `{method} {path}` cannot be read")]
    Body {
        /// The HTTP method.
        method: String,
        /// The path, without its query.
        path: String,
        /// Why.
        #[source]
        source: Arc<BodyError>,
    },
    /// A 2xx whose JSON is not what Logto's is.
    #[error("the answer of Logto at `{path}` could not be understood")]
    Shape {
        /// The path, without its query.
        path: String,
        /// Where it differs.
        #[source]
        source: Arc<serde_json::Error>,
    },
    /// A list without `Total-Number`: whether it is whole cannot be told.
    #[error("the list at `{path}` does not say how long it is (no `Total-Number`)")]
    NoTotal {
        /// The path, without its query.
        path: String,
    },
    /// A search answered with more than was asked for: the server does not know that search.
    #[error("the server ignores the search by `{field}` at `{path}`")]
    SearchIgnored {
        /// The path, without its query.
        path: String,
        /// The field that was searched.
        field: String,
    },
    /// A list that must be whole was not, several times over.
    #[error("the list at `{path}` changes while it is read: {seen} of {total}")]
    Unsteady {
        /// The path, without its query.
        path: String,
        /// How many different entries were seen.
        seen: u64,
        /// How many there are.
        total: u64,
    },
    /// The role is for machine-to-machine applications.
    #[error("the role `{role}` cannot be given to users: it is for machine-to-machine applications")]
    MachineRole {
        /// The role's id.
        role: String,
    },
    /// An organization role needs the membership first.
    #[error("the user `{user}` is not a member of the organization `{organization}`")]
    NotMember {
        /// Who.
        user: UserId,
        /// Of what.
        organization: OrganizationId,
    },
}

impl LogtoError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Scope { .. } | Self::Forbidden { .. } => GIVE_ROLE.to_owned(),
            Self::WrongSecret { app } => format!(
                "check `logto.app_secret`: Console > Machine-to-machine > the application `{app}` > Settings > App secrets"
            ),
            Self::ExpiredSecret { app } => format!(
                "make a new secret and set `logto.app_secret`: Console > Machine-to-machine > the application `{app}` > Settings > App secrets"
            ),
            Self::UnknownApplication { .. } => {
                "check `logto.app_id`: it is the `App ID` of a machine-to-machine application of this tenant".to_owned()
            }
            Self::UnknownResource { .. } => "check `logto.resource`: self-hosted it is `https://default.logto.app/api`, \
                                             on Cloud `https://<tenant-id>.logto.app/api`, without a trailing slash"
                .to_owned(),
            Self::NoToken { code, .. } if code == "auth.exceed_token_limit" => {
                "the token quota of the Logto plan is used up: raise the plan, or wait for the next period".to_owned()
            }
            Self::Refused { code, .. } if code.starts_with("system_limit.") || code.starts_with("subscription.") => {
                "a limit of the Logto plan is reached: see Console > Tenant settings".to_owned()
            }
            Self::Unauthorized { .. } => {
                "check that `logto.endpoint` is exactly the address in Logto's own `ENDPOINT`, and that both clocks are right"
                    .to_owned()
            }
            Self::WrongPath { .. } | Self::TokenShape { .. } | Self::Shape { .. } | Self::NoTotal { .. } => {
                "check `logto.endpoint`: the origin of Logto's core service alone, such as `https://logto.example.com`"
                    .to_owned()
            }
            Self::Server { request, .. } if !request.is_empty() => {
                format!("look for the request `{request}` in the log of Logto")
            }
            Self::RateLimited { .. } => "lower `logto.rate`; Logto Cloud allows 200 calls in 10 s".to_owned(),
            Self::Connect { endpoint, source } => http::roots_hint(source)
                .or_else(|| http::proxy_hint(endpoint))
                .unwrap_or_else(|| format!("check that Logto runs and that `{endpoint}` can be reached from here")),
            Self::Timeout { .. } => "raise `logto.timeout`, or lower `logto.batch` or `logto.concurrency`".to_owned(),
            Self::Impostor { .. } => "look for a proxy in front of Logto that answers in its place".to_owned(),
            Self::SearchIgnored { .. } => "upgrade Logto: 1.42 is known to support it".to_owned(),
            Self::MachineRole { .. } => "choose a role of the type `User`".to_owned(),
            Self::Unsteady { .. } => "try again when nobody is editing it".to_owned(),
            Self::Dropped { .. } | Self::Body { .. } | Self::Server { .. } => {
                "usually temporary: the next pass asks again; if it persists, check Logto and whatever is in front of it"
                    .to_owned()
            }
            Self::NoToken { .. } | Self::Refused { .. } | Self::NotMember { .. } => return None,
        };
        Some(text)
    }

    /// Whether trying again later, with nothing changed on this side, may well succeed.
    pub fn is_transient(&self) -> bool {
        self.is_ambiguous()
            || matches!(
                self,
                Self::RateLimited { .. } | Self::Connect { .. } | Self::Unsteady { .. } | Self::NotMember { .. }
            )
    }

    /// Whether a write that ended so may have taken effect.
    pub(super) fn is_ambiguous(&self) -> bool {
        matches!(
            self,
            Self::Server { .. }
                | Self::Impostor { .. }
                | Self::Timeout { .. }
                | Self::Dropped { .. }
                | Self::Body { .. }
        )
    }
}

fn humane(duration: &Duration) -> String {
    format!("{duration:?}")
}
