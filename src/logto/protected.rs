//! What the roles of `protect.roles` stand for.
//!
//! Never guesses: where nothing has the name any more, the role that last had it stays protected, and this is reported.

use std::collections::{BTreeMap, BTreeSet};

use super::lookup::{self, Wrong};
use super::problem::{Named, Problem};
use super::wire;
use crate::config::settings::ProtectedRole;
use crate::model::{KnownNames, ORGANIZATION_ROLE, ROLE, known_id};

/// What a tenant has under the names of `protect.roles`.
#[derive(Default)]
pub(super) struct Protected {
    /// What each name stands for: a role, an organization role, or one of each.
    pub(super) names: KnownNames,
    /// Why a name stands for nothing.
    wrong: BTreeMap<String, Wrong>,
}

impl Protected {
    /// `protected` among all roles that have one of those names or ids, and all organization roles. A name that
    /// nothing has is left to [`miss`](Self::miss).
    pub(super) fn among(
        protected: &BTreeSet<&str>,
        roles: &[wire::Role],
        organization_roles: &[wire::OrganizationRole],
    ) -> (Self, BTreeSet<String>) {
        let mut found = Self::default();
        let mut missed = BTreeSet::new();
        for name in protected {
            let role = lookup::fitting(roles, name, |role| role.id.as_str(), |role| &role.name);
            let within = lookup::fitting(organization_roles, name, |role| role.id.as_str(), |role| &role.name);
            if role.is_empty() && within.is_empty() {
                missed.insert((*name).to_owned());
            }
            // Of several each is protected by its id or its name; which of them the name means nobody can say.
            if let [role] = role[..] {
                found.names.insert((ROLE.to_owned(), (*name).to_owned()), role.id.to_string());
            }
            if let [role] = within[..] {
                found.names.insert((ORGANIZATION_ROLE.to_owned(), (*name).to_owned()), role.id.to_string());
            }
        }
        (found, missed)
    }

    /// Nothing has this name.
    pub(super) fn miss(&mut self, name: String, wrong: Wrong) {
        self.wrong.insert(name, wrong);
    }

    /// What is wrong with them. `known`: what names stood for before.
    pub(super) fn problems(&self, protected: &[ProtectedRole], known: &KnownNames) -> Vec<Problem> {
        let problem = |role: &ProtectedRole| {
            let ProtectedRole { name, line, column } = role;
            let wrong = self.wrong.get(name)?;
            let before = [ROLE, ORGANIZATION_ROLE].into_iter().filter_map(|kind| known_id(known, kind, name));
            let before: Vec<String> = before.map(|id| format!("`{id}`")).collect();
            let (follows, hint) = if before.is_empty() {
                ("nothing is protected by it".to_owned(), wrong.hint.clone())
            } else {
                let hint = "write its new name or its id where it was renamed, and take it out where it is gone";
                let ids = before.join(" and ");
                (format!("{ids}, its id until now, stays protected"), Some(hint.to_owned()))
            };
            let message = format!("`protect.roles` names `{name}`, and Logto has no role of that name: {follows}");
            Some(Problem { of: Named::Protection, line: *line, column: *column, message, hint })
        };
        protected.iter().filter_map(problem).collect()
    }
}
