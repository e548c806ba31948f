//! Byte order marks: at the start of a line, they are not part of its text.

/// What ends a line of a file.
pub(super) const BREAKS: [char; 2] = ['\n', '\r'];

const MARK: char = '\u{feff}';

/// How many bytes the marks of the byte order take at the start of a text, or of a line. One is usual; joining files
/// leaves several, and some of them at the start of a line further down.
pub(super) fn marks(text: &str) -> usize {
    text.len() - text.trim_start_matches(MARK).len()
}

/// The lines that begin with marks of the byte order, and how many characters of the text stand before what follows
/// those. The first line is none: the parser is not shown its marks.
pub(super) fn marked_lines(text: &str) -> Vec<(u32, u32)> {
    let text = &text[marks(text)..];
    let mut found: Vec<(u32, u32)> = Vec::new();
    if !text.contains(MARK) {
        return found;
    }
    let (mut line, mut last) = (1, '\n');
    for (at, char) in (1..).zip(text.chars()) {
        if char == MARK && BREAKS.contains(&last) {
            match found.last_mut() {
                Some((of, after)) if *of == line => *after = at,
                _ => found.push((line, at)),
            }
            last = '\n';
            continue;
        }
        line += u32::from(char == '\r' || (char == '\n' && last != '\r'));
        last = char;
    }
    found
}
