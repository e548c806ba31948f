//! Sources that go by another name than before, and sources that may be one and the same: an order that two of
//! them list would count twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::Check;
use super::fields::is_name;
use crate::config::diagnostic::Place;
use crate::config::raw::{Entry, Node, Value};
use crate::config::settings::place::{same_file, same_host, same_path};
use crate::config::settings::source::{HttpSource, SourceKind, SourceSettings};
use crate::model::SourceName;

/// How much two sources have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Likeness {
    /// They give the same orders.
    Same,
    /// They are at the same address, and may list the same orders.
    SameAddress,
    /// Nothing that matters.
    None,
}

impl Check<'_> {
    /// The names that a source had before. `all`: the sources of the file.
    pub(super) fn was(&mut self, entry: &Entry, all: &[Entry], claims: &Claims<'_>) -> Vec<SourceName> {
        let Some(node) = entry.node.get("was") else { return Vec::new() };
        let nodes = match &node.value {
            Value::List(nodes) => nodes.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut names: Vec<SourceName> = Vec::new();
        let mut seen = BTreeSet::new();
        for node in nodes {
            let Some(found) = self.name(node, "the name that this source had before") else { continue };
            if !is_name(&found.value) {
                self.error(node.place, format!("`{}` is not a valid name for a source", found.written))
                    .help("use letters, digits, `-`, `_` and `.`");
            } else if found.value == entry.key {
                self.error(node.place, format!("`{}` is the name that this source has now", found.written))
                    .help("`was` takes the name that it had before");
            } else if let Some(other) = all.iter().find(|other| other.key == found.value) {
                let at = other.at;
                self.error(node.place, format!("`{}` is still in the file", found.written))
                    .also(at, "here")
                    .help("`was` carries over what is known of a source that is gone: remove one of the two");
            } else if let Some(first) = claims.before(entry, &found.value) {
                self.error(node.place, format!("two sources say that they were `{}`", found.written))
                    .also(first, "the other one")
                    .help("what is known of it can go to one of them only");
            } else if seen.insert(found.value.clone()) {
                names.push(found.value.as_str().into());
            }
        }
        names
    }

    /// Reports sources that read the same API, and those that may.
    pub(super) fn twins(&mut self, entries: &[Entry], sources: &[SourceSettings]) {
        let entry_of = |source: &SourceSettings| entries.iter().find(|entry| entry.key == source.name.as_str());
        for (at, source) in sources.iter().enumerate() {
            for other in &sources[..at] {
                let (Some(one), Some(first)) = (entry_of(source), entry_of(other)) else { continue };
                let (name, known) = (&source.name, &other.name);
                match self.likeness((one, source), (first, other)) {
                    Likeness::Same => {
                        self.error(one.at, format!("`{name}` and `{known}` read the same API"))
                            .also(first.at, "the same here")
                            .help(format!(
                                "every order would count twice: remove one of them; if it is a new name for the \
                                 other, write `was: {known}` here and take `{known}` out"
                            ));
                    }
                    Likeness::SameAddress => {
                        self.error(one.at, format!("`{name}` and `{known}` have the same address"))
                            .warn()
                            .also(first.at, "the same here")
                            .help("make sure that they list different orders: one that both list counts twice");
                    }
                    Likeness::None => {}
                }
            }
        }
    }

    fn likeness(&mut self, one: (&Entry, &SourceSettings), other: (&Entry, &SourceSettings)) -> Likeness {
        let same_key = |key: &str| match (one.0.node.get(key), other.0.node.get(key)) {
            (Some(one), Some(other)) => alike(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        match (&one.1.kind, &other.1.kind) {
            (SourceKind::Sandbox(_), SourceKind::Sandbox(_)) => Likeness::Same,
            (SourceKind::File(one), SourceKind::File(other)) if same_file(one, other) => Likeness::Same,
            (SourceKind::Stripe(a), SourceKind::Stripe(b)) => {
                let part = a.read.iter().any(|part| b.read.contains(part));
                let there = same_host(&a.base_url) == same_host(&b.base_url) && a.account == b.account;
                if there && part && same_key("key") { Likeness::Same } else { Likeness::None }
            }
            (SourceKind::Http(a), SourceKind::Http(b)) if recorded(a) == recorded(b) => {
                let pairs: Vec<_> = a.lists().flat_map(|a| b.lists().map(move |b| (a, b))).collect();
                let there = |(a, b): &(&HttpSource, &HttpSource)| same_host(&a.list_url()) == same_host(&b.list_url());
                // In whatever order it is written.
                let asked = |source: &HttpSource| source.list.query.iter().cloned().collect::<BTreeSet<_>>();
                let same = |pair: &(&HttpSource, &HttpSource)| {
                    there(pair) && pair.0.list.method == pair.1.list.method && asked(pair.0) == asked(pair.1)
                };
                let kinds = same_host(&a.base_url) == same_host(&b.base_url) && same_key("kind");
                if pairs.iter().any(same) && a.headers == b.headers && self.same_auth(one.0, other.0) {
                    Likeness::Same
                } else if pairs.iter().any(there) || kinds {
                    Likeness::SameAddress
                } else {
                    // Two presets for one vendor read two of its lists.
                    Likeness::None
                }
            }
            _ => Likeness::None,
        }
    }

    /// Whether two sources say alike who asks: by the same references, whatever those hold.
    fn same_auth(&mut self, one: &Entry, other: &Entry) -> bool {
        match (self.auth_of(one), self.auth_of(other)) {
            (Some(one), Some(other)) => alike(&one, &other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    /// The `auth` of a source: its own, or that of its preset.
    fn auth_of(&mut self, entry: &Entry) -> Option<Node> {
        if let Some(own) = entry.node.get("auth") {
            return Some(own.clone());
        }
        let kind = entry.node.get("kind")?.text()?.to_owned();
        self.preset(&kind)??.get("auth").cloned()
    }
}

/// The folder of a recording, however it is written.
fn recorded(source: &HttpSource) -> Option<PathBuf> {
    source.recorded.as_deref().map(same_path)
}

/// Which source says first that it had a name before, by that name: its key, and where it says so.
pub(super) struct Claims<'n>(BTreeMap<&'n str, (&'n str, Place)>);

impl<'n> Claims<'n> {
    /// Those of all sources of the file.
    pub(super) fn of(all: &'n [Entry]) -> Self {
        let mut first = BTreeMap::new();
        for entry in all {
            let Some(node) = entry.node.get("was") else { continue };
            let names = match &node.value {
                Value::List(nodes) => nodes.as_slice(),
                _ => std::slice::from_ref(node),
            };
            for name in names.iter().filter_map(Node::text) {
                first.entry(name).or_insert((entry.key.as_str(), node.place));
            }
        }
        Self(first)
    }

    /// Where another source than this one was the first to say it.
    fn before(&self, entry: &Entry, name: &str) -> Option<Place> {
        self.0.get(name).filter(|(first, _)| *first != entry.key).map(|(_, at)| *at)
    }
}

/// Whether two parts of a file say the same, wherever they stand.
fn alike(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Map(one), Value::Map(other)) => {
            let same = |entry: &Entry| other.iter().any(|of| of.key == entry.key && alike(&of.node, &entry.node));
            one.len() == other.len() && one.iter().all(same)
        }
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        _ => one.text().is_some() && one.text() == other.text(),
    }
}
