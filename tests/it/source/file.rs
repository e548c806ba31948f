//! Orders from a file.

use std::path::Path;

use entitled::config::settings::source::{SourceKind, SourceSettings};
use entitled::model::{Order, Standing};
use entitled::source::{Lookup, Read, Source};
use jiff::SignedDuration;

use super::{FULL, at, chain, of, read, refused};

fn file(path: &Path) -> Source {
    of(&SourceSettings {
        name: "shop".into(),
        line: 1,
        poll: SignedDuration::from_secs(30),
        full_read: None,
        kind: SourceKind::File(path.to_owned()),
        webhook: None,
    })
}

async fn orders(name: &str, text: &str) -> Vec<Order> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    let (pages, report) = read(&file(&path), FULL).await;
    let report = report.unwrap_or_else(|error| panic!("{}", chain(&error)));
    let orders = pages.concat();
    assert_eq!(report.orders, orders.len() as u64);
    orders
}

async fn error(name: &str, text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    chain(&refused(&file(&path), FULL).await)
}

const YAML: &str = "
- id: 012
  productId: no
  user: {id: lgto_1, email: Ann@Example.com}
  status: paid
  paidAt: 2024-05-06T07:10:00Z
  updatedAt: 2024-05-06T07:11:00Z
  amount: 49.00
  currency: USDC
- orderId: ord_2
  products: [a, 7]
  user: {email: bob@example.com}
  status: chargeback
";

const JSON: &str = r#"{"orders": [
  {"id": 12, "productId": "no", "user": {"id": "lgto_1", "email": "Ann@Example.com"}, "status": "paid",
   "paidAt": 1714979400, "updatedAt": "2024-05-06T07:11:00Z", "amount": "49.00", "currency": "\ud83d\ude00"},
  {"orderId": "ord_2", "products": ["a", 7], "user": {"id": null, "email": "bob@example.com"}, "status": "chargeback"}
]}"#;

#[tokio::test]
async fn yaml_and_json_read_the_same() {
    for (name, text, id) in [("orders.yaml", YAML, "012"), ("orders.json", JSON, "12")] {
        let orders = orders(name, text).await;
        let [first, second] = &orders[..] else { panic!("{orders:?}") };
        assert_eq!(first.id.as_str(), id, "a scalar is what it looks like");
        assert_eq!(first.items[0].product.as_str(), "no");
        assert_eq!(first.buyer.to_string(), "lgto_1 <ann@example.com>");
        assert_eq!((first.standing, first.paid_at, first.updated_at), (Standing::Paid, Some(at(10)), Some(at(11))));
        assert_eq!(second.items.iter().map(|item| item.product.as_str()).collect::<Vec<_>>(), ["a", "7"]);
        assert_eq!((second.standing, second.status.as_deref()), (Standing::Unknown, Some("chargeback")));
        assert_eq!(second.buyer.user, None);
    }
}

#[tokio::test]
async fn every_word_for_a_standing_is_known() {
    for standing in Standing::ALL {
        let text = format!("[{{id: a, productId: p, status: {standing}}}]");
        assert_eq!(orders("o.yaml", &text).await[0].standing, standing);
    }
    assert_eq!(orders("o.yaml", "[{id: a, productId: p, status: created}]").await[0].standing, Standing::Pending);
}

#[tokio::test]
async fn no_orders_must_be_said() {
    assert!(orders("o.yaml", "[]").await.is_empty());
    assert!(orders("o.json", "{\"orders\": []}").await.is_empty());
    assert!(error("o.yaml", "").await.contains("the file is empty"));
    assert!(error("o.json", " \n").await.contains("the file is empty"));
    assert!(!error("o.yaml", "# nothing\n").await.is_empty());
    assert!(!error("o.yaml", "orders:\n").await.is_empty());
}

#[tokio::test]
async fn a_wrong_entry_is_named_and_nothing_is_taken() {
    let good = "{id: good, productId: p, status: paid}";
    for (entry, says) in [
        ("{id: bad, productId: p, status: paid, paidat: 2024-05-06}", "paidat"),
        ("{id: bad, productId: p, status: paid, paidAt: soon}", "entry 2 (`bad`)"),
        ("{id: bad, productId: p}", "status"),
        ("{productId: p, status: paid}", "id"),
        ("{id: '', productId: p, status: paid}", "entry 2"),
        ("{id: bad, status: paid}", "entry 2 (`bad`): it has no `productId`"),
        ("{id: bad, products: [], status: paid}", "entry 2 (`bad`)"),
        ("{id: bad, productId: p, products: [q], status: paid}", "entry 2 (`bad`): it has both"),
        ("{id: bad, productId: p, status: paid, user: {email: nobody}}", "`nobody` is no email address"),
        ("{id: bad, productId: p, status: paid, user: {mail: a@example.com}}", "mail"),
        ("{id: good, productId: p, status: paid}", "entry 2 (`good`): entry 1 has the same id"),
    ] {
        let text = error("o.yaml", &format!("- {good}\n- {entry}\n")).await;
        assert!(text.contains(says), "{entry}: {text}");
    }
    let json =
        r#"[{"id": "good", "productId": "p", "status": "paid"}, {"id": "bad", "productId": "p", "statu": "paid"}]"#;
    let text = error("o.json", json).await;
    assert!(text.contains("entry 2 (`bad`)") && text.contains("statu"), "{text}");
    for (name, broken) in [("o.yaml", "- {id: a"), ("o.json", "[{\"id\": \"a\""), ("o.yaml", "just text")] {
        assert!(!error(name, broken).await.is_empty());
    }
}

#[tokio::test]
async fn a_file_is_read_anew_each_time_and_may_shrink() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("orders.yaml");
    let source = file(&path);
    assert!(chain(&refused(&source, FULL).await).contains("cannot be opened"));
    std::fs::write(&path, "[{id: a, productId: p, status: paid}, {id: b, productId: p, status: paid}]").unwrap();
    assert!(matches!(source.get(&"b".into()).await, Ok(Lookup::Found(_))));
    std::fs::write(&path, "[{id: a, productId: p, status: refunded}]").unwrap();
    assert_eq!(read(&source, Read::Full { last_count: Some(9) }).await.1.unwrap().orders, 1);
    assert_eq!(source.get(&"b".into()).await.unwrap(), Lookup::Missing);
    let Lookup::Found(order) = source.get(&"a".into()).await.unwrap() else { panic!("not found") };
    assert_eq!(order.standing, Standing::Refunded);
}
