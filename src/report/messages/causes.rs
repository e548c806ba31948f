//! What causes an action, in one word each: for programs, and for whoever filters by it.

use crate::planner::Cause;
use crate::planner::Mover;

/// What happened, in one word for programs.
pub fn cause_word(cause: Cause) -> &'static str {
    match cause {
        Cause::Sale => "sale",
        Cause::Commit => "commit",
        Cause::Resolution => "resolution",
        Cause::Drift => "drift",
        Cause::Retry => "retry",
        Cause::Ended(_) => "ended",
        Cause::Unmapped => "unmapped",
        Cause::Exchanged => "changed",
        Cause::Moved(Mover::Shop) => "moved",
        Cause::Moved(Mover::Commit) => "rebound",
        Cause::Dropped => "source_gone",
        Cause::Upgrade(_) => "upgrade",
        Cause::Unexplained => "unexplained",
        Cause::GivenAgain => "given_again",
        Cause::Undone => "undone",
        Cause::Exclusive => "exclusive",
    }
}
