//! What is news to one receiver.
//!
//! `Pending` comes and goes with every sale, so it counts as a state only to a receiver that asks for it; to
//! all others it is as if the state before went on. A process that starts in order says nothing. A freeze is told when
//! it begins and when it ends, whatever the state.

use crate::model::{Occasion, State};
use crate::report::Notice;
use crate::report::status::{Duty, Status};

/// Remembers what one receiver knows.
#[derive(Clone, Debug)]
pub struct Subscriber {
    on: Vec<Occasion>,
    /// The last state that counted. `None`: none has yet.
    last: Option<State>,
    /// Whether it was frozen.
    frozen: bool,
}

impl Subscriber {
    /// One who wants to hear of these.
    pub fn new(on: &[Occasion]) -> Self {
        Self { on: on.to_vec(), last: None, frozen: false }
    }

    /// What is to be told now, if anything; of two things one, and the other when it is asked again. The same status
    /// asked about once more is no news.
    pub fn transition(&mut self, status: &Status) -> Option<Notice> {
        // One that stands by knows nothing of its own, and one that ends has nothing to say.
        if status.duty != Duty::Leader {
            return None;
        }
        let frozen = status.freeze.is_some();
        if std::mem::replace(&mut self.frozen, frozen) != frozen && self.on.contains(&Occasion::Frozen) {
            return Some(Notice::freeze(status));
        }
        let state = status.state;
        let counts = state != State::Pending || self.on.contains(&Occasion::State(State::Pending));
        if !counts || self.last == Some(state) {
            return None;
        }
        let before = self.last.replace(state);
        let starts_well = before.is_none() && matches!(state, State::InSync | State::Pending);
        (self.on.contains(&Occasion::State(state)) && !starts_well).then(|| Notice::new(before, status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::News;
    use crate::report::status::{Frozen, Mode};
    use jiff::Timestamp;

    fn status(state: State, frozen: bool) -> Status {
        let mut status = Status::starting(Mode::Live, Timestamp::UNIX_EPOCH);
        (status.state, status.duty) = (state, Duty::Leader);
        status.freeze = frozen.then(|| Frozen {
            scope: "all".to_owned(),
            reason: "we move".to_owned(),
            who: "ann".to_owned(),
            since: Timestamp::UNIX_EPOCH,
            until: Timestamp::MAX,
        });
        status
    }

    fn told(on: &[Occasion], states: &[State]) -> Vec<(Option<State>, State)> {
        let mut subscriber = Subscriber::new(on);
        let notices = states.iter().filter_map(|state| subscriber.transition(&status(*state, false)));
        notices.map(|notice| (notice.before, notice.state)).collect()
    }

    const MOST: [Occasion; 4] = [
        Occasion::State(State::InSync),
        Occasion::State(State::Held),
        Occasion::State(State::Degraded),
        Occasion::Frozen,
    ];

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
            told(&[Occasion::State(Held)], &[InSync, Held, InSync, Degraded, Held]),
            [(Some(InSync), Held), (Some(Degraded), Held)]
        );
        let pending = [Occasion::State(Pending)];
        assert_eq!(told(&pending, &[Pending, InSync, Pending]), [(Some(InSync), Pending)]);
    }

    #[test]
    fn a_freeze_is_told_when_it_begins_and_ends_and_hides_no_state() {
        use State::{Degraded, Held, InSync};
        let steps = [(InSync, false), (InSync, true), (Held, true), (Degraded, true), (Degraded, false)];
        let told = |on: &[Occasion]| {
            let mut subscriber = Subscriber::new(on);
            let notices = steps.iter().filter_map(|(state, frozen)| subscriber.transition(&status(*state, *frozen)));
            notices.map(|notice| (notice.event, notice.state, notice.freeze.is_some())).collect::<Vec<_>>()
        };
        let (begin, end) = ((News::Freeze, InSync, true), (News::Freeze, Degraded, false));
        assert_eq!(told(&[Occasion::Frozen]), [begin, end]);
        assert_eq!(told(&MOST), [begin, (News::State, Held, true), (News::State, Degraded, true), end]);
        assert_eq!(told(&[Occasion::State(Held)]), [(News::State, Held, true)]);
    }

    #[test]
    fn what_changes_at_the_same_time_is_told_one_by_one() {
        let mut subscriber = Subscriber::new(&MOST);
        let both = status(State::Held, true);
        let told = [(); 3].map(|()| subscriber.transition(&both).map(|notice| notice.event));
        assert_eq!(told, [Some(News::Freeze), Some(News::State), None]);
    }

    #[test]
    fn one_that_stands_by_says_nothing() {
        let mut status = status(State::Degraded, true);
        status.duty = Duty::Standby { holder: "another".to_owned() };
        assert_eq!(Subscriber::new(&MOST).transition(&status), None);
    }
}
