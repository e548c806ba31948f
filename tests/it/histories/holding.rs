//! What people say besides the file: freezes, and what they let through.

use std::collections::{BTreeMap, BTreeSet};

use entitled::model::{Grant, Target, UserId};
use entitled::pass::PlannedPass;
use entitled::pass::approved::approve;
use entitled::planner::{Hold, Verb};
use entitled::report::HeldChange;
use entitled::store::{Approval, Freeze, FreezeScope};
use jiff::SignedDuration;
use proptest::sample::Index;

use super::catalogs::{THINGS, Thing};
use super::drive::Withheld;
use super::world::{Verdict, World};

/// What is frozen and let through, as the model has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    /// Each until when.
    frozen: Vec<(FreezeScope, i64)>,
    let_through: Vec<LetThrough>,
    /// Used up, and by the pass of which instant.
    used: Vec<(i64, Verb)>,
}

/// One action that somebody let through.
#[derive(Clone, Debug)]
struct LetThrough {
    verb: Verb,
    user: UserId,
    target: String,
    /// Out of which hold.
    hold: &'static str,
    until: i64,
    /// No pass has gone through since.
    fresh: bool,
}

/// The holds that are let through here.
const WORDS: [&str; 3] = ["OverLimit", "FreshLedger", "ClockDoubtful"];

/// One of them, by its word.
fn word(hold: Hold) -> Option<&'static str> {
    match hold {
        Hold::OverLimit(..) => Some("OverLimit"),
        Hold::FreshLedger => Some("FreshLedger"),
        Hold::ClockDoubtful(_) => Some("ClockDoubtful"),
        Hold::Foreign
        | Hold::Incomplete(_)
        | Hold::Frozen
        | Hold::Flapping
        | Hold::Stuck
        | Hold::Protected
        | Hold::Settling(..)
        | Hold::Unverified(_) => None,
    }
}

impl World {
    pub(super) async fn freeze(&mut self, scope: FreezeScope) {
        let until = self.now + SignedDuration::from_hours(48);
        let freeze = Freeze { scope, since: self.now, until, reason: "wait".to_owned(), who: "ann".to_owned() };
        self.store().freeze(&freeze).await.unwrap();
        self.said.frozen.push((scope, until.as_second()));
    }

    pub(super) async fn unfreeze(&mut self) {
        self.store().unfreeze("ann", self.now).await.unwrap();
        self.said.frozen.clear();
    }

    /// What must not be done now.
    pub(super) fn is_frozen(&self) -> Option<FreezeScope> {
        let now = self.at();
        self.said.frozen.iter().filter(|(_, until)| now < *until).map(|(scope, _)| *scope).max()
    }

    /// What the last plan said can be let through.
    pub(super) fn offer(&mut self, planned: &PlannedPass) {
        let mut offers: BTreeMap<String, Vec<(HeldChange, &'static str)>> = BTreeMap::new();
        // In words they stand in another order than in numbers.
        for said in &planned.view.held {
            if let (Some(digest), Some(word)) = (&said.set, WORDS.into_iter().find(|word| *word == said.hold)) {
                offers.entry(digest.clone()).or_default().push((said.clone(), word));
            }
        }
        self.offers = offers.into_values().collect();
    }

    /// What this plan takes back outside the limits.
    pub(super) fn note_undone(&mut self, planned: &PlannedPass) {
        let revoked = planned.plan.undone.iter().filter(|(verb, ..)| *verb == Verb::Revoke);
        let of = |grant: Grant| {
            Some((grant.user, THINGS.into_iter().find(|thing| self.target(*thing) == Some(grant.target.clone()))?))
        };
        self.undone = revoked.filter_map(|(_, target, user)| of(planned.grant(*target, *user))).collect();
    }

    /// Somebody lets through one of the sets of the last plan.
    pub(super) async fn approve(&mut self, set: &Index) {
        if self.offers.is_empty() {
            return;
        }
        let offer = self.offers[set.index(self.offers.len())].clone();
        let digest = offer[0].0.set.clone().unwrap();
        let expires = self.now + SignedDuration::from_hours(24);
        let approval = Approval { digest, who: "ann".to_owned(), created: self.now, expires, note: None, undoes: None };
        let changes: Vec<&HeldChange> = offer.iter().map(|(change, _)| change).collect();
        approve(self.store(), &approval, &changes).await.unwrap();
        self.said.let_through.extend(offer.iter().map(|(held, hold)| LetThrough {
            verb: if held.change.action == "grant" { Verb::Grant } else { Verb::Revoke },
            user: held.change.user.clone(),
            target: held.change.target_key.clone(),
            hold,
            until: expires.as_second(),
            fresh: true,
        }));
    }

    fn lifted(&self, verb: Verb, user: &UserId, thing: Thing) -> impl Iterator<Item = &LetThrough> {
        let target = self.target(thing).map(|target| target.key());
        let until = self.begun.as_second();
        self.said.let_through.iter().filter(move |one| {
            one.verb == verb && one.user == *user && Some(&one.target) == target.as_ref() && until < one.until
        })
    }

    /// Whether somebody has let it through although it is too much, or the ledger is fresh.
    pub(super) fn is_let_through(&self, verb: Verb, user: &UserId, thing: Thing) -> bool {
        self.lifted(verb, user, thing).any(|one| one.hold != "ClockDoubtful")
    }

    /// Whether somebody has let it through although the clock is off.
    pub(super) fn is_clock_let_through(&self, user: &UserId, thing: Thing) -> bool {
        self.lifted(Verb::Revoke, user, thing).any(|one| one.hold == "ClockDoubtful")
    }

    /// It is done, and what let it through is used up: once is once.
    pub(super) fn use_up(&mut self, verb: Verb, user: &UserId, thing: Thing) {
        let Some(target) = self.target(thing).map(|target| target.key()) else { return };
        let counts = self.is_let_through(verb, user, thing);
        self.said.let_through.retain(|one| one.verb != verb || one.user != *user || one.target != target);
        if counts {
            self.said.used.push((self.begun.as_second(), verb));
        }
    }

    /// How much of what this pass has done counts for no limit.
    pub(super) fn used_now(&self, verb: Verb) -> usize {
        self.said.used.iter().filter(|one| **one == (self.begun.as_second(), verb)).count()
    }

    /// What was let through since the last pass is not held for the same reason, whatever has become of the rest.
    pub(super) fn judge_approved(&self, withheld: &Withheld) -> Verdict {
        for ((user, thing), (verb, hold)) in &withheld.cells {
            let Some(word) = word(*hold) else { continue };
            let mut lifted = self.lifted(*verb, user, *thing).filter(|one| one.fresh && one.hold == word);
            // A role waits with its membership, for the reason of that.
            let waits = matches!(self.target(*thing), Some(Target::OrganizationRole { .. }))
                && withheld.cells.contains_key(&(user.clone(), Thing::Acme));
            if !waits && lifted.next().is_some() {
                return Err(format!("held although it was let through: {verb:?} {thing:?} of {user:?}, {hold:?}"));
            }
        }
        Ok(())
    }

    /// A pass has gone through.
    pub(super) fn has_heard(&mut self) {
        self.said.let_through.iter_mut().for_each(|one| one.fresh = false);
    }

    /// Nothing was done that somebody has stopped. `frozen`: when the pass began.
    pub(super) fn judge_frozen(
        frozen: Option<FreezeScope>,
        given: &BTreeSet<(UserId, Thing)>,
        taken: &[(UserId, Thing)],
    ) -> Verdict {
        let wrong = match frozen {
            None => return Ok(()),
            Some(FreezeScope::Revocations) => taken.first(),
            Some(FreezeScope::All) => taken.first().or(given.first()),
        };
        wrong.map_or(Ok(()), |one| Err(format!("done while it was frozen: {one:?}")))
    }
}
