//! How completely a target was read, and what follows.

use crate::planner::input::Coverage;
use crate::report::TargetView;

/// That a target was not read completely, and what follows.
pub fn not_whole(target: &TargetView) -> String {
    let TargetView { name, key, coverage, .. } = target;
    let mend = match coverage.as_str() {
        UNREAD => "its changes are held; nothing to do if Logto can be reached again",
        // By its id alone it is called where the file names it no more.
        MISSING if key.ends_with(name.rsplit(' ').next().unwrap_or_default()) => {
            "it was deleted in Logto, and what was recorded of it is closed"
        }
        MISSING => "create it again in the console, or take it out of the file",
        _ => "the users that matter were checked by id, and the next pass reads it again",
    };
    format!("{name} was not read completely ({coverage}): {mend}")
}

/// Whether a [`coverage`] leaves nothing to say.
pub fn is_known(coverage: &str) -> bool {
    coverage == WHOLE || coverage == ASKED
}

const WHOLE: &str = "whole";
const ASKED: &str = "asked by id";
const UNREAD: &str = "unread";
const MISSING: &str = "missing";

/// How complete a read was.
pub fn coverage(coverage: Coverage) -> String {
    match coverage {
        Coverage::Whole => WHOLE.to_owned(),
        Coverage::Partial { seen, total } => format!("partial: {seen} of {total}"),
        Coverage::Asked => ASKED.to_owned(),
        Coverage::Unread => UNREAD.to_owned(),
        Coverage::Missing => MISSING.to_owned(),
    }
}
