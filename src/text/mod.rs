//! Text on a terminal: what may stand there, and how wide it is.
//!
//! Addresses, order ids, product names and what servers say are written by strangers. An escape sequence in
//! one of them could rewrite a line that was printed before, or the very plan that somebody is asked to
//! approve. Pure; prints nothing itself.

mod error_chain;
pub mod human;
mod style;

use std::borrow::Cow;

pub use error_chain::error_chain;
pub use style::Color;

/// One line without control characters and without the marks that turn the direction of writing or are not
/// seen at all. Line feeds and tabs become spaces, the rest `�`.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let safe = |c: char| match c {
        '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
        c if is_unsafe(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    Cow::Owned(text.chars().map(safe).collect())
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
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
        assert_eq!(clean("\u{1b}[2Jgone\u{7}\u{9b}1m"), "�[2Jgone��1m");
        assert_eq!(clean("one\ntwo\tthree\r"), "one two three ");
        assert_eq!(clean("\u{202e}nioc\u{2069}"), "�nioc�");
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["Zoë's Größe, 価格 👩‍🚀", "a@b.example", ""] {
            assert!(matches!(clean(text), Cow::Borrowed(same) if same == text));
        }
    }
}
