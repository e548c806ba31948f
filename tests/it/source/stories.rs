//! The stories of vendors, step by step: who holds what after each is what the vendor's own rules would give them.
//!
//! The recordings are not in this repository: `ENTITLED_CONTRACT` names the directory that holds
//! `payments/polar.jsonl`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use entitled::config::presets;
use entitled::model::{
    Catalog, Item, OrderId, Override, ProductIx, ReadOrder, SourceName, TargetIx, UserIx, apply_overrides,
};
use entitled::planner::desired::{State, desired};
use entitled::source::{Source, Step};
use entitled::store::{BuyerKey, ProductKey, Scope, Store};
use jiff::Timestamp;
use serde_json::Value;

use super::{FULL, source};
use crate::support::builders::worlds::{catalog, role, rule};
use crate::support::preset::http_source;
use crate::support::replay::{Line, Replay};

/// What is held after each step of a story of Polar, by the rules of <https://docs.polar.sh/features/benefits>: a
/// subscription gives its product's benefits while it is active (to the end of its period where it is to end then), and
/// loses them at once when a renewal is refused; what is bought once stays until it is refunded, or its dispute lost.
/// Buyers go by their name, products by the beginning of their id. It differs from Polar in two steps: C1, where Polar
/// trusts a first charge that is under way, and E5, the minutes in which Polar has not noticed yet that a period is over.
const POLAR: &str = "
A1: nothing
A2: ann 7a01
A3: ann 7a01
A4: nothing
B1: bea 89be, bob 89be
B2: bea 89be, bob 89be
B3: bea 89be, bob 89be
B4: bea 89be, bob 89be
B5: bea 89be
B6: bea 89be, bix 7fc5
B7: bea 89be, bix 7fc5
B8: bea 89be
B9: bas 89be, bea 89be
B10: bea 89be
N1: nia 566f
N2: nia 566f
N3: nia 566f
C1: nothing
C2: cid 0295
C3: cid 0295
C4: cid 0295
C5: cid 56cf
C6: cid 56cf
C7: cid 56cf
J1: cleo 975a
J2: cleo 975a
J3: cleo fb10
J4: cleo fb10
D1: dan 8ae3
D2: dan 8ae3
D3: nothing
D4: nothing
D5: dan 8ae3
D6: dan 8ae3
K1: dee 5518
K2: nothing
K3: nothing
K4: nothing
K5: nothing
K6: nothing
E1: eli f802, eve f802
E2: eli f802, eve f802
E3: eve f802
E4: eve f802
E5: nothing
E6: nothing
F1: fox fe43
F2: fox fe43
F3: fox 0235
F4: fox 0235
F5: fox 0235
G1: gil a620, gil b83a, gus a620
G2: gil a620, gus a620
G3: gil a620, gus a620
H1: hal 98af
H2: hal 98af
H3: hal 98af
H4: hal 98af
M1: mae 1384
M2: mae 1384
M3: nothing
M4: mae 1384
";

/// One step of a story: when it was, and what the vendor answers then.
struct Moment {
    name: String,
    now: Timestamp,
    lines: Vec<Value>,
}

/// Every step of every story in a recording but the lists of L, which tell no story.
fn moments(recording: &str) -> Vec<Moment> {
    let mut moments: Vec<Moment> = Vec::new();
    let mut answers: BTreeMap<(String, String), Value> = BTreeMap::new();
    for line in recording.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of a recording is JSON");
        let note = line["note"].as_str().expect("a note");
        let Some((name, _)) = note.split_once(": ") else { continue };
        if name.len() < 2 || name.starts_with('L') || line["method"] != "GET" {
            continue;
        }
        let begins_a_story = moments.last().is_none_or(|before| before.name[..1] != name[..1]);
        if begins_a_story {
            answers.clear();
        }
        let key = |part: &Value| part.as_str().unwrap_or_default().to_owned();
        answers.insert((key(&line["path"]), key(&line["headers"]["authorization"])), line.clone());
        let lines = answers.values().cloned().collect();
        match moments.last_mut() {
            Some(last) if last.name == name => last.lines = lines,
            _ => {
                let clock = note.split("(server clock ").nth(1).and_then(|rest| rest.split(')').next());
                // The notes leave out the seconds: by the end of its minute all of a step has happened.
                let now = clock.map(|clock| clock.replace('Z', ":59Z")).expect("a step says when it was");
                moments.push(Moment { name: name.to_owned(), now: now.parse().expect("a time"), lines });
            }
        }
    }
    moments
}

/// Everything that a source yields, with what its overlays say put on it, as the store does.
async fn everything(shop: &Source) -> Vec<ReadOrder> {
    let mut said: BTreeMap<OrderId, Vec<Override>> = BTreeMap::new();
    let mut orders: Vec<ReadOrder> = Vec::new();
    let mut reading = shop.read(FULL);
    loop {
        match reading.next().await.expect("the recording has every page") {
            Step::Adjustments(page) => {
                for one in page {
                    said.entry(one.order).or_default().extend(one.overrides);
                }
            }
            Step::Page(page) => orders.extend(page),
            Step::Done(_) => break,
        }
    }
    for order in &mut orders {
        let overrides = said.get(&order.id).cloned().unwrap_or_default();
        apply_overrides(&mut order.order, &overrides);
    }
    orders
}

/// Who holds what of a shop with one role for each product, as passes make it.
struct Held {
    store: Store,
    source: SourceName,
    holds: BTreeSet<(String, String)>,
}

impl Held {
    async fn pass(&mut self, orders: &[ReadOrder], now: Timestamp) {
        self.store.record_orders(&self.source, orders, now).await.unwrap();
        let products = self.store.products().await.unwrap();
        let buyers = self.store.buyers(&Scope::All).await.unwrap();
        let names: Vec<String> = buyers.iter().map(|buyer| name(&buyer.buyer.to_string())).collect();
        let people: Vec<&String> = names.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let Catalog { targets, products: rules, slack, nameless } = one_role_each(products.len());
        let slack = slack.into_iter().chain([(self.source.clone(), 86_400)]).collect();
        let catalog = Catalog { targets, products: rules, slack, nameless };
        let product = |key: ProductKey| products.iter().position(|one| one.key == key).map(|at| ProductIx(at as u16));
        let user = |key: BuyerKey| {
            let at = buyers.iter().position(|one| one.key == key)?;
            people.iter().position(|person| **person == names[at]).map(|at| UserIx(at as u32))
        };
        let mut purchases = self.store.purchases(&catalog, &product, &user, &Scope::All).await.unwrap();
        let desired = desired(&mut purchases, &catalog, now.as_second());
        let mut holds = BTreeSet::new();
        for (at, sold) in products.iter().enumerate() {
            for (who, person) in people.iter().enumerate() {
                let cell = ((*person).clone(), sold.id.as_str()[..4].to_owned());
                let claim = desired.claim(TargetIx(at as u16), UserIx(who as u32));
                let held = match claim.map(|claim| claim.state) {
                    Some(State::Entitled) => true,
                    // It keeps what is there, and gives nothing.
                    Some(State::Grace(_) | State::Undecided) => self.holds.contains(&cell),
                    Some(State::Ended(_)) | None => false,
                };
                if held {
                    holds.insert(cell);
                }
            }
        }
        self.holds = holds;
    }

    fn told(&self) -> String {
        match self.holds.is_empty() {
            true => "nothing".to_owned(),
            false => self.holds.iter().map(|(who, what)| format!("{who} {what}")).collect::<Vec<_>>().join(", "),
        }
    }
}

/// `user-b-bea <bea@example.com>` is bea, by either.
fn name(buyer: &str) -> String {
    let id = buyer.split([' ', '<', '@']).find(|part| !part.is_empty()).unwrap_or_default();
    id.rsplit('-').next().unwrap_or_default().to_owned()
}

fn one_role_each(products: usize) -> Catalog {
    let ids: Vec<String> = (0..products).map(|at| at.to_string()).collect();
    catalog(
        &ids.iter().map(|id| role(&format!("{id:0>4}"))).collect::<Vec<_>>(),
        (0..products).map(|at| rule(&ids[at], &[at as u16])).collect(),
    )
}

#[tokio::test]
#[ignore = "needs the recordings"]
async fn contract_polar_stories() {
    let folder =
        std::env::var_os("ENTITLED_CONTRACT").expect("ENTITLED_CONTRACT names the directory of the recordings");
    let recording = std::fs::read_to_string(PathBuf::from(folder).join("payments/polar.jsonl")).unwrap();
    let (mut told, mut story) = (String::from("\n"), String::new());
    let server = Replay::start(Vec::new()).await;
    let yaml = format!("{}\nauth: {{kind: bearer, token: {{token}}}}\n", presets::text("polar").unwrap());
    let mut http = http_source(&yaml.replace("{token}", "token-of-the-test"), &server.url);
    // Nobody is spared by waiting for a server of one's own.
    http.rate = None;
    let shop = source(http);
    let mut held: Option<(tempfile::TempDir, Held)> = None;
    for Moment { name, now, lines } in moments(&recording) {
        if story != name[..1] {
            name[..1].clone_into(&mut story);
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&folder.path().join("entitled.db")).await.unwrap();
            held = Some((folder, Held { store, source: "shop".into(), holds: BTreeSet::new() }));
        }
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        server.now_answers(Line::recorded(&text, &[("token", "token-of-the-test")]));
        let (_, held) = held.as_mut().expect("a story has begun");
        held.pass(&everything(&shop).await, now).await;
        told.push_str(&format!("{name}: {}\n", held.told()));
    }
    assert_eq!(told, POLAR, "{told}");
}

/// What a shop of WooCommerce says of each of its orders: where it stands, and each line that stands otherwise.
const WOOCOMMERCE: &str = "
55 completed paid: 11
104 processing pending: 10 + 11
103 processing paid: 10 + 11
102 completed paid: 12
97 completed partially_refunded: 10 + 11
22 completed paid: 11
29 completed paid: 11 partially_refunded
27 completed paid: 10 refunded + 11
54 refunded refunded: 10
95 processing paid:
64 completed paid: 11
63 completed paid: 11
62 completed paid: 11
61 processing paid: 60
59 completed paid: 11
58 completed paid: 11
57 completed paid: 11
56 completed paid: 11
53 failed void: 10
50 completed paid: 12
52 completed paid: 11 + 10
51 processing pending: 11
20 completed paid: 10
18 pending pending: 10
39 cancelled void: 10
32 processing pending: 10 + 12
31 completed paid: 10 + 11
30 refunded refunded: 10
28 completed partially_refunded: 10
26 refunded refunded: 10 + 11
38 completed paid:
37 completed paid: 10
36 completed paid: 16
35 pending pending:
24 failed void: 10
23 cancelled void: 10
21 on-hold pending: 10
19 completed paid: 12
";

#[tokio::test]
#[ignore = "needs the recordings"]
async fn contract_woocommerce_orders_and_refunds_by_line() {
    let folder =
        std::env::var_os("ENTITLED_CONTRACT").expect("ENTITLED_CONTRACT names the directory of the recordings");
    let recording = std::fs::read_to_string(PathBuf::from(folder).join("payments/woocommerce.jsonl")).unwrap();
    let basic = "Y2tfa2V5LW9mLXRoZS10ZXN0OmNzX3NlY3JldC1vZi10aGUtdGVzdA==";
    let server = Replay::start(Line::recorded(&recording, &[("basic", basic)])).await;
    let auth = "{kind: basic, username: ck_key-of-the-test, password: cs_secret-of-the-test}";
    let yaml = format!("{}\nauth: {auth}\n", presets::text("woocommerce").unwrap());
    let shop = source(http_source(&yaml, &format!("{}/wp-json/wc/v3", server.url)));
    let mut told = String::from("\n");
    for order in everything(&shop).await {
        let line = |item: &Item| match order.standing_of(item) {
            own if own == order.standing => item.product.to_string(),
            own => format!("{} {own}", item.product),
        };
        let lines: Vec<String> = order.items.iter().map(line).collect();
        let odd = if order.odd.is_empty() { "" } else { ", odd" };
        let status = order.status.clone().unwrap_or_default();
        let told_of_it = format!("{} {status} {}: {}{odd}", order.id, order.standing, lines.join(" + "));
        told.push_str(told_of_it.trim_end());
        told.push('\n');
    }
    assert_eq!(told, WOOCOMMERCE, "{told}");
}
