//! A report for a terminal: what came of each action, and one closing line.

use std::fmt::Write as _;

use super::{Color, words};
use crate::apply::{Came, Report};

/// Failures and surprises line by line, then the figures: done, already so, failed, held; elapsed, calls,
/// changes.
pub fn report(report: &Report, color: Color) -> String {
    let mut out = String::new();
    for line in &report.lines {
        let (sign, what) = match &line.came {
            Came::Done => (color.paint("32", "✓"), String::new()),
            Came::AlreadySo => (color.paint("36", "="), " (already so)".to_owned()),
            Came::Gone(what) => (color.paint("33", "!"), format!(": {what}")),
            Came::Failed(error) => (color.paint("31", "✗"), format!(": {error}")),
        };
        let _ = writeln!(
            out,
            "{sign} {} {} {} {}{what}",
            line.change.action,
            line.change.target,
            preposition(&line.change.action),
            line.change.user
        );
    }
    let figures = report.figures();
    let _ = writeln!(
        out,
        "{} done, {} already so, {} failed, {} held; {:.1} s, {}, {}",
        figures.done,
        figures.already_so,
        figures.failed,
        report.held,
        report.elapsed.as_secs_f64(),
        words::count(report.calls, "call"),
        words::count(figures.done, "change"),
    );
    out
}

fn preposition(action: &str) -> &'static str {
    if action == "revoke" { "from" } else { "to" }
}
