//! The secrets that this process was given, each in every form in which somebody may hand it back: an endpoint that
//! echoes its request says `base64(id:secret)`, and a log that is JSON says what JSON makes of a quote.
//!
//! Never forgets one: what was replaced by a newer secret may still be valid. Ids of sessions and tokens of forms are
//! none of these; a page has to show them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{PoisonError, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A shorter text is not searched for: it would be found in words that have nothing to do with it.
pub const SHORTEST: usize = 12;

/// What stands in its place.
const HIDDEN: &str = "[secret]";

/// So many of the tokens that servers issued are known, the newest: one lives for an hour or so, and a daemon for years.
const ISSUED: usize = 64;

static KNOWN: RwLock<Known> = RwLock::new(Known::new());

struct Known {
    /// What this process was given.
    secrets: BTreeSet<String>,
    /// Every form of every one of those.
    given: BTreeSet<String>,
    /// The tokens that servers issued to it, each with its forms.
    issued: VecDeque<(String, Vec<String>)>,
    /// Finds any of all these in one go. `None`: something has come since, or nothing ever has.
    search: Option<Search>,
}

impl Known {
    const fn new() -> Self {
        Self { secrets: BTreeSet::new(), given: BTreeSet::new(), issued: VecDeque::new(), search: None }
    }

    fn is_empty(&self) -> bool {
        self.given.is_empty() && self.issued.is_empty()
    }

    fn give(&mut self, secret: &str) {
        let secret = secret.trim();
        if secret.len() < SHORTEST || !self.secrets.insert(secret.to_owned()) {
            return;
        }
        self.given.extend(all(secret));
        if let Some((_, rest)) = secret.split_once("://") {
            let rest = rest.trim_end_matches('/');
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let (host, _port) = authority.split_once(':').unwrap_or((authority, ""));
            self.given.extend([rest, authority, host].into_iter().flat_map(all));
        }
        self.search = None;
    }

    fn issue(&mut self, token: &str) {
        let known = self.secrets.contains(token) || self.issued.iter().any(|(issued, _)| issued == token);
        if token.len() < SHORTEST || known {
            return;
        }
        if self.issued.len() == ISSUED {
            self.issued.pop_front();
        }
        self.issued.push_back((token.to_owned(), all(token)));
        self.search = None;
    }

    /// Made when something is shown, and not for each of a thousand secrets.
    fn search(&mut self) -> &Search {
        let (given, issued) = (&self.given, &self.issued);
        self.search.get_or_insert_with(|| Search::of(given.iter().chain(issued.iter().flat_map(|(_, forms)| forms))))
    }
}

/// Of a form so many bytes are searched for, and what follows them is compared: what finds a byte takes a hundred times its
/// room, and a reference may name a long text. So the beginning of one is found as well, where a server cuts it off.
const SOUGHT: usize = 128;

/// Finds every form.
struct Search {
    beginnings: AhoCorasick,
    /// What may follow each of those.
    rests: Vec<Vec<String>>,
}

impl Search {
    fn of<'f>(forms: impl Iterator<Item = &'f String>) -> Self {
        let mut by_beginning: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for form in forms {
            let (beginning, rest) = form.split_at(form.floor_char_boundary(SOUGHT));
            by_beginning.entry(beginning).or_default().push(rest.to_owned());
        }
        let mut search = AhoCorasick::builder();
        // Hosts and the digits of hex and of percent signs are written in either case.
        search.match_kind(MatchKind::LeftmostLongest).ascii_case_insensitive(true);
        // The fastest kind takes a KiB for each byte of what it finds.
        search.kind(Some(AhoCorasickKind::ContiguousNFA));
        let beginnings =
            search.build(by_beginning.keys()).expect("texts that fit into memory fit into what finds them");
        Self { beginnings, rests: by_beginning.into_values().collect() }
    }

    /// A text without any form in it.
    fn without<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut found = self.beginnings.find(text);
        if found.is_none() {
            return Cow::Borrowed(text);
        }
        let (mut shown, mut after) = (String::with_capacity(text.len()), 0);
        while let Some(of) = found {
            shown.push_str(&text[after..of.start()]);
            shown.push_str(HIDDEN);
            let follows = &text[of.end()..];
            let more = self.rests[of.pattern()].iter().map(|rest| in_common(follows, rest)).max().unwrap_or_default();
            after = of.end() + more;
            found = self.beginnings.find(Input::new(text).range(after..));
        }
        shown.push_str(&text[after..]);
        Cow::Owned(shown)
    }
}

/// How many bytes of `text` are those of `other`, in either case; whole letters.
fn in_common(text: &str, other: &str) -> usize {
    let same = text.bytes().zip(other.bytes()).take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count();
    text.floor_char_boundary(same)
}

/// From now on this is shown nowhere; nor, if it is an address, its host.
pub fn hide(secret: &str) {
    KNOWN.write().unwrap_or_else(PoisonError::into_inner).give(secret);
}

/// The same for a token that a server issued, until many newer ones have come.
pub fn hide_issued(token: &str) {
    KNOWN.write().unwrap_or_else(PoisonError::into_inner).issue(token);
}

/// A text without any secret in it, as it may be shown.
pub fn redacted(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    match &known.search {
        Some(search) => search.without(text),
        None if known.is_empty() => Cow::Borrowed(text),
        None => {
            drop(known);
            KNOWN.write().unwrap_or_else(PoisonError::into_inner).search().without(text)
        }
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

    #[test]
    fn a_long_secret_and_many_short_ones_cost_no_more_than_what_finds_where_they_begin() {
        let mut known = Known::new();
        let long = "a \"long\" & <odd> text/of+\u{e9}\u{20ac} one file, ".repeat(200);
        known.give(&long);
        for number in 0..2_000 {
            known.give(&format!("secret-number-{number:05}"));
        }
        assert!(known.search.is_none(), "nothing is made before something is shown");
        assert!(known.given.iter().map(String::len).sum::<usize>() > 500_000);
        let memory = known.search().beginnings.memory_usage();
        assert!(memory < 8 << 20, "{memory}");
        let search = known.search();
        assert_eq!(search.without("before secret-number-01234 after"), "before [secret] after");
        let (long, cut) = (long.trim(), long.floor_char_boundary(5_001));
        for said in [
            long,
            &long[..cut],
            &long.to_ascii_uppercase(),
            &percent(long, "+", "-_.~"),
            &percent(long, "%20", "-_.~").to_lowercase(),
        ] {
            let text = format!("before <{said}> after, and <{said}");
            let shown = search.without(&text);
            assert_eq!(shown, "before <[secret]> after, and <[secret]", "{} bytes of {}", shown.len(), said.len());
        }
        known.give("secret-number-01234");
        assert!(known.search.is_some(), "nothing has come");
    }
}
