//! `entitled doctor`: every line is ok, or says what is wrong and how to fix it.

use entitled::sandbox::{APP_ID, APP_SECRET, Fault, NOSCOPE_ID, Rule};
use serde_json::Value;

use crate::support::home::{Home, Ran, Town, demo_file};

/// A checkup as a program reads it.
struct Checkup(Vec<Value>);

impl Checkup {
    fn of(home: &Home, code: i32) -> Self {
        let ran = home.entitled(&["doctor", "--output", "json"]).exits(code);
        Self(serde_json::from_str(&ran.out).unwrap())
    }

    /// The first check of that name in a section that begins so.
    #[track_caller]
    fn check(&self, section: &str, name: &str) -> &Value {
        let found = |check: &&Value| check["section"].as_str().unwrap().starts_with(section) && check["name"] == name;
        self.0.iter().find(found).unwrap_or_else(|| panic!("no `{name}` of `{section}` in {:#?}", self.0))
    }

    #[track_caller]
    fn is(&self, section: &str, name: &str, outcome: &str) -> &Value {
        let check = self.check(section, name);
        assert_eq!(check["outcome"], outcome, "{check:#}");
        check
    }

    /// It is wrong, for this cause, and this would mend it.
    #[track_caller]
    fn wrong(&self, section: &str, name: &str, cause: &str, mend: &str) {
        let check = self.is(section, name, "wrong");
        assert!(check["cause"].as_str().unwrap().contains(cause), "{check:#}");
        assert!(check["mend"].as_str().unwrap_or_default().contains(mend), "{check:#}");
    }

    fn wrongs(&self) -> usize {
        self.0.iter().filter(|check| check["outcome"] == "wrong").count()
    }
}

/// No address that somebody else on this machine may have.
const QUIET: &str = "listen: off\nprune: owned";

async fn quiet() -> Town {
    let town = Town::demo().await;
    town.edit("prune: owned", QUIET);
    town
}

/// Whatever it finds, it has changed nothing.
fn untouched(town: &Town) {
    assert_eq!(town.logto.writes(), []);
    assert_eq!(town.shop.writes(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_well_before_and_after_the_first_pass() {
    let town = quiet().await;
    let before = Checkup::of(&town.home, 0);
    assert_eq!(before.wrongs(), 0);
    for name in ["reachable", "token", "scope", "Management API", "clock", "page", "names"] {
        before.is("Logto at http", name, "ok");
    }
    for name in ["reachable", "credentials", "page", "order by id", "clock"] {
        before.is("source shop", name, "ok");
    }
    before.is("store", "opens", "note");
    before.is("file watching", "events", "ok");
    untouched(&town);
    assert_eq!(town.home.files(), ["entitlements.yaml"], "it leaves nothing behind");

    town.home.entitled(&["run", "--once"]).exits(0);
    let bytes = || std::fs::read(town.home.path("entitled.db")).unwrap();
    let (stored, writes) = (bytes(), town.logto.writes().len());
    let after = Checkup::of(&town.home, 0);
    for name in ["opens", "writable", "size", "mode", "writer"] {
        after.is("store", name, "ok");
    }
    let note = after.is("Logto", "tokens of buyers", "note");
    assert!(note["mend"].as_str().unwrap().contains("signs in again"), "{note:#}");
    assert!(bytes() == stored && town.logto.writes().len() == writes, "a checkup writes nothing");
}

#[test]
fn the_demo_is_well_and_its_text_says_so_line_by_line() {
    let home = Home::demo();
    home.write("entitlements.yaml", &demo_file().replace("prune: owned", QUIET));
    let Ran { out, err, .. } = home.entitled(&["doctor"]).exits(0);
    assert_eq!(err, "");
    assert!(out.starts_with("configuration\n  ok     file"), "{out}");
    assert!(out.contains("\nsource shop\n") && out.ends_with(" checks.\n"), "{out}");
    assert!(!out.contains("WRONG") && !out.contains('\u{1b}'), "{out}");
    assert_eq!(home.files(), ["entitlements.yaml"], "the simulators keep nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_without_the_role_is_a_403_and_the_console_mends_it() {
    let town = quiet().await.credentials(NOSCOPE_ID, APP_SECRET);
    let checkup = Checkup::of(&town.home, 1);
    checkup.is("Logto", "token", "ok");
    checkup.wrong("Logto", "scope", "403", "Logto Management API access");
    checkup.is("Logto", "names", "not_tried");
    checkup.is("source shop", "page", "ok");
    assert_eq!(checkup.wrongs(), 1);
    untouched(&town);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_told_and_not_shown() {
    let town = quiet().await.credentials(APP_ID, "not-the-secret");
    let checkup = Checkup::of(&town.home, 1);
    checkup.is("Logto", "reachable", "ok");
    checkup.wrong("Logto", "token", APP_ID, "logto.app_secret");
    checkup.is("Logto", "scope", "not_tried");
    let text = town.home.entitled(&["doctor", "--log", "trace"]).exits(1);
    assert!(!(text.out + &text.err).contains("not-the-secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_of_the_shop() {
    let mut town = quiet().await;
    town.home.set("SHOP_TOKEN", "not-the-token");
    let checkup = Checkup::of(&town.home, 1);
    checkup.is("source shop", "reachable", "ok");
    checkup.wrong("source shop", "credentials", "401", "");
    checkup.is("source shop", "order by id", "not_tried");
    assert_eq!(checkup.wrongs(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_ports_on_both_sides_are_told_in_one_run() {
    let town = quiet().await;
    let (logto, shop) = (town.running.logto_url().to_owned(), town.running.shop_url().to_owned());
    // The simulators are at 127.0.0.1, so nobody listens there, whatever port they have.
    let dead = "127.0.0.77:9";
    town.edit(&logto, &format!("http://{dead}"));
    town.edit(&shop, &format!("http://{dead}"));
    let checkup = Checkup::of(&town.home, 1);
    checkup.wrong("Logto", "reachable", "no connection to Logto", "can be reached from here");
    checkup.wrong("source shop", "reachable", "no answer", "");
    checkup.is("Logto", "token", "not_tried");
    assert_eq!(checkup.wrongs(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_role_is_a_404_with_its_place_and_the_nearest_name() {
    let town = quiet().await;
    town.edit("- role: paid-tier                   # by name or by id", "- role: paid-teir");
    let checkup = Checkup::of(&town.home, 1);
    checkup.wrong("Logto", "names", "no role `paid-teir` (entitlements.yaml:", "did you mean `paid-tier`?");
    checkup.wrong("Logto", "names", "404", "");
    assert_eq!(checkup.wrongs(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_role_that_nothing_is_called_has_its_place_and_the_nearest_name() {
    let town = quiet().await;
    town.edit("roles: [admin] ", "roles: [admim] ");
    let checkup = Checkup::of(&town.home, 1);
    checkup.wrong("Logto", "names", "`protect.roles` names `admim`", "did you mean `admin`?");
    checkup.wrong("Logto", "names", "nothing is protected by it (entitlements.yaml:", "");
    assert_eq!(checkup.wrongs(), 1);
}

/// A commit that sets another one begins an empty ledger.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_a_commit_can_lead_elsewhere_is_worth_knowing() {
    let mut town = quiet().await;
    let notes = |checkup: &Checkup| checkup.0.iter().filter(|check| check["name"] == "path").count();
    assert_eq!(notes(&Checkup::of(&town.home, 0)), 0, "nobody says it");
    town.edit("prune: owned", "store: other.db\nprune: owned");
    let note = Checkup::of(&town.home, 0).is("store", "path", "note").clone();
    assert!(note["found"].as_str().unwrap().contains("`store` in entitlements.yaml"), "{note:#}");
    assert!(note["mend"].as_str().unwrap().contains("`ENTITLED_STORE`"), "{note:#}");
    let store = town.home.path("other.db");
    town.home.set("ENTITLED_STORE", store.to_str().unwrap());
    assert_eq!(notes(&Checkup::of(&town.home, 0)), 0, "no commit changes that");
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_are_apart() {
    let town = quiet().await;
    town.logto.faults().date_skew(-400);
    town.shop.faults().date_skew(7 * 3600);
    let checkup = Checkup::of(&town.home, 1);
    checkup.wrong("Logto", "clock", "6m40s behind", "NTP");
    checkup.wrong("source shop", "clock", "ahead of", "NTP");
    town.logto.faults().date_skew(-10);
    town.shop.faults().date_skew(10);
    Checkup::of(&town.home, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_proxy_instead_of_json() {
    let town = quiet().await;
    town.logto.faults().add(Rule::new(Fault::Html).path("/api/"));
    town.shop.faults().add(Rule::new(Fault::Html));
    let checkup = Checkup::of(&town.home, 1);
    checkup.is("Logto", "scope", "ok");
    checkup.wrong("Logto", "Management API", "Total-Number", "logto.endpoint");
    checkup.wrong("source shop", "page", "text/html", "");
    town.logto.faults().clear();
    town.logto.faults().add(Rule::new(Fault::Html).path("/oidc/token"));
    Checkup::of(&town.home, 1).wrong("Logto", "reachable", "", "logto.endpoint");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_the_list_that_is_not_found_by_its_id() {
    let town = quiet().await;
    town.shop.faults().add(Rule::refuse(404).path("/api/merchant/orders/"));
    Checkup::of(&town.home, 1).wrong("source shop", "order by id", "not found by its id", "Unverified");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_no_rule_knows_is_counted() {
    let town = quiet().await;
    town.shop.faults().add(Rule::new(Fault::UnknownStatus));
    let checkup = Checkup::of(&town.home, 0);
    let note = checkup.is("source shop", "page", "note");
    assert!(note["found"].as_str().unwrap().contains("1 unknown"), "{note:#}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_others_may_read_or_that_is_no_store() {
    use std::os::unix::fs::PermissionsExt as _;
    let town = quiet().await;
    town.home.entitled(&["run", "--once"]).exits(0);
    let store = town.home.path("entitled.db");
    std::fs::set_permissions(&store, std::fs::Permissions::from_mode(0o644)).unwrap();
    Checkup::of(&town.home, 1).wrong("store", "mode", "0644", "chmod 600");
    std::fs::set_permissions(&store, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&store, "no database at all, and long enough to have a header of one").unwrap();
    Checkup::of(&town.home, 1).wrong("store", "opens", "not an entitled store", "file of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_to_the_store_is_named() {
    let town = quiet().await;
    town.home.entitled(&["run", "--once"]).exits(0);
    let lease = entitled::store::lease::take(&town.home.path("entitled.db")).unwrap().unwrap();
    let checkup = Checkup::of(&town.home, 0);
    let writer = checkup.is("store", "writer", "ok")["found"].as_str().unwrap();
    assert!(writer.contains(&format!("process {}", std::process::id())), "{writer}");
    drop(lease);
}

#[test]
fn an_invalid_file_is_the_one_thing_that_is_told() {
    let home = Home::new();
    home.write("entitlements.yaml", &demo_file().replace("prune: owned", "prnue: owned"));
    let checkup = Checkup::of(&home, 1);
    checkup.wrong("configuration", "file", "has ", "entitled check");
    assert_eq!(checkup.wrongs(), 1);
    home.entitled(&["doctor"]).exits(1).complains(&["did you mean `prune`"]);
    assert_eq!(home.files(), ["entitlements.yaml"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_to_listen_on_is_free_or_a_daemons_or_somebody_elses() {
    let town = quiet().await;
    let logto = town.running.logto_url().trim_start_matches("http://").to_owned();
    town.edit("listen: off", "listen: 127.0.0.1:0");
    Checkup::of(&town.home, 0).is("listener", "address", "ok");
    town.edit("listen: 127.0.0.1:0", &format!("listen: {logto}"));
    Checkup::of(&town.home, 1).wrong("listener", "address", "no daemon answers there", "`listen`");
    town.edit(&format!("listen: {logto}"), "listen: 0.0.0.0:0");
    Checkup::of(&town.home, 1).wrong("listener", "token", "ENTITLED_API_TOKEN", "127.0.0.1");
    town.edit("listen: 0.0.0.0:0", "listen: off");
    Checkup::of(&town.home, 0).is("listener", "address", "note");
}
