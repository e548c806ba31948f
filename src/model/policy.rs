//! What the file allows: how much is taken away, how much at once, and who and what is never touched.

use serde::{Deserialize, Serialize};

use super::{Email, UserId};

/// How much `entitled` takes away, the most careful first. It has no default: the file must say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prune {
    /// Only adds.
    Never,
    /// Takes back what the ledger owns and nothing entitles any more.
    Owned,
    /// Makes each managed target hold exactly the buyers, minus `protect`.
    Exclusive,
}

/// How much may happen at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Revocations, per target and in total.
    pub revocations: Limit,
    /// Grants that a commit causes.
    pub config_grants: Limit,
}

/// `max(floor, percent of what was owned when those began)` in any 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Percent of the owned grants, 0 to 100.
    pub percent: f64,
    /// Always allowed, however few are owned.
    pub floor: u32,
}

/// Who and what is never touched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protect {
    /// Addresses, exact or with `*`.
    pub emails: Vec<String>,
    /// Users by id.
    pub users: Vec<UserId>,
    /// Roles by name or id.
    pub roles: Vec<String>,
}

impl Protect {
    /// Whether an address is protected: equal to one of `emails`, or matched by one with `*` (any run of
    /// characters, also an empty one). The case of ASCII letters does not count, as in an [`Email`].
    pub fn covers(&self, email: &Email) -> bool {
        self.emails.iter().any(|pattern| matches(&pattern.trim().to_ascii_lowercase(), email.as_str()))
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().expect("splitting gives at least one part");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protected_addresses() {
        let covers = |pattern: &str, email: &str| {
            let protect = Protect { emails: vec![pattern.to_owned()], ..Protect::default() };
            protect.covers(&Email::parse(email).unwrap())
        };
        assert!(covers("*@Example.com", "Ann@example.COM"));
        assert!(covers("ann@example.com", "ann@example.com"));
        assert!(covers("a*n@*.example", "alan@shop.example"));
        assert!(!covers("*@example.com", "ann@example.com.evil.example"));
        assert!(!covers("ann@example.com", "joann@example.com"));
        assert!(!covers("ab*ba@x", "aba@x"), "the two ends of a pattern must not overlap");
    }
}
