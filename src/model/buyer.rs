//! Who paid, and which Logto user that is.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::UserId;

/// An email address, trimmed, its ASCII letters in lower case: Logto compares addresses without regard to
/// case, and payment APIs keep whatever the buyer typed.
///
/// No other letter is folded. `mi\u{212a}e@` (with a KELVIN SIGN) is in lower case what `mike@` is, and is
/// somebody else's mailbox: who may open an account with the one must not get what the other paid for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(Box<str>);

impl Email {
    /// `None` where `text` is no address at all (empty, or without an `@` between two other characters).
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@')?;
        (!local.is_empty() && !domain.is_empty() && !text.contains(char::is_whitespace))
            .then(|| Self(text.to_ascii_lowercase().into()))
    }

    /// The normalised address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who paid: a Logto user id, an email, or both, exactly as the payment API had it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Buyer {
    /// The Logto user id that the shop knew, where it knew one. Not yet believed to exist.
    pub user: Option<UserId>,
    /// The address the buyer gave.
    pub email: Option<Email>,
}

impl fmt::Display for Buyer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.user, &self.email) {
            (Some(user), Some(email)) => write!(f, "{user} <{email}>"),
            (Some(user), None) => write!(f, "{user}"),
            (None, Some(email)) => write!(f, "<{email}>"),
            (None, None) => f.write_str("nobody"),
        }
    }
}

/// Which Logto user a buyer is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Exactly this one. Remembered: a later change of email does not take it back.
    User(UserId),
    /// Two users share the email. Held and reported, never guessed.
    Ambiguous(Vec<UserId>),
    /// Nobody yet. The grant waits until the user appears.
    NoAccount,
    /// The order names neither a user id nor an email.
    NoIdentity,
}
