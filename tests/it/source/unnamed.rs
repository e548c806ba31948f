//! Refunds without an id of their own, and overlays of which so much cannot be read that their mapping is wrong.

use entitled::model::Standing;
use entitled::pass::ingest::{IngestError, Ingested, ReadScope, ingest};
use entitled::source::{Source, SourceError};
use entitled::store::Store;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{now, of, order};
use crate::support::preset::{http_source, settings};
use crate::support::replay::{Line, Replay};

const SHOP: &str = "
list: {path: /orders, items: $, paging: {kind: none}}
map: {id: $.id, updated_at: $.at, products: '$.products[*]', user_id: $.user}
status: [{when: \"@.status == 'paid'\", as: paid}]
overlays:
  - path: /refunds
    items: $
    paging: {kind: none}
    order_id: $.order
    rules: [{when: \"@.state == 'done'\", as: refunded}, {when: \"@.state == 'open'\", as: disputed}]
";

struct Shop {
    server: Replay,
    source: Source,
    store: Store,
    _directory: TempDir,
}

impl Shop {
    async fn open() -> Self {
        let server = Replay::start(Vec::new()).await;
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("entitled.db")).await.unwrap();
        let source = of(&settings(http_source(SHOP, &server.url)));
        Self { server, source, store, _directory: directory }
    }

    async fn poll(&self, refunds: Value) -> Result<Ingested, IngestError> {
        let orders = json!([order("1", 1), order("2", 1)]);
        self.server.now_answers(vec![Line::json("/refunds", refunds), Line::json("/orders", orders)]);
        ingest(&self.source, &self.store, ReadScope::Everything, SignedDuration::from_hours(24), now())
            .await
            .map_err(|interrupted| interrupted.error)
    }

    async fn standing(&self, id: &str) -> Standing {
        self.store.find_order(self.source.name(), &id.into()).await.unwrap().expect("it was read").order.standing
    }
}

#[tokio::test]
async fn what_items_without_an_id_say_together_counts_and_ends_with_them() {
    let item = |state: &str| json!({"order": "1", "state": state});
    for (refunds, standing) in [
        (json!([item("done")]), Standing::Refunded),
        (json!([{"id": null, "order": 1, "state": "done"}]), Standing::Refunded),
        (json!([item("won"), item("done"), item("open")]), Standing::Refunded),
        (json!([item("open"), item("done"), item("won")]), Standing::Refunded),
        (json!([item("done"), item("done")]), Standing::Refunded),
        (json!([item("open")]), Standing::Disputed),
        (json!([item("won")]), Standing::Paid),
        (json!([{"id": "r1", "order": "1", "state": "done"}, item("won")]), Standing::Refunded),
    ] {
        let shop = Shop::open().await;
        for _ in 0..2 {
            shop.poll(refunds.clone()).await.unwrap();
            assert_eq!((shop.standing("1").await, shop.standing("2").await), (standing, Standing::Paid), "{refunds}");
        }
        let told = shop.store.odd_orders(shop.source.name(), 5).await.unwrap();
        assert_eq!(told.nameless, 0, "{refunds}");
        // As good as new: what the same items say now is all they say.
        let own = json!({"id": "r1", "order": "1", "state": "won"});
        shop.poll(json!([own, item("won")])).await.unwrap();
        assert_eq!(shop.standing("1").await, Standing::Paid, "{refunds}");
    }
}

#[tokio::test]
async fn an_overlay_of_which_too_much_is_odd_makes_its_source_not_whole() {
    for (odd, all, whole) in [(19, 20, true), (20, 200, true), (21, 200, false), (20, 20, false)] {
        let shop = Shop::open().await;
        let item = |at: usize| match at < odd {
            true => json!({"id": format!("r{at}"), "state": "done"}),
            false => json!({"order": format!("x{at}"), "state": "done"}),
        };
        let polled = shop.poll((0..all).map(item).collect()).await;
        assert_eq!(polled.is_ok(), whole, "{odd} of {all}");
        assert_eq!(shop.standing("2").await, Standing::Paid, "the orders are stored all the same");
        if let Err(IngestError::Source { source, .. }) = polled {
            assert!(matches!(source, SourceError::OddOverlay { .. }), "{source:?}");
            assert_eq!(source.to_string(), format!("{odd} of {all} rows of the overlay `/refunds` are odd"));
        }
        let trial = shop.source.trial(2).await.unwrap();
        assert_eq!((trial.overlays[0].odd, trial.overlays[0].unreadable.len()), (odd as u64, odd));
    }
}
