//! What is wrong with the file and where: the value that every check yields, and its rendering with the
//! source line and a caret.
//!
//! Never reads a file or decides what is wrong, and never prints a value that a check hid, or that
//! stands where a secret belongs.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use super::excerpt::Page;
use super::marks::{BREAKS, marks};
use crate::text::{Color, clean};

pub use super::span::{Origin, Place};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is taken, and probably does not do what was meant.
    Warning,
}

/// One thing that is wrong, with everything a person needs to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// One sentence, lower case, no full stop, values in backticks. Never holds a secret.
    pub message: String,
    /// Where. `None` where something is missing from the file as a whole.
    pub place: Option<Place>,
    /// What stands beside the caret.
    pub label: Option<String>,
    /// Other places that have to do with it, each with what stands beside its mark.
    pub others: Vec<(Place, String)>,
    /// How to mend it.
    pub help: Option<String>,
    /// Text that is printed as `***`, in this diagnostic and in all that are rendered with it.
    pub hidden: Vec<Place>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            place: None,
            label: None,
            others: Vec::new(),
            help: None,
            hidden: Vec::new(),
        }
    }

    /// Makes it a warning.
    pub fn warn(&mut self) -> &mut Self {
        self.severity = Severity::Warning;
        self
    }

    /// Says where.
    pub fn at(&mut self, place: Place) -> &mut Self {
        self.place = Some(place);
        self
    }

    /// Says what stands beside the caret.
    pub fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// Points at another place.
    pub fn also(&mut self, place: Place, label: impl Into<String>) -> &mut Self {
        self.others.push((place, label.into()));
        self
    }

    /// Says how to mend it.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Keeps a text out of every printed line.
    pub fn hide(&mut self, place: Place) -> &mut Self {
        self.hidden.push(place);
        self
    }
}
/// The diagnostics as text, in the order given, separated by blank lines. `text` is the file's text, and
/// `file` is how to name it.
pub fn render(diagnostics: &[Diagnostic], text: &str, file: &str, color: Color) -> String {
    let hidden: Vec<Range<usize>> = diagnostics
        .iter()
        .flat_map(|diagnostic| &diagnostic.hidden)
        .filter(|place| place.origin == Origin::File)
        .map(|place| place.start..place.end)
        .collect();
    let report = Report { page: Page::new(text, hidden), file, paint: Paint(color) };
    let mut out = String::new();
    for (at, diagnostic) in shown(diagnostics).into_iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        report.one(&mut out, diagnostic).expect("writing to a string cannot fail");
    }
    let left = diagnostics.len().saturating_sub(MOST_SHOWN);
    if left > 0 {
        let noun = if left == 1 { "problem" } else { "problems" };
        writeln!(out, "\n... and {left} more {noun}").expect("writing to a string cannot fail");
    }
    out
}

/// So many are shown: whoever mends those sees the rest, and a page of a hundred thousand helps nobody.
pub(super) const MOST_SHOWN: usize = 50;

/// The first of them, errors before warnings, in the order given.
fn shown(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let of = |severity| diagnostics.iter().enumerate().filter(move |(_, one)| one.severity == severity);
    let mut shown: Vec<_> = of(Severity::Error).chain(of(Severity::Warning)).take(MOST_SHOWN).collect();
    shown.sort_by_key(|(at, _)| *at);
    shown.into_iter().map(|(_, one)| one).collect()
}

/// So many bytes of a message are printed: it may repeat what stands in the file, and that may have no end.
const MESSAGE: usize = 1_000;

fn cut(message: &str) -> Cow<'_, str> {
    match message.floor_char_boundary(MESSAGE) {
        end if end < message.len() => Cow::Owned(format!("{}…", &message[..end])),
        _ => Cow::Borrowed(message),
    }
}

/// The line and the column of a byte of a text, both from 1; a mark of the byte order at the start of a line is no column.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    let breaks = before.matches(BREAKS).count() - before.matches("\r\n").count();
    let of_line = before.rfind(BREAKS).map_or(before, |at| &before[at + 1..]);
    (breaks + 1, of_line[marks(of_line)..].chars().count() + 1)
}

struct Report<'a> {
    page: Page<'a>,
    file: &'a str,
    paint: Paint,
}

impl Report<'_> {
    /// One problem. In one piece: line after line, as it is read.
    fn one(&self, out: &mut String, diagnostic: &Diagnostic) -> std::fmt::Result {
        let paint = &self.paint;
        let (word, tone) = match diagnostic.severity {
            Severity::Error => ("error", Tone::Error),
            Severity::Warning => ("warning", Tone::Warning),
        };
        writeln!(
            out,
            "{}{}",
            paint.on(tone, word),
            paint.on(Tone::Strong, &format!(": {}", clean(&cut(&diagnostic.message))))
        )?;

        let mut marks: Vec<Mark<'_>> = Vec::new();
        if let Some(place) = diagnostic.place.filter(|place| place.origin == Origin::File) {
            marks.push(Mark { place, sign: '^', tone, label: diagnostic.label.as_deref().unwrap_or_default() });
        }
        for (place, label) in diagnostic.others.iter().filter(|(place, _)| place.origin == Origin::File) {
            marks.push(Mark { place: *place, sign: '-', tone: Tone::Gutter, label });
        }
        marks.sort_by_key(|mark| mark.place.start);
        let width = marks.iter().map(|mark| mark.place.line.to_string().len()).max().unwrap_or(1);
        let margin = " ".repeat(width);
        let bar = paint.on(Tone::Gutter, "|");

        writeln!(out, "{margin}{} {}", paint.on(Tone::Gutter, "-->"), self.name(diagnostic.place))?;
        if !marks.is_empty() {
            writeln!(out, "{margin} {bar}")?;
        }
        let mut last: Option<(u32, String)> = None;
        for mark in &marks {
            let line = mark.place.line;
            let excerpt = self.page.excerpt(mark.place);
            // Of a long line one mark may need another part than the mark before it.
            if last.as_ref().is_none_or(|(number, shown)| *number != line || *shown != excerpt.text) {
                if last.is_some_and(|(number, _)| number + 1 < line) {
                    writeln!(out, "{}", paint.on(Tone::Gutter, "..."))?;
                }
                let number = paint.on(Tone::Gutter, &format!("{line:>width$} |"));
                writeln!(out, "{number} {}", excerpt.text)?;
            }
            let signs = mark.sign.to_string().repeat(excerpt.length);
            let beside = format!("{signs} {}", clean(mark.label));
            let pad = " ".repeat(excerpt.before);
            writeln!(out, "{margin} {bar} {pad}{}", paint.on(mark.tone, beside.trim_end()))?;
            last = Some((line, excerpt.text));
        }
        let elsewhere = diagnostic.others.iter().filter(|(place, _)| place.origin != Origin::File);
        let unseen = diagnostic.label.iter().filter(|_| marks.is_empty()).map(|label| format!("note: {label}"));
        let notes: Vec<String> = unseen
            .chain(elsewhere.map(|(place, label)| format!("note: {}: {label}", self.name(Some(*place)))))
            .chain(diagnostic.help.iter().map(|help| format!("help: {help}")))
            .collect();
        if !notes.is_empty() && !marks.is_empty() {
            writeln!(out, "{margin} {bar}")?;
        }
        for note in notes {
            let mut lines = note.lines();
            writeln!(out, "{margin} {} {}", paint.on(Tone::Gutter, "="), clean(lines.next().unwrap_or_default()))?;
            for line in lines {
                writeln!(out, "{margin}   {}", clean(line))?;
            }
        }
        Ok(())
    }

    fn name(&self, place: Option<Place>) -> String {
        match place {
            None => self.file.to_owned(),
            Some(Place { origin: Origin::File, line, column, .. }) => format!("{}:{line}:{column}", self.file),
            Some(Place { origin: Origin::Preset(name), line, column, .. }) => format!("preset {name}:{line}:{column}"),
        }
    }
}

struct Mark<'a> {
    place: Place,
    sign: char,
    tone: Tone,
    label: &'a str,
}

#[derive(Clone, Copy)]
enum Tone {
    Error,
    Warning,
    Gutter,
    Strong,
}

struct Paint(Color);

impl Paint {
    fn on(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Error => "1;31",
            Tone::Warning => "1;33",
            Tone::Gutter => "1;34",
            Tone::Strong => "1",
        };
        self.0.paint(code, text)
    }
}
