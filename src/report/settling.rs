//! That an earlier version of the file is more careful than this one, in what, and for how long that still counts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Limit, Lingering, Safeguards};
use crate::text::human;

/// What earlier versions of the file ask for beyond this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settling {
    /// The keys of the file that they are more careful in: `limits.revocations`, `limits.config_grants`, `protect`,
    /// `prune` and `safeguards.delay`.
    pub keys: Vec<String>,
    /// Until when, at the latest.
    pub until: Timestamp,
    /// The same in words.
    pub sentence: String,
}

impl Settling {
    /// `None` where this version is as careful as any that counts.
    pub fn of(own: &Safeguards, lingering: &[Lingering]) -> Option<Self> {
        let limit = |limit: fn(&Safeguards) -> Limit| {
            move |one: &Safeguards, own: &Safeguards| {
                limit(one).percent < limit(own).percent || limit(one).floor < limit(own).floor
            }
        };
        let protects = |one: &Safeguards, own: &Safeguards| {
            one.protect.emails.iter().any(|email| !own.protect.emails.contains(email))
                || one.protect.users.iter().any(|user| !own.protect.users.contains(user))
                || one.protect.roles.iter().any(|role| !own.protect.roles.contains(role))
        };
        let prunes = |one: &Safeguards, own: &Safeguards| one.prune < own.prune;
        let waits = |one: &Safeguards, own: &Safeguards| one.delay > own.delay;
        type More<'a> = (&'a str, &'a dyn Fn(&Safeguards, &Safeguards) -> bool);
        let revocations = limit(|safeguards| safeguards.limits.revocations);
        let config_grants = limit(|safeguards| safeguards.limits.config_grants);
        let more: [More<'_>; 5] = [
            ("limits.revocations", &revocations),
            ("limits.config_grants", &config_grants),
            ("protect", &protects),
            ("prune", &prunes),
            ("safeguards.delay", &waits),
        ];
        let asks = |one: &Lingering| more.iter().any(|(_, more)| more(&one.safeguards, own));
        let until = lingering.iter().filter(|one| asks(one)).map(|one| one.until).max()?;
        let asked = more.iter().filter(|(_, more)| lingering.iter().any(|one| more(&one.safeguards, own)));
        let keys: Vec<&str> = asked.map(|(key, _)| *key).collect();
        let named: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        let sentence = format!(
            "the file is less careful than an earlier version of it: {} of that version still count{} until {}",
            named.join(", "),
            if named.len() == 1 { "s" } else { "" },
            human::datetime(until),
        );
        Some(Self { keys: keys.into_iter().map(str::to_owned).collect(), until, sentence })
    }
}
