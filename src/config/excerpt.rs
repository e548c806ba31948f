//! The part of a line of the file that is printed beside what is wrong there.
//!
//! Costs what is printed, however long the line is: fifty problems may stand on one of many megabytes.
//!
//! Never prints what a check hid, or what looks like a secret that was written out.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use super::marks::{BREAKS, marks};
use super::span::Place;
use crate::text::{clean, width};

/// The most cells of a line that is printed whole.
const WHOLE: usize = 160;
/// Of a longer one: the most cells before the mark, and those after which it is cut.
const BEFORE: usize = 60;
const SHOWN: usize = 150;
/// So far around the mark a line is looked at. Some characters take no cell.
const NEAR: usize = 4 * 1024;

/// The text that the excerpts are from.
pub(super) struct Page<'a> {
    text: &'a str,
    hidden: Vec<Range<usize>>,
    /// The lines that were looked at.
    lines: RefCell<Vec<Rc<Line>>>,
}

/// A line of the text: its bytes, and what of it is not shown, in order and apart from each other.
struct Line {
    bytes: Range<usize>,
    masks: Vec<Range<usize>>,
}

/// What is printed of a line.
pub(super) struct Excerpt {
    pub(super) text: String,
    /// Terminal cells before the mark.
    pub(super) before: usize,
    /// Terminal cells of the mark.
    pub(super) length: usize,
}

impl<'a> Page<'a> {
    /// `hidden`: the bytes of what is never printed.
    pub(super) fn new(text: &'a str, hidden: Vec<Range<usize>>) -> Self {
        Self { text, hidden, lines: RefCell::default() }
    }

    /// The line of `place` as it is printed: secrets masked, tabs as one space, long lines cut to the
    /// part around the place.
    pub(super) fn excerpt(&self, place: Place) -> Excerpt {
        let mut at = self.text.floor_char_boundary(place.start);
        // A problem at the very end of the file stands behind its last line.
        if place.start >= self.text.len() {
            at = self.text.trim_end().len();
        }
        let line = self.line(at);
        let text = &self.text[line.bytes.clone()];
        let at = at - line.bytes.start;
        // Further down a mark of the byte order may be what is wrong, and is shown then.
        let skipped = marks(if line.bytes.start == 0 { text } else { &text[..at] });

        let start = at.max(skipped);
        let end = text.floor_char_boundary(place.end.saturating_sub(line.bytes.start).clamp(start, text.len()));
        let end = start + text[start..end].trim_end().len();
        window(&pieces(text, &line.masks, skipped, start), start..end.max(start + 1))
    }

    /// The line that a byte stands in.
    fn line(&self, at: usize) -> Rc<Line> {
        let known = self.lines.borrow().iter().find(|line| (line.bytes.start..=line.bytes.end).contains(&at)).cloned();
        known.unwrap_or_else(|| {
            let from = self.text[..at].rfind(BREAKS).map_or(0, |before| before + 1);
            let to = self.text[at..].find(BREAKS).map_or(self.text.len(), |after| at + after);
            let line = Rc::new(Line { bytes: from..to, masks: self.masks(from..to) });
            self.lines.borrow_mut().push(Rc::clone(&line));
            line
        })
    }

    fn masks(&self, line: Range<usize>) -> Vec<Range<usize>> {
        let of_line = |range: &Range<usize>| {
            (range.start < line.end && range.end > line.start)
                .then(|| range.start.max(line.start) - line.start..range.end.min(line.end) - line.start)
        };
        let hidden = self.hidden.iter().filter_map(of_line);
        let mut masks: Vec<Range<usize>> = hidden.chain(literal_secrets(&self.text[line.clone()])).collect();
        masks.sort_by_key(|range| range.start);
        masks.dedup_by(|later, first| {
            let joined = later.start < first.end;
            if joined {
                first.end = first.end.max(later.end);
            }
            joined
        });
        masks
    }
}

/// One character of a line as it is printed, or what stands in place of a secret.
struct Piece {
    /// Its bytes in the line.
    bytes: Range<usize>,
    text: String,
    /// Terminal cells: an escape takes more of them than the character that it stands for.
    cells: usize,
}

/// The pieces of a line around a mark, in order.
struct Pieces {
    near: Vec<Piece>,
    /// Whether the line begins before them.
    cut: bool,
    /// Whether it goes on after them.
    goes_on: bool,
}

/// Those around the byte `mark` of what follows the byte `skipped`: of a long line more than could be printed, and
/// not many more. A piece takes far more room than its byte.
fn pieces(line: &str, masks: &[Range<usize>], skipped: usize, mark: usize) -> Pieces {
    let mask_of =
        |offset: usize| masks.get(masks.partition_point(|mask| mask.end <= offset)).filter(|mask| mask.start <= offset);
    let before = |offset: usize| line.floor_char_boundary(offset.saturating_sub(NEAR)).max(skipped);
    // What is not shown takes no room, however long it is.
    let from = before(mask_of(before(mark)).map_or(mark, |mask| mask.start));
    let mut pieces = Pieces { near: Vec::new(), cut: from > skipped, goes_on: false };
    let (mut masked_to, mut cells, mut count) = (from, 0, 0);
    for (offset, char) in line[from..].char_indices().map(|(offset, char)| (from + offset, char)) {
        if offset < masked_to {
            continue;
        }
        if cells > WHOLE + SHOWN || count > NEAR {
            pieces.goes_on = true;
            break;
        }
        let mask = mask_of(offset).filter(|_| !char.is_whitespace());
        masked_to = mask.map_or(offset + char.len_utf8(), |mask| mask.end);
        let text = if mask.is_some() { "***".to_owned() } else { clean(char.encode_utf8(&mut [0; 4])).into_owned() };
        let piece = Piece { bytes: offset..masked_to, cells: width(&text), text };
        if masked_to > mark {
            (cells, count) = (cells + piece.cells, count + 1);
        }
        pieces.near.push(piece);
    }
    pieces
}

/// The pieces as they are printed, or those around the mark where they are too many.
fn window(pieces: &Pieces, mark: Range<usize>) -> Excerpt {
    let Pieces { near, cut, goes_on } = pieces;
    let is_long = *cut || *goes_on || near.iter().map(|piece| piece.cells).sum::<usize>() > WHOLE;
    let marked = near.iter().position(|piece| piece.bytes.end > mark.start).unwrap_or(near.len());
    let mut first = 0;
    let mut before: usize = near[..marked].iter().map(|piece| piece.cells).sum();
    while is_long && before > BEFORE {
        before -= near[first].cells;
        first += 1;
    }
    let cut = *cut || first > 0;
    let mut shown = Excerpt { text: String::new(), before, length: 0 };
    if cut {
        shown.text.push('…');
        shown.before += 1;
    }
    let mut column = usize::from(cut);
    for piece in &near[first..] {
        if is_long && column > SHOWN {
            shown.text.push('…');
            break;
        }
        column += piece.cells;
        if piece.bytes.end > mark.start && piece.bytes.start < mark.end {
            shown.length += piece.cells;
        }
        shown.text.push_str(&piece.text);
    }
    if *goes_on && !shown.text.ends_with('…') {
        shown.text.push('…');
    }
    shown.length = shown.length.max(1);
    shown.text.truncate(shown.text.trim_end().len());
    shown
}

/// Keys whose values are secret wherever they stand. `username` is one, since some APIs take the secret
/// there.
const SECRET_KEYS: [&str; 6] = ["app_secret", "client_secret", "token", "password", "username", "value"];

/// The literal values of secret keys in a line, found by their looks: the net under the checks, which see
/// no value at all in a file that is not YAML.
fn literal_secrets(line: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (colon, _) in line.match_indices(':') {
        // What stands in a secret is hidden already; to look for its end once more from each colon costs its square.
        if found.last().is_some_and(|last| colon < last.end) {
            continue;
        }
        let key = line[..colon].trim_end().trim_end_matches(['"', '\'']);
        let word = key.rsplit(|char: char| !(char.is_alphanumeric() || "_-".contains(char))).next();
        let word = word.unwrap_or_default();
        if !SECRET_KEYS.contains(&word) {
            continue;
        }
        let rest = &line[colon + 1..];
        let from = colon + 1 + (rest.len() - rest.trim_start().len());
        let value = &line[from..];
        if value.is_empty() || value.starts_with('#') || value.trim_start_matches(['"', '\'']).starts_with("${") {
            continue;
        }
        let to = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].find(quote).map_or(value.len(), |at| at + 2),
            _ => value.find([',', '}']).unwrap_or(value.len()),
        };
        let to = value[..to].find(" #").unwrap_or(to);
        let value = value[..to].trim_end();
        if !value.is_empty() {
            found.push(from..from + value.len());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str, mark: Range<usize>) -> Excerpt {
        window(&pieces(line, &[], 0, mark.start), mark)
    }

    #[test]
    fn of_a_line_of_megabytes_what_is_near_is_looked_at() {
        for letter in ["x", "\u{e9}", "\u{301}", "\u{202e}", "\u{4fa1}"] {
            let line = letter.repeat(1_000_000);
            for mark in [0, line.len() / 2, line.len() - letter.len()] {
                let near = pieces(&line, &[], 0, mark);
                assert!(near.near.len() < 2 * NEAR + SHOWN, "{} pieces", near.near.len());
                let excerpt = shown(&line, mark..mark + letter.len());
                assert!(excerpt.text.contains('\u{2026}') && excerpt.text.len() < 4 * NEAR, "{letter:?} {mark}");
            }
        }
    }

    #[test]
    fn what_is_not_shown_takes_no_room() {
        let line = format!("{{a: 1, token: \"{}\", b: 2}}", "s".repeat(100_000));
        let (masks, b) = (literal_secrets(&line), line.len() - 5);
        assert_eq!(window(&pieces(&line, &masks, 0, b), b..b + 1).text, "{a: 1, token: ***, b: 2}");
        assert_eq!(window(&pieces(&line, &masks, 0, 1), 1..2).text, "{a: 1, token: ***, b: 2}");
    }

    /// Each of them once: a net that looks for the end of each through all that follows would never be done.
    #[test]
    fn a_line_of_many_secrets_is_looked_through_once() {
        for (one, each) in [("token: x, ", true), ("token: x ", false), ("token: # ", false), ("token: ${X} ", false)] {
            let line = one.repeat(400_000);
            let found = literal_secrets(&line).len();
            let expected = if each { 400_000 } else { usize::from(one == "token: x ") };
            assert_eq!(found, expected, "{one}");
        }
    }
}
