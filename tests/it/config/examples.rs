//! The examples are taken as they stand, and the schema describes them.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use entitled::config::presets::PRESETS;
use entitled::config::spec::schema;
use entitled::config::{Presets, check_text};
use jsonschema::Validator;
use serde_json::Value;

use super::{Fixed, presets};

fn examples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("examples/entitlements");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "yaml") && !path.ends_with("orders.yaml"));
    files.push(root.join("entitlements.yaml"));
    files.sort();
    files
}

#[test]
fn every_example_is_taken_without_a_warning() {
    let files = examples();
    for (preset, _) in PRESETS {
        let named = |file: &PathBuf| file.file_stem().is_some_and(|stem| stem == preset);
        assert!(files.iter().any(named), "the preset `{preset}` has no example");
    }
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        match check_text(&text, &file, &Fixed, &Presets::new(PRESETS)) {
            Ok((_, warnings)) => assert_eq!(warnings, [], "{}", file.display()),
            Err(problems) => panic!(
                "{}",
                entitled::config::render(&problems, &text, &file.display().to_string(), entitled::text::Color::Plain)
            ),
        }
    }
}

#[test]
fn the_first_example_needs_nothing_from_outside() {
    struct Nothing;
    impl entitled::config::Env for Nothing {
        fn var(&self, _: &str) -> Option<String> {
            None
        }
        fn file(&self, _: &str) -> Result<String, String> {
            Err("nothing is here".to_owned())
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("entitlements.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (config, _) = check_text(&text, &file, &Nothing, &presets()).unwrap();
    let keys: Vec<&str> = config.products.iter().map(|product| product.key.as_str()).collect();
    assert_eq!(keys, ["prd_01H9PRO", "prd_01H9TEAM", "prd_01H9BETA"]);
    assert_eq!(config.protect.emails, ["*@staff.example.com"]);
}

#[test]
fn the_schema_is_one() {
    jsonschema::meta::validate(&schema()).unwrap();
}

#[test]
fn the_schema_describes_every_example() {
    assert_eq!(schema()["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for file in examples() {
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(faults(&text, &file.display().to_string()), Vec::<String>::new());
    }
}

#[test]
fn the_schema_refuses_what_the_check_refuses() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/entitlements.yaml")).unwrap();
    for (good, bad) in [
        ("version: 1\n", "version: 2\n"),
        ("prune: owned\n", ""),
        ("prune: owned\n", "prune: ownd\n"),
        ("- role: beta\n", "- rolle: beta\n"),
        ("kind: sandbox\n", "kind: sandbox\n    auth: {kind: bearer}\n"),
        ("roles: [admin]", "roles: admin"),
    ] {
        assert!(text.contains(good), "{good}");
        assert!(!faults(&text.replacen(good, bad, 1), "$").is_empty(), "the schema takes {bad:?}");
    }
}

/// What the schema has against a file: what an editor would underline while it is written.
pub(crate) fn faults(text: &str, named: &str) -> Vec<String> {
    static SCHEMA: LazyLock<Validator> = LazyLock::new(|| jsonschema::draft202012::new(&schema()).unwrap());
    let value: Value = serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{named}: {error}"));
    SCHEMA.iter_errors(&value).map(|fault| format!("{named}{}: {fault}", fault.instance_path())).collect()
}

#[test]
fn the_schema_describes_every_preset_written_out() {
    for (name, text) in PRESETS.iter().filter(|(_, text)| text.contains("\nkind: http\n")) {
        let preset: Value = serde_yaml::from_str(text).unwrap();
        let file = serde_json::json!({
            "version": 1, "logto": { "endpoint": "sandbox" }, "sources": { "shop": preset }, "prune": "owned",
            "products": { "prd_pro": { "entitlements": [{ "role": "paid-tier" }] } },
        });
        assert_eq!(faults(&file.to_string(), name), Vec::<String>::new());
    }
}

#[test]
fn the_schema_knows_every_standing() {
    for standing in entitled::model::Standing::ALL {
        let rule = format!("{{when: \"@.paid\", as: {}}}", standing.word());
        let text = format!(
            "version: 1\nlogto: {{endpoint: sandbox}}\nsources: {{shop: {{kind: http, status: [{rule}]}}}}\nprune: owned\n\
             products: {{prd_pro: {{entitlements: [role: paid-tier]}}}}\n"
        );
        assert_eq!(faults(&text, standing.word()), Vec::<String>::new());
    }
}
