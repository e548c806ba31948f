//! What cannot be used is said with its mend, and changes nothing.

use crate::support::home::{Home, Ran, Town};
use crate::support::replay::Replay;

/// Runs every command that could write, each of which must refuse in the same words. Nothing is written.
fn refused(town: &Town) -> Ran {
    let planned = town.home.entitled(&["plan"]).exits(1);
    assert_eq!(planned.out, "");
    for writes in [&["run", "--once"][..], &["apply", "--yes"]] {
        let ran = town.home.entitled(writes).exits(1);
        assert_eq!((&ran.out, &ran.err), (&planned.out, &planned.err), "{writes:?}");
    }
    assert_eq!(town.logto.writes(), []);
    assert_eq!(town.shop.writes(), []);
    planned
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret() {
    let town = Town::demo().await.credentials("sandbox-app", "not-the-secret");
    let ran = refused(&town).complains(&["\nhint: check `logto.app_secret`: Console > Machine-to-machine"]);
    assert!(!ran.err.contains("not-the-secret"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_client() {
    let town = Town::demo().await.credentials("somebody", "sandbox-secret");
    refused(&town).complains(&["`somebody`", "\nhint: check `logto.app_id`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_without_the_management_role() {
    let town = Town::demo().await.credentials("sandbox-noscope", "sandbox-secret");
    refused(&town).complains(&["`sandbox-noscope`", "\nhint: ", "Console", "Management API"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_do_not_resolve_are_told_together() {
    let town = Town::demo().await;
    town.logto.add_m2m_role("robots");
    let twins = [town.logto.organization("acme").unwrap(), town.logto.add_organization("acme")];
    town.edit("- role: paid-tier                   # by name or by id", "- role: paid-teir");
    town.edit("- roles: [beta, downloads]", "- roles: [beta, robots]");
    let ran = town.home.entitled(&["plan"]).exits(1).complains(&[
        "error: Logto has no role `paid-teir`",
        "did you mean `paid-tier`?",
        "error: the role `robots` is for machine-to-machine applications and cannot be given to users",
        "error: 2 organizations are named `acme`",
        "error: 3 names in `entitlements.yaml` cannot be resolved in Logto",
        "--> entitlements.yaml:",
        "^^^^^^^^^",
    ]);
    for twin in twins {
        assert!(ran.err.contains(twin.as_str()), "{twin} is missing in\n{}", ran.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_where_logto_is_not() {
    let town = Town::demo().await;
    let elsewhere = Replay::start(Vec::new()).await;
    town.edit(town.running.logto_url(), &elsewhere.url);
    refused(&town).complains(&["\nhint: check `logto.endpoint`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_answers_html() {
    let town = Town::demo().await;
    town.edit(&format!("url: {}", town.running.shop_url()), &format!("url: {}/nowhere", town.running.shop_url()));
    for command in [&["plan"][..], &["run", "--once"], &["apply", "--yes"]] {
        let ran = town.home.entitled(command).exits(1);
        let ran = ran.complains(&["error: source `shop` could not be read", "because: ", "hint: "]);
        assert!(!ran.out.contains("Logto holds what was paid for"), "nobody knows: {}", ran.out);
    }
    let ran = town.home.entitled(&["plan"]).exits(1);
    assert!(ran.out.contains("Nothing to do by what is known: `shop` could not be read."), "{}", ran.out);
    assert_eq!(town.logto.writes(), []);
    assert_eq!(town.shop.writes(), []);
}

/// What a stranger can write into an order must not reach the terminal as an instruction.
#[test]
fn text_from_outside_cannot_command_the_terminal() {
    let home = Home::new();
    home.write(
        "seed.yaml",
        "roles: [{name: paid}, {name: \"vip\\e[2K\\u202E\"}]\nusers: [{id: ann000000001, email: ann@x.example}]\n",
    );
    let nasty = r#""\e[2J\e]0;owned\a\u009b1m\u202e\nname""#;
    let orders = format!(
        "- {{id: {nasty}, productId: pro, user: {{email: ann@x.example}}, status: paid, paidAt: 2026-01-01T00:00:00Z}}\n\
         - {{id: o2, productId: pro, user: {{email: \"bob\\e[31m@x.example\"}}, status: \"p\\e[1maid\"}}\n\
         - {{id: o3, productId: pro, user: {{email: \"eve\\e[31m@x.example\"}}, status: paid, paidAt: 2026-01-01T00:00:00Z}}\n",
    );
    home.write("orders.yaml", &orders);
    let file = format!(
        "version: 1\nlogto: {{endpoint: sandbox}}\nsources: {{sales: {{kind: file, path: orders.yaml}}}}\nprune: owned\n\
         products:\n  pro:\n    name: {nasty}\n    entitlements: [{{role: paid}}]\n"
    );
    home.write("entitlements.yaml", &file);
    let mut sandbox = super::sandbox::Sandbox::start(&home, &["--seed", "seed.yaml"]);
    let clean = |text: &str, of: &str| {
        let bad = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{e0041}".contains(c);
        assert!(!text.contains(bad), "{of}: {text:?}");
    };
    for form in ["text", "diff", "markdown", "json"] {
        let ran = home.entitled(&["plan", "--output", form]).exits(0);
        assert!(ran.out.contains("ann000000001"), "{}", ran.out);
        clean(&ran.out, form);
        clean(&ran.err, form);
    }
    let ran = home.entitled(&["run", "--once", "--log", "trace", "--log-format", "text"]).exits(0);
    assert!(ran.out.contains("✓ grant "), "{}", ran.out);
    clean(&ran.out, "report");
    clean(&ran.err, "log");

    let odd = "- {id: \"\\e[2Jbad\\u202e\", productId: pro, status: paid, paidAt: \"\\e[2Jnever\\u200b\\U000e0041\"}\n";
    home.write("orders.yaml", odd);
    let ran = home.entitled(&["run", "--once", "--log-format", "json"]).exits(0);
    clean(&ran.err, "a log for machines");
    assert!(!ran.err.contains('\u{200b}'), "{}", ran.err);
    let line = ran.err.lines().find(|line| line.contains("is odd")).unwrap_or_else(|| panic!("{}", ran.err));
    assert!(line.contains("bad\\u202e") && line.contains("\\udb40\\udc41"), "{line}");
    let parsed: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(parsed["order"], "\u{1b}[2Jbad\u{202e}", "whoever parses it has the same text");
    home.write("orders.yaml", &odd.replace("never", "ever"));
    let ran = home.entitled(&["plan"]).exits(0);
    clean(&ran.out, "a plan beside an odd order");
    clean(&ran.err, "an order that is odd");
    home.write("entitlements.yaml", &file.replace("role: paid", "role: \"vip\\e[2K\""));
    let ran = home.entitled(&["plan"]).exits(1).complains(&["did you mean"]);
    clean(&ran.err, "a name that does not resolve");
    home.write("entitlements.yaml", "version: 1\n\"pr\\e[2Kune\": owned\n");
    clean(&home.entitled(&["check"]).exits(1).err, "a key that is not known");
    sandbox.end();
}

/// Nor can it become markup where a plan is posted under a pull request.
#[test]
fn text_from_outside_cannot_become_markup() {
    let home = Home::new();
    let nasty =
        "a|b `c` [x](javascript:alert(1)) <script>alert(1)</script> @everyone #1 **bold** ![i](//e.example) &lt;";
    home.write("seed.yaml", "roles: [{name: paid}]\nusers: [{id: ann000000001, email: ann@x.example}]\n");
    home.write(
        "orders.yaml",
        &format!(
            "- {{id: '{nasty}', productId: pro, user: {{email: ann@x.example}}, status: paid, paidAt: 2026-01-01T00:00:00Z}}\n\
             - {{id: o2, productId: pro, user: {{email: '`|<b>@x.example'}}, status: paid, paidAt: 2026-01-01T00:00:00Z}}\n"
        ),
    );
    home.write(
        "entitlements.yaml",
        &format!(
            "version: 1\nlogto: {{endpoint: sandbox}}\nsources: {{sales: {{kind: file, path: orders.yaml}}}}\nprune: owned\n\
             products:\n  pro:\n    name: '{nasty}'\n    entitlements: [{{role: paid}}]\n"
        ),
    );
    let mut sandbox = super::sandbox::Sandbox::start(&home, &["--seed", "seed.yaml"]);
    let shown = home.entitled(&["plan", "--output", "markdown"]).exits(0).out;
    sandbox.end();
    assert!(shown.contains("javascript") && shown.contains("script\\>"), "the names are shown: {shown}");
    // Outside of code, which shows everything as it is.
    let plain: String = shown.lines().map(|line| line.split('`').step_by(2).collect::<String>() + "\n").collect();
    for markup in ["](", "<script", "<b", "@everyone", "@x.example", "#1", "![", " **bold**", " &lt;"] {
        let literal = plain.match_indices(markup).all(|(at, _)| plain[..at].ends_with('\\'));
        assert!(literal, "{markup} in\n{shown}");
    }
    for row in shown.lines().filter(|line| line.starts_with("| ") && line.contains("ann000000001")) {
        let pipes = row.match_indices('|').filter(|(at, _)| !row[..*at].ends_with('\\')).count();
        assert_eq!(pipes, 5, "a cell more in {row}");
    }
}
