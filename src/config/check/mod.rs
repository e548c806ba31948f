//! From the YAML as written to the checked [`Config`], with every problem at once.
//!
//! Never reads a file, the environment or a clock: what the file refers to comes through [`Env`], and the
//! presets come as texts.

mod adjustments;
mod auth;
mod body;
mod details;
mod fields;
mod http;
mod list;
mod listen;
mod logto;
mod mapping;
mod notify;
mod products;
pub(crate) mod reference;
pub(crate) mod shapes;
mod source;
mod stripe;
mod twins;
mod value;
mod variant;
mod webhook;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};

use self::fields::{Fields, Resolved};
use self::reference::References;
use super::blob::Blob;
use super::diagnostic::{Diagnostic, Origin, Place, Severity};
use super::raw::{self, Node};
use super::settings::{Buyers, Config, Matching, ProtectedRole, Schedule};
use crate::model::{Adopt, Email, Limit, Limits, Protect, Prune, UserId};

pub use self::value::duration;

/// What `${NAME}` and `${file:PATH}` stand for.
pub trait Env {
    /// The value of an environment variable, where it is set.
    fn var(&self, name: &str) -> Option<String>;

    /// The text of a file; a relative path starts at the folder of `entitlements.yaml`.
    ///
    /// # Errors
    /// Why it cannot be read, for people.
    fn file(&self, path: &str) -> Result<String, String>;

    /// What takes the place of a reference that stands for nothing. By default that is an error.
    fn stand_in(&self, _reference: &str) -> Option<String> {
        None
    }
}

/// The payment APIs known by name: each a text with the keys of a `kind: http` source.
#[derive(Clone, Debug, Default)]
pub struct Presets(BTreeMap<&'static str, &'static str>);

impl Presets {
    /// From names and texts.
    pub fn new(presets: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        Self(presets.into_iter().collect())
    }

    fn find(&self, name: &str) -> Option<(&'static str, &'static str)> {
        self.0.get_key_value(name).map(|(name, text)| (*name, *text))
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

/// Checks the text of `file`, whose folder relative paths start at. Yields the configuration with its
/// warnings, in the order of the file.
///
/// # Errors
/// Everything that is wrong, and the warnings among it, in the order of the file. A text that is no YAML
/// yields the first place at which it is none.
pub fn check_text(
    text: &str,
    file: &Path,
    env: &dyn Env,
    presets: &Presets,
) -> Result<(Config, Vec<Diagnostic>), Vec<Diagnostic>> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut check = Check { env, presets, folder, references: References::None, problems: Vec::new() };
    let config = match raw::parse(text, Origin::File, &mut check.problems) {
        Err(problem) => {
            check.problems.push(*problem);
            None
        }
        Ok(None) => {
            let mut problem = Diagnostic::error("the file is empty");
            problem.help("`entitled schema` lists every key, and the README shows a whole file");
            check.problems.push(problem);
            None
        }
        Ok(Some(root)) => check.file(&root),
    };
    let mut problems = check.problems;
    problems.sort_by_key(|problem| {
        problem.place.map_or((0, 0), |place| match place.origin {
            Origin::File => (1, place.start),
            Origin::Preset(_) => (2, place.start),
        })
    });
    problems.dedup();
    match config {
        Some(config) if problems.iter().all(|problem| problem.severity == Severity::Warning) => Ok((
            Config {
                digest: digest(text),
                blob: Blob::of(text.as_bytes()),
                text: text.into(),
                public: reference::public(text, env),
                ..config
            },
            problems,
        )),
        _ => Err(problems),
    }
}

/// SHA-256 in hex.
fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

const ADOPT: [(&str, Adopt); 2] = [("explained", Adopt::Explained), ("never", Adopt::Never)];

/// One check of one file: where it looks things up, and what it found wrong so far.
struct Check<'a> {
    env: &'a dyn Env,
    presets: &'a Presets,
    folder: &'a Path,
    /// Which references the part that is looked at may hold.
    references: References,
    problems: Vec<Diagnostic>,
}

impl Check<'_> {
    /// Every part is checked before the first missing one ends it.
    fn file(&mut self, root: &Node) -> Option<Config> {
        let fields = self.fields(root, None, &shapes::FILE)?;
        let version = self.version(fields);
        // Everywhere else what stands in the file is shown, so that a reference would tell a secret.
        self.references = References::All;
        let logto = fields.need(self, "logto", "logto: {endpoint: sandbox}");
        let logto = logto.and_then(|entry| self.logto(entry));
        let sources = fields.need(self, "sources", "sources: {shop: {kind: sandbox}}");
        let sources = sources.and_then(|entry| self.sources(entry, logto.as_ref()));
        let store = self.store(fields);
        let listen = self.listen(fields);
        let notify = self.notify(fields);
        self.references = References::None;
        let buyers = self.buyers(fields);
        let schedule = self.schedule(fields);
        let prune = self.prune(fields);
        let adopt = fields.node("adopt").map_or(Some(Adopt::Explained), |node| self.word(node, &ADOPT));
        let limits = self.limits(fields);
        let (protect, protected_roles) = self.protect(fields).unzip();
        let safeguards_delay = self.safeguards_delay(fields);
        let trusted_proxies = self.trusted_proxies(fields);
        self.references = References::Public;
        let products = fields.need(self, "products", "products:` and below it a product with its `entitlements:");
        let products = products.and_then(|entry| self.products(entry, fields));
        version?;
        Some(Config {
            logto: logto?,
            sources: sources?,
            buyers: buyers?,
            schedule: schedule?,
            prune: prune?,
            adopt: adopt?,
            limits: limits?,
            protect: protect?,
            protected_roles: protected_roles?,
            safeguards_delay: safeguards_delay?,
            store: store?,
            listen: listen?,
            trusted_proxies: trusted_proxies?,
            api_token: self.token(listen::TOKEN),
            preview_token: self.token(listen::PREVIEW_TOKEN),
            public: BTreeMap::new(),
            notify,
            products: products?,
            digest: String::new(),
            blob: Blob::of(&[]),
            text: "".into(),
        })
    }

    fn version(&mut self, fields: Fields<'_>) -> Option<()> {
        let node = &fields.need(self, "version", "version: 1")?.node;
        if node.text() == Some("1") {
            return Some(());
        }
        let shown = node.text().map_or_else(|| node.value.kind().to_owned(), |text| format!("`{text}`"));
        self.error(node.place, format!("version {shown} of this file is not supported"))
            .help("this release reads `version: 1`");
        None
    }

    fn buyers(&mut self, fields: Fields<'_>) -> Option<Buyers> {
        const WORDS: [(&str, Matching); 3] =
            [("user_id", Matching::UserId), ("binding", Matching::Binding), ("email", Matching::Email)];
        let all = || WORDS.map(|(_, way)| way).to_vec();
        let Some(entry) = fields.find("buyers") else {
            return Some(Buyers { matching: all(), bindings: Vec::new() });
        };
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::BUYERS)?;
        let matching = match fields.node("match") {
            None => Some(all()),
            Some(node) => self.matching(node, &WORDS),
        };
        let bindings = match fields.find("bindings") {
            None => Some(Vec::new()),
            Some(entry) => {
                if matching.as_ref().is_some_and(|ways| !ways.contains(&Matching::Binding)) {
                    self.error(entry.at, "these bindings are never used")
                        .warn()
                        .help("add `binding` to `match`, or remove the bindings");
                }
                self.bindings(&entry.node)
            }
        };
        Some(Buyers { matching: matching?, bindings: bindings? })
    }

    fn matching(&mut self, node: &Node, words: &[(&str, Matching)]) -> Option<Vec<Matching>> {
        let nodes = self.list(node, "a list of ways to find a buyer")?;
        if nodes.is_empty() {
            self.error(node.place, "no way to find a buyer is left").help("for example `[user_id, binding, email]`");
            return None;
        }
        let mut ways: Vec<Matching> = Vec::new();
        for node in nodes {
            let way = self.word(node, words)?;
            if ways.contains(&way) {
                self.error(node.place, format!("`{}` is listed twice", node.text().unwrap_or_default()));
                return None;
            }
            ways.push(way);
        }
        Some(ways)
    }

    fn bindings(&mut self, node: &Node) -> Option<Vec<(Email, UserId)>> {
        let mut bound: BTreeMap<Email, (UserId, Place)> = BTreeMap::new();
        let mut bindings = Vec::new();
        for node in self.list(node, "a list of bindings")? {
            let Some(fields) = self.fields(node, Some(node.place), &shapes::BINDING) else { continue };
            let email = fields.need(self, "email", "email: buyer@example.com");
            let email = email.and_then(|entry| self.email(&entry.node));
            let user = fields.need(self, "user", "user: <the id of the Logto user>");
            let user = user.and_then(|entry| self.name(&entry.node, "the id of a Logto user"));
            let (Some((email, at)), Some(user)) = (email, user) else { continue };
            let user = UserId::from(user.value.trim());
            match bound.get(&email) {
                Some((first, place)) if *first != user => {
                    let (first, place) = (first.clone(), *place);
                    self.error(at, format!("`{email}` is bound to two users, `{first}` and `{user}`"))
                        .label("again here")
                        .also(place, "first here");
                }
                Some((_, place)) => {
                    let place = *place;
                    self.error(at, format!("`{email}` is bound twice")).warn().also(place, "first here");
                }
                None => {
                    bound.insert(email.clone(), (user.clone(), at));
                    bindings.push((email, user));
                }
            }
        }
        Some(bindings)
    }

    fn email(&mut self, node: &Node) -> Option<(Email, Place)> {
        let found = self.name(node, "an email address")?;
        let email = Email::parse(&found.value);
        if email.is_none() {
            self.error(node.place, format!("`{}` is not a valid email address", found.written));
        }
        Some((email?, node.place))
    }

    fn schedule(&mut self, fields: Fields<'_>) -> Option<Schedule> {
        let mut schedule =
            Schedule { full_pass: SignedDuration::from_mins(10), full_read: SignedDuration::from_hours(24) };
        let Some(entry) = fields.find("schedule") else { return Some(schedule) };
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::SCHEDULE)?;
        for (key, place) in [("full_pass", &mut schedule.full_pass), ("full_read", &mut schedule.full_read)] {
            if let Some(node) = fields.node(key) {
                *place = self.interval(node).unwrap_or(*place);
            }
        }
        Some(schedule)
    }

    fn prune(&mut self, fields: Fields<'_>) -> Option<Prune> {
        let Some(node) = fields.node("prune") else {
            self.missing("prune", None).help(
                "it has no default, since it decides whether anything is ever taken away; add one of\n\
                 `prune: never`      only grant\n\
                 `prune: owned`      also revoke what entitled granted itself\n\
                 `prune: exclusive`  also revoke what anybody else granted",
            );
            return None;
        };
        self.word(node, &[("never", Prune::Never), ("owned", Prune::Owned), ("exclusive", Prune::Exclusive)])
    }

    fn limits(&mut self, fields: Fields<'_>) -> Option<Limits> {
        let mut limits = Limits {
            revocations: Limit { percent: 10.0, floor: 5 },
            config_grants: Limit { percent: 20.0, floor: 50 },
        };
        let Some(entry) = fields.find("limits") else { return Some(limits) };
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::LIMITS)?;
        for (key, limit) in [("revocations", &mut limits.revocations), ("config_grants", &mut limits.config_grants)] {
            let Some(entry) = fields.find(key) else { continue };
            let Some(fields) = self.fields(&entry.node, Some(entry.at), &shapes::LIMIT) else { continue };
            if let Some(node) = fields.node("per_day") {
                limit.percent = self.percent(node).unwrap_or(limit.percent);
            }
            if let Some(node) = fields.node("floor") {
                limit.floor = self.whole(node, 0..=1_000_000).unwrap_or(limit.floor);
            }
        }
        Some(limits)
    }

    fn protect(&mut self, fields: Fields<'_>) -> Option<(Protect, Vec<ProtectedRole>)> {
        let mut protect = Protect::default();
        let Some(entry) = fields.find("protect") else { return Some((protect, Vec::new())) };
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::PROTECT)?;
        for found in self.names(fields.node("emails"), "a list of email addresses", "an email address") {
            if !found.value.contains('@') {
                self.error(found.place, format!("`{}` is not a valid email address", found.written))
                    .help("for everybody at a domain: `\"*@example.com\"`");
            }
            protect.emails.push(found.value.trim().to_ascii_lowercase());
        }
        let users = self.names(fields.node("users"), "a list of user ids", "the id of a Logto user");
        protect.users = users.iter().map(|user| user.value.trim().into()).collect();
        let roles = self.names(fields.node("roles"), "a list of roles", "a role, by name or by id");
        let placed =
            |Resolved { value: name, place: Place { line, column, .. }, .. }| ProtectedRole { name, line, column };
        let roles: Vec<ProtectedRole> = roles.into_iter().map(placed).collect();
        protect.roles = roles.iter().map(|role| role.name.clone()).collect();
        Some((protect, roles))
    }

    fn safeguards_delay(&mut self, fields: Fields<'_>) -> Option<SignedDuration> {
        const DEFAULT: SignedDuration = SignedDuration::from_hours(24);
        const MOST: SignedDuration = SignedDuration::from_hours(30 * 24);
        let Some(entry) = fields.find("safeguards") else { return Some(DEFAULT) };
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::SAFEGUARDS)?;
        let Some(node) = fields.node("delay") else { return Some(DEFAULT) };
        let delay = self.duration(node)?;
        if delay > MOST {
            self.error(node.place, "safeguards outlast a version of the file for 30 days at most")
                .help("for example `delay: 24h`");
            return None;
        }
        Some(delay)
    }

    /// A list of texts, none blank and none twice.
    fn names(&mut self, node: Option<&Node>, many: &str, what: &str) -> Vec<Resolved> {
        let Some(nodes) = node.and_then(|node| self.list(node, many)) else {
            return Vec::new();
        };
        let mut names: Vec<Resolved> = Vec::new();
        let mut seen: BTreeMap<String, Place> = BTreeMap::new();
        for node in nodes {
            let Some(found) = self.name(node, what) else { continue };
            if let Some(first) = seen.insert(found.value.clone(), found.place) {
                self.error(found.place, format!("`{}` is listed twice", found.written))
                    .warn()
                    .also(first, "first here");
                continue;
            }
            names.push(found);
        }
        names
    }

    fn store(&mut self, fields: Fields<'_>) -> Option<PathBuf> {
        let Some(node) = fields.node("store") else { return Some(self.folder.join("entitled.db")) };
        let found = self.name(node, "the path of the database file")?;
        if found.value.contains("://") {
            self.error(node.place, "`store` is the path of a file, not a URL")
                .help("for example `store: entitled.db`")
                .hide(node.place);
            return None;
        }
        Some(self.folder.join(found.value))
    }
}
