//! What merging would do, for a terminal, for a comment on a pull request and for the lines of the file there.

use std::fmt::Write as _;

use super::table::table;
use crate::report::markdown::{escape, prose};
use crate::report::preview::{Effect, Group, Person, PreviewDocument};
use crate::text::{Color, human};

/// By this a comment is found again that is to be edited in place.
const MARK: &str = "<!-- entitled preview -->";

/// So many groups are shown; the largest come first.
const GROUPS: usize = 20;
/// So many people of a group are named on one line.
const NAMED: usize = 5;

/// For a terminal.
pub fn preview(document: &PreviewDocument, color: Color) -> String {
    let mut out = format!("{}\n", headline(document));
    if !document.targets.is_empty() {
        let row = |cells: [String; 6]| cells.to_vec();
        let header = ["target", "hold it", "lose", "keep", "gain", "held"].map(str::to_owned);
        let body = document.targets.iter().map(|target| {
            let figures = [target.holders, target.lose, target.keep, target.gain, target.held].map(|n| n.to_string());
            let [holders, lose, keep, gain, held] = figures;
            row([target.name.clone(), holders, lose, keep, gain, held])
        });
        let _ = write!(out, "\n{}", table(&std::iter::once(row(header)).chain(body).collect::<Vec<_>>()));
    }
    if !document.groups.is_empty() {
        out.push('\n');
    }
    for group in document.groups.iter().take(GROUPS) {
        let sign = match group.effect {
            Effect::Lose | Effect::LoseHeld => color.paint("31", "-"),
            Effect::Gain | Effect::GainHeld => color.paint("32", "+"),
            Effect::Adopt | Effect::Release | Effect::LossAverted | Effect::GainAverted => color.paint("36", "="),
        };
        let _ = writeln!(out, "{sign} {}", sentence(group));
        let _ = writeln!(out, "    {}", people(group));
        if let Some(held) = &group.hold {
            let _ = writeln!(out, "    held: {}", held.reason);
            if let Some(set) = &held.set {
                let _ = writeln!(out, "    `entitled approve {set}` lets it through once it is held");
            }
        }
    }
    more(&mut out, document);
    for note in notes(document) {
        let _ = writeln!(out, "{} {note}", color.paint("33", "!"));
    }
    out
}

/// For a comment, which is edited in place.
pub fn preview_markdown(document: &PreviewDocument) -> String {
    let mut out = format!("{MARK}\n### What merging this would do\n\n{}\n", prose(&headline(document)));
    if !document.targets.is_empty() {
        out.push_str(
            "\n| target | hold it | lose | keep | gain | held |\n| --- | ---: | ---: | ---: | ---: | ---: |\n",
        );
        for target in &document.targets {
            let (name, holders, lose) = (escape(&target.name), target.holders, target.lose);
            let (keep, gain, held) = (target.keep, target.gain, target.held);
            let _ = writeln!(out, "| {name} | {holders} | {lose} | {keep} | {gain} | {held} |");
        }
    }
    if !document.groups.is_empty() {
        out.push('\n');
    }
    for group in document.groups.iter().take(GROUPS) {
        let sign = match group.effect {
            Effect::Lose | Effect::LoseHeld => "➖",
            Effect::Gain | Effect::GainHeld => "➕",
            Effect::Adopt | Effect::Release | Effect::LossAverted | Effect::GainAverted => "=",
        };
        let _ = writeln!(out, "- {sign} {}: {}", prose(&sentence(group)), escape(&people(group)));
        if let Some(held) = &group.hold {
            let approve =
                held.set.as_ref().map(|set| format!("; `entitled approve {set}` lets it through once it is held"));
            let _ = writeln!(out, "  *held*: {}{}", prose(&held.reason), approve.unwrap_or_default());
        }
    }
    more(&mut out, document);
    for note in notes(document) {
        let _ = writeln!(out, "\n> {}", prose(&note));
    }
    out
}

/// For the lines of the file that cause a loss, as a workflow of GitHub prints them. `file`: its path in the repository.
pub fn preview_annotations(document: &PreviewDocument, file: &str) -> String {
    let loses = |group: &&Group| matches!(group.effect, Effect::Lose | Effect::LoseHeld);
    let mut out = String::new();
    for group in document.groups.iter().filter(loses).take(GROUPS) {
        let line = group.line.unwrap_or(1);
        let text = encoded(&sentence(group));
        let _ = writeln!(out, "::warning file={},line={line},title=Access is taken away::{text}", property(file));
    }
    out
}

/// What such a line cannot hold as it is: <https://github.com/actions/toolkit>, `packages/core/src/command.ts`.
fn encoded(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    encoded(text).replace(':', "%3A").replace(',', "%2C")
}

fn headline(document: &PreviewDocument) -> String {
    let summary = &document.summary;
    let versions = format!("{} -> {}", document.base.short(), document.head.short());
    if document.is_empty() {
        return format!("Merging this changes nothing for anybody ({versions}).");
    }
    let mut parts = vec![format!("{} to lose", summary.lose), format!("{} to gain", summary.gain)];
    let further = [
        (summary.held, "held"),
        (summary.adopt, "to adopt"),
        (summary.release, "to give up"),
        (summary.averted, "no longer due"),
    ];
    parts.extend(further.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")));
    format!("Merging this: {} ({versions}).", parts.join(", "))
}

fn sentence(group: &Group) -> String {
    let who = human::people(group.count);
    let one = group.count == 1;
    let target = &group.target;
    let does = match group.effect {
        Effect::Lose => format!("{} {target}", if one { "loses" } else { "lose" }),
        Effect::LoseHeld => format!("would lose {target}, which is held"),
        Effect::Gain => format!("{} {target}", if one { "gains" } else { "gain" }),
        Effect::GainHeld => format!("would gain {target}, which is held"),
        Effect::Adopt => format!("{} {target} already: it becomes ours", if one { "holds" } else { "hold" }),
        Effect::Release => format!("{} {target}: it is ours no more", if one { "keeps" } else { "keep" }),
        Effect::LossAverted => {
            format!("{} {target}, and without merging would lose it", if one { "keeps" } else { "keep" })
        }
        Effect::GainAverted => {
            format!("{} {target}, and without merging would", if one { "does not gain" } else { "do not gain" })
        }
    };
    let product = group.product.as_ref().map_or_else(String::new, |product| format!(" (product {product})"));
    let line = group.line.map_or_else(String::new, |line| format!(", line {line}"));
    format!("{who} {does}{product}{line}")
}

fn people(group: &Group) -> String {
    let named: Vec<String> = group
        .people
        .iter()
        .take(NAMED)
        .map(|person| match person {
            Person::Buyer(number) => format!("buyer {number}"),
            Person::Known(name) => name.clone(),
        })
        .collect();
    let left = group.count - named.len() as u64;
    let more = if left > 0 { format!(" and {left} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}

fn more(out: &mut String, document: &PreviewDocument) {
    if document.groups.len() > GROUPS {
        let _ = writeln!(out, "\n... and {} smaller groups.", document.groups.len() - GROUPS);
    }
}

/// What does not count, and what nobody knows.
fn notes(document: &PreviewDocument) -> Vec<String> {
    let quoted = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut notes = Vec::new();
    if let Some(in_force) = &document.in_force {
        notes.push(format!("the base is not what is in force, which is {}", in_force.short()));
    }
    match document.seen {
        Some(_) => {}
        None => notes.push("no full pass has seen yet who holds what: everybody counts as holding nothing".to_owned()),
    }
    if !document.not_previewed.is_empty() {
        notes.push(format!("not previewed: the change of {} counts as not made", quoted(&document.not_previewed)));
    }
    if !document.unseen.is_empty() {
        let unseen = quoted(&document.unseen);
        notes.push(format!("nobody has seen yet who holds {unseen}: that counts as held by nobody"));
    }
    if !document.unset.is_empty() {
        notes.push(format!("{} is not set where the file is in force", quoted(&document.unset)));
    }
    notes
}
