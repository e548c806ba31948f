//! Whom a look was about. What is known of everybody else is as old after it as it was before.
//!
//! Not who occurs in it: whoever has a write of ours open does so in every look, and is asked for in few of them.

use std::collections::BTreeSet;

use crate::model::UserId;
use crate::store::BuyerKey;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// Everybody.
    AtAll,
    /// These only.
    At {
        /// Those with an account.
        users: BTreeSet<UserId>,
        /// Who paid, with an account or without.
        buyers: BTreeSet<BuyerKey>,
    },
}

impl Looked {
    /// Whether it was about this user.
    pub fn at(&self, user: &UserId) -> bool {
        match self {
            Self::AtAll => true,
            Self::At { users, .. } => users.contains(user),
        }
    }

    /// Whether it was about this buyer.
    pub fn at_buyer(&self, buyer: BuyerKey) -> bool {
        match self {
            Self::AtAll => true,
            Self::At { buyers, .. } => buyers.contains(&buyer),
        }
    }
}
