//! That the file has loosened a safeguard, and until when the version before still counts.

use jiff::Timestamp;

use super::Change;
use crate::planner::Safeguard;
use crate::text::human;

pub(super) fn settling(safeguard: Safeguard, until: i64, change: &Change, approve: &str) -> (String, String) {
    let asks = match safeguard {
        Safeguard::Role => format!("protects {}", change.target),
        Safeguard::User => "protects this user".to_owned(),
        Safeguard::Prune => "takes less away by `prune`".to_owned(),
    };
    let until = human::datetime(Timestamp::from_second(until).unwrap_or(Timestamp::MAX));
    (
        format!("an earlier version of the file {asks}, and that counts until {until}"),
        format!(
            "check that this is meant; then {approve}wait until then: what a file loosens counts after `safeguards.delay`"
        ),
    )
}
