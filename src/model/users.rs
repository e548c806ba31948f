//! The users of one pass, interned: an id becomes the rank it has among all users of the pass. And who is new among
//! those of Logto.
//!
//! Pure. Ranks sort as the ids do, so whatever is sorted by rank comes out the same in every pass.

use super::{Email, UserId, UserIx};

/// Which users Logto had at an instant, in two figures: whoever has signed up since is newer, and whoever is gone
/// since is missing in the number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsersMark {
    /// The newest; nobody in an empty tenant.
    pub newest: Option<UserId>,
    /// How many there were.
    pub total: u64,
}

/// The newest users of Logto, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewestUsers {
    /// Each with the address by which they sign in, where they have one.
    pub users: Vec<(UserId, Option<Email>)>,
    /// How many users there are in all.
    pub total: u64,
}

impl NewestUsers {
    /// What is to be remembered of them.
    pub fn mark(&self) -> UsersMark {
        UsersMark { newest: self.users.first().map(|(user, _)| user.clone()), total: self.total }
    }

    /// Who has signed up since, and nobody else came or went. `None`: that cannot be told.
    pub fn since(&self, before: &UsersMark) -> Option<&[(UserId, Option<Email>)]> {
        let new = match &before.newest {
            Some(newest) => self.users.iter().position(|(user, _)| user == newest)?,
            None => self.users.len(),
        };
        (self.total == before.total + new as u64).then(|| &self.users[..new])
    }
}

/// Every user whom a pass can speak of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserIndex {
    ids: Vec<UserId>,
}

impl FromIterator<UserId> for UserIndex {
    fn from_iter<I: IntoIterator<Item = UserId>>(users: I) -> Self {
        let mut ids: Vec<UserId> = users.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Self { ids }
    }
}

impl UserIndex {
    /// The rank of a user.
    pub fn ix(&self, user: &UserId) -> Option<UserIx> {
        let at = self.ids.binary_search(user).ok()?;
        Some(UserIx(u32::try_from(at).expect("a tenant has fewer than 2^32 users")))
    }

    /// The user of a rank.
    pub fn id(&self, ix: UserIx) -> &UserId {
        &self.ids[ix.at()]
    }

    /// All ids, by rank.
    pub fn ids(&self) -> &[UserId] {
        &self.ids
    }

    /// All ids, by rank.
    pub fn into_ids(self) -> Vec<UserId> {
        self.ids
    }
}
