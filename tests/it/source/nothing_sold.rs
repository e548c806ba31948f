//! A paid order of which no line and no product is found: nobody knows what it entitles to.

use entitled::model::{OddPart, ReadOrder, Standing};
use entitled::source::http::mapping::Mapper;
use serde_json::{Value, json};

use super::now;
use crate::support::preset::http_source;

const LINES: &str = "lines: {each: '$.items[*]', product: $.sku}";
const PRODUCT: &str = "products: $.product";
const PRODUCTS: &str = "products: '$.items[*].sku'";

fn mapped(map: &str, mut raw: Value, status: &str) -> ReadOrder {
    raw["id"] = json!("o1");
    raw["status"] = json!(status);
    let yaml = format!(
        "\nlist: {{path: /, items: $, paging: {{kind: none}}}}\nmap: {{id: $.id, email: $.email, {map}}}\nstatus:\n  \
         - {{when: \"@.status == 'paid'\", as: paid}}\n  - {{when: \"@.status == 'back'\", as: refunded}}\n  \
         - {{when: \"@.status == 'open'\", as: pending}}\n"
    );
    let http = http_source(&yaml, "https://shop.example.com");
    Mapper::new(&http.map, &http.status).order(raw, now()).unwrap()
}

/// The mapping, the order, and whether something is found at all.
fn cases() -> Vec<(&'static str, Value, bool)> {
    let mut all = Vec::new();
    for nothing in [json!(null), json!([]), json!({}), json!(""), json!("x"), json!(7)] {
        all.extend(
            [LINES, "lines: {each: $.items, product: $.sku}", PRODUCTS]
                .map(|map| (map, json!({"items": nothing}), false)),
        );
    }
    for map in [LINES, "lines: {each: $.items, product: $.sku}", PRODUCT, PRODUCTS] {
        all.push((map, json!({}), false));
    }
    for nothing in [json!(null), json!(""), json!("  "), json!([])] {
        all.push((PRODUCT, json!({"product": nothing}), false));
    }
    for map in [LINES, "lines: {each: $.items, product: $.sku}"] {
        all.push((map, json!({"items": [{"title": "shipping"}]}), true));
        all.push((map, json!({"items": [{"sku": null}]}), true));
        all.push((map, json!({"items": [{"sku": "p"}]}), true));
    }
    all.push((PRODUCTS, json!({"items": [{"sku": null}]}), true));
    all.push((PRODUCTS, json!({"items": [{"sku": "p"}, {"sku": null}]}), true));
    all.push((PRODUCT, json!({"product": "p"}), true));
    all
}

#[test]
fn a_paid_order_of_which_no_product_is_found_is_unknown_and_named() {
    for (map, raw, found) in cases() {
        let read = mapped(map, raw.clone(), "paid");
        let odd = read.odd.iter().any(|odd| odd.part == OddPart::Products && odd.makes_unknown());
        assert_eq!((odd, read.standing == Standing::Unknown), (!found, !found), "{map} {raw}: {read:?}");
    }
}

#[test]
fn an_order_that_entitles_to_nothing_may_have_no_products() {
    for (status, standing) in [("back", Standing::Refunded), ("open", Standing::Pending)] {
        for (map, raw) in
            [(LINES, json!({"items": []})), (LINES, json!({})), (PRODUCT, json!({})), (PRODUCTS, json!({}))]
        {
            let read = mapped(map, raw.clone(), status);
            assert_eq!((read.standing, read.odd.len()), (standing, 0), "{map} {raw} {status}");
        }
    }
}
