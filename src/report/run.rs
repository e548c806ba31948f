//! What came of a plan: one line for each action that was started, and the figures.
//!
//! Plain data. `apply` fills it in; it decides nothing and knows neither Logto nor the store.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Change;
use crate::model::UserId;

/// What came of each action.
#[derive(Clone, Debug, Default)]
pub struct RunReport {
    /// One for each action that was started, in the order of the plan.
    pub lines: Vec<ActionResult>,
    /// Actions that were withheld.
    pub held: u64,
    /// Actions that were not started, since they had become obsolete.
    pub stopped: u64,
    /// What made them so.
    pub obsolete: Option<Obsolete>,
    /// Actions that were left to another pass, which ran meanwhile and was about the same users.
    pub overtaken: u64,
    /// Grants that were there and are ours now.
    pub adopted: u64,
    /// Grants that are ours no more, and that whoever holds them keeps.
    pub released: u64,
    /// Users whom Logto does not know any more.
    pub gone: BTreeSet<UserId>,
    /// From the start of the pass to its end.
    pub elapsed: Duration,
    /// HTTP calls to Logto in the pass.
    pub calls: u64,
}

/// What makes the rest of a plan obsolete while it is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Obsolete {
    /// The end was asked for.
    End,
    /// Somebody has frozen what is left of it.
    Frozen,
    /// The file holds something else.
    File,
    /// The store is not the file any more that lies at its path.
    Store,
    /// What came in meanwhile could not be looked at.
    News,
}

impl Obsolete {
    /// In words, after "not started".
    pub fn words(self) -> &'static str {
        match self {
            Self::End => "entitled was told to stop",
            Self::Frozen => "somebody has frozen it",
            Self::File => "the file has changed",
            Self::Store => "the store was moved away, deleted or replaced",
            Self::News => "what came in meanwhile could not be processed",
        }
    }
}

/// What came of one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionResult {
    /// The action, in words.
    pub change: Change,
    /// What came of it.
    pub came: ActionOutcome,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionOutcome {
    /// Done.
    Done,
    /// It was so already: somebody else did it meanwhile.
    AlreadySo,
    /// The user or the target is not there any more.
    Gone(&'static str),
    /// It failed; the next pass tries again.
    Failed(String),
}

/// The figures of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Changes made.
    pub done: u64,
    /// Found made.
    pub already_so: u64,
    /// Not made: failed, or the user or target is gone.
    pub failed: u64,
}

impl RunReport {
    /// Counts the lines.
    pub fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        for line in &self.lines {
            match line.came {
                ActionOutcome::Done => figures.done += 1,
                ActionOutcome::AlreadySo => figures.already_so += 1,
                ActionOutcome::Gone(_) | ActionOutcome::Failed(_) => figures.failed += 1,
            }
        }
        figures
    }

    /// Whether nothing happened that a person would want to read.
    pub fn is_quiet(&self) -> bool {
        self.lines.is_empty() && self.overtaken == 0 && self.adopted == 0 && self.released == 0 && self.stopped == 0
    }
}
