//! Who may hold a role, as the API names it.

use serde::{Deserialize, Serialize};

/// Who may hold a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sandbox) enum RoleKind {
    User,
    MachineToMachine,
}

impl RoleKind {
    /// As the API writes it.
    pub(in crate::sandbox) fn word(self) -> &'static str {
        match self {
            RoleKind::User => "User",
            RoleKind::MachineToMachine => "MachineToMachine",
        }
    }

    pub(in crate::sandbox) fn from_word(word: &str) -> Option<Self> {
        [RoleKind::User, RoleKind::MachineToMachine].into_iter().find(|kind| kind.word() == word)
    }
}
