//! A report for a terminal: what came of each action, and one closing line.

use std::fmt::Write as _;

use super::plan::{LINES, who};
use crate::report::messages;
use crate::report::run::{ActionOutcome, RunReport};
use crate::text::{Color, clean, human};

/// What came of each action, failures and surprises to the last one, then the figures: done, already so,
/// failed, held; elapsed, calls, changes.
pub fn report(report: &RunReport, color: Color) -> String {
    let mut out = String::new();
    let mut plain = 0;
    for line in &report.lines {
        let (sign, what) = match &line.came {
            ActionOutcome::Done | ActionOutcome::AlreadySo if plain == LINES => continue,
            ActionOutcome::Done => (color.paint("32", "✓"), String::new()),
            ActionOutcome::AlreadySo => (color.paint("36", "="), " (already so)".to_owned()),
            ActionOutcome::Gone(what) => (color.paint("33", "!"), format!(": {what}")),
            ActionOutcome::Failed(error) => (color.paint("31", "✗"), format!(": {}", clean(error))),
        };
        plain += usize::from(matches!(line.came, ActionOutcome::Done | ActionOutcome::AlreadySo));
        let done = messages::describe(&line.change, &who(&line.change));
        let _ = writeln!(out, "{sign} {done}{what}");
    }
    let figures = report.figures();
    let unlisted = figures.done + figures.already_so - plain as u64;
    if unlisted > 0 {
        let _ = writeln!(out, "... and {unlisted} more without trouble");
    }
    let mut parts = vec![
        format!("{} done", figures.done),
        format!("{} already so", figures.already_so),
        format!("{} failed", figures.failed),
        format!("{} held", report.held),
    ];
    let stopped =
        report.obsolete.map_or_else(|| "not started".to_owned(), |why| format!("not started ({})", why.words()));
    for (number, what) in [
        (report.adopted, "adopted"),
        (report.released, "released"),
        (report.overtaken, "left to a pass in between"),
        (report.stopped, stopped.as_str()),
    ] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    let _ = writeln!(
        out,
        "{}; {:.1} s, {}, {}",
        parts.join(", "),
        report.elapsed.as_secs_f64(),
        human::count(report.calls, "call"),
        human::count(figures.done, "change"),
    );
    out
}
