//! Stripe's JSON, as far as it is read. Each type names the page of its object.
//!
//! Decides nothing: an absent field is absent here too, and a word that Stripe adds tomorrow is kept as it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A page of a list (<https://docs.stripe.com/api/pagination>).
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    pub(super) has_more: bool,
}

/// An id, or the object itself where `expand[]` asked for it (<https://docs.stripe.com/api/expanding_objects>).
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Ref<T> {
    Id(String),
    Object(Box<T>),
}

impl<T> Ref<T> {
    pub(super) fn object(&self) -> Option<&T> {
        match self {
            Ref::Id(_) => None,
            Ref::Object(object) => Some(object),
        }
    }
}

/// `null` where nothing else is documented says as little as an absent property.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// What has an id.
pub(super) trait Identified {
    fn id(&self) -> &str;
}

impl<T: Identified> Ref<T> {
    pub(super) fn id(&self) -> &str {
        match self {
            Ref::Id(id) => id,
            Ref::Object(object) => object.id(),
        }
    }
}

macro_rules! identified {
    ($($name:ident)*) => {$(
        impl Identified for $name {
            fn id(&self) -> &str {
                &self.id
            }
        }
    )*};
}

identified! { Session LineItem Product Intent Charge Refund Dispute Customer Subscription SubscriptionItem Invoice InvoicePayment Event Link OfPayment }

/// `metadata` (<https://docs.stripe.com/api/metadata>).
pub(super) type Metadata = BTreeMap<String, String>;

/// <https://docs.stripe.com/api/checkout/sessions/object>
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) created: i64,
    /// `payment`, `setup` or `subscription`.
    pub(super) mode: String,
    /// `open`, `complete` or `expired`.
    pub(super) status: Option<String>,
    /// `paid`, `unpaid` or `no_payment_required`.
    pub(super) payment_status: String,
    pub(super) client_reference_id: Option<String>,
    pub(super) customer: Option<Ref<Customer>>,
    pub(super) customer_details: Option<CustomerDetails>,
    pub(super) customer_email: Option<String>,
    pub(super) metadata: Option<Metadata>,
    pub(super) payment_intent: Option<Ref<Intent>>,
    pub(super) subscription: Option<Ref<Link>>,
    /// The first ten, where asked for.
    pub(super) line_items: Option<Page<LineItem>>,
}

/// Who paid, as the buyer typed it into Checkout.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct CustomerDetails {
    pub(super) email: Option<String>,
}

/// <https://docs.stripe.com/api/checkout/sessions/line_items>
#[derive(Clone, Debug, Deserialize)]
pub(super) struct LineItem {
    pub(super) id: String,
    pub(super) price: Option<Price>,
    /// A whole number, as it is documented. Anything else is one odd quantity, and no broken object.
    pub(super) quantity: Option<Value>,
}

/// <https://docs.stripe.com/api/prices/object>
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Price {
    pub(super) id: String,
    /// Unique among the prices of an account; `null` where it has none, or has handed it on to another price
    /// (<https://docs.stripe.com/products-prices/manage-prices#lookup-keys>).
    pub(super) lookup_key: Option<String>,
    /// `null` in a plan of old that names none (<https://docs.stripe.com/api/plans/object>).
    pub(super) product: Option<Ref<Product>>,
}

/// <https://docs.stripe.com/api/products/object>
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Product {
    pub(super) id: String,
}

/// <https://docs.stripe.com/api/payment_intents/object>
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) created: i64,
    /// `requires_payment_method`, `requires_confirmation`, `requires_action`, `processing`,
    /// `requires_capture`, `canceled` or `succeeded`.
    pub(super) status: String,
    pub(super) canceled_at: Option<i64>,
    pub(super) customer: Option<Ref<Customer>>,
    pub(super) receipt_email: Option<String>,
    pub(super) metadata: Option<Metadata>,
    pub(super) latest_charge: Option<Ref<Charge>>,
}

/// <https://docs.stripe.com/api/charges/object>
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Charge {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) amount: i64,
    /// Less than `amount` after a partial capture, whose rest counts as refunded.
    pub(super) amount_captured: Option<i64>,
    pub(super) amount_refunded: i64,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) refunded: bool,
    /// Stays true after a dispute was won.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) disputed: bool,
    pub(super) billing_details: Option<CustomerDetails>,
    /// The newest ten, where asked for.
    pub(super) refunds: Option<Page<Refund>>,
}

/// <https://docs.stripe.com/api/refunds/object>
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) amount: i64,
    /// `pending`, `requires_action`, `succeeded`, `failed` or `canceled`.
    pub(super) status: Option<String>,
    pub(super) payment_intent: Option<Ref<Link>>,
}

/// <https://docs.stripe.com/api/disputes/object>
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) created: i64,
    /// `warning_needs_response`, `warning_under_review`, `warning_closed`, `needs_response`, `under_review`,
    /// `appeal_needs_response`, `appeal_under_review`, `won`, `lost` or `prevented`.
    pub(super) status: String,
    pub(super) payment_intent: Option<Ref<Link>>,
}

/// A charge, a refund or a dispute, of which only the payment matters.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct OfPayment {
    pub(super) id: String,
    pub(super) payment_intent: Option<Ref<Link>>,
}

/// <https://docs.stripe.com/api/customers/object>. A deleted one has nothing but its id.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Customer {
    pub(super) id: String,
    pub(super) email: Option<String>,
    pub(super) metadata: Option<Metadata>,
}

/// <https://docs.stripe.com/api/subscriptions/object>
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Subscription {
    pub(super) id: String,
    pub(super) created: i64,
    /// `incomplete`, `incomplete_expired`, `trialing`, `active`, `past_due`, `canceled`, `unpaid` or `paused`.
    pub(super) status: String,
    pub(super) customer: Option<Ref<Customer>>,
    pub(super) metadata: Option<Metadata>,
    pub(super) items: Page<SubscriptionItem>,
    pub(super) start_date: Option<i64>,
    pub(super) trial_end: Option<i64>,
    pub(super) ended_at: Option<i64>,
    /// It ends with the current period, and no renewal comes.
    #[serde(default)]
    pub(super) cancel_at_period_end: bool,
    /// It ends then.
    pub(super) cancel_at: Option<i64>,
    /// Before `2025-03-31.basil`, which keeps them with the items
    /// (<https://docs.stripe.com/changelog/basil/2025-03-31/deprecate-subscription-current-period-start-and-end>).
    pub(super) current_period_start: Option<i64>,
    /// See [`Subscription::current_period_start`].
    pub(super) current_period_end: Option<i64>,
    pub(super) latest_invoice: Option<Ref<Invoice>>,
}

/// <https://docs.stripe.com/api/subscription_items/object>
#[derive(Clone, Debug, Deserialize)]
pub(super) struct SubscriptionItem {
    pub(super) id: String,
    pub(super) price: Option<Price>,
    /// The price of old, which an account may still have.
    pub(super) plan: Option<Price>,
    /// Absent where the price is metered. As in [`LineItem`].
    pub(super) quantity: Option<Value>,
    pub(super) current_period_start: Option<i64>,
    pub(super) current_period_end: Option<i64>,
}

/// <https://docs.stripe.com/api/invoices/object>
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Invoice {
    pub(super) id: String,
    /// `subscription_create`, `subscription_cycle`, `subscription_update`, `manual` and others.
    pub(super) billing_reason: Option<String>,
    /// Where asked for.
    pub(super) payments: Option<Page<InvoicePayment>>,
    pub(super) parent: Option<InvoiceParent>,
}

/// What an invoice was made for.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct InvoiceParent {
    pub(super) subscription_details: Option<SubscriptionDetails>,
}

/// See [`InvoiceParent`].
#[derive(Clone, Debug, Deserialize)]
pub(super) struct SubscriptionDetails {
    pub(super) subscription: Option<Ref<Link>>,
}

/// <https://docs.stripe.com/api/invoice-payment/object>
#[derive(Clone, Debug, Deserialize)]
pub(super) struct InvoicePayment {
    pub(super) id: String,
    pub(super) invoice: Ref<Invoice>,
    pub(super) amount_paid: Option<i64>,
    /// `open`, `paid` or `canceled`.
    pub(super) status: Option<String>,
    pub(super) payment: Option<PaymentOf>,
}

/// The payment behind an [`InvoicePayment`].
#[derive(Clone, Debug, Deserialize)]
pub(super) struct PaymentOf {
    pub(super) payment_intent: Option<Ref<Link>>,
}

/// <https://docs.stripe.com/api/events/object>
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) r#type: String,
    pub(super) data: EventData,
}

/// See [`Event`].
#[derive(Clone, Debug, Deserialize)]
pub(super) struct EventData {
    /// The object as it was then, in the shape of whatever API version was the default then.
    pub(super) object: serde_json::Value,
}

/// An object of which only the id matters.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Link {
    pub(super) id: String,
}
