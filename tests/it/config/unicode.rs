//! The file may hold anything that an editor can write: whatever stands in it is answered with places that are
//! true and with carets under what they mean.
//!
//! [`answered`] takes any text and panics where an answer is wrong.

use entitled::config::diagnostic::{Origin, Place};
use entitled::config::{Diagnostic, Unresolved, render, render_names};
use entitled::text::Color;
use proptest::prelude::*;

use crate::support::fuzz::file::answered;

/// Characters of every length in bytes and cells, and what breaks and joins lines.
const ODD: [&str; 24] = [
    "“never”",
    "\u{a0}",
    "€",
    "é",
    "e\u{301}",
    "漢字",
    "😀",
    "👩\u{200d}💻",
    "☁\u{fe0f}",
    "\u{feff}",
    "\u{200b}",
    "\u{202e}",
    "\u{2028}",
    "\u{85}",
    "\t",
    "\r\n",
    "\r",
    "\n",
    " ",
    "\u{0}",
    "\u{1b}[31m",
    "ﬀ",
    "İ",
    "ß",
];

/// A whole file, so that every check has something to look at.
const WHOLE: &str = "\
version: 1
logto: {endpoint: sandbox}
sources:
  shop: {kind: sandbox, poll: 30s}
  api:
    kind: http
    url: https://shop.example.com
    auth: {kind: bearer, token: \"${TOKEN}\"}
    list: {path: /orders, items: $.result, paging: {kind: none}}
    map: {id: $.id, products: \"$.products[*]\", email: $.email}
    status:
      - {when: \"@.status == 'complete'\", as: paid}
buyers:
  match: [user_id, email]
prune: owned
limits: {revocations: {per_day: 10%, floor: 5}}
protect: {emails: [\"*@example.com\"], roles: [admin]}
products:
  prd_pro:
    name: Pro plan
    entitlements:
      - role: paid-tier
      - organization: acme
        roles: [member]
    valid_for: 365d
";

/// The whole file with some words misspelt and some odd characters put in.
fn spoilt() -> impl Strategy<Value = String> {
    let at = 0..WHOLE.len();
    let piece = prop_oneof![
        3 => proptest::sample::select(&ODD[..]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => proptest::sample::select(&["x", "$", "${", "}", "\"", "'", "#", ": ", "- ", "|", "&a ", "*a ", "${NONE€}"][..])
            .prop_map(str::to_owned),
    ];
    let edits = proptest::collection::vec((at, 0..4_usize, piece), 1..6);
    (edits, any::<bool>(), any::<bool>()).prop_map(|(mut edits, bom, crlf)| {
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.0));
        let mut text = WHOLE.to_owned();
        for (at, gone, piece) in edits {
            let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let end = (at + gone..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(at);
            text.replace_range(at..end, &piece);
        }
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        if bom { format!("\u{feff}{text}") } else { text }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_with_odd_characters_in_it_is_answered(text in spoilt()) {
        answered(&text);
    }

    #[test]
    fn a_line_of_any_width_is_answered(
        text in spoilt(), at in any::<proptest::sample::Index>(), cells in 20..200_usize, odd in proptest::sample::select(&ODD[..]),
    ) {
        let colons: Vec<usize> = text.match_indices(": ").map(|(at, _)| at + 1).collect();
        prop_assume!(!colons.is_empty());
        let (before, after) = text.split_at(colons[at.index(colons.len())]);
        answered(&format!("{before}{}{after}", " ".repeat(cells)));
        answered(&format!("{before} \"{}\"{after}", odd.repeat(cells)));
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        answered(&text);
    }

    #[test]
    fn a_place_that_is_not_true_is_answered_too(
        text in spoilt(), line in 0..40_u32, column in 0..90_u32, start in 0..900_usize, length in 0..90_usize,
    ) {
        let name = Unresolved { line, column, message: "nobody knows it", hint: None };
        render_names([name], &text, "entitlements.yaml", Color::Plain);
        let place = Place { origin: Origin::File, line, column, start, end: start + length };
        let mut problem = Diagnostic::error("nobody knows it");
        problem.at(place).hide(Place { start: start / 2, end: start / 2 + length, ..place });
        render(&[problem], &text, "entitlements.yaml", Color::Plain);
    }
}

#[test]
fn every_value_may_be_followed_by_any_character() {
    for odd in ODD {
        for (at, _) in WHOLE.match_indices([':', ',', '\n', '}', ']']) {
            for spoilt in [
                format!("{}x {odd}{}", &WHOLE[..at], &WHOLE[at..]),
                format!("{} # {odd}{}", &WHOLE[..at], &WHOLE[at..]),
                format!("{}{odd}", &WHOLE[..at]),
                format!("\u{feff}{}{odd}{}", &WHOLE[..at], &WHOLE[at..]),
            ] {
                answered(&spoilt);
            }
        }
    }
}
