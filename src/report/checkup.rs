//! What `entitled doctor` found: a plain list of checks, each with its outcome and its mend.
//!
//! Plain data. `doctor` fills it in, `render` words it; it decides nothing and asks nobody.

use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it belongs to: `configuration`, `Logto`, `source shop`, ...
    pub section: String,
    /// What was looked at.
    pub name: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// As it should be.
    Ok {
        /// What was found.
        found: String,
    },
    /// Nothing is wrong, but somebody may wonder.
    Note {
        /// What was found.
        found: String,
        /// What to do about it, where anything can be done.
        #[serde(skip_serializing_if = "Option::is_none")]
        mend: Option<String>,
    },
    /// It does not work.
    Wrong {
        /// Why.
        cause: String,
        /// What would mend it, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        mend: Option<String>,
    },
    /// It could not be looked at, since something before it is wrong.
    NotTried {
        /// What is in the way.
        since: String,
    },
}

impl Check {
    /// It is as it should be.
    pub fn ok(section: &str, name: &str, found: impl Into<String>) -> Self {
        Self::new(section, name, Outcome::Ok { found: found.into() })
    }

    /// Worth knowing.
    pub fn note(section: &str, name: &str, found: impl Into<String>, mend: Option<String>) -> Self {
        Self::new(section, name, Outcome::Note { found: found.into(), mend })
    }

    /// It does not work.
    pub fn wrong(section: &str, name: &str, cause: impl Into<String>, mend: Option<String>) -> Self {
        Self::new(section, name, Outcome::Wrong { cause: cause.into(), mend })
    }

    /// It was not looked at.
    pub fn not_tried(section: &str, name: &str, since: impl Into<String>) -> Self {
        Self::new(section, name, Outcome::NotTried { since: since.into() })
    }

    fn new(section: &str, name: &str, outcome: Outcome) -> Self {
        Self { section: section.to_owned(), name: name.to_owned(), outcome }
    }

    /// Whether it does not work.
    pub fn is_wrong(&self) -> bool {
        matches!(self.outcome, Outcome::Wrong { .. })
    }
}
