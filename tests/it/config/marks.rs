//! The mark of the byte order, which some editors put before every text, means nothing in any file that is read.

use crate::support::home::Home;

fn marked(text: &str) -> String {
    format!("\u{feff}{text}")
}

#[test]
fn every_file_may_begin_with_the_mark_of_its_byte_order() {
    for (name, orders) in [
        (
            "orders.json",
            "[{\"id\": 1, \"productId\": \"prd_pro\", \"user\": {\"email\": \"ann@example.com\"}, \"status\": \"paid\"}]",
        ),
        ("orders.yaml", "- {id: 1, productId: prd_pro, user: {email: ann@example.com}, status: paid}\n"),
    ] {
        let home = Home::new();
        home.write(name, &marked(orders));
        home.write(".env", &marked("FIRST=the-app-of-the-test\n"));
        home.write("secret.txt", &marked("a-secret-that-is-long"));
        home.write(
            "entitlements.yaml",
            &marked(&format!(
                "version: 1
logto: {{endpoint: sandbox}}
sources:
  file: {{kind: file, path: {name}}}
  api:
    kind: http
    url: https://shop.example.com
    headers: {{X-App: \"${{FIRST}}\"}}
    auth: {{kind: bearer, token: \"${{file:secret.txt}}\"}}
    list: {{path: /orders, items: $.result, paging: {{kind: none}}}}
    map: {{id: $.id, products: \"$.products[*]\", email: $.email}}
    status:
      - {{when: \"@.status == 'paid'\", as: paid}}
prune: owned
products: {{prd_pro: {{entitlements: [{{role: paid-tier}}]}}}}
"
            )),
        );
        home.entitled(&["check"]).exits(0);
        let tested = home.entitled(&["source", "test", "file"]).exits(0);
        assert!(tested.out.contains("1 order"), "{}", tested.out);
    }
}
