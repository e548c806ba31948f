//! A version of the file that somebody proposes, read without believing it: what it refers to is neither resolved nor
//! read, and what an operator answers for stays as it is in force.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::check::reference::PUBLIC;
use super::check::{Env, Presets, check_text};
use super::diagnostic::{Diagnostic, Origin};
use super::raw::{self, Node, Value};
use super::settings::Config;
use super::unresolvable::INSTEAD;

/// What a proposal says.
#[derive(Debug)]
pub struct Proposal {
    /// All of it, with something else in the place of every reference that is no public variable.
    pub config: Config,
    /// Public variables that are not set here, each once: a name that one of them makes is not the right one. Those of
    /// an operator's keys are not among them, as those keys do not count.
    pub unset: BTreeSet<String>,
}

/// The keys of the file that are an operator's: where things are, who may ask, and how long a version outlasts itself.
/// What a proposal says there is not looked at.
pub const OPERATORS: [&str; 7] = ["logto", "sources", "listen", "trusted_proxies", "notify", "store", "safeguards"];

/// The most bytes of a proposal.
pub const MOST: usize = 1 << 20;

/// Reads a proposal for the file at `path`. `public`: what public variables stand for where it would be in force.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check_proposal(
    text: &str,
    path: &Path,
    public: &BTreeMap<String, String>,
    presets: &Presets,
) -> Result<Proposal, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    for instead in INSTEAD {
        let env = Public { known: public, instead, unset: RefCell::default() };
        match check_text(text, path, &env, presets) {
            Ok((config, _)) => {
                let mut unset = env.unset.into_inner();
                let counts = previewed(text);
                unset.retain(|name| counts.contains(&format!("${{{name}")));
                return Ok(Proposal { config, unset });
            }
            // What the first one says is about the text; of the others some is about what was put in.
            Err(found) if problems.is_empty() => problems = found,
            Err(_) => {}
        }
    }
    Err(problems)
}

impl Proposal {
    /// What it would be in force: with what is an operator's as it is now.
    pub fn beside(self, in_force: &Config) -> Config {
        let Config { logto, sources, listen, trusted_proxies, notify, store, safeguards_delay, .. } = in_force.clone();
        let Config { api_token, preview_token, public, .. } = in_force.clone();
        Config {
            logto,
            sources,
            listen,
            trusted_proxies,
            notify,
            store,
            safeguards_delay,
            api_token,
            preview_token,
            public,
            ..self.config
        }
    }
}

/// The keys of an operator that two versions of the file fill in differently. Both were checked.
pub fn not_previewed(proposed: &str, in_force: &str) -> Vec<String> {
    let (proposed, in_force) = (parsed(proposed), parsed(in_force));
    let at = |root: &Option<Node>, key: &str| root.as_ref()?.get(key).map(written);
    let differs = |key: &&&str| at(&proposed, key) != at(&in_force, key);
    OPERATORS.iter().filter(differs).map(|key| (*key).to_owned()).collect()
}

/// All that counts of a proposal.
fn previewed(text: &str) -> String {
    let Some(Node { value: Value::Map(entries), .. }) = parsed(text) else { return String::new() };
    let counts = entries.iter().filter(|entry| !OPERATORS.contains(&entry.key.as_str()));
    counts.map(|entry| written(&entry.node)).collect()
}

fn parsed(text: &str) -> Option<Node> {
    raw::parse(text, Origin::File, &mut Vec::new()).ok().flatten()
}

/// What stands there, wherever it stands and however it is laid out.
fn written(node: &Node) -> String {
    match &node.value {
        Value::Nothing => "~".to_owned(),
        Value::Text(text) => format!("{:?}", text.text),
        Value::List(nodes) => format!("[{}]", nodes.iter().map(written).collect::<Vec<_>>().join(",")),
        Value::Map(entries) => {
            let each = |entry: &raw::Entry| format!("{:?}:{}", entry.key, written(&entry.node));
            let entries: BTreeSet<String> = entries.iter().map(each).collect();
            format!("{{{}}}", entries.into_iter().collect::<Vec<_>>().join(","))
        }
    }
}

/// Public variables, and something for whatever else is referred to.
struct Public<'a> {
    known: &'a BTreeMap<String, String>,
    instead: &'static str,
    unset: RefCell<BTreeSet<String>>,
}

impl Env for Public<'_> {
    fn var(&self, name: &str) -> Option<String> {
        self.known.get(name).cloned()
    }

    fn file(&self, _: &str) -> Result<String, String> {
        Err("a proposal reads no file".to_owned())
    }

    fn stand_in(&self, reference: &str) -> Option<String> {
        if reference.starts_with(PUBLIC) {
            self.unset.borrow_mut().insert(reference.to_owned());
        }
        Some(self.instead.to_owned())
    }
}
