//! A plan for a terminal.

use std::fmt::Write as _;

use super::view::{Change, HeldChange, View, Waiting};
use super::{Color, words};

/// At the most so many lines of one kind are printed; the rest is counted. JSON has them all.
const LINES: usize = 200;

/// The plan in words: what is to be done by target, what is held, who waits, one line of figures.
pub fn text(view: &View, color: Color) -> String {
    let mut out = String::new();
    changes(&mut out, &view.changes, color);
    section(&mut out, "adopt (there already, and an order explains it)", &view.adoptions, color);
    held(&mut out, &view.held, color);
    waiting(&mut out, &view.waiting, color);
    for target in view.targets.iter().filter(|target| target.coverage != "whole" && target.coverage != "asked by id") {
        let _ = writeln!(out, "{} {} was not read whole: {}", color.paint("33", "!"), target.name, target.coverage);
    }
    let _ = writeln!(out, "{}", summary(view));
    out
}

/// One line: the figures, and the configuration they come from.
pub(super) fn summary(view: &View) -> String {
    let figures = &view.summary;
    let mut parts = Vec::new();
    if view.in_sync() {
        parts.push(words::IN_SYNC.trim_end_matches('.').to_owned());
    } else {
        parts.push(format!("Plan: {} to grant, {} to revoke", figures.grants, figures.revocations));
        if figures.adoptions > 0 {
            parts.push(format!("{} to adopt", figures.adoptions));
        }
    }
    for (number, what) in [
        (figures.held, "held"),
        (figures.waiting, "waiting for an account"),
        (figures.unknown, "of unknown standing"),
        (figures.foreign, "foreign"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    format!("{} ({})", parts.join(", "), view.config.short())
}

fn changes(out: &mut String, changes: &[Change], color: Color) {
    for of_target in changes.chunk_by(|a, b| a.target == b.target && a.action == b.action) {
        section(out, &of_target[0].target, of_target, color);
    }
}

fn section(out: &mut String, title: &str, changes: &[Change], color: Color) {
    if changes.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", color.paint("1", title));
    let width = changes.iter().take(LINES).map(|change| who(change).chars().count()).max().unwrap_or(0);
    for change in changes.iter().take(LINES) {
        let who = who(change);
        let pad = " ".repeat(width - who.chars().count());
        let because = color.paint("2", &change.because);
        let _ = writeln!(out, "  {} {who}{pad}  {because}", sign(&change.action, color));
    }
    more(out, changes.len());
    out.push('\n');
}

fn held(out: &mut String, held: &[HeldChange], color: Color) {
    if held.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", color.paint("1;33", "held"));
    for one in held.iter().take(LINES) {
        let sign = sign(&one.change.action, color);
        let _ = writeln!(out, "  {sign} {}  {}  {}", who(&one.change), one.change.target, one.change.because);
        let _ = writeln!(out, "      {}: {}", color.paint("33", &one.hold), one.reason);
        let _ = writeln!(out, "      {}: {}", color.paint("36", "hint"), one.lift);
    }
    more(out, held.len());
    out.push('\n');
}

fn waiting(out: &mut String, waiting: &[Waiting], color: Color) {
    if waiting.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", color.paint("1", "waiting"));
    for one in waiting.iter().take(LINES) {
        let orders = words::count(one.orders, "order");
        let reason = color.paint("33", &one.reason);
        let _ = writeln!(out, "  ? {}  {orders}, such as {}  {reason}: {}", one.buyer, one.order, one.lift);
    }
    more(out, waiting.len());
    out.push('\n');
}

fn more(out: &mut String, number: usize) {
    if number > LINES {
        let _ = writeln!(out, "  ... and {} more (`--output json` has them all)", number - LINES);
    }
}

fn who(change: &Change) -> String {
    match &change.email {
        Some(email) => format!("{} <{email}>", change.user),
        None => change.user.to_string(),
    }
}

fn sign(action: &str, color: Color) -> String {
    match action {
        "grant" => color.paint("32", "+"),
        "revoke" => color.paint("31", "-"),
        _ => color.paint("36", "="),
    }
}
