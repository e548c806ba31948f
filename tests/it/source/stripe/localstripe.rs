//! The adapter against localstripe, a simulator of Stripe that others wrote, where that goes: it has no
//! Checkout Sessions, disputes, invoice payments or prices.
//!
//! `ENTITLED_LOCALSTRIPE_PYTHON` names a Python that has `localstripe` 1.15.10; `.ci/localstripe` makes one.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use entitled::model::{Order, OrderId, Standing};
use entitled::source::{Lookup, Read, Scope, Source, Step};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{everything, with_key};
use crate::source::{FULL, read};

const KEY: &str = "sk_test_localstripe";

struct Local {
    url: String,
    child: Child,
}

impl Drop for Local {
    fn drop(&mut self) {
        let _it_may_have_ended = self.child.kill();
        let _it_was_ours = self.child.wait();
    }
}

impl Local {
    fn start() -> Self {
        let python = std::env::var_os("ENTITLED_LOCALSTRIPE_PYTHON").expect("ENTITLED_LOCALSTRIPE_PYTHON is set");
        let mut child = Command::new(python)
            .args(["-c", include_str!("localstripe.py")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        assert!(!port.trim().is_empty(), "localstripe did not start");
        Self { url: format!("http://127.0.0.1:{}", port.trim()), child }
    }

    fn source(&self) -> Source {
        with_key(KEY, &self.url, "read: [payments, subscriptions]")
    }

    async fn call(&self, method: &str, path: &str, form: &[(&str, &str)]) -> Value {
        let client = entitled::http::client(std::time::Duration::from_secs(30));
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = client.request(method, format!("{}{path}", self.url)).bearer_auth(KEY).form(form);
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn make(&self, path: &str, form: &[(&str, &str)]) -> String {
        self.call("POST", path, form).await["id"].as_str().unwrap().to_owned()
    }

    /// A customer whose card is good.
    async fn customer(&self, email: &str) -> (String, String) {
        let customer =
            self.make("/v1/customers", &[("email", email), ("metadata[logto_user_id]", "user12345678")]).await;
        let card = [
            ("type", "card"),
            ("card[number]", "4242424242424242"),
            ("card[exp_month]", "12"),
            ("card[exp_year]", "2040"),
            ("card[cvc]", "123"),
        ];
        let card = self.make("/v1/payment_methods", &card).await;
        self.make(&format!("/v1/payment_methods/{card}/attach"), &[("customer", &customer)]).await;
        let default = [("invoice_settings[default_payment_method]", card.as_str())];
        self.call("POST", &format!("/v1/customers/{customer}"), &default).await;
        (customer, card)
    }

    async fn pay(&self, (customer, card): &(String, String), product: &str) -> String {
        let mut form = vec![
            ("amount", "4900"),
            ("currency", "eur"),
            ("customer", customer),
            ("payment_method", card),
            ("confirm", "true"),
        ];
        if !product.is_empty() {
            form.push(("metadata[product_id]", product));
        }
        self.make("/v1/payment_intents", &form).await
    }
}

fn find<'o>(orders: &'o [Order], id: &str) -> &'o Order {
    orders.iter().find(|order| order.id.as_str() == id).unwrap_or_else(|| panic!("no {id}"))
}

async fn agrees(shop: &Source, order: &Order) {
    assert_eq!(shop.get(&order.id).await.unwrap(), Lookup::Found(order.clone().into()));
}

#[tokio::test]
#[ignore = "needs localstripe"]
async fn localstripe_payments_stand_where_they_do() {
    let local = Local::start();
    let buyer = local.customer("Anna@example.com").await;
    let (paid, whole, part) =
        (local.pay(&buyer, "prod_a").await, local.pay(&buyer, "prod_a").await, local.pay(&buyer, "prod_b").await);
    let other = local.pay(&buyer, "").await;
    let form = [("amount", "4900"), ("currency", "eur"), ("metadata[product_id]", "prod_a")];
    let (open, canceled) =
        (local.make("/v1/payment_intents", &form).await, local.make("/v1/payment_intents", &form).await);
    local.call("POST", &format!("/v1/payment_intents/{canceled}/cancel"), &[]).await;
    local.call("POST", "/v1/refunds", &[("payment_intent", &whole)]).await;
    local.call("POST", "/v1/refunds", &[("payment_intent", &part), ("amount", "100")]).await;

    let shop = local.source();
    let (orders, report) = everything(&shop).await;
    let standing = |id: &str| find(&orders, id).standing;
    assert_eq!(
        (standing(&paid), standing(&open), standing(&canceled)),
        (Standing::Paid, Standing::Pending, Standing::Expired)
    );
    assert_eq!((standing(&whole), standing(&part)), (Standing::Refunded, Standing::PartiallyRefunded));
    assert!(find(&orders, &whole).ended_at.is_some());
    assert_eq!(find(&orders, &paid).buyer.to_string(), "user12345678 <anna@example.com>");
    assert_eq!((orders.len(), report.orders), (5, 5), "a payment of nothing known is no order");
    assert_eq!(shop.get(&OrderId::from(other)).await.unwrap(), Lookup::Missing);
    assert_eq!(shop.get(&"pi_none".into()).await.unwrap(), Lookup::Missing);
    for order in &orders {
        agrees(&shop, order).await;
    }
}

#[tokio::test]
#[ignore = "needs localstripe"]
async fn localstripe_subscriptions_end_when_their_period_does() {
    let local = Local::start();
    let (customer, _) = local.customer("ben@example.com").await;
    let product = local.make("/v1/products", &[("name", "Plan"), ("type", "service")]).await;
    let plan = [("product", product.as_str()), ("amount", "900"), ("currency", "eur"), ("interval", "month")];
    let plan = local.make("/v1/plans", &plan).await;
    let form = [("customer", customer.as_str()), ("items[0][plan]", &plan), ("items[0][quantity]", "3")];
    let (running, ended) = (local.make("/v1/subscriptions", &form).await, local.make("/v1/subscriptions", &form).await);
    local.call("DELETE", &format!("/v1/subscriptions/{ended}"), &[]).await;

    let shop = local.source();
    let (orders, _) = everything(&shop).await;
    let now = Timestamp::now();
    let (running, ended) = (find(&orders, &running), find(&orders, &ended));
    assert_eq!((running.standing, running.status.as_deref()), (Standing::Subscribed, Some("active")));
    let left = running.period_end.unwrap().duration_since(now);
    assert!(left > SignedDuration::from_hours(27 * 24) && left < SignedDuration::from_hours(32 * 24), "{left}");
    assert_eq!((running.items[0].product.as_str(), running.items[0].quantity), (product.as_str(), 3));
    assert_eq!((ended.standing, ended.status.as_deref()), (Standing::Subscribed, Some("canceled")));
    assert!(ended.period_end.unwrap() <= now);
    for order in [running, ended] {
        agrees(&shop, order).await;
    }
}

#[tokio::test]
#[ignore = "needs localstripe"]
async fn localstripe_events_name_what_changed() {
    let local = Local::start();
    let buyer = local.customer("carl@example.com").await;
    let before = Timestamp::now();
    let first = local.pay(&buyer, "prod_a").await;
    let shop = local.source();
    let plan = Read::Since { watermark: before, last_count: None };
    let (pages, report) = read(&shop, plan).await;
    let report = report.unwrap();
    assert_eq!((report.scope, report.orders), (Scope::Changes, 1));
    assert_eq!(find(&pages.concat(), &first).standing, Standing::Paid);
    assert!(report.watermark >= Some(before));

    let second = local.pay(&buyer, "prod_a").await;
    let (pages, report) = read(&shop, Read::Since { watermark: report.watermark.unwrap(), last_count: None }).await;
    assert_eq!(report.unwrap().orders, 1, "the first one was dealt with");
    assert_eq!(find(&pages.concat(), &second).standing, Standing::Paid);
}

#[tokio::test]
#[ignore = "needs localstripe"]
async fn localstripe_cursors_that_vanish_lose_no_order() {
    let local = Local::start();
    let buyer = local.customer("dora@example.com").await;
    let mut made = Vec::new();
    for _ in 0..205 {
        made.push(local.pay(&buyer, "prod_a").await);
    }
    let shop = local.source();
    let mut reading = shop.read(FULL);
    let Step::Page(first) = reading.next().await.unwrap() else { panic!("a page") };
    assert_eq!(first.len(), 100);
    // It begins anew, oldest first, where the object of the cursor is gone.
    let last = first.last().unwrap().id.to_string();
    local.call("DELETE", &format!("/v1/payment_intents/{last}"), &[]).await;
    let mut ids: Vec<String> = first.iter().map(|order| order.id.to_string()).collect();
    loop {
        match reading.next().await.unwrap() {
            Step::Page(page) => ids.extend(page.iter().map(|order| order.id.to_string())),
            Step::Done(report) => break assert_eq!(report.orders, 205),
            other @ Step::Adjustments(_) => panic!("{other:?}"),
        }
    }
    ids.sort();
    made.sort();
    assert_eq!(ids, made, "none lost, none twice");
}
