//! Whom a look was about. What is known of everybody else is no fresher after it than before.
//!
//! That is not everybody who occurs in it: a user with an open intent occurs in every look, and is asked for in few.

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
