//! Secrets: shown to nobody, given only to whoever must send them.

mod known;

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

pub use known::{SHORTEST, hide, hide_issued, redacted};

/// A text that appears in no output: `Debug` shows `[secret]`, there is no `Display`, and its memory is
/// wiped when it is dropped.
#[derive(Clone, Default)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a text out of sight.
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
