//! Text on a terminal: what may stand there, and how wide it is.
//!
//! Addresses, order ids, product names and what servers say are written by strangers. An escape sequence in
//! one of them could rewrite a line that was printed before, or the very plan that somebody is asked to
//! approve. Pure; prints nothing itself.

mod error_chain;
pub mod human;
pub mod json;
mod style;
mod wrap;

use std::borrow::Cow;

pub use error_chain::error_chain;
pub use style::Color;
pub use wrap::wrap;

/// One line in which nothing hides: line feeds and tabs become spaces, and control characters, marks that turn
/// the direction of writing and all that is not seen become escapes such as `\u{200b}`, so that two texts
/// which look alike are alike. What joins the parts of an emoji stays.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_suspect) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => safe.push(' '),
            // The sequences of Unicode TS 51: a variation selector after an emoji, a joiner between two.
            '\u{fe0f}' if before.is_some_and(is_pictograph) => safe.push(c),
            '\u{200d}' if before.is_some_and(is_pictograph) && chars.peek().is_some_and(|c| is_pictograph(*c)) => {
                safe.push(c);
            }
            c if is_suspect(c) => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
        // A joiner may follow the selector of the emoji before it.
        before = if c == '\u{fe0f}' { before } else { Some(c) };
    }
    if safe == text { Cow::Borrowed(text) } else { Cow::Owned(safe) }
}

/// A line of JSON in which nothing hides: what [`clean`] would replace stands there as JSON escapes it, so that whoever
/// parses the line has the same text.
pub fn clean_json(line: &str) -> Cow<'_, str> {
    let hides = |c: char| c != '\n' && is_suspect(c);
    if !line.contains(hides) {
        return Cow::Borrowed(line);
    }
    let mut safe = String::with_capacity(line.len() + 8);
    for c in line.chars() {
        if hides(c) {
            safe.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// The bytes of a text without the mark of their order, which editors put before them and readers do not expect.
pub fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

/// What is not seen, or is taken for an ordinary space, or changes what stands beside it.
fn is_suspect(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{1680}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

/// Terminal cells: two for East Asian wide characters and emoji, none for marks that join the character
/// before them.
pub fn width(text: &str) -> usize {
    text.chars()
        .map(|char| match u32::from(char) {
            0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
            0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
            0xfe30..=0xfe4f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_taken_out() {
        assert_eq!(clean("\u{1b}[2Jgone\u{7}\u{9b}1m"), r"\u{1b}[2Jgone\u{7}\u{9b}1m");
        assert_eq!(clean("one\ntwo\tthree\r"), "one two three ");
        assert_eq!(clean("\u{202e}nioc\u{2069}"), r"\u{202e}nioc\u{2069}");
    }

    #[test]
    fn in_json_what_hides_is_escaped_and_means_the_same() {
        for text in
            ["a\u{202e}b\u{200b}", "\u{e0041}\u{7f}\u{9b}", "plain, 価格 \u{1f469}\u{200d}\u{1f680}", "\u{1b}[2J"]
        {
            let line = serde_json::json!({"text": text}).to_string();
            let shown = clean_json(&line);
            assert!(!shown.contains(is_suspect), "{shown:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap()["text"], text);
        }
        assert!(matches!(clean_json("{\"text\":\"plain\"}\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["Zoë's Größe, 価格 👩‍🚀 ❤️ 🏳️‍🌈", "a@b.example", "全角　空白", ""] {
            assert!(matches!(clean(text), Cow::Borrowed(same) if same == text));
        }
    }
}
