//! The users of one pass, interned: an id becomes the rank it has among all users of the pass.
//!
//! Pure. Ranks sort as the ids do, so whatever is sorted by rank comes out the same in every pass.

use std::collections::BTreeSet;

use crate::model::{UserId, UserIx};
use crate::observe::Seen;
use crate::world::Holding;

/// Every user whom a pass can speak of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    ids: Vec<UserId>,
}

impl FromIterator<UserId> for Roster {
    fn from_iter<I: IntoIterator<Item = UserId>>(users: I) -> Self {
        let mut ids: Vec<UserId> = users.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Self { ids }
    }
}

impl Roster {
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
    pub fn into_ids(self) -> Vec<UserId> {
        self.ids
    }

    /// What was seen of a target, in ranks. A user who is not in the roster is left out: nobody speaks of them.
    pub fn holding(&self, seen: &Seen) -> Holding {
        let ranks = |users: &BTreeSet<UserId>| users.iter().filter_map(|user| self.ix(user)).collect();
        Holding {
            holders: ranks(&seen.holders),
            coverage: seen.coverage,
            asked: ranks(&seen.asked),
            tied: ranks(&seen.tied),
        }
    }
}
