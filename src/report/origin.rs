//! Which version of the file something was made under.

use serde::{Deserialize, Serialize};

use crate::model::EDITED;

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
        format!("{}@{}", self.file, version(self.version()))
    }
}

/// A commit or a digest in short: `3f2a9c1`; of a file that is not as committed, `3f2a9c1+edited.81d0b52`.
pub fn version(version: &str) -> String {
    let short = |text: &str| text.get(..7).unwrap_or(text).to_owned();
    match version.split_once(EDITED) {
        Some((commit, digest)) => format!("{}{EDITED}{}", short(commit), short(digest)),
        None => short(version),
    }
}
