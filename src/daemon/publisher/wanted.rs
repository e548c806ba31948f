//! Who should hold what, by the last pass that was about them: a quick pass knows of some users only, and updates the
//! figures of all of them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::model::{TargetEntry, UserId, UserIx};
use crate::pass::{Looked, PlannedPass};
use crate::report::TargetView;
use crate::text::clean;

/// Users by target, each as a number made of the id: these are as many as there are grants, and only counted.
#[derive(Debug, Default)]
pub(super) struct Wanted(BTreeMap<String, HashSet<u64>>);

impl Wanted {
    /// Takes over what a pass says of those whom it was about, and corrects `targets`, which are those of the last
    /// full pass. `overtaken`: users whom another pass was about since this one looked.
    pub(super) fn learn(&mut self, pass: &PlannedPass, overtaken: &BTreeSet<UserId>, targets: &mut [TargetView]) {
        let later: HashSet<u64> = overtaken.iter().map(number).collect();
        let looked: Option<HashSet<u64>> = match &pass.looked {
            Looked::AtAll => None,
            Looked::At { users, .. } => Some(users.iter().map(number).collect()),
        };
        let is_theirs =
            |user: &u64| looked.as_ref().is_none_or(|looked| looked.contains(user)) && !later.contains(user);
        let mut said = by_target(pass);
        if pass.looked == Looked::AtAll {
            // Targets that nobody knows any more.
            self.0.retain(|target, _| said.contains_key(target));
        }
        for target in targets {
            let Some(users) = said.remove(&target.key) else { continue };
            let known = self.0.entry(target.key.clone()).or_default();
            let before = if pass.looked == Looked::AtAll { users.len() } else { known.len() };
            known.retain(|user| !is_theirs(user));
            known.extend(users.into_iter().filter(is_theirs));
            target.desired = (target.desired + known.len() as u64).saturating_sub(before as u64);
        }
    }
}

fn by_target(pass: &PlannedPass) -> BTreeMap<String, HashSet<u64>> {
    let one = |(entry, users): (&TargetEntry, &Vec<UserIx>)| {
        let users = users.iter().map(|user| number(pass.user_index.id(*user))).collect();
        (clean(&entry.target.key()).into_owned(), users)
    };
    pass.catalog.targets.iter().zip(&pass.entitled).map(one).collect()
}

fn number(user: &UserId) -> u64 {
    let mut hasher = DefaultHasher::new();
    user.hash(&mut hasher);
    hasher.finish()
}
