//! Orders from a file.

use std::path::Path;

use entitled::config::settings::source::{SourceKind, SourceSettings};
use entitled::model::{Order, ReadOrder, Standing};
use entitled::source::probe::Follows;
use entitled::source::{Lookup, Read, Source, Step};
use jiff::SignedDuration;

use super::{FULL, at, chain, of, read, refused};

/// Orders from the file at `path`.
pub(super) fn file(path: &Path) -> Source {
    of(&SourceSettings {
        name: "shop".into(),
        was: Vec::new(),
        line: 1,
        poll: SignedDuration::from_secs(30),
        full_read: None,
        slack: SignedDuration::ZERO,
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
        let text = format!("[{{id: a, productId: p, status: {standing}, periodEnd: 2027-01-01}}]");
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

/// The one odd order of a file with a good one before it and one after it.
async fn odd_order(name: &str, text: &str) -> ReadOrder {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    let file = file(&path);
    let mut reading = file.read(FULL);
    let Ok(Step::Page(orders)) = reading.next().await else { panic!("{text}: no page") };
    let (good, mut odd): (Vec<ReadOrder>, Vec<ReadOrder>) = orders.into_iter().partition(|read| read.odd.is_empty());
    let ids: Vec<&str> = good.iter().map(|order| order.id.as_str()).collect();
    assert_eq!((ids, odd.len()), (vec!["before", "after"], 1), "{text}");
    odd.remove(0)
}

#[tokio::test]
async fn nothing_follows_the_page_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("o.yaml");
    std::fs::write(&path, "- {id: o, productId: p, status: paid}").unwrap();
    assert_eq!(file(&path).trial(2).await.unwrap().follows, Follows::End);
}

#[tokio::test]
async fn a_wrong_entry_is_one_odd_order_and_the_others_are_read() {
    for (entry, says) in [
        (
            "{id: bad, productId: p, status: paid, paidat: 2024-05-06}",
            "`paidat` is no key of an order in a file, which has `id`, `productId`",
        ),
        ("{id: bad, productId: p, status: paid, paidAt: soon}", "`soon` at `paidAt` is not a time in a known form"),
        ("{id: bad, productId: p, status: paid, paidAt: 20261125}", "`20261125` at `paidAt` is a time before"),
        (
            "{id: bad, productId: p, status: paid, periodEnd: 0001-01-01}",
            "`0001-01-01` at `periodEnd` is a time before",
        ),
        ("{id: bad, productId: p}", "nothing stands at `status`"),
        ("{id: bad, status: paid}", "nothing stands at `productId`"),
        ("{id: bad, products: [], status: paid}", "`[]` at `products` is not a product id"),
        ("{id: bad, products: [{a: b}], status: paid}", "at `products` is not a product id"),
        ("{id: bad, productId: p, products: [q], status: paid}", "`p` at `productId` says the same as another key"),
        ("{id: bad, orderId: worse, productId: p, status: paid}", "`worse` at `id` says the same as another key"),
        (
            "{id: bad, productId: p, status: paid, user: {email: nobody}}",
            "`nobody` at `user.email` is not a valid email address",
        ),
        (
            "{id: bad, productId: p, status: paid, user: {mail: a@example.com}}",
            "`mail` is no key of `user`, which has `id` and `email`",
        ),
        ("{id: bad, productId: p, status: paid, cancelled: maybe}", "`maybe` at `cancelled` is neither true nor false"),
        ("{id: bad, productId: p, status: paid, user: ann}", "`ann` at `user` is not text"),
    ] {
        let text = format!(
            "- {{id: before, productId: p, status: paid}}\n- {entry}\n- {{id: after, productId: p, status: paid}}\n"
        );
        let odd = odd_order("o.yaml", &text).await;
        assert_eq!((odd.id.as_str(), odd.standing), ("bad", Standing::Unknown), "{entry}");
        let said = odd.odd[0].to_string();
        assert!(said.contains(says), "{entry}: {said}");
    }
    let good = |id| format!(r#"{{"id": "{id}", "productId": "p", "status": "paid"}}"#);
    let json =
        format!(r#"[{}, {{"id": "bad", "productId": "p", "statu": "paid"}}, {}]"#, good("before"), good("after"));
    let odd = odd_order("o.json", &json).await;
    assert_eq!((odd.id.as_str(), odd.standing), ("bad", Standing::Unknown));
    for (name, broken) in [("o.yaml", "- {id: a"), ("o.json", "[{\"id\": \"a\""), ("o.yaml", "just text")] {
        assert!(!error(name, broken).await.is_empty());
    }
}

#[tokio::test]
async fn what_names_somebody_or_something_is_named_where_it_cannot() {
    let good = |id| format!(r#"{{"id": "{id}", "productId": "p", "status": "paid"}}"#);
    for (more, says) in [
        (r#""productId": "p\ud83d", "status": "paid""#, "at `productId` is not a product id"),
        (r#""productId": "p", "status": "paid", "user": {"id": "ann\ud83d"}"#, "at `user.id` is not text"),
        (
            r#""productId": "p", "status": "paid", "user": {"email": "at\uff20x.example"}"#,
            r"`at\u{ff20}x.example` at `user.email` is not a valid email address",
        ),
        (r#""productId": "p", "status": "subscribed""#, "nothing stands at `periodEnd`"),
        (r#""productId": "p", "status": "subscribed", "periodEnd": null"#, "nothing stands at `periodEnd`"),
        (r#""productId": "p", "status": "subscribed", "periodEnd": "soon""#, "`soon` at `periodEnd` is not a time"),
    ] {
        let odd =
            odd_order("o.json", &format!("[{}, {{\"id\": \"bad\", {more}}}, {}]", good("before"), good("after"))).await;
        assert_eq!(
            (odd.id.as_str(), odd.standing, odd.odd.len()),
            ("bad", Standing::Unknown, 1),
            "{more}: {:?}",
            odd.odd
        );
        assert!(odd.odd[0].to_string().contains(says), "{more}: {}", odd.odd[0]);
    }
}

#[tokio::test]
async fn of_two_entries_with_one_id_nobody_knows_which_is_true() {
    let text = "[{id: before, productId: p, status: paid}, {id: two, productId: p, status: paid},
                 {id: two, productId: p, status: refunded}, {id: after, productId: p, status: paid}]";
    let odd = odd_order("o.yaml", text).await;
    assert_eq!((odd.id.as_str(), odd.standing), ("two", Standing::Unknown));
    assert_eq!(odd.odd[0].to_string(), "`two` at `id` is also the id of another row");
}

#[tokio::test]
async fn an_entry_without_an_id_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("o.yaml");
    for entry in ["{productId: p, status: paid}", "{id: '', status: paid}", "{id: [a]}", "text", "~", "[a]"] {
        std::fs::write(&path, format!("- {entry}\n- {{id: good, productId: p, status: paid}}\n")).unwrap();
        let (pages, report) = read(&file(&path), FULL).await;
        let report = report.unwrap();
        assert_eq!((pages.concat().len(), report.nameless.rows), (1, 1), "{entry}");
        assert!(report.nameless.first[0].starts_with("entries: item 1: "), "{entry}: {:?}", report.nameless);
    }
}

#[tokio::test]
async fn an_alias_stands_for_what_it_names_and_bombs_are_refused() {
    let text = "[{id: a, productId: &p pro, status: paid, user: &u {id: ann}}, {id: b, productId: *p, status: paid, user: *u}]";
    let orders = orders("o.yaml", text).await;
    assert_eq!((&orders[0].items, &orders[0].buyer), (&orders[1].items, &orders[1].buyer));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    assert!(error("o.yaml", &bomb).await.contains("too large"));
    assert!(error("o.yaml", &"[".repeat(200)).await.contains("o.yaml"));
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
