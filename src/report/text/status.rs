//! What the daemon says of itself, for a terminal.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::plan::{LINES, who};
use crate::model::State;
use crate::report::status::{Pass, RunStatus, Status};
use crate::report::{messages, table};
use crate::text::{Color, clean, human};

/// So many passes are shown.
const RUNS: usize = 5;

/// The state in one word and since when; what does not work, what is frozen, what is held with the command that
/// lets it through; each source, each target, the last passes.
pub fn status(status: &Status, now: Timestamp, color: Color) -> String {
    let mut out = String::new();
    let word = color.paint(code(status.state), status.state.word());
    let _ = writeln!(out, "{word} since {}", at(status.since, now));
    if let Some(progress) = &status.progress {
        let (done, of) = (progress.done, human::count(progress.of, "change"));
        let _ = writeln!(
            out,
            "a {} pass is writing: {done} of {of}, since {}",
            progress.pass.word(),
            at(progress.since, now)
        );
    }
    config(&mut out, status, now);
    troubles(&mut out, status, now, color);
    freezes(&mut out, status, color);
    if !status.unheeded.is_empty() || !status.dropped.is_empty() {
        out.push('\n');
    }
    for one in &status.unheeded {
        let _ = writeln!(out, "{} {}", color.paint("33", "!"), clean(&one.sentence));
    }
    for one in &status.dropped {
        let _ = writeln!(out, "{} {}", color.paint("33", "!"), clean(&one.sentence));
        let _ = writeln!(out, "  {}: {}", color.paint("36", "hint"), clean(&one.hint));
    }
    if let Some(settling) = status.settling.as_ref().filter(|one| now < one.until) {
        let _ = writeln!(out, "\n{} {}", color.paint("33", "!"), clean(&settling.sentence));
    }
    sources(&mut out, status, now, color);
    targets(&mut out, status, color);
    held(&mut out, status, color);
    approvals(&mut out, status, now, color);
    runs(&mut out, status, now, color);
    out
}

fn code(state: State) -> &'static str {
    match state {
        State::InSync => "1;32",
        State::Pending => "1;36",
        State::Held => "1;33",
        State::Degraded => "1;31",
    }
}

/// `2026-11-24T09:00:00Z (7m ago)`.
fn at(then: Timestamp, now: Timestamp) -> String {
    format!("{then:.0} ({})", human::ago(then, now))
}

fn config(out: &mut String, status: &Status, now: Timestamp) {
    let Some(config) = &status.config else { return };
    let last = status.last_full_pass.map_or_else(|| "never".to_owned(), |then| human::ago(then, now));
    let next = status.next_full_pass.map(|then| format!(", next {}", human::ahead(then, now))).unwrap_or_default();
    let _ = writeln!(out, "{}; last full pass {last}{next}", clean(&config.origin.short()));
}

fn freezes(out: &mut String, status: &Status, color: Color) {
    // A daemon of an earlier version names the strongest only.
    let only = status.freeze.iter().filter(|_| status.freezes.is_empty());
    for freeze in status.freezes.iter().chain(only) {
        let _ = writeln!(
            out,
            "\n{}: {} until {:.0}, by {}: {}\n  {}: `entitled unfreeze` ends it",
            color.paint("1;36", "frozen"),
            messages::frozen_scope(&freeze.scope),
            freeze.until,
            clean(&freeze.who),
            clean(&freeze.reason),
            color.paint("36", "hint"),
        );
    }
}

fn troubles(out: &mut String, status: &Status, now: Timestamp, color: Color) {
    if status.troubles.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", color.paint("1;31", "troubles"));
    for trouble in &status.troubles {
        let _ = writeln!(out, "  {} (since {})", clean(&trouble.line()), at(trouble.since, now));
        if let Some(hint) = &trouble.hint {
            let _ = writeln!(out, "    {}: {}", color.paint("36", "hint"), clean(hint));
        }
    }
}

fn sources(out: &mut String, status: &Status, now: Timestamp, color: Color) {
    if status.sources.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", color.paint("1", "sources"));
    let rows: Vec<Vec<String>> = status
        .sources
        .iter()
        .map(|source| {
            let read = source
                .last_success
                .map_or_else(|| "not read yet".to_owned(), |then| format!("read {}", human::ago(then, now)));
            let next = source.next_poll.map(|then| format!("next {}", human::ahead(then, now))).unwrap_or_default();
            vec![source.name.to_string(), human::count(source.orders, "order"), read, next]
        })
        .collect();
    self::rows(out, &rows);
    for source in status.sources.iter().filter(|source| source.odd > 0) {
        let _ = writeln!(out, "  {}: {}", clean(source.name.as_str()), human::count(source.odd, "odd row"));
        for odd in &source.odd_orders {
            let _ = writeln!(out, "    {}", clean(odd));
        }
    }
}

fn targets(out: &mut String, status: &Status, color: Color) {
    if status.targets.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", color.paint("1", "targets"));
    let rows: Vec<Vec<String>> = status
        .targets
        .iter()
        .map(|target| {
            let mut more = Vec::new();
            for (number, word) in [(target.foreign, "foreign"), (target.kept, "kept")] {
                if number > 0 {
                    more.push(format!("{number} {word}"));
                }
            }
            if !messages::is_known(&target.coverage) {
                more.push(target.coverage.clone());
            }
            vec![
                target.name.clone(),
                format!("{} wanted", target.desired),
                format!("{} held", target.actual),
                more.join(", "),
            ]
        })
        .collect();
    self::rows(out, &rows);
}

fn held(out: &mut String, status: &Status, color: Color) {
    if status.held.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", color.paint("1;33", "held"));
    let mut all: Vec<_> = status.held.iter().collect();
    all.sort_by_key(|one| (&one.hold, &one.reason, &one.lift));
    for alike in all.chunk_by(|a, b| (&a.hold, &a.reason, &a.lift) == (&b.hold, &b.reason, &b.lift)) {
        for one in alike.iter().take(LINES) {
            let _ = writeln!(out, "  {}", messages::describe(&one.change, &who(&one.change)));
        }
        if alike.len() > LINES {
            let _ = writeln!(out, "  ... and {} more", alike.len() - LINES);
        }
        let _ = writeln!(out, "    {}: {}", color.paint("33", &alike[0].hold), alike[0].reason);
        let _ = writeln!(out, "    {}: {}", color.paint("36", "hint"), alike[0].lift);
    }
}

fn approvals(out: &mut String, status: &Status, now: Timestamp, color: Color) {
    if status.approvals.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", color.paint("1", "approvals"));
    for one in &status.approvals {
        let (all, used, when) = (human::count(one.used + one.open, "change"), one.used, human::ago(one.created, now));
        let rest = match one.open {
            0 => String::new(),
            open if one.expires > now => format!(", {open} let through until {:.0} if still wanted", one.expires),
            open => format!(", {open} no longer let through: not wanted in time"),
        };
        let _ = writeln!(out, "  {}  by {} {when}: {used} of {all} carried out{rest}", one.digest, clean(&one.who));
    }
}

fn runs(out: &mut String, status: &Status, now: Timestamp, color: Color) {
    if status.runs.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", color.paint("1", "last passes"));
    rows(out, &status.runs.iter().take(RUNS).map(|run| cells(run, now)).collect::<Vec<_>>());
}

fn cells(run: &RunStatus, now: Timestamp) -> Vec<String> {
    let kind = match run.kind {
        Pass::Quick => "quick",
        Pass::Full => "full",
    };
    let came = match &run.end {
        None => "under way, or killed".to_owned(),
        Some(end) => {
            let whole = if end.succeeded { "" } else { ", broke off" };
            let calls = human::count(end.calls, "call");
            format!("{} done, {} failed, {} held, {calls}{whole}", end.done, end.failed, end.held)
        }
    };
    vec![run.id.clone(), kind.to_owned(), human::ago(run.started, now), came]
}

/// Aligned, two spaces in.
fn rows(out: &mut String, rows: &[Vec<String>]) {
    let clean: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| clean(cell).into_owned()).collect()).collect();
    for line in table(&clean).lines() {
        let _ = writeln!(out, "  {line}");
    }
}
