//! What a checkup asks Logto beyond what a pass needs, and how far a failure got.
//!
//! Never writes, and repeats no call that a pass makes anyway.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::error::LogtoError;
use super::read::Reader;
use super::wire;
use crate::model::UserId;

/// How many users a small page asks for.
const SMALL: u64 = 2;

/// A small page of a list, and how long the list says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmallPage {
    /// Different rows on the page.
    pub rows: u64,
    /// `Total-Number`.
    pub total: u64,
}

/// How far a call got before it failed. The earlier ones went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// Nothing of Logto's answered.
    Nothing,
    /// Logto answered and gave no token, or took none.
    Logto,
    /// There is a token, and it may not call the Management API.
    Token,
    /// The Management API answered, and not as it should.
    Api,
}

impl SmallPage {
    /// Whether the page is as full as the list's own length says.
    pub fn agrees(&self) -> bool {
        self.rows == self.total.min(SMALL)
    }
}

impl Reader {
    /// How far Logto's clock is ahead of this machine's, by its last answer. `None` before there was one.
    pub fn skew(&self) -> Option<SignedDuration> {
        self.access().core().skew.last()
    }

    /// A page of two users. One call.
    ///
    /// `GET /api/users?page=1&page_size=2`
    pub async fn small_page(&self) -> Result<SmallPage, LogtoError> {
        let path = "/api/users";
        let query = vec![("page", "1".to_owned()), ("page_size", SMALL.to_string())];
        let answer = self.access().find(path, &query).await?;
        let answer = answer.ok_or_else(|| LogtoError::WrongPath { path: path.to_owned(), status: 404 })?;
        let rows: Vec<wire::User> = answer.json()?;
        let different: BTreeSet<UserId> = rows.into_iter().map(|user| user.id).collect();
        Ok(SmallPage { rows: different.len() as u64, total: answer.total()? })
    }
}

impl LogtoError {
    /// How far the call got.
    pub fn reached(&self) -> Reached {
        match self {
            Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Dropped { .. }
            | Self::Body { .. }
            | Self::WrongPath { .. }
            | Self::TokenShape { .. }
            | Self::Server { .. }
            | Self::RateLimited { .. } => Reached::Nothing,
            Self::WrongSecret { .. }
            | Self::ExpiredSecret { .. }
            | Self::UnknownApplication { .. }
            | Self::UnknownResource { .. }
            | Self::NoToken { .. }
            | Self::Unauthorized { .. } => Reached::Logto,
            Self::Scope { .. } | Self::Forbidden { .. } => Reached::Token,
            Self::Refused { .. }
            | Self::Impostor { .. }
            | Self::Shape { .. }
            | Self::NoTotal { .. }
            | Self::SearchIgnored { .. }
            | Self::Unsteady { .. }
            | Self::MachineRole { .. }
            | Self::NotMember { .. } => Reached::Api,
        }
    }
}
