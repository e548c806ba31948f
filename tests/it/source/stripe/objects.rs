//! Stripe's objects with their documented fields, as far as any of them matters; each names its page.

use serde_json::{Value, json};

use super::account::Account;

/// The start of a day that has long passed.
pub(in crate::source) const DAY: i64 = 1_767_225_600;
pub(in crate::source) const HOUR: i64 = 3_600;

/// A buyer who paid in Checkout: customer, Payment Intent, charge and session, all named after `name`.
pub(in crate::source) fn bought(account: &Account, name: &str, at: i64) {
    account
        .put(customer(&format!("cus_{name}"), &format!("{name}@example.com")))
        .put(charge(&format!("ch_{name}"), at + 60))
        .put(intent(&format!("pi_{name}"), at + 50, &format!("cus_{name}"), &format!("ch_{name}")))
        .put(session(&format!("cs_{name}"), at, &format!("cus_{name}"), &format!("pi_{name}")));
}

/// <https://docs.stripe.com/api/checkout/sessions/object>
pub(in crate::source) fn session(id: &str, created: i64, customer: &str, intent: &str) -> Value {
    json!({
        "id": id, "object": "checkout.session", "created": created, "livemode": false, "mode": "payment",
        "status": "complete", "payment_status": "paid", "client_reference_id": null, "customer": customer,
        "customer_details": {"email": format!("{}@example.com", &id[3..]), "name": null}, "customer_email": null,
        "metadata": {}, "payment_intent": intent, "subscription": null, "amount_total": 4900, "currency": "eur",
        "+line_items": [line("li_1", "prod_pro", 1)],
    })
}

/// <https://docs.stripe.com/api/checkout/sessions/line_items>, with <https://docs.stripe.com/api/prices/object>
pub(in crate::source) fn line(id: &str, product: &str, quantity: u32) -> Value {
    json!({
        "id": id, "object": "item", "quantity": quantity, "amount_total": 4900,
        "price": {"id": product.replace("prod_", "price_"), "object": "price", "product": product, "type": "one_time"},
    })
}

/// <https://docs.stripe.com/api/payment_intents/object>
pub(in crate::source) fn intent(id: &str, created: i64, customer: &str, charge: &str) -> Value {
    json!({
        "id": id, "object": "payment_intent", "created": created, "livemode": false, "status": "succeeded",
        "amount": 4900, "canceled_at": null, "customer": customer, "receipt_email": null, "metadata": {},
        "latest_charge": charge,
    })
}

/// <https://docs.stripe.com/api/charges/object>
pub(in crate::source) fn charge(id: &str, created: i64) -> Value {
    json!({
        "id": id, "object": "charge", "created": created, "livemode": false, "amount": 4900,
        "amount_captured": 4900, "amount_refunded": 0, "refunded": false, "disputed": false, "captured": true,
        "billing_details": {"email": null}, "payment_intent": id.replace("ch_", "pi_"), "status": "succeeded",
        "+refunds": [],
    })
}

/// <https://docs.stripe.com/api/refunds/object>
pub(in crate::source) fn refund(id: &str, created: i64, intent: &str, amount: i64) -> Value {
    json!({
        "id": id, "object": "refund", "created": created, "amount": amount, "status": "succeeded",
        "payment_intent": intent, "charge": intent.replace("pi_", "ch_"), "reason": null,
    })
}

/// <https://docs.stripe.com/api/disputes/object>
pub(in crate::source) fn dispute(id: &str, created: i64, intent: &str, status: &str) -> Value {
    json!({
        "id": id, "object": "dispute", "created": created, "livemode": false, "amount": 4900, "status": status,
        "payment_intent": intent, "charge": intent.replace("pi_", "ch_"), "reason": "fraudulent",
    })
}

/// <https://docs.stripe.com/api/customers/object>
pub(in crate::source) fn customer(id: &str, email: &str) -> Value {
    json!({"id": id, "object": "customer", "created": DAY, "livemode": false, "email": email, "metadata": {}})
}

/// <https://docs.stripe.com/api/subscriptions/object>, its invoice and the payment of that. The current
/// period begins at `start` and lasts for 30 days.
pub(in crate::source) fn subscribed(account: &Account, name: &str, start: i64) {
    let (id, item) = (format!("sub_{name}"), format!("si_{name}"));
    account
        .put(customer(&format!("cus_{name}"), &format!("{name}@example.com")))
        .put(charge(&format!("ch_{name}"), start))
        .put(intent(&format!("pi_{name}"), start, &format!("cus_{name}"), &format!("ch_{name}")));
    let payment = json!({
        // <https://docs.stripe.com/api/invoice-payment/object>
        "id": format!("inpay_{name}"), "object": "invoice_payment", "created": start, "livemode": false,
        "amount_paid": 4900, "status": "paid", "invoice": format!("in_{name}"),
        "payment": {"type": "payment_intent", "payment_intent": format!("pi_{name}")},
    });
    account.put(payment.clone()).put(json!({
        // <https://docs.stripe.com/api/invoices/object>
        "id": format!("in_{name}"), "object": "invoice", "created": start, "livemode": false,
        "billing_reason": "subscription_cycle", "+payments": [payment],
        "parent": {"type": "subscription_details", "subscription_details": {"subscription": id}},
    }));
    account.put(json!({
        "id": id, "object": "subscription", "created": DAY, "livemode": false, "status": "active",
        "customer": format!("cus_{name}"), "metadata": {}, "start_date": DAY, "trial_end": null, "ended_at": null,
        "cancel_at_period_end": false, "latest_invoice": format!("in_{name}"),
        "items": {"object": "list", "has_more": false, "data": [item_of(&item, "prod_plan", start)]},
    }));
}

/// <https://docs.stripe.com/api/subscription_items/object>
pub(in crate::source) fn item_of(id: &str, product: &str, start: i64) -> Value {
    json!({
        "id": id, "object": "subscription_item", "created": DAY, "quantity": 1,
        "current_period_start": start, "current_period_end": start + MONTH,
        "price": {"id": product.replace("prod_", "price_"), "object": "price", "product": product, "type": "recurring"},
    })
}

pub(in crate::source) const MONTH: i64 = 30 * 24 * HOUR;

/// Gives the money of `name` back, all of it or a part.
pub(in crate::source) fn give_back(account: &Account, name: &str, at: i64, amount: i64) {
    let made = refund(&format!("re_{name}"), at, &format!("pi_{name}"), amount);
    account.put(made.clone());
    account
        .set(&format!("ch_{name}"), json!({"amount_refunded": amount, "refunded": amount == 4900, "+refunds": [made]}));
}

/// The bank of `name` contests the payment.
pub(in crate::source) fn contest(account: &Account, name: &str, at: i64, status: &str) {
    account.put(dispute(&format!("dp_{name}"), at, &format!("pi_{name}"), status));
    account.set(&format!("ch_{name}"), json!({"disputed": true}));
}
