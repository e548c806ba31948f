//! The file: what is refused and how it is said, what is taken and what it becomes.

pub(crate) mod examples;
mod limits;
mod marks;
mod references;
mod tables;
mod taken;
mod twins;
mod unicode;
mod versions;

use std::path::Path;

use entitled::config::{Config, ConfigError, Diagnostic, Env, Presets, check_text, load, render};
use entitled::text::Color;

/// What the files under test refer to.
pub(crate) struct Fixed;

impl Env for Fixed {
    fn var(&self, name: &str) -> Option<String> {
        let value = match name {
            "TOKEN" => "s3cr3t-of-the-test",
            "EMPTY" => "",
            "ROOT_ROLE" | "ENTITLED_PUBLIC_ROLE" => "root",
            "NOTIFY_URL" => "https://hooks.example.com/T0/s3cr3t-of-a-hook?key=s3cr3t",
            "LOGTO_M2M_APP_ID" => "the-app",
            "LOGTO_M2M_APP_SECRET" => "s3cr3t-of-the-app",
            "LOGTO_ENDPOINT" => "https://tenant.logto.app/",
            name if ["GLUE_", "SHOPIFY_", "WOOCOMMERCE_"].iter().any(|of| name.starts_with(of)) => "s3cr3t-of-a-shop",
            name if name.ends_with("_KEY") || name.ends_with("_TOKEN") => "s3cr3t-of-a-shop",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        if path == "token.txt" { Ok("s3cr3t-of-a-file\n".to_owned()) } else { Err("no such file".to_owned()) }
    }
}

/// Presets of the tests' own, small and complete but for an address, and one that is wrong.
pub(crate) fn presets() -> Presets {
    const SHOP: &str = "\
kind: http
list:
  path: /orders
  query: {sort: updated, desc: \"true\"}
  items: $.result
  total: $.count
  paging: {kind: offset, param: offset, size_param: limit, size: 200}
incremental: {kind: walk_back, overlap: 10m}
get: {path: \"/orders/{id}\", item: $}
map: {id: $.id, updated_at: $.updated, products: \"$.products[*]\", email: $.email}
status:
  - {when: \"@.status == 'complete'\", as: paid}
expect: {total: required}
";
    const BROKEN: &str = "\
list:
  path: orders
  itmes: $.result
  paging: {kind: none}
map: {id: $.id, products: $.p, email: $.email}
status: [{when: \"@.status == \", as: paid}]
auth: {kind: bearer, token: \"${NOT_SET_IN_PRESET}\"}
";
    Presets::new([("openbitum", SHOP), ("bitcart", SHOP), ("medusa", SHOP), ("broken", BROKEN)])
}

pub(crate) fn check(text: &str) -> Result<(Config, Vec<Diagnostic>), Vec<Diagnostic>> {
    check_text(text, Path::new("entitlements.yaml"), &Fixed, &presets())
}

/// The rendering of what is wrong with a text.
pub(crate) fn refused(text: &str) -> String {
    let problems = check(text).expect_err("this text must be refused");
    render(&problems, text, "entitlements.yaml", Color::Plain)
}

/// Each `cases/config/*.yaml` is refused in the words of the `.txt` beside it. `UPDATE_CASES=1` rewrites them.
#[test]
fn every_bad_file_is_refused_in_these_words() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases/config");
    let mut cases: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    cases.sort();
    assert!(cases.len() >= 20, "the cases are missing");
    let mut wrong = Vec::new();
    for case in cases {
        let found = refused(&std::fs::read_to_string(&case).unwrap());
        let name = case.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(!found.contains("hunter2"), "{name} prints a secret:\n{found}");
        assert!(!found.contains("s3cr3t"), "{name} prints a resolved value:\n{found}");
        let expected = case.with_extension("txt");
        if std::env::var_os("UPDATE_CASES").is_some() {
            std::fs::write(&expected, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&expected).unwrap_or_default();
        if found != expected {
            wrong.push(format!("== {name}\n{}", similar::TextDiff::from_lines(&expected, &found).unified_diff()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_empty_file_says_so() {
    for text in ["", "\n", "# only a comment\n", "---\n", "\u{feff}"] {
        assert!(refused(text).starts_with("error: the file is empty\n --> entitlements.yaml\n"), "{text:?}");
    }
    assert!(refused("just text").starts_with("error: expected a map with `version`, "));
}

#[test]
fn places_hold_after_a_byte_order_mark_and_with_windows_line_ends() {
    let text = "versoin: 1\nlogto: {endpoint: sandbox}\nsources: {shop: {kind: sandbox}}\nprune: owned\nproducts: {a: {roles: 1}}\n";
    let plain = refused(text);
    assert!(plain.contains("--> entitlements.yaml:1:1\n"), "{plain}");
    for other in
        [format!("\u{feff}{text}"), text.replace('\n', "\r\n"), format!("\u{feff}{}", text.replace('\n', "\r\n"))]
    {
        assert_eq!(refused(&other), plain, "{other:?}");
    }
}

#[test]
fn colours_change_no_letter() {
    let text = "version: 1\nprnue: owned\n";
    let problems = check(text).unwrap_err();
    let colored = render(&problems, text, "f", Color::Ansi);
    let mut plain = String::new();
    let mut rest = colored.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    assert!(colored.contains("\u{1b}[1;31merror\u{1b}[0m"));
    assert_eq!(plain, render(&problems, text, "f", Color::Plain));
}

#[test]
fn loading_reads_dot_env_and_files_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("entitlements.yaml");
    let text = "version: 1\nlogto: {endpoint: 'https://${ENTITLED_TEST_HOST}', app_id: a, app_secret: '${file:secret}'}\n\
                sources: {shop: {kind: sandbox}}\nprune: owned\nproducts: {p: {entitlements: [{role: r}]}}\n";
    std::fs::write(&path, text).unwrap();
    std::fs::write(folder.path().join("secret"), "what is in the file\n").unwrap();

    let error = load(&path, &presets()).unwrap_err();
    assert!(
        matches!(error, ConfigError::Invalid(ref report) if report.to_string().ends_with("has 1 error`")
        || report.to_string().ends_with("has 1 error")),
        "{error}"
    );

    std::fs::write(folder.path().join(".env"), "ENTITLED_TEST_HOST=logto.example.com\n").unwrap();
    let loaded = load(&path, &presets()).unwrap();
    assert_eq!(loaded.config.logto.app_secret.expose(), "what is in the file");
    assert_eq!(loaded.config.store, folder.path().join("entitled.db"));
    assert_eq!(loaded.text, text);
    assert_eq!(loaded.warnings.len(), 1, "the simulated shop with a real Logto");

    std::fs::write(folder.path().join(".env"), "A=1\nhunter2 hunter2\n").unwrap();
    let ConfigError::Unreadable { path: blamed, source } = load(&path, &presets()).unwrap_err() else {
        panic!("a broken `.env` must be refused")
    };
    assert!(blamed.ends_with(".env"));
    assert_eq!(source.to_string(), "line 2 is not `NAME=value`");
    // A quote that is not closed takes what follows along.
    std::fs::write(folder.path().join(".env"), "A=1\nB=\"hunter2\nC=3\nD=4\n").unwrap();
    let ConfigError::Unreadable { source, .. } = load(&path, &presets()).unwrap_err() else {
        panic!("a broken `.env` must be refused")
    };
    assert_eq!(source.to_string(), "line 2 is not `NAME=value`");

    std::fs::write(&path, b"version: 1\nname: \xff\n").unwrap();
    std::fs::remove_file(folder.path().join(".env")).unwrap();
    let error = load(&path, &presets()).unwrap_err();
    assert!(
        matches!(error, ConfigError::Unreadable { ref source, .. } if source.to_string() == "not UTF-8 at byte 17")
    );

    let missing = load(&folder.path().join("none.yaml"), &presets()).unwrap_err();
    assert!(missing.hint().is_some());
}
