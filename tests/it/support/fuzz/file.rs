//! Any text as `entitlements.yaml`: every place of the answer is true, every caret stands under what it means, no line
//! is longer than a terminal bears, and no secret is shown.

use std::path::Path;

use entitled::config::diagnostic::{Origin, Place};
use entitled::config::presets::PRESETS;
use entitled::config::{Diagnostic, Presets, check_text, render};
use entitled::text::{Color, clean, width};

use super::{Anything, CANARY};

const FILE: &str = "entitlements.yaml";
/// The most cells of a line of the file as it is shown, margin aside.
const WIDEST: usize = 160;

/// The target `file`.
pub(crate) fn fuzz(bytes: &[u8]) {
    answered(&String::from_utf8_lossy(bytes));
}

/// Checks a text as `entitlements.yaml`, and every place and line of the answer.
pub(crate) fn answered(text: &str) {
    let problems = match check_text(text, Path::new(FILE), &Anything, &Presets::new(PRESETS)) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    };
    for problem in &problems {
        let places = problem.place.iter().chain(problem.others.iter().map(|(place, _)| place));
        for place in places.filter(|place| place.origin == Origin::File) {
            true_place(text, *place, problem);
        }
        for place in problem.hidden.iter().filter(|place| place.origin == Origin::File) {
            assert!(text.get(place.start..place.end).is_some(), "{place:?} of {problem:?} is no part of {text:?}");
        }
        marked(text, problem);
    }
    let rendered = render(&problems, text, FILE, Color::Plain);
    assert!(text.contains(CANARY) || !rendered.contains(CANARY), "a secret in\n{rendered}\nof {text:?}");
}

/// A place lies between characters, and its line and column are those of its first one.
fn true_place(text: &str, place: Place, problem: &Diagnostic) {
    assert!(text.get(place.start..place.end).is_some(), "{place:?} of {problem:?} is no part of {text:?}");
    // Marks of the byte order at the start of a line are no characters, however many there are.
    let before = text[..place.start].replace("\r\n", "\n").replace('\r', "\n");
    let line = before.matches('\n').count() + 1;
    let of_line = before.rsplit('\n').next().unwrap_or_default();
    let column = of_line.trim_start_matches('\u{feff}').chars().count() + 1;
    assert_eq!((place.line as usize, place.column as usize), (line, column), "{problem:?} of {text:?}");
}

/// Renders one problem: the caret stands under the first cell of what it means.
fn marked(text: &str, problem: &Diagnostic) {
    let rendered = render(std::slice::from_ref(problem), text, FILE, Color::Plain);
    let Some(place) = problem.place.filter(|place| place.origin == Origin::File) else { return };
    let lines: Vec<(&str, &str)> = rendered.lines().filter_map(|line| line.split_once("| ")).collect();
    let is_caret = |(margin, rest): &(&str, &str)| margin.trim().is_empty() && rest.trim_start().starts_with('^');
    let at = lines.iter().position(is_caret).unwrap_or_else(|| panic!("no caret in\n{rendered}\nof {text:?}"));
    let cell = lines[at].1.find('^').unwrap_or_default();
    // Of marks on one line the first stands right below it.
    let shown = lines[..at].iter().rev().find(|(margin, _)| !margin.trim().is_empty()).map_or("", |(_, shown)| *shown);
    assert!(width(shown) <= WIDEST, "{} cells in\n{rendered}\nof {text:?}", width(shown));
    if place.start >= text.trim_end().len() {
        return;
    }
    let meant =
        text[place.start..].chars().next().map(|char| clean(&char.to_string()).into_owned()).unwrap_or_default();
    let stands = |above: &str| above.starts_with("***") || above.starts_with(&meant);
    let found = meant.trim().is_empty() || from_cell(shown, cell).any(stands);
    assert!(found, "the caret of\n{rendered}\nof {text:?}");
}

/// What stands in a line from a cell on: from each character of it, where some take no cell of their own.
fn from_cell(line: &str, cell: usize) -> impl Iterator<Item = &str> {
    let mut cells = 0;
    line.char_indices().filter_map(move |(at, char)| {
        let here = cells == cell;
        cells += width(&line[at..at + char.len_utf8()]);
        here.then(|| &line[at..])
    })
}
