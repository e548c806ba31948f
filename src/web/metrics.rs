//! `/metrics`, in the text format of Prometheus (0.0.4), written by hand: it is a page of lines.
//!
//! Every label has a bounded set of values: words of this program, names of the file, route templates of
//! Logto. Never an order, a user, or a text from outside.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;

use super::App;
use super::caller::Caller;
use crate::daemon::metrics::{Counted, Histogram};
use crate::logto::CallStats;
use crate::model::State as Word;
use crate::report::TargetView;
use crate::report::status::{About, Duty, Status};

pub(super) async fn answer(State(app): State<App>, caller: Caller) -> Response {
    if let Err(refused) = caller.reads() {
        return refused.into_response();
    }
    let mut counted = app.metrics().counted();
    if let Some(open) = app.open() {
        counted.logto.add(&open.active.client.tally());
    }
    let text = exposition(&app.status(), &counted, app.now());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// Everything, from what the daemon says of itself and from what it has counted.
pub fn exposition(status: &Status, counted: &Counted, now: Timestamp) -> String {
    let mut page = Page::default();
    state(&mut page, status, now);
    targets(&mut page, status);
    sources(&mut page, status);
    work(&mut page, counted);
    logto(&mut page, &counted.logto);
    page.0
}

fn state(page: &mut Page, status: &Status, now: Timestamp) {
    page.metric("entitled_build_info", Kind::Gauge, "The version that runs.");
    page.line("entitled_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    page.metric("entitled_state", Kind::Gauge, "1 for the state that the daemon is in.");
    for state in Word::ALL {
        page.line("entitled_state", &[("state", state.word())], flag(state == status.state));
    }
    page.metric("entitled_frozen", Kind::Gauge, "1 while somebody has stopped revocations, or every write.");
    for scope in ["revocations", "all"] {
        let frozen = status.freeze.as_ref().is_some_and(|freeze| freeze.scope == scope);
        page.line("entitled_frozen", &[("scope", scope)], flag(frozen));
    }
    page.single("entitled_state_since_timestamp_seconds", "Since when it is in that state.", unix(status.since));
    page.single("entitled_ready", "1 while it does its work, as /readyz says.", flag(status.not_ready(now).is_empty()));
    page.single("entitled_leader", "1 while it works, 0 while it stands by.", flag(status.duty == Duty::Leader));
    page.metric("entitled_troubles", Kind::Gauge, "What does not work at the moment.");
    for about in ["store", "logto", "file", "source", "target", "changes", "listener", "program"] {
        let troubles = status.troubles.iter().filter(|trouble| trouble.about.word() == about).count();
        page.line("entitled_troubles", &[("about", about)], troubles as f64);
    }
    let valid = status.trouble(&About::File).is_none();
    page.single("entitled_config_valid", "1 while the file is the configuration in force, or could be.", flag(valid));
    let since = status.config.as_ref().map(|config| unix(config.since));
    let help = "When the configuration in force took effect.";
    page.optional("entitled_config_in_force_timestamp_seconds", help, since);
    let help = "When the last full pass succeeded.";
    page.optional("entitled_full_pass_success_timestamp_seconds", help, status.last_full_pass.map(unix));
    page.optional(
        "entitled_next_full_pass_timestamp_seconds",
        "When the next full pass is due.",
        status.next_full_pass.map(unix),
    );
}

/// One figure of a target.
type Figure = fn(&TargetView) -> u64;

fn targets(page: &mut Page, status: &Status) {
    let gauges: [(&str, &str, Figure); 4] = [
        ("entitled_target_desired", "Users who should hold a target.", |target| target.desired),
        ("entitled_target_actual", "Users who hold a target.", |target| target.actual),
        ("entitled_target_foreign", "Users who hold a target that is neither ours nor bought.", |target| {
            target.foreign
        }),
        ("entitled_target_kept", "Users who keep a target that nothing entitles to any more.", |target| target.kept),
    ];
    for (name, help, value) in gauges {
        page.metric(name, Kind::Gauge, help);
        for target in &status.targets {
            page.line(name, &[("target", &target.name)], value(target) as f64);
        }
    }
    let figures = &status.figures;
    page.single("entitled_drift", "Changes that the last full pass found to be wanted.", figures.drift as f64);
    page.single("entitled_pending", "Changes that are wanted and neither made nor held.", figures.pending as f64);
    page.metric("entitled_held", Kind::Gauge, "Changes that wait for a person, by the reason.");
    let mut held: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    for one in status.held.iter() {
        *held.entry(&one.hold).or_default() += 1;
    }
    let ambiguous = figures.held.saturating_sub(status.held.len() as u64);
    if ambiguous > 0 {
        *held.entry("Ambiguous").or_default() += ambiguous;
    }
    for (reason, count) in held {
        page.line("entitled_held", &[("reason", reason)], count as f64);
    }
    page.single("entitled_unresolved_buyers", "Buyers without an account.", figures.waiting as f64);
    page.single("entitled_unknown_purchases", "Purchases whose standing is unknown.", figures.unknown as f64);
}

fn sources(page: &mut Page, status: &Status) {
    page.metric("entitled_source_up", Kind::Gauge, "1 where a source answered the last time.");
    for source in &status.sources {
        let fails = status.trouble(&About::Source(source.name.clone())).is_some();
        page.line(
            "entitled_source_up",
            &[("source", source.name.as_str())],
            flag(!fails && source.last_success.is_some()),
        );
    }
    page.metric("entitled_source_success_timestamp_seconds", Kind::Gauge, "When a source last answered successfully.");
    for source in &status.sources {
        if let Some(at) = source.last_success {
            page.line("entitled_source_success_timestamp_seconds", &[("source", source.name.as_str())], unix(at));
        }
    }
    page.metric("entitled_source_orders", Kind::Gauge, "Orders of a source that are known.");
    for source in &status.sources {
        page.line("entitled_source_orders", &[("source", source.name.as_str())], source.orders as f64);
    }
    page.metric(
        "entitled_source_odd_orders",
        Kind::Gauge,
        "Orders of a source of which something could not be read, and rows without even an id.",
    );
    for source in &status.sources {
        page.line("entitled_source_odd_orders", &[("source", source.name.as_str())], source.odd as f64);
    }
}

fn work(page: &mut Page, counted: &Counted) {
    page.metric("entitled_changes_total", Kind::Counter, "Changes by what was to be done and what came of it.");
    for ((verb, outcome), count) in &counted.changes {
        page.line("entitled_changes_total", &[("verb", verb), ("outcome", outcome)], *count as f64);
    }
    page.metric(
        "entitled_failures_total",
        Kind::Counter,
        "Passes, polls and reloads that failed, by what it was about.",
    );
    for (about, count) in &counted.failures {
        page.line("entitled_failures_total", &[("about", about)], *count as f64);
    }
    page.metric("entitled_pass_duration_seconds", Kind::Histogram, "How long passes took.");
    for (kind, histogram) in &counted.passes {
        page.histogram("entitled_pass_duration_seconds", &[("kind", kind.word())], histogram);
    }
    page.metric(
        "entitled_paid_to_granted_seconds",
        Kind::Histogram,
        "From the payment of an order to its grant, for orders paid while the daemon ran.",
    );
    page.histogram("entitled_paid_to_granted_seconds", &[], &counted.paid_to_granted);
    page.metric("entitled_hooks_total", Kind::Counter, "Webhooks by where they came from and what was made of them.");
    for ((source, outcome), count) in &counted.hooks {
        page.line("entitled_hooks_total", &[("source", source), ("outcome", outcome)], *count as f64);
    }
    page.single("entitled_ledger_rows", "Grants that are ours.", counted.ledger_rows as f64);
    page.single("entitled_store_bytes", "The size of the store.", counted.store_bytes as f64);
}

fn logto(page: &mut Page, tally: &CallStats) {
    page.metric("entitled_logto_calls_total", Kind::Counter, "Calls to Logto by route and status class.");
    for ((method, route, status), count) in &tally.calls {
        let labels = [("method", *method), ("route", route.as_str()), ("status", *status)];
        page.line("entitled_logto_calls_total", &labels, *count as f64);
    }
    page.metric("entitled_logto_throttled_seconds_total", Kind::Counter, "How long calls have waited for their turn.");
    page.line("entitled_logto_throttled_seconds_total", &[], tally.slept.as_secs_f64());
}

/// What a metric is.
#[derive(Clone, Copy)]
enum Kind {
    Gauge,
    Counter,
    Histogram,
}

/// The text so far.
#[derive(Default)]
struct Page(String);

impl Page {
    /// Begins a metric; its lines follow.
    fn metric(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        };
        let _never_fails = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let _never_fails = write!(self.0, "{}{label}=\"{}\"", if at == 0 { '{' } else { ',' }, escaped(text));
        }
        let _never_fails = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn single(&mut self, name: &str, help: &str, value: f64) {
        self.metric(name, Kind::Gauge, help);
        self.line(name, &[], value);
    }

    /// A gauge without a line while there is no value.
    fn optional(&mut self, name: &str, help: &str, value: Option<f64>) {
        self.metric(name, Kind::Gauge, help);
        if let Some(value) = value {
            self.line(name, &[], value);
        }
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let mut below = 0;
        let bounds = histogram.bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&histogram.buckets) {
            below += count;
            let labels: Vec<(&str, &str)> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
            self.line(&format!("{name}_bucket"), &labels, below as f64);
        }
        self.line(&format!("{name}_sum"), labels, histogram.sum);
        self.line(&format!("{name}_count"), labels, histogram.count() as f64);
    }
}

/// A label's value, in which three characters are written as two.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

fn unix(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1_000.0
}
