//! Why a command failed, as the edge prints it: the chain of causes, then what to do.

use std::error::Error;
use std::fmt::Write as _;

use jiff::Timestamp;

use crate::daemon::trouble;
use crate::report::status::{About, Trouble};
use crate::store::StoreError;
use crate::text::{Color, clean};

/// An error with its mend.
#[derive(Debug)]
pub struct Failure {
    error: Box<dyn Error + Send + Sync>,
    hint: Option<String>,
    /// Already rendered for people: diagnostics of the configuration.
    body: Option<String>,
    outlook: Outlook,
    about: Option<About>,
}

/// A sentence of our own.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Plain(String);

/// Whether waiting may mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outlook {
    /// Somebody has to do something.
    Stays,
    /// A server does not answer; it may come back.
    MayPass,
}

impl Failure {
    /// Takes an error and what would mend it.
    pub fn new(error: impl Error + Send + Sync + 'static, hint: Option<String>) -> Self {
        Self { error: error.into(), hint, body: None, outlook: Outlook::Stays, about: None }
    }

    /// A plain sentence and what would mend it.
    pub fn plain(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..Self::new(Plain(message.into()), None) }
    }

    /// Prints `body` before the error.
    pub fn with_body(mut self, body: String) -> Self {
        self.body = Some(body);
        self
    }

    /// Says what it is that does not work.
    pub fn about(mut self, about: About) -> Self {
        self.about = Some(about);
        self
    }

    /// Whether this is what does not work.
    pub(in crate::cli) fn is_about(&self, about: &About) -> bool {
        self.about.as_ref() == Some(about)
    }

    /// Whether it is the store that does not work, be it for want of room for a copy of it.
    pub(in crate::cli) fn is_of_the_store(&self) -> bool {
        self.is_about(&About::Store) || self.error.is::<StoreError>()
    }

    /// As a status says it, where it is something that does not work.
    pub(in crate::cli) fn told(&self, now: Timestamp) -> Option<Trouble> {
        self.about.clone().map(|about| self.trouble(about, now))
    }

    /// Says that waiting may mend it.
    pub fn passing(mut self) -> Self {
        self.outlook = Outlook::MayPass;
        self
    }

    /// Whether waiting may mend it: a daemon then waits instead of giving up.
    pub fn may_pass(&self) -> bool {
        self.outlook == Outlook::MayPass
    }

    /// As the daemon says it of itself.
    pub(in crate::cli) fn trouble(&self, about: About, now: Timestamp) -> Trouble {
        trouble(about, self.error.as_ref(), self.hint.clone(), now)
    }

    /// `error: ...`, a line for each cause that says something new, and `hint: ...`: for stderr, and no wider than that
    /// where it is a terminal. The lines of a file in the body stay whole.
    pub fn render(&self, color: Color) -> String {
        let body = self.body.as_ref().filter(|body| !body.is_empty()).map(|body| super::problems(body) + "\n");
        let mut out = String::new();
        let _ = writeln!(out, "{}: {}", color.paint("1;31", "error"), clean(&self.error.to_string()));
        let mut told = self.error.to_string();
        let mut cause = self.error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !told.contains(&text) {
                let _ = writeln!(out, "  {}: {}", color.paint("31", "because"), clean(&text));
                told = text;
            }
            cause = error.source();
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(out, "{}: {}", color.paint("1;36", "hint"), clean(hint));
        }
        body.unwrap_or_default() + &super::wrapped(&out, &std::io::stderr())
    }
}

/// Errors that carry their own hint become failures by `?`.
macro_rules! hinted {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                let hint = error.hint();
                Self::new(error, hint)
            }
        }
    )*};
}

hinted! {
    crate::pass::active::ActivateError,
    crate::pass::ingest::IngestError,
    crate::logto::LogtoError,
    crate::sandbox::SandboxError,
    crate::store::StoreError,
    crate::store::lease::LeaseError,
}

impl From<crate::pass::PassError> for Failure {
    fn from(error: crate::pass::PassError) -> Self {
        let about = match &error {
            crate::pass::PassError::Logto(_) => About::Logto,
            crate::pass::PassError::Store(_) => About::Store,
        };
        let hint = error.hint();
        Self::new(error, hint).about(about)
    }
}

impl From<crate::pass::explain::WhyError> for Failure {
    fn from(error: crate::pass::explain::WhyError) -> Self {
        let hint = error.hint();
        match error {
            crate::pass::explain::WhyError::Pass(error) => error.into(),
            error => Self::new(error, hint),
        }
    }
}

impl From<crate::pass::ingest::Interrupted> for Failure {
    fn from(interrupted: crate::pass::ingest::Interrupted) -> Self {
        interrupted.error.into()
    }
}

macro_rules! plain {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error, None)
            }
        }
    )*};
}

plain! {
    crate::sandbox::SeedError,
    crate::source::recording::RecordingError,
    std::io::Error,
}
