//! What every page is drawn with.

use jiff::Timestamp;

use crate::report::status::Status;

/// At most so many rows of one list are on a page; the rest is counted.
pub const ROWS: usize = 200;

/// What every page is drawn with.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// What the daemon says of itself.
    pub status: &'a Status,
    /// The time of drawing.
    pub now: Timestamp,
    /// What whoever looks may do.
    pub hand: Hand<'a>,
    /// What came of the form that was sent.
    pub notice: Option<&'a str>,
}

/// What whoever looks at a page may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand<'a> {
    /// Nothing but look, until they sign in.
    Reads,
    /// Everything that has a button. Every form carries this.
    Writes {
        /// What shows that a form was sent from this page.
        form: &'a str,
        /// How they came by it.
        session: Session,
    },
}

/// How somebody may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// Whoever reaches this address may.
    Open,
    /// They signed in, and can sign out.
    SignedIn,
}
