//! From Stripe's objects to an [`Order`]. Pure.
//!
//! Says what Stripe said and decides nothing: a word that is not documented is `unknown`. Stripe's objects
//! carry no time of change, so neither do the orders: the last reading counts.

use jiff::Timestamp;
use serde_json::Value;

use super::wire::{
    Charge, Customer, Dispute, Intent, LineItem, Metadata, Price, Ref, Refund, Session, Subscription, SubscriptionItem,
};
use crate::config::settings::source::StripeProducts;
use crate::model::{
    Buyer, Email, Item, Odd, OddPart, Oddity, Order, OrderId, ProductId, ReadOrder, Renewal, Standing, UserId,
};
use crate::source::http::{left, whole};
use crate::source::odd::{Odds, odd};
use crate::source::time::{Possible, plausible};

/// The key of a Payment Intent's metadata that makes it an order, and says of what.
pub(super) const PRODUCT_ID: &str = "product_id";

/// What differs from shop to shop.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// The key of metadata under which the shop keeps the Logto user id.
    pub(super) user_id: String,
    pub(super) products: StripeProducts,
}

/// What a payment says of the order that it pays.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    standing: Standing,
    word: String,
    paid_at: Option<i64>,
    ended_at: Option<i64>,
}

/// What happened to the money of a subscription's latest invoice.
#[derive(Clone, Debug, Default)]
pub(super) struct Paid {
    /// What was paid.
    pub(super) amount: i64,
    /// What of it was given back.
    pub(super) given_back: i64,
    /// When, the last time.
    pub(super) refunded_at: Option<i64>,
    pub(super) disputes: Vec<Dispute>,
}

/// What disputes say together.
enum Contested {
    No,
    Since(i64),
    Unknown(String),
}

impl Rules {
    /// A Checkout Session in mode `payment`, with all its lines.
    pub(super) fn session(&self, session: &Session, lines: &[LineItem], disputes: &[Dispute]) -> ReadOrder {
        let intent = session.payment_intent.as_ref().and_then(|intent| intent.object());
        let customer = session.customer.as_ref().and_then(|customer| customer.object());
        let said = match (session.status.as_deref(), session.payment_status.as_str()) {
            (Some("open"), _) => waiting(Standing::Pending, "open"),
            (Some("expired"), _) => waiting(Standing::Expired, "expired"),
            (Some("complete") | None, "unpaid") => waiting(Standing::Pending, "unpaid"),
            (Some("complete") | None, "no_payment_required") => {
                Said { paid_at: Some(session.created), ..waiting(Standing::Paid, "no_payment_required") }
            }
            (Some("complete") | None, "paid") => match (&session.payment_intent, intent) {
                (_, Some(intent)) => settled(intent, disputes),
                (None, None) => Said { paid_at: Some(session.created), ..waiting(Standing::Paid, "paid") },
                // Whether it was refunded cannot be seen.
                (Some(_), None) => waiting(Standing::Unknown, "paid"),
            },
            (status, payment) => waiting(Standing::Unknown, &format!("{}/{payment}", status.unwrap_or_default())),
        };
        let user = self
            .user(session.metadata.as_ref())
            .or_else(|| self.user(intent?.metadata.as_ref()))
            .or(session.client_reference_id.as_deref())
            .or_else(|| self.user(customer?.metadata.as_ref()));
        let typed = session.customer_details.as_ref().and_then(|details| details.email.as_deref());
        let email = first_email([typed, session.customer_email.as_deref(), of(customer)]);
        let mut odds = Odds::default();
        let line = |line: &LineItem| self.item(line.price.as_ref(), line.quantity.as_ref(), &mut odds);
        let items = lines.iter().filter_map(line).collect();
        order(&session.id, buyer(user, email), items, said, None, odds)
    }

    /// A Payment Intent that no Checkout Session made. `None` where its metadata names no product.
    pub(super) fn intent(&self, intent: &Intent, disputes: &[Dispute]) -> Option<ReadOrder> {
        let product = intent.metadata.as_ref()?.get(PRODUCT_ID).map(|text| text.trim()).filter(|id| !id.is_empty())?;
        let customer = intent.customer.as_ref().and_then(|customer| customer.object());
        let charge = intent.latest_charge.as_ref().and_then(|charge| charge.object());
        let user =
            self.user(intent.metadata.as_ref()).or_else(|| self.user(customer.and_then(|it| it.metadata.as_ref())));
        let billing = charge.and_then(|charge| charge.billing_details.as_ref()?.email.as_deref());
        let email = first_email([intent.receipt_email.as_deref(), of(customer), billing]);
        let items = vec![Item::one(ProductId::from(product))];
        Some(order(&intent.id, buyer(user, email), items, settled(intent, disputes), None, Odds::default()))
    }

    /// A subscription with all its items. `referred` is who the Checkout Session that made it was for, and
    /// `paid` what became of its latest invoice, where it runs.
    ///
    /// It is entitled until the end of what was paid: of the current period, of the trial, or, where the
    /// invoice of the current period is not paid, of the period before, so that a grace runs from there. A
    /// latest invoice that was refunded in full, or is disputed, says so instead; a part of it given back
    /// changes nothing. The next invoice that is paid ends either. In one piece: the cases exclude each other.
    pub(super) fn subscription(
        &self,
        subscription: &Subscription,
        items: &[SubscriptionItem],
        referred: Option<&str>,
        paid: Option<&Paid>,
    ) -> ReadOrder {
        let starts = items.iter().filter_map(|item| item.current_period_start).max();
        let ends = items.iter().filter_map(|item| item.current_period_end).max();
        let (start, end) = (starts.or(subscription.current_period_start), ends.or(subscription.current_period_end));
        let latest = subscription.latest_invoice.as_ref().and_then(|invoice| invoice.object());
        // An unpaid change in the middle of a period takes nothing from the period, which was paid.
        let between = latest.and_then(|invoice| invoice.billing_reason.as_deref());
        let between = matches!(between, Some("subscription_update" | "subscription_threshold" | "manual"));
        let (standing, period_end) = match subscription.status.as_str() {
            "active" => (Standing::Subscribed, end),
            "trialing" => (Standing::Subscribed, subscription.trial_end.or(end)),
            "past_due" | "unpaid" => (Standing::Subscribed, if between { end } else { start }),
            "paused" => (Standing::Subscribed, subscription.trial_end.or(start)),
            "canceled" => (Standing::Subscribed, subscription.ended_at.or(end)),
            "incomplete" => (Standing::Pending, None),
            "incomplete_expired" => (Standing::Expired, None),
            _ => (Standing::Unknown, None),
        };
        let mut said = Said {
            standing,
            word: subscription.status.clone(),
            paid_at: subscription.start_date.or(Some(subscription.created)),
            ended_at: None,
        };
        if let Some(paid) = paid.filter(|_| subscription.status == "active") {
            if paid.amount > 0 && paid.given_back >= paid.amount {
                said = Said { standing: Standing::Refunded, ended_at: paid.refunded_at, ..said };
                said.word.push_str(", latest invoice refunded");
            } else {
                match contested(&paid.disputes) {
                    Contested::No => {}
                    Contested::Since(at) => {
                        said = Said { standing: Standing::Disputed, ended_at: Some(at), ..said };
                        said.word.push_str(", latest invoice disputed");
                    }
                    Contested::Unknown(word) => {
                        said = Said { standing: Standing::Unknown, word: format!("dispute {word}"), ..said };
                    }
                }
            }
        }
        let customer = subscription.customer.as_ref().and_then(|customer| customer.object());
        let user =
            self.user(subscription.metadata.as_ref()).or(referred).or_else(|| self.user(customer?.metadata.as_ref()));
        let mut odds = Odds::default();
        let line = |item: &SubscriptionItem| {
            self.item(item.price.as_ref().or(item.plan.as_ref()), item.quantity.as_ref(), &mut odds)
        };
        let lines = items.iter().filter_map(line).collect();
        let ReadOrder { order, odd, .. } =
            order(&subscription.id, buyer(user, first_email([of(customer)])), lines, said, period_end, odds);
        // Whatever is not active, or was told to end, gets no renewal that could be late.
        let ends = subscription.cancel_at_period_end
            || subscription.cancel_at.is_some_and(|at| period_end.is_none_or(|end| at <= end));
        let active = matches!(subscription.status.as_str(), "active" | "trialing");
        let renewal = if active && !ends { Renewal::Expected } else { Renewal::Off };
        ReadOrder::new(Order { renewal, ..order }, odd)
    }

    /// Who a Checkout Session says it is for.
    pub(super) fn referred<'s>(&self, session: &'s Session) -> Option<&'s str> {
        self.user(session.metadata.as_ref()).or(session.client_reference_id.as_deref())
    }

    /// The Logto user id in metadata.
    pub(super) fn user<'m>(&self, metadata: Option<&'m Metadata>) -> Option<&'m str> {
        metadata?.get(&self.user_id).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    fn item(&self, price: Option<&Price>, quantity: Option<&Value>, odds: &mut Odds) -> Option<Item> {
        let Some(price) = price else {
            odds.note(OddPart::Products, Oddity::NoProduct, "price", &Value::Null);
            return None;
        };
        let (path, id) = match self.products {
            StripeProducts::Product => ("price.product", price.product.as_ref().map(Ref::id)),
            StripeProducts::Price => ("price.id", Some(price.id.as_str())),
            // The key may have gone to another price since: no evidence that something else was bought.
            StripeProducts::LookupKey => ("price.lookup_key", price.lookup_key.as_deref()),
        };
        let Some(id) = id.map(str::trim).filter(|id| !id.is_empty()) else {
            odds.note(OddPart::Products, Oddity::NoProduct, path, &Value::Null);
            return None;
        };
        let quantity = quantity.map_or(1, |quantity| {
            whole(quantity).unwrap_or_else(|| {
                odds.note(OddPart::Quantity, Oddity::NoQuantity, "quantity", quantity);
                1
            })
        });
        Some(Item { quantity, ..Item::one(ProductId::from(id)) })
    }
}

/// Whether metadata names a product, which makes a Payment Intent an order.
pub(super) fn names_product(metadata: Option<&Metadata>) -> bool {
    metadata.and_then(|metadata| metadata.get(PRODUCT_ID)).is_some_and(|id| !id.trim().is_empty())
}

/// What of a charge was taken, and what of that was given back. The part that a partial capture released
/// counts as refunded at Stripe, and was never taken.
pub(super) fn taken(charge: &Charge) -> (i64, i64) {
    let taken = charge.amount_captured.unwrap_or(charge.amount);
    (taken, (charge.amount_refunded - (charge.amount - taken)).max(0))
}

/// When the last refund that did not fail was made.
pub(super) fn last_refund(refunds: &[Refund]) -> Option<i64> {
    refunds.iter().filter(|refund| counts(refund)).map(|refund| refund.created).max()
}

/// A refund that failed or was cancelled has come back.
pub(super) fn counts(refund: &Refund) -> bool {
    !matches!(refund.status.as_deref(), Some("failed" | "canceled"))
}

fn settled(intent: &Intent, disputes: &[Dispute]) -> Said {
    match intent.status.as_str() {
        "succeeded" => {}
        "canceled" => return Said { ended_at: intent.canceled_at, ..waiting(Standing::Expired, "canceled") },
        "processing" => return waiting(Standing::Pending, "processing"),
        word if word.starts_with("requires_") => return waiting(Standing::Pending, word),
        word => return waiting(Standing::Unknown, word),
    }
    let charge = match &intent.latest_charge {
        None => return Said { paid_at: Some(intent.created), ..waiting(Standing::Paid, "succeeded") },
        Some(charge) => match charge.object() {
            Some(charge) => charge,
            None => return waiting(Standing::Unknown, "succeeded"),
        },
    };
    let (taken, given_back) = taken(charge);
    let refunds = charge.refunds.as_ref().map(|refunds| refunds.data.as_slice()).unwrap_or_default();
    let said = |standing, word: &str, ended_at| Said {
        standing,
        word: word.to_owned(),
        paid_at: Some(charge.created),
        ended_at,
    };
    if charge.refunded || (taken > 0 && given_back >= taken) {
        return said(Standing::Refunded, "refunded", last_refund(refunds));
    }
    if charge.disputed {
        match contested(disputes) {
            Contested::Since(at) => return said(Standing::Disputed, "disputed", Some(at)),
            Contested::Unknown(word) => return said(Standing::Unknown, &format!("dispute {word}"), None),
            Contested::No if disputes.is_empty() => {
                return said(Standing::Unknown, "disputed, by no known dispute", None);
            }
            Contested::No => {}
        }
    }
    if given_back > 0 {
        return said(Standing::PartiallyRefunded, "partially refunded", last_refund(refunds));
    }
    said(Standing::Paid, "succeeded", None)
}

/// One that is open, lost, or lost and appealed contests the payment. An inquiry (`warning_...`) withdraws no
/// money, and one that is won has given it back.
fn contested(disputes: &[Dispute]) -> Contested {
    let mut since: Option<i64> = None;
    for dispute in disputes {
        match dispute.status.as_str() {
            "needs_response" | "under_review" | "appeal_needs_response" | "appeal_under_review" | "lost" => {
                since = Some(since.map_or(dispute.created, |at| at.min(dispute.created)));
            }
            "won" | "prevented" | "warning_needs_response" | "warning_under_review" | "warning_closed" => {}
            word => return Contested::Unknown(word.to_owned()),
        }
    }
    since.map_or(Contested::No, Contested::Since)
}

fn waiting(standing: Standing, word: &str) -> Said {
    Said { standing, word: word.to_owned(), paid_at: None, ended_at: None }
}

fn of(customer: Option<&Customer>) -> Option<&str> {
    customer?.email.as_deref()
}

fn first_email<const N: usize>(texts: [Option<&str>; N]) -> Option<Email> {
    texts.into_iter().flatten().find_map(Email::parse)
}

fn buyer(user: Option<&str>, email: Option<Email>) -> Buyer {
    Buyer { user: user.map(UserId::from), email }
}

/// A time in seconds; nothing where it cannot be true.
fn moment(seconds: Option<i64>, part: OddPart, path: &str, odds: &mut Odds) -> Option<Timestamp> {
    let seconds = seconds?;
    let at = Timestamp::from_second(seconds).map_err(|_| Oddity::NoTime);
    match at.and_then(|at| plausible(at, Possible::Any)) {
        Ok(at) => Some(at),
        Err(what) => {
            odds.note(part, what, path, &Value::from(seconds));
            None
        }
    }
}

fn order(id: &str, buyer: Buyer, items: Vec<Item>, said: Said, period_end: Option<i64>, mut odds: Odds) -> ReadOrder {
    let order = Order {
        id: OrderId::from(id),
        buyer,
        items: left(items, said.standing),
        standing: said.standing,
        status: Some(said.word),
        paid_at: moment(said.paid_at, OddPart::PaidAt, paid_path(id), &mut odds),
        updated_at: None,
        ended_at: moment(said.ended_at, OddPart::EndedAt, "created", &mut odds),
        period_end: moment(period_end, OddPart::PeriodEnd, "current_period_end", &mut odds),
        renewal: Renewal::default(),
    };
    ReadOrder::new(order, odds.into_inner())
}

/// Where the time of payment stands.
fn paid_path(id: &str) -> &'static str {
    if id.starts_with("sub_") { "start_date" } else { "created" }
}

/// An order that was paid more than a day after `now` is odd.
pub(super) fn timely(read: ReadOrder, now: Timestamp) -> ReadOrder {
    let Some(Err(what)) = read.paid_at.map(|at| plausible(at, Possible::Past(now))) else { return read };
    let ReadOrder { order, mut odd, .. } = read;
    let seconds = Value::from(order.paid_at.map(Timestamp::as_second));
    odd.push(self::odd(OddPart::PaidAt, what, paid_path(order.id.as_str()), &seconds));
    ReadOrder::new(Order { paid_at: None, ..order }, odd)
}

/// An object that is an order and of which no more is known than its id.
pub(super) fn unreadable(id: &str, odd: Odd) -> ReadOrder {
    let said = waiting(Standing::Unknown, "unreadable");
    let order = order(id, Buyer::default(), Vec::new(), said, None, Odds::default()).order;
    ReadOrder::new(order, vec![odd])
}
