//! The simulated shop: an order API in the documented shape of OpenBitum.
//!
//! What the documentation leaves open (paging, ordering, the shape of an order) is a guess, and one that
//! the fault knobs can vary.

mod api;
mod hooks;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use jiff::Timestamp;
use tokio::sync::Notify;

use super::exchange::{Answer, Call};
use super::faults::{Fault, Faults, is_write};
use super::log::{Log, Seen};
use super::logto::LogtoSim;
use super::serve::Side;
use crate::model::{OrderId, ProductId};
use state::{Product, Times};

pub use hooks::{HOOK_SECRET, signature as hook_signature};
pub use state::Customer;
pub(super) use state::Shelf;

/// A bearer token that the shop always takes.
pub const STATIC_TOKEN: &str = "sandbox-shop-token";
/// The client of the shop's own token endpoint.
pub const CLIENT_ID: &str = "sandbox-shop";
/// The secret of [`CLIENT_ID`].
pub const CLIENT_SECRET: &str = "sandbox-secret";

/// The issuer of this server's tokens.
const ISSUER: &str = "sandbox-shop";

/// The simulated shop, changed and asked directly rather than over HTTP. Cheap to clone; all clones are
/// the same shop.
#[derive(Clone, Debug)]
pub struct ShopSim(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shelf: Mutex<Shelf>,
    faults: Faults,
    log: Log,
    changed: Arc<Notify>,
    logto: LogtoSim,
    hooks: hooks::Hooks,
}

/// How often a shop was asked what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pages of the list of orders.
    pub lists: usize,
    /// Single orders, as the merchant sees them.
    pub reads: usize,
    /// Tokens.
    pub tokens: usize,
    /// Anything else.
    pub others: usize,
}

impl ShopSim {
    pub(super) fn new(shelf: Shelf, logto: LogtoSim, changed: Arc<Notify>) -> Self {
        Self(Arc::new(Inner {
            shelf: Mutex::new(shelf),
            faults: Faults::default(),
            log: Log::default(),
            changed,
            logto,
            hooks: hooks::Hooks::default(),
        }))
    }

    /// What goes wrong, to be set.
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Every request since the start, or since [`clear_requests`](Self::clear_requests).
    pub fn requests(&self) -> Vec<Seen> {
        self.0.log.all()
    }

    /// Those of [`requests`](Self::requests) that were meant to change something.
    pub fn writes(&self) -> Vec<Seen> {
        self.0.log.writes()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.0.log.clear();
    }

    /// The requests of [`requests`](Self::requests) by what they asked for.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for seen in self.requests() {
            let path = seen.path.split('?').next().unwrap_or_default();
            match path.strip_prefix("/api/merchant/orders") {
                Some("") => counts.lists += 1,
                Some(_) if seen.method == "GET" => counts.reads += 1,
                _ if path == "/oidc/token" => counts.tokens += 1,
                _ => counts.others += 1,
            }
        }
        counts
    }

    /// Every token given out by the shop so far is expired from now on; the static one stays.
    pub fn expire_tokens(&self) {
        self.change(|shelf| shelf.token_generation += 1);
    }

    /// Puts a product up for sale at 49.00 USDC.
    pub fn add_product(&self, id: &str, name: &str) -> ProductId {
        self.add_product_at(id, name, "49.00", "USDC")
    }

    /// Puts a product up for sale; the price is a decimal number.
    pub fn add_product_at(&self, id: &str, name: &str, price: &str, currency: &str) -> ProductId {
        let product =
            Product { id: id.into(), name: name.to_owned(), price: price.to_owned(), currency: currency.to_owned() };
        self.change(|shelf| shelf.add_product(product));
        id.into()
    }

    /// An order made and paid now. The product need not be for sale.
    pub fn buy(&self, product: &ProductId, buyer: impl Into<Customer>) -> OrderId {
        let now = self.shelf().stamp();
        let times = Times { created: now, paid: Some(now), updated: now };
        self.order(None, product, buyer.into(), "paid", times)
    }

    /// An order made, paid and last changed at a given time.
    pub fn buy_at(&self, product: &ProductId, buyer: impl Into<Customer>, paid_at: Timestamp) -> OrderId {
        let at = paid_at.as_millisecond();
        self.order(None, product, buyer.into(), "paid", Times { created: at, paid: Some(at), updated: at })
    }

    /// An order made now and not paid.
    pub fn start_checkout(&self, product: &ProductId, buyer: impl Into<Customer>) -> OrderId {
        let now = self.shelf().stamp();
        self.order(None, product, buyer.into(), "pending", Times { created: now, paid: None, updated: now })
    }

    /// So many paid orders of one product, one buyer each: `buyer-1@example.com` and on.
    pub fn buy_many(&self, product: &ProductId, count: usize) -> Vec<OrderId> {
        (1..=count).map(|number| self.buy(product, format!("buyer-{number}@example.com").as_str())).collect()
    }

    /// An order as a seed describes it.
    pub(super) fn add_seeded_order(&self, new: NewOrder) -> OrderId {
        let times = Times { created: new.created_ms, paid: new.paid_ms, updated: new.updated_ms };
        self.order(new.id, &new.product, new.buyer, &new.status, times)
    }

    fn order(&self, id: Option<OrderId>, product: &ProductId, buyer: Customer, status: &str, times: Times) -> OrderId {
        self.change(|shelf| {
            let id = id.unwrap_or_else(|| shelf.make_order_id());
            shelf.add_order(id.clone(), product, buyer, status, times);
            id
        })
    }

    /// Sets the status of an order, whatever the word, and moves its `updatedAt`. Unknown: nothing.
    pub fn set_status(&self, order: &OrderId, status: &str) {
        self.change(|shelf| shelf.set_status(order.as_str(), status));
    }

    /// Exchanges what an order is for, as an up- or downgrade does. Unknown: nothing.
    pub fn set_product(&self, order: &OrderId, product: &ProductId) {
        self.change(|shelf| shelf.edit(order.as_str(), |order| order.product = product.clone()));
    }

    /// Says that an order was paid then, whether that can be true or not. Unknown: nothing.
    pub fn set_paid_at(&self, order: &OrderId, paid_at: Timestamp) {
        let at = paid_at.as_millisecond();
        self.change(|shelf| shelf.edit(order.as_str(), |order| order.paid_at = Some(at)));
    }

    /// Changes whose an order is, as support does; nobody's where the shop forgets a customer. Unknown: nothing.
    pub fn set_buyer(&self, order: &OrderId, buyer: impl Into<Customer>) {
        let Customer { user, email } = buyer.into();
        self.change(|shelf| shelf.edit(order.as_str(), |order| (order.user, order.email) = (user, email)));
    }

    /// The status of an order; `None` where there is no such order.
    pub fn status(&self, order: &OrderId) -> Option<String> {
        self.shelf().order(order.as_str()).map(|order| order.status.clone())
    }

    /// Makes an order vanish from the list and by id. Unknown: nothing.
    pub fn remove(&self, order: &OrderId) {
        self.change(|shelf| shelf.remove_order(order.as_str()));
    }

    /// Every order, newest change first.
    pub fn orders(&self) -> Vec<OrderId> {
        self.shelf().latest().map(|order| order.id.clone()).collect()
    }

    pub(super) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Shelf) -> T) -> T {
        let result = change(&mut self.shelf());
        self.0.changed.notify_one();
        self.announce();
        result
    }

    /// Sends webhooks about orders to these URLs from now on, and to nobody else; see
    /// [`Knobs::drop_hooks`](super::Knobs::drop_hooks).
    pub fn send_hooks_to(&self, urls: Vec<String>) {
        self.0.hooks.tell(urls);
    }

    /// Tells of everything that has happened to orders since the last time.
    fn announce(&self) {
        let events = self.shelf().take_events();
        if !self.0.faults.knobs().drop_hooks {
            self.0.hooks.send(events);
        }
    }
}

/// An order as a seed describes it; times in milliseconds.
pub(super) struct NewOrder {
    /// Absent: made up.
    pub(super) id: Option<OrderId>,
    pub(super) product: ProductId,
    pub(super) buyer: Customer,
    pub(super) status: String,
    pub(super) created_ms: i64,
    pub(super) paid_ms: Option<i64>,
    pub(super) updated_ms: i64,
}

impl Side for ShopSim {
    fn answer(&self, call: &Call, fault: Option<Fault>) -> Answer {
        let knobs = self.0.faults.knobs();
        let logto_generation = self.0.logto.token_generation();
        let answer = api::answer(api::Scene { call, shelf: &mut self.shelf(), knobs: &knobs, fault, logto_generation });
        if is_write(call) {
            self.0.changed.notify_one();
            self.announce();
        }
        answer
    }

    fn sandbox(&self, call: &Call) -> Option<Answer> {
        let segments = call.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        match (call.method.as_str(), path.as_slice()) {
            ("GET", ["sandbox", "shop"]) => Some(api::inventory(&self.shelf())),
            ("POST", ["sandbox", "orders"]) => Some(self.change(|shelf| api::buy(shelf, &call.body))),
            ("POST", ["sandbox", "orders", id, what]) => self.change(|shelf| api::happen(shelf, id, what)),
            ("DELETE", ["sandbox", "orders", id]) => {
                self.change(|shelf| shelf.remove_order(id)).then(|| Answer::empty(StatusCode::NO_CONTENT))
            }
            ("POST", ["sandbox", "hooks"]) => Some(match serde_json::from_slice(&call.body) {
                Ok(urls) => {
                    self.send_hooks_to(urls);
                    Answer::empty(StatusCode::NO_CONTENT)
                }
                Err(error) => Answer::text(StatusCode::BAD_REQUEST, &error.to_string()),
            }),
            ("POST", ["sandbox", "expire-tokens"]) => {
                self.expire_tokens();
                Some(Answer::empty(StatusCode::NO_CONTENT))
            }
            _ => None,
        }
    }

    fn faults(&self) -> &Faults {
        &self.0.faults
    }

    fn log(&self) -> &Log {
        &self.0.log
    }

    fn request_id(&self) -> Option<(&'static str, String)> {
        None
    }
}
