//! A checkup for a terminal, and for a program.

use std::fmt::Write as _;

use super::plan::padded;
use crate::report::checkup::{Check, Outcome};
use crate::text::{Color, clean, human, width};

/// One line for each check under the name of its section, its mend below it, and what it comes to.
pub fn checkup(checks: &[Check], color: Color) -> String {
    let mut out = String::new();
    let column = checks.iter().map(|check| width(&check.name)).max().unwrap_or_default();
    for section in checks.chunk_by(|a, b| a.section == b.section) {
        let _ = writeln!(out, "{}", color.paint("1", &clean(&section[0].section)));
        for check in section {
            let (code, word, says, mend) = match &check.outcome {
                Outcome::Ok { found } => ("32", "ok", found, None),
                Outcome::Note { found, mend } => ("36", "note", found, mend.as_ref()),
                Outcome::Wrong { cause, mend } => ("1;31", "WRONG", cause, mend.as_ref()),
                Outcome::NotTried { since } => ("2", "-", since, None),
            };
            let word = color.paint(code, &padded(word, 5));
            let _ = writeln!(out, "  {word}  {}  {}", padded(&check.name, column), clean(says));
            if let Some(mend) = mend {
                let _ = writeln!(out, "         {}: {}", color.paint("36", "hint"), clean(mend));
            }
        }
    }
    let wrong = checks.iter().filter(|check| check.is_wrong()).count() as u64;
    let all = human::count(checks.len() as u64, "check");
    let _ = match wrong {
        0 => writeln!(out, "\nNothing is wrong: {all}."),
        wrong => writeln!(out, "\n{wrong} of {all} failed."),
    };
    out
}

/// The list of checks, ending in a line feed.
pub fn checkup_json(checks: &[Check]) -> String {
    serde_json::to_string_pretty(checks).expect("a check holds strings only") + "\n"
}
