//! The secrets that this process was given, each in every form in which somebody may hand it back: an endpoint that
//! echoes its request says `base64(id:secret)`, and a log that is JSON says what JSON makes of a quote.
//!
//! Never forgets one: what was replaced by a newer secret may still be valid. Ids of sessions and tokens of forms are
//! none of these; a page has to show them.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A shorter text is not searched for: it would be found in words that have nothing to do with it.
pub const SHORTEST: usize = 12;

/// What stands in its place.
const HIDDEN: &str = "[secret]";

/// So many of the tokens that servers issued are known, the newest: one lives for an hour or so, and a daemon for years.
const ISSUED: usize = 64;

static KNOWN: RwLock<Known> = RwLock::new(Known { given: Vec::new(), issued: VecDeque::new(), search: None });

struct Known {
    /// Every form of every secret that this process was given.
    given: Vec<String>,
    /// The tokens that servers issued to it, each with its forms.
    issued: VecDeque<Vec<String>>,
    /// Finds any of all these in one go.
    search: Option<AhoCorasick>,
}

impl Known {
    fn has(&self, secret: &str) -> bool {
        let mut all = self.given.iter().chain(self.issued.iter().flatten());
        all.any(|form| form == secret)
    }

    fn note(&mut self) {
        let all = self.given.iter().chain(self.issued.iter().flatten());
        // Hosts and the digits of hex and of percent signs are written in either case.
        let mut search = AhoCorasick::builder();
        search.match_kind(MatchKind::LeftmostLongest).ascii_case_insensitive(true);
        self.search = Some(search.build(all).expect("secrets that fit into memory fit into what finds them"));
    }
}

/// From now on this is shown nowhere; nor, if it is an address, its host.
pub fn hide(secret: &str) {
    let secret = secret.trim();
    if secret.len() < SHORTEST {
        return;
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.has(secret) {
        return;
    }
    known.given.extend(all(secret));
    if let Some((_, rest)) = secret.split_once("://") {
        let rest = rest.trim_end_matches('/');
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, _port) = authority.split_once(':').unwrap_or((authority, ""));
        known.given.extend([rest, authority, host].into_iter().flat_map(all));
    }
    known.note();
}

/// The same for a token that a server issued, until many newer ones have come.
pub fn hide_issued(token: &str) {
    if token.len() < SHORTEST {
        return;
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.has(token) {
        return;
    }
    if known.issued.len() == ISSUED {
        known.issued.pop_front();
    }
    known.issued.push_back(all(token));
    known.note();
}

/// A text without any secret in it, as it may be shown.
pub fn redacted(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    match &known.search {
        Some(search) if search.is_match(text) => {
            let mut shown = String::with_capacity(text.len());
            search.replace_all_with(text, &mut shown, |_, _, shown| {
                shown.push_str(HIDDEN);
                true
            });
            Cow::Owned(shown)
        }
        _ => Cow::Borrowed(text),
    }
}

fn all(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json.strip_prefix('"').unwrap_or_default().strip_suffix('"').unwrap_or_default().to_owned();
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let mut texts = vec![secret.to_owned(), secret.escape_debug().to_string(), json.replace('/', "\\/"), json];
    // As Go, Python and PHP write JSON, and .NET.
    texts.extend([in_units(secret, "<>&", Others::Kept), in_units(secret, "", Others::Escaped)]);
    texts.push(in_units(secret, "", Others::Escaped).replace('/', "\\/"));
    texts.push(in_units(secret, "<>&'+\"`", Others::Escaped));
    // A quote has a name, or one of its numbers.
    let quotes = [("&quot;", "&#39;"), ("&#34;", "&#39;"), ("&quot;", "&#x27;"), ("&quot;", "&#039;")];
    texts.extend(quotes.map(|(double, single)| html.replace("&quot;", double).replace('\'', single)));
    texts.push(html);
    for space in ["%20", "+"] {
        for kept in ["-_.~", "-_.*", "-_.!~*'()"] {
            texts.push(percent(secret, space, kept));
        }
    }
    let mut forms = Vec::new();
    for text in &texts {
        for before in 0..3 {
            forms.extend(in_base64(text.as_bytes(), before));
        }
    }
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    forms.push(hex);
    forms.extend(texts);
    forms.retain(|form| form.len() >= SHORTEST);
    forms.sort();
    forms.dedup();
    forms
}

/// What becomes in JSON of a letter that is not ASCII.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    Kept,
    Escaped,
}

/// As JSON, with `\u0026` for each of `escaped`.
fn in_units(text: &str, escaped: &str, others: Others) -> String {
    let mut out = String::new();
    for char in text.chars() {
        if escaped.contains(char) || (others == Others::Escaped && !char.is_ascii()) {
            char.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            let json = serde_json::to_string(&char).unwrap_or_default();
            out.push_str(json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or_default());
        }
    }
    out
}

/// What of a text stands in base64 whatever follows it, where so many bytes (modulo three) come before it: what it
/// shares with its neighbours tells nothing but a few of its bits.
fn in_base64(text: &[u8], before: usize) -> [String; 2] {
    let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(text.iter().copied()).collect();
    let (from, to) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
    [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)].map(|form| form[from..to].to_owned())
}

fn percent(text: &str, space: &str, kept: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push_str(space),
            byte if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form() {
        let secret = "s3cr3t/+&<\"quoted\"> 'for' \u{e9}verything?";
        hide(secret);
        let base = base64::engine::general_purpose::STANDARD;
        let url = base64::engine::general_purpose::URL_SAFE;
        let form = reqwest::Url::parse_with_params("http://x.example.com", [("k", secret)]).unwrap();
        let json = serde_json::to_string(secret).unwrap();
        let mut shown =
            vec![secret.to_owned(), json.clone(), json.replace('/', "\\/"), form.to_string(), format!("{secret:?}")];
        for id in ["", "i", "id", "app", "a longer id"] {
            for after in ["", "\n", "&x=1"] {
                let pair = format!("{id}:{secret}{after}");
                let encoded = format!("{id}:{}", form.query().unwrap().trim_start_matches("k="));
                shown.extend([base.encode(&pair), url.encode(&pair), base.encode(encoded)]);
            }
        }
        // By Go, Python, PHP, .NET; in HTML by Go, Python and PHP.
        let go = secret.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e").replace('"', "\\\"");
        let net = secret.replace('&', "\\u0026").replace('<', "\\u003C").replace('>', "\\u003E");
        let net =
            net.replace('"', "\\u0022").replace('+', "\\u002B").replace('\'', "\\u0027").replace('\u{e9}', "\\u00E9");
        let python = json.trim_matches('"').replace('\u{e9}', "\\u00e9");
        let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let by = |double: &str, single: &str| html.replace('"', double).replace('\'', single);
        shown.extend([by("&#34;", "&#39;"), by("&quot;", "&#x27;"), by("&quot;", "&#039;")]);
        shown.extend([go, net, python.replace('/', "\\/"), python]);
        shown.push(secret.bytes().map(|byte| format!("{byte:02x}")).collect());
        for text in shown {
            let text = format!("before {text} after");
            let redacted = redacted(&text);
            assert!(redacted.contains(HIDDEN), "{text}");
            let left = redacted.len() - HIDDEN.len() - "before  after".len();
            assert!(left <= 26, "{redacted}");
        }
        assert_eq!(redacted("nothing of it"), "nothing of it");
    }

    #[test]
    fn an_address_is_found_by_its_host() {
        hide("https://Tenant-7f3a.example.com/");
        for text in ["https://tenant-7f3a.example.com/api", "lookup of tenant-7f3a.example.com failed"] {
            assert!(!redacted(text).contains("tenant-7f3a"), "{}", redacted(text));
        }
    }

    #[test]
    fn of_issued_tokens_the_newest_are_hidden() {
        let token = |number: usize| format!("issued-token-{number:04}-to-nobody");
        (0..=ISSUED).map(token).for_each(|token| hide_issued(&token));
        assert_eq!(redacted(&token(0)), token(0));
        assert_eq!((redacted(&token(1)), redacted(&token(ISSUED))), (HIDDEN.into(), HIDDEN.into()));
    }

    #[test]
    fn what_is_short_is_not_searched_for() {
        hide("elevenchars");
        assert_eq!(redacted("elevenchars"), "elevenchars");
    }
}
