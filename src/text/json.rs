//! JSON from outside, so that one value that no program can hold does not keep all the others from being read.
//!
//! RFC 8259 allows half a surrogate pair in a text, a number of any size and lists in lists without end; `serde_json`
//! then refuses all that stands around them as well. Nothing else is changed: what is no JSON remains none.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// So deep may lists and maps lie in each other. `serde_json` takes seven levels more, of which a mark needs one.
const DEEPEST: usize = 120;
/// So many bytes are kept of a value that cannot be held.
const SHOWN: usize = 24;
/// The keys of the marks that stand in place of such a value. A shop's own program writes the keys, and its customers
/// only texts: none of them can make an order unreadable by what they write.
const TOO_LARGE: &str = "(a number too large to be read)";
const TOO_DEEP: &str = "(nested too deeply to be read)";

/// Stands for half a surrogate pair. A text with it is not what somebody wrote.
pub const LOST: char = char::REPLACEMENT_CHARACTER;

/// A value that cannot be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheld {
    /// A number beyond what 64 bits hold.
    TooLarge,
    /// A list or a map in too many others.
    TooDeep,
}

/// The same JSON with [`LOST`] for each half of a surrogate pair, and with marks, which [`unheld`] finds, in place of
/// the values that cannot be held.
pub fn holdable(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut mended = Mended { bytes, copied: 0, out: Vec::new() };
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        at = match byte {
            b'"' => mended.text(at),
            b'[' | b'{' if depth == DEEPEST => {
                let end = end_of(bytes, at);
                // What has no end is no JSON.
                mended.mark(TOO_DEEP, at, end);
                end
            }
            b'[' | b'{' => {
                depth += 1;
                at + 1
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                at + 1
            }
            b'-' | b'0'..=b'9' => {
                let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                let end = at + bytes[at..].iter().take_while(is_part).count();
                if is_too_large(&bytes[at..end]) {
                    mended.mark(TOO_LARGE, at, end);
                }
                end
            }
            _ => at + 1,
        };
    }
    mended.done()
}

/// What in a value could not be held: where, by the key or the place in it, and how it begins.
pub fn unheld(value: &Value) -> Option<(Unheld, String, &str)> {
    let found = |value| first_mark(value, 0);
    match value {
        Value::Object(fields) => {
            fields.iter().find_map(|(key, value)| found(value).map(|(what, text)| (what, format!("$.{key}"), text)))
        }
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(at, value)| found(value).map(|(what, text)| (what, format!("$[{at}]"), text)))
        }
        _ => None,
    }
}

fn first_mark(value: &Value, depth: usize) -> Option<(Unheld, &str)> {
    if depth > DEEPEST {
        return None;
    }
    match value {
        Value::Object(fields) => {
            let mark = fields.iter().next().filter(|_| fields.len() == 1).and_then(|(key, text)| {
                let text = text.as_str()?;
                match key.as_str() {
                    TOO_LARGE => Some((Unheld::TooLarge, text)),
                    TOO_DEEP => Some((Unheld::TooDeep, text)),
                    _ => None,
                }
            });
            mark.or_else(|| fields.values().find_map(|value| first_mark(value, depth + 1)))
        }
        Value::Array(items) => items.iter().find_map(|value| first_mark(value, depth + 1)),
        _ => None,
    }
}

/// A text of JSON with some of its parts replaced.
struct Mended<'a> {
    bytes: &'a [u8],
    /// Up to here it is in `out`, if anything is.
    copied: usize,
    out: Vec<u8>,
}

impl<'a> Mended<'a> {
    fn replace(&mut self, from: usize, to: usize, with: &[u8]) {
        self.out.extend_from_slice(&self.bytes[self.copied..from]);
        self.out.extend_from_slice(with);
        self.copied = to;
    }

    fn mark(&mut self, key: &str, from: usize, to: usize) {
        let begin = String::from_utf8_lossy(&self.bytes[from..to.min(from + SHOWN)]);
        let more = if to - from > SHOWN { "..." } else { "" };
        self.replace(from, to, json!({key: format!("{begin}{more}")}).to_string().as_bytes());
    }

    /// Mends the text that begins at a quotation mark, and gives where it ends.
    fn text(&mut self, start: usize) -> usize {
        let mut at = start + 1;
        while let Some(&byte) = self.bytes.get(at) {
            at += match byte {
                b'"' => return at + 1,
                b'\\' => match (unit(self.bytes, at), unit(self.bytes, at + 6)) {
                    (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
                    (Some(0xd800..=0xdfff), _) => {
                        self.replace(at, at + 6, br"\ufffd");
                        6
                    }
                    _ => 2,
                },
                _ => self.bytes[at..].iter().take_while(|byte| !matches!(byte, b'"' | b'\\')).count(),
            };
        }
        at
    }

    fn done(mut self) -> Cow<'a, [u8]> {
        if self.copied == 0 {
            return Cow::Borrowed(self.bytes);
        }
        self.out.extend_from_slice(&self.bytes[self.copied..]);
        Cow::Owned(self.out)
    }
}

/// The number in an escape such as `\ud83d`, if one stands there.
fn unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(br"\u")?;
    digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
}

/// Whether this is a number of JSON, and no number of `serde_json`.
fn is_too_large(number: &[u8]) -> bool {
    // Fewer digits than this are no more than 64 bits hold.
    let may_be = number.len() > 300 || number.iter().any(|byte| matches!(byte, b'e' | b'E'));
    may_be && serde_json::from_slice::<Value>(number).is_err() && serde_json::from_slice::<IgnoredAny>(number).is_ok()
}

/// Where the list or map ends that begins here, or the whole text if it does not.
fn end_of(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while let Some(byte) = bytes.get(at).filter(|byte| **byte != b'"') {
                    at += if *byte == b'\\' { 2 } else { 1 };
                }
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(text: &str) -> Value {
        serde_json::from_slice(&holdable(text.as_bytes())).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn what_can_be_held_is_not_touched() {
        let deepest = format!("{}{}", "[".repeat(DEEPEST), "]".repeat(DEEPEST));
        for text in [
            r#"{"a": [1, -2.5e3, "\ud83d\ude00", "\\ud83d", "1e400", "[[", "é"], "b": null}"#,
            &deepest,
            "1e308",
            "0e99999999999",
        ] {
            assert!(matches!(holdable(text.as_bytes()), Cow::Borrowed(_)), "{text}");
            assert!(serde_json::from_str::<Value>(text).is_ok(), "{text}");
            assert_eq!(unheld(&json!([held(text)])), None, "{text}");
        }
    }

    #[test]
    fn half_a_pair_is_a_character_that_is_lost() {
        for (text, held_as) in [
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""a\uDE00b""#, "a\u{fffd}b"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
            (r#""\ud83d\n\\\ud83d\"""#, "\u{fffd}\n\\\u{fffd}\""),
        ] {
            assert_eq!(held(text), json!(held_as), "{text}");
        }
    }

    #[test]
    fn a_number_without_bounds_and_lists_without_end_leave_a_mark() {
        let deep = format!(r#"{{"b": {{"c": {}1{}}}, "d": 2}}"#, "[".repeat(5_000), "]".repeat(5_000));
        let long = format!(r#"{{"b": [1{}], "d": 2}}"#, "0".repeat(500));
        for (text, what) in
            [(r#"{"b": [0, -1E+400], "d": 2}"#, Unheld::TooLarge), (&long, Unheld::TooLarge), (&deep, Unheld::TooDeep)]
        {
            let value = held(text);
            assert_eq!(value["d"], 2, "what follows is read");
            let (found, place, begin) = unheld(&value).unwrap();
            assert_eq!((found, place.as_str()), (what, "$.b"));
            assert!(text.contains(begin.trim_end_matches("...")), "{begin}");
        }
    }

    #[test]
    fn what_is_no_json_remains_none() {
        let endless = "[".repeat(5_000);
        let cut = format!(r#"[{}"a]"#, "[".repeat(200));
        for text in
            ["[01e400]", "[1e400e400]", "[1e400", r#"["\ud83d]"#, r#"["\ud8"#, r#"["\"#, "", "\"", &endless, &cut]
        {
            assert!(serde_json::from_slice::<Value>(&holdable(text.as_bytes())).is_err(), "{text}");
        }
    }
}
