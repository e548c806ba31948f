//! A plan as a comment on a pull request.

use std::fmt::Write as _;

use super::text::summary;
use super::view::{Change, View};

/// GitHub refuses a comment over 65,536 characters; what does not fit is counted.
const ROWS: usize = 150;

/// A heading, the summary, a table of changes, a table of what is held.
pub fn markdown(view: &View) -> String {
    let mut out = format!("### Entitlements plan\n\n{}\n", escape(&summary(view)));
    table(&mut out, "Changes", &view.changes);
    table(&mut out, "Adoptions", &view.adoptions);
    if !view.held.is_empty() {
        out.push_str("\n**Held**\n\n| | user | target | why | what lifts it |\n| --- | --- | --- | --- | --- |\n");
        for one in view.held.iter().take(ROWS) {
            let (change, reason) = (&one.change, escape(&one.reason));
            let (target, lift) = (escape(&change.target), escape(&one.lift));
            let _ = writeln!(
                out,
                "| {} | {} | {target} | **{}** {reason} | {lift} |",
                change.action,
                who(change),
                one.hold
            );
        }
        more(&mut out, view.held.len());
    }
    if !view.waiting.is_empty() {
        out.push_str("\n**Waiting**\n\n| buyer | orders | why |\n| --- | --- | --- |\n");
        for one in view.waiting.iter().take(ROWS) {
            let _ =
                writeln!(out, "| {} | {} | **{}** {} |", escape(&one.buyer), one.orders, one.reason, escape(&one.lift));
        }
        more(&mut out, view.waiting.len());
    }
    out
}

fn table(out: &mut String, title: &str, changes: &[Change]) {
    if changes.is_empty() {
        return;
    }
    let _ = write!(out, "\n**{title}**\n\n| | user | target | because |\n| --- | --- | --- | --- |\n");
    for change in changes.iter().take(ROWS) {
        let sign = match change.action.as_str() {
            "grant" => "➕",
            "revoke" => "➖",
            _ => "=",
        };
        let (target, because) = (escape(&change.target), escape(&change.because));
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

/// Text from outside must not become a table cell, markup, a link, a mention or a reference. What GitHub
/// links after rendering, where a backslash is gone already, is broken by a space of no width.
fn escape(text: &str) -> String {
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
