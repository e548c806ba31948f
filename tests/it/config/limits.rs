//! Files made to exhaust their reader, and very large honest ones.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::{check, refused};

/// Far above what any of these takes, far below what an exponential one would.
const BOUND: Duration = Duration::from_secs(30);

#[test]
fn an_alias_bomb_is_refused_before_it_unfolds() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..=30 {
        let alias = format!("*a{}", level - 1);
        writeln!(text, "a{level}: &a{level} [{}]", [alias.as_str(); 10].join(", ")).unwrap();
    }
    let start = Instant::now();
    let shown = refused(&text);
    assert!(start.elapsed() < BOUND);
    assert!(shown.starts_with("error: aliases make this file too large\n --> entitlements.yaml:"), "{shown}");
}

#[test]
fn an_alias_inside_its_own_anchor_is_refused() {
    let shown = refused("a: &a [*a]\n");
    assert!(
        shown.starts_with("error: this alias stands inside its own anchor\n --> entitlements.yaml:1:8\n"),
        "{shown}"
    );
    assert!(refused("a: *nowhere\n").starts_with("error: this is not YAML\n --> entitlements.yaml:1:4\n"));
}

#[test]
fn deep_nesting_is_refused() {
    for text in [format!("a: {}", "[".repeat(100_000)), (0..2_000).map(|at| " ".repeat(at) + "a:\n").collect()] {
        let start = Instant::now();
        let shown = refused(&text);
        assert!(start.elapsed() < BOUND);
        assert!(shown.len() < 2_000, "a long line is cut");
        assert_eq!(shown.matches("error:").count(), 1, "{shown}");
    }
}

#[test]
fn more_products_than_can_be_numbered_are_refused_as_one_problem() {
    let problems = |products: usize| {
        let mut text =
            "version: 1\nlogto: {endpoint: sandbox}\nsources: {s: {kind: sandbox}}\nprune: owned\nproducts:\n"
                .to_owned();
        for product in 0..products {
            writeln!(text, " {product}:").unwrap();
        }
        check(&text).unwrap_err()
    };
    assert_eq!(problems(65_000).len(), 65_000, "each of them is looked at");
    let over = problems(65_001);
    assert_eq!((over.len(), over[0].message.as_str()), (1, "there are 65001 products; 65000 are the most"));
}

#[test]
fn any_cut_of_a_file_is_refused_or_taken_but_never_panics() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/entitlements/http.yaml")).unwrap();
    for (at, _) in text.char_indices() {
        if let Err(problems) = check(&text[..at]) {
            assert!(!problems.is_empty());
            let shown = entitled::config::render(&problems, &text[..at], "f", entitled::text::Color::Plain);
            assert!(!shown.contains("s3cr3t"));
        }
    }
}

/// Each level of a filter doubles what it costs to read it, and deep parentheses the stack.
#[test]
fn what_lies_too_deep_in_a_path_is_refused_before_it_is_read() {
    let file = |path: &str, when: &str| {
        format!(
            "version: 1\nlogto: {{endpoint: sandbox}}\nprune: owned\nproducts: {{}}\nsources:\n  s:\n    kind: bitcart\n    \
             url: https://api.example.com\n    token: ${{SHOP_TOKEN}}\n    map: {{products: \"{path}\"}}\n    \
             status: [{{when: \"{when}\", as: paid}}]\n"
        )
    };
    let deep =
        |open: &str, close: &str, levels: usize| format!("{}@.a == 1{}", open.repeat(levels), close.repeat(levels));
    for levels in [60, 4_000] {
        let filters = format!("$[?{}]", deep("@[?", "]", levels));
        let shown = refused(&file(&filters, &deep("(", ")", levels)));
        assert_eq!(shown.matches("brackets lie more than 10 deep inside each other").count(), 2, "{shown}");
    }
    // What stands in quotes is no bracket.
    let quoted = file("$.a", "@.status == '((((((((((((((((('");
    let shown = check(&quoted).err().map(|problems| format!("{problems:?}")).unwrap_or_default();
    assert!(!shown.contains("brackets lie"), "{shown}");
}
