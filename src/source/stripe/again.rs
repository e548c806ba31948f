//! The orders that events and broken objects are about, each read again as it is now.
//!
//! Takes no event's word for a state.

use super::events::{Affected, affected};
use super::list::{Broken, Walk};
use super::wire::{Dispute, Event, EventData, Invoice, InvoicePayment};
use super::{INVOICE_PAYMENTS, Stripe, caught};
use crate::config::settings::source::StripePart;
use crate::model::ReadOrder;
use crate::source::SourceError;

/// The object that an event is about which is not of the documented shape.
pub(super) fn told(broken: &Broken) -> Option<Affected> {
    let event = Event {
        id: broken.id.clone()?,
        created: 0,
        r#type: broken.raw.get("type")?.as_str()?.to_owned(),
        data: EventData { object: broken.raw.get("data")?.get("object")?.clone() },
    };
    affected(&event)
}

/// A dispute of which nobody knows how it stands.
pub(super) fn unreadable(broken: &Broken) -> Dispute {
    let id = broken.id.clone().unwrap_or_default();
    Dispute { id, created: 0, status: "that cannot be read".to_owned(), payment_intent: None }
}

/// The subscription that an invoice was made for.
pub(super) fn subscription_in(invoice: &Invoice) -> Option<String> {
    let details = invoice.parent.as_ref()?.subscription_details.as_ref()?;
    Some(details.subscription.as_ref()?.id().to_owned())
}

/// A subscription that cannot be read.
pub(super) fn broken_subscription(broken: Broken) -> Result<Option<ReadOrder>, SourceError> {
    match &broken.id {
        Some(id) => caught(id, Err(broken.error)).map(Some),
        None => Err(broken.error),
    }
}

impl Stripe {
    pub(super) async fn affected(&self, object: &Affected) -> Result<Option<ReadOrder>, SourceError> {
        match object {
            Affected::Session(id) if self.reads(StripePart::Checkout) => self.session(id).await,
            Affected::Subscription(id) if self.reads(StripePart::Subscriptions) => self.subscription(id).await,
            Affected::Session(_) | Affected::Subscription(_) => Ok(None),
            Affected::Intent(id) => self.paid_by(id).await,
            Affected::Payment(id) => match self.paid_by(id).await? {
                None if self.reads(StripePart::Subscriptions) => match self.subscription_of(id).await? {
                    Some(subscription) => self.subscription(&subscription).await,
                    None => Ok(None),
                },
                found => Ok(found),
            },
        }
    }

    /// The one-time order that this Payment Intent pays.
    async fn paid_by(&self, intent: &str) -> Result<Option<ReadOrder>, SourceError> {
        if self.reads(StripePart::Checkout)
            && let Some(order) = self.session_of(intent).await?
        {
            return Ok(Some(order));
        }
        if self.reads(StripePart::Payments) { self.intent(intent).await } else { Ok(None) }
    }

    /// The subscription whose invoice this Payment Intent pays.
    async fn subscription_of(&self, intent: &str) -> Result<Option<String>, SourceError> {
        let parameters = [("payment[type]", "payment_intent"), ("payment[payment_intent]", intent)];
        let mut walk = Walk::new(INVOICE_PAYMENTS, &parameters).with(&["invoice"]);
        let payments = walk.all::<InvoicePayment>(self).await?;
        Ok(payments.iter().find_map(|payment| subscription_in(payment.invoice.object()?)))
    }
}
