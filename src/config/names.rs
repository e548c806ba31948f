//! Names that are well written and that Logto does not bear out, shown like any other problem of the file.

use super::diagnostic::{Diagnostic, MOST_SHOWN, Origin, Place, render};
use super::marks::{BREAKS, marks};
use crate::text::Color;

/// A name that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved<'a> {
    /// Its line, from 1.
    pub line: u32,
    /// Its column in characters, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: &'a str,
    /// What to do about it.
    pub hint: Option<&'a str>,
}

/// Each with its line and a caret. `text` is the file's text, `file` how to name it.
pub fn render_names<'a>(
    names: impl IntoIterator<Item = Unresolved<'a>>,
    text: &str,
    file: &str,
    color: Color,
) -> String {
    let diagnostics: Vec<Diagnostic> = names
        .into_iter()
        .enumerate()
        .map(|(at, name)| {
            let mut diagnostic = Diagnostic::error(name.message);
            // The others are counted; to look for each in the text costs the square of it.
            if at < MOST_SHOWN {
                diagnostic.at(place(text, name.line, name.column));
            }
            if let Some(hint) = name.hint {
                diagnostic.help(hint);
            }
            diagnostic
        })
        .collect();
    render(&diagnostics, text, file, color)
}

/// The scalar that begins at a line and a column: up to the next character that ends one.
fn place(text: &str, line: u32, column: u32) -> Place {
    let mut before = 0;
    for _ in 1..line {
        let rest = &text[before..];
        let Some(end) = rest.find(BREAKS) else { break };
        before += end + if rest[end..].starts_with("\r\n") { 2 } else { 1 };
    }
    before += marks(&text[before..]);
    let of_line = text[before..].split(BREAKS).next().unwrap_or_default();
    let skipped: usize = of_line.chars().take(column.saturating_sub(1) as usize).map(char::len_utf8).sum();
    let rest = &of_line[skipped..];
    let ends = |c: char| matches!(c, ',' | ']' | '}' | '#');
    let length = rest.find(ends).map_or(rest, |at| &rest[..at]).trim_end().len();
    let start = before + skipped;
    Place { origin: Origin::File, line, column, start, end: start + length }
}
