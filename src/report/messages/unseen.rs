//! What is not known of a source: it does not answer, its mapping is wrong, or rows of it have no id.

use crate::model::SourceName;
use crate::text::human;

/// What keeps a source from being whole.
pub(super) const UNSEEN: &str = "could not be read, or so much of it is odd that its mapping must be wrong";
/// What mends that.
pub(super) const UNSEEN_HINT: &str = "nothing to do if the payment API answers again: the next pass reads it again; if it does answer, `entitled status` says under `troubles` how to fix it";
/// What mends odd orders.
pub(super) const ODD_HINT: &str = "fix the odd orders, or the mapping that reads them: `entitled status` names them, \
     and `entitled source test NAME` rows without an id";

/// Rows of which nobody can say which order they are.
pub fn nameless(rows: u64, source: &SourceName) -> String {
    let rows = human::count(rows, "row");
    format!("{rows} without an id, or of an overlay: `entitled source test {source}` names them")
}
