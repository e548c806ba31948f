//! The paths of the simulated shop: the OpenBitum order API, and what a person may do to an order.

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::state::{Customer, Shelf, Times};
use super::{CLIENT_ID, CLIENT_SECRET, ISSUER, STATIC_TOKEN};
use crate::model::{ProductId, UserId};
use crate::sandbox::exchange::{Answer, Call};
use crate::sandbox::faults::{Fault, Knobs};
use crate::sandbox::token::{self, Claims, ClientAuth, LIFETIME, TokenCall};

/// So many orders are in the inventory.
const SHOWN: usize = 50;

/// What every call may use.
pub(super) struct Scene<'a> {
    pub(super) call: &'a Call,
    pub(super) shelf: &'a mut Shelf,
    pub(super) knobs: &'a Knobs,
    pub(super) fault: Option<Fault>,
    /// The generation of the simulated Logto's tokens, which open this shop too.
    pub(super) logto_generation: u64,
}

/// Carries a call out.
pub(super) fn answer(mut scene: Scene<'_>) -> Answer {
    let segments = scene.call.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (scene.call.method.as_str(), path.as_slice()) {
        ("POST", ["oidc", "token"]) => token(&scene),
        ("GET", ["api", "products"]) => {
            let rows: Vec<Value> = scene.shelf.products().map(|product| product.row()).collect();
            Answer::json(StatusCode::OK, &rows.into())
        }
        ("GET", ["api", "products", id]) => {
            scene.shelf.product(id).map_or_else(missing, |product| Answer::json(StatusCode::OK, &product.row()))
        }
        ("POST", ["api", "checkout", "initiate"]) => checkout(&mut scene),
        ("GET", ["api", "orders", id]) => {
            scene.shelf.order(id).map_or_else(missing, |order| Answer::json(StatusCode::OK, &order.public_row()))
        }
        ("GET", ["checkout", id]) => match scene.shelf.order(id) {
            Some(order) => Answer::text(
                StatusCode::OK,
                &format!(
                    "order {id} is {}\n\nto pay it:\n  curl -X POST {}/sandbox/orders/{id}/pay\n",
                    order.status,
                    scene.call.origin()
                ),
            ),
            None => missing(),
        },
        (method, ["api", "merchant", rest @ ..]) => match admit(&scene) {
            Ok(()) => merchant(&mut scene, method, rest),
            Err(refused) => refused,
        },
        _ => missing(),
    }
}

fn merchant(scene: &mut Scene<'_>, method: &str, path: &[&str]) -> Answer {
    match (method, path) {
        ("GET", ["orders"]) => list(scene),
        ("GET", ["orders", id]) => {
            scene.shelf.order(id).map_or_else(missing, |order| Answer::json(StatusCode::OK, &order.row()))
        }
        ("POST", ["orders", id, "refund"]) => mark(scene.shelf, id, "refunded"),
        (_, ["orders"] | ["orders", _] | ["orders", _, "refund"]) => {
            refused(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "method not allowed")
        }
        _ => missing(),
    }
}

/// `GET /sandbox/shop`: what is for sale, and the orders that changed last. No fault befalls it.
pub(super) fn inventory(shelf: &Shelf) -> Answer {
    let products: Vec<Value> = shelf.products().map(|product| product.row()).collect();
    let orders: Vec<Value> = shelf.latest().take(SHOWN).map(|order| order.row()).collect();
    Answer::json(StatusCode::OK, &json!({ "products": products, "orders": orders }))
}

/// `POST /sandbox/orders`: somebody buys, and pays at once.
pub(super) fn buy(shelf: &mut Shelf, body: &[u8]) -> Answer {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |key: &str| body[key].as_str().filter(|text| !text.is_empty());
    let (Some(product), Some(email)) = (text("product"), text("email")) else {
        return refused(StatusCode::BAD_REQUEST, "invalid_body", "product and email are required");
    };
    if shelf.product(product).is_none() {
        return refused(StatusCode::NOT_FOUND, "not_found", &format!("there is no product {product}"));
    }
    let now = shelf.stamp();
    let id = shelf.make_order_id();
    let times = Times { created: now, paid: Some(now), updated: now };
    shelf.add_order(id.clone(), &ProductId::from(product), Customer::from(email), "paid", times);
    shelf.order(id.as_str()).map_or_else(missing, |order| Answer::json(StatusCode::OK, &order.row()))
}

/// `POST /sandbox/orders/{id}/{what}`: what the outside world does to an order.
pub(super) fn happen(shelf: &mut Shelf, id: &str, what: &str) -> Option<Answer> {
    let status = match what {
        "pay" => "paid",
        "refund" => "refunded",
        "partial-refund" => "partially_refunded",
        "expire" => "expired",
        "dispute" => "disputed",
        "void" => "void",
        _ => return None,
    };
    Some(mark(shelf, id, status))
}

fn mark(shelf: &mut Shelf, id: &str, status: &str) -> Answer {
    shelf.set_status(id, status);
    shelf.order(id).map_or_else(missing, |order| Answer::json(StatusCode::OK, &order.row()))
}

fn list(scene: &Scene<'_>) -> Answer {
    let number = |name: &str| scene.call.param(name).and_then(|text| text.parse::<usize>().ok());
    let offset = if scene.fault == Some(Fault::RepeatPage) { 0 } else { number("offset").unwrap_or(0) };
    let limit = number("limit").unwrap_or(usize::MAX);
    let total = scene.shelf.order_count();
    let there = match scene.fault {
        Some(Fault::Empty) => 0,
        Some(Fault::LoseHalf) => total / 2,
        _ => total,
    };
    let mut rows: Vec<Value> =
        scene.shelf.latest().take(there).skip(offset).take(limit).map(|order| order.row()).collect();
    if let Some(first) = rows.first_mut().and_then(Value::as_object_mut) {
        match scene.fault {
            Some(Fault::NoId) => drop(first.remove("id")),
            Some(Fault::UnknownStatus) => drop(first.insert("status".to_owned(), "on_hold".into())),
            _ => {}
        }
    }
    let total = if scene.fault == Some(Fault::Empty) { 0 } else { total };
    let body = match &scene.knobs.envelope {
        None => Value::Array(rows),
        Some(key) => json!({ key: rows, "total": total }),
    };
    Answer::json(StatusCode::OK, &body)
}

/// Makes a pending order, and says where to pay it.
fn checkout(scene: &mut Scene<'_>) -> Answer {
    let body: Value = match serde_json::from_slice(&scene.call.body) {
        Ok(body) => body,
        Err(error) => return refused(StatusCode::BAD_REQUEST, "invalid_json", &error.to_string()),
    };
    let text = |key: &str| body[key].as_str().filter(|text| !text.is_empty());
    let Some(product) = text("productId") else {
        return refused(StatusCode::BAD_REQUEST, "invalid_body", "productId is required");
    };
    if scene.shelf.product(product).is_none() {
        return refused(StatusCode::NOT_FOUND, "not_found", &format!("there is no product {product}"));
    }
    let buyer = Customer { user: text("userId").map(UserId::from), email: text("email").map(str::to_owned) };
    if buyer == Customer::default() {
        return refused(StatusCode::BAD_REQUEST, "invalid_body", "email is required");
    }
    let now = scene.shelf.stamp();
    let id = scene.shelf.make_order_id();
    let times = Times { created: now, paid: None, updated: now };
    scene.shelf.add_order(id.clone(), &ProductId::from(product), buyer, "pending", times);
    let url = format!("{}/checkout/{id}", scene.call.origin());
    Answer::json(StatusCode::OK, &json!({ "orderId": id, "checkoutUrl": url }))
}

fn token(scene: &Scene<'_>) -> Answer {
    let asked = TokenCall::read(scene.call);
    let oauth = |status: StatusCode, error: &str| Answer::json(status, &json!({ "error": error }));
    match asked.client() {
        ClientAuth::Basic { id, secret } | ClientAuth::Body { id, secret }
            if id == CLIENT_ID && secret == CLIENT_SECRET => {}
        ClientAuth::Missing | ClientAuth::Twice => return oauth(StatusCode::BAD_REQUEST, "invalid_request"),
        _ => return oauth(StatusCode::UNAUTHORIZED, "invalid_client"),
    }
    if asked.field("grant_type") != Some("client_credentials") {
        return oauth(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    let lifetime = scene.knobs.token_lifetime.unwrap_or(LIFETIME);
    let audience = asked.field("resource").or(asked.field("audience")).unwrap_or("sandbox-shop").to_owned();
    let token = token::mint(&Claims {
        issuer: ISSUER,
        client: CLIENT_ID,
        audience: &audience,
        scope: asked.field("scope"),
        lifetime,
        generation: scene.shelf.token_generation,
    });
    let body = json!({ "access_token": token, "expires_in": lifetime, "token_type": "Bearer" });
    Answer::json(StatusCode::OK, &body).with("cache-control", "no-store")
}

fn admit(scene: &Scene<'_>) -> Result<(), Answer> {
    let unauthorized = || refused(StatusCode::UNAUTHORIZED, "unauthorized", "a valid bearer token is required");
    let header = scene.call.header(AUTHORIZATION).and_then(|header| header.strip_prefix("Bearer "));
    let sent = header.ok_or_else(unauthorized)?.trim();
    if sent == STATIC_TOKEN {
        return Ok(());
    }
    let own = scene.shelf.token_generation;
    token::verify(sent, |issuer| match issuer {
        ISSUER => Some(own),
        crate::sandbox::logto::ISSUER => Some(scene.logto_generation),
        _ => None,
    })
    .map(|_| ())
    .map_err(|_| unauthorized())
}

fn missing() -> Answer {
    refused(StatusCode::NOT_FOUND, "not_found", "not found")
}

fn refused(status: StatusCode, error: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "message": message }))
}
