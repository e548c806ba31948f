//! The `sources` block: what kind each is, and a preset filled in under what the file says.

use jiff::SignedDuration;

use super::fields::{is_name, list};
use super::twins::Claims;
use super::{Check, shapes};
use crate::config::diagnostic::{Origin, Place};
use crate::config::raw::{self, Entry, Node, Value};
use crate::config::settings::source::{SourceKind, SourceSettings};
use crate::config::settings::{Logto, LogtoEndpoint};
use crate::config::suggest::nearest;

/// Between two polls where the file does not say.
const POLL: SignedDuration = SignedDuration::from_secs(30);
/// How late the news of a renewal may be where the file does not say.
const SLACK: SignedDuration = SignedDuration::from_hours(24);
/// The preset that the simulated shop speaks.
const SANDBOX: &str = "openbitum";
/// Maps that a file adds to. All else that it names replaces what the preset has.
const MERGED: [&str; 8] = ["headers", "query", "map", "list", "get", "expect", "webhook", "signature"];

/// Sources of one file.
const MOST: usize = 200;

impl Check<'_> {
    pub(super) fn sources(&mut self, entry: &Entry, logto: Option<&Logto>) -> Option<Vec<SourceSettings>> {
        let entries = self.named(&entry.node, "sources, each under its name")?;
        if entries.is_empty() {
            self.error(entry.at, "there are no sources").help("add one, such as `shop: {kind: sandbox}`");
        }
        if entries.len() > MOST {
            // Each is compared with each.
            self.error(entry.at, format!("there are {} sources; {MOST} are the most", entries.len()));
            return None;
        }
        let real = logto.is_some_and(|logto| logto.endpoint != LogtoEndpoint::Sandbox);
        let claims = Claims::of(entries);
        let mut sources = Vec::new();
        for entry in entries {
            if !is_name(&entry.key) {
                self.error(entry.at, format!("`{}` is not a valid name for a source", entry.key))
                    .help("use letters, digits, `-`, `_` and `.`");
            }
            if entry.key == "logto" {
                self.error(entry.at, "`logto` cannot be the name of a source")
                    .help("`/hooks/logto` takes the webhooks of Logto");
            }
            let Some(mut source) = self.source(entry) else { continue };
            source.was = self.was(entry, entries, &claims);
            if real && matches!(source.kind, SourceKind::Sandbox(_)) {
                self.error(entry.at, "orders of the simulated shop would reach a real Logto")
                    .warn()
                    .help("`kind: sandbox` belongs to `logto.endpoint: sandbox`: its buyers exist only there");
            }
            sources.push(source);
        }
        self.twins(entries, &sources);
        Some(sources)
    }

    fn source(&mut self, entry: &Entry) -> Option<SourceSettings> {
        let node = &entry.node;
        let kind = match node.get("kind").map(|kind| self.name(kind, "the kind of a source")) {
            Some(kind) => kind,
            None => {
                if matches!(node.value, Value::Map(_)) {
                    let kinds = self.kinds();
                    self.missing("kind", Some(entry.at)).help(format!("one of {}", list(&kinds)));
                }
                None
            }
        };
        let Some(kind) = kind else {
            self.fields(node, Some(entry.at), &shapes::SOURCE);
            return None;
        };
        match kind.value.as_str() {
            "sandbox" => self.sandbox(entry),
            "file" => self.orders_file(entry),
            "stripe" => {
                let stripe = self.stripe(entry);
                self.settings(entry, node, stripe.map(|stripe| SourceKind::Stripe(Box::new(stripe))))
            }
            "http" => {
                let http = self.http(node, entry, &kind.value);
                self.settings(entry, node, http.map(|http| SourceKind::Http(Box::new(http))))
            }
            name => match self.preset(name) {
                Some(preset) => {
                    let merged = merge(node, &preset?);
                    let http = self.http(&merged, entry, &kind.value);
                    self.settings(entry, &merged, http.map(|http| SourceKind::Http(Box::new(http))))
                }
                None => {
                    let kinds = self.kinds();
                    let near = nearest(&kind.value, kinds.iter().copied());
                    let problem = self.error(kind.place, format!("`{}` is not a kind of source", kind.written));
                    match near {
                        Some(near) => problem.label(format!("did you mean `{near}`?")),
                        None => problem.help(format!("the kinds are {}", list(&kinds))),
                    };
                    self.fields(node, Some(entry.at), &shapes::SOURCE);
                    None
                }
            },
        }
    }

    fn kinds(&self) -> Vec<&'static str> {
        ["sandbox", "file", "http", "stripe"].into_iter().chain(self.presets.names()).collect()
    }

    /// `None` where there is no such preset, `Some(None)` where it is broken.
    pub(super) fn preset(&mut self, name: &str) -> Option<Option<Node>> {
        let (name, text) = self.presets.find(name)?;
        Some(match raw::parse(text, Origin::Preset(name), &mut self.problems) {
            Ok(root) => Some(root.unwrap_or_else(|| empty(name))),
            Err(problem) => {
                self.problems.push(*problem);
                None
            }
        })
    }

    fn settings(&mut self, entry: &Entry, node: &Node, kind: Option<SourceKind>) -> Option<SourceSettings> {
        let poll = node.get("poll").map_or(Some(POLL), |node| self.interval(node));
        let full_read = node.get("full_read").map(|node| self.interval(node));
        let slack = node.get("slack").map_or(Some(SLACK), |node| self.duration(node));
        let name = entry.key.as_str().into();
        let full_read = full_read.map_or(Some(None), |found| found.map(Some));
        let is_file = matches!(kind, Some(SourceKind::File(_)));
        let webhook = if is_file { Some(None) } else { self.webhook(node) };
        let line = entry.at.line;
        let was = Vec::new();
        Some(SourceSettings {
            name,
            was,
            line,
            poll: poll?,
            full_read: full_read?,
            slack: slack?,
            kind: kind?,
            webhook: webhook?,
        })
    }

    fn orders_file(&mut self, entry: &Entry) -> Option<SourceSettings> {
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::SOURCE)?;
        self.only(&entry.node, "file", &["kind", "was", "path", "poll", "slack"]);
        let path = fields.need(self, "path", "path: orders.yaml");
        let path = path.and_then(|entry| self.name(&entry.node, "the path of a file of orders"));
        let kind = path.map(|path| SourceKind::File(self.folder.join(path.value)));
        self.settings(entry, &entry.node, kind)
    }

    /// The preset that the simulated shop speaks, without an address and without a token: both are known
    /// once it has started.
    fn sandbox(&mut self, entry: &Entry) -> Option<SourceSettings> {
        self.fields(&entry.node, Some(entry.at), &shapes::SOURCE)?;
        self.only(&entry.node, "sandbox", &["kind", "was", "poll", "slack"]);
        let Some(preset) = self.preset(SANDBOX) else {
            self.error(entry.at, format!("the preset `{SANDBOX}`, which the sandbox speaks, is not built in"));
            return None;
        };
        let mut preset = preset?;
        if let Value::Map(entries) = &mut preset.value {
            entries.retain(|entry| !["auth", "url", "poll"].contains(&entry.key.as_str()));
        }
        let http = self.http(&preset, entry, "sandbox");
        let webhook = self.sandbox_webhook(&preset);
        let settings = self.settings(entry, &entry.node, http.map(|http| SourceKind::Sandbox(Box::new(http))));
        settings.map(|settings| SourceSettings { webhook, ..settings })
    }

    /// Reports keys that the file may have in general, but not with this kind.
    fn only(&mut self, node: &Node, kind: &str, keys: &[&str]) {
        let Value::Map(entries) = &node.value else { return };
        for entry in entries {
            let key = entry.key.as_str();
            if shapes::SOURCE.keys.contains(&key) && !keys.contains(&key) {
                self.error(entry.at, format!("`{key}` is not allowed with `kind: {kind}`"))
                    .help(format!("the keys here are {}", list(keys)));
            }
        }
    }
}

/// A text without a single value yields an empty map, which then lacks every key that is needed.
fn empty(name: &'static str) -> Node {
    let place = Place { origin: Origin::Preset(name), line: 1, column: 1, start: 0, end: 0 };
    Node { value: Value::Map(Vec::new()), place }
}

/// `over` with all that only `under` has.
fn merge(over: &Node, under: &Node) -> Node {
    merged(over, under, |key| MERGED.contains(&key))
}

fn merged(over: &Node, under: &Node, adds: fn(&str) -> bool) -> Node {
    let (Value::Map(mine), Value::Map(theirs)) = (&over.value, &under.value) else { return over.clone() };
    let mut entries: Vec<Entry> = Vec::new();
    for entry in theirs {
        match mine.iter().find(|own| own.key == entry.key) {
            None => entries.push(entry.clone()),
            // Each of the lists under its name, and each of those as a source of its own would be.
            Some(own) if own.key == "lists" => {
                entries.push(Entry { node: merged(&own.node, &entry.node, |_| true), ..own.clone() });
            }
            Some(own) if adds(&own.key) => {
                entries.push(Entry { node: merge(&own.node, &entry.node), ..own.clone() });
            }
            Some(own) => entries.push(own.clone()),
        }
    }
    entries.extend(mine.iter().filter(|own| !theirs.iter().any(|entry| entry.key == own.key)).cloned());
    Node { value: Value::Map(entries), place: over.place }
}
