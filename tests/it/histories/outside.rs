//! What happens outside between two passes, done to the simulators and told to the model.

use std::collections::BTreeSet;

use entitled::model::Target;
use entitled::pass::active::ActivateError;
use entitled::sandbox::Customer;
use jiff::SignedDuration;

use super::accounts::{Payer, address};
use super::catalogs::{PRODUCTS, Shop, Thing};
use super::steps::{By, Event};
use super::truth::{Order, Said, Stored};
use super::world::{Ours, Verdict, World};

impl World {
    pub(super) async fn happen(&mut self, event: &Event) -> Verdict {
        self.now += SignedDuration::from_secs(2);
        self.hint = None;
        match event {
            Event::Buy { shop, person, products, by, days_ago } => self.buy(*shop, *person, products, *by, *days_ago),
            Event::Turn { order, status } => self.turn(order, status),
            Event::TurnLast(status) => {
                if let Some(last) = self.orders.len().checked_sub(1) {
                    self.turn_at(last, status);
                }
            }
            Event::Exchange { order, product } => self.exchange(order, *product),
            Event::Readdress { order, to } => self.readdress(order, *to),
            Event::Odd { order, how } => self.make_odd(order, *how),
            Event::Vanish { order } => self.vanish(order),
            Event::Clock(seconds) => self.now += SignedDuration::from_secs(*seconds),
            Event::Jump(seconds) => self.jump(*seconds),
            Event::RightClock => self.jump(-self.astray),
            Event::Commit(file) => return self.commit(*file).await,
            Event::Bind { address, to } => return self.bind(*address, *to).await,
            Event::Source { shop, change } => return self.change_source(*shop, *change).await,
            Event::BadCommit => return self.commit_badly().await,
            Event::SignUp { person } => {
                if self.accounts.get(*person).is_none() {
                    self.accounts.open(*person, self.logto.add_user(&address(*person)));
                }
            }
            Event::DeleteUser { person } => {
                if let Some(user) = self.accounts.close(*person) {
                    self.logto.delete_user(&user);
                    self.foreign.retain(|(of, _)| *of != user);
                    self.seen.retain(|(of, _), _| *of != user);
                    self.ours.retain(|(of, _), _| *of != user);
                }
            }
            Event::DeleteThing(thing) => self.delete(*thing),
            Event::RestoreThing(thing) => self.restore(*thing),
            Event::Remake(thing) => {
                self.delete(*thing);
                self.restore(*thing);
            }
            Event::Give { person, thing } => self.give(*person, *thing),
            Event::Take { person, thing } => self.take(*person, *thing),
            Event::LoseStore => self.lose_store().await,
            Event::CopyStore => self.copy_store().await,
            Event::PutCopyBack => return self.put_copy_back().await,
            Event::Displace(deed, then) => return self.displace(*deed, *then).await,
            Event::Restart { broken } => return self.restart(*broken).await,
            Event::Freeze(scope) => self.freeze(*scope).await,
            Event::Unfreeze => self.unfreeze().await,
            Event::Approve { set, then } => {
                self.approve(set).await;
                return Box::pin(self.happen(then)).await;
            }
            Event::Nothing => {}
        }
        Ok(())
    }

    pub(super) fn buy(&mut self, shop: Shop, person: usize, products: &[usize], by: By, days_ago: i64) {
        let user = self.accounts.get(person).cloned();
        let address = match by {
            By::UpperEmail => address(person).to_uppercase(),
            By::Id | By::Email | By::Both => address(person),
        };
        let claimed = user.filter(|_| matches!(by, By::Id | By::Both));
        let email = (by != By::Id || claimed.is_none()).then_some(address);
        let paid_at = self.truth() - SignedDuration::from_hours(24 * days_ago);
        let id = match self.shop(shop) {
            Some(sim) => {
                let customer = Customer { user: claimed.clone(), email: email.clone() };
                sim.buy_at(&PRODUCTS[products[0]].into(), customer, paid_at)
            }
            None => format!("till-{}", self.orders.len()).into(),
        };
        let (paid_at, made) = (paid_at.as_second(), self.at());
        self.hint = Some((shop, id.clone()));
        for &product in products {
            self.orders.push(Order {
                shop,
                id: id.clone(),
                payer: Payer { claimed: claimed.clone(), email: email.clone() },
                paid_at,
                made,
                now: Some(Said { status: "paid", since: paid_at, product }),
                odd: None,
                stored: Stored::nothing(),
                left: Vec::new(),
                products: BTreeSet::from([product]),
                once: BTreeSet::new(),
            });
        }
    }

    async fn commit_badly(&self) -> Verdict {
        let good = self.yaml(&self.rules);
        let sold = |role: &str| format!("{good}  prd_bad:\n    entitlements: [{{role: {role}}}]\n");
        if super::world::check(&sold("admin")).is_ok() {
            return Err("a protected role was put up for sale".to_owned());
        }
        match self.enforce(&sold("nowhere")).await {
            Err(ActivateError::Names { .. }) => Ok(()),
            other => Err(format!("a role that is not there was put up for sale: {other:?}")),
        }
    }

    fn delete(&mut self, thing: Thing) {
        let gone = |of: Thing| of == thing || (thing == Thing::Acme && matches!(of, Thing::Member | Thing::Editor));
        match thing {
            Thing::Gold => self.logto.role("gold").iter().for_each(|role| self.logto.delete_role(role)),
            Thing::Beta => self.logto.role("beta").iter().for_each(|role| self.logto.delete_role(role)),
            Thing::Acme => self.logto.organization("acme").iter().for_each(|acme| self.logto.delete_organization(acme)),
            Thing::Member => {
                let role = self.logto.organization_role("member");
                role.iter().for_each(|role| self.logto.delete_organization_role(role));
            }
            Thing::Editor => return,
        }
        self.foreign.retain(|(_, of)| !gone(*of));
        self.seen.retain(|(_, of), _| !gone(*of));
        self.ours.retain(|(_, of), _| !gone(*of));
    }

    fn restore(&self, thing: Thing) {
        if self.target(thing).is_some() {
            return;
        }
        match thing {
            Thing::Gold => drop(self.logto.add_role("gold")),
            Thing::Beta => drop(self.logto.add_role("beta")),
            Thing::Acme => drop(self.logto.add_organization("acme")),
            Thing::Member if self.logto.organization_role("member").is_none() => {
                self.logto.add_organization_role("member");
            }
            Thing::Member | Thing::Editor => {}
        }
    }

    fn give(&mut self, person: usize, thing: Thing) {
        let Some(user) = self.accounts.get(person).cloned() else { return };
        let before = self.held();
        match self.target(thing) {
            Some(Target::Role { role }) => self.logto.grant(&user, &role),
            Some(Target::Membership { organization }) => self.logto.add_member(&organization, &user),
            Some(Target::OrganizationRole { organization, role }) => {
                self.logto.add_member(&organization, &user);
                self.logto.add_member_role(&organization, &user, &role);
            }
            None => {}
        }
        let given: Vec<_> = self.held().difference(&before).cloned().collect();
        for one in given {
            match self.ours.get(&one) {
                None => _ = self.foreign.insert(one),
                // Ours or theirs: a commit may come to make it ours, and then its revert releases it.
                Some(Ours::Perhaps) => _ = self.maybe_seen.insert(one),
                Some(Ours::Surely) => {}
            }
        }
    }

    fn take(&mut self, person: usize, thing: Thing) {
        let Some(user) = self.accounts.get(person).cloned() else { return };
        let before = self.held();
        match self.target(thing) {
            Some(Target::Role { role }) => self.logto.revoke(&user, &role),
            Some(Target::Membership { organization }) => self.logto.remove_member(&organization, &user),
            Some(Target::OrganizationRole { organization, role }) => {
                self.logto.remove_member_role(&organization, &user, &role);
            }
            None => {}
        }
        for taken in before.difference(&self.held()) {
            self.foreign.remove(taken);
            self.seen.remove(taken);
            // The ledger may not have noticed yet.
            self.ours.entry(taken.clone()).and_modify(|ours| *ours = Ours::Perhaps);
        }
    }
}
