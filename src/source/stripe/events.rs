//! Which objects an event tells to read again. Pure.
//!
//! An event is only a hint: it holds an object as it was, in the shape of another API version. What it is
//! now is asked for by id, so the same event twice, or two in the wrong order, change nothing.

use serde_json::Value;

use super::map::PRODUCT_ID;
use super::wire::Event;

/// The events that can move an order (<https://docs.stripe.com/api/events/types>). `types[]` takes at most
/// 20 (<https://docs.stripe.com/api/events/list>).
pub(super) const TYPES: [&str; 20] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "payment_intent.processing",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
];

/// An object to be read again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Affected {
    /// A Checkout Session.
    Session(String),
    /// A Payment Intent, which is an order itself or belongs to a Checkout Session.
    Intent(String),
    /// A Payment Intent whose money went back or is contested: it may belong to a subscription too.
    Payment(String),
    /// A subscription.
    Subscription(String),
}

/// What to read again; `None` where the event moves no order.
pub(super) fn affected(event: &Event) -> Option<Affected> {
    let object = &event.data.object;
    let id = |key: &str| reference(object.get(key)?);
    // The server's filter is a courtesy, and no promise.
    match TYPES.iter().find(|known| **known == event.r#type)?.split('.').next()? {
        "checkout" => match object.get("mode").and_then(Value::as_str) {
            Some("payment") => id("id").map(Affected::Session),
            // Its own event may have come before the session named it.
            Some("subscription") => id("subscription").map(Affected::Subscription),
            _ => None,
        },
        "payment_intent" => {
            let product = object.get("metadata").and_then(|metadata| metadata.get(PRODUCT_ID));
            product.and_then(Value::as_str).filter(|product| !product.trim().is_empty())?;
            id("id").map(Affected::Intent)
        }
        "customer" => id("id").map(Affected::Subscription),
        _ => id("payment_intent").map(Affected::Payment),
    }
}

/// An id, or that of an object that stands in its place.
fn reference(value: &Value) -> Option<String> {
    let id = value.as_str().or_else(|| value.get("id")?.as_str())?;
    (!id.is_empty()).then(|| id.to_owned())
}
