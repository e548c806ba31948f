//! The tables of keys in the manual are what the schema says. `UPDATE_DOCS=1` rewrites them.

use std::collections::BTreeSet;
use std::path::Path;

use entitled::config::spec::schema;
use serde_json::Value;

/// The pages that have tables of keys.
const PAGES: [&str; 2] = ["docs/configuration.md", "docs/sources.md"];

const BEGIN: &str = "<!-- keys of ";
const END: &str = "<!-- end of keys -->";

/// The map at the top has no name in the schema.
const FILE: &str = "File";

fn definition<'a>(schema: &'a Value, name: &str) -> &'a Value {
    if name == FILE { schema } else { &schema["$defs"][name] }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The forms of a map of which `kind` says which one it is.
fn forms(definition: &Value) -> Vec<&Value> {
    let all = definition["oneOf"].as_array().into_iter().flatten();
    all.filter(|form| form["properties"]["kind"]["const"].is_string()).collect()
}

/// Every map of the file that has keys of its own.
fn maps(schema: &Value) -> BTreeSet<String> {
    let named = schema["$defs"].as_object().unwrap().iter();
    let maps = named.filter(|(_, one)| one["properties"].is_object() || !forms(one).is_empty());
    maps.map(|(name, _)| name.clone()).chain([FILE.to_owned()]).collect()
}

/// What is said of a key, and what holds without it: a description says that in a sentence of its own.
fn parted(said: &str) -> (String, String) {
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in ["Default: ", "Absent: "] {
        if let Some((before, after)) = said.split_once(word) {
            let end = after.find(". ").unwrap_or_else(|| after.trim_end_matches('.').len());
            let (default, rest) = after.split_at(end);
            let meaning = format!("{} {}", before.trim(), rest.trim_start_matches('.').trim());
            return (sentence(&meaning), default.to_owned());
        }
    }
    (sentence(&said), String::new())
}

fn sentence(said: &str) -> String {
    said.trim().trim_end_matches('.').replace('|', "\\|")
}

/// The words that a key may have, each with what it means.
fn words(schema: &Value, key: &Value) -> String {
    let any = key["anyOf"].as_array().into_iter().flatten().chain([key, &key["items"]]);
    let named = any.filter_map(|one| one["$ref"].as_str()?.strip_prefix("#/$defs/"));
    let of = |name| schema["$defs"][name]["oneOf"].as_array().into_iter().flatten();
    let words = named.flat_map(of).filter(|one| one["const"].is_string());
    let said = words.map(|one| format!("`{}`: {}", text(&one["const"]), sentence(text(&one["description"]))));
    // Where there is one word only, it is what the key says of itself.
    let said: Vec<String> = said.collect();
    if said.len() > 1 { said.join("; ") } else { String::new() }
}

/// One row for each key: those that are needed first, the others by name.
fn rows(schema: &Value, map: &Value) -> Vec<String> {
    let empty = Vec::new();
    let required: Vec<&str> = map["required"].as_array().unwrap_or(&empty).iter().map(text).collect();
    let all = map["properties"].as_object().unwrap();
    let mut keys: Vec<&String> = all.keys().filter(|key| all[*key]["const"].is_null()).collect();
    keys.sort_by_key(|key| (required.iter().position(|one| one == key).unwrap_or(usize::MAX), (*key).clone()));
    let row = |key: &String| {
        let (mut meaning, mut default) = parted(text(&all[key]["description"]));
        let words = words(schema, &all[key]);
        if !words.is_empty() {
            meaning = format!("{meaning}. {words}");
        }
        if required.contains(&key.as_str()) {
            default = "required".to_owned();
        }
        let default = if default.is_empty() { default } else { format!("{default} ") };
        format!("| `{key}` | {meaning} | {default}|")
    };
    keys.into_iter().map(row).collect()
}

/// The table of one map.
fn table(schema: &Value, name: &str) -> String {
    let map = definition(schema, name);
    let mut lines = vec!["| key | meaning | default |".to_owned(), "| --- | --- | --- |".to_owned()];
    if map["properties"].is_object() {
        lines.extend(rows(schema, map));
    }
    for form in forms(map) {
        let kind = text(&form["properties"]["kind"]["const"]);
        lines.push(format!("| `kind: {kind}` | {} | |", sentence(text(&form["description"]))));
        lines.extend(rows(schema, form));
    }
    lines.join("\n")
}

/// A page with every table made anew, and the maps that it has.
fn renewed(schema: &Value, page: &str) -> (String, Vec<String>) {
    let mut parts = page.split(BEGIN);
    let mut text = parts.next().unwrap().to_owned();
    let mut named = Vec::new();
    for part in parts {
        let (name, rest) = part.split_once(" -->").unwrap();
        let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("the table of {name} has no end"));
        text.push_str(&format!("{BEGIN}{name} -->\n{}\n{END}{after}", table(schema, name)));
        named.push(name.to_owned());
    }
    (text, named)
}

#[test]
fn the_tables_of_keys_are_what_the_schema_says() {
    let schema = schema();
    let mut named = Vec::new();
    for page in PAGES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
        let written = std::fs::read_to_string(&path).unwrap();
        let (text, maps) = renewed(&schema, &written);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &text).unwrap();
        } else {
            assert!(text == written, "{page} says something else than the schema; `UPDATE_DOCS=1` rewrites it");
        }
        named.extend(maps);
    }
    let distinct: BTreeSet<String> = named.iter().cloned().collect();
    assert_eq!(distinct.len(), named.len(), "a map has two tables: {named:?}");
    assert_eq!(distinct, maps(&schema), "each map has a table");
}

#[test]
fn a_default_is_told_apart_from_what_a_key_means() {
    for (said, meaning, default) in [
        ("Between two polls. Default: `30s`.", "Between two polls", "`30s`"),
        ("A file. Default: `entitled.db`. Beside this one.", "A file. Beside this one", "`entitled.db`"),
        ("How long\n it lasts. Absent: for ever.", "How long it lasts", "for ever"),
        ("Its secret.", "Its secret", ""),
    ] {
        assert_eq!(parted(said), (meaning.to_owned(), default.to_owned()));
    }
    let unlike = renewed(&schema(), &format!("a\n{BEGIN}Binding -->\n| old |\n{END}\nb\n")).0;
    assert!(
        unlike.starts_with("a\n<!-- keys of Binding -->\n| key |") && unlike.ends_with("<!-- end of keys -->\nb\n")
    );
    assert!(unlike.contains("| `email` | The email in the order | required |"), "{unlike}");
}
