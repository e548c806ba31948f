//! Why something failed in one turn of the loop. The next turn tries again.

use std::error::Error;

use jiff::Timestamp;

use super::StatusPublisher;
use crate::config::ConfigError;
use crate::logging::Panicked;
use crate::logto::Problem;
use crate::model::SourceName;
use crate::pass::PassError;
use crate::pass::active::ActivateError;
use crate::pass::ingest::IngestError;
use crate::report::run::{ActionOutcome, ActionResult};
use crate::report::status::{self, About};
use crate::store::StoreError;
use crate::text::{Color, clean};

/// See the module.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("the pass failed")]
    Pass(#[from] PassError),
    #[error("the poll failed")]
    Poll(#[from] IngestError),
    #[error("what is known of source `{name}` under its old name could not be carried over, so it is not read")]
    CarryOver {
        name: SourceName,
        #[source]
        source: StoreError,
    },
    #[error("nothing more is written to Logto")]
    Displaced(#[source] StoreError),
    /// Whatever was under way is begun anew.
    #[error("{fault}; {then}")]
    Program { fault: Panicked, about: About, then: &'static str },
    #[error("the file is not valid; the configuration in force stays")]
    File(#[from] ConfigError),
    #[error("the file is valid but cannot be used; the configuration in force stays")]
    Enter(#[from] ActivateError),
}

impl Trouble {
    fn hint(&self) -> Option<String> {
        match self {
            Trouble::Pass(error) => error.hint(),
            Trouble::Poll(error) => error.hint(),
            Trouble::CarryOver { source, .. } | Trouble::Displaced(source) => source.hint(),
            Trouble::File(error) => error.hint(),
            Trouble::Enter(error) => error.hint(),
            Trouble::Program { fault, .. } => Some(fault.hint()),
        }
    }

    /// What it is about.
    pub(super) fn about(&self) -> About {
        match self {
            Trouble::Pass(PassError::Logto(_)) => About::Logto,
            Trouble::Pass(PassError::Store(_)) | Trouble::Poll(IngestError::Store(_)) | Trouble::Displaced(_) => {
                About::Store
            }
            Trouble::Poll(IngestError::Source { name, .. }) => About::Source(name.as_str().into()),
            Trouble::CarryOver { name, .. } => About::Source(name.clone()),
            Trouble::File(_) | Trouble::Enter(_) => About::File,
            Trouble::Program { about, .. } => about.clone(),
        }
    }

    /// The problems of the file with their lines; nothing of any secret that stands in it.
    fn detail(&self) -> Option<String> {
        match self {
            Trouble::File(error) => Some(error.render(Color::Plain)),
            Trouble::Enter(_)
            | Trouble::Pass(_)
            | Trouble::Poll(_)
            | Trouble::CarryOver { .. }
            | Trouble::Displaced(_)
            | Trouble::Program { .. } => None,
        }
    }

    /// Says it in the log, in one line, and in the status.
    pub(super) fn tell(&self, publisher: &mut StatusPublisher, now: Timestamp) {
        let hint = self.hint().unwrap_or_default();
        tracing::error!(because = causes(self).join(": "), hint, "{self}");
        let trouble = self.status(now);
        publisher.metrics().failed(trouble.about.word());
        publisher.trouble(trouble);
    }

    /// As everything that reports says it.
    pub(super) fn status(&self, now: Timestamp) -> status::Trouble {
        status::Trouble { detail: self.detail(), ..trouble(self.about(), self, self.hint(), now) }
    }
}

/// A trouble from any error.
pub(crate) fn trouble(about: About, error: &dyn Error, hint: Option<String>, now: Timestamp) -> status::Trouble {
    let text = |text: &str| clean(text).into_owned();
    let because = causes(error).iter().map(|cause| text(cause)).collect();
    let hint = hint.as_deref().map(text);
    status::Trouble { about, message: text(&error.to_string()), because, hint, detail: None, since: now }
}

/// A name of the file that Logto does not know.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unresolved(String);

/// Some changes of a pass were refused.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

/// The trouble of a name that does not resolve: that of its own targets.
pub(crate) fn unresolved(problem: &Problem, now: Timestamp) -> status::Trouble {
    let about = About::Target(format!("line {}, column {}", problem.line, problem.column));
    trouble(about, &Unresolved(problem.message.clone()), problem.hint.clone(), now)
}

/// The trouble of changes that Logto refuses, so many, by the first of them; `None` where that is none.
pub(crate) fn refused(first: &ActionResult, number: u64, hint: &str, now: Timestamp) -> Option<status::Trouble> {
    let ActionOutcome::Failed(why) = &first.came else { return None };
    let among = if number > 1 { format!("{number} changes failed, among them the ") } else { String::new() };
    let why = format!("{among}{} of {} for {}: {why}", first.change.action, first.change.target, first.change.user);
    Some(trouble(About::Changes, &Refused(why), Some(hint.to_owned()), now))
}

/// The causes of an error, nearest first, without those that only repeat the one before.
fn causes(error: &dyn Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    causes.dedup();
    causes
}
