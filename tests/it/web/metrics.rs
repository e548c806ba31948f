//! The text that Prometheus reads.

use std::collections::{BTreeMap, BTreeSet};

use entitled::model::State;

use super::{Web, state};
use crate::daemon::{Live, RARELY};
use crate::support::program::until;
use crate::support::stage::PRODUCTS;

/// Reads every line, and panics at the first that is none of the format's.
fn parsed(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut helped = BTreeSet::new();
    let is_name =
        |name: &str| name.starts_with("entitled_") && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(is_name(name) && help.ends_with('.') && helped.insert(name), "{line}");
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(helped.contains(name), "no help: {line}");
            assert!(types.insert(name, kind).is_none(), "twice: {line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
        let name = series.split('{').next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let kind = types.get(name).or_else(|| types.get(family)).unwrap_or_else(|| panic!("no type: {line}"));
        assert_eq!(*kind == "histogram", !types.contains_key(name), "{line}");
        if let Some(labels) = series.strip_prefix(name).and_then(|rest| rest.strip_prefix('{')) {
            let labels = labels.strip_suffix('}').unwrap();
            for label in labels.split("\",") {
                let (key, text) = label.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
                assert!(key.chars().all(|c| c.is_ascii_lowercase()) && !text.contains('\n'), "{line}");
            }
        }
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        assert!(samples.insert(series.to_owned(), value).is_none(), "a sample twice: {line}");
    }
    samples
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_is_one_and_says_what_is_so() {
    let live = Live::with(RARELY, PRODUCTS).await;
    let web = Web::of(&live).await;
    state(&live, State::InSync).await;
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    live.shop.buy(&"prd_pro".into(), "nobody@example.com");
    until("it is measured", || live.reading.metrics.counted().paid_to_granted.count() == 1).await;
    until("both are known", || live.reading.status.borrow().sources[0].orders == 2).await;
    web.send(web.client().post(web.url("/hooks/nobody"))).await;
    let got = web.get("/metrics").await;
    assert!(got.headers["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let samples = parsed(&got.body);
    let is = |series: &str| *samples.get(series).unwrap_or_else(|| panic!("no {series} in\n{}", got.body));
    assert_eq!(is("entitled_state{state=\"InSync\"}"), 1.0);
    assert_eq!(is("entitled_state{state=\"Degraded\"}"), 0.0);
    assert_eq!(is("entitled_ready"), 1.0);
    assert_eq!(is("entitled_config_valid"), 1.0);
    assert_eq!(is("entitled_target_actual{target=\"role paid-tier\"}"), 1.0);
    assert_eq!(is("entitled_source_up{source=\"shop\"}"), 1.0);
    assert_eq!(is("entitled_source_orders{source=\"shop\"}"), 2.0);
    assert_eq!(is("entitled_changes_total{verb=\"grant\",outcome=\"done\"}"), 1.0);
    assert_eq!(is("entitled_ledger_rows"), 1.0);
    assert_eq!(is("entitled_paid_to_granted_seconds_count"), 1.0);
    assert_eq!(is("entitled_paid_to_granted_seconds_bucket{le=\"+Inf\"}"), 1.0);
    assert!(is("entitled_store_bytes") > 0.0);
    assert!(is("entitled_pass_duration_seconds_count{kind=\"full\"}") >= 1.0);
    assert_eq!(is("entitled_logto_calls_total{method=\"POST\",route=\"/api/roles/{id}/users\",status=\"2xx\"}"), 1.0);
    for secret in [ann.as_str(), "ann@example.com", "ord_"] {
        assert!(!got.body.contains(secret), "`{secret}` makes series without end");
    }
    live.stop().await;
}
