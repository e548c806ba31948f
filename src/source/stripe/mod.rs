//! Stripe: Checkout Sessions, Payment Intents and subscriptions as orders, with the events feed as the
//! increment.
//!
//! Asks with `GET` only, of one fixed API version, and never takes a webhook's or an event's word for a
//! state. Which objects are orders, and what they say, is decided in [`map`]; when what is read, in [`read`].

mod again;
mod events;
mod hint;
mod list;
mod map;
mod read;
mod wire;

use jiff::Timestamp;
use reqwest::{StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::list::{Broken, Walk};
use self::map::{Paid, Rules};
use self::read::Recent;
use self::wire::{Dispute, Intent, Invoice, InvoicePayment, LineItem, Ref, Session, Subscription, SubscriptionItem};
use super::client::response::Reply;
use super::client::{Caller, call, segment};
use super::odd::odd;
use super::{Lookup, SourceError};
use crate::config::settings::source::{Auth, StripeMode, StripePart, StripeSource};
use crate::model::{OddPart, Oddity, OrderId, ReadOrder};

pub(super) use read::Reading;

/// The version whose shapes are read, whatever the account's own is (<https://docs.stripe.com/api/versioning>).
pub const VERSION: &str = "2026-10-28.endive";

/// Where the objects are (<https://docs.stripe.com/api/checkout/sessions/list>).
const SESSIONS: &str = "/v1/checkout/sessions";
/// <https://docs.stripe.com/api/payment_intents/list>
const INTENTS: &str = "/v1/payment_intents";
/// <https://docs.stripe.com/api/subscriptions/list>
const SUBSCRIPTIONS: &str = "/v1/subscriptions";
/// <https://docs.stripe.com/api/subscription_items/list>
const SUBSCRIPTION_ITEMS: &str = "/v1/subscription_items";
/// <https://docs.stripe.com/api/invoice-payment/list>
const INVOICE_PAYMENTS: &str = "/v1/invoice_payments";
/// <https://docs.stripe.com/api/refunds/list>
const REFUNDS: &str = "/v1/refunds";
/// <https://docs.stripe.com/api/disputes/list>
const DISPUTES: &str = "/v1/disputes";
/// <https://docs.stripe.com/api/charges/retrieve>
const CHARGES: &str = "/v1/charges";
/// <https://docs.stripe.com/api/invoices/retrieve>
const INVOICES: &str = "/v1/invoices";
/// <https://docs.stripe.com/api/events/list>
const EVENTS: &str = "/v1/events";

/// What is asked for with an object (<https://docs.stripe.com/api/expanding_objects>: at most four levels,
/// of which a list's own `data` is one).
const WITH_SESSION: [&str; 3] = ["line_items", "customer", "payment_intent.latest_charge.refunds"];
const WITH_INTENT: [&str; 2] = ["customer", "latest_charge.refunds"];
const WITH_SUBSCRIPTION: [&str; 2] = ["customer", "latest_invoice.payments"];

/// One Stripe account, with its one key and its one pace.
#[derive(Debug)]
pub(super) struct Stripe {
    settings: StripeSource,
    caller: Caller,
    rules: Rules,
    recent: Recent,
}

impl Stripe {
    /// Checks the settings; asks nobody.
    pub(super) fn new(settings: &StripeSource) -> Result<Self, SourceError> {
        let mut headers = vec![("Stripe-Version".to_owned(), VERSION.to_owned())];
        headers.extend(settings.account.clone().map(|account| ("Stripe-Account".to_owned(), account)));
        let auth = Auth::Bearer(settings.key.clone());
        Ok(Self {
            caller: Caller::new(&settings.base_url, &auth, &headers, settings.timeout, Some(settings.rate))?
                .at_most(settings.max_page_bytes),
            rules: Rules { user_id: settings.user_id.clone(), products: settings.products },
            settings: settings.clone(),
            recent: Recent::default(),
        })
    }

    /// How far Stripe's clock is ahead of this machine's, by its last answer.
    pub(super) fn skew(&self) -> Option<jiff::SignedDuration> {
        self.caller.skew()
    }

    pub(super) fn still_skew(&self) -> Option<jiff::SignedDuration> {
        self.caller.still_skew()
    }

    /// Reads one order again: `cs_...`, `pi_...` or `sub_...`. An object that is there but is no order (a
    /// session that made a subscription, an intent that a session made) is `Missing`.
    pub(super) async fn get(&self, id: &OrderId, now: Timestamp) -> Result<Lookup, SourceError> {
        let id = id.as_str();
        let found = if id.starts_with("cs_") {
            self.session(id).await?
        } else if id.starts_with("pi_") {
            match self.reads(StripePart::Checkout) && self.session_of(id).await?.is_some() {
                true => None,
                false => self.intent(id).await?,
            }
        } else if id.starts_with("sub_") {
            self.subscription(id).await?
        } else {
            return Ok(Lookup::Unsupported);
        };
        Ok(found.map_or(Lookup::Missing, |order| Lookup::Found(map::timely(order, now))))
    }

    fn reads(&self, part: StripePart) -> bool {
        self.settings.read.contains(&part)
    }

    /// The order of a Checkout Session (<https://docs.stripe.com/api/checkout/sessions/retrieve>).
    async fn session(&self, id: &str) -> Result<Option<ReadOrder>, SourceError> {
        match self.one::<Session>(SESSIONS, id, &WITH_SESSION).await? {
            Some(Ok(session)) if session.mode == "payment" => self.order_of_session(session, None).await.map(Some),
            Some(Err(broken)) => broken_session(broken),
            Some(Ok(_)) | None => Ok(None),
        }
    }

    /// The order of the Checkout Session that made this Payment Intent.
    async fn session_of(&self, intent: &str) -> Result<Option<ReadOrder>, SourceError> {
        let mut walk = Walk::new(SESSIONS, &[("payment_intent", intent)]).with(&WITH_SESSION);
        for row in walk.next::<Session>(self).await?.unwrap_or_default() {
            let found = match row {
                Ok(session) if session.mode == "payment" => Some(self.order_of_session(session, None).await?),
                Ok(_) => None,
                // It may be the order, and nobody can tell which it is.
                Err(broken) if broken.id.is_none() => Some(caught(intent, Err(broken.error))?),
                Err(broken) => broken_session(broken)?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// `disputes`: those of its payment, where they are known already.
    async fn order_of_session(&self, session: Session, disputes: Option<&[Dispute]>) -> Result<ReadOrder, SourceError> {
        let id = session.id.clone();
        caught(&id, self.try_session(session, disputes).await)
    }

    async fn try_session(&self, session: Session, disputes: Option<&[Dispute]>) -> Result<ReadOrder, SourceError> {
        let lines = match &session.line_items {
            Some(page) if !page.has_more => page.data.clone(),
            // The first ten come with the session (<https://docs.stripe.com/api/checkout/sessions/line_items>).
            _ => {
                let path = format!("{SESSIONS}/{}/line_items", segment(&session.id)?);
                Walk::new(path, &[]).all::<LineItem>(self).await?
            }
        };
        let intent = session.payment_intent.as_ref().and_then(Ref::object);
        let asked = self.disputes(intent, disputes).await?;
        Ok(self.rules.session(&session, &lines, &asked))
    }

    /// The order of a Payment Intent (<https://docs.stripe.com/api/payment_intents/retrieve>), if it is one.
    async fn intent(&self, id: &str) -> Result<Option<ReadOrder>, SourceError> {
        match self.one::<Intent>(INTENTS, id, &WITH_INTENT).await? {
            Some(Ok(intent)) if map::names_product(intent.metadata.as_ref()) => {
                self.order_of_intent(&intent, None).await
            }
            Some(Err(broken)) => broken_intent(broken),
            Some(Ok(_)) | None => Ok(None),
        }
    }

    async fn order_of_intent(
        &self,
        intent: &Intent,
        disputes: Option<&[Dispute]>,
    ) -> Result<Option<ReadOrder>, SourceError> {
        match self.disputes(Some(intent), disputes).await {
            Ok(asked) => Ok(self.rules.intent(intent, &asked)),
            Err(error) => caught(&intent.id, Err(error)).map(Some),
        }
    }

    /// The order of a subscription (<https://docs.stripe.com/api/subscriptions/retrieve>).
    async fn subscription(&self, id: &str) -> Result<Option<ReadOrder>, SourceError> {
        match self.one::<Subscription>(SUBSCRIPTIONS, id, &WITH_SUBSCRIPTION).await? {
            Some(Ok(subscription)) => caught(id, self.try_subscription(&subscription).await).map(Some),
            Some(Err(broken)) => caught(id, Err(broken.error)).map(Some),
            None => Ok(None),
        }
    }

    async fn try_subscription(&self, subscription: &Subscription) -> Result<ReadOrder, SourceError> {
        let referred = self.referred(subscription).await?;
        let mut paid = Paid::default();
        for (intent, _) in self.payments(subscription).await? {
            let Some(intent) = self.one::<Intent>(INTENTS, &intent, &WITH_INTENT).await? else { continue };
            let intent = intent.map_err(|broken| broken.error)?;
            let Some(charge) = intent.latest_charge.as_ref().and_then(Ref::object) else { continue };
            let (taken, given_back) = map::taken(charge);
            paid.amount += taken;
            paid.given_back += given_back;
            let refunds = charge.refunds.as_ref().and_then(|refunds| map::last_refund(&refunds.data));
            paid.refunded_at = paid.refunded_at.max(refunds);
            paid.disputes.extend(self.disputes(Some(&intent), None).await?);
        }
        self.order_of_subscription(subscription, referred.as_deref(), &paid).await
    }

    async fn order_of_subscription(
        &self,
        subscription: &Subscription,
        referred: Option<&str>,
        paid: &Paid,
    ) -> Result<ReadOrder, SourceError> {
        let items = match subscription.items.has_more {
            false => subscription.items.data.clone(),
            true => {
                let mut walk = Walk::new(SUBSCRIPTION_ITEMS, &[("subscription", &subscription.id)]);
                walk.all::<SubscriptionItem>(self).await?
            }
        };
        Ok(self.rules.subscription(subscription, &items, referred, Some(paid)))
    }

    /// Who the Checkout Session that made a subscription was for, where its own metadata does not tell.
    async fn referred(&self, subscription: &Subscription) -> Result<Option<String>, SourceError> {
        if self.rules.user(subscription.metadata.as_ref()).is_some() || !self.reads(StripePart::Checkout) {
            return Ok(None);
        }
        let mut walk = Walk::new(SESSIONS, &[("subscription", &subscription.id)]);
        let sessions: Result<Vec<Session>, Broken> =
            walk.next::<Session>(self).await?.unwrap_or_default().into_iter().collect();
        let sessions = sessions.map_err(|broken| broken.error)?;
        Ok(sessions.iter().find_map(|session| self.rules.referred(session)).map(str::to_owned))
    }

    /// The payments that paid the latest invoice of a running subscription: Payment Intent and amount.
    async fn payments(&self, subscription: &Subscription) -> Result<Vec<(String, i64)>, SourceError> {
        let invoice: Option<&Invoice> = subscription.latest_invoice.as_ref().and_then(Ref::object);
        let Some(invoice) = invoice.filter(|_| subscription.status == "active") else { return Ok(Vec::new()) };
        let payments = match &invoice.payments {
            Some(page) if page.has_more => {
                Walk::new(INVOICE_PAYMENTS, &[("invoice", &invoice.id)]).all::<InvoicePayment>(self).await?
            }
            Some(page) => page.data.clone(),
            None => Vec::new(),
        };
        let paid = payments.into_iter().filter(|payment| payment.status.as_deref() == Some("paid"));
        Ok(paid
            .filter_map(|payment| {
                let intent = payment.payment?.payment_intent?.id().to_owned();
                Some((intent, payment.amount_paid.unwrap_or_default()))
            })
            .collect())
    }

    /// The disputes of a payment, which a charge only says it has had.
    async fn disputes(&self, intent: Option<&Intent>, known: Option<&[Dispute]>) -> Result<Vec<Dispute>, SourceError> {
        let Some(intent) = intent else { return Ok(Vec::new()) };
        let charge = intent.latest_charge.as_ref().and_then(Ref::object);
        match known.filter(|known| !known.is_empty()) {
            Some(known) => Ok(known.to_vec()),
            None if charge.is_some_and(|charge| charge.disputed) => {
                Walk::new(DISPUTES, &[("payment_intent", &intent.id)]).all(self).await
            }
            None => Ok(Vec::new()),
        }
    }

    /// One object by its id; `None` where Stripe says, in JSON, that there is none.
    async fn one<T: DeserializeOwned>(
        &self,
        path: &str,
        id: &str,
        with: &[&str],
    ) -> Result<Option<list::Row<T>>, SourceError> {
        let query: Vec<(String, String)> =
            with.iter().map(|what| ("expand[]".to_owned(), (*what).to_owned())).collect();
        let url = self.caller.url(&format!("{path}/{}", segment(id)?), &query)?;
        let call = call(&url, None);
        let reply = self.fetch(url).await?;
        let raw = reply.json(&call)?;
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if let Some(got) = raw.get("id").and_then(Value::as_str)
            && got != id
        {
            return Err(SourceError::OtherOrder { call, got: got.to_owned() });
        }
        match self.parse(&call, 1, &raw) {
            Ok(object) => Ok(Some(Ok(object))),
            Err(error @ SourceError::Item { .. }) => Ok(Some(Err(Broken { id: Some(id.to_owned()), raw, error }))),
            Err(error) => Err(error),
        }
    }

    async fn fetch(&self, url: Url) -> Result<Reply, SourceError> {
        self.caller.fetch(url).await.map_err(|error| match error {
            SourceError::Denied { call, status, said, .. } => {
                SourceError::Denied { call, status, said, auth: "stripe" }
            }
            other => other,
        })
    }

    /// One object, of the right mode and the documented shape.
    fn parse<T: DeserializeOwned>(&self, call: &str, place: usize, raw: &Value) -> Result<T, SourceError> {
        let id = raw.get("id").and_then(Value::as_str).map(str::to_owned);
        let live = raw.get("livemode").and_then(Value::as_bool);
        if let (Some(mode), Some(live)) = (self.settings.mode, live)
            && live != (mode == StripeMode::Live)
        {
            let word = |live| if live { "live" } else { "test" };
            return Err(SourceError::OtherMode {
                call: call.to_owned(),
                id: id.unwrap_or_default(),
                got: word(live),
                wanted: word(!live),
            });
        }
        serde_path_to_error::deserialize(raw).map_err(|error| {
            let path = error.path().to_string();
            let pointer: String = error.path().iter().map(pointed).collect();
            let there = raw.pointer(&pointer).unwrap_or(&Value::Null);
            let odd = odd(OddPart::Row, Oddity::Shape, path, there);
            SourceError::Item { call: call.to_owned(), place, id, odd }
        })
    }
}

/// A step of a path as JSON Pointer writes it (RFC 6901).
fn pointed(step: &serde_path_to_error::Segment) -> String {
    use serde_path_to_error::Segment;
    match step {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    }
}

/// An order of which some part cannot be read is one odd order, and ends no read.
fn caught(id: &str, found: Result<ReadOrder, SourceError>) -> Result<ReadOrder, SourceError> {
    match found {
        Err(SourceError::Item { odd, .. }) => Ok(map::unreadable(id, odd)),
        found => found,
    }
}

/// The order of a Checkout Session that cannot be read. One that says that it is of another mode is none.
fn broken_session(broken: Broken) -> Result<Option<ReadOrder>, SourceError> {
    let other = broken.raw.get("mode").and_then(Value::as_str).is_some_and(|mode| mode != "payment");
    match &broken.id {
        Some(id) if !other => caught(id, Err(broken.error)).map(Some),
        Some(_) => Ok(None),
        None => Err(broken.error),
    }
}

/// The order of a Payment Intent that cannot be read. Without the product in its metadata it is none.
fn broken_intent(broken: Broken) -> Result<Option<ReadOrder>, SourceError> {
    let product = broken.raw.get("metadata").and_then(|metadata| metadata.get(map::PRODUCT_ID));
    let named = product.and_then(Value::as_str).is_some_and(|id| !id.trim().is_empty());
    match &broken.id {
        Some(id) if named => caught(id, Err(broken.error)).map(Some),
        Some(_) => Ok(None),
        None => Err(broken.error),
    }
}

fn query(parameters: &[(&str, &str)]) -> Vec<(String, String)> {
    parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
