//! Where the store is, according to a file that may be broken: looks for that one key and does not judge the rest.
//!
//! Never fails: a broken file must not keep anybody from stopping revocations.

use super::check::Env;
use super::check::reference::Template;
use super::diagnostic::Origin;
use super::raw;

/// The value of `store`, where a person who looks at the text would see one.
pub(super) fn store(text: &str, env: &dyn Env) -> Option<String> {
    let written = match raw::parse(text, Origin::File, &mut Vec::new()) {
        Ok(root) => root?.get("store")?.text()?.to_owned(),
        Err(_) => by_its_looks(text)?,
    };
    let value = Template::parse(&written).ok()?.resolve(env).ok()?;
    Some(value).filter(|value| !value.trim().is_empty() && !value.contains("://"))
}

/// Whether a valid file says where the store lies.
pub(super) fn is_said(text: &str) -> bool {
    matches!(raw::parse(text, Origin::File, &mut Vec::new()), Ok(Some(root)) if root.get("store").is_some())
}

/// The same in a text that is no YAML: the line that begins with the key.
fn by_its_looks(text: &str) -> Option<String> {
    let value = text.trim_start_matches('\u{feff}').lines().find_map(|line| line.strip_prefix("store:"))?.trim();
    let quoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.split_once(*quote));
    let value = match quoted {
        Some((inner, _)) => inner,
        None => value.split(" #").next().unwrap_or_default().trim(),
    };
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Data;

    impl Env for Data {
        fn var(&self, name: &str) -> Option<String> {
            (name == "DATA").then(|| "/data".to_owned())
        }

        fn file(&self, _: &str) -> Result<String, String> {
            Err("no such file".to_owned())
        }
    }

    #[test]
    fn the_store_is_found_in_what_is_no_valid_file() {
        for (text, found) in [
            ("store: a.db", Some("a.db")),
            ("version: 7\nprune: owend # “never”\nstore: \"${DATA}/a.db\"\n", Some("/data/a.db")),
            ("prune: [\nstore: 'a b.db' # here\n", Some("a b.db")),
            ("\u{feff}store: a.db # x\r\nproducts: {", Some("a.db")),
            ("store: ${NONE}/a.db", None),
            ("store: postgres://db.example.com", None),
            ("logto: {store: b.db}", None),
            ("store:\nproducts: [", None),
            ("", None),
            ("- store: x", None),
        ] {
            assert_eq!(store(text, &Data).as_deref(), found, "{text:?}");
        }
    }
}
