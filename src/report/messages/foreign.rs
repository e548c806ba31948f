//! What is said of grants that are not ours.

use jiff::Timestamp;

use crate::model::Adopt;
use crate::report::plan::TargetView;
use crate::text::human::{count, datetime};

/// How many of those who hold a target nobody can explain, and how many had it before they paid.
pub fn foreign(target: &TargetView) -> String {
    let of = format!("{} of {}", target.foreign, count(target.actual, "holder"));
    match target.foreign_paid {
        0 => of,
        paid => format!("{of}, and {paid} {PAID_FOREIGN}"),
    }
}

/// Why a grant that an order entitles to is not ours, and what would make it ours.
pub fn paid_foreign(first_seen: Option<Timestamp>, adopt: Adopt) -> String {
    let why = match (adopt, first_seen) {
        (Adopt::Explained, Some(at)) => format!("it was there on {}, before an order gave it", datetime(at)),
        (Adopt::Explained, None) => "it was there before an order gave it".to_owned(),
        (Adopt::Never, _) => "somebody else made it, and `adopt: never` leaves that to people".to_owned(),
    };
    format!(
        "nothing to do: {why}, so it is not ours, and stays whatever becomes of the order; `entitled adopt` takes it over"
    )
}

/// What is said of a grant that an order entitles to and that is not ours all the same.
pub const PAID_FOREIGN: &str = "foreign but paid for now";
