//! Which version of the file something was made under.

use serde::{Deserialize, Serialize};

use super::messages;

/// Which configuration a plan was made under.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The file, as it was given.
    pub file: String,
    /// SHA-256 of its bytes, in hex.
    pub digest: String,
    /// The commit that the work tree has checked out, where the file lies in one: by itself where it has these very
    /// bytes, else followed by `+edited.` and the digest.
    pub commit: Option<String>,
}

impl Origin {
    /// The commit, or the digest where there is none.
    pub fn version(&self) -> &str {
        self.commit.as_deref().unwrap_or(&self.digest)
    }

    /// `entitlements.yaml@3f2a9c1`: the [`version`](Self::version) in short.
    pub fn short(&self) -> String {
        format!("{}@{}", self.file, messages::version(self.version()))
    }
}
