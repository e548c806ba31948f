//! The advanced search of users and roles: `search.<field>`, `mode.<field>`, `joint`, `isCaseSensitive`.
//!
//! Pure: it reads parameters and says what matches.

use super::refusal;
use crate::sandbox::exchange::{Answer, Call};

/// What a list is narrowed to.
#[derive(Clone, Debug)]
pub(super) struct Search {
    joint: Joint,
    case: Case,
    terms: Vec<Term>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joint {
    Or,
    And,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Sensitive,
    Ignored,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Exact,
    Like,
}

/// One field and the values asked for.
#[derive(Clone, Debug)]
struct Term {
    /// Any of these fields.
    fields: Vec<&'static str>,
    mode: Mode,
    values: Vec<String>,
}

impl Search {
    /// `None` where nothing is searched for. `fields` are those that the list allows.
    pub(super) fn of(call: &Call, fields: &'static [&'static str]) -> Result<Option<Self>, Answer> {
        let joint = match call.param("joint") {
            None | Some("or") => Joint::Or,
            Some("and") => Joint::And,
            Some(_) => return Err(refusal::invalid_search("Search parameter `joint` is not valid.")),
        };
        let case = match call.param("isCaseSensitive") {
            Some("true") => Case::Sensitive,
            _ => Case::Ignored,
        };
        let mut terms: Vec<(String, Term)> = Vec::new();
        for (key, value) in &call.query {
            let Some(field) = searched(key) else { continue };
            if value.is_empty() {
                return Err(refusal::invalid_search("Search value cannot be empty."));
            }
            if let Some((_, term)) = terms.iter_mut().find(|(known, _)| known == key) {
                term.values.push(value.clone());
                continue;
            }
            let fields = match field {
                "" => fields.to_vec(),
                one => vec![
                    *fields
                        .iter()
                        .find(|known| **known == one)
                        .ok_or_else(|| refusal::invalid_search(&format!("Search field `{one}` is not allowed.")))?,
                ],
            };
            terms.push((key.clone(), Term { fields, mode: mode(call, field)?, values: vec![value.clone()] }));
        }
        let terms: Vec<Term> = terms.into_iter().map(|(_, term)| term).collect();
        if terms.iter().any(|term| term.mode != Mode::Exact && term.values.len() > 1) {
            return Err(refusal::invalid_search("Only one search value is allowed when search mode is not `exact`."));
        }
        Ok((!terms.is_empty()).then_some(Self { joint, case, terms }))
    }

    /// Whether a row matches; `field` gives the row's own value.
    pub(super) fn matches<'a>(&self, field: impl Fn(&str) -> Option<&'a str>) -> bool {
        let holds = |term: &Term| {
            let of_row = term.fields.iter().filter_map(|name| field(name));
            of_row.into_iter().any(|text| term.values.iter().any(|value| self.equal(term.mode, text, value)))
        };
        match self.joint {
            Joint::Or => self.terms.iter().any(holds),
            Joint::And => self.terms.iter().all(holds),
        }
    }

    /// The exact values of the indexed fields of which every match has at least one, as (field, value);
    /// `None` where only a scan can tell.
    pub(super) fn indexed(&self, indexed: &[&str]) -> Option<Vec<(&'static str, &str)>> {
        let exact =
            |term: &&Term| term.mode == Mode::Exact && matches!(term.fields.as_slice(), [one] if indexed.contains(one));
        let useful: Vec<&Term> = match self.joint {
            Joint::Or if self.terms.iter().all(|term| exact(&term)) => self.terms.iter().collect(),
            Joint::Or => return None,
            Joint::And => vec![self.terms.iter().find(exact)?],
        };
        let pairs = useful.iter().flat_map(|term| term.values.iter().map(|value| (term.fields[0], value.as_str())));
        Some(pairs.collect())
    }

    fn equal(&self, mode: Mode, text: &str, value: &str) -> bool {
        let (text, value) = match self.case {
            Case::Sensitive => (text.to_owned(), value.to_owned()),
            Case::Ignored => (text.to_lowercase(), value.to_lowercase()),
        };
        match mode {
            Mode::Exact => text == value,
            Mode::Like => like(&text, &value),
        }
    }
}

/// The field that a parameter searches: empty for all of them.
fn searched(key: &str) -> Option<&str> {
    if key == "search" { Some("") } else { key.strip_prefix("search.") }
}

fn mode(call: &Call, field: &str) -> Result<Mode, Answer> {
    let own = if field.is_empty() { None } else { call.param(&format!("mode.{field}")) };
    match own.or_else(|| call.param("mode")) {
        Some("exact") => Ok(Mode::Exact),
        None | Some("like") => Ok(Mode::Like),
        Some(mode @ ("similar_to" | "posix")) => Err(refusal::not_simulated(&format!("search mode `{mode}`"))),
        Some(mode) => Err(refusal::invalid_search(&format!("Search mode `{mode}` is not valid."))),
    }
}

/// SQL `LIKE`: `%` is any text, `_` any one character, a backslash takes the next character as it is.
fn like(text: &str, pattern: &str) -> bool {
    enum Part {
        Any,
        One,
        Just(char),
    }
    let mut parts = Vec::new();
    let mut chars = pattern.chars();
    while let Some(next) = chars.next() {
        parts.push(match next {
            '%' => Part::Any,
            '_' => Part::One,
            '\\' => Part::Just(chars.next().unwrap_or('\\')),
            other => Part::Just(other),
        });
    }
    let text: Vec<char> = text.chars().collect();
    // `reached[i]`: the parts so far can have consumed the first `i` characters.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for part in parts {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match part {
                Part::Any => reached[at] || (at > 0 && next[at - 1]),
                Part::One => at > 0 && reached[at - 1],
                Part::Just(wanted) => at > 0 && reached[at - 1] && text[at - 1] == wanted,
            };
        }
        reached = next;
    }
    reached[text.len()]
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn like_has_no_implicit_wildcards() {
        for (text, pattern, matches) in [
            ("anna@example.com", "anna@example.com", true),
            ("anna@example.com", "anna", false),
            ("anna@example.com", "anna%", true),
            ("anna@example.com", "%example%", true),
            ("anna", "an_a", true),
            ("anna", "an_", false),
            ("100%", "100\\%", true),
            ("1000", "100\\%", false),
            ("", "%", true),
        ] {
            assert_eq!(like(text, pattern), matches, "`{text}` like `{pattern}`");
        }
    }
}
