//! How a daemon stands, in one word, and what of it people are told.

use serde::{Deserialize, Serialize};

/// In one word, from the best to the worst. `report::status` says when each applies; a freeze is told beside it.
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
}

impl State {
    /// Every state, best first.
    pub const ALL: [State; 4] = [State::InSync, State::Pending, State::Held, State::Degraded];

    /// The word in every output: `InSync`, `Pending`, `Held`, `Degraded`.
    pub fn word(self) -> &'static str {
        match self {
            State::InSync => "InSync",
            State::Pending => "Pending",
            State::Held => "Held",
            State::Degraded => "Degraded",
        }
    }
}

/// What somebody may want to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Occasion {
    /// It is in this state now.
    State(State),
    /// A freeze has begun or ended.
    Frozen,
}

impl Occasion {
    /// Every occasion.
    pub const ALL: [Occasion; 5] = [
        Occasion::State(State::InSync),
        Occasion::State(State::Pending),
        Occasion::State(State::Held),
        Occasion::State(State::Degraded),
        Occasion::Frozen,
    ];

    /// The word in the file: that of the state, or `Frozen`.
    pub fn word(self) -> &'static str {
        match self {
            Occasion::State(state) => state.word(),
            Occasion::Frozen => "Frozen",
        }
    }
}
