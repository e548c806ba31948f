//! A plan as a unified diff of actual against desired.

use std::fmt::Write as _;

use similar::TextDiff;

use super::plan::{Block, Change, PlanDocument};

/// One YAML-like block per user whom the plan touches, in the order of the user ids; empty where nothing
/// changes. `git apply` has no use for it, a person and a review tool have.
pub fn diff(view: &PlanDocument) -> String {
    let actual: String =
        view.users.iter().map(|block| lines(block, &block.actual, |target| why(view, block, target))).collect();
    let desired: String = view.users.iter().map(|block| lines(block, &block.desired, |_| None)).collect();
    TextDiff::from_lines(&actual, &desired)
        .unified_diff()
        .context_radius(3)
        .header("actual", &format!("desired {}", view.config.short()))
        .to_string()
}

/// Why a line goes.
fn why<'v>(view: &'v PlanDocument, block: &Block, target: &str) -> Option<&'v str> {
    let goes = |change: &&Change| change.action == "revoke" && change.user == block.user && change.target == target;
    view.changes.iter().find(goes).map(|change| change.because.as_str())
}

fn lines<'v>(block: &Block, holds: &[String], why: impl Fn(&str) -> Option<&'v str>) -> String {
    let mut out = match &block.email {
        Some(email) => format!("{}: # {email}\n", block.user),
        None => format!("{}:\n", block.user),
    };
    for target in holds {
        let because = why(target).map(|why| format!(" # {why}")).unwrap_or_default();
        let _ = writeln!(out, "  - {target}{because}");
    }
    out
}
