//! A plan as a unified diff of actual against desired.

use std::fmt::Write as _;

use similar::TextDiff;

use super::plan::{Block, PlanDocument};

/// One YAML-like block per user whom the plan touches, in the order of the user ids; empty where nothing
/// changes. `git apply` has no use for it, a person and a review tool have.
pub fn diff(view: &PlanDocument) -> String {
    let side = |holds: fn(&Block) -> &[String]| view.users.iter().map(|block| lines(block, holds(block))).collect();
    let actual: String = side(|block| &block.actual);
    let desired: String = side(|block| &block.desired);
    TextDiff::from_lines(&actual, &desired)
        .unified_diff()
        .context_radius(3)
        .header("actual", &format!("desired {}", view.config.short()))
        .to_string()
}

fn lines(block: &Block, holds: &[String]) -> String {
    let mut out = match &block.email {
        Some(email) => format!("{}: # {email}\n", block.user),
        None => format!("{}:\n", block.user),
    };
    for target in holds {
        let _ = writeln!(out, "  - {target}");
    }
    out
}
