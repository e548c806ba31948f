//! A Stripe account that answers as the documentation says, over real HTTP.
//!
//! Lists come newest first, with `limit`, `starting_after` and the documented filters; a property that is an
//! id becomes an object only where `expand[]` names it, and one that has to be asked for is absent else.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Json, Response};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

/// What stands before the name of a property that is only given where it is asked for.
const ASKED: char = '+';

/// The account, and what it was asked.
#[derive(Clone)]
pub(in crate::source) struct Account {
    pub(in crate::source) url: String,
    state: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    objects: Vec<Value>,
    asked: Vec<String>,
    headers: Vec<HeaderMap>,
}

impl Account {
    pub(in crate::source) async fn start() -> Self {
        let state = Arc::new(Mutex::new(Held::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, state }
    }

    /// Adds an object, or replaces the one with its id.
    pub(in crate::source) fn put(&self, object: Value) -> &Self {
        let mut held = self.state.lock().unwrap();
        held.objects.retain(|old| old["id"] != object["id"]);
        held.objects.push(object);
        self
    }

    /// Changes some properties of an object.
    pub(in crate::source) fn set(&self, id: &str, changes: Value) -> &Self {
        let mut held = self.state.lock().unwrap();
        let object = held.objects.iter_mut().find(|object| object["id"] == id).unwrap();
        for (key, value) in changes.as_object().unwrap() {
            object[key] = value.clone();
        }
        self
    }

    /// As if there had never been such an object.
    pub(in crate::source) fn remove(&self, id: &str) -> &Self {
        self.state.lock().unwrap().objects.retain(|object| object["id"] != id);
        self
    }

    /// An event about an object as it is now (<https://docs.stripe.com/api/events/object>).
    pub(in crate::source) fn event(&self, id: &str, kind: &str, created: i64, about: &str) -> &Self {
        let object = self.state.lock().unwrap().objects.iter().find(|object| object["id"] == about).unwrap().clone();
        self.put(json!({
            "id": id, "object": "event", "api_version": "2020-08-27", "created": created, "livemode": false,
            "type": kind, "data": {"object": plain(object)},
        }))
    }

    /// Whether there is such an object.
    pub(in crate::source) fn has(&self, id: &str) -> bool {
        self.state.lock().unwrap().objects.iter().any(|object| object["id"] == id)
    }

    /// The paths and queries since the last time, in order.
    pub(in crate::source) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    /// The headers of every call.
    pub(in crate::source) fn headers(&self) -> Vec<HeaderMap> {
        self.state.lock().unwrap().headers.clone()
    }
}

async fn answer(State(state): State<Arc<Mutex<Held>>>, uri: Uri, headers: HeaderMap) -> Response {
    let url: reqwest::Url = format!("http://localhost{uri}").parse().unwrap();
    let query: Vec<(String, String)> =
        url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
    let mut held = state.lock().unwrap();
    held.headers.push(headers);
    let shown: Vec<String> = query
        .iter()
        .filter(|(key, _)| !["expand[]", "types[]", "limit"].contains(&key.as_str()))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    held.asked.push(format!("{} {}", url.path(), shown.join("&")).trim().to_owned());
    let path = url.path().trim_start_matches("/v1/");
    let kind = |path: &str| -> Option<&'static str> {
        Some(match path {
            "checkout/sessions" => "checkout.session",
            "payment_intents" => "payment_intent",
            "subscriptions" => "subscription",
            "subscription_items" => "subscription_item",
            "invoice_payments" => "invoice_payment",
            "refunds" => "refund",
            "disputes" => "dispute",
            "charges" => "charge",
            "invoices" => "invoice",
            "events" => "event",
            _ => return None,
        })
    };
    if let Some(kind) = kind(path) {
        let all = held.objects.iter().filter(|object| object["object"] == kind).cloned().collect();
        return listed(&held, all, &query);
    }
    if let Some(id) = path.strip_prefix("checkout/sessions/").and_then(|rest| rest.strip_suffix("/line_items")) {
        let session = held.objects.iter().find(|object| object["id"] == id).unwrap();
        return listed(&held, session["+line_items"].as_array().unwrap().clone(), &query);
    }
    let (list, id) = path.rsplit_once('/').unwrap();
    let found =
        held.objects.iter().find(|object| object["id"] == id && kind(list).is_some_and(|it| object["object"] == it));
    match found {
        Some(object) => sent(&expanded(&held, object.clone(), &expansions(&query, ""))),
        None => refusal(StatusCode::NOT_FOUND, "resource_missing", &format!("No such object: '{id}'")),
    }
}

/// <https://docs.stripe.com/api/errors>
fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({"error": {"type": "invalid_request_error", "code": code, "message": message}});
    (status, Json(body)).into_response()
}

fn listed(held: &Held, mut all: Vec<Value>, query: &[(String, String)]) -> Response {
    let parameter = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    // Of two of the same second, the one that came later is newer.
    all.reverse();
    all.sort_by_key(|object| std::cmp::Reverse(object["created"].as_i64()));
    let hides_ended = parameter("status").is_none() && all.iter().any(|object| object["object"] == "subscription");
    let types: Vec<&str> = query.iter().filter(|(key, _)| key == "types[]").map(|(_, value)| value.as_str()).collect();
    assert!(types.len() <= 20, "at most 20 types");
    all.retain(|object| {
        // A session that was still open when the list was made, and had no payment.
        if object["listed_late"] == true && parameter("payment_intent").is_none() {
            return false;
        }
        let points_at = |name: &str, field: &Value| parameter(name).is_none_or(|id| field == id);
        points_at("payment_intent", &object["payment_intent"])
            && points_at("subscription", &object["subscription"])
            && points_at("invoice", &object["invoice"])
            && points_at("payment[payment_intent]", &object["payment"]["payment_intent"])
            && (!hides_ended || object["status"] != "canceled")
            && (types.is_empty() || types.contains(&object["type"].as_str().unwrap()))
            && parameter("created[gte]").is_none_or(|from| object["created"].as_i64() >= from.parse().ok())
    });
    if let Some(after) = parameter("starting_after") {
        let Some(at) = all.iter().position(|object| object["id"] == after) else {
            return refusal(StatusCode::BAD_REQUEST, "resource_missing", &format!("No such object: '{after}'"));
        };
        all.drain(..=at);
    }
    let limit: usize = parameter("limit").map_or(10, |limit| limit.parse().unwrap());
    assert!(limit <= 100, "at most 100 objects a page");
    let has_more = all.len() > limit;
    all.truncate(limit);
    let expand = expansions(query, "data.");
    let data: Vec<Value> = all.into_iter().map(|object| expanded(held, object, &expand)).collect();
    sent(&json!({"object": "list", "url": "/v1", "has_more": has_more, "data": data}))
}

/// What no value of Rust holds stands for itself until here.
fn sent(value: &Value) -> Response {
    let body = value.to_string().replace("half-an-emoji", r"\ud83d").replace(r#""a-number-without-bounds""#, "1e400");
    ([("content-type", "application/json")], body).into_response()
}

fn expansions(query: &[(String, String)], prefix: &str) -> Vec<String> {
    let paths = query.iter().filter(|(key, _)| key == "expand[]").map(|(_, path)| path.as_str());
    paths
        .map(|path| {
            assert!(path.split('.').count() <= 4, "You cannot expand more than 4 levels of a property: {path}");
            path.strip_prefix(prefix).unwrap().to_owned()
        })
        .collect()
}

/// Without what has to be asked for, at any depth.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            map.into_iter().filter(|(key, _)| !key.starts_with(ASKED)).map(|(key, value)| (key, plain(value))).collect()
        }
        Value::Array(list) => list.into_iter().map(plain).collect(),
        other => other,
    }
}

fn expanded(held: &Held, object: Value, paths: &[String]) -> Value {
    let Value::Object(object) = object else { return object };
    let mut out = Map::new();
    for (key, value) in object {
        let asked = key.starts_with(ASKED);
        let name = key.trim_start_matches(ASKED).to_owned();
        let below: Vec<&str> = paths
            .iter()
            .filter_map(|path| path.strip_prefix(&name))
            .filter(|rest| rest.is_empty() || rest.starts_with('.'))
            .collect();
        if below.is_empty() {
            if !asked {
                out.insert(name, plain(value));
            }
            continue;
        }
        let deeper: Vec<String> =
            below.iter().map(|rest| rest.trim_start_matches('.').to_owned()).filter(|rest| !rest.is_empty()).collect();
        let value = match (&value, asked) {
            (Value::Array(list), true) => {
                let data: Vec<Value> = list.iter().take(10).cloned().map(plain).collect();
                json!({"object": "list", "has_more": list.len() > 10, "data": data})
            }
            (Value::String(id), false) => {
                let object =
                    held.objects.iter().find(|object| object["id"] == *id).unwrap_or_else(|| panic!("no {id}"));
                expanded(held, object.clone(), &deeper)
            }
            _ => value,
        };
        out.insert(name, value);
    }
    Value::Object(out)
}
