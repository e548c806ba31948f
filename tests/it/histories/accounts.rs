//! Who has an account, and which of them an order belongs to. An address may have two accounts, which Logto
//! tells apart by the case of its letters and `entitled` does not.

use std::collections::{BTreeMap, BTreeSet};

use entitled::model::UserId;

use super::truth::{Known, Order, Theirs};
use super::world::World;
use super::{ACCOUNTS, PEOPLE, SIGNED_UP};

/// Whom an order belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Surely(UserId),
    /// One of these, or nobody yet.
    Perhaps(BTreeSet<UserId>),
    /// Nobody has the address, or two have, and nobody had it alone when a pass looked.
    Nobody,
}

/// Who paid, as the store tells buyers apart.
type Buyer = (Option<UserId>, Option<String>);

pub(super) struct Accounts {
    open: [Option<UserId>; ACCOUNTS],
    /// Whom a pass may have found a buyer to be, ever since the store is there.
    found: BTreeMap<Buyer, BTreeSet<UserId>>,
    /// Whom it has found them to be.
    surely: BTreeMap<Buyer, UserId>,
}

/// The address of an account: two for each person.
pub(super) fn address(account: usize) -> String {
    let person = account % PEOPLE;
    let domain = if person == SIGNED_UP - 1 { "staff.example.com" } else { "example.com" };
    let name = if account < PEOPLE { "person" } else { "Person" };
    format!("{name}-{person}@{domain}")
}

fn buyer(order: &Order) -> Buyer {
    (order.claimed.clone(), order.email.as_ref().map(|email| email.to_lowercase()))
}

impl Accounts {
    pub(super) fn new() -> Self {
        Self { open: [const { None }; ACCOUNTS], found: BTreeMap::new(), surely: BTreeMap::new() }
    }

    pub(super) fn open(&mut self, account: usize, user: UserId) {
        self.open[account] = Some(user);
    }

    pub(super) fn close(&mut self, account: usize) -> Option<UserId> {
        self.open[account].take()
    }

    pub(super) fn get(&self, account: usize) -> Option<&UserId> {
        self.open[account].as_ref()
    }

    pub(super) fn users(&self) -> impl Iterator<Item = &UserId> {
        self.open.iter().flatten()
    }

    pub(super) fn of_person(&self, person: usize) -> impl Iterator<Item = &UserId> {
        self.open.iter().skip(person).step_by(PEOPLE).flatten()
    }

    /// The store was lost, and whom it had found with it.
    pub(super) fn forget(&mut self) {
        self.found.clear();
        self.surely.clear();
    }

    fn is_open(&self, user: &UserId) -> bool {
        self.users().any(|open| open == user)
    }

    /// Whom the id or the address of an order names now.
    fn named(&self, order: &Order) -> Vec<&UserId> {
        if let Some(claimed) = order.claimed.as_ref().filter(|claimed| self.is_open(claimed)) {
            return vec![self.users().find(|user| *user == claimed).unwrap()];
        }
        let Some(email) = &order.email else { return Vec::new() };
        let accounts = self.open.iter().enumerate();
        let theirs = accounts.filter(|(account, _)| address(*account).eq_ignore_ascii_case(email));
        theirs.filter_map(|(_, user)| user.as_ref()).collect()
    }

    pub(super) fn owner(&self, order: &Order) -> Owner {
        let buyer = buyer(order);
        if let Some(user) = self.surely.get(&buyer).filter(|user| self.is_open(user)) {
            return Owner::Surely(user.clone());
        }
        let found = self.found.get(&buyer).into_iter().flatten().filter(|user| self.is_open(user));
        let mut perhaps: BTreeSet<UserId> = found.cloned().collect();
        if let [one] = self.named(order)[..] {
            perhaps.insert(one.clone());
        }
        if perhaps.is_empty() { Owner::Nobody } else { Owner::Perhaps(perhaps) }
    }

    /// Whether two accounts have the address of an order, and neither of them is known to have bought.
    pub(super) fn is_ambiguous(&self, order: &Order) -> bool {
        self.named(order).len() > 1 && self.owner(order) == Owner::Nobody
    }

    /// A pass has looked: whoever alone has an address may have been found, and has been if all was well.
    pub(super) fn look_for(&mut self, orders: &[Order], all_is_well: bool) {
        for order in orders {
            let [one] = self.named(order)[..] else { continue };
            let (one, buyer) = (one.clone(), buyer(order));
            let found = self.found.entry(buyer.clone()).or_default();
            found.insert(one.clone());
            // Whoever was found earlier and is gone is looked for anew only once a grant was tried.
            if all_is_well && found.len() == 1 && matches!(order.known(), Known::Surely(Some(_))) {
                self.surely.insert(buyer, one);
            }
        }
    }
}

impl World {
    /// The orders that are a user's, surely or perhaps.
    pub(super) fn orders_of(&self, user: &UserId) -> Vec<Theirs<'_>> {
        let theirs = |order| match self.accounts.owner(order) {
            Owner::Surely(owner) => (owner == *user).then_some(Theirs { order, surely: true }),
            Owner::Perhaps(owners) => owners.contains(user).then_some(Theirs { order, surely: false }),
            Owner::Nobody => None,
        };
        self.orders.iter().filter_map(theirs).collect()
    }
}
