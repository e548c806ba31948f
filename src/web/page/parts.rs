//! What every section is made of: times, people, counts, forms, code in backticks.

use jiff::Timestamp;
use maud::{Markup, html};

use super::frame::{Hand, ROWS};
use crate::text::human;

/// `12 min ago`, `in 40 s`, with the whole time for those who point at it. The script keeps it true.
pub(in crate::web) fn when(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at.to_string()) title=(human::datetime(at)) { (distance(at, now)) } }
}

/// [`when`], or a dash.
pub(in crate::web) fn when_known(at: Option<Timestamp>, now: Timestamp) -> Markup {
    html! { @if let Some(at) = at { (when(at, now)) } @else { span.none { "never" } } }
}

/// `09:14:02 UTC`.
pub(in crate::web) fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}

/// In one figure, as a person would say it. `page.js` says the same.
pub(in crate::web) fn distance(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs();
    let far = match seconds.unsigned_abs() {
        0..=1 => return "now".to_owned(),
        far @ ..=119 => format!("{far} s"),
        far @ ..=7_199 => format!("{} min", far / 60),
        far @ ..=172_799 => format!("{} h", far / 3_600),
        far => format!("{} d", far / 86_400),
    };
    if seconds > 0 { format!("{far} ago") } else { format!("in {far}") }
}

/// Text in which backticks mark code, as every message of ours has it.
pub(in crate::web) fn ticked(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// A user as a link to their page, with their address.
pub(in crate::web) fn who(user: &str, email: Option<&str>) -> Markup {
    html! {
        a.user href=(user_path(user)) { (user) }
        @if let Some(email) = email { " " span.email { (email) } }
    }
}

/// A target as a link to its page.
pub(in crate::web) fn target(name: &str, key: &str) -> Markup {
    html! { a.target href=(target_path(key)) { (name) } }
}

/// The page of a user.
pub(in crate::web) fn user_path(user: &str) -> String {
    format!("/users/{}", segment(user))
}

/// The page of a target. Its key has slashes, and so has its address.
pub(in crate::web) fn target_path(key: &str) -> String {
    let parts: Vec<String> = key.split('/').map(segment).collect();
    format!("/targets/{}", parts.join("/"))
}

/// One part of a path, whatever stands in it. A part that is only dots would be read as a folder.
pub(in crate::web) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let dots = text.bytes().all(|byte| byte == b'.');
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b':' | b'@' => out.push(byte.into()),
            b'.' if !dots => out.push('.'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A word in a box: the name of a hold, an outcome.
pub(in crate::web) fn tag(kind: &str, word: &str) -> Markup {
    html! { span class={ "tag " (kind) } { (word) } }
}

/// What is beyond the rows that are shown. `command`: what prints them all.
pub(in crate::web) fn more(all: usize, command: &str) -> Markup {
    html! {
        @if all > ROWS {
            p.more { "and " (all - ROWS) " more: " (ticked(command)) }
        }
    }
}

/// What shows that a form was sent from this page.
pub(in crate::web) fn form_token(form: &str) -> Markup {
    html! { input type="hidden" name="form" value=(form); }
}

/// A form of this page; nothing for those who may only look.
pub(in crate::web) fn form(hand: Hand<'_>, action: &str, class: &str, body: &Markup) -> Markup {
    html! {
        @if let Hand::Writes { form, .. } = hand {
            form method="post" action=(action) class=(class) data-live-form {
                (form_token(form))
                (body)
            }
        }
    }
}

/// A number with thin spaces between its thousands.
pub(in crate::web) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn a_distance_is_one_figure() {
        let said = |seconds: i64| distance(at(1_000_000 + seconds), at(1_000_000));
        assert_eq!(
            [0, -5, 40, -119, -120, 7_300].map(said),
            ["now", "5 s ago", "in 40 s", "119 s ago", "2 min ago", "in 2 h"]
        );
        assert_eq!(said(-172_800), "2 d ago");
    }

    #[test]
    fn no_name_leaves_its_part_of_a_path() {
        assert_eq!(segment("../x?y#z"), "..%2Fx%3Fy%23z");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment("role:ab-1"), "role:ab-1");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            ["7", "1\u{202f}234", "100\u{202f}000"],
            [7, 1_234, 100_000].map(number).each_ref().map(String::as_str)
        );
    }

    #[test]
    fn code_stands_in_backticks_and_is_escaped() {
        assert_eq!(ticked("say `a<b` twice").into_string(), "say <code>a&lt;b</code> twice");
    }
}
