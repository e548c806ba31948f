//! What stands beside the word and hides none of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::text::clean;

/// What somebody stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// `revocations` or `all`.
    pub scope: String,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub who: String,
    /// From then on.
    pub since: Timestamp,
    /// Then it ends by itself.
    pub until: Timestamp,
}

/// Something that is settled when a daemon begins, and that the file says otherwise by now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unheeded {
    /// The key of the file, or the variable.
    pub key: String,
    /// What is said, what is so, and what to do.
    pub sentence: String,
}

impl Unheeded {
    /// `says`: what stands there by now, where it may be shown; `stays`: what the daemon does all the same.
    pub fn new(key: &str, says: Option<&str>, stays: &str) -> Self {
        let says = says.map_or_else(|| format!("`{key}` has changed"), |says| format!("`{key}` is now `{says}`"));
        let sentence = format!("{says}, which a running daemon does not pick up: {stays} until it is restarted");
        Self { key: key.to_owned(), sentence: clean(&sentence).into_owned() }
    }
}
