//! What an answer says when it is not the one that was asked for: one status, one sentence, one mend.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Refused;
use crate::logging::Panicked;
use crate::pass::PassError;
use crate::pass::explain::WhyError;
use crate::store::StoreError;

/// Why something that was asked for did not come about.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// Whoever asks may not, or not now.
    #[error("{}", .0.told().2)]
    Refused(Refused),
    /// The daemon starts, stands by or ends.
    #[error("the daemon is not ready to answer")]
    Closed,
    /// What was sent cannot be used.
    #[error("{0}")]
    Wrong(String),
    /// There is no such thing.
    #[error("{0}")]
    Missing(String),
    /// No set with that digest is held now.
    #[error("no held set has the digest `{0}`")]
    NotHeld(String),
    /// A dry run writes nothing, an approval or a freeze no more than a grant.
    #[error("this is a dry run, which writes nothing")]
    DryRun,
    /// The simulators do not answer.
    #[error("the simulators do not answer")]
    Simulators(#[source] reqwest::Error),
    /// The store cannot be used.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// Nobody can be explained.
    #[error(transparent)]
    Why(#[from] WhyError),
    /// The program itself is at fault.
    #[error(transparent)]
    Program(#[from] Panicked),
    /// Logto or the store could not be asked.
    #[error(transparent)]
    Pass(#[from] PassError),
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl Fault {
    /// The status of its answer, and the word that programs go by.
    pub(super) fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Fault::Refused(refused) => {
                let (status, word, ..) = refused.told();
                (status, word)
            }
            Fault::Closed => (StatusCode::SERVICE_UNAVAILABLE, "not_open"),
            Fault::Wrong(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            Fault::Missing(_) | Fault::Why(WhyError::Nobody(_)) => (StatusCode::NOT_FOUND, "not_found"),
            Fault::NotHeld(_) => (StatusCode::NOT_FOUND, "not_held"),
            Fault::DryRun => (StatusCode::CONFLICT, "dry_run"),
            Fault::Why(WhyError::Several { .. }) => (StatusCode::CONFLICT, "several_users"),
            Fault::Simulators(_) | Fault::Why(WhyError::Pass(_)) | Fault::Pass(_) => {
                (StatusCode::BAD_GATEWAY, "cannot_ask")
            }
            Fault::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, "store"),
            Fault::Program(_) => (StatusCode::INTERNAL_SERVER_ERROR, "program"),
        }
    }

    /// The sentence with its causes, in one line.
    pub(super) fn message(&self) -> String {
        let mut said = vec![self.to_string()];
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            said.push(error.to_string());
            cause = error.source();
        }
        said.dedup();
        said.join(": ")
    }

    /// What would mend it.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Fault::Refused(refused) => Some(refused.told().3.to_owned()),
            Fault::Closed => Some("`/readyz` says why; ask again later".to_owned()),
            Fault::NotHeld(_) => Some(
                "a set that has changed has another digest: look at what is held now before it is let through"
                    .to_owned(),
            ),
            Fault::DryRun => Some("use the commands, or start `entitled run` without `--dry-run`".to_owned()),
            Fault::Simulators(_) => Some("restart `entitled run`: the simulators start with it".to_owned()),
            Fault::Store(error) => error.hint(),
            Fault::Why(error) => error.hint(),
            Fault::Pass(error) => error.hint(),
            Fault::Program(fault) => Some(fault.hint()),
            Fault::Wrong(_) | Fault::Missing(_) => None,
        }
    }
}

/// For programs: `{"error", "message", "hint"}`.
impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        if let Fault::Refused(refused) = self {
            return refused.into_response();
        }
        let (status, error) = self.kind();
        (status, Json(json!({ "error": error, "message": self.message(), "hint": self.hint() }))).into_response()
    }
}
