//! A plan for a terminal.

use std::fmt::Write as _;

use crate::report::messages;
use crate::report::plan::{Change, PlanDocument, Waiting};
use crate::text::{Color, width};

/// At the most so many lines of one kind are printed; the rest is counted. JSON has them all.
pub(crate) const LINES: usize = 200;

/// Longer names than this do not push the next column away.
const WIDEST: usize = 60;

/// The plan in words: what is to be done, by target; what is held; who waits; one line of figures.
pub fn text(view: &PlanDocument, color: Color) -> String {
    let mut out = String::new();
    changes(&mut out, view, color);
    held(&mut out, view, color);
    waiting(&mut out, view, color);
    foreign(&mut out, view, color);
    if let Some(freeze) = &view.freeze {
        let _ = writeln!(out, "{} frozen: {}", color.paint("33", "!"), messages::frozen(freeze));
    }
    for one in &view.dropped {
        let _ = writeln!(out, "{} {}", color.paint("33", "!"), one.sentence);
        let _ = writeln!(out, "  {}: {}", color.paint("36", "hint"), one.hint);
    }
    if let Some(settling) = &view.settling {
        let _ = writeln!(out, "{} {}", color.paint("33", "!"), settling.sentence);
    }
    for target in view.targets.iter().filter(|target| !messages::is_known(&target.coverage)) {
        let _ = writeln!(out, "{} {}", color.paint("33", "!"), messages::not_whole(target));
    }
    let _ = writeln!(out, "{}", summary(view));
    out
}

/// One line: the figures, and the configuration they come from.
pub(crate) fn summary(view: &PlanDocument) -> String {
    let figures = &view.summary;
    let mut asides = Vec::new();
    for (number, what) in [
        (figures.held, "held"),
        (figures.waiting, "waiting for an account"),
        (figures.unknown, "of unknown standing"),
        (figures.kept, "kept for now"),
        (figures.foreign, "foreign"),
        (figures.foreign_paid, messages::PAID_FOREIGN),
    ] {
        if number > 0 {
            asides.push(format!("{number} {what}"));
        }
    }
    let mut line = messages::headline(view);
    if !asides.is_empty() {
        let _ = write!(line, " {}.", asides.join(", "));
    }
    let _ = write!(line, " ({})", view.config.short());
    line
}

/// By target: what is given, what is there already, what is taken away.
fn changes(out: &mut String, view: &PlanDocument, color: Color) {
    // Read by name, not by the ids that the order of doing goes by.
    let place = |change: &Change| {
        let verb = ["grant", "adopt", "release", "revoke"].iter().position(|verb| *verb == change.action);
        (change.target.clone(), change.target_key.clone(), verb)
    };
    let mut all: Vec<&Change> = view.changes.iter().chain(&view.adoptions).chain(&view.releases).collect();
    all.sort_by_cached_key(|change| place(change));
    let column = column(all.iter().map(|change| who(change)));
    for of_target in all.chunk_by(|a, b| a.target_key == b.target_key) {
        let _ = writeln!(out, "{}", color.paint("1", &of_target[0].target));
        for change in of_target.iter().take(LINES) {
            let because = color.paint("2", &change.because);
            let _ = writeln!(out, "  {} {}  {because}", sign(&change.action, color), padded(&who(change), column));
        }
        more(out, of_target.len());
        out.push('\n');
    }
}

/// What is held for one and the same reason shares the lines that tell it.
fn held(out: &mut String, view: &PlanDocument, color: Color) {
    let buyers: Vec<&Waiting> = view.waiting.iter().filter(|one| one.is_held()).collect();
    if view.held.is_empty() && buyers.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", color.paint("1;33", "held"));
    let mut all: Vec<_> = view.held.iter().collect();
    all.sort_by_key(|one| (&one.hold, &one.reason, &one.lift));
    let whose = column(all.iter().map(|one| who(&one.change)));
    let what = column(all.iter().map(|one| one.change.target.clone()));
    for alike in all.chunk_by(|a, b| (&a.hold, &a.reason, &a.lift) == (&b.hold, &b.reason, &b.lift)) {
        for one in alike.iter().take(LINES) {
            let Change { action, target, because, .. } = &one.change;
            let (who, target) = (padded(&who(&one.change), whose), padded(target, what));
            let _ = writeln!(out, "  {} {who}  {target}  {}", sign(action, color), color.paint("2", because));
        }
        more(out, alike.len());
        let _ = writeln!(out, "      {}: {}", color.paint("33", &alike[0].hold), alike[0].reason);
        let _ = writeln!(out, "      {}: {}", color.paint("36", "hint"), alike[0].lift);
    }
    people(out, &buyers, color);
    out.push('\n');
}

fn waiting(out: &mut String, view: &PlanDocument, color: Color) {
    let buyers: Vec<&Waiting> = view.waiting.iter().filter(|one| !one.is_held()).collect();
    if buyers.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", color.paint("1", "waiting"));
    people(out, &buyers, color);
    out.push('\n');
}

/// Held by somebody and not ours: by target.
fn foreign(out: &mut String, view: &PlanDocument, color: Color) {
    let targets: Vec<_> = view.targets.iter().filter(|target| target.foreign + target.foreign_paid > 0).collect();
    if targets.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", color.paint("1", "foreign"));
    let column = column(targets.iter().map(|target| target.name.clone()));
    for target in targets {
        let _ = writeln!(out, "  {}  {}", padded(&target.name, column), messages::foreign(target));
    }
    out.push('\n');
}

fn people(out: &mut String, buyers: &[&Waiting], color: Color) {
    let orders = |one: &Waiting| match one.orders {
        0 | 1 => one.order.clone(),
        several => format!("{} and {} more", one.order, several - 1),
    };
    let whose = column(buyers.iter().map(|one| one.buyer.clone()));
    let what = column(buyers.iter().map(|one| orders(one)));
    for one in buyers.iter().take(LINES) {
        let (buyer, orders) = (padded(&one.buyer, whose), padded(&orders(one), what));
        let sign = color.paint("33", "?");
        let _ = writeln!(out, "  {sign} {buyer}  {orders}  {}: {}", color.paint("33", &one.reason), one.lift);
    }
    more(out, buyers.len());
}

/// How wide a column is: as its widest cell, within reason.
fn column(cells: impl Iterator<Item = String>) -> usize {
    cells.map(|cell| width(&cell)).filter(|wide| *wide <= WIDEST).max().unwrap_or(0)
}

pub(crate) fn padded(text: &str, column: usize) -> String {
    format!("{text}{}", " ".repeat(column.saturating_sub(width(text))))
}

fn more(out: &mut String, number: usize) {
    if number > LINES {
        let _ = writeln!(out, "  ... and {} more (`--output json` has them all)", number - LINES);
    }
}

/// `anna4k7w2m9x <anna@example.com>`.
pub(crate) fn who(change: &Change) -> String {
    match &change.email {
        Some(email) => format!("{} <{email}>", change.user),
        None => change.user.to_string(),
    }
}

fn sign(action: &str, color: Color) -> String {
    match action {
        "grant" => color.paint("32", "+"),
        "revoke" => color.paint("31", "-"),
        "release" => color.paint("36", "~"),
        _ => color.paint("36", "="),
    }
}
