//! `entitled source`: presets listed and shown, and a source tried out.

use entitled::config::source::{HttpSource, SourceKind};
use entitled::config::{Env, Presets, check_text};
use entitled::source::presets::{Heading, PRESETS, text};

use crate::support::binary::{Home, demo_file};

#[test]
fn the_list_names_every_preset_and_the_sources_of_the_file() {
    let ran = Home::demo().entitled(&["source", "list"]).exits(0);
    for (name, text) in PRESETS {
        let line = ran.out.lines().find(|line| line.trim_start().starts_with(&format!("{name} ")));
        let line = line.unwrap_or_else(|| panic!("{name} is missing in\n{}", ran.out));
        assert!(line.ends_with(Heading::of(text).title), "{line}");
    }
    assert!(
        ran.out.contains("\nsources of entitlements.yaml\n  shop  the simulated shop  every 30s  line "),
        "{}",
        ran.out
    );
    assert_eq!(ran.err, "");
}

#[test]
fn without_a_file_the_presets_are_listed_all_the_same() {
    let ran = Home::new().entitled(&["source", "list"]).exits(0).complains(&["there is no `entitlements.yaml` here"]);
    assert!(ran.out.starts_with("presets\n  ") && !ran.out.contains("sources of"), "{}", ran.out);
    let home = Home::new();
    home.write("entitlements.yaml", "version: 2\n");
    assert!(home.entitled(&["source", "list"]).exits(1).out.starts_with("presets\n  "));
}

#[test]
fn an_unknown_preset_is_answered_with_the_known_ones() {
    Home::new().entitled(&["source", "show", "bitkart"]).exits(1).complains(&["`bitkart`", "bitcart", "kind: http"]);
}

/// Every variable is set: what a preset asks for is the user's to give.
struct Given;

impl Env for Given {
    fn var(&self, _: &str) -> Option<String> {
        Some("a-value".to_owned())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        Err(format!("no file {path} here"))
    }
}

fn taken(name: &str, file: &str) -> HttpSource {
    let checked = check_text(file, "entitlements.yaml".as_ref(), &Given, &Presets::new(PRESETS));
    let (config, warnings) = checked.unwrap_or_else(|problems| panic!("{name}: {problems:#?}\n{file}"));
    assert_eq!(warnings, [], "{name}");
    match config.sources.into_iter().next().unwrap().kind {
        SourceKind::Http(http) => *http,
        other => panic!("{name} is no HTTP source: {other:?}"),
    }
}

/// What is shown is a source as it stands, and still the same one with the mark taken off every key.
#[test]
fn what_is_shown_can_be_pasted_and_overridden() {
    let demo = demo_file();
    let (above, rest) = demo.split_once("sources:\n").unwrap();
    let below = rest.split_once("\nprune:").map(|(_, below)| format!("\nprune:{below}")).unwrap();
    let above = above.replace(
        "  endpoint: sandbox\n",
        "  endpoint: https://logto.example.com\n  app_id: an-id\n  app_secret: ${SECRET}\n",
    );
    for (name, _) in PRESETS {
        let shown = Home::new().entitled(&["source", "show", name]).exits(0).out;
        let pasted = taken(name, &format!("{above}sources:\n{shown}{below}"));
        let bare: String = match shown.split_once("    # What the preset says") {
            Some((head, tail)) => {
                let (note, tail) = tail.split_once('\n').unwrap();
                let tail: String = tail
                    .lines()
                    .map(|line| format!("    {}\n", line.trim_start().strip_prefix("# ").unwrap_or("")))
                    .collect();
                format!("{head}    # What the preset says{note}\n{tail}")
            }
            None => panic!("{name}: {shown}"),
        };
        let bared = taken(name, &format!("{above}sources:\n{bare}{below}"));
        assert_eq!(format!("{pasted:?}"), format!("{bared:?}"), "{name}");
        assert!(bare.lines().any(|line| line.starts_with("    list:")), "{name}: {bare}");
        assert!(!pasted.base_url.is_empty(), "{name}");
    }
}

/// What the heading of every preset has to tell a user.
#[test]
fn every_preset_says_what_it_needs_and_what_it_cannot_see() {
    let missing = |text: &str| {
        let heading = Heading::of(text);
        let prose = heading.prose.join("\n");
        let mut missing = Vec::new();
        for (what, there) in [
            ("a title", heading.title.contains(": ")),
            (
                "`# To be added:` with `url` and `auth`",
                ["url:", "auth:"].iter().all(|key| heading.add.iter().any(|line| line.starts_with(key))),
            ),
            ("`Who bought:`, where the Logto user id is expected", prose.contains("\nWho bought: ")),
            ("`Key:`, the least permissions", prose.contains("\nKey: ")),
            ("`Cannot see:`", prose.contains("\nCannot see: ")),
            ("the vendor's page", text.lines().any(|line| line.starts_with('#') && line.contains("https://"))),
        ] {
            if !there {
                missing.push(what);
            }
        }
        missing
    };
    let wrong: Vec<_> =
        PRESETS.iter().map(|(name, text)| (name, missing(text))).filter(|(_, wrong)| !wrong.is_empty()).collect();
    assert!(wrong.is_empty(), "the comment at the top of a preset lacks: {wrong:#?}");
    assert_eq!(missing("# Shop\nkind: http\n").len(), 6, "the check sees nothing");
    assert!(text("nothing").is_none());
}
