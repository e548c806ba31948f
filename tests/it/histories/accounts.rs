//! Who has an account, and which of them an order belongs to. An address may have two accounts, which Logto
//! tells apart by the case of its letters and `entitled` does not; a binding of the file may say whose it is.

use std::collections::{BTreeMap, BTreeSet};

use entitled::model::UserId;

use super::truth::{Known, Order, Said, Theirs};
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

/// Who paid, in the words of a shop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Payer {
    pub(super) claimed: Option<UserId>,
    pub(super) email: Option<String>,
}

impl Payer {
    /// The shop has forgotten who it was.
    pub(super) fn is_nobody(&self) -> bool {
        self.claimed.is_none() && self.email.is_none()
    }

    /// As the store tells buyers apart.
    pub(super) fn buyer(&self) -> Buyer {
        (self.claimed.clone(), self.email.as_ref().map(|email| email.to_lowercase()))
    }
}

/// What is known of buyers in a copy of the store.
pub(super) struct Kept {
    surely: BTreeMap<Buyer, UserId>,
    bindings: BTreeMap<String, UserId>,
}

type Buyer = (Option<UserId>, Option<String>);

pub(super) struct Accounts {
    open: [Option<UserId>; ACCOUNTS],
    /// Whom a pass may have found a buyer to be, ever since the store is there.
    found: BTreeMap<Buyer, BTreeSet<UserId>>,
    /// Whom it has found them to be.
    surely: BTreeMap<Buyer, UserId>,
    pub(super) bindings: Bindings,
}

/// What the file says of addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings {
    pub(super) now: BTreeMap<String, UserId>,
    /// Addresses of which a commit said something else; since when a pass has surely gone by that.
    changed: BTreeMap<String, Option<i64>>,
    /// Buyers who surely were somebody when a commit said that they are somebody else, and when.
    moved: BTreeMap<Buyer, i64>,
}

impl Bindings {
    /// Which came first, an order or a binding, cannot be told any more.
    pub(super) fn blur(&mut self) {
        self.moved.clear();
        self.changed.values_mut().for_each(|since| *since = since.and(Some(i64::MAX)));
    }
}

/// The address of an account: two for each person.
pub(super) fn address(account: usize) -> String {
    let person = account % PEOPLE;
    let domain = if person == SIGNED_UP - 1 { "staff.example.com" } else { "example.com" };
    let name = if account < PEOPLE { "person" } else { "Person" };
    format!("{name}-{person}@{domain}")
}

impl Accounts {
    pub(super) fn new() -> Self {
        Self {
            open: [const { None }; ACCOUNTS],
            found: BTreeMap::new(),
            surely: BTreeMap::new(),
            bindings: Bindings::default(),
        }
    }

    pub(super) fn open(&mut self, account: usize, user: UserId) {
        self.open[account] = Some(user);
    }

    pub(super) fn close(&mut self, account: usize) -> Option<UserId> {
        self.bindings.moved.clear();
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

    /// The user of an account, where the order's payer can be nobody else and never was.
    pub(super) fn alone(&self, account: usize, payer: &Payer) -> Option<UserId> {
        let user = self.get(account)?;
        let others = self.found.get(&payer.buyer()).into_iter().flatten().any(|found| found != user);
        (self.named(payer)[..] == [user] && !others).then(|| user.clone())
    }

    /// What the store knows of buyers.
    pub(super) fn keep(&self) -> Kept {
        Kept { surely: self.surely.clone(), bindings: self.bindings.now.clone() }
    }

    /// An older store is there again: of what has changed since, nobody can say what it knows.
    pub(super) fn put_back(&mut self, kept: Kept) {
        let surely = std::mem::take(&mut self.surely);
        self.surely = kept.surely.into_iter().filter(|(buyer, user)| surely.get(buyer) == Some(user)).collect();
        self.bindings.moved.clear();
        self.bindings.changed.values_mut().for_each(|since| *since = None);
        let now = &self.bindings.now;
        let other = |email: &&String| kept.bindings.get(*email) != now.get(*email);
        let other: Vec<String> = kept.bindings.keys().chain(now.keys()).filter(other).cloned().collect();
        self.bindings.changed.extend(other.into_iter().map(|email| (email, None)));
    }

    /// The store was lost, and whom it had found with it.
    pub(super) fn forget(&mut self) {
        self.found.clear();
        self.surely.clear();
        self.bindings.changed.clear();
        self.bindings.moved.clear();
    }

    pub(super) fn remembered(&self) -> BTreeMap<Buyer, UserId> {
        self.surely.clone()
    }

    pub(super) fn remember(&mut self, surely: BTreeMap<Buyer, UserId>) {
        self.surely = surely;
    }

    /// A commit says whose an address is, or does so no more.
    pub(super) fn bind(&mut self, email: &str, user: Option<UserId>, now: i64) {
        let email = email.to_lowercase();
        let of_it = |buyer: &Buyer| buyer.1.as_deref() == Some(email.as_str());
        let was: Vec<(Buyer, UserId)> =
            self.surely.iter().filter(|(buyer, _)| of_it(buyer)).map(|(one, of)| (one.clone(), of.clone())).collect();
        for (buyer, of) in was {
            let stays = buyer.0.as_ref() == Some(&of) && self.is_open(&of);
            if stays {
                continue;
            }
            self.surely.remove(&buyer);
            if user.as_ref().is_some_and(|user| *user != of)
                && self.is_open(&of)
                && !self.bindings.changed.contains_key(&email)
            {
                self.bindings.moved.insert(buyer, now);
            }
        }
        match user {
            Some(user) => _ = self.bindings.now.insert(email.clone(), user),
            None => _ = self.bindings.now.remove(&email),
        }
        self.bindings.changed.insert(email, None);
    }

    /// Whether an order may count as a commit's gift because that commit says who paid for it.
    pub(super) fn may_be_rebound(&self, order: &Order) -> bool {
        order.payers().filter_map(|payer| payer.email.as_ref()).any(|email| {
            match self.bindings.changed.get(&email.to_lowercase()) {
                None => false,
                Some(None) => true,
                Some(Some(at)) => order.made <= *at,
            }
        })
    }

    /// Whether a commit surely gave an order to another user than whose it was.
    pub(super) fn is_rebound(&self, order: &Order) -> bool {
        let mut payers = order.payers().peekable();
        payers.peek().is_some()
            && payers.all(|payer| {
                let at = self.bindings.moved.get(&payer.buyer());
                at.is_some_and(|at| order.stored.entitled_by.is_some_and(|seen| seen < *at))
            })
    }

    fn is_open(&self, user: &UserId) -> bool {
        self.users().any(|open| open == user)
    }

    /// Whom the id, the file or the address of a payer names now.
    fn named(&self, payer: &Payer) -> Vec<&UserId> {
        let open = |user: &UserId| self.users().find(|open| *open == user);
        if let Some(claimed) = payer.claimed.as_ref().and_then(open) {
            return vec![claimed];
        }
        let Some(email) = &payer.email else { return Vec::new() };
        if let Some(bound) = self.bindings.now.get(&email.to_lowercase()).and_then(open) {
            return vec![bound];
        }
        let accounts = self.open.iter().enumerate();
        let theirs = accounts.filter(|(account, _)| address(*account).eq_ignore_ascii_case(email));
        theirs.filter_map(|(_, user)| user.as_ref()).collect()
    }

    pub(super) fn owner(&self, payer: &Payer) -> Owner {
        let buyer = payer.buyer();
        if let Some(user) = self.surely.get(&buyer).filter(|user| self.is_open(user)) {
            return Owner::Surely(user.clone());
        }
        let found = self.found.get(&buyer).into_iter().flatten().filter(|user| self.is_open(user));
        let mut perhaps: BTreeSet<UserId> = found.cloned().collect();
        if let [one] = self.named(payer)[..] {
            perhaps.insert(one.clone());
        }
        if perhaps.is_empty() { Owner::Nobody } else { Owner::Perhaps(perhaps) }
    }

    /// Whether two accounts have the address of an order, and neither of them is known to have bought.
    pub(super) fn is_ambiguous(&self, order: &Order) -> bool {
        let mut payers = order.payers().peekable();
        order.once.is_empty()
            && payers.peek().is_some()
            && payers.all(|payer| self.named(payer).len() > 1 && self.owner(payer) == Owner::Nobody)
    }

    /// Whom an order may belong to, by what anybody calls its payer.
    pub(super) fn owners(&self, order: &Order) -> BTreeSet<UserId> {
        let of = |payer| match self.owner(payer) {
            Owner::Surely(user) => BTreeSet::from([user]),
            Owner::Perhaps(users) => users,
            Owner::Nobody => BTreeSet::new(),
        };
        order.payers().flat_map(of).collect()
    }

    /// Who alone it belongs to, where that is certain.
    fn sole_owner(&self, order: &Order) -> Option<UserId> {
        let mut owners = order.payers().map(|payer| match self.owner(payer) {
            Owner::Surely(user) => Some(user),
            Owner::Perhaps(_) | Owner::Nobody => None,
        });
        let first = owners.next()??;
        owners.all(|owner| owner.as_ref() == Some(&first)).then_some(first)
    }

    /// A pass has looked: whoever alone has an address may have been found, and has been if all was well.
    pub(super) fn look_for(&mut self, orders: &mut [Order], all_is_well: bool, now: i64) {
        for order in orders {
            let payers: Vec<Payer> = order.payers().cloned().collect();
            for payer in &payers {
                let [one] = self.named(payer)[..] else { continue };
                let (one, buyer) = (one.clone(), payer.buyer());
                let email = payer.email.as_ref().map(|email| email.to_lowercase());
                let bound = email.and_then(|email| self.bindings.now.get(&email)).is_some_and(|user| *user == one);
                let found = self.found.entry(buyer.clone()).or_default();
                found.insert(one.clone());
                // Whoever was found earlier and is gone is looked for anew only once a grant was tried.
                let only = found.len() == 1 || bound;
                // Who never paid is not looked for.
                let paid = |said: Said| !["pending", "expired"].contains(&said.status);
                let asked = matches!(order.known(), Known::Surely(Some(said)) if paid(said));
                if all_is_well && only && payers.len() == 1 && asked {
                    self.surely.entry(buyer).or_insert(one);
                }
            }
            let owners = self.owners(order);
            let before = order.once.iter().filter(|one| owners.iter().any(|owner| owner != *one));
            order.stored.passed_on.extend(before.cloned());
            order.once.extend(owners);
        }
        if all_is_well {
            self.bindings.changed.values_mut().for_each(|since| _ = since.get_or_insert(now));
        }
    }
}

impl World {
    /// The orders that are a user's, surely or perhaps. One that is nobody's may still be that of whoever got it last.
    pub(super) fn orders_of(&self, user: &UserId) -> Vec<Theirs<'_>> {
        let theirs = |order| match self.accounts.sole_owner(order) {
            Some(owner) => (owner == *user).then_some(Theirs { order, surely: true }),
            None => {
                let perhaps = self.accounts.owners(order).contains(user) || order.once.contains(user);
                perhaps.then_some(Theirs { order, surely: false })
            }
        };
        self.orders.iter().filter_map(theirs).collect()
    }

    /// All orders that ever may have been a user's.
    pub(super) fn once_of(&self, user: &UserId) -> impl Iterator<Item = &Order> {
        let owns = |order: &&Order| order.once.contains(user) || self.accounts.owners(order).contains(user);
        self.orders.iter().filter(owns)
    }

    /// Whether an order may be that of another user by now, who exists, or may have been when a pass looked.
    pub(super) fn may_have_moved(&self, order: &Order, from: &UserId) -> bool {
        order.stored.passed_on.contains(from) || self.accounts.owners(order).iter().any(|user| user != from)
    }
}
