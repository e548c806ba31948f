//! YAML of a `kind: http` source as checked settings, read by the very code that reads a user's file.

use std::collections::BTreeMap;
use std::path::Path;

use entitled::config::presets::PRESETS;
use entitled::config::settings::source::{HttpSource, SourceKind, SourceSettings};
use entitled::config::{Env, Presets, check_text, render};
use entitled::model::SourceName;
use entitled::text::Color;
use jiff::SignedDuration;

/// Keys whose value must be a reference in a file.
const SECRETS: [&str; 5] = ["token: ", "username: ", "password: ", "client_secret: ", "value: "];

/// The settings that `yaml` describes, for a server at `url`. Secrets may be written out: they are moved
/// into the environment that the check is given.
pub(crate) fn http_source(yaml: &str, url: &str) -> HttpSource {
    let (yaml, environment) = refer(yaml);
    // A preset says everything; what a test leaves out is the least that `check` takes.
    let missing = |key: &str, line: &'static str| if yaml.contains(key) { "" } else { line };
    let rest = [
        missing("kind: http\n", "    kind: http\n"),
        missing("kind: http\n", missing("expect:", "    expect: {total: ignored}\n")),
        missing("status:", "    status: [{when: \"@.status == 'paid'\", as: paid}]\n"),
    ]
    .concat();
    let indented: String = yaml.lines().map(|line| format!("    {line}\n")).collect();
    let file = format!(
        "version: 1\nlogto: {{endpoint: sandbox}}\nprune: owned\nproducts: {{p: {{entitlements: [{{role: r}}]}}}}\n\
         sources:\n  shop:\n    url: {url}\n{rest}{indented}"
    );
    only_source(&file, environment)
}

/// The settings of a preset with what a user adds to it, for a server at `url`. Secrets as above.
pub(crate) fn preset_source(name: &str, added: &str, url: &str) -> HttpSource {
    let (added, environment) = refer(added);
    let indented: String = added.lines().map(|line| format!("    {line}\n")).collect();
    let file = format!(
        "version: 1\nlogto: {{endpoint: sandbox}}\nprune: owned\nproducts: {{p: {{entitlements: [{{role: r}}]}}}}\n\
         sources:\n  shop:\n    kind: {name}\n    url: {url}\n{indented}"
    );
    only_source(&file, environment)
}

/// A source with these settings, as the file would have it.
pub(crate) fn settings(http: HttpSource) -> SourceSettings {
    SourceSettings {
        name: SourceName::from("shop"),
        was: Vec::new(),
        line: 1,
        poll: SignedDuration::from_secs(30),
        full_read: None,
        slack: SignedDuration::ZERO,
        kind: SourceKind::Http(Box::new(http)),
        webhook: None,
    }
}

fn only_source(file: &str, environment: BTreeMap<String, String>) -> HttpSource {
    let checked = check_text(file, Path::new("test.yaml"), &Given(environment), &Presets::new(PRESETS));
    let (config, _) =
        checked.unwrap_or_else(|problems| panic!("{}", render(&problems, file, "test.yaml", Color::Plain)));
    match config.sources.into_iter().next().unwrap().kind {
        SourceKind::Http(http) => *http,
        other => panic!("not an HTTP source: {other:?}"),
    }
}

struct Given(BTreeMap<String, String>);

impl Env for Given {
    fn var(&self, name: &str) -> Option<String> {
        // A preset names the secret of its webhooks itself.
        let of_preset = || name.ends_with("WEBHOOK_SECRET").then(|| "hook-secret".to_owned());
        self.0.get(name).cloned().or_else(of_preset)
    }

    fn file(&self, path: &str) -> Result<String, String> {
        Err(format!("no file {path} here"))
    }
}

/// Replaces what is written out after a secret's key by a reference.
fn refer(yaml: &str) -> (String, BTreeMap<String, String>) {
    let mut out = String::new();
    let mut environment = BTreeMap::new();
    let mut rest = yaml;
    while let Some((at, key)) = SECRETS.iter().filter_map(|key| Some((rest.find(key)?, *key))).min() {
        let (before, after) = rest.split_at(at + key.len());
        let length = after.find([',', '}', '\n']).unwrap_or(after.len());
        let (value, after) = after.split_at(length);
        out.push_str(before);
        let written = value.trim().trim_matches(['\'', '"']);
        if written.is_empty() || written.starts_with("${") {
            out.push_str(value);
        } else {
            let name = format!("SECRET_{}", environment.len());
            out.push_str(&format!("\"${{{name}}}\""));
            environment.insert(name, written.to_owned());
        }
        rest = after;
    }
    out.push_str(rest);
    (out, environment)
}
