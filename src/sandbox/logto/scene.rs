//! What the handler of every path is handed, and what it hands back.

use super::state::Tenant;
use crate::sandbox::exchange::{Answer, Call};

/// What every call may use.
pub(super) struct Scene<'a> {
    pub(super) call: &'a Call,
    pub(super) tenant: &'a mut Tenant,
    /// Whether walks lose rows; see [`Knobs::ties`](crate::sandbox::Knobs::ties).
    pub(super) ties: bool,
}

/// Answers a refusal as well as a success: the first `Err` on the way is what goes back.
pub(super) type Outcome = Result<Answer, Answer>;
