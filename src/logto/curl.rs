//! A request as a shell command, which a reader of the log can paste.
//!
//! Shows no credential: the token is `$LOGTO_TOKEN`, the application's pair two variables. Addresses of
//! people are `$EMAIL`, for a log is kept longer and read by more than a plan.

use std::fmt::Write as _;

use reqwest::Request;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};

/// A longer body is not shown: a batch of a hundred ids has 1.6 KB.
const BODY: usize = 4 * 1024;

/// More values of a query than these are not shown.
const VALUES: usize = 20;

/// The query parameters that hold addresses.
const ADDRESSES: [&str; 2] = ["search.primaryEmail", "primaryEmail"];

/// `curl -sS -X POST 'https://logto.example.com/api/...' -H "Authorization: Bearer $LOGTO_TOKEN" ...`
pub(super) fn line(request: &Request) -> String {
    let mut line = "curl -sS".to_owned();
    let method = request.method().as_str();
    if method != "GET" {
        let _ = write!(line, " -X {method}");
    }
    let (url, unshown) = address(request);
    let _ = write!(line, " {}", url);
    match request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()) {
        Some(value) if value.starts_with("Basic ") => {
            line.push_str(r#" -u "$LOGTO_M2M_APP_ID:$LOGTO_M2M_APP_SECRET""#);
        }
        Some(_) => line.push_str(r#" -H "Authorization: Bearer $LOGTO_TOKEN""#),
        None => {}
    }
    if let Some(kind) = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) {
        let _ = write!(line, " -H {}", quoted(&format!("Content-Type: {kind}")));
    }
    match request.body().and_then(|body| body.as_bytes()).map(|bytes| (bytes.len(), std::str::from_utf8(bytes))) {
        None | Some((0, _)) => {}
        Some((length, Ok(text))) if length <= BODY => {
            let _ = write!(line, " --data {}", quoted(text));
        }
        Some((length, _)) => {
            let _ = write!(line, " --data @body # {length} bytes, not shown");
        }
    }
    if unshown > 0 {
        let _ = write!(line, " # and {unshown} more values");
    }
    line
}

/// The URL, quoted, and how many of the values of its query are left out.
fn address(request: &Request) -> (String, usize) {
    let url = request.url();
    let Some(query) = url.query() else { return (quoted(url.as_str()), 0) };
    let mut bare = url.clone();
    bare.set_query(None);
    let pairs: Vec<&str> = query.split('&').collect();
    let mut text = String::new();
    let mut plain = format!("{bare}?");
    for (number, pair) in pairs.iter().take(VALUES).enumerate() {
        if number > 0 {
            plain.push('&');
        }
        let (name, _) = pair.split_once('=').unwrap_or((pair, ""));
        if ADDRESSES.contains(&name) {
            // Pieces in quotes that touch are one word to a shell.
            let _ = write!(text, "{}\"$EMAIL\"", quoted(&format!("{plain}{name}=")));
            plain.clear();
        } else {
            plain.push_str(pair);
        }
    }
    if !plain.is_empty() {
        text.push_str(&quoted(&plain));
    }
    (text, pairs.len().saturating_sub(VALUES))
}

/// One word of a POSIX shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(build: impl FnOnce(reqwest::Client) -> reqwest::RequestBuilder) -> String {
        line(&build(crate::http::client(std::time::Duration::from_secs(1))).build().unwrap())
    }

    #[test]
    fn a_read_and_a_write_can_be_pasted() {
        let read = shown(|http| {
            http.get("https://logto.example.com/api/roles")
                .query(&[("page", "1"), ("name", "it's & more")])
                .bearer_auth("t")
        });
        assert_eq!(
            read,
            r#"curl -sS 'https://logto.example.com/api/roles?page=1&name=it%27s+%26+more' -H "Authorization: Bearer $LOGTO_TOKEN""#
        );
        let write = shown(|http| http.post("https://logto.example.com/api/x").bearer_auth("t").body(r#"{"a":"it's"}"#));
        assert_eq!(
            write,
            r#"curl -sS -X POST 'https://logto.example.com/api/x' -H "Authorization: Bearer $LOGTO_TOKEN" --data '{"a":"it'\''s"}'"#
        );
    }

    #[test]
    fn neither_credentials_nor_addresses_nor_endless_lines() {
        let token =
            shown(|http| http.post("https://logto.example.com/oidc/token").basic_auth("app", Some("hush")).body("a=b"));
        assert!(token.contains(r#"-u "$LOGTO_M2M_APP_ID:$LOGTO_M2M_APP_SECRET" --data 'a=b'"#), "{token}");
        let emails: Vec<(&str, String)> =
            (0..100).map(|number| ("search.primaryEmail", format!("ann{number}@example.com"))).collect();
        let asked = shown(|http| http.get("https://logto.example.com/api/users").query(&emails).bearer_auth("tok3n"));
        assert!(asked.contains(r#"?search.primaryEmail='"$EMAIL"'&search.primaryEmail='"$EMAIL"#), "{asked}");
        assert!(asked.ends_with(" # and 80 more values"), "{asked}");
        assert!(!asked.contains("ann") && !asked.contains("tok3n"), "{asked}");
        let long = shown(|http| http.post("https://logto.example.com/").body("x".repeat(BODY + 1)));
        assert!(long.ends_with("--data @body # 4097 bytes, not shown"), "{long}");
    }
}
