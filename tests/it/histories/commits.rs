//! What the model knows of the mappings in force, and of the grants that only a commit can have caused.

use std::collections::{BTreeMap, BTreeSet};

use entitled::model::{Target, UserId};
use entitled::planner::Verb;

use super::catalogs::{Shop, Thing};
use super::drive::Withheld;
use super::steps::Reach;
use super::truth::{Known, Order};
use super::world::{Verdict, World};

const DAY: i64 = 86_400;

#[derive(Clone, Debug, Default)]
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
    /// A commit said of all sources what was said of some: that may be new for all of them.
    Unclear,
}

impl World {
    fn mapping(&self, shop: Shop, product: usize, target: &Target) -> Mapping {
        let key = (shop, product, target.clone());
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
        let since = |shop, product| match self.mapping(shop, product, &target) {
            Mapping::New => Some(self.at()),
            Mapping::Since(at) => Some(at),
            Mapping::Settled | Mapping::Unclear => None,
        };
        let older = |order: &Order| {
            let mut gives =
                order.possible().filter(|said| self.rules.rule(order.shop, said.product).gives.contains(&thing));
            let seen = order.stored.entitled_by;
            gives.all(|said| seen.zip(since(order.shop, said.product)).is_some_and(|(seen, since)| seen < since))
        };
        behind.peek().is_some() && behind.all(|one| older(one.order) || self.accounts.is_rebound(one.order))
    }

    /// Whether an order is surely behind a grant that was made after the mapping was known.
    pub(super) fn is_a_sale(&self, user: &UserId, thing: Thing) -> bool {
        let Some(target) = self.known_target(thing) else { return false };
        // Where both shops number an order of theirs alike, the one may be taken for the other.
        let is_alone = |one: &&super::truth::Theirs<'_>| {
            !self.orders.iter().any(|other| other.shop != one.order.shop && other.id == one.order.id)
        };
        self.orders_of(user).iter().filter(|one| one.surely).filter(is_alone).any(|one| {
            let Known::Surely(Some(said)) = one.order.known() else { return false };
            one.order.surely_entitles(&self.rules, thing, self.at())
                && !self.accounts.may_be_rebound(one.order)
                && match self.mapping(one.order.shop, said.product, &target) {
                    Mapping::New | Mapping::Unclear => false,
                    Mapping::Since(at) => one.order.made >= at,
                    Mapping::Settled => true,
                }
        })
    }

    /// Of no mapping that is not settled can be told whether an order is older.
    pub(super) fn blur_commits(&mut self) {
        let open = self.commits.mappings.values_mut().filter(|mapping| matches!(mapping, Mapping::Since(_)));
        open.for_each(|mapping| *mapping = Mapping::Unclear);
    }

    /// A commit has entered that says of `products` of a shop, or of all shops, what may be new.
    pub(super) fn unsettle(&mut self, shop: Option<Shop>, products: &[usize], new: bool) {
        let touched = |of: Shop, product: usize| shop.is_none_or(|shop| shop == of) && products.contains(&product);
        if new {
            self.commits.mappings.retain(|(of, product, _), _| !touched(*of, *product));
            return;
        }
        let unclear: Vec<_> = self.mapped().filter(|(of, product, _)| touched(*of, *product)).collect();
        self.commits.mappings.extend(unclear.into_iter().map(|key| (key, Mapping::Unclear)));
    }

    /// Promise 4, of what a commit gives. `given`: what a pass gave that was not the ledger's before.
    pub(super) fn judge_commits(&mut self, given: &BTreeSet<(UserId, Thing)>) -> Verdict {
        if !self.commits.seasoned {
            return Ok(());
        }
        let caused: Vec<_> = given.iter().filter(|(user, thing)| self.is_a_commits(user, *thing)).collect();
        let lifted = |(user, thing): &&&(UserId, Thing)| self.is_let_through(Verb::Grant, user, *thing);
        // What somebody let through counts for later passes only.
        let free = caused.iter().filter(lifted).count();
        let now = self.at();
        self.commits.made.extend(caused.iter().map(|(user, thing)| (now, user.clone(), *thing)));
        let of_the_day = self.made_by_commits();
        if caused.len() > free && of_the_day > self.rules.config_floor + free + self.used_now(Verb::Grant) {
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
