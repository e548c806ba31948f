//! Long lines on a narrow terminal.

use super::width;

/// How much deeper than its line the rest of it stands.
const HANG: usize = 2;

/// Breaks what is wider than `columns`, between words alone: the rest stands a little deeper than its line. A word
/// that is wider than that stays whole, since it may be an id that somebody copies.
pub fn wrap(text: &str, columns: usize) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for line in text.split_inclusive('\n') {
        if cells(line.trim_end()) <= columns {
            out.push_str(line);
            continue;
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        // Half of it at the most is for the words.
        let hang = (indent + HANG).min(columns / 2);
        let (mut at, mut gap) = (0, 0);
        for word in line.trim_end().split(' ') {
            if word.is_empty() {
                gap += 1;
                continue;
            }
            let wide = cells(word);
            if at > indent && at + gap + wide > columns {
                out.push('\n');
                (at, gap) = (0, hang);
            }
            out.extend(std::iter::repeat_n(' ', gap));
            out.push_str(word);
            at += gap + wide;
            gap = 1;
        }
        out.push_str(&line[line.trim_end().len()..]);
    }
    out
}

/// How wide it is without its colours, which take no room.
fn cells(text: &str) -> usize {
    let mut parts = text.split("\u{1b}[");
    let plain = parts.next().map_or(0, width);
    plain + parts.map(|part| width(part.split_once('m').map_or(part, |(_, rest)| rest))).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::Color;

    #[test]
    fn the_rest_of_a_line_hangs_below_it() {
        assert_eq!(wrap("  hint: one two three\nfour\n", 12), "  hint: one\n    two\n    three\nfour\n");
        assert_eq!(wrap("a  b    c\n", 6), "a  b\n  c\n");
        assert_eq!(wrap("12345678 9", 4), "12345678\n  9");
        assert_eq!(wrap("        deep down", 8), "        deep\n    down");
    }

    #[test]
    fn colours_take_no_room_and_wide_characters_two() {
        let red = Color::Ansi.paint("31", "red");
        assert_eq!(wrap(&format!("{red} {red}"), 7), format!("{red} {red}"));
        assert_eq!(wrap(&format!("{red} {red}"), 6), format!("{red}\n  {red}"));
        assert_eq!(wrap("価格 価格", 9), "価格 価格");
        assert_eq!(wrap("価格 価格", 8), "価格\n  価格");
    }

    proptest! {
        #[test]
        fn no_word_is_broken_or_lost_and_only_a_long_one_is_wider(text in "[ a価é\n-]{0,80}", columns in 4..30_usize) {
            let wrapped = wrap(&text, columns);
            prop_assert!(wrapped.split_whitespace().eq(text.split_whitespace()));
            for line in wrapped.lines() {
                prop_assert!(width(line.trim_end()) <= columns || line.split_whitespace().count() == 1, "{wrapped:?}");
            }
            prop_assert_eq!(wrap(&text, 1_000), text);
        }
    }
}
