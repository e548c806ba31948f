//! What does not work, and since when: as reported by the loop, and by the tasks that run beside it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::StatusPublisher;
use crate::report::status::{About, Trouble};

/// Where those say what does not work who run beside the loop: it is shown with the loop's own troubles from
/// the next turn on. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct HealthReporter(Arc<Mutex<BTreeMap<About, Trouble>>>);

impl HealthReporter {
    /// Something does not work. The same trouble as before keeps its beginning.
    pub fn trouble(&self, trouble: Trouble) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = troubles.get(&trouble.about).map_or(trouble.since, |known| known.since);
        troubles.insert(trouble.about.clone(), Trouble { since, ..trouble });
    }

    /// It works again.
    pub fn works(&self, about: &About) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(about);
    }

    /// Whether something is known not to work.
    pub fn knows(&self, about: &About) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(about)
    }

    pub(super) fn all(&self) -> Vec<Trouble> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

impl StatusPublisher {
    /// Something does not work. The same trouble as before keeps its beginning.
    pub fn trouble(&mut self, trouble: Trouble) {
        let troubles = &mut self.draft.troubles;
        match troubles.iter_mut().find(|known| known.about == trouble.about) {
            Some(known) => *known = Trouble { since: known.since, ..trouble },
            None => {
                let since = self.began.remove(&trouble.about).unwrap_or(trouble.since);
                troubles.push(Trouble { since, ..trouble });
            }
        }
        self.publish();
    }

    /// It works again.
    pub fn works(&mut self, about: &About) {
        self.began.remove(about);
        let before = self.draft.troubles.len();
        self.draft.troubles.retain(|trouble| trouble.about != *about);
        if self.draft.troubles.len() != before {
            self.publish();
        }
    }

    /// A full pass begins to say anew which targets cannot be read.
    pub(in crate::daemon) fn targets_work(&mut self) {
        let of_target = |trouble: &Trouble| matches!(trouble.about, About::Target(_));
        let told = self.draft.troubles.iter().filter(|trouble| of_target(trouble));
        self.began.extend(told.map(|trouble| (trouble.about.clone(), trouble.since)));
        self.draft.troubles.retain(|trouble| !of_target(trouble));
    }

    /// What did not work when the process before this one ended. What still does not keeps its beginning.
    pub fn recall(&mut self, troubles: &[Trouble]) {
        self.began.extend(troubles.iter().map(|trouble| (trouble.about.clone(), trouble.since)));
    }

    /// Whether the loop knows it not to work.
    pub fn knows(&self, about: &About) -> bool {
        self.draft.troubles.iter().any(|trouble| trouble.about == *about)
    }

    /// What the loop knows not to work.
    pub(in crate::daemon) fn troubles(&self) -> &[Trouble] {
        &self.draft.troubles
    }
}
