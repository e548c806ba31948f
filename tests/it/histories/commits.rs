//! What the model knows of the mappings in force, and of the grants that only a commit can have caused.

use std::collections::{BTreeMap, BTreeSet};

use entitled::model::{Target, UserId};

use super::catalogs::{Shop, Thing};
use super::drive::Withheld;
use super::steps::Reach;
use super::truth::Order;
use super::world::{Verdict, World};

const DAY: i64 = 86_400;

#[derive(Debug, Default)]
pub(super) struct Commits {
    mappings: BTreeMap<(Shop, usize, Target), Mapping>,
    made: Vec<(i64, UserId, Thing)>,
    /// Whether a whole pass has gone through since the store is there: the first one is not limited.
    seasoned: bool,
}

/// How long a shop's product has led to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mapping {
    /// No pass has gone through with it.
    New,
    /// Since this pass, and something on the target may still be held.
    Since(i64),
    /// Whatever the commit caused has been made.
    Settled,
}

impl World {
    fn mapping(&self, order: &Order, target: &Target) -> Mapping {
        let key = (order.shop, order.product, target.clone());
        self.commits.mappings.get(&key).copied().unwrap_or(Mapping::New)
    }

    /// Whether every order that can be behind a grant was paid for and known before the mapping was.
    fn is_a_commits(&self, user: &UserId, thing: Thing) -> bool {
        let Some(target) = self.known_target(thing) else { return false };
        let theirs = self.orders_of(user);
        let mut behind = theirs
            .iter()
            .filter(|one| one.order.may_entitle(&self.rules, thing, self.at(), theirs.len() as i64))
            .peekable();
        let older = |order: &Order| match (order.entitled_by, self.mapping(order, &target)) {
            (Some(seen), Mapping::New) => seen < self.at(),
            (Some(seen), Mapping::Since(at)) => seen < at,
            (None, _) | (_, Mapping::Settled) => false,
        };
        behind.peek().is_some() && behind.all(|one| older(one.order))
    }

    /// Whether an order is surely behind a grant that was made after the mapping was known.
    pub(super) fn is_a_sale(&self, user: &UserId, thing: Thing) -> bool {
        let Some(target) = self.known_target(thing) else { return false };
        self.orders_of(user).iter().filter(|one| one.surely).any(|one| {
            one.order.surely_entitles(&self.rules, thing, self.at())
                && match self.mapping(one.order, &target) {
                    Mapping::New => false,
                    Mapping::Since(at) => one.order.made >= at,
                    Mapping::Settled => true,
                }
        })
    }

    /// Promise 4, of what a commit gives. `given`: what a pass gave that was not the ledger's before.
    pub(super) fn judge_commits(&mut self, given: &BTreeSet<(UserId, Thing)>) -> Verdict {
        if !self.commits.seasoned {
            return Ok(());
        }
        let caused: Vec<_> = given.iter().filter(|(user, thing)| self.is_a_commits(user, *thing)).collect();
        let now = self.at();
        self.commits.made.extend(caused.iter().map(|(user, thing)| (now, user.clone(), *thing)));
        let of_the_day = self.made_by_commits();
        if !caused.is_empty() && of_the_day > self.rules.config_floor {
            return Err(format!(
                "{of_the_day} grants by commits in a day, and {} are allowed: {:?}",
                self.rules.config_floor, self.commits.made
            ));
        }
        Ok(())
    }

    /// How many grants of the last day surely were a commit's.
    pub(super) fn made_by_commits(&self) -> usize {
        let since = self.at() - DAY;
        let made = self.commits.made.iter().filter(|(at, ..)| *at >= since);
        made.map(|(_, user, thing)| (user, thing)).collect::<BTreeSet<_>>().len()
    }

    /// A pass has gone through: what was new to it is so no longer, and what was not held is settled.
    pub(super) fn note(&mut self, reach: Reach, withheld: &Withheld) {
        let whole = reach == Reach::Full && withheld.whole;
        let mappings = self.mapped().map(|key| {
            let before = match self.commits.mappings.get(&key).copied() {
                None | Some(Mapping::New) => Mapping::Since(self.at()),
                Some(known) => known,
            };
            let settled = whole && !withheld.targets.contains(&key.2);
            (key, if settled { Mapping::Settled } else { before })
        });
        self.commits.mappings = mappings.collect();
        self.commits.seasoned |= whole;
    }
}
