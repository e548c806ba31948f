//! What somebody may propose who means ill: no preview of it reads a file, calls anybody, writes anything or shows a
//! secret, each is answered in bounded time, and what is shown of it stays what it is, a line of text.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::Command;

use entitled::config::render;
use entitled::daemon::presets;
use entitled::pass::preview::{PreviewError, Version, preview};
use entitled::report;
use entitled::report::preview::{Effect, People, PreviewDocument};
use entitled::text::Color;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::support::stage::{NO_LIMITS, PRODUCTS, Stage, file, usual};

/// Where everything is that an attack may reach for.
struct Trap {
    stage: Stage,
    listener: TcpListener,
    /// Whoever opens it to read hangs for ever.
    pipe: String,
}

impl Trap {
    async fn set() -> Self {
        let mut stage = Stage::usual().await;
        stage.buyer("ann@example.com", "prd_pro");
        stage.pass().await;
        stage.logto.clear_requests();
        stage.shop.clear_requests();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let pipe = stage.folder.path().join("pipe").display().to_string();
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        Self { stage, listener, pipe }
    }

    fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    async fn previewed(&self, head: &str, commit: Option<&str>) -> Result<PreviewDocument, PreviewError> {
        let unread = BTreeSet::new();
        let context = self.stage.active.context(&self.stage.store, &unread, &|_, _, _| {}, self.stage.now());
        let head = Version { text: head.into(), commit: commit.map(str::to_owned) };
        preview(context, None, head, &presets(), People::Numbered).await
    }

    /// All that is ever shown of a preview, after which nobody has been asked and nothing written.
    async fn answer(&self, head: &str) -> String {
        let answer = match self.previewed(head, None).await {
            Ok(document) => {
                let annotations = report::preview_annotations(&document, "entitlements.yaml");
                let commands =
                    annotations.lines().filter(|line| line.starts_with("::warning file=entitlements.yaml,line="));
                assert_eq!(commands.count(), annotations.lines().count(), "{annotations}");
                let markdown = report::preview_markdown(&document);
                let text = report::preview(&document, Color::Plain);
                for shown in [&markdown, &text, &annotations] {
                    assert!(!shown.chars().any(|char| char.is_control() && char != '\n'), "{shown:?} of {head}");
                }
                for line in markdown.lines().chain(text.lines()) {
                    assert!(!line.trim_start().starts_with("::") && !line.trim_start().starts_with("##["), "{line}");
                }
                // What follows a backslash, and what stands in code, is what it is.
                let unescaped: String = markdown
                    .split('\\')
                    .enumerate()
                    .map(|(at, part)| part.chars().skip(usize::from(at > 0)).collect::<String>())
                    .collect();
                let beside: String = unescaped.split('`').step_by(2).collect();
                for raw in ["<img", "[x](", "@all", "https://evil"] {
                    assert!(!beside.contains(raw), "{raw} in {markdown}");
                }
                let json = report::json(&document);
                [markdown, text, annotations, json].concat()
            }
            Err(PreviewError::Invalid { text, problems, which }) => render(&problems, &text, which, Color::Plain),
            Err(error @ PreviewError::TooLarge { .. }) => error.to_string(),
            Err(error) => panic!("{error:?} of {head}"),
        };
        assert!(!answer.contains("root:x:0") && !answer.contains("ann@example.com"), "{answer}");
        let path = std::env::var("PATH").unwrap();
        assert!(!answer.contains(&path), "{answer}");
        assert!(self.listener.accept().is_err(), "somebody was called by {head}");
        assert_eq!((self.stage.logto.requests(), self.stage.shop.requests()), (vec![], vec![]), "{head}");
        answer
    }
}

/// Files in which `$X` stands for something that is meant to be resolved, opened or called.
const PLACES: [&str; 18] = [
    "logto: {endpoint: \"$X\", app_id: \"$X\", app_secret: \"$X\"}",
    "logto: {endpoint: sandbox, ca: \"$X\"}",
    "sources: {shop: {kind: openbitum, url: \"$X\", auth: {kind: bearer, token: \"$X\"}}}",
    "sources: {shop: {kind: file, path: \"$X\"}}",
    "sources: {shop: {kind: sandbox, webhook: {secret: \"$X\"}}}",
    "sources: {\"$X\": {kind: sandbox}}",
    "listen: \"$X\"",
    "store: \"$X\"",
    "trusted_proxies: [\"$X\"]",
    "notify: [{url: \"$X\"}]",
    "notify: [{slack: \"$X\"}]",
    "protect: {emails: [\"$X\"], users: [\"$X\"], roles: [\"$X\"]}",
    "buyers: {match: [binding], bindings: [{email: \"$X\", user: \"$X\"}]}",
    "prune: \"$X\"",
    "products: {\"$X\": {name: a, entitlements: [role: beta]}}",
    "products: {prd_pro: {name: \"$X\", entitlements: [role: beta]}}",
    "products: {prd_pro: {entitlements: [role: \"$X\", {organization: \"$X\", roles: [\"$X\"]}]}}",
    "products: {prd_pro: {entitlements: [role: beta], valid_for: \"$X\", grace: \"$X\"}}",
];

/// The usual file with another value of a key.
fn with(place: &str) -> String {
    let key = place.split(':').next().unwrap();
    let kept: Vec<String> = usual()
        .replace(PRODUCTS, "\nproducts: {prd_pro: {entitlements: [role: paid-tier]}}\n")
        .lines()
        .filter(|line| !line.starts_with(&format!("{key}:")))
        .map(str::to_owned)
        .collect();
    format!("{}\n{place}\n", kept.join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_proposal_names_is_resolved_opened_or_called() {
    let trap = Trap::set().await;
    let meant = [
        "${file:/etc/passwd}".to_owned(),
        format!("${{file:{}}}", trap.pipe),
        "${PATH}".to_owned(),
        "${PATH:-default}".to_owned(),
        "${ENTITLED_API_TOKEN}".to_owned(),
        "${ENTITLED_PUBLIC_${PATH}}".to_owned(),
        trap.url(),
        trap.pipe.clone(),
        "/etc/passwd".to_owned(),
    ];
    for place in PLACES {
        for value in &meant {
            trap.answer(&with(&place.replace("$X", value))).await;
        }
    }
    let said = trap.answer(&with(&PLACES[2].replace("$X", &trap.url()))).await;
    assert!(
        said.contains("not previewed: the change of `sources` counts as not made") || said.contains("literal"),
        "{said}"
    );
    let said = trap.previewed(&with(&PLACES[9].replace("$X", "${NOTIFY}")), None).await.unwrap();
    assert_eq!(said.not_previewed, ["notify"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_mean_something_elsewhere_are_shown_as_text() {
    let trap = Trap::set().await;
    let evil = [
        "x\\n::error::gotcha",
        "x\\r\\n::add-mask::a",
        "::stop-commands::x",
        "%0A::error::x",
        "<img src=x>",
        "[x](https://evil.example)",
        "@all | `x` | **y**",
        "\\e[2J\\e]0;x\\a",
        "\\u202egnp",
        "<!-- entitled preview -->",
        "${{ github.token }}",
        "##[error]x",
    ];
    for name in evil {
        for place in &PLACES[14..17] {
            let text = with(&place.replace("$X", name)).replace("role: beta", "role: admin");
            trap.answer(&text).await;
            // The same where it is lost: what is said then goes to the lines of the file.
            trap.answer(&format!("{text}# {name}")).await;
        }
    }
    let lost = trap
        .previewed(&with("products: {prd_other: {name: \"a\\n::error::b\", entitlements: [role: beta]}}"), None)
        .await;
    assert!(lost.unwrap().groups.iter().any(|group| group.effect == Effect::Lose));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_refused_soon() {
    let trap = Trap::set().await;
    let bomb = |levels: usize| {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..levels {
            let of = level - 1;
            text += &format!(
                "a{level}: &a{level} [*a{of}, *a{of}, *a{of}, *a{of}, *a{of}, *a{of}, *a{of}, *a{of}, *a{of}]\n"
            );
        }
        text
    };
    let products = |number: usize| {
        let all: String = (0..number).map(|n| format!("  p{n}: {{entitlements: [role: r{n}]}}\n")).collect();
        file("owned", NO_LIMITS, &format!("products:\n{all}"))
    };
    for text in [
        bomb(12),
        format!("{}{}", usual(), bomb(12)),
        "[".repeat(500_000),
        "{a: ".repeat(200_000),
        "- ".repeat(400_000),
        format!("{}#{}", usual(), "x".repeat(1 << 20)),
        products(1_000_000),
        products(5_000),
        with(&format!("protect: {{emails: [{}]}}", "\"*a*a*a*a*a*@example.com\", ".repeat(5_000))),
        "\u{0}".repeat(1_000),
        String::new(),
    ] {
        let text = &text;
        let answered = tokio::time::timeout(std::time::Duration::from_secs(60), trap.answer(text)).await;
        assert!(answered.is_ok(), "{}", &text[..text.len().min(200)]);
    }
    assert!(matches!(trap.previewed(&products(1_000_000), None).await, Err(PreviewError::TooLarge { .. })));
}

/// Any text, and any value at any place.
#[test]
fn any_proposal_is_answered() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let trap = runtime.block_on(Trap::set());
    let value = prop_oneof![
        "\\PC{0,20}",
        "[${}:A-Z_/a-z|<>@#%\\[\\]-]{0,20}",
        prop::sample::select(&["${file:/etc/passwd}", "${PATH}", "*a", "&a b", "!!binary x", "1e9999"][..])
            .prop_map(str::to_owned),
    ];
    let placed = (prop::sample::select(&PLACES[..]), value.clone())
        .prop_map(|(place, value)| with(&place.replace("$X", &value)));
    let heads = prop_oneof![4 => placed, 1 => value];
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() });
    runner
        .run(&heads, |head| {
            runtime.block_on(trap.answer(&head));
            Ok(())
        })
        .unwrap();
}
