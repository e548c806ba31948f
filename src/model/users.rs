//! The users of one pass, interned: an id becomes the rank it has among all users of the pass.
//!
//! Pure. Ranks sort as the ids do, so whatever is sorted by rank comes out the same in every pass.

use super::{UserId, UserIx};

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
