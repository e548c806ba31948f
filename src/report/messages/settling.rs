//! That the file has loosened a safeguard, and until when the version before still counts.

use jiff::Timestamp;

use super::Change;
use crate::planner::Safeguard;
use crate::text::human;

pub(super) fn settling(safeguard: Safeguard, until: i64, change: &Change, approve: Option<&str>) -> (String, String) {
    let asks = match safeguard {
        Safeguard::Role => format!("protects {}", change.target),
        Safeguard::User => "protects this user".to_owned(),
        Safeguard::Prune => "takes less away by `prune`".to_owned(),
    };
    let until = human::datetime(Timestamp::from_second(until).unwrap_or(Timestamp::MAX));
    // A set that is let through for a limit is let through once; this settles what was loosened.
    let approve = approve.map_or_else(String::new, |command| {
        let more = match safeguard {
            Safeguard::Role if change.action == "grant" => {
                format!(", and whoever buys {} from then on is given it", change.target)
            }
            Safeguard::Prune => format!(", and what ends on {} from then on is taken as well", change.target),
            Safeguard::Role | Safeguard::User => String::new(),
        };
        format!("`{command}` lets exactly this set through{more}; or ")
    });
    (
        format!("an earlier version of the file {asks}, and that counts until {until}"),
        format!(
            "check that this is intended; then {approve}wait until then: what a version loosens takes effect after `safeguards.delay`"
        ),
    )
}
