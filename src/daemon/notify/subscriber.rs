//! What is news to one receiver.
//!
//! `Pending` comes and goes with every sale, so it counts as a state only to a receiver that asks for it; to
//! all others it is as if the state before went on. A process that starts in order says nothing.

use crate::model::State;
use crate::report::Notice;
use crate::report::status::{Duty, Status};

/// Remembers what one receiver knows.
#[derive(Clone, Debug)]
pub struct Subscriber {
    on: Vec<State>,
    /// The last state that counted. `None`: none has yet.
    last: Option<State>,
}

impl Subscriber {
    /// One who wants to hear of these states.
    pub fn new(on: &[State]) -> Self {
        Self { on: on.to_vec(), last: None }
    }

    /// What is to be told now, if anything. The same status asked about again is no news.
    pub fn transition(&mut self, status: &Status) -> Option<Notice> {
        let state = status.state;
        let counts = state != State::Pending || self.on.contains(&State::Pending);
        // One that stands by knows nothing of its own, and one that ends has nothing to say.
        if !counts || status.duty != Duty::Leader || self.last == Some(state) {
            return None;
        }
        let before = self.last.replace(state);
        let starts_well = before.is_none() && matches!(state, State::InSync | State::Pending);
        (self.on.contains(&state) && !starts_well).then(|| Notice::new(before, status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::status::Mode;
    use jiff::Timestamp;

    fn told(on: &[State], states: &[State]) -> Vec<(Option<State>, State)> {
        let mut subscriber = Subscriber::new(on);
        let mut status = Status::starting(Mode::Live, Timestamp::UNIX_EPOCH);
        status.duty = Duty::Leader;
        let mut transition = Vec::new();
        for state in states {
            status.state = *state;
            let notice = subscriber.transition(&status);
            transition.extend(notice.map(|notice| (notice.before, notice.state)));
        }
        transition
    }

    const MOST: [State; 4] = [State::InSync, State::Held, State::Degraded, State::Frozen];

    #[test]
    fn a_state_is_told_once_however_often_it_is_seen() {
        use State::{Degraded, Held, InSync, Pending};
        assert_eq!(told(&MOST, &[Pending, InSync, Pending, InSync, InSync]), []);
        assert_eq!(
            told(&MOST, &[Pending, InSync, Held, Held, Pending, Held, InSync]),
            [(Some(InSync), Held), (Some(Held), InSync)]
        );
        assert_eq!(told(&MOST, &[Degraded, Degraded]), [(None, Degraded)]);
    }

    #[test]
    fn who_asks_for_some_states_hears_of_each_time_they_come() {
        use State::{Degraded, Held, InSync, Pending};
        assert_eq!(
            told(&[Held], &[InSync, Held, InSync, Degraded, Held]),
            [(Some(InSync), Held), (Some(Degraded), Held)]
        );
        assert_eq!(told(&[Pending], &[Pending, InSync, Pending]), [(Some(InSync), Pending)]);
    }

    #[test]
    fn one_that_stands_by_says_nothing() {
        let mut status = Status::starting(Mode::Live, Timestamp::UNIX_EPOCH);
        (status.state, status.duty) = (State::Degraded, Duty::Standby { holder: "another".to_owned() });
        assert_eq!(Subscriber::new(&MOST).transition(&status), None);
    }
}
