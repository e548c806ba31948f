//! The manual: the README and the pages under `docs/`. What it shows is taken by the program, and its links lead somewhere.

use std::collections::BTreeSet;

use super::{files, root};
use crate::config::examples::faults;
use crate::support::home::Home;

/// A page of the manual.
pub(super) struct Page {
    /// From the root of the repository.
    pub(super) path: String,
    pub(super) text: String,
}

/// Every page, the README first.
pub(super) fn pages() -> Vec<Page> {
    let pages = ["README.md", "docs"].into_iter().flat_map(files);
    let pages: Vec<Page> = pages.map(|file| Page { path: file.path, text: file.text }).collect();
    assert!(pages.len() > 8 && pages[0].path == "README.md");
    pages
}

/// The lines outside of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// What a heading is reached by, as GitHub and mdBook make it.
fn anchors(text: &str) -> BTreeSet<String> {
    let heading = |line: &str| line.starts_with('#').then(|| line.trim_start_matches('#').trim().to_lowercase());
    let slug = |title: String| -> String {
        let kept = title.chars().filter(|char| char.is_alphanumeric() || matches!(char, '-' | '_' | ' '));
        kept.map(|char| if char == ' ' { '-' } else { char }).collect()
    };
    prose(text).filter_map(heading).map(slug).collect()
}

/// Targets of links in a text.
fn links(text: &str) -> Vec<String> {
    let text: Vec<&str> = prose(text).collect();
    let text = text.join("\n");
    let ends = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    ends.map(str::to_owned).collect()
}

#[test]
fn every_link_of_the_manual_leads_somewhere() {
    let mut seen = 0;
    for page in pages() {
        let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in links(&page.text) {
            if link.starts_with("https://") || link.starts_with("http://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').map_or((&*link, None), |(file, anchor)| (file, Some(anchor)));
            let path = if file.is_empty() { root().join(&page.path) } else { root().join(folder).join(file) };
            assert!(path.exists(), "{} links to {link}, which is not there", page.path);
            if let Some(anchor) = anchor {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(anchors(&text).contains(anchor), "{} links to {link}, which has no such heading", page.path);
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} are found");
}

#[test]
fn the_readme_is_read_in_five_minutes() {
    let readme = &pages()[0].text;
    assert!(readme.lines().count() <= 150, "what is longer belongs into `docs/`");
    // And each page is found from it.
    for page in pages().iter().skip(1) {
        assert!(readme.contains(&format!("]({}", page.path)), "the README does not lead to {}", page.path);
    }
}

/// The fenced blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let parts = text.split("```").collect::<Vec<_>>();
    let fenced = parts.iter().skip(1).step_by(2);
    fenced.filter_map(|block| block.strip_prefix(&format!("{language}\n"))).map(str::to_owned).collect()
}

/// What stands in a whole file beside a block that is a part of one.
const REST: [(&str, &str); 4] = [
    ("version:", "version: 1\n"),
    ("logto:", "logto: {endpoint: sandbox}\n"),
    ("sources:", "sources: {shop: {kind: sandbox}}\n"),
    ("prune:", "prune: owned\nproducts: {prd_pro: {entitlements: [role: paid-tier]}}\n"),
];

/// Its references stand for something, as on the machine of whoever pastes it.
fn filled_in(home: &mut Home, block: &str) {
    for reference in block.split("${").skip(1).filter_map(|rest| rest.split(['}', ':']).next()) {
        home.set(
            reference,
            if reference.contains("STRIPE") { "rk_test_a_key_of_the_user" } else { "a-value-of-the-user" },
        );
    }
}

#[test]
fn the_blocks_of_the_manual_are_what_the_program_takes() {
    let mut seen = 0;
    for page in pages() {
        for block in blocks(&page.text, "yaml") {
            let mut home = Home::new();
            filled_in(&mut home, &block);
            home.set("GLUE_OUTBOUND_WEBHOOK_SECRET", "a-secret-of-the-shop");
            if block.starts_with("- ") {
                home.write("orders.yaml", &block);
                let sources = "sources: {team: {kind: file, path: orders.yaml}}\n";
                home.write("entitlements.yaml", &format!("{}{}{sources}{}", REST[0].1, REST[1].1, REST[3].1));
                let ran = home.entitled(&["source", "test", "team"]).exits(0);
                assert!(!ran.out.contains("odd") && !ran.err.contains("odd"), "{}{}", ran.out, ran.err);
            } else {
                let lacks = |key: &str| !block.lines().any(|line| line.starts_with(key));
                let rest: String = REST.iter().filter(|(key, _)| lacks(key)).map(|(_, text)| *text).collect();
                home.write("entitlements.yaml", &format!("{block}{rest}"));
                assert_eq!(faults(&format!("{block}{rest}"), &page.path), Vec::<String>::new());
                let ran = home.entitled(&["check"]);
                assert_eq!(ran.code, 0, "{} has\n{block}\n{}", page.path, ran.err);
            }
            seen += 1;
        }
    }
    assert!(seen >= 6, "only {seen} are found");
}
