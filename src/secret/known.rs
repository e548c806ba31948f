//! The secrets that this process was given, each in every form in which somebody may hand it back: an endpoint that
//! echoes its request says `base64(id:secret)`, and a log that is JSON says what JSON makes of a quote.
//!
//! Never forgets one: what was replaced by a newer secret may still be valid. Ids of sessions and tokens of forms are
//! none of these; a page has to show them.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A shorter text is not searched for: it would be found in words that have nothing to do with it.
pub const SHORTEST: usize = 12;

/// What stands in its place.
const HIDDEN: &str = "[secret]";

/// Every form of every secret, the longest first.
static FORMS: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// From now on this is shown nowhere.
pub fn hide(secret: &str) {
    let secret = secret.trim();
    if secret.len() < SHORTEST {
        return;
    }
    let mut forms = FORMS.write().unwrap_or_else(PoisonError::into_inner);
    if forms.iter().any(|form| form == secret) {
        return;
    }
    forms.extend(all(secret));
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms.dedup();
}

/// A text without any secret in it, as it may be shown.
pub fn redacted(text: &str) -> Cow<'_, str> {
    let forms = FORMS.read().unwrap_or_else(PoisonError::into_inner);
    let mut shown = Cow::Borrowed(text);
    for form in forms.iter() {
        if shown.contains(form.as_str()) {
            shown = Cow::Owned(shown.replace(form.as_str(), HIDDEN));
        }
    }
    shown
}

fn all(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json.strip_prefix('"').unwrap_or_default().strip_suffix('"').unwrap_or_default().to_owned();
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let mut texts = vec![secret.to_owned(), secret.escape_debug().to_string(), json.replace('/', "\\/"), json, html];
    for space in ["%20", "+"] {
        for kept in ["-_.~", "-_.*", "-_.!~*'()"] {
            let upper = percent(secret, space, kept);
            texts.push(lower_escapes(&upper));
            texts.push(upper);
        }
    }
    let mut forms = Vec::new();
    for text in &texts {
        for before in 0..3 {
            forms.extend(in_base64(text.as_bytes(), before));
        }
    }
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    forms.extend([hex.to_uppercase(), hex]);
    forms.extend(texts);
    forms.retain(|form| form.len() >= SHORTEST);
    forms.sort();
    forms.dedup();
    forms
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

/// With `%2F` as `%2f`.
fn lower_escapes(text: &str) -> String {
    let mut left = 0_u8;
    let lower = |c: char| {
        let is_digit = left > 0;
        left = if c == '%' { 2 } else { left.saturating_sub(1) };
        if is_digit { c.to_ascii_lowercase() } else { c }
    };
    text.chars().map(lower).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form() {
        let secret = "s3cr3t/+&<\"quoted\"> for \u{e9}verything?";
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
    fn what_is_short_is_not_searched_for() {
        hide("elevenchars");
        assert_eq!(redacted("elevenchars"), "elevenchars");
    }
}
