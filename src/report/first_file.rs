//! The products of a first file: each with what all of its buyers hold already, so that the first plan adopts and changes
//! nothing; and, as comments, what a person has to decide.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::Target;
use crate::text::{clean, human};

/// What is known of a product that was sold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sold {
    /// Its id.
    pub product: String,
    /// Purchases of it by somebody who has an account.
    pub orders: u64,
    /// People who are entitled by it now.
    pub buyers: u64,
    /// What some of them hold.
    pub held: Vec<Held>,
}

/// A target that buyers of a product hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub target: Target,
    /// As a file names it.
    pub name: String,
    /// How many of the buyers.
    pub among: u64,
    /// How many people hold it who have bought nothing.
    pub others: u64,
}

impl Held {
    /// Whether the product may well be why they hold it: all of its buyers do, and not most of its holders without it.
    fn is_given(&self, sold: &Sold) -> bool {
        self.among == sold.buyers && self.others <= self.among
    }
}

/// The block `products:`. In one piece: it is read from top to bottom.
pub fn products(sold: &[Sold]) -> String {
    let mut out = String::from(
        "# What all buyers of a product hold may come from another one that they bought too, the more so where they are few:\n\
         # take out what a product does not give.\nproducts:\n",
    );
    let mut given = 0;
    for one in sold {
        let (people, key) = (human::people(one.buyers), quoted(&one.product));
        let (gives, other): (Vec<&Held>, Vec<&Held>) = one.held.iter().partition(|held| held.is_given(one));
        if gives.is_empty() {
            let _ = writeln!(out, "  # {key}: {people} entitled now, and nothing that all of them hold.");
            doubts(&mut out, one, &other);
            let _ = writeln!(out, "  # {key}:\n  #   entitlements: [{{role: NAME}}]");
            continue;
        }
        given += 1;
        let _ = writeln!(out, "  # {people} entitled now; all of them hold this already.");
        doubts(&mut out, one, &other);
        let _ = writeln!(out, "  {key}:\n    entitlements:");
        for line in entitlements(&gives) {
            let _ = writeln!(out, "      - {line}");
        }
    }
    if given == 0 {
        // Without a product a file is not valid.
        out.push_str("  # Nothing matches: put a product of yours here, and what it is to give.\n");
        out.push_str("  CHANGE_ME:\n    entitlements: [{role: CHANGE_ME}]\n");
    }
    out
}

/// What was not taken for given, and why.
fn doubts(out: &mut String, sold: &Sold, held: &[&Held]) {
    for one in held {
        let name = clean(&one.name);
        let _ = if one.among < sold.buyers {
            writeln!(
                out,
                "  # {name}: {} of {} hold it; to give it would give it to the others.",
                one.among, sold.buyers
            )
        } else {
            writeln!(
                out,
                "  # {name}: all of them hold it, and so do {} who bought nothing.",
                human::people(one.others)
            )
        };
    }
}

/// A role of an organization comes with the membership.
fn entitlements(gives: &[&Held]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut organizations: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for held in gives {
        let name = held.name.as_str();
        match &held.target {
            Target::Role { .. } => lines.push(format!("role: {}", quoted(name.strip_prefix("role ").unwrap_or(name)))),
            Target::Membership { .. } => {
                let organization = name.strip_prefix("organization ").unwrap_or(name);
                organizations.entry(organization.to_owned()).or_default();
            }
            Target::OrganizationRole { .. } => {
                let rest = name.strip_prefix("organization ").unwrap_or(name);
                if let Some((organization, role)) = rest.rsplit_once(" role ") {
                    organizations.entry(organization.to_owned()).or_default().push(quoted(role));
                }
            }
        }
    }
    lines.extend(organizations.into_iter().map(|(organization, roles)| {
        let organization = quoted(&organization);
        match roles.is_empty() {
            true => format!("organization: {organization}"),
            false => format!("{{organization: {organization}, roles: [{}]}}", roles.join(", ")),
        }
    }));
    lines
}

/// As YAML takes it for this very text.
pub fn quoted(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { format!("{text:?}").replace("\\'", "'") }
}
