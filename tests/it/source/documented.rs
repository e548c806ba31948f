//! Every preset against answers built from the fields that its vendor documents, over HTTP.
//!
//! Each preset has a folder `cases/presets/NAME`: `case.yaml` holds requests with their answers and what is
//! read, `expected.txt` what comes of it. `UPDATE_CASES=1` rewrites the latter; read what it wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use entitled::config::presets::PRESETS;
use entitled::config::settings::source::{HttpSource, Incremental, PagedBy};
use entitled::model::apply_overrides;
use entitled::model::{Item, Order, OrderId, Override, Standing, Term};
use entitled::source::{Lookup, Read, Source, Step};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{chain, source};
use crate::support::golden::Golden;
use crate::support::preset::preset_source;
use crate::support::replay::{Line, Replay};

/// What a folder says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// `built from documented fields: URL`, for all that follows.
    answers: String,
    /// The path that the address of the source ends with.
    #[serde(default)]
    base: String,
    /// What a user adds to the preset: `auth`, at the least.
    added: String,
    /// Orders a page, instead of the preset's.
    pages_of: u32,
    /// Rows that exchanges refer to by alias.
    #[serde(default, rename = "rows")]
    _rows: Option<IgnoredAny>,
    exchanges: Vec<Exchange>,
    reads: Vec<Case1>,
}

/// One request and its answer. A value `*` in the query, or in what is sent, stands for any.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    #[serde(default)]
    get: String,
    /// Instead of `get`: where `sent` goes.
    #[serde(default)]
    post: String,
    sent: Option<Value>,
    #[serde(default = "ok")]
    status: u16,
    /// The header `Link`, with `{url}` for the address of the server.
    link: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// JSON, with `{url}` likewise in its texts.
    answer: Value,
}

fn ok() -> u16 {
    200
}

/// One read, against a server of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case1 {
    what: String,
    /// What changed since; everything without it.
    since: Option<Timestamp>,
    /// How many orders the last full read found.
    known: Option<u64>,
    /// One order by its id, instead.
    get: Option<String>,
    /// What a user adds besides.
    #[serde(default)]
    added: String,
    /// Answers that go before those of the case.
    #[serde(default)]
    exchanges: Vec<Exchange>,
}

/// What was covered, by all reads of a preset together.
#[derive(Default)]
struct Covered {
    standings: BTreeSet<Standing>,
    most_pages: usize,
    increments: usize,
    emptied: usize,
    found: usize,
    missing: usize,
    asked: BTreeSet<String>,
}

const HOW: &str = "write `case.yaml` there: `answers: \"built from documented fields: URL\"`, `added` with the `auth`, \
    `pages_of`, `exchanges` (each `get` with its `answer`) and `reads`; then let `UPDATE_CASES=1` write `expected.txt` \
    and read it";

#[tokio::test]
async fn every_preset_reads_what_its_vendor_documents() {
    let mut golden = Golden::default();
    let mut wrong = Vec::new();
    for (name, _) in PRESETS {
        let folder = format!("cases/presets/{name}");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(&folder).join("case.yaml");
        let Ok(text) = std::fs::read_to_string(&file) else {
            wrong.push(format!("the preset `{name}` has no test: there is no folder tests/it/{folder}; {HOW}"));
            continue;
        };
        let case: Case = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{folder}/case.yaml: {error}"));
        assert!(
            case.answers.starts_with("built from ") && case.answers.contains(" fields: https://"),
            "{folder}/case.yaml does not say what its answers are built from"
        );
        let mut covered = Covered::default();
        let mut found = String::new();
        for read in &case.reads {
            let _ = writeln!(found, "## {}", read.what);
            found.push_str(&one(name, &case, read, &mut covered).await);
            found.push('\n');
        }
        golden.compare(&format!("{folder}/expected.txt"), &found);
        let settings = preset_source(name, &case.added, "https://shop.example.com");
        for exchange in case.exchanges.iter().chain(case.reads.iter().flat_map(|read| &read.exchanges)) {
            if !covered.asked.contains(&exchange.line("").request()) {
                wrong.push(format!(
                    "{folder}/case.yaml: nothing asks for {}{} {:?}",
                    exchange.get, exchange.post, exchange.sent
                ));
            }
        }
        wrong.extend(covered.lacks(&settings).into_iter().map(|lack| format!("{folder}/case.yaml: {lack}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    golden.settle();
}

/// No folder is left over from a preset that is not there.
#[test]
fn every_folder_of_documented_answers_belongs_to_a_preset() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases/presets");
    for entry in std::fs::read_dir(root).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(PRESETS.iter().any(|(preset, _)| *preset == name), "there is no preset `{name}`");
    }
}

/// What one read gives, as text.
async fn one(name: &str, case: &Case, read: &Case1, covered: &mut Covered) -> String {
    let exchanges: Vec<Exchange> = read.exchanges.iter().chain(&case.exchanges).cloned().collect();
    let server = Replay::start(Vec::new()).await;
    server.add(exchanges.iter().map(|exchange| exchange.line(&server.url)).collect());
    let added = format!("{}\n{}", case.added.trim_end(), read.added);
    let mut http = preset_source(name, &added, &format!("{}{}", server.url, case.base));
    http.list.paging.size = case.pages_of;
    // Nobody is spared by waiting for a server of one's own.
    http.rate = None;
    let shop = source(http);
    let mut out = match &read.get {
        Some(id) => {
            let looked = shop.get(&OrderId::from(id.as_str())).await;
            match &looked {
                Ok(Lookup::Found(order)) => covered.found += usize::from(order.id.as_str() == id),
                Ok(Lookup::Missing) | Err(_) => covered.missing += 1,
                Ok(_) => {}
            }
            match looked {
                Ok(Lookup::Found(order)) => {
                    covered.saw(&order);
                    line(&order)
                }
                Ok(other) => format!("{other:?}\n"),
                Err(error) => format!("refused: {}\n", chain(&error)),
            }
        }
        None => walk(&shop, read, covered).await,
    };
    out = out.replace(&server.url, "URL");
    covered.asked.extend(server.answered());
    out
}

/// A whole read, page by page. What overlays say is put on the orders, as the store does.
async fn walk(shop: &Source, read: &Case1, covered: &mut Covered) -> String {
    let plan = match read.since {
        Some(watermark) => Read::Since { watermark, last_count: read.known },
        None => Read::Full { last_count: read.known },
    };
    let mut out = String::new();
    let mut adjustments: BTreeMap<OrderId, Vec<Override>> = BTreeMap::new();
    let (mut pages, mut orders) = (0, 0);
    let mut reading = shop.read(plan);
    loop {
        match reading.next().await {
            Ok(Step::Adjustments(page)) => {
                out.push_str("overlay\n");
                for adjustment in page {
                    let said = adjustment
                        .overrides
                        .as_ref()
                        .map_or("nothing".to_owned(), |overrides| overrides.standing.to_string());
                    let _ = writeln!(out, "  {} says {said} of {}", adjustment.item, adjustment.order);
                    adjustments.entry(adjustment.order).or_default().extend(adjustment.overrides);
                }
            }
            Ok(Step::Page(page)) => {
                pages += 1;
                out.push_str("page\n");
                for mut order in page {
                    orders += 1;
                    let said = adjustments.get(&order.id).cloned().unwrap_or_default();
                    apply_overrides(&mut order.order, &said);
                    covered.saw(&order);
                    out.push_str("  ");
                    out.push_str(&line(&order));
                }
            }
            Ok(Step::Done(report)) => {
                covered.increments += usize::from(read.since.is_some());
                covered.emptied += usize::from(orders == 0);
                covered.most_pages = covered.most_pages.max(pages);
                let total = report.total_claimed.map(|total| format!(" of {total}")).unwrap_or_default();
                let test = if report.test_orders > 0 {
                    format!(", {} in test mode", report.test_orders)
                } else {
                    String::new()
                };
                let _ =
                    writeln!(out, "{:?}: {} pages, {} orders{total}{test}", report.scope, report.pages, report.orders);
                return out;
            }
            Err(error) => {
                let _ = writeln!(out, "refused: {}", chain(&error));
                return out;
            }
        }
    }
}

/// One order in one line.
fn line(order: &Order) -> String {
    let item = |item: &Item| {
        let times = if item.quantity == 1 { String::new() } else { format!(" x{}", item.quantity) };
        let own = item.standing.map(|own| format!(" ({own})")).unwrap_or_default();
        let term = match item.term {
            Term::Until(end) => format!(" until {end}"),
            Term::OfOrder | Term::Once => String::new(),
        };
        format!("{}{times}{own}{term}", item.product)
    };
    let items: Vec<String> = order.items.iter().map(item).collect();
    let items = if items.is_empty() { "nothing".to_owned() } else { items.join(" + ") };
    let said = order.status.as_deref().map(|word| format!(" `{word}`")).unwrap_or_default();
    let mut out = format!("{} {}{said}: {items}, {}", order.id, order.standing, order.buyer);
    for (what, at) in
        [("paid", order.paid_at), ("until", order.period_end), ("ended", order.ended_at), ("changed", order.updated_at)]
    {
        if let Some(at) = at {
            let _ = write!(out, ", {what} {at}");
        }
    }
    out.push('\n');
    out
}

impl Exchange {
    fn line(&self, url: &str) -> Line {
        let body = self.answer.to_string().replace("{url}", url);
        let (method, target) = if self.post.is_empty() { ("GET", &self.get) } else { ("POST", &self.post) };
        let line = Line::answer(method, target, self.status, "application/json", body.into_bytes());
        let line = self.sent.iter().fold(line, |line, sent| line.sent(sent.clone()));
        let line = self.headers.iter().fold(line, |line, (name, value)| line.header(name, value));
        match &self.link {
            Some(link) => line.header("link", &link.replace("{url}", url)),
            None => line,
        }
    }
}

impl Covered {
    fn saw(&mut self, order: &Order) {
        self.standings.insert(order.standing);
        self.standings.extend(order.items.iter().filter_map(|item| item.standing));
    }

    /// What the reads of a case leave out that a contract test has to show.
    fn lacks(&self, settings: &HttpSource) -> Vec<String> {
        let mut lacks = Vec::new();
        let rules = settings.overlays.iter().flat_map(|overlay| &overlay.rules).chain(&settings.status);
        for standing in rules.map(|rule| rule.standing).chain([Standing::Unknown]).collect::<BTreeSet<_>>() {
            if !self.standings.contains(&standing) {
                lacks.push(format!("no order is `{standing}`"));
            }
        }
        for (missing, what) in [
            (self.most_pages < 2 && settings.list.paging.by != PagedBy::OneAnswer, "no read has two pages"),
            (self.emptied == 0, "no read is empty"),
            (self.increments == 0 && settings.incremental != Incremental::Snapshot, "no read is an increment"),
            (self.found == 0, "no order is read by its id"),
            (self.missing == 0, "no order is asked for that is not there"),
        ] {
            if missing {
                lacks.push(what.to_owned());
            }
        }
        lacks
    }
}
