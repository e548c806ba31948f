//! A plan as a comment on a pull request.

use std::fmt::Write as _;

use super::messages;
use super::plan::{Change, HeldChange, PlanDocument};
use super::text::plan::summary;

/// GitHub refuses a comment over 65,536 characters; what does not fit is counted.
const ROWS: usize = 150;

/// A heading, the summary, a table of changes, a table of what is held.
pub fn markdown(view: &PlanDocument) -> String {
    let mut out = format!("### Entitlements plan\n\n{}\n", escape(&summary(view)));
    if let Some(freeze) = &view.freeze {
        let _ = writeln!(out, "\n**Frozen**: {}.", escape(&messages::frozen(freeze)));
    }
    for one in &view.dropped {
        let _ = writeln!(out, "\n**Gone from the file**: {}. *Hint*: {}.", prose(&one.sentence), prose(&one.hint));
    }
    if let Some(settling) = &view.settling {
        let _ = writeln!(out, "\n**Settling**: {}.", prose(&settling.sentence));
    }
    table(&mut out, "Changes", &view.changes);
    table(&mut out, "Adoptions", &view.adoptions);
    table(&mut out, "Given up", &view.releases);
    held(&mut out, view);
    if !view.waiting.is_empty() {
        out.push_str("\n**Waiting**\n\n| buyer | orders | why |\n| --- | --- | --- |\n");
        for one in view.waiting.iter().take(ROWS) {
            let _ =
                writeln!(out, "| {} | {} | **{}** {} |", escape(&one.buyer), one.orders, one.reason, prose(&one.lift));
        }
        more(&mut out, view.waiting.len());
    }
    let foreign: Vec<String> = view
        .targets
        .iter()
        .filter(|target| target.foreign + target.foreign_paid > 0)
        .map(|target| format!("{}: {}", escape(&target.name), messages::foreign(target)))
        .collect();
    if !foreign.is_empty() {
        let _ = writeln!(out, "\n**Foreign**: {}.", foreign.join("; "));
    }
    out
}

fn table(out: &mut String, title: &str, changes: &[Change]) {
    if !changes.is_empty() {
        let _ = writeln!(out, "\n**{title}**");
        rows(out, &changes.iter().collect::<Vec<_>>());
    }
}

/// What is held for one and the same reason shares the paragraph that tells it.
fn held(out: &mut String, view: &PlanDocument) {
    let mut all: Vec<&HeldChange> = view.held.iter().collect();
    all.sort_by_key(|one| (&one.hold, &one.reason, &one.lift));
    for alike in all.chunk_by(|a, b| (&a.hold, &a.reason, &a.lift) == (&b.hold, &b.reason, &b.lift)) {
        let HeldChange { hold, reason, lift, .. } = alike[0];
        let _ = writeln!(out, "\n**Held: {hold}**: {}. *What lifts it*: {}.", prose(reason), prose(lift));
        rows(out, &alike.iter().map(|one| &one.change).collect::<Vec<_>>());
    }
}

fn rows(out: &mut String, changes: &[&Change]) {
    out.push_str("\n| | user | target | because |\n| --- | --- | --- | --- |\n");
    for change in changes.iter().take(ROWS) {
        let sign = match change.action.as_str() {
            "grant" => "➕",
            "revoke" => "➖",
            _ => "=",
        };
        let (target, because) = (escape(&change.target), prose(&change.because));
        let _ = writeln!(out, "| {sign} {} | {} | {target} | {because} |", change.action, who(change));
    }
    more(out, changes.len());
}

fn more(out: &mut String, number: usize) {
    if number > ROWS {
        let _ = writeln!(out, "\n... and {} more.", number - ROWS);
    }
}

fn who(change: &Change) -> String {
    match &change.email {
        Some(email) => format!("{} {}", code(change.user.as_str()), escape(email)),
        None => code(change.user.as_str()),
    }
}

/// In code, only the end of the code and the end of the cell mean anything.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'").replace('|', "\\|"))
}

/// A sentence of ours, whose backticks mean code. Text from outside in it may move where code begins, and is
/// literal in code and escaped beside it either way.
pub(super) fn prose(text: &str) -> String {
    if text.matches('`').count() % 2 == 1 {
        return escape(text);
    }
    let parts = text.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { code(part) } else { escape(part) }).collect()
}

/// Text from outside must not become a table cell, markup, a link, a mention or a reference. What GitHub
/// links after rendering, where a backslash is gone already, is broken by a space of no width.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '<' | '>' | '*' | '_' | '[' | ']' | '`' | '\\' | '~' | '$' | '&' => out.extend(['\\', c]),
            '@' | '#' => out.extend([c, '\u{200b}']),
            c => out.push(c),
        }
    }
    out.replace("://", ":\u{200b}//").replace("www.", "www\u{200b}.")
}
