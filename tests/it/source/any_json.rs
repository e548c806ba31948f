//! Whatever JSON a row is, as RFC 8259 has it, its neighbours are read: half an emoji, a number that no number holds,
//! lists in lists.

use entitled::model::{Order, Standing};
use entitled::source::{Lookup, Source, Step};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::{FULL, chain, read, source};
use crate::support::preset::http_source;
use crate::support::replay::{Line, Replay};

const GOOD: &str = r#"{"id": "good", "status": "paid", "products": ["p"], "user": "ann"}"#;

/// A shop whose orders stand at this path.
fn shop(url: &str, items: &str) -> Source {
    let yaml = format!(
        "
list: {{path: /orders, items: \"{items}\", paging: {{kind: none}}}}
get: {{path: '/orders/{{id}}'}}
overlays:
  - {{path: /refunds, items: \"{items}\", paging: {{kind: none}}, order_id: $.order, rules: [{{when: \"@.done\", as: refunded}}]}}
map: {{id: $.id, products: '$.products[*]', quantity: $.count, user_id: $.user, email: $.email}}
status: [{{when: \"@.status == 'paid'\", as: paid}}]
"
    );
    source(http_source(&yaml, url))
}

fn body(target: &str, rows: &[String]) -> Line {
    let body = format!(r#"{{"pages": [{{"rows": [{}]}}], "rows": [{}]}}"#, rows.join(", "), rows.join(", "));
    Line::answer("GET", target, 200, "application/json", body.into_bytes())
}

/// What is there, by a chain of names and by a path that is none.
async fn orders(rows: &[String], refunds: &[String]) -> Vec<(Vec<Order>, u64)> {
    let mut all = Vec::new();
    for items in ["$.rows", "$.pages[0].rows"] {
        let server = Replay::start(vec![body("/orders", rows), body("/refunds", refunds)]).await;
        let (pages, report) = read(&shop(&server.url, items), FULL).await;
        let report = report.unwrap_or_else(|error| panic!("{}", chain(&error)));
        all.push((pages.concat(), report.odd + report.nameless.rows));
    }
    all
}

fn deep(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

fn row(more: &str) -> String {
    format!(r#"{{"id": "row", "status": "paid", "products": ["p"], "user": "ann", {more}}}"#)
}

#[tokio::test]
async fn half_an_emoji_in_a_note_harms_no_order() {
    let notes = [
        r#""note": "cut \ud83d""#,
        r#""note": "\ude00 cut""#,
        r#""note": {"\udfff": ["\ud83d\ud83d\ude00", "\ud83dx"]}"#,
        r#""note": "\\ud83d \"\ud83d\\""#,
    ];
    for note in notes {
        for (orders, odd) in orders(&[GOOD.to_owned(), row(note)], &[]).await {
            assert_eq!(orders.iter().map(|order| order.standing).collect::<Vec<_>>(), [Standing::Paid; 2], "{note}");
            assert_eq!(odd, 0, "{note}");
        }
    }
}

#[tokio::test]
async fn half_an_emoji_names_nobody_and_nothing() {
    for (what, id, standing) in [
        (r#"{"id": "row", "status": "paid", "products": ["p\ud83d"], "user": "ann"}"#, true, Standing::Unknown),
        (r#"{"id": "row", "status": "paid", "products": ["p"], "user": "ann\ud83d"}"#, true, Standing::Unknown),
        (
            r#"{"id": "row", "status": "paid", "products": ["p"], "email": "a\ud83d@x.example"}"#,
            true,
            Standing::Unknown,
        ),
        (r#"{"id": "row", "status": "paid\ud83d", "products": ["p"], "user": "ann"}"#, true, Standing::Unknown),
        (r#"{"id": "row\ud83d", "status": "paid", "products": ["p"], "user": "ann"}"#, false, Standing::Unknown),
    ] {
        for (orders, _) in orders(&[what.to_owned(), GOOD.to_owned()], &[]).await {
            let row = orders.iter().find(|order| order.id.as_str() != "good");
            assert_eq!(row.map(|row| row.standing), id.then_some(standing), "{what}");
            let mentions = |text: &str| text.contains('\u{fffd}');
            assert!(
                row.is_none_or(|row| row.items.iter().all(|item| !mentions(item.product.as_str()))
                    && row.buyer.user.as_ref().is_none_or(|user| !mentions(user.as_str()))
                    && row.buyer.email.as_ref().is_none_or(|email| !mentions(email.as_str()))),
                "{row:?}"
            );
            assert!(orders.iter().any(|order| order.id.as_str() == "good"));
        }
    }
}

#[tokio::test]
async fn what_cannot_be_held_makes_its_order_odd_and_says_where() {
    let too_deep = "nested too deeply to be read";
    for (more, said) in [
        (r#""amount": 1e400"#.to_owned(), "`1e400` at `$.amount` is a number too large to be read"),
        (r#""meta": {"a": [-2.5E+999]}"#.to_owned(), "`-2.5E+999` at `$.meta` is a number too large to be read"),
        (
            format!(r#""meta": {{"a": {}}}"#, deep(20_000)),
            &*format!("`{}...` at `$.meta` is {too_deep}", "[".repeat(24)),
        ),
        (format!(r#""meta": {}"#, deep(150)), &*format!("`{}...` at `$.meta` is {too_deep}", "[".repeat(24))),
    ] {
        let rows = [GOOD.to_owned(), row(&more), GOOD.replace("good", "after")];
        for items in ["$.rows", "$.pages[0].rows"] {
            let server = Replay::start(vec![body("/orders", &rows), body("/refunds", &[])]).await;
            let shop = shop(&server.url, items);
            let mut reading = shop.read(FULL);
            let Step::Page(page) = reading.next().await.unwrap_or_else(|error| panic!("{}", chain(&error))) else {
                panic!("no page")
            };
            let told: Vec<_> = page.iter().map(|order| (order.id.as_str(), order.standing)).collect();
            assert_eq!(
                told,
                [("good", Standing::Paid), ("row", Standing::Unknown), ("after", Standing::Paid)],
                "{said}"
            );
            assert_eq!(page[1].odd.iter().map(ToString::to_string).collect::<Vec<_>>(), [said]);
        }
    }
}

#[tokio::test]
async fn an_order_that_is_read_by_its_id_fares_as_in_the_list() {
    let one = |body: String| Line::answer("GET", "/orders/row", 200, "application/json", body.into_bytes());
    for (more, standing) in [
        (r#""note": "\ud83d""#.to_owned(), Standing::Paid),
        (r#""amount": 1e400"#.to_owned(), Standing::Unknown),
        (format!(r#""meta": {}"#, deep(200)), Standing::Unknown),
    ] {
        let server = Replay::start(vec![one(row(&more))]).await;
        let found = shop(&server.url, "$.rows").get(&"row".into()).await;
        let Lookup::Found(order) = found.unwrap_or_else(|error| panic!("{}", chain(&error))) else { panic!("{more}") };
        assert_eq!(order.standing, standing, "{more}");
    }
}

#[tokio::test]
async fn an_overlay_is_read_beside_whatever_stands_in_it() {
    let refunds: Vec<String> = [
        r#"{"id": "a", "order": "x", "done": true, "note": "\ud83d"}"#.to_owned(),
        r#"{"id": "b", "order": "y", "done": true, "amount": 1e400}"#.to_owned(),
        format!(r#"{{"id": "c", "order": "z", "done": true, "meta": {}}}"#, deep(150)),
        r#"{"id": "d", "order": "good", "done": true}"#.to_owned(),
    ]
    .into();
    for items in ["$.rows", "$.pages[0].rows"] {
        let server = Replay::start(vec![body("/orders", &[GOOD.to_owned()]), body("/refunds", &refunds)]).await;
        let shop = shop(&server.url, items);
        let mut reading = shop.read(FULL);
        let Step::Adjustments(marks) = reading.next().await.unwrap_or_else(|error| panic!("{}", chain(&error))) else {
            panic!("no marks")
        };
        assert_eq!(marks.iter().map(|mark| mark.order.as_str()).collect::<Vec<_>>(), ["x", "good"]);
    }
}

/// The text of any JSON value, with a taste for what no reader likes.
fn any_text() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        Just(r#""\ud83d""#),
        Just(r#""\udC00x""#),
        Just(r#""\uD83D\uD83D\uDE00\"\\""#),
        Just(r#""\u0000\/\b""#),
        Just(r#""paid""#),
        Just(r#""id""#),
        Just(r#""status""#),
        Just(r#""products""#),
        Just(r#""{\"a\": [""#),
    ];
    let number = prop_oneof![
        Just("1e400".to_owned()),
        Just("-1E+999999999999999999999".to_owned()),
        Just("0e99999999999".to_owned()),
        Just("0.1e-400".to_owned()),
        Just(format!("1{}", "0".repeat(400))),
        Just(format!("1{}e-400", "0".repeat(400))),
        Just(format!("0.{}1e400", "0".repeat(400))),
        Just("1.7976931348623158e308".to_owned()),
        Just("-0".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
    ];
    let key = text.clone();
    let other = prop_oneof![Just("null"), Just("true"), Just("false")];
    let leaf = prop_oneof![text.prop_map(str::to_owned), number, other.prop_map(str::to_owned)];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec((key.clone(), inner.clone()), 0..5).prop_map(|fields| {
                let fields: Vec<_> = fields.iter().map(|(key, value)| format!("{key}:{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
            (100..200_usize, inner).prop_map(|(levels, inner)| {
                format!(r#"{}{inner}{}"#, r#"[{"a":"#.repeat(levels / 2), "}]".repeat(levels / 2))
            }),
        ]
    })
}

#[test]
fn no_row_hides_its_neighbours() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("orders.json");
    let file = super::file::file(&path);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(96));
    let ended = runner.run(&prop::collection::vec(any_text(), 1..4), |mut rows| {
        let odd = rows.len();
        rows.push(GOOD.to_owned());
        for (orders, counted) in runtime.block_on(orders(&rows, &rows[..odd])) {
            let good = orders.iter().find(|order| order.id.as_str() == "good");
            prop_assert_eq!(good.map(|order| order.standing), Some(Standing::Paid));
            prop_assert!(counted <= 3 * rows.len() as u64);
        }
        let entry = r#"{"id": "good", "status": "paid", "productId": "p"}"#;
        std::fs::write(&path, format!("[{}, {entry}]", rows[..odd].join(","))).unwrap();
        let (pages, report) = runtime.block_on(read(&file, FULL));
        report.map_err(|error| TestCaseError::fail(chain(&error)))?;
        prop_assert!(pages.concat().iter().any(|order| order.id.as_str() == "good"));
        Ok(())
    });
    ended.unwrap();
}
