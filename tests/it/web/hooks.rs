//! Webhooks: genuine ones make it fast, and no others do anything.

use std::time::Duration;

use entitled::daemon::Mode;
use entitled::model::{OrderId, State, UserId};
use entitled::sandbox::{HOOK_SECRET, hook_signature};
use entitled::store::{LogtoHook, Verb};
use futures_util::{StreamExt as _, stream};

use super::{Got, Web, state};
use crate::daemon::{Live, QUICK, RARELY};
use crate::support::home::demo_file;
use crate::support::program::{Program, until};
use crate::support::stage::matching;

/// One role, so that what a grant costs can be counted to the call.
const ONE_ROLE: &str = "products:
  prd_pro: {entitlements: [role: paid-tier]}
";

/// A daemon whose shop is polled so rarely that only webhooks tell it anything.
pub(crate) async fn hooked(poll: &str) -> (Live, Web) {
    hooked_by(poll, "{}").await
}

/// The same with more said of its webhooks.
async fn hooked_by(poll: &str, webhook: &str) -> (Live, Web) {
    let prepared = Live::prepare(RARELY, ONE_ROLE).await;
    let env = std::fs::read_to_string(prepared.program.folder.path().join(".env")).unwrap();
    let env = format!("{env}GLUE_OUTBOUND_WEBHOOK_SECRET={HOOK_SECRET}\n");
    std::fs::write(prepared.program.folder.path().join(".env"), env).unwrap();
    let text = std::fs::read_to_string(prepared.program.file()).unwrap();
    let text = text.replace("poll: 50ms,", &format!("poll: {poll}, webhook: {webhook},"));
    std::fs::write(prepared.program.file(), text).unwrap();
    let live = prepared.run(QUICK, Mode::Live);
    let web = Web::of(&live).await;
    state(&live, State::InSync).await;
    (live, web)
}

impl Web {
    /// A webhook as the shop would send it, with a signature of the test's choice.
    async fn hook(&self, delivery: &str, body: &str, signature: &str) -> Got {
        let request = self.client().post(self.url("/hooks/shop")).header("x-openbitum-signature", signature);
        self.send(request.header("x-openbitum-delivery-id", delivery).body(body.to_owned())).await
    }

    async fn genuine(&self, delivery: &str, order: &OrderId) -> Got {
        let body = format!(r#"{{"event":"order.paid","orderId":"{order}"}}"#);
        self.hook(delivery, &body, &hook_signature(&body)).await
    }
}

/// How often a hint has led to an order being read.
fn reads(live: &Live) -> usize {
    live.shop.counts().reads
}

fn passes(live: &Live) -> u64 {
    live.reading.metrics.counted().passes.values().map(entitled::daemon::metrics::Histogram::count).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn order_paid_to_grant_takes_three_calls_and_the_histogram_measures_it() {
    let (live, web) = hooked("1h").await;
    live.shop.send_hooks_to(vec![web.url("/hooks/shop")]);
    let ann = live.logto.add_user("ann@example.com");
    // A checkout has nobody looked up: anybody can begin one.
    let order = live.shop.start_checkout(&"prd_pro".into(), &ann);
    let before = passes(&live);
    until("the checkout is known", || passes(&live) > before).await;
    assert_eq!(matching(&live.logto.requests(), "GET", &[ann.as_str()]), 0);
    live.logto.clear_requests();
    live.shop.clear_requests();

    live.shop.set_status(&order, "paid");
    live.hold("paid-tier", &[&ann]).await;
    until("it is measured", || live.reading.metrics.counted().paid_to_granted.count() == 1).await;
    let counts = live.shop.counts();
    assert_eq!((counts.reads, counts.lists), (1, 0), "{:?}", live.shop.requests());
    let requests = live.logto.requests();
    assert_eq!((requests.len(), live.logto.writes().len()), (3, 1), "{requests:?}");
    assert_eq!(matching(&requests, "GET", &["/api/users?", ann.as_str()]), 1, "{requests:?}");
    assert_eq!(matching(&requests, "GET", &["/api/roles/", ann.as_str()]), 1, "{requests:?}");
    let waited = live.reading.metrics.counted().paid_to_granted.sum;
    assert!(waited < 30.0, "{waited}");
    live.stop().await;
}

/// WooCommerce delivers only to whom has answered its unsigned question with exactly 200, and gives the deliveries of one
/// second one id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_whether_somebody_listens_is_answered_and_an_event_without_orders_polls() {
    let says = r#"{ping: "@.webhook_id", challenge: $.challenge, events: [{when: "@.event == 'customer.updated'", poll: true}]}"#;
    let (live, web) = hooked_by("1h", says).await;
    live.shop.clear_requests();
    let ask = async |kind: &str, body: &str| {
        let request = web.client().post(web.url("/hooks/shop")).header("content-type", kind);
        let got = web.send(request.body(body.to_owned())).await;
        (got.status, got.body)
    };
    let form = "application/x-www-form-urlencoded";
    assert_eq!(ask(form, "webhook_id=2").await, (200, String::new()));
    assert_eq!(ask("application/json", r#"{"challenge":"abc"}"#).await, (200, "abc".to_owned()));
    assert_eq!(ask(form, "orderId=ord_1").await.0, 401, "no question, and not signed");
    let forged = web.hook("d1", r#"{"challenge":"abc"}"#, &hook_signature("something else")).await;
    assert_eq!(forged.status, 401, "what is signed is a delivery");
    assert_eq!((reads(&live), live.shop.counts().lists), (0, 0), "nothing comes of any of it");
    let body = r#"{"event":"customer.updated"}"#;
    assert_eq!(web.hook("d2", body, &hook_signature(body)).await.status, 202);
    until("the source is polled", || live.shop.counts().lists > 0).await;
    // One id, two orders.
    let (ann, ben) = (live.buyer("ann@example.com", "prd_pro"), live.buyer("ben@example.com", "prd_pro"));
    let orders = live.shop.orders();
    for order in &orders {
        assert_eq!(web.genuine("d3", order).await.json()["outcome"], "accepted");
    }
    assert_eq!(web.genuine("d3", &orders[0]).await.json()["outcome"], "duplicate");
    live.hold("paid-tier", &[&ann, &ben]).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_every_webhook_lost_a_sale_takes_one_poll() {
    let (live, web) = hooked("200ms").await;
    live.shop.send_hooks_to(vec![web.url("/hooks/shop")]);
    live.shop.faults().drop_hooks(true);
    live.shop.clear_requests();
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    assert_eq!(reads(&live), 0, "no hint came");
    assert!(live.reading.metrics.counted().hooks.is_empty());
    until("it is measured", || live.reading.metrics.counted().paid_to_granted.count() == 1).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_import_says_nothing_of_how_fast_sales_are() {
    let (live, _web) = hooked("50ms").await;
    let ann = live.logto.add_user("ann@example.com");
    let long_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(48);
    live.shop.buy_at(&"prd_pro".into(), &ann, long_ago);
    live.hold("paid-tier", &[&ann]).await;
    let ben = live.buyer("ben@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann, &ben]).await;
    until("the sale is measured", || live.reading.metrics.counted().paid_to_granted.count() > 0).await;
    assert_eq!(live.reading.metrics.counted().paid_to_granted.count(), 1);
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_forged_webhooks_causes_no_read_and_no_pass_and_keeps_no_genuine_one_out() {
    let (live, web) = hooked("1h").await;
    let ann = live.buyer("ann@example.com", "prd_pro");
    let order = live.shop.orders()[0].clone();
    let (before, read) = (passes(&live), reads(&live));
    let body = format!(r#"{{"event":"order.paid","orderId":"{order}","pad":"{}"}}"#, "x".repeat(2_000));
    let forged = stream::iter(0..10_000).map(|number| {
        let (web, body) = (&web, &body);
        async move { web.hook(&format!("delivery-{number}"), body, &hook_signature("another body")).await.status }
    });
    let answers: Vec<u16> = forged.buffer_unordered(16).collect().await;
    assert!(answers.iter().all(|status| [401, 429].contains(status)));
    assert!(answers.contains(&401) && answers.contains(&429), "told what it is, and at some point no more");
    assert_eq!((passes(&live), reads(&live)), (before, read));
    // In the middle of the flood, so to speak: the genuine one has a bucket of its own.
    assert_eq!(web.genuine("genuine", &order).await.status, 202);
    live.hold("paid-tier", &[&ann]).await;
    live.stop().await;
}

/// In a process of its own, whose memory is nobody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_forged_webhooks_leaves_the_memory_bounded() {
    let program = Program::new(&demo_file());
    let daemon = program.start(&["run", "--listen", "127.0.0.1:0"]);
    let (address, client) = (daemon.address().await, entitled::http::client(Duration::from_secs(10)));
    until("the first pass is over", || daemon.stderr().contains("20 done")).await;
    let url = format!("{address}/hooks/shop");
    let flood = |deliveries: std::ops::Range<u32>| {
        let (url, client) = (&url, &client);
        let forged = stream::iter(deliveries).map(move |number| async move {
            let request = client.post(url).header("x-openbitum-signature", hook_signature("another body"));
            let request = request.header("x-openbitum-delivery-id", format!("delivery-{number}"));
            request.body("x".repeat(2_000)).send().await.unwrap().status().as_u16()
        });
        forged.buffer_unordered(16).collect::<Vec<u16>>()
    };
    // What any traffic needs once is there after the first of them.
    assert!(flood(0..200).await.contains(&401));
    let before = daemon.memory();
    assert!(flood(200..10_000).await.iter().all(|status| [401, 429].contains(status)));
    let grown = daemon.memory().saturating_sub(before);
    assert!(before > 0 && grown < 16 << 20, "{grown} bytes more; the bodies were 20 MB, and are kept nowhere");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_duplicates_cause_one_read() {
    let (live, web) = hooked("1h").await;
    let ann = live.buyer("ann@example.com", "prd_pro");
    let order = live.shop.orders()[0].clone();
    let before = passes(&live);
    let same = stream::iter(0..10_000).map(|_| async { web.genuine("one-delivery", &order).await.status });
    let answers: Vec<u16> = same.buffer_unordered(16).collect().await;
    assert!(answers.iter().all(|status| *status == 202));
    live.hold("paid-tier", &[&ann]).await;
    assert_eq!(reads(&live), 1, "{:?}", live.shop.counts());
    until("the pass is over", || passes(&live) > before).await;
    assert!(passes(&live) - before <= 3, "{}", passes(&live) - before);
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_different_deliveries_of_one_order_is_a_handful_of_passes() {
    let (live, web) = hooked("1h").await;
    let ann = live.buyer("ann@example.com", "prd_pro");
    let order = live.shop.orders()[0].clone();
    let started = tokio::time::Instant::now();
    let many = stream::iter(0..2_000).map(|number| {
        let (web, order) = (&web, &order);
        async move { web.genuine(&format!("delivery-{number}"), order).await.status }
    });
    let answers: Vec<u16> = many.buffer_unordered(16).collect().await;
    assert!(answers.iter().all(|status| [202, 429].contains(status)));
    live.hold("paid-tier", &[&ann]).await;
    let bound = 3 + started.elapsed().as_secs() as usize;
    assert!(reads(&live) <= bound, "{} reads in {:?}", reads(&live), started.elapsed());
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_payload_says_is_never_believed() {
    let (live, web) = hooked("1h").await;
    let ann = live.logto.add_user("ann@example.com");
    let pending = live.shop.start_checkout(&"prd_pro".into(), &ann);
    // Signed with the right key, and yet not so: out of order, or sent by whoever has the key.
    let claims = format!(
        r#"{{"event":"order.paid","orderId":"{pending}","status":"paid","user":{{"id":"{ann}"}},"paidAt":"2026-01-01T00:00:00Z"}}"#
    );
    let before = passes(&live);
    assert_eq!(web.hook("d1", &claims, &hook_signature(&claims)).await.status, 202);
    until("the order is read", || reads(&live) == 1).await;
    until("the pass is over", || passes(&live) > before).await;
    assert_eq!(live.holders("paid-tier"), [].into());
    // An order that nobody knows is read and is nothing.
    assert_eq!(web.genuine("d2", &"ord_nobody".into()).await.status, 202);
    until("it is looked for", || reads(&live) == 2).await;
    assert_eq!(live.holders("paid-tier"), [].into());
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_webhook_is_answered_by_its_own_status() {
    let (live, web) = hooked("1h").await;
    let order: OrderId = "ord_1".into();
    let body = r#"{"orderId":"ord_1"}"#;
    let to = |path: &str| web.client().post(web.url(path)).body(body);
    for path in ["/hooks/nobody", "/hooks/logto"] {
        assert_eq!(web.send(to(path)).await.status, 404, "{path}");
    }
    assert_eq!(web.send(web.client().get(web.url("/hooks/shop"))).await.status, 405);
    assert_eq!(web.send(to("/hooks/shop")).await.status, 401, "unsigned");
    assert_eq!(web.hook("d", body, &hook_signature("other")).await.status, 401);
    assert_eq!(web.hook("d", body, &hook_signature(body)[..62]).await.status, 401);
    let text = "not json";
    assert_eq!(web.hook("d", text, &hook_signature(text)).await.status, 400);
    let long = format!(r#"{{"orderId":"ord_1","pad":"{}"}}"#, "x".repeat(300 * 1024));
    assert_eq!(web.hook("d", &long, &hook_signature(&long)).await.status, 413);
    assert_eq!(web.genuine("d", &order).await.status, 202);
    assert_eq!(web.genuine("d", &order).await.json()["outcome"], "duplicate");
    let other = r#"{"event":"customer.created"}"#;
    assert_eq!(web.hook("e", other, &hook_signature(other)).await.json()["outcome"], "ignored");
    live.stop().await;
}

/// Has the simulated Logto tell this server, with a key that the store has.
async fn told_by_logto(live: &Live, web: &Web) {
    let store = entitled::store::Store::open(&live.program.store()).await.unwrap();
    let open = live.reading.open.borrow().clone().unwrap();
    let hook = open.active.client.writer().set_up_hook(&web.url("/hooks/logto")).await.unwrap();
    let kept = LogtoHook { id: hook.id, url: web.url("/hooks/logto"), key: hook.key };
    store.keep_logto_hook(&kept, jiff::Timestamp::now()).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_up_after_paying_is_granted_at_once_and_who_is_deleted_leaves_the_ledger() {
    let (live, web) = hooked("50ms").await;
    told_by_logto(&live, &web).await;
    live.shop.buy(&"prd_pro".into(), "lena@example.com");
    until("the sale is known", || live.reading.status.borrow().sources[0].orders == 1).await;
    let walks = live.walks();
    let lena: UserId = live.logto.add_user("lena@example.com");
    live.hold("paid-tier", &[&lena]).await;
    assert_eq!(live.walks(), walks, "a look at one user does");

    let open = live.reading.open.borrow().clone().unwrap();
    assert_eq!(open.store.ledger(None).await.unwrap().len(), 1);
    live.logto.delete_user(&lena);
    let closed = async {
        while !open.store.ledger(None).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), closed).await.is_ok(), "the row stays");
    state(&live, State::InSync).await;
    let trail = open.store.history(&lena).await.unwrap();
    assert!(trail.iter().all(|row| row.verb == Verb::Granted || row.verb == Verb::Closed), "{trail:?}");
    // Who comes back is somebody else, for whom the order has waited.
    let again = live.logto.add_user("lena@example.com");
    live.hold("paid-tier", &[&again]).await;
    drop(open);
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_changes_wakes_a_pass_and_other_organizations_do_not() {
    let products = "products:
  prd_team: {entitlements: [{organization: acme, roles: [member]}]}
";
    let prepared = Live::prepare(RARELY, products).await;
    let live = prepared.run(QUICK, Mode::Live);
    let web = Web::of(&live).await;
    state(&live, State::InSync).await;
    // Before anybody is told of her: a hint about her would have the next quick pass look at her.
    let ann = live.logto.add_user("ann@example.com");
    told_by_logto(&live, &web).await;
    live.shop.buy(&"prd_team".into(), &ann);
    let acme = live.logto.organization("acme").unwrap();
    until("she is a member", || live.logto.members(&acme).get(&ann).is_some_and(|roles| roles.len() == 1)).await;
    let other = live.logto.add_organization("other");
    let walks = live.walks();
    live.logto.add_member(&other, &ann);
    live.logto.remove_member(&acme, &ann);
    until("she is a member again", || live.logto.members(&acme).contains_key(&ann)).await;
    assert!(live.walks() > walks, "a full pass has done it");
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_of_logto_that_is_forged_is_refused() {
    let (live, web) = hooked("1h").await;
    told_by_logto(&live, &web).await;
    let forged = web.client().post(web.url("/hooks/logto")).header("logto-signature-sha-256", "00".repeat(32));
    assert_eq!(web.send(forged.body(r#"{"event":"User.Created"}"#)).await.status, 401);
    live.stop().await;
}
