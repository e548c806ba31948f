//! What an order comes to say: another standing, another product, another buyer.

use entitled::sandbox::Customer;
use jiff::{SignedDuration, Timestamp};
use proptest::sample::Index;

use super::accounts::{Payer, address};
use super::catalogs::{Shop, product_id};
use super::steps::{Oddity, To};
use super::truth::Said;
use super::world::World;

impl World {
    /// The shop's own clock says now with its next change.
    fn wind(&self, shop: Shop) {
        if let Some(sim) = self.shop(shop) {
            sim.remove(&sim.buy_at(&"nothing".into(), Customer::default(), self.truth()));
        }
    }

    pub(super) fn turn(&mut self, order: &Index, status: &'static str) {
        if self.orders.is_empty() {
            return;
        }
        self.turn_at(order.index(self.orders.len()), status);
    }

    pub(super) fn turn_at(&mut self, at: usize, status: &'static str) {
        self.wind(self.orders[at].shop);
        let now = self.truth().as_second();
        let order = &mut self.orders[at];
        let Some(before) = order.now.filter(|now| order.odd.unwrap_or(now.status) != status) else { return };
        if order.odd.is_some() {
            order.odd = Some(status);
        } else {
            order.stored.murky |= order.stored.seen.iter().flatten().any(|seen| seen.status == status);
            order.now = Some(Said { status, since: now, ..before });
        }
        let (shop, id) = (order.shop, order.id.clone());
        if let Some(sim) = self.shop(shop) {
            sim.set_status(&id, status);
        }
        self.hint = Some((shop, id));
    }

    pub(super) fn vanish(&mut self, order: &Index) {
        if self.orders.is_empty() {
            return;
        }
        let at = order.index(self.orders.len());
        if let Some(sim) = self.shop(self.orders[at].shop) {
            sim.remove(&self.orders[at].id);
            self.orders[at].now = None;
            self.hint = Some((self.orders[at].shop, self.orders[at].id.clone()));
        }
    }

    /// The shop says of an order what cannot be true, and is right again the next time.
    pub(super) fn make_odd(&mut self, order: &Index, how: Oddity) {
        if self.orders.is_empty() {
            return;
        }
        let at = order.index(self.orders.len());
        let (shop, id) = (self.orders[at].shop, self.orders[at].id.clone());
        self.wind(shop);
        let (now, truth) = (self.truth().as_second(), self.truth());
        let Some(sim) = self.shop(shop).cloned() else { return };
        let order = &mut self.orders[at];
        let Some(before) = order.now else { return };
        let paid_at = match order.odd.take() {
            Some(status) => {
                order.stored.murky |= status != "paid";
                order.now = Some(Said { status, since: if status == "paid" { order.paid_at } else { now }, ..before });
                Timestamp::from_second(order.paid_at).unwrap()
            }
            None => {
                order.odd = Some(before.status);
                order.now = Some(Said { status: "on_hold", since: now, ..before });
                match how {
                    Oddity::Epoch => Timestamp::UNIX_EPOCH,
                    Oddity::Ahead => truth + SignedDuration::from_hours(24 * 600),
                }
            }
        };
        sim.set_paid_at(&id, paid_at);
        self.hint = Some((shop, id));
    }

    /// An up- or downgrade, or of the till another thing on one line.
    pub(super) fn exchange(&mut self, order: &Index, product: usize) {
        if self.orders.is_empty() {
            return;
        }
        let at = order.index(self.orders.len());
        self.wind(self.orders[at].shop);
        let now = self.truth().as_second();
        let order = &mut self.orders[at];
        let Some(before) = order.now.filter(|now| now.product != product) else { return };
        // Since when it stands so is told of the product that it is for.
        order.stored.murky |= before.status != "paid";
        order.now = Some(Said { since: if before.status == "paid" { before.since } else { now }, product, ..before });
        order.products.insert(product);
        let (shop, id) = (order.shop, order.id.clone());
        if let Some(sim) = self.shop(shop) {
            sim.set_product(&id, &product_id(product).into());
        }
        self.hint = Some((shop, id));
    }

    /// Support corrects who has bought, the payer edits the address, or the shop forgets who it was.
    pub(super) fn readdress(&mut self, order: &Index, to: To) {
        if self.orders.is_empty() {
            return;
        }
        let at = order.index(self.orders.len());
        let (shop, id) = (self.orders[at].shop, self.orders[at].id.clone());
        self.wind(shop);
        let payer = match to {
            To::Nobody => Payer::default(),
            To::Unknown => Payer { claimed: None, email: Some("elsewhere@example.com".to_owned()) },
            To::Account(account) => Payer { claimed: None, email: Some(address(account)) },
            To::User(account) => {
                let Some(user) = self.accounts.get(account).cloned() else { return };
                Payer { claimed: Some(user), email: None }
            }
        };
        if self.orders[at].now.is_none() {
            return;
        }
        if let Some(sim) = self.shop(shop) {
            sim.set_buyer(&id, Customer { user: payer.claimed.clone(), email: payer.email.clone() });
        }
        let of_it = |order: &&mut super::truth::Order| order.shop == shop && order.id == id;
        self.orders.iter_mut().filter(of_it).for_each(|order| order.payer = payer.clone());
        self.hint = Some((shop, id));
    }
}
