//! From the JSON of an order, and the presets that say where things stand in it.

use entitled::config::presets;
use entitled::model::{Email, Order, Standing};
use entitled::source::http::mapping::Mapper;
use serde_json::{Value, json};

use super::{FULL, now, read, source};
use crate::support::preset::http_source;
use crate::support::replay::{Line, Replay};

fn preset(name: &str) -> Mapper {
    let http = http_source(presets::text(name).unwrap(), "https://shop.example.com");
    Mapper::new(&http.map, &http.status)
}

fn mapped(name: &str, raw: Value) -> Order {
    preset(name).order(raw, now()).unwrap().order
}

fn products(order: &Order) -> Vec<&str> {
    order.items.iter().map(|item| item.product.as_str()).collect()
}

#[test]
fn every_preset_can_be_read() {
    for (name, text) in presets::PRESETS {
        let http = http_source(text, "https://shop.example.com");
        assert!(!http.map.id.is_empty() && !http.status.is_empty() && http.get.is_some(), "{name}");
        assert!(text.starts_with("# ") && text.contains("https://"), "{name} cites nothing");
    }
    assert!(presets::text("stripe").is_none());
}

#[test]
fn an_openbitum_order_is_read() {
    let order = mapped(
        "openbitum",
        json!({"id": "ord_1", "productId": "prd_1", "user": {"id": "lgto_1", "email": " Ann@Example.com "},
               "status": "paid", "paidAt": "2024-05-06T07:08:09Z", "amount": "49.00", "currency": "USDC"}),
    );
    assert_eq!(order.id.as_str(), "ord_1");
    assert_eq!(order.buyer.user.as_ref().unwrap().as_str(), "lgto_1");
    assert_eq!(order.buyer.email, Email::parse("ann@example.com"));
    assert_eq!(products(&order), ["prd_1"]);
    assert_eq!(order.standing, Standing::Paid);
    assert_eq!(order.status.as_deref(), Some("paid"));
    assert_eq!(order.paid_at, "2024-05-06T07:08:09Z".parse().ok());
    assert_eq!(order.updated_at, None);
}

#[tokio::test]
async fn openbitum_lists_in_any_usual_envelope() {
    let row = json!({"id": "ord_1", "productId": "prd_1", "status": "paid"});
    for body in [
        json!([row]),
        json!({"orders": [row]}),
        json!({"data": [row]}),
        json!({"items": [row]}),
        json!({"results": [row]}),
        json!({"result": [row]}),
    ] {
        let server = Replay::start(vec![Line::json("/api/merchant/orders", body.clone())]).await;
        let http = http_source(presets::text("openbitum").unwrap(), &server.url);
        let (pages, report) = read(&source(http), FULL).await;
        assert_eq!(report.unwrap_or_else(|error| panic!("{body}: {error}")).orders, 1);
        assert_eq!(pages[0][0].standing, Standing::Paid);
    }
}

#[test]
fn each_status_of_a_preset_has_its_standing() {
    use Standing::*;
    let openbitum = [("created", Pending), ("pending", Pending), ("paid_partial", Pending), ("paid", Paid)];
    let openbitum = openbitum.into_iter().chain([("expired", Expired), ("refunded", Refunded), ("novel", Unknown)]);
    for (word, standing) in openbitum {
        let order = mapped("openbitum", json!({"id": 1, "productId": "p", "status": word}));
        assert_eq!((order.standing, order.status.as_deref()), (standing, Some(word)));
    }
    let bitcart = [("pending", Pending), ("paid", Pending), ("confirmed", Pending), ("complete", Paid)];
    let bitcart = bitcart.into_iter().chain([
        ("expired", Expired),
        ("invalid", Void),
        ("refunded", Refunded),
        ("novel", Unknown),
    ]);
    for (word, standing) in bitcart {
        let order = mapped("bitcart", json!({"id": 1, "products": ["p"], "status": word, "exception_status": "none"}));
        assert_eq!((order.standing, order.status.as_deref()), (standing, Some(word)));
    }
    let medusa = [("not_paid", Pending), ("awaiting", Pending), ("authorized", Pending), ("captured", Paid)];
    let medusa = medusa.into_iter().chain([
        ("partially_refunded", PartiallyRefunded),
        ("refunded", Refunded),
        ("canceled", Void),
        ("requires_action", Pending),
        ("novel", Unknown),
    ]);
    for (word, standing) in medusa {
        let items = json!([{"title": "p"}]);
        let order = json!({"id": 1, "items": items, "status": "pending", "payment_status": word, "canceled_at": null});
        let order = mapped("medusa", order);
        assert_eq!((order.standing, order.status.as_deref()), (standing, Some(word)));
    }
}

#[test]
fn an_answer_without_the_date_of_cancellation_is_not_cancelled() {
    let captured = json!({"id": 1, "items": [{"title": "p"}], "payment_status": "captured"});
    assert_eq!(mapped("medusa", captured).standing, Standing::Paid);
    let cancelled = json!({"id": 1, "payment_status": "captured", "canceled_at": "2024-05-06T07:08:09Z"});
    let order = mapped("medusa", cancelled);
    assert_eq!((order.standing, order.ended_at), (Standing::Void, "2024-05-06T07:08:09Z".parse().ok()));
}

#[test]
fn an_order_paid_in_parts_is_paid_with_the_last() {
    let order = mapped(
        "medusa",
        json!({"id": 1, "payment_status": "captured", "items": [{"product_id": "a"}, {"product_id": null}, {"product_id": "b"}],
               "payment_collections": [{"payments": [{"captured_at": "2024-05-06T09:00:00Z"}, {"captured_at": null}]},
                                       {"payments": [{"captured_at": "2024-05-06T08:00:00Z"}]}]}),
    );
    assert_eq!(order.paid_at, "2024-05-06T09:00:00Z".parse().ok());
    assert_eq!(products(&order), ["a", "b"]);
}

#[test]
fn paths_are_tried_in_their_order_and_blanks_are_nothing() {
    let http = http_source(
        "
list: {path: /, items: $, paging: {kind: none}}
map: {id: [$.no, $.id], paid_at: [$.a, $.b], products: [$.none, $.list], user_id: [$.u1, $.u2], email: [$.e1, $.e2]}
",
        "https://shop.example.com",
    );
    let mapper = Mapper::new(&http.map, &http.status);
    let order = mapper
        .order(
            json!({"no": " ", "id": 18446744073709551615u64, "a": "", "b": 1714979289, "list": [7, "x"], "u1": "",
                      "u2": 42, "e1": "no address", "e2": "B@Example.com"}),
            now(),
        )
        .unwrap()
        .order;
    assert_eq!(order.id.as_str(), "18446744073709551615");
    assert_eq!(order.paid_at, "2024-05-06T07:08:09Z".parse().ok());
    assert_eq!(products(&order), ["7", "x"]);
    assert_eq!(order.buyer.user.unwrap().as_str(), "42");
    assert_eq!(order.buyer.email.unwrap().as_str(), "b@example.com");
    assert_eq!((order.standing, order.status), (Standing::Unknown, None), "no table, no standing");

    let nobody = mapper.order(json!({"id": "x"}), now()).unwrap().order;
    assert_eq!((nobody.buyer.user, nobody.buyer.email, nobody.items.len()), (None, None, 0));
    let odd = mapper.order(json!({"id": "x", "list": [{"id": 1}]}), now()).unwrap();
    assert_eq!(odd.odd[0].to_string(), "`{\"id\":1}` at `$.list` is not a product id");
}

#[test]
fn the_first_line_of_the_table_that_fits_decides() {
    let http = http_source(
        "
list: {path: /, items: $, paging: {kind: none}}
map: {id: $.id, products: $.product, email: $.email}
status:
  - {when: '@.refunded == true', as: refunded}
  - {when: \"@.meta.state == 'done' && @.kind\", as: paid}
  - {when: \"@.meta.state == 'open'\", as: pending}
",
        "https://shop.example.com",
    );
    let mapper = Mapper::new(&http.map, &http.status);
    let standing = |raw| {
        let order = mapper.order(raw, now()).unwrap().order;
        (order.standing, order.status)
    };
    assert_eq!(
        standing(json!({"id": 1, "refunded": true, "kind": 1, "meta": {"state": "done"}})).0,
        Standing::Refunded
    );
    assert_eq!(standing(json!({"id": 1, "product": "p", "kind": 0, "meta": {"state": "done"}})).0, Standing::Paid);
    assert_eq!(standing(json!({"id": 1, "meta": {"state": "odd"}})), (Standing::Unknown, Some("odd".into())));
}

/// What a guest is called is nothing odd; an address that lacks its sign is, where nobody else is named.
#[test]
fn what_is_written_like_an_address_and_is_none_is_shown_letter_by_letter() {
    let http = http_source(
        "
list: {path: /, items: $, paging: {kind: none}}
map: {id: $.id, user_id: $.user, email: [$.mail, $.other], products: $.plan}
status: [{when: \"@.id\", as: paid}]
",
        "https://shop.example.com",
    );
    let mapper = Mapper::new(&http.map, &http.status);
    let odd = |more: Value| {
        let mut raw = json!({"id": "1", "plan": "p"});
        raw.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let read = mapper.order(raw, now()).unwrap();
        read.odd.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for (mail, shown) in [
        ("at\u{ff20}x.example", r"at\u{ff20}x.example"),
        ("at\u{fe6b}x.example", r"at\u{fe6b}x.example"),
        ("at x@y.example", "at x@y.example"),
        ("@x.example", "@x.example"),
        ("zoë@", r"zo\u{eb}@"),
    ] {
        let said = [format!("`{shown}` at `$.mail` is not a valid email address")];
        assert_eq!(odd(json!({"mail": mail})), said);
        assert_eq!(odd(json!({"mail": mail, "other": "guest"})), said);
        assert_eq!(odd(json!({"mail": mail, "other": "ann@x.example"})), [""; 0], "{mail}");
        assert_eq!(odd(json!({"mail": mail, "user": "ann"})), [""; 0], "{mail}");
    }
    for guest in [json!(""), json!(null), json!("guest"), json!("n/a"), json!(false)] {
        assert_eq!(odd(json!({"mail": guest})), [""; 0], "{guest}");
    }
}

#[test]
fn times_without_a_zone_are_of_the_one_that_is_named() {
    let of = |zone: &str, at: &str| {
        let yaml = format!(
            "\nlist: {{path: /, items: $, paging: {{kind: none}}}}\nmap: {{id: $.id, email: $.email, products: $.p, paid_at: $.at{zone}}}\nstatus: [{{when: \"@.paid\", as: paid}}]\n"
        );
        let http = http_source(&yaml, "https://shop.example.com");
        let read = Mapper::new(&http.map, &http.status).order(json!({"id": 1, "p": "a", "at": at}), now()).unwrap();
        read.paid_at.unwrap().to_string()
    };
    let berlin = ", zone: Europe/Berlin";
    assert_eq!(of("", "2026-07-01 12:00:00"), "2026-07-01T12:00:00Z");
    assert_eq!(of(", zone: UTC", "2026-07-01 12:00:00"), "2026-07-01T12:00:00Z");
    assert_eq!(of(berlin, "2026-07-01 12:00:00"), "2026-07-01T10:00:00Z");
    assert_eq!(of(berlin, "2026-01-01T12:00:00"), "2026-01-01T11:00:00Z", "in winter");
    assert_eq!(of(berlin, "2026-07-01"), "2026-06-30T22:00:00Z");
    assert_eq!(of(berlin, "2026-07-01T12:00:00Z"), "2026-07-01T12:00:00Z", "one that tells its own");
    // Twice on that night: the earlier one.
    assert_eq!(of(berlin, "2025-10-26T02:30:00"), "2025-10-26T00:30:00Z");
}

#[test]
fn what_stands_for_none_is_none() {
    let yaml = "\nlist: {path: /, items: $, paging: {kind: none}}\nmap: {id: $.id, user_id: $.user, email: $.mail, products: '$.p[*]', \
                paid_at: [$.paid, $.made], ended_at: $.ended, none: [0, \"-\", \"0000-00-00\"]}\nstatus: [{when: \"@.ok\", as: paid}]\n";
    let http = http_source(yaml, "https://shop.example.com");
    let raw = json!({"id": 0, "ok": true, "user": 0, "mail": "ann@example.com", "p": ["-", "a"], "paid": 0,
                     "made": "2026-05-01", "ended": "0000-00-00"});
    let read = Mapper::new(&http.map, &http.status).order(raw, now()).unwrap();
    assert_eq!(read.odd, []);
    assert_eq!((read.buyer.user.clone(), read.ended_at), (None, None));
    assert_eq!(read.paid_at.unwrap().to_string(), "2026-05-01T00:00:00Z");
    assert_eq!(read.items.iter().map(|item| item.product.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(read.id.as_str(), "0", "an order may be called so");
}
