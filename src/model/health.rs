//! How a daemon stands, in one word.

use serde::{Deserialize, Serialize};

/// In one word, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// Logto holds what was paid for.
    InSync,
    /// Changes are planned that are not made yet, or nothing was looked at so far.
    Pending,
    /// Some changes wait for a person.
    Held,
    /// Something does not work.
    Degraded,
    /// A person has stopped revocations or every write.
    Frozen,
}

impl State {
    /// Every state, best first.
    pub const ALL: [State; 5] = [State::InSync, State::Pending, State::Held, State::Degraded, State::Frozen];

    /// The word in every output: `InSync`, `Pending`, `Held`, `Degraded`, `Frozen`.
    pub fn word(self) -> &'static str {
        match self {
            State::InSync => "InSync",
            State::Pending => "Pending",
            State::Held => "Held",
            State::Degraded => "Degraded",
            State::Frozen => "Frozen",
        }
    }
}
