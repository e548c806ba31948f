//! The buttons that exist in sandbox mode only: buy, refund, break things in the simulators, over the HTTP that
//! a person with `curl` would use.
//!
//! What a button changes is told to the loop as a webhook of the shop would tell it: by the id of the order alone.

pub(crate) mod page;

use std::time::Duration;

use serde_json::{Value, json};

use super::App;
use super::error::Fault;
use super::page::{Break, Order, Product, Sandbox};
use crate::config::settings::source::SourceKind;
use crate::daemon::Hint;
use crate::http;
use crate::model::OrderId;
use crate::pass::active::Simulators;
use crate::sandbox::{Fault as Befalls, Knobs, Rule};
use crate::text::clean;

/// Longer than any simulator takes on a busy machine.
const WITHIN: Duration = Duration::from_secs(3);

/// What the simulators hold now. `None` where there are none, or where they do not answer.
pub(super) async fn look(app: &App) -> Option<Sandbox> {
    let simulators = app.open()?.active.simulators.clone()?;
    match read(&simulators).await {
        Ok(sandbox) => Some(sandbox),
        Err(error) => {
            tracing::debug!(%error, "the simulators do not answer");
            None
        }
    }
}

async fn read(simulators: &Simulators) -> Result<Sandbox, reqwest::Error> {
    let client = http::client(WITHIN);
    let get = async |url: String| client.get(url).send().await?.error_for_status()?.json::<Value>().await;
    let (shop, people, shop_faults, logto_faults) = tokio::try_join!(
        get(format!("{}/sandbox/shop", simulators.shop)),
        get(format!("{}/sandbox/users", simulators.logto)),
        get(format!("{}/sandbox/faults", simulators.shop)),
        get(format!("{}/sandbox/faults", simulators.logto)),
    )?;
    let text = |value: &Value| clean(value.as_str().unwrap_or_default()).into_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let product = |row: Value| Product {
        id: text(&row["id"]),
        name: text(&row["name"]),
        price: format!("{} {}", text(&row["price"]), text(&row["currency"])),
    };
    let order = |row: Value| Order {
        id: text(&row["id"]),
        product: text(&row["productId"]),
        buyer: text(row["user"].get("email").unwrap_or(&row["user"]["id"])),
        status: text(&row["status"]),
    };
    Ok(Sandbox {
        products: list(&shop["products"]).into_iter().map(product).collect(),
        buyers: list(&people).iter().map(|row| text(&row["primaryEmail"])).filter(|email| !email.is_empty()).collect(),
        orders: list(&shop["orders"]).into_iter().map(order).collect(),
        broken: broken(&shop_faults, &logto_faults),
    })
}

/// Which of the buttons are pressed.
fn broken(shop: &Value, logto: &Value) -> Vec<Break> {
    let has = |side: &Value, rule: &Rule| {
        let rules = serde_json::from_value::<Knobs>(side.clone()).map(|knobs| knobs.rules).unwrap_or_default();
        rules.contains(rule)
    };
    let is_broken = |one: &Break| match one {
        Break::LogtoTies => logto["ties"] == true,
        Break::LogtoDown => has(logto, &rule(*one)),
        Break::ShopDown | Break::ShopEmpty | Break::ShopHalf => has(shop, &rule(*one)),
    };
    Break::ALL.into_iter().filter(is_broken).collect()
}

fn rule(one: Break) -> Rule {
    match one {
        Break::LogtoDown | Break::ShopDown => Rule::refuse(503),
        Break::ShopEmpty => Rule::new(Befalls::Empty),
        Break::ShopHalf | Break::LogtoTies => Rule::new(Befalls::LoseHalf),
    }
}

/// A paid order for whoever has this address.
pub(super) async fn buy(app: &App, product: &str, email: &str) -> Result<(), Fault> {
    let shop = simulators(app)?.shop;
    let order = json!({ "product": product, "email": email.trim() });
    let answer = send(&format!("{shop}/sandbox/orders"), Some(order)).await?;
    tell(app, answer["id"].as_str().unwrap_or_default());
    Ok(())
}

/// Refunds an order, pays it, or what else `POST /sandbox/orders/{id}/{what}` does.
pub(super) async fn change(app: &App, order: &str, what: &str) -> Result<(), Fault> {
    let mut url = reqwest::Url::parse(&simulators(app)?.shop).map_err(|error| Fault::Wrong(error.to_string()))?;
    url.path_segments_mut().expect("an http address has a path").extend(["sandbox", "orders", order, what]);
    send(url.as_str(), None).await?;
    tell(app, order);
    Ok(())
}

/// Breaks one thing, or mends it where it is broken; `nothing` mends everything.
pub(super) async fn break_something(app: &App, what: &str) -> Result<(), Fault> {
    let simulators = simulators(app)?;
    let before = read(&simulators).await.map_err(Fault::Simulators)?.broken;
    let broken: Vec<Break> = match Break::ALL.into_iter().find(|one| one.word() == what) {
        Some(one) if before.contains(&one) => before.into_iter().filter(|other| *other != one).collect(),
        Some(one) => before.into_iter().chain([one]).collect(),
        None if what == "nothing" => Vec::new(),
        None => return Err(Fault::Wrong(format!("`{}` is nothing that can be broken", clean(what)))),
    };
    let rules = |of: &[Break]| {
        let rules: Vec<Rule> = broken.iter().filter(|one| of.contains(one)).map(|one| rule(*one)).collect();
        serde_json::to_value(rules).expect("rules are plain data")
    };
    let logto = json!({ "rules": rules(&[Break::LogtoDown]), "ties": broken.contains(&Break::LogtoTies) });
    let shop = json!({ "rules": rules(&[Break::ShopDown, Break::ShopEmpty, Break::ShopHalf]) });
    send(&format!("{}/sandbox/faults", simulators.logto), Some(logto)).await?;
    send(&format!("{}/sandbox/faults", simulators.shop), Some(shop)).await?;
    app.trigger().trigger(Hint::Everything);
    Ok(())
}

fn simulators(app: &App) -> Result<Simulators, Fault> {
    let open = app.open().ok_or(Fault::Closed)?;
    open.active.simulators.clone().ok_or_else(|| Fault::Missing("there are no simulators here".to_owned()))
}

async fn send(url: &str, body: Option<Value>) -> Result<Value, Fault> {
    let request = http::client(WITHIN).post(url);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let answer = request.send().await.map_err(Fault::Simulators)?;
    let status = answer.status();
    let body: Value = answer.json().await.unwrap_or_default();
    if status.is_success() {
        return Ok(body);
    }
    let why = body["message"].as_str().unwrap_or("no such thing");
    Err(Fault::Wrong(format!("the simulated shop says: {}", clean(why))))
}

/// As the shop's webhook would.
fn tell(app: &App, order: &str) {
    let Some(open) = app.open() else { return };
    for source in &open.active.config.sources {
        if matches!(source.kind, SourceKind::Sandbox(_)) {
            app.trigger().trigger(Hint::Order(source.name.clone(), OrderId::from(order)));
        }
    }
}
