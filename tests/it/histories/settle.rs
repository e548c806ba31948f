//! The end of a history: nothing is wrong any more, and two passes later all is as the model says.

use std::collections::{BTreeMap, BTreeSet};

use entitled::model::{Prune, Target, UserId};
use entitled::pass::{PassScope, PlannedPass};
use entitled::planner::{Bound, Doubt, Gap, Hold, TRIES, Verb};
use jiff::SignedDuration;

use super::catalogs::{THINGS, Thing};
use super::steps::{Event, Reach, Step};
use super::truth::{Claim, Order, claim};
use super::world::{Ours, Verdict, World};

impl World {
    pub(super) async fn settle(&mut self) -> Verdict {
        self.jump(-self.astray);
        self.unfreeze().await;
        let step = Step::quiet(Event::Nothing, Reach::Full);
        for number in 1..=2 {
            self.now += SignedDuration::from_secs(2);
            self.pass(&step).await.map_err(|error| format!("pass {number} after the last step: {error}"))?;
        }
        self.now += SignedDuration::from_secs(2);
        let planned = self.plan_pass(&PassScope::Full, &BTreeSet::new()).await??;
        if !planned.plan.actions.is_empty() || !planned.plan.adopt.is_empty() || !planned.troubles.is_empty() {
            return Err(format!("two passes later the plan is not empty: {:#?}", planned.view.changes));
        }
        let mut withheld: BTreeMap<(UserId, Thing), Verb> = BTreeMap::new();
        let open = self.store().intents().await.unwrap();
        for held in &planned.plan.held {
            let grant = planned.grant(held.action.target, held.action.user);
            let thing = self.thing(&grant.target);
            self.right_hold(&grant.user, thing, held.action.verb, held.hold).map_err(|why| {
                format!(
                    "{why}: {:?} of {grant:?} ({thing:?}), {:?} under {:?} at {}\nrevoked: {:?}\nopen: {open:?}\n\
                     orders: {:#?}",
                    held.hold,
                    held.action.why,
                    self.rules,
                    self.at(),
                    self.revoked,
                    self.orders_of(&grant.user)
                )
            })?;
            if let Some(thing) = thing {
                withheld.insert((grant.user, thing), held.action.verb);
            }
        }
        self.nobody_is_guessed(&planned)?;
        self.compare(&withheld, |_| true)
    }

    /// Whoever paid under an address of two accounts is shown with the question which of them it is.
    fn nobody_is_guessed(&self, planned: &PlannedPass) -> Verdict {
        for order in self.orders.iter().filter(|order| self.accounts.is_ambiguous(order) && !order.payer.is_nobody()) {
            let address = order.payer.email.as_deref().unwrap_or_default().to_lowercase();
            let entitles = |thing: Thing| {
                order.surely_entitles(&self.rules, thing, self.at()) && self.known_target(thing).is_some()
            };
            let asked = |one: &entitled::report::Waiting| one.reason == "Ambiguous" && one.buyer.contains(&address);
            if THINGS.into_iter().any(entitles) && !planned.view.waiting.iter().any(asked) {
                return Err(format!("nobody asks whose this is: {order:?}\n{:?}", planned.view.waiting));
            }
        }
        Ok(())
    }

    /// Whether a hold is right, now that nothing is wrong.
    fn right_hold(&self, user: &UserId, thing: Option<Thing>, verb: Verb, hold: Hold) -> Verdict {
        let held = self.held();
        let vanished = self.once_of(user).any(|order| order.now.is_none());
        let unpaid = ["pending", "expired", "on_hold"];
        let never = self.once_of(user).any(|order| order.possible().any(|said| unpaid.contains(&said.status)));
        let right = match (hold, thing) {
            (Hold::Incomplete(Gap::Missing), None) => true,
            // The grant that it waits for is held, and that hold is looked at by itself.
            (Hold::Incomplete(Gap::Successor), _) => verb == Verb::Revoke,
            (Hold::Protected, _) => self.is_protected(user),
            (Hold::Incomplete(Gap::Source | Gap::Elsewhere), _) => !self.unread.is_empty(),
            (_, None) => false,
            (Hold::Foreign, Some(thing)) => {
                let stays = |role: &Thing| held.contains(&(user.clone(), *role));
                // Of a role that is gone nobody can say that it would not be lost: the planner stays.
                thing == Thing::Acme
                    && ([Thing::Member, Thing::Editor].iter().any(stays) || self.target(Thing::Member).is_none())
            }
            (Hold::OverLimit(bound, over), Some(thing)) => {
                let (spent, allowed) = match verb {
                    // Of a grant nobody but the ledger can say for sure that a commit caused it.
                    Verb::Grant if bound != Bound::Total => (over.spent, self.rules.config_floor),
                    Verb::Grant => (over.spent.max(self.made_by_commits() as u64), self.rules.config_floor),
                    Verb::Revoke | Verb::Adopt | Verb::Release => {
                        let since = self.at() - 86_400;
                        // Of a role that was made anew, what was taken of the one before does not count.
                        let target = self.target(thing);
                        let counts = |of: &Option<Target>| bound == Bound::Total || *of == target;
                        let spent = self.revoked.iter().filter(|(at, of)| *at >= since && counts(of)).count();
                        (spent as u64, self.rules.floor)
                    }
                };
                over.allowed == allowed as u64 && over.spent == spent && over.spent + over.wanted > over.allowed
            }
            // All clocks are right by now.
            (Hold::ClockDoubtful(_), _) => false,
            // No freeze is in force any more; what is taken away by hand again and again is left alone.
            (Hold::Frozen, _) => false,
            (Hold::Flapping, _) => verb == Verb::Grant,
            // It was tried in vain as often as that, and nobody has let it be tried again.
            (Hold::Stuck, _) => verb == Verb::Revoke && self.pretended >= TRIES,
            (Hold::Unverified(Doubt::OrderUnconfirmed), _) => vanished,
            (Hold::Unverified(Doubt::NoEvidence), _) => vanished || never,
            // Whoever is behind an odd order may be anybody; so may it be what entitles instead of a source that
            // the file has no more.
            (Hold::Incomplete(Gap::Odd), _) => {
                let dropped = |order: &Order| !order.left.is_empty() || self.rules.gone[order.shop as usize];
                (self.rules.prune == Prune::Exclusive || self.once_of(user).any(dropped))
                    && self.orders.iter().any(|order| order.odd.is_some() || order.now.is_none())
            }
            (Hold::Unverified(Doubt::NotAsked) | Hold::FreshLedger | Hold::Incomplete(_) | Hold::Settling(..), _) => {
                false
            }
        };
        if right { Ok(()) } else { Err("held without need".to_owned()) }
    }

    /// Whether nobody knows how an order stands that once gave this to them, whatever else it names by now.
    fn is_unclear(&self, user: &UserId, thing: Thing) -> bool {
        self.once_of(user).any(|order| order.has_given(thing) && order.may_be_unknown(&self.rules))
    }

    /// Whether these users hold what they should and nothing else.
    pub(super) fn compare(&self, withheld: &BTreeMap<(UserId, Thing), Verb>, of: impl Fn(&UserId) -> bool) -> Verdict {
        let held = self.held();
        let users: BTreeSet<&UserId> = self.accounts.users().chain(held.iter().map(|(user, _)| user)).collect();
        for user in users.into_iter().filter(|user| of(user)) {
            let orders = self.orders_of(user);
            for thing in THINGS {
                let one = (user.clone(), thing);
                let wrong = |why: &str| {
                    Err(format!("{why}: {one:?} under {:?} at {}\norders: {orders:?}", self.rules, self.at()))
                };
                if self.target(thing).is_none() {
                    continue;
                }
                if self.rules.sells(thing) && self.known_target(thing).is_none() {
                    if THINGS.iter().all(|other| !self.rules.sells(*other) || self.target(*other).is_some()) {
                        return wrong("the catalog has lost a target");
                    }
                    continue;
                }
                let Some(claim) = claim(&orders, &self.rules, thing, self.at()) else { continue };
                let (is, verb) = (held.contains(&one), withheld.get(&one));
                match claim {
                    Claim::Entitled if !is && verb != Some(&Verb::Grant) => return wrong("paid for and not held"),
                    Claim::Ended | Claim::Nothing if is && self.is_unclear(user, thing) => {}
                    Claim::Ended | Claim::Nothing if is && verb != Some(&Verb::Revoke) => {
                        let ours = self.ours.get(&one) == Some(&Ours::Surely);
                        match self.rules.prune {
                            Prune::Owned if ours && !self.is_protected(user) => {
                                return wrong("ours, over, and still held");
                            }
                            Prune::Exclusive if self.rules.sells(thing) && !self.is_protected(user) => {
                                return wrong("not paid for, and still held");
                            }
                            Prune::Never | Prune::Owned | Prune::Exclusive => {}
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
