//! What was bought: how many, and by line where the API tells lines apart.

use entitled::model::{Item, Odd, OddPart, Oddity, Order, ReadOrder, Renewal, Standing, Term};
use entitled::source::http::mapping::Mapper;
use serde_json::{Value, json};

use super::{FULL, now, read, source};
use crate::support::preset::http_source;
use crate::support::replay::{Line, Replay};

fn mapped(map: &str, raw: Value) -> ReadOrder {
    let yaml = format!(
        "\nlist: {{path: /, items: $, paging: {{kind: none}}}}\nmap: {{id: $.id, email: $.email, {map}}}\nstatus: [{{when: \"@.paid\", as: paid}}]\n"
    );
    let http = http_source(&yaml, "https://shop.example.com");
    Mapper::new(&http.map, &http.status).order(raw, now()).unwrap()
}

fn items(map: &str, raw: Value) -> Vec<(String, u32, Option<Standing>)> {
    let ReadOrder { order, odd, .. } = mapped(map, raw);
    assert_eq!(odd, [], "{map}");
    let item = |Item { product, quantity, standing, .. }| (product.to_string(), quantity, standing);
    order.items.into_iter().map(item).collect()
}

fn item(product: &str, quantity: u32, standing: Option<Standing>) -> (String, u32, Option<Standing>) {
    (product.to_owned(), quantity, standing)
}

#[test]
fn one_quantity_is_that_of_the_order_and_several_are_those_of_the_products() {
    let whole = "products: $.product, quantity: $.quantity";
    assert_eq!(items(whole, json!({"id": 1, "product": "a", "quantity": 3})), [item("a", 3, None)]);
    assert_eq!(items(whole, json!({"id": 1, "product": "a", "quantity": "2"})), [item("a", 2, None)]);
    for nothing in [json!({"id": 1, "product": "a"}), json!({"id": 1, "product": "a", "quantity": null})] {
        assert_eq!(items(whole, nothing), [item("a", 1, None)]);
    }
    let each = "products: '$.items[*].product', quantity: '$.items[*].count'";
    let line = |product, count: u32| json!({"product": product, "count": count});
    let raw = json!({"id": 1, "items": [line(json!("a"), 2), line(json!(null), 5), line(json!("b"), 3)]});
    assert_eq!(items(each, raw), [item("a", 2, None), item("b", 3, None)], "a product that is gone keeps its place");
}

#[test]
fn a_quantity_that_fits_nothing_counts_as_one_and_is_named() {
    let each = "products: '$.items[*].product', quantity: '$.items[*].count'";
    let raw = json!({"id": 1, "items": [{"product": "a", "count": 1}, {"product": "b", "count": 2}, {"product": "c"}]});
    let read = mapped(each, raw);
    assert_eq!(read.items, ["a", "b", "c"].map(|product| Item::one(product.into())));
    assert!(matches!(&read.odd[..], [Odd { what: Oddity::Quantities, value, .. }] if value == "[1,2]"), "{read:?}");
    let whole = "products: $.product, quantity: $.quantity";
    for odd in [json!(1.5), json!(-1), json!("many"), json!({"n": 1})] {
        let read = mapped(whole, json!({"id": 1, "paid": true, "product": "a", "quantity": odd}));
        assert_eq!((read.standing, &read.items[..]), (Standing::Paid, &[Item::one("a".into())][..]), "{odd}");
        let [Odd { part: OddPart::Quantity, what: Oddity::NoQuantity, path, value }] = &read.odd[..] else {
            panic!("{odd}: {read:?}")
        };
        let shown = odd.as_str().map_or_else(|| odd.to_string(), str::to_owned);
        assert_eq!((path.as_str(), value), ("$.quantity", &shown));
    }
}

/// What a line is paid for, and until when, whatever its order says.
#[test]
fn a_line_is_paid_for_good_as_its_order_is_or_until_an_end_of_its_own() {
    let map = "period_end: $.end, lines: {each: $.lines, product: $.product, period_end: $.end, status: [\
        {when: \"@.cycle == null\", as: paid}, {when: \"@.cycle\", as: subscribed}]}";
    let terms = |raw| {
        let ReadOrder { order, odd, .. } = mapped(map, raw);
        let terms = order.items.iter().map(|item| (item.standing, item.term)).collect::<Vec<_>>();
        (order.standing, terms, odd.len())
    };
    let (once, monthly) = (Some(Standing::Paid), Some(Standing::Subscribed));
    let end: jiff::Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    let line = |cycle: &str, end: &str| json!({"product": "a", "cycle": serde_json::from_str::<Value>(cycle).unwrap(), "end": serde_json::from_str::<Value>(end).unwrap()});
    let own = line("{\"interval\": \"month\"}", "\"2026-06-01T00:00:00Z\"");
    let of_order = line("{\"interval\": \"month\"}", "null");
    let lines = [line("null", "null"), of_order.clone(), own.clone(), line("null", "\"2026-06-01T00:00:00Z\"")];
    let raw = json!({"id": 1, "paid": true, "end": "2026-05-01T00:00:00Z", "lines": lines});
    let expected =
        vec![(once, Term::Once), (monthly, Term::OfOrder), (monthly, Term::Until(end)), (once, Term::Until(end))];
    assert_eq!(terms(raw), (Standing::Paid, expected, 0));
    // Nobody says until when the one line is paid; of two, the other one stands for itself.
    let raw = json!({"id": 1, "paid": true, "lines": [of_order]});
    assert_eq!(terms(raw), (Standing::Unknown, vec![(monthly, Term::OfOrder)], 1));
    let raw = json!({"id": 1, "paid": true, "lines": [line("{}", "null"), own]});
    assert_eq!(terms(raw), (Standing::Paid, vec![(monthly, Term::OfOrder), (monthly, Term::Until(end))], 0));
    // A line that cannot be read until when.
    let raw = json!({"id": 1, "paid": true, "end": "2026-05-01T00:00:00Z", "lines": [line("{}", "\"soon\"")]});
    assert_eq!(terms(raw), (Standing::Unknown, vec![(monthly, Term::OfOrder)], 1));
}

/// A line that is bought once or by the month says nothing of whether it is paid.
#[test]
fn no_line_of_an_order_that_is_not_paid_is_paid() {
    use Standing::{Disputed, Expired, Paid, PartiallyRefunded, Pending, Refunded, Subscribed, Unknown, Void};
    let map = "period_end: $.end, lines: {each: $.lines, product: $.product, status: [\
        {when: \"@.as == 'paid'\", as: paid}, {when: \"@.as == 'subscribed'\", as: subscribed}, {when: \"@.as == 'refunded'\", as: refunded}]}";
    for (order, paid, subscribed, refunded) in [
        (Pending, Pending, Pending, Refunded),
        (Expired, Expired, Expired, Refunded),
        (Paid, Paid, Subscribed, Refunded),
        (PartiallyRefunded, Paid, Subscribed, Refunded),
        (Disputed, Paid, Subscribed, Refunded),
        (Refunded, Refunded, Refunded, Refunded),
        (Void, Void, Void, Void),
        (Unknown, Unknown, Unknown, Unknown),
    ] {
        for (word, expected) in [("paid", paid), ("subscribed", subscribed), ("refunded", refunded)] {
            let raw = json!({"id": 1, "end": "2026-06-01T00:00:00Z", "lines": [{"product": "a", "as": word}]});
            let read = Order { standing: order, ..mapped(map, raw).order };
            assert_eq!(read.standing_of(&read.items[0]), expected, "{word} in an order that is {order}");
        }
    }
}

const LINES: &str = "lines: {each: $.lines, product: [$.sku, $.product], quantity: $.left, status: [\
    {when: \"@.refunded == true\", as: refunded}]}";

#[test]
fn lines_have_their_own_product_quantity_and_standing() {
    let raw = json!({"id": 1, "lines": [
        {"product": "a", "left": 2},
        {"sku": "b", "product": "x", "refunded": true},
        {"title": "shipping", "left": 1},
        {"product": "c", "left": 3, "refunded": false},
    ]});
    let expected = [item("a", 2, None), item("b", 1, Some(Standing::Refunded)), item("c", 3, None)];
    assert_eq!(items(LINES, raw), expected);
    assert_eq!(items(LINES, json!({"id": 1})), []);
    assert_eq!(items(LINES, json!({"id": 1, "lines": []})), []);
    let read = mapped(LINES, json!({"id": 1, "paid": true, "lines": ["a", {"product": "b"}]}));
    assert_eq!((read.standing, &read.items[..]), (Standing::Unknown, &[Item::one("b".into())][..]));
    assert!(matches!(&read.odd[..], [Odd { what: Oddity::NoLine, value, .. }] if value == "a"), "{read:?}");
}

/// A table of endings says of the others nothing; one that names the paid lines says that the others are not.
#[test]
fn a_line_that_no_rule_knows_is_unknown_where_the_rules_say_which_lines_entitle() {
    let raw = || json!({"id": 1, "lines": [{"product": "a", "is": "sent"}, {"product": "b", "is": "weird"}]});
    for (rules, known, unknown) in [
        ("{when: \"@.is == 'sent'\", as: paid}", Some(Standing::Paid), Some(Standing::Unknown)),
        ("{when: \"@.is == 'sent'\", as: subscribed}", Some(Standing::Subscribed), Some(Standing::Unknown)),
        (
            "{when: \"@.is == 'back'\", as: refunded}, {when: \"@.is == 'sent'\", as: paid}",
            Some(Standing::Paid),
            Some(Standing::Unknown),
        ),
        ("{when: \"@.is == 'sent'\", as: refunded}", Some(Standing::Refunded), None),
        ("{when: \"@.is == 'sent'\", as: pending}", Some(Standing::Pending), None),
    ] {
        let lines = format!("period_end: $.end, lines: {{each: $.lines, product: $.product, status: [{rules}]}}");
        assert_eq!(items(&lines, raw()), [item("a", 1, known), item("b", 1, unknown)], "{rules}");
    }
}

#[test]
fn a_line_that_is_set_to_0_is_no_part_of_an_order_in_which_others_stay() {
    let of = |lines: Value| items(LINES, json!({"id": 1, "lines": lines}));
    let stays = || json!({"product": "a", "left": 2});
    for zero in [json!(0), json!(0.0), json!("0")] {
        let gone = || json!({"product": "b", "left": zero});
        assert_eq!(of(json!([stays(), gone()])), of(json!([stays()])), "as if it were not there");
        assert_eq!(of(json!([gone(), stays(), gone()])), of(json!([stays()])));
        // All of it was taken back, which the API says.
        assert_eq!(of(json!([gone()])), [item("b", 1, Some(Standing::Void))]);
        let all = [item("b", 1, Some(Standing::Void)), item("b", 1, Some(Standing::Void))];
        assert_eq!(of(json!([gone(), gone(), {"title": "shipping", "left": 1}])), all);
    }
    // Where some of the order was paid back, it was this.
    let http = http_source(
        &format!(
            "\nlist: {{path: /, items: $, paging: {{kind: none}}}}\nmap: {{id: $.id, email: $.email, {LINES}}}\nstatus: [{{when: \"@.some\", as: partially_refunded}}]\n"
        ),
        "https://shop.example.com",
    );
    let raw = json!({"id": 1, "some": true, "lines": [stays(), {"product": "b", "left": 0}]});
    let read = Mapper::new(&http.map, &http.status).order(raw, now()).unwrap();
    let standings: Vec<_> = read.items.iter().map(|item| (item.product.as_str(), item.standing)).collect();
    assert_eq!(standings, [("a", None), ("b", Some(Standing::Void))]);
    const PRODUCTS: &str = "products: '$.lines[*].product', quantity: '$.lines[*].left'";
    let raw = json!({"id": 1, "lines": [{"product": "a", "left": 2}, {"product": "b", "left": 0}]});
    assert_eq!(items(PRODUCTS, raw), [item("a", 2, None)]);
    let raw = json!({"id": 1, "lines": [{"product": "a", "left": 0}]});
    assert_eq!(items(PRODUCTS, raw), [item("a", 1, Some(Standing::Void))]);
}

#[test]
fn a_subscription_has_the_end_of_its_paid_period() {
    let http = http_source(
        "
list: {path: /, items: $, paging: {kind: none}}
map: {id: $.id, email: $.email, products: $.plan, period_end: [$.ends_at, $.renews_at]}
status: [{when: \"@.status == 'active'\", as: subscribed}]
",
        "https://shop.example.com",
    );
    let mapper = Mapper::new(&http.map, &http.status);
    let active =
        json!({"id": 1, "plan": "p", "status": "active", "renews_at": "2024-05-06T07:08:09Z", "ends_at": null});
    let order = mapper.order(active, now()).unwrap();
    assert_eq!((order.standing, order.period_end), (Standing::Subscribed, "2024-05-06T07:08:09Z".parse().ok()));
    let endless = mapper.order(json!({"id": 1, "plan": "p", "status": "active"}), now()).unwrap();
    assert_eq!(endless.standing_of(&endless.items[0]), Standing::Unknown);
    let said: Vec<String> = endless.odd.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["nothing stands at `$.ends_at` or `$.renews_at`"]);
    let broken = mapper.order(json!({"id": 1, "plan": "p", "status": "active", "ends_at": "soon"}), now()).unwrap();
    assert!(matches!(&broken.odd[..], [Odd { what: Oddity::NoTime, .. }]), "said once: {broken:?}");
}

#[test]
fn a_subscription_that_is_cancelled_says_so_by_a_filter() {
    let source = |filter: &str| {
        http_source(
            &format!(
                "
list: {{path: /, items: $, paging: {{kind: none}}}}
map: {{id: $.id, email: $.email, products: $.plan, period_end: $.ends_at{filter}}}
status: [{{when: \"@.status == 'active'\", as: subscribed}}]
"
            ),
            "https://shop.example.com",
        )
    };
    let filter = ", cancelled: \"@.cancel_at_period_end == true || @.scheduled_change.action == 'cancel'\"";
    for (filter, more, renewal) in [
        ("", json!({"cancel_at_period_end": true}), Renewal::Expected),
        (filter, json!({}), Renewal::Expected),
        (filter, json!({"cancel_at_period_end": false, "scheduled_change": null}), Renewal::Expected),
        (filter, json!({"cancel_at_period_end": true}), Renewal::Off),
        (filter, json!({"scheduled_change": {"action": "cancel"}}), Renewal::Off),
        (filter, json!({"scheduled_change": {"action": "pause"}}), Renewal::Expected),
    ] {
        let http = source(filter);
        let mut order = json!({"id": 1, "plan": "p", "status": "active", "ends_at": "2024-05-06T07:08:09Z"});
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let order = Mapper::new(&http.map, &http.status).order(order, now()).unwrap();
        assert_eq!(order.renewal, renewal, "{more}");
    }
}

/// As Shopify tells a refund of one of two lines: what was given back is refunded, whatever its order says of the rest.
#[test]
fn a_line_of_0_that_was_refunded_by_its_own_word_stays_beside_the_others() {
    let map =
        "lines: {each: $.lines, product: $.product, quantity: $.left, status: [{when: \"@.left == 0\", as: refunded}]}";
    let raw = json!({"id": 1, "paid": true, "lines": [{"product": "a", "left": 0}, {"product": "b", "left": 2}]});
    assert_eq!(items(map, raw), [item("a", 1, Some(Standing::Refunded)), item("b", 2, None)]);
    // What only calls itself paid is none the less gone.
    let map = map.replace("as: refunded", "as: paid");
    let raw = json!({"id": 1, "paid": true, "lines": [{"product": "a", "left": 0}]});
    assert_eq!(items(&map, raw), [item("a", 1, Some(Standing::Void))]);
}

#[test]
fn what_was_bought_may_stand_in_a_map() {
    let map = "lines: {entries: [$.cart, $.bag], product: $.key, quantity: $.value}";
    let raw = json!({"id": 1, "paid": true, "cart": {"prd_a": 2, "prd_b": "1"}});
    assert_eq!(items(map, raw), [item("prd_a", 2, None), item("prd_b", 1, None)]);
    let raw = json!({"id": 1, "paid": true, "cart": null, "bag": {"7": 1}});
    assert_eq!(items(map, raw), [item("7", 1, None)], "the first path that has any");
    let raw = json!({"id": 1, "cart": {}});
    assert_eq!(items(map, raw), []);

    // What the key stands for may say more than how many.
    let map = "lines: {entries: $.cart, product: $.value.sku, id: $.key, quantity: $.value.n, status: \
               [{when: \"@.value.back == true\", as: refunded}]}";
    let raw =
        json!({"id": 1, "paid": true, "cart": {"l1": {"sku": "a", "n": 3}, "l2": {"sku": "b", "n": 1, "back": true}}});
    let read = mapped(map, raw.clone());
    assert_eq!(read.items.iter().map(|item| item.id.as_deref()).collect::<Vec<_>>(), [Some("l1"), Some("l2")]);
    assert_eq!(items(map, raw), [item("a", 3, None), item("b", 1, Some(Standing::Refunded))]);

    // Of what was paid something was sold, and what is no map is none.
    for (cart, what) in [(json!({}), Oddity::NoList), (json!([1]), Oddity::NoLine), (json!("prd_a"), Oddity::NoLine)] {
        let read = mapped(
            "lines: {entries: $.cart, product: $.key, quantity: $.value}",
            json!({"id": 1, "paid": true, "cart": cart}),
        );
        assert!(matches!(&read.odd[..], [odd] if odd.what == what), "{cart}: {read:?}");
    }
}

#[tokio::test]
async fn a_recording_keeps_what_is_read_of_a_map_of_lines_and_nothing_else() {
    let rows =
        json!([{"id": 1, "paid": true, "email": "a@example.com", "cart": {"x/1": {"sku": "prd_a", "for": "Ann"}}}]);
    let server = Replay::start(vec![Line::json("/", rows)]).await;
    let yaml = "\nlist: {path: /, items: $, paging: {kind: none}}\nmap: {id: $.id, email: $.email, \
                lines: {entries: $.cart, product: $.value.sku, id: $.key}}\nstatus: [{when: \"@.paid\", as: paid}]\n";
    let mut shop = source(http_source(yaml, &server.url));
    assert!(shop.record());
    read(&shop, FULL).await.1.unwrap();
    let home = tempfile::tempdir().unwrap();
    shop.keep_recording(&home.path().join("kept")).unwrap();
    let kept = std::fs::read_to_string(home.path().join("kept/0001.json")).unwrap();
    assert!(kept.contains("prd_a") && kept.contains("x/1") && !kept.contains("Ann"), "{kept}");
}
