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
    assert!(shown.starts_with("error: this alias is inside its own anchor\n --> entitlements.yaml:1:8\n"), "{shown}");
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
        assert_eq!(shown.matches("brackets lie more than 10 deep").count(), 2, "{shown}");
    }
    // What stands in quotes is no bracket.
    let quoted = file("$.a", "@.status == '((((((((((((((((('");
    let shown = check(&quoted).err().map(|problems| format!("{problems:?}")).unwrap_or_default();
    assert!(!shown.contains("brackets lie"), "{shown}");
}

/// A text that aliases repeat is as large as it is often: ten megabytes a thousand times are ten gigabytes.
#[test]
fn a_long_text_that_aliases_repeat_is_refused_before_it_is_copied() {
    let alone = refused(&format!("a: \"{}\"\n", "x".repeat(10_000_000)));
    assert!(alone.starts_with("error: this text is longer than 64 KiB\n --> entitlements.yaml:1:4\n"), "{alone}");
    assert!(alone.len() < 2_000 && !alone.contains("xxx"), "{alone}");
    let text = "x".repeat(60_000);
    let aliases = "*a, ".repeat(1_000);
    let many = refused(&format!("a: &a \"{text}\"\nb: [{aliases}]\n"));
    assert!(many.starts_with("error: aliases make this file too large\n --> entitlements.yaml:2:"), "{many}");
    // Each level of anchors keeps all that lies within it once more.
    let within = format!(
        "{}{}{}",
        (1..30).map(|at| format!("&b{at} [")).collect::<String>(),
        "x, ".repeat(50_000),
        "]".repeat(29)
    );
    let kept = refused(&format!("a: {within}\n"));
    assert!(kept.starts_with("error: anchors cover too much of this file\n --> entitlements.yaml:1:"), "{kept}");
}

#[test]
fn a_file_of_countless_values_is_refused_before_it_fills_the_memory() {
    let shown = refused(&format!("a: [{}]\n", "[],".repeat(1_000_000)));
    assert!(shown.starts_with("error: the file holds more than a million keys and values\n"), "{shown}");
}

#[test]
fn deep_nesting_within_anchors_is_refused() {
    let shown = refused(&format!("a: {}", "&a [".repeat(10_000)));
    assert_eq!(shown.matches("error:").count(), 1, "{shown}");
    let blocks: String = (0..5_000).map(|at| format!("{}- &b{at}\n", " ".repeat(at % 40))).collect();
    assert_eq!(refused(&blocks).matches("error:").count(), 1);
}

/// However many problems there are, a person sees the first of them, and the errors before the warnings.
#[test]
fn the_first_fifty_problems_are_shown_and_the_rest_is_counted() {
    let file = |products: &str, rest: &str| {
        format!(
            "version: 1\nlogto: {{endpoint: sandbox}}\nsources: {{s: {{kind: sandbox}}}}\nprune: owned\n\
             products: {{p: {{entitlements: [{products}]}}}}\n{rest}"
        )
    };
    let unknown: String = (0..10_000).map(|at| format!("key{at}: x\n")).collect();
    let of_each = [
        (file("role: a", &unknown), 10_000),
        (file("role: a", &"prune: owned\n".repeat(2_000)), 2_000),
        (file(&"rol: a, ".repeat(2_000), ""), 2_000),
    ];
    for (text, count) in &of_each {
        let problems = check(text).unwrap_err();
        assert_eq!(problems.len(), *count);
        let shown = entitled::config::render(&problems, text, "entitlements.yaml", entitled::text::Color::Plain);
        assert_eq!(shown.matches("error: ").count(), 50, "{shown}");
        assert!(shown.ends_with(&format!("\n... and {} more problems\n", count - 50)), "{shown}");
    }
    // Two thousand warnings on one line before the one error.
    let text = file(&"role: a, ".repeat(2_000), "prun: owned\n");
    let shown = refused(&text);
    assert_eq!((shown.matches("error: ").count(), shown.matches("warning: ").count()), (1, 49), "{shown}");
    assert!(shown.contains("unknown key `prun`") && shown.ends_with("\n... and 1950 more problems\n"), "{shown}");
}

#[test]
fn more_sources_than_anybody_has_are_refused_as_one_problem() {
    let sources: String = (0..10_000).map(|at| format!("  s{at}: {{kind: file, path: o{at}.yaml}}\n")).collect();
    let text = format!("version: 1\nlogto: {{endpoint: sandbox}}\nsources:\n{sources}prune: owned\nproducts: {{}}\n");
    assert!(refused(&text).contains("there are 10000 sources; 200 are the most"));
}

/// Whatever stands so often on one line, it is looked at once, and what is shown of it is short. With each of these a
/// reader that compares each with each, or prints from the line's beginning for each, is not done in an hour.
#[test]
fn what_stands_on_one_line_a_hundred_thousand_times_is_looked_at_once() {
    const MANY: usize = 100_000;
    let each = |one: &dyn Fn(usize) -> String| (0..MANY).map(one).collect::<Vec<_>>().join(", ");
    let file = |sources: &str, product: &str, rest: &str| {
        format!(
            "version: 1\nlogto: {{endpoint: sandbox}}\nsources: {{{sources}}}\nprune: owned\nproducts: {{p: {{{product}}}}}\n{rest}\n"
        )
    };
    let (sandbox, gives) = ("s: {kind: sandbox}", "entitlements: [{role: a}]");
    let was = |name: &str| format!("{name}: {{kind: file, path: {name}, was: [{}]}}", each(&|at| format!("w{at}")));
    let http = format!(
        "s: {{kind: openbitum, url: 'https://a.example.com', auth: {{kind: bearer, token: '${{TOKEN}}'}}, headers: {{{}}}}}",
        each(&|at| format!("X-{at}: a"))
    );
    let texts = [
        ("two sources say that they were `w0`", file(&format!("{}, {}", was("a"), was("b")), gives, "")),
        ("unknown key `prun`", file(&http, gives, "prun: owned")),
        (
            "the secret `url` is written in plain text",
            file(sandbox, gives, &format!("notify: [{}]", each(&|_| "{url: x}".into()))),
        ),
        (
            "is bound to two users",
            file(
                sandbox,
                gives,
                &format!("buyers: {{bindings: [{}]}}", each(&|at| format!("{{email: a@example.com, user: u{at}}}"))),
            ),
        ),
        (
            "there is no source `t`",
            file(sandbox, &format!("{gives}, ids: [{}]", each(&|at| format!("{{source: t, id: i{at}}}"))), ""),
        ),
        ("unknown key `k0`", file(sandbox, &format!("{gives}, {}", each(&|at| format!("k{at}: 1"))), "")),
        ("this is not YAML", format!("a: [{}", "token: x ".repeat(MANY))),
    ];
    for (message, text) in texts {
        let shown = refused(&text);
        assert!(shown.contains(message), "{message}:\n{shown}");
        assert!(shown.len() < 60_000, "{} bytes for {message}", shown.len());
    }
}

#[test]
fn a_message_that_repeats_what_stands_in_the_file_has_an_end() {
    let text = format!(
        "version: 1\nlogto: {{endpoint: sandbox}}\nsources: {{s: {{kind: sandbox}}}}\nprune: {}\nproducts: {{}}\n",
        "\u{e9}".repeat(30_000)
    );
    let shown = refused(&text);
    assert!(shown.contains("` is none of `") || shown.contains("\u{e9}\u{2026}"), "{shown}");
    assert!(shown.len() < 5_000, "{} bytes", shown.len());
}

/// Names that Logto does not know: a tenant that lost its roles refutes each of them.
#[test]
fn as_many_names_as_a_file_can_hold_are_shown_as_fifty_are() {
    let text = format!("products: [{}]\n", "role, ".repeat(65_000));
    let names = (0..65_000).map(|at| entitled::config::Unresolved {
        line: 1,
        column: 12 + at * 6,
        message: "Logto has no role `role`",
        hint: None,
    });
    let shown = entitled::config::render_names(names, &text, "entitlements.yaml", entitled::text::Color::Plain);
    assert_eq!(shown.matches("error: ").count(), 50, "{shown}");
    assert!(
        shown.contains("entitlements.yaml:1:306\n") && shown.ends_with("\n... and 64950 more problems\n"),
        "{shown}"
    );
}

/// What a reference stands for is searched for in all that is shown, which costs many times its length.
#[test]
fn what_references_name_has_a_bound_together() {
    let folder = tempfile::tempdir().unwrap();
    let mut receivers = Vec::new();
    for number in 0..6 {
        let path = format!("https://hooks.example.com/{number}/{}", "x".repeat(50 * 1024));
        std::fs::write(folder.path().join(format!("url-{number}")), path).unwrap();
        // However often one is named, it is read and counted once.
        receivers.extend(vec![format!("{{url: '${{file:url-{number}}}'}}"); 20]);
    }
    let file = folder.path().join("entitlements.yaml");
    let load = |receivers: &[String]| {
        let text = format!(
            "version: 1\nlogto: {{endpoint: sandbox}}\nsources: {{s: {{kind: sandbox}}}}\nprune: owned\n\
             products: {{p: {{entitlements: [{{role: a}}]}}}}\nnotify:\n- {}\n",
            receivers.join("\n- ")
        );
        std::fs::write(&file, text).unwrap();
        entitled::config::load(&file, &entitled::daemon::presets())
    };
    load(&receivers[..100]).unwrap();
    let error = load(&receivers).unwrap_err().render(entitled::text::Color::Plain);
    assert!(error.contains("the files that are named here hold more than 256 KiB together"), "{error}");
    assert_eq!(error.matches("error: cannot read `url-5`").count(), 20, "{error}");
}
