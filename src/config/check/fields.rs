//! Reading one node as one thing: a map with known keys, a text, a number, a word of a list, a secret.
//!
//! Every reader reports what is wrong and yields `None`, so that the caller goes on to the next key.
//! Never prints a resolved value: a message shows what stands in the file.

use std::ops::{Range, RangeInclusive};

use jiff::SignedDuration;

use super::reference::{Fault, FaultKind, References, Template};
use super::{Check, value};
use crate::config::diagnostic::{Diagnostic, Place};
use crate::config::raw::{Entry, Node, Text, Value};
use crate::config::suggest::nearest;
use crate::secret::{SHORTEST, Secret, hide};

/// What the examples have where a secret belongs.
const PLACEHOLDER: &str = "replace-me";

/// The keys that a map of the file may have.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Its name, as in the schema.
    pub name: &'static str,
    /// Every key, in the order in which a person would write them.
    pub keys: &'static [&'static str],
    /// Those of them whose values are secret.
    pub secret: &'static [&'static str],
}

/// A map whose keys were looked at.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n> {
    entries: &'n [Entry],
    shape: &'static Shape,
    /// Where a missing key is missing: the key of the map.
    pub(super) at: Option<Place>,
}

impl<'n> Fields<'n> {
    pub(super) fn find(&self, key: &str) -> Option<&'n Entry> {
        debug_assert!(self.shape.keys.contains(&key), "`{key}` is no key of {}", self.shape.name);
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(super) fn node(&self, key: &str) -> Option<&'n Node> {
        self.find(key).map(|entry| &entry.node)
    }

    /// The keys that were reported as unknown.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &'n Entry> {
        let keys = self.shape.keys;
        self.entries.iter().filter(move |entry| !keys.contains(&entry.key.as_str()))
    }

    /// Whether an unknown key was reported that looks meant for this one, so that it is not missing too.
    fn misspelt(&self, key: &str) -> bool {
        self.unknown().any(|entry| nearest(&entry.key, self.shape.keys.iter().copied()) == Some(key))
    }

    /// The key, or an error that says what to write.
    pub(super) fn need(&self, check: &mut Check<'_>, key: &str, write: &str) -> Option<&'n Entry> {
        let found = self.find(key);
        if found.is_none() && !self.misspelt(key) {
            let problem = check.missing(key, self.at);
            problem.help(format!("add `{write}`"));
        }
        found
    }
}

/// A text of the file and what it stands for.
pub(super) struct Resolved {
    pub(super) value: String,
    /// As it stands in the file.
    pub(super) written: String,
    pub(super) place: Place,
}

impl Check<'_> {
    pub(super) fn error(&mut self, place: Place, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Some(place), message.into())
    }

    pub(super) fn missing(&mut self, key: &str, at: Option<Place>) -> &mut Diagnostic {
        let problem = self.add(at, format!("key `{key}` is missing"));
        if at.is_some() {
            problem.label("in here");
        }
        problem
    }

    fn add(&mut self, place: Option<Place>, message: String) -> &mut Diagnostic {
        let mut problem = Diagnostic::error(message);
        problem.place = place;
        self.problems.push(problem);
        self.problems.last_mut().expect("it was just pushed")
    }

    pub(super) fn wrong_type(&mut self, node: &Node, expected: &str) -> &mut Diagnostic {
        self.error(node.place, format!("expected {expected}, found {}", node.value.kind()))
    }

    /// A map of a known shape. Its unknown keys are reported.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        at: Option<Place>,
        shape: &'static Shape,
    ) -> Option<Fields<'n>> {
        let Value::Map(entries) = &node.value else {
            let problem = self.wrong_type(node, &format!("a map with {}", list(shape.keys)));
            if !shape.secret.is_empty() {
                problem.hide(node.place);
            }
            return None;
        };
        let fields = Fields { entries, shape, at };
        for entry in fields.unknown() {
            let near = nearest(&entry.key, shape.keys.iter().copied());
            let problem = self.error(entry.at, format!("unknown key `{}`", entry.key));
            if let Some(near) = near {
                problem.label(format!("did you mean `{near}`?"));
            } else if entry.key == "<<" {
                problem.help("merge keys are not supported; an alias can stand for a whole value");
            } else {
                problem.help(format!("the keys here are {}", list(shape.keys)));
            }
            if could_be_secret(entry) || near.is_some_and(|near| shape.secret.contains(&near)) {
                problem.hide(entry.node.place);
            }
        }
        Some(fields)
    }

    /// A map whose keys are names of the user's choice.
    pub(super) fn named<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        match &node.value {
            Value::Map(entries) => Some(entries),
            _ => {
                self.wrong_type(node, what);
                None
            }
        }
    }

    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(nodes) => Some(nodes),
            Value::Text(text) => {
                let written = text.text.clone();
                self.wrong_type(node, what).help(format!("put it in brackets: `[{written}]`"));
                None
            }
            _ => {
                self.wrong_type(node, what);
                None
            }
        }
    }

    /// One node, or each node of a list.
    pub(super) fn one_or_more<'n>(&mut self, node: &'n Node, what: &str) -> Option<Vec<&'n Node>> {
        match &node.value {
            Value::Text(_) => Some(vec![node]),
            Value::List(nodes) if !nodes.is_empty() => Some(nodes.iter().collect()),
            Value::List(_) => {
                self.error(node.place, format!("expected {what}, found an empty list"));
                None
            }
            _ => {
                self.wrong_type(node, what);
                None
            }
        }
    }

    fn scalar<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Text> {
        match &node.value {
            Value::Text(text) => Some(text),
            _ => {
                let problem = self.wrong_type(node, what);
                if matches!(node.value, Value::Nothing) && node.place.end - node.place.start == 4 {
                    problem.help("to mean the word, put it in quotes: `\"null\"`");
                }
                None
            }
        }
    }

    /// A text with its references resolved.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<Resolved> {
        let text = self.scalar(node, what)?;
        self.resolve(node.place, text, false)
    }

    /// A text that is not blank.
    pub(super) fn name(&mut self, node: &Node, what: &str) -> Option<Resolved> {
        let found = self.text(node, what)?;
        if found.value.trim().is_empty() {
            self.error(node.place, format!("expected {what}, found an empty text"));
            return None;
        }
        Some(found)
    }

    fn resolve(&mut self, place: Place, text: &Text, secret: bool) -> Option<Resolved> {
        let beyond = Template::parse(&text.text).ok().and_then(|template| template.beyond(self.references));
        if let Some(at) = beyond {
            let help = match self.references {
                References::Public => {
                    "this value is shown in plans: only a variable named `ENTITLED_PUBLIC_...` is resolved"
                }
                References::All | References::None => {
                    "references are resolved in `logto`, `sources`, `listen`, `notify` and `store`"
                }
            };
            self.error(inside(place, text, at), "this reference is not resolved here")
                .label("may hold a secret")
                .help(format!("{help}; `$$` is a literal `$`"));
            return None;
        }
        let resolved =
            Template::parse(&text.text).map_err(|fault| vec![fault]).and_then(|template| template.resolve(self.env));
        match resolved {
            Ok(value) => Some(Resolved { value, written: text.text.clone(), place }),
            Err(faults) => {
                for fault in faults {
                    self.fault(inside(place, text, fault.at.clone()), &fault, secret);
                }
                None
            }
        }
    }

    fn fault(&mut self, place: Place, fault: &Fault, secret: bool) {
        match &fault.kind {
            FaultKind::Unclosed => {
                self.error(place, "a reference is not closed").label("no `}` follows").help("`$$` is a literal `$`");
            }
            FaultKind::BadName(_) => {
                self.error(place, "this is not the name of a variable")
                    .help("references are `${NAME}`, `${NAME:-default}` and `${file:PATH}`; `$$` is a literal `$`");
            }
            FaultKind::NoPath => {
                self.error(place, "`${file:}` needs a path").help("for example `${file:/run/secrets/logto}`");
            }
            FaultKind::Undefined(name) => {
                let default = if secret { String::new() } else { format!(", or give a default: `${{{name}:-...}}`") };
                self.error(place, format!("environment variable `{name}` is not set"))
                    .label("not set")
                    .help(format!("set it, or put `{name}=...` into `.env` beside this file{default}"));
            }
            FaultKind::Unreadable { path, reason } => {
                self.error(place, format!("cannot read `{path}`"))
                    .label(reason.clone())
                    .help("a relative path starts at the folder of this file");
            }
        }
    }

    /// A secret: a reference, never the text itself. It is only resolved where it will be used.
    pub(super) fn secret(&mut self, entry: &Entry, example: &str, used: bool) -> Option<Secret> {
        let (key, node) = (&entry.key, &entry.node);
        let instead = format!("write `{key}: ${{{example}}}` or `{key}: ${{file:/run/secrets/...}}`");
        let Value::Text(text) = &node.value else {
            let expected = format!("a reference to a secret, as in `${{{example}}}`");
            self.wrong_type(node, &expected).hide(node.place);
            return None;
        };
        match Template::parse(&text.text) {
            Ok(template) if !template.refers() => {
                self.error(node.place, format!("the secret `{key}` is written in plain text"))
                    .label("a literal secret")
                    .help(format!("{instead}; and change the secret, since this file is kept in git"))
                    .hide(node.place);
                return None;
            }
            Ok(template) if template.has_default() => {
                self.error(node.place, format!("the secret `{key}` has a default in plain text"))
                    .label("a literal secret")
                    .help(instead)
                    .hide(node.place);
                return None;
            }
            Ok(_) if !used => return None,
            Ok(_) => {}
            Err(_) => {
                let shown = inside(node.place, text, 0..0);
                self.error(shown, format!("the secret `{key}` is not a valid reference"))
                    .help(instead)
                    .hide(node.place);
                return None;
            }
        }
        let found = self.resolve(node.place, text, true)?;
        // Whoever knows that it is blank, or has read the examples, knows it.
        let blame = match found.value.trim() {
            "" => Some(("is empty", "resolves to nothing")),
            PLACEHOLDER => Some(("is the placeholder of the examples", "resolves to `replace-me`")),
            _ => None,
        };
        if let Some((is, label)) = blame {
            self.error(node.place, format!("the secret `{key}` {is}")).label(label);
            return None;
        }
        if found.value.trim().len() < SHORTEST {
            self.error(node.place, format!("the secret `{key}` has fewer than {SHORTEST} characters"))
                .warn()
                .label("not redacted from what servers say, where so short a text may occur by chance")
                .help("take a longer one, if the issuer allows it");
        }
        hide(&found.value);
        Some(Secret::new(found.value))
    }

    pub(super) fn duration(&mut self, node: &Node) -> Option<SignedDuration> {
        let found = self.text(node, "a duration such as `30s`")?;
        value::duration(&found.value).map_err(|why| self.bad(&found, "duration", &why)).ok()
    }

    /// A duration that is not zero.
    pub(super) fn interval(&mut self, node: &Node) -> Option<SignedDuration> {
        let found = self.duration(node)?;
        if found.is_zero() {
            self.error(node.place, "this duration must be longer than zero");
            return None;
        }
        Some(found)
    }

    pub(super) fn percent(&mut self, node: &Node) -> Option<f64> {
        let found = self.text(node, "a percentage such as `10%`")?;
        value::percent(&found.value).map_err(|why| self.bad(&found, "percentage", &why)).ok()
    }

    fn bad(&mut self, found: &Resolved, what: &str, why: &str) {
        self.error(found.place, format!("`{}` is no {what}", found.written)).label(why);
    }

    pub(super) fn whole(&mut self, node: &Node, range: RangeInclusive<u32>) -> Option<u32> {
        let what = format!("a whole number from {} to {}", range.start(), range.end());
        let found = self.number(node, &what)?;
        match found.value.trim().parse::<u32>() {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                self.error(node.place, format!("expected {what}, found `{}`", found.written));
                None
            }
        }
    }

    /// Calls per second.
    pub(super) fn rate(&mut self, node: &Node) -> Option<f64> {
        let what = "a number of calls a second, above 0";
        let found = self.number(node, what)?;
        let digits = found.value.trim().chars().all(|char| char.is_ascii_digit() || char == '.');
        match found.value.trim().parse::<f64>() {
            Ok(rate) if digits && rate > 0.0 && rate <= 100_000.0 => Some(rate),
            _ => {
                self.error(node.place, format!("expected {what}, found `{}`", found.written));
                None
            }
        }
    }

    fn number(&mut self, node: &Node, what: &str) -> Option<Resolved> {
        let text = self.scalar(node, what)?;
        if text.quoted && !text.text.contains("${") {
            self.error(node.place, format!("expected {what}, found text")).help("leave out the quotes");
            return None;
        }
        self.resolve(node.place, text, false)
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let found = self.text(node, &format!("one of {}", list(&known)))?;
        let hit = words.iter().find(|(word, _)| *word == found.value).map(|(_, value)| *value);
        if hit.is_none() {
            let problem = self.error(node.place, format!("`{}` is not one of {}", found.written, list(&known)));
            if let Some(near) = nearest(&found.written, known) {
                problem.label(format!("did you mean `{near}`?"));
            }
        }
        hit
    }
}

/// `a`, `b` and `c`.
pub(super) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// The place of some bytes of a text, where the text stands letter by letter; else of the whole.
pub(super) fn inside(place: Place, text: &Text, bytes: Range<usize>) -> Place {
    let Some(first) = text.verbatim else { return place };
    let quote = u32::from(first > place.start);
    let before = text.text.get(..bytes.start).map_or(0, |before| before.chars().count());
    let column = place.column + quote + u32::try_from(before).unwrap_or(0);
    Place { column, start: first + bytes.start, end: first + bytes.end, ..place }
}

/// Whether the value of an unknown key may be a secret under a name that nobody foresaw.
fn could_be_secret(entry: &Entry) -> bool {
    let key = entry.key.to_lowercase();
    let telling = ["secret", "token", "pass", "key", "auth", "cred", "bearer"].iter().any(|part| key.contains(part));
    match &entry.node.value {
        Value::Text(text) if text.text.starts_with("${") => false,
        Value::Text(text) => telling || text.text.chars().count() >= 20 && !text.text.contains(' '),
        _ => telling,
    }
}

/// Whether a source can have this name.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| char.is_alphanumeric() || "-_.".contains(char))
}
