//! The README, the examples and the hints speak of a program that exists.

use std::collections::BTreeSet;

use super::manual::pages;
use super::{files, root};
use crate::support::home::Home;

/// The subcommands, as `--help` lists them.
fn subcommands(home: &Home) -> BTreeSet<String> {
    let help = home.entitled(&["--help"]).exits(0).out;
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: BTreeSet<String> =
        list.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next().map(str::to_owned)).collect();
    assert!(commands.contains("plan") && commands.contains("sandbox"), "{commands:?}");
    commands
}

/// Every piece of code in a Markdown text: lines of fenced blocks, and spans between backticks.
fn code_in_markdown(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.push(line.trim_start_matches("$ ").to_owned());
        } else {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    found.extend(prose.split('`').skip(1).step_by(2).map(|span| span.replace('\n', " ")));
    found
}

/// The arguments of a call of the program, where a piece of code is one.
fn call<'a>(code: &'a str, commands: &BTreeSet<String>) -> Option<Vec<&'a str>> {
    let words: Vec<&str> = code.split_whitespace().collect();
    match words.as_slice() {
        ["entitled", rest @ ..] if !rest.is_empty() => Some(rest.to_vec()),
        ["cargo", "run", rest @ ..] => {
            let from = rest.iter().position(|word| *word == "--")? + 1;
            Some(rest[from..].to_vec())
        }
        // Not an arrow: `ledger -> what is ours`.
        [first, flag, ..] if commands.contains(*first) && flag.starts_with('-') && *flag != "->" => Some(words),
        _ => None,
    }
}

#[test]
fn the_commands_of_the_manual_exist() {
    let home = Home::new();
    let commands = subcommands(&home);
    let pages = pages();
    let pieces: Vec<String> = pages.iter().flat_map(|page| code_in_markdown(&page.text)).collect();
    let calls: Vec<Vec<&str>> = pieces.iter().filter_map(|code| call(code, &commands)).collect();
    let mut named = BTreeSet::new();
    for call in calls {
        let command = call[0];
        assert!(commands.contains(command), "the manual speaks of `entitled {}`", call.join(" "));
        named.insert(command.to_owned());
        let mut help = home.entitled(&[command, "--help"]).exits(0).out;
        // Some commands have commands of their own.
        if let Some(inner) = call.get(1).filter(|word| help.contains(&format!("\n  {word} "))) {
            help.push_str(&home.entitled(&[command, inner, "--help"]).exits(0).out);
        }
        for flag in call.iter().filter_map(|word| word.strip_prefix("--")) {
            let flag = flag.split(['=', '|', '\\']).next().unwrap_or_default();
            assert!(help.contains(&format!("--{flag}")), "the manual speaks of `entitled {}`", call.join(" "));
        }
    }
    let rows: Vec<&str> = pages
        .iter()
        .flat_map(|page| page.text.lines())
        .filter_map(|line| line.strip_prefix("| `entitled ")?.split('`').next())
        .collect();
    let heads: Vec<String> =
        rows.iter().map(|row| row.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect();
    let distinct: BTreeSet<&String> = heads.iter().collect();
    assert_eq!(distinct.len(), heads.len(), "the table lists something twice: {heads:?}");
    let all: BTreeSet<String> = commands.into_iter().filter(|command| command != "help").collect();
    assert_eq!(named, all, "the manual leaves a command out");
    let listed: BTreeSet<String> =
        rows.iter().filter_map(|row| row.split_whitespace().next()).map(str::to_owned).collect();
    assert_eq!(listed, all, "the table has every command");
    assert!(
        code_in_markdown(&pages[0].text).iter().any(|code| code == "cargo test"),
        "the README says how to run the tests"
    );
}

/// The words of a line as a shell takes them, up to a pipe.
fn words(line: &str) -> Vec<String> {
    let line = line.split(" | ").next().unwrap_or_default();
    let parts = line.split('"').enumerate();
    let words = parts.flat_map(|(at, part)| match at % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

/// Against the demo, after a first pass. What a line names may not be there, but each is understood.
#[test]
fn the_sessions_of_the_manual_are_understood() {
    let home = Home::demo();
    assert!([0, 3].contains(&home.entitled(&["apply", "--yes"]).code));
    let mut seen = 0;
    for page in pages() {
        for line in page.text.lines().filter_map(|line| line.strip_prefix("$ entitled ")) {
            let words = words(line);
            let ran = home.entitled(&words.iter().map(String::as_str).collect::<Vec<_>>());
            let understood = [0, 1, 2, 3].contains(&ran.code) && !ran.err.contains("internal error");
            assert!(understood, "{} has `entitled {line}`: {}\n{}", page.path, ran.code, ran.err);
            seen += 1;
        }
    }
    assert!(seen > 15, "only {seen} are found");
}

/// Hints, comments and examples: whatever says `entitled something` in backticks.
#[test]
fn no_hint_sends_anybody_to_a_command_that_is_not_there() {
    let commands = subcommands(&Home::new());
    let places = ["src", "examples", "entitlements.yaml", "README.md", "docs", "CHANGELOG.md"];
    let mut seen = 0;
    for file in places.into_iter().flat_map(files) {
        for (at, start) in file.text.match_indices("`entitled ") {
            let word: String =
                file.text[at + start.len()..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            if !word.is_empty() {
                assert!(commands.contains(&word), "{} speaks of `entitled {word}`", file.path);
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "only {seen} are found");
}

#[test]
fn the_examples_are_valid() {
    let examples: Vec<_> = files("examples/entitlements")
        .into_iter()
        .chain(files("entitlements.yaml"))
        .filter(|file| file.path.ends_with(".yaml") && !file.path.ends_with("/orders.yaml"))
        .collect();
    assert!(examples.len() >= 6);
    for example in examples {
        let mut home = Home::new();
        for reference in example.text.split("${").skip(1).filter_map(|rest| rest.split(['}', ':']).next()) {
            let address = reference.ends_with("_ENDPOINT");
            home.set(reference, if address { "https://logto.example.com" } else { "a-value-of-the-user" });
        }
        let path = root().join(&example.path);
        let ran = home.entitled(&["check", path.to_str().unwrap()]).exits(0);
        assert_eq!(ran.err, "", "{} is taken without a warning", example.path);
    }
}

/// The example for orders in a file works from end to end.
#[test]
fn the_example_orders_are_read() {
    let home = Home::new();
    for (from, to) in [("file.yaml", "entitlements.yaml"), ("orders.yaml", "orders.yaml")] {
        let text = std::fs::read_to_string(root().join("examples/entitlements").join(from)).unwrap();
        home.write(to, &text);
    }
    let ran = home.entitled(&["plan"]).exits(0);
    assert!(ran.out.contains("ord_01H9A  NoAccount"), "{}", ran.out);
}
