//! `${NAME}`, `${NAME:-default}` and `${file:PATH}` in a string value, and what they stand for.
//!
//! Never reads the environment or a file itself: both come through [`Env`].

use std::collections::BTreeMap;
use std::ops::Range;

use super::Env;

/// A string value cut into what stands there and what stands for something else.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Template<'t> {
    parts: Vec<Part<'t>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Part<'t> {
    Text(&'t str),
    Variable { name: &'t str, default: Option<&'t str>, at: Range<usize> },
    File { path: &'t str, at: Range<usize> },
}

/// Which references a part of the file may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum References {
    /// All: what they stand for is used here, and not shown.
    All,
    /// Only variables that are named as public: what stands here is shown to everybody who sees a plan.
    Public,
    /// None.
    None,
}

/// How a variable begins that is no secret.
pub(crate) const PUBLIC: &str = "ENTITLED_PUBLIC_";

/// What the public variables stand for that a text refers to.
pub(crate) fn public(text: &str, env: &dyn Env) -> BTreeMap<String, String> {
    let named = text.split("${").skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    let names = named.filter_map(|mut rest| rest.next()).filter(|name| name.starts_with(PUBLIC));
    names.filter_map(|name| Some((name.to_owned(), env.var(name)?))).collect()
}

/// Why a value cannot be resolved, and the bytes of it that are to blame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub at: Range<usize>,
    pub kind: FaultKind,
}

/// See [`Fault`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    Unclosed,
    BadName(String),
    NoPath,
    Undefined(String),
    Unreadable { path: String, reason: String },
}

impl<'t> Template<'t> {
    /// Cuts `text`. `$$` is one dollar sign; a dollar sign before anything but `{` is itself.
    pub(crate) fn parse(text: &'t str) -> Result<Self, Fault> {
        let mut parts = Vec::new();
        let mut rest = 0;
        let mut look = 0;
        while let Some(dollar) = text[look..].find('$').map(|at| look + at) {
            match text.as_bytes().get(dollar + 1) {
                Some(b'$') => {
                    parts.push(Part::Text(&text[rest..=dollar]));
                    rest = dollar + 2;
                    look = rest;
                }
                Some(b'{') => {
                    let Some(end) = text[dollar..].find('}').map(|at| dollar + at) else {
                        return Err(Fault { at: dollar..text.len(), kind: FaultKind::Unclosed });
                    };
                    parts.push(Part::Text(&text[rest..dollar]));
                    parts.push(part(&text[dollar + 2..end], dollar..end + 1)?);
                    rest = end + 1;
                    look = rest;
                }
                _ => look = dollar + 1,
            }
        }
        parts.push(Part::Text(&text[rest..]));
        Ok(Self { parts })
    }

    /// Whether it names anything at all.
    pub(crate) fn refers(&self) -> bool {
        self.parts.iter().any(|part| !matches!(part, Part::Text(_)))
    }

    /// The first reference that may not stand where only these may.
    pub(crate) fn beyond(&self, allowed: References) -> Option<Range<usize>> {
        self.parts.iter().find_map(|part| match part {
            Part::Text(_) => None,
            Part::Variable { name, .. } if allowed == References::Public && name.starts_with(PUBLIC) => None,
            Part::Variable { at, .. } | Part::File { at, .. } => (allowed != References::All).then(|| at.clone()),
        })
    }

    /// Whether a reference falls back on a text that stands in the file.
    pub(crate) fn has_default(&self) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, Part::Variable { default: Some(default), .. } if !default.is_empty()))
    }

    /// The value with every reference replaced by what it stands for; all faults at once.
    pub(crate) fn resolve(&self, env: &dyn Env) -> Result<String, Vec<Fault>> {
        let mut value = String::new();
        let mut faults = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => value.push_str(text),
                Part::Variable { name, default, at } => {
                    match (env.var(name).filter(|value| default.is_none() || !value.is_empty()), default) {
                        (Some(found), _) => value.push_str(&found),
                        (None, Some(default)) => value.push_str(default),
                        (None, None) => match env.stand_in(name) {
                            Some(other) => value.push_str(&other),
                            None => {
                                faults.push(Fault { at: at.clone(), kind: FaultKind::Undefined((*name).to_owned()) })
                            }
                        },
                    }
                }
                Part::File { path, at } => match env.file(path) {
                    Ok(text) => {
                        let text = text.strip_suffix('\n').unwrap_or(&text);
                        value.push_str(text.strip_suffix('\r').unwrap_or(text));
                    }
                    Err(reason) => match env.stand_in(&format!("file:{path}")) {
                        Some(other) => value.push_str(&other),
                        None => faults.push(Fault {
                            at: at.clone(),
                            kind: FaultKind::Unreadable { path: (*path).to_owned(), reason },
                        }),
                    },
                },
            }
        }
        if faults.is_empty() { Ok(value) } else { Err(faults) }
    }
}

fn part(inside: &str, at: Range<usize>) -> Result<Part<'_>, Fault> {
    if let Some(path) = inside.strip_prefix("file:") {
        let path = path.trim();
        return if path.is_empty() { Err(Fault { at, kind: FaultKind::NoPath }) } else { Ok(Part::File { path, at }) };
    }
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let good = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
    if good {
        Ok(Part::Variable { name, default, at })
    } else {
        Err(Fault { at, kind: FaultKind::BadName(name.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Env for Fixed {
        fn var(&self, name: &str) -> Option<String> {
            match name {
                "HOST" => Some("shop.example.com".to_owned()),
                "EMPTY" => Some(String::new()),
                _ => None,
            }
        }

        fn file(&self, path: &str) -> Result<String, String> {
            if path == "token" { Ok("t0ken\r\n".to_owned()) } else { Err("no such file".to_owned()) }
        }
    }

    fn resolved(text: &str) -> Result<String, FaultKind> {
        let template = Template::parse(text).map_err(|fault| fault.kind)?;
        template.resolve(&Fixed).map_err(|mut faults| faults.remove(0).kind)
    }

    #[test]
    fn references_are_replaced_and_all_other_dollars_stay() {
        assert_eq!(resolved("https://${HOST}/v1").unwrap(), "https://shop.example.com/v1");
        assert_eq!(resolved("$.items[?@.a == '$']").unwrap(), "$.items[?@.a == '$']");
        assert_eq!(resolved("$${HOST} $$$$ ${HOST}").unwrap(), "${HOST} $$ shop.example.com");
        assert_eq!(resolved("${NONE:-a:-b}${EMPTY:-c}[${EMPTY}]").unwrap(), "a:-bc[]");
        assert_eq!(resolved("Token ${file:token}").unwrap(), "Token t0ken");
    }

    #[test]
    fn what_cannot_be_resolved_says_which_and_why() {
        assert_eq!(resolved("${NONE}"), Err(FaultKind::Undefined("NONE".to_owned())));
        assert_eq!(resolved("${HOST"), Err(FaultKind::Unclosed));
        assert_eq!(resolved("${1A}"), Err(FaultKind::BadName("1A".to_owned())));
        assert_eq!(resolved("${file:}"), Err(FaultKind::NoPath));
        let missing = FaultKind::Unreadable { path: "x".to_owned(), reason: "no such file".to_owned() };
        assert_eq!(resolved("${file:x}"), Err(missing));
        assert_eq!(Template::parse("a${B}c").unwrap().resolve(&Fixed).unwrap_err()[0].at, 1..5);
    }
}
