//! The checked settings of a source of the kind `stripe`.

use jiff::SignedDuration;

use super::expect::Expect;
use crate::secret::Secret;

/// Stripe. Its paths and fields are known; what is left is what differs from shop to shop.
#[derive(Clone, Debug)]
pub struct StripeSource {
    /// Origin, without a trailing slash.
    pub base_url: String,
    /// A restricted or secret key.
    pub key: Secret,
    /// The connected account to read, as `Stripe-Account`.
    pub account: Option<String>,
    /// Which mode its objects must be of, where that is known: by the file, else by the prefix of the key.
    pub mode: Option<StripeMode>,
    /// What is read. Never empty, and nothing twice.
    pub read: Vec<StripePart>,
    /// The key of `metadata` under which the shop keeps the Logto user id.
    pub user_id: String,
    /// Which id of a line is its product id.
    pub products: StripeProducts,
    /// How old a one-time payment may be to be listed in a full read.
    pub window: Option<SignedDuration>,
    /// How far before the watermark an increment starts.
    pub overlap: SignedDuration,
    /// How long one call may take.
    pub timeout: SignedDuration,
    /// How long one read may take, all its pages together.
    pub read_timeout: SignedDuration,
    /// Requests per second.
    pub rate: f64,
    /// At the most so many pages of one list.
    pub max_pages: u32,
    /// At the most so many bytes of one page.
    pub max_page_bytes: u32,
    /// What a full read must hold to be believed. Stripe states no totals.
    pub expect: Expect,
}

/// The two worlds of Stripe, whose objects never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StripeMode {
    /// Real money.
    Live,
    /// Test mode and sandboxes.
    Test,
}

/// A kind of Stripe object that is an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StripePart {
    /// Checkout Sessions with one-time payments.
    Checkout,
    /// Payment Intents with a `product_id` in their metadata.
    Payments,
    /// Subscriptions.
    Subscriptions,
}

/// Which id of a line is its product id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StripeProducts {
    /// `prod_...`: every price of a product gives the same.
    Product,
    /// `price_...`: each price of a product may give something else.
    Price,
    /// The name that the shop gave a price, and may move to another one.
    LookupKey,
}
