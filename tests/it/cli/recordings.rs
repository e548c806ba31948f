//! A source recorded, what the recording shows of it, and the recording in place of the source.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::home::Home;
use crate::support::replay::{Line, Replay};

/// What must not leave the machine that recorded.
const PRIVATE: [&str; 11] = [
    "ann@",
    "Ann",
    "Main Street",
    "90210",
    "4930123456",
    "s3cr3t",
    "sig=",
    "Happy Birthday",
    "Example Corp",
    "cus_token",
    "ben@",
];

const SHOP: &str = "      path: /v1/orders
      items: $.orders
      paging: {kind: next_url, next: $.next}
    get: {path: '/v1/orders/{id}', item: $.order}
    overlays:
      - {path: /v1/refunds, items: $, paging: {kind: none}, order_id: {path: $.title, prefix: 'Refund '}, when: \"@.state == 'done'\", as: refunded}
    map: {id: $.id, updated_at: $.at, paid_at: $.at, products: '$.lines[*].product', user_id: \"$.notes[?@.name == 'user'].value\", email: $.customer.email}
    status:
      - {when: \"@.status == 'paid'\", as: paid}
";

fn row(id: &str, status: &str, email: &str, user: &str) -> Value {
    json!({
        "id": id, "status": status, "at": "2026-05-01T10:00:00Z", "amount": 4900, "currency": "EUR",
        "customer": {"email": email, "name": "Ann Example", "company": "Example Corp", "phone": 4_930_123_456_u64,
                     "address": {"street": "1 Main Street", "zip": "90210"}},
        "lines": [{"product": "p1", "title": "Happy Birthday"}],
        "notes": [{"name": "user", "value": user}, {"name": "greeting", "value": "Happy Birthday, ann@example.com"}],
        "receipt": "https://pay.example.com/r/1?sig=abcdef", "client_secret": "cus_token",
        "echo": "you sent s3cr3t-of-the-shop",
    })
}

/// A shop of two pages that talks too much, and a file that reads it.
async fn shop() -> (Home, Replay) {
    let server = Replay::start(Vec::new()).await;
    let next = format!("{}/v1/orders?cursor=c2", server.url);
    let first =
        [row("o1", "paid", "ann@example.com", "anna4k7w2m9x"), row("o2", "on_hold", "ben@example.com", "ben8c3v6n1qz")];
    server.add(vec![
        Line::json(
            "/v1/refunds",
            json!([
                {"id": "r1", "title": "Refund o3", "state": "done"},
                {"id": "r2", "title": "Salary of Ann Example", "state": "done"},
            ]),
        ),
        Line::json("/v1/orders", json!({"orders": first, "next": next})).authorized("Bearer s3cr3t-of-the-shop"),
        Line::json("/v1/orders?cursor=c2", json!({"orders": [row("o3", "paid", "Ann@Example.com", "")], "next": null})),
        Line::json("/v1/orders/o1", json!({"order": row("o1", "paid", "ann@example.com", "anna4k7w2m9x")})),
    ]);
    let mut home = Home::new();
    home.set("SHOP_TOKEN", "s3cr3t-of-the-shop");
    let there = format!("    url: {}\n    auth: {{kind: bearer, token: \"${{SHOP_TOKEN}}\"}}\n", server.url);
    home.write("entitlements.yaml", &file(&there));
    (home, server)
}

fn file(there: &str) -> String {
    format!(
        "version: 1\nlogto: {{endpoint: sandbox}}\nprune: owned\nproducts: {{p1: {{entitlements: [{{role: beta}}]}}}}\n\
         sources:\n  shop:\n    kind: http\n{there}    list:\n{SHOP}"
    )
}

fn texts(home: &Home, folder: &str) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(home.path(folder)).unwrap().map(|entry| entry.unwrap());
    let mut texts: Vec<(String, String)> = entries
        .map(|entry| {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
            (entry.file_name().to_string_lossy().into_owned(), std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    texts.sort();
    texts
}

fn found(home: &Home) -> Value {
    serde_json::from_str(&home.entitled(&["source", "test", "shop", "-o", "json"]).exits(0).out).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_shows_nobody_and_reads_like_the_source() {
    let (home, server) = shop().await;
    let there = found(&home);
    let ran = home.entitled(&["source", "test", "shop", "--record", "kept"]).exits(0);
    ran.complains(&["4 answers kept in kept", "`recorded: kept` in place of `url` and `auth`"]);
    let kept = texts(&home, "kept");
    let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["0001.json", "0002.json", "0003.json", "0004.json", "recording.json"]);
    for (name, text) in &kept {
        for private in PRIVATE.into_iter().chain([server.url.as_str()]) {
            assert!(!text.contains(private), "{name} shows `{private}`:\n{text}");
        }
    }

    // From here on nobody is asked.
    home.write("entitlements.yaml", &file("    recorded: kept\n"));
    let asked = server.targets().len();
    let here = found(&home);
    for part in ["call", "total", "follows", "unreadable", "fields", "overlays", "again", "test_orders"] {
        assert_eq!(here[part], there[part], "{part}");
    }
    let orders = |found: &Value| -> Vec<Value> {
        let mut orders = found["orders"].as_array().unwrap().clone();
        orders.iter_mut().for_each(|order| order["buyer"]["email"] = Value::Null);
        orders
    };
    assert_eq!(orders(&here), orders(&there), "only addresses differ");
    assert_eq!(here["orders"][0]["buyer"]["email"], "buyer-1@example.com");
    assert_eq!(here["overlays"][0]["says"], json!([["refunded", 1]]), "what names no order is no refund");
    assert_eq!(here["orders"][1]["status"], "on_hold", "the API's own word for what is not mapped");
    let last: Value = serde_json::from_str(
        &kept.iter().find(|(_, text)| text.contains("\"o3\"") && text.contains("cursor=c2")).unwrap().1,
    )
    .unwrap();
    assert_eq!(last["body"]["orders"][0]["customer"]["email"], "buyer-1@example.com", "one buyer, however written");
    let plan = home.entitled(&["plan"]).exits(0).out;
    assert!(plan.contains("anna4k7w2m9x") && plan.contains("o1"), "{plan}");
    assert_eq!(server.targets().len(), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_written_to_an_empty_folder_only_and_says_what_it_lacks() {
    let (home, server) = shop().await;
    std::fs::create_dir(home.path("full")).unwrap();
    home.write("full/a.txt", "mine");
    let asked = server.targets().len();
    home.entitled(&["source", "test", "shop", "--record", "full"]).exits(1).complains(&["`full` is not empty"]);
    assert_eq!(server.targets().len(), asked, "nobody was asked");

    let ran = home.entitled(&["source", "test", "shop", "--record", "part", "--pages", "1"]).exits(0);
    ran.complains(&["warning: the recording is not of the whole list: it has more than 1 page"]);
    home.write("entitlements.yaml", &file("    recorded: part\n"));
    home.entitled(&["source", "test", "shop"]).exits(0);
    home.entitled(&["plan"])
        .exits(1)
        .complains(&["GET /v1/orders?cursor=c2: the recording holds no answer", "hint: record more pages"]);
    home.write("entitlements.yaml", &file("    recorded: nowhere\n"));
    home.entitled(&["source", "test", "shop"]).exits(1).complains(&["nowhere", "hint: `recorded` names a folder"]);
    home.write("entitlements.yaml", &file("    recorded: part\n    url: https://shop.example.com\n"));
    home.entitled(&["check"]).exits(1).complains(&["`url` is not allowed beside `recorded`"]);
}
