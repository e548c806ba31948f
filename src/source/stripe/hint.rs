//! The order that a hint is about, from whatever object its event names.
//!
//! A webhook carries the object that changed: a charge (`ch_...`), a refund (`re_...`), a dispute (`dp_...`), an
//! invoice (`in_...`). None of them is an order; each leads to one. Takes no webhook's word for a state.

use serde::de::DeserializeOwned;

use super::again::subscription_in;
use super::events::Affected;
use super::map::timely;
use super::wire::{Identified, Invoice, OfPayment, Ref, Session};
use super::{CHARGES, DISPUTES, INVOICES, REFUNDS, SESSIONS, Stripe, list};
use crate::config::settings::source::StripePart;
use crate::model::OrderId;
use crate::source::{Lookup, SourceError};

impl Stripe {
    /// Reads the order that this object is, or belongs to, as it is now. `Unsupported` for one whose id does not say
    /// what it is: the events tell.
    pub(in crate::source) async fn hinted(&self, id: &OrderId, now: jiff::Timestamp) -> Result<Lookup, SourceError> {
        let id = id.as_str();
        let kind = id.split_once('_').map_or("", |(kind, _)| kind);
        let object = match kind {
            "cs" => self.of_session(id).await?,
            "sub" => Some(Affected::Subscription(id.to_owned())),
            "pi" => Some(Affected::Payment(id.to_owned())),
            // Payments and refunds of other methods than cards begin with `py` and `pyr`; disputes of old with `dp`.
            "ch" | "py" => self.of_payment(CHARGES, id).await?,
            "re" | "pyr" => self.of_payment(REFUNDS, id).await?,
            "dp" | "du" => self.of_payment(DISPUTES, id).await?,
            "in" if self.reads(StripePart::Subscriptions) => {
                let invoice = self.readable::<Invoice>(INVOICES, id).await?;
                invoice.as_ref().and_then(subscription_in).map(Affected::Subscription)
            }
            "in" => None,
            _ => return Ok(Lookup::Unsupported),
        };
        let found = match object {
            Some(object) => self.affected(&object).await?,
            None => None,
        };
        Ok(found.map_or(Lookup::Missing, |order| Lookup::Found(timely(order, now))))
    }

    /// A session that made a subscription is no order; what it made is.
    async fn of_session(&self, id: &str) -> Result<Option<Affected>, SourceError> {
        let session = match self.one::<Session>(SESSIONS, id, &[]).await? {
            Some(Ok(session)) if session.mode == "subscription" => session,
            Some(_) => return Ok(Some(Affected::Session(id.to_owned()))),
            None => return Ok(None),
        };
        Ok(session.subscription.as_ref().map(Ref::id).map(str::to_owned).map(Affected::Subscription))
    }

    /// What pays, or paid, where this object says so.
    async fn of_payment(&self, path: &str, id: &str) -> Result<Option<Affected>, SourceError> {
        let object = self.readable::<OfPayment>(path, id).await?;
        let intent = object.as_ref().and_then(|object| object.payment_intent.as_ref()).map(Ref::id);
        Ok(intent.map(str::to_owned).map(Affected::Payment))
    }

    /// An object of which a part is enough; one that cannot be read leads nowhere.
    async fn readable<T: DeserializeOwned + Identified>(&self, path: &str, id: &str) -> Result<Option<T>, SourceError> {
        let found: Option<list::Row<T>> = self.one(path, id, &[]).await?;
        found.transpose().map_err(|broken| broken.error)
    }
}
