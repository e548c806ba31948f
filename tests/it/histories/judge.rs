//! The promises that can be seen from outside, of what one pass did, and what the pass may have learned.

use std::collections::BTreeSet;

use entitled::model::{Prune, UserId};
use entitled::planner::{Hold, Intent, Verb};
use entitled::store;

use super::catalogs::{THINGS, Thing};
use super::drive::{Came, Withheld};
use super::truth::{Claim, Order, claim};
use super::world::{Held, Ours, Verdict, World};

impl World {
    fn may_be_entitled(&self, user: &UserId, thing: Thing) -> bool {
        let orders = self.orders_of(user);
        let chain = orders.len() as i64;
        orders.iter().any(|one| one.order.may_entitle(&self.rules, thing, self.at(), chain))
    }

    /// What was done by the pass that has [`begun`](World::begun), since `before` was held.
    pub(super) async fn judge(&mut self, before: &Held) -> Verdict {
        let after = self.held();
        let given: BTreeSet<_> = after.difference(before).cloned().collect();
        if let Some(one) = given.iter().find(|(user, thing)| !self.may_be_entitled(user, *thing)) {
            return Err(format!("granted and never paid for: {one:?}\n{:?}", self.orders));
        }
        let taken: Vec<_> = before.difference(&after).cloned().collect();
        Self::judge_frozen(self.frozen, &given, &taken)?;
        let not_ours = given.iter().filter(|one| !self.ours.contains_key(*one)).cloned().collect();
        self.judge_commits(&not_ours)?;
        for one @ (user, thing) in &given {
            self.use_up(Verb::Grant, user, *thing);
            self.maybe_seen.remove(one);
        }
        self.ours.extend(given.into_iter().map(|one| (one, Ours::Surely)));
        self.judge_losses(&taken).await
    }

    /// Whether it may be taken back outside the limits, since the clock was put back. By a clock that goes on that
    /// time is over at once: these files let safeguards settle without a delay.
    pub(super) fn may_be_undone(&self, one: &(UserId, Thing)) -> bool {
        self.was_put_back && self.undone.contains(one)
    }

    async fn judge_losses(&mut self, gone: &[(UserId, Thing)]) -> Verdict {
        let (now, rules) = (self.at(), self.rules);
        for one @ (user, thing) in gone {
            let thing = *thing;
            let exclusive = rules.prune == Prune::Exclusive && rules.sells(thing);
            let orders = self.orders_of(user);
            let wrong = |why: &str| Err(format!("{why}: {one:?} under {rules:?} at {now}\norders: {orders:?}"));
            let (lifted, by_clock) =
                (self.is_let_through(Verb::Revoke, user, thing), self.is_clock_let_through(user, thing));
            if self.bereft && !lifted {
                return wrong("taken by the first pass after the store was lost");
            }
            if self.foreign.contains(one) && !exclusive {
                return wrong("made by hand, and taken");
            }
            if self.is_protected(user) {
                return wrong("taken from a protected user");
            }
            if rules.prune == Prune::Never {
                return wrong("taken under `prune: never`");
            }
            if orders.iter().any(|one| one.surely && one.order.surely_entitles(&rules, thing, now)) {
                return wrong("taken although an order entitles");
            }
            if claim(&orders, &rules, thing, now).is_some_and(|claim| claim > Claim::Ended) {
                return wrong("taken although an order keeps it");
            }
            let truth = self.truth().as_second();
            if self.is_clock_off()
                && !by_clock
                && claim(&orders, &rules, thing, truth).is_some_and(|claim| claim > Claim::Ended)
            {
                return wrong("taken by a clock that is off");
            }
            let explains = |order: &Order| {
                let clock = if by_clock { Some(now) } else { self.believed() };
                order.may_explain_end(&rules, thing, clock) || self.may_have_moved(order, user)
            };
            if !exclusive && !self.once_of(user).any(explains) {
                return wrong("taken without a reason");
            }
            if !self.is_told(user, thing, exclusive).await {
                return wrong("taken without a line in the audit trail");
            }
        }
        let counted: Vec<_> = gone.iter().filter(|one| !self.may_be_undone(one)).collect();
        let (undone, targets): (usize, Vec<_>) =
            (gone.len() - counted.len(), counted.into_iter().map(|(_, thing)| (now, self.target(*thing))).collect());
        self.revoked.extend(targets);
        let of_the_day = self.revoked.iter().filter(|(at, _)| *at >= now - 86_400).count();
        let free = gone.iter().filter(|(user, thing)| self.is_let_through(Verb::Revoke, user, *thing)).count();
        gone.iter().for_each(|(user, thing)| self.use_up(Verb::Revoke, user, *thing));
        // What somebody let through counts for later passes only.
        if gone.len() > free + undone && of_the_day > rules.floor + self.used_now(Verb::Revoke) {
            return Err(format!(
                "{of_the_day} revocations in a day, and {} are allowed: {:?}",
                rules.floor, self.revoked
            ));
        }
        for one in gone {
            self.foreign.remove(one);
            self.seen.remove(one);
            self.ours.remove(one);
        }
        Ok(())
    }

    /// Whether the trail says of this pass that it took a grant, and why; or will, once somebody could look whether
    /// it is gone.
    async fn is_told(&self, user: &UserId, thing: Thing, exclusive: bool) -> bool {
        let history = self.store().history(user).await.unwrap();
        let target = self.target(thing);
        let open = self.store().intents().await.unwrap();
        let open = open.iter().any(|(grant, intent)| {
            matches!(intent, Intent::Revocation { .. }) && grant.user == *user && Some(&grant.target) == target.as_ref()
        });
        open || history.iter().any(|row| {
            row.verb == store::Verb::Revoked
                && row.grant.as_ref().map(|grant| &grant.target) == target.as_ref()
                && row.at == self.begun
                && row.note.as_ref().is_some_and(|note| !note.is_empty())
                && (exclusive || (row.order.is_some() && row.product.is_some()))
        })
    }

    /// What must not be held, whatever is wrong.
    pub(super) fn judge_holds(&self, withheld: &Withheld) -> Verdict {
        self.judge_approved(withheld)?;
        for ((user, thing), (verb, hold)) in
            withheld.cells.iter().filter(|((user, _), _)| !self.overtaken.contains(user))
        {
            if *verb == Verb::Grant && matches!(hold, Hold::OverLimit(..)) && self.is_a_sale(user, *thing) {
                let orders = self.orders_of(user);
                return Err(format!(
                    "a sale is held by the limit of commits: {thing:?} of {user:?} at {}\norders: {orders:?}\n{:?}",
                    self.at(),
                    self.commits
                ));
            }
        }
        Ok(())
    }

    /// Whom a pass may have found, and what it may have made ours.
    pub(super) fn learn(&mut self, clean: bool, came: &Came) {
        let now = self.at();
        self.accounts.look_for(&mut self.orders, clean, now);
        let held = self.held();
        let users: Vec<UserId> = self.accounts.users().cloned().collect();
        for user in users {
            for thing in THINGS {
                let one = (user.clone(), thing);
                // Clean, and it was held back: then nothing was written down.
                let waits = matches!(came, Came::Through(withheld) if clean && withheld.cells.contains_key(&one));
                if !self.may_be_entitled(&user, thing) || (waits && !held.contains(&one)) {
                    continue;
                }
                if self.stays_foreign(&one) {
                    continue;
                }
                if self.foreign.remove(&one) && !self.is_a_sale(&user, thing) {
                    // What a commit adopted its revert releases.
                    self.maybe_seen.insert(one.clone());
                }
                self.seen.remove(&one);
                let surely = claim(&self.orders_of(&user), &self.rules, thing, self.at()) == Some(Claim::Entitled)
                    && !self.maybe_seen.contains(&one);
                if clean && surely && self.known_target(thing).is_some() && held.contains(&one) {
                    self.ours.insert(one, Ours::Surely);
                } else {
                    self.ours.entry(one).or_insert(Ours::Perhaps);
                }
            }
        }
        if let Came::Through(_) = came {
            let there: Held = self.foreign.intersection(&held).cloned().collect();
            let looked_at: Vec<_> =
                there.iter().filter(|(_, thing)| clean && self.known_target(*thing).is_some()).cloned().collect();
            for one in looked_at {
                // Whoever sees it by a clock that is off knows the time to the minute.
                let about = if self.is_clock_off() { 120 } else { 0 };
                let at = self.truth().as_second() + about;
                self.seen.entry(one).or_insert(at);
            }
            self.maybe_seen.extend(there);
        }
    }

    /// Whether somebody gave it and a pass saw it before anything that may entitle to it was paid: no order takes
    /// it over.
    fn stays_foreign(&self, one @ (user, thing): &(UserId, Thing)) -> bool {
        let Some(seen) = self.seen.get(one).filter(|_| self.foreign.contains(one)) else { return false };
        let orders = self.orders_of(user);
        let chain = orders.len() as i64;
        let mut behind = orders.iter().filter(|one| one.order.may_entitle(&self.rules, *thing, self.at(), chain));
        behind.all(|one| *seen < one.order.paid_at)
    }
}
