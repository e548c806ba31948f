//! Who sits at the keyboard, whom they mean, and which target.
//!
//! Never guesses: what names two users or no target is refused with the candidates.

use super::Failure;
use crate::config::slip;
use crate::model::{Catalog, Email, Target, UserId};
use crate::store::Store;

/// A grant, as a command line names it.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// A user id, or the address that an order has.
    #[arg(value_name = "USER")]
    pub(super) user: String,
    /// As the file names it: role paid-tier, organization acme, organization acme role member; or its key.
    #[arg(value_name = "TARGET", required = true, num_args = 1..)]
    pub(super) target: Vec<String>,
}

/// The name that the trail gets: the account on this machine, or its number.
#[expect(clippy::disallowed_methods, reason = "an edge: who acts is told by the system and not by the configuration")]
pub(super) fn who() -> String {
    use std::os::unix::fs::MetadataExt as _;
    let name = std::env::var("USER").ok().filter(|name| !name.is_empty());
    name.unwrap_or_else(|| match std::fs::metadata("/proc/self") {
        Ok(me) => format!("uid {}", me.uid()),
        Err(_) => "somebody".to_owned(),
    })
}

/// The user whom a text names: an id, or the address that an order of theirs has.
pub(super) async fn user(store: &Store, text: &str) -> Result<UserId, Failure> {
    if !text.contains('@') {
        return Ok(text.into());
    }
    let nobody = || {
        Failure::plain(
            format!("no order of `{text}` is known to belong to a user"),
            "give the id of the user, as the Logto console shows it",
        )
    };
    let email = Email::parse(text).ok_or_else(nobody)?;
    match store.users_by_email(&email).await?.as_slice() {
        [] => Err(nobody()),
        [user] => Ok(user.clone()),
        [one, other, ..] => Err(Failure::plain(
            format!("the orders of `{text}` belong to more than one user"),
            format!("give the id of the user: {one}, {other} or another of them"),
        )),
    }
}

/// The target that these words name: as the file names it, or by its key.
pub(super) fn target(catalog: &Catalog, words: &[String]) -> Result<(Target, String), Failure> {
    let keys: Vec<String> = catalog.targets.iter().map(|entry| entry.target.key()).collect();
    let names = catalog.targets.iter().zip(&keys).map(|(entry, key)| (entry.name.as_str(), key.as_str()));
    let entry = &catalog.targets[place(&words.join(" "), names)?];
    Ok((entry.target.clone(), entry.name.clone()))
}

/// Which of these targets, each a name and a key, a text names.
pub(super) fn place<'a>(
    text: &str,
    targets: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Result<usize, Failure> {
    let by_ids = |key: &str| Target::from_key(key).is_some_and(|target| target.unnamed() == text);
    let mut all = targets.clone();
    if let Some(at) = all.position(|(name, key)| name == text || key == text || by_ids(key)) {
        return Ok(at);
    }
    let names = || targets.clone().map(|(name, _)| name);
    let hint = match slip(text, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
    };
    Err(Failure::plain(format!("no product gives `{text}`"), hint))
}
