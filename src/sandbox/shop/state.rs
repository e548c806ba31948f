//! What a simulated shop holds: products, and orders newest change first.
//!
//! Knows nothing of HTTP.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::hooks::Event;
use crate::model::{OrderId, ProductId, UserId};
use crate::sandbox::clock;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::sandbox) struct Shelf {
    made: u64,
    last_updated: i64,
    pub(super) token_generation: u64,
    products: BTreeMap<ProductId, Product>,
    orders: BTreeMap<OrderId, Order>,
    #[serde(skip)]
    latest: BTreeSet<(Reverse<i64>, OrderId)>,
    /// What has happened and was not told yet.
    #[serde(skip)]
    events: Vec<Event>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Product {
    pub(super) id: ProductId,
    pub(super) name: String,
    /// A decimal number.
    pub(super) price: String,
    pub(super) currency: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) id: OrderId,
    pub(super) product: ProductId,
    pub(super) user: Option<UserId>,
    pub(super) email: Option<String>,
    pub(super) status: String,
    pub(super) amount: String,
    pub(super) currency: String,
    pub(super) created_at: i64,
    pub(super) paid_at: Option<i64>,
    pub(super) updated_at: i64,
}

/// When an order was made, paid and last changed: milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) created: i64,
    pub(super) paid: Option<i64>,
    pub(super) updated: i64,
}

/// Who buys, in the words of the checkout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customer {
    /// The Logto user id, where the buyer was signed in.
    pub user: Option<UserId>,
    /// The email as typed.
    pub email: Option<String>,
}

impl From<&UserId> for Customer {
    fn from(user: &UserId) -> Self {
        Self { user: Some(user.clone()), email: None }
    }
}

impl From<&str> for Customer {
    fn from(email: &str) -> Self {
        Self { user: None, email: Some(email.to_owned()) }
    }
}

impl From<(&UserId, &str)> for Customer {
    fn from((user, email): (&UserId, &str)) -> Self {
        Self { user: Some(user.clone()), email: Some(email.to_owned()) }
    }
}

impl Shelf {
    /// Builds again what is not saved.
    pub(in crate::sandbox) fn reindex(&mut self) {
        self.latest = self.orders.values().map(Order::key).collect();
    }

    pub(super) fn products(&self) -> impl Iterator<Item = &Product> {
        self.products.values()
    }

    pub(super) fn product(&self, id: &str) -> Option<&Product> {
        self.products.get(id)
    }

    pub(super) fn add_product(&mut self, product: Product) {
        self.products.insert(product.id.clone(), product);
    }

    pub(super) fn order(&self, id: &str) -> Option<&Order> {
        self.orders.get(id)
    }

    pub(super) fn order_count(&self) -> usize {
        self.orders.len()
    }

    /// Newest change first.
    pub(super) fn latest(&self) -> impl Iterator<Item = &Order> {
        self.latest.iter().filter_map(|(_, id)| self.orders.get(id))
    }

    /// Now, and later than any change before, so that the order of changes is never in doubt.
    pub(super) fn stamp(&mut self) -> i64 {
        self.last_updated = clock::now_ms().max(self.last_updated + 1);
        self.last_updated
    }

    /// An id that the same shop makes in the same order.
    pub(super) fn make_order_id(&mut self) -> OrderId {
        self.made += 1;
        let hash = Sha256::digest(format!("sandbox order {}", self.made));
        let letters =
            hash.iter().take(18).map(|byte| char::from(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[*byte as usize % 32]));
        format!("ord_{}", letters.collect::<String>()).into()
    }

    pub(super) fn add_order(&mut self, id: OrderId, product: &ProductId, buyer: Customer, status: &str, times: Times) {
        let (amount, currency) = match self.products.get(product) {
            Some(product) => (product.price.clone(), product.currency.clone()),
            None => ("0.00".to_owned(), "USDC".to_owned()),
        };
        let order = Order {
            id: id.clone(),
            product: product.clone(),
            user: buyer.user,
            email: buyer.email,
            status: status.to_owned(),
            amount,
            currency,
            created_at: times.created,
            paid_at: times.paid,
            updated_at: times.updated,
        };
        self.last_updated = self.last_updated.max(times.updated);
        self.latest.insert(order.key());
        self.events.push(order.event("order.created"));
        if status == "paid" {
            self.events.push(order.event("order.paid"));
        }
        self.orders.insert(id, order);
    }

    /// Sets the status, and the time of payment with the first `paid`. False where there is no such order.
    pub(super) fn set_status(&mut self, id: &str, status: &str) -> bool {
        let now = self.stamp();
        let Some(order) = self.orders.get_mut(id) else { return false };
        self.latest.remove(&order.key());
        order.status = status.to_owned();
        order.updated_at = now;
        if status == "paid" && order.paid_at.is_none() {
            order.paid_at = Some(now);
        }
        self.latest.insert(order.key());
        let told = ["paid", "expired"].contains(&status).then(|| order.event(&format!("order.{status}")));
        self.events.extend(told);
        true
    }

    /// Changes what an order is for, or whose it is, and moves its `updatedAt`. There is no event for either.
    pub(super) fn edit(&mut self, id: &str, edit: impl FnOnce(&mut Order)) {
        let now = self.stamp();
        let Some(order) = self.orders.get_mut(id) else { return };
        self.latest.remove(&order.key());
        edit(order);
        order.updated_at = now;
        self.latest.insert(order.key());
    }

    /// What has happened since the last time. There is no event for a refund.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Makes an order vanish, as no payment API should. False where there is no such order.
    pub(super) fn remove_order(&mut self, id: &str) -> bool {
        let Some(order) = self.orders.remove(id) else { return false };
        self.latest.remove(&order.key())
    }
}

impl Order {
    fn key(&self) -> (Reverse<i64>, OrderId) {
        (Reverse(self.updated_at), self.id.clone())
    }

    /// An order as the merchant sees it.
    pub(super) fn row(&self) -> Value {
        let mut user = json!({});
        if let Some(id) = &self.user {
            user["id"] = id.as_str().into();
        }
        if let Some(email) = &self.email {
            user["email"] = email.as_str().into();
        }
        let mut row = self.public_row();
        row["user"] = user;
        row
    }

    /// What a webhook tells of it.
    fn event(&self, name: &str) -> Event {
        let row = self.row();
        let body = json!({
            "event": name, "orderId": self.id, "productId": self.product, "user": row["user"], "paidAt": row["paidAt"],
            "amount": self.amount, "currency": self.currency, "txHash": row["txHash"],
        });
        Event { body }
    }

    /// An order as anybody sees it who knows its id.
    pub(super) fn public_row(&self) -> Value {
        let hash = self.paid_at.map(|_| {
            let hash = Sha256::digest(self.id.as_str());
            hash.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
        });
        json!({
            "id": self.id, "productId": self.product, "status": self.status, "amount": self.amount,
            "currency": self.currency, "txHash": hash, "createdAt": clock::rfc3339(self.created_at),
            "paidAt": self.paid_at.map(clock::rfc3339), "updatedAt": clock::rfc3339(self.updated_at),
        })
    }
}

impl Product {
    pub(super) fn row(&self) -> Value {
        json!({ "id": self.id, "name": self.name, "price": self.price, "currency": self.currency })
    }
}
