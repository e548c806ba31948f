//! One name that Logto does not know, or one source that does not answer, is trouble of its own: all else goes on.

use std::fs;

use crate::support::home::Town;

/// The file with one product more, which gives this.
fn with_product(town: &Town, entitlement: &str) {
    let path = town.home.path("entitlements.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("{text}\n  prd_odd:\n    entitlements: [{entitlement}]\n")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_name_that_does_not_resolve_keeps_nothing_from_the_others() {
    for entitlement in ["role: nowhere", "organization: nowhere", "{organization: acme, roles: [nowhere]}"] {
        let town = Town::demo().await;
        with_product(&town, entitlement);
        let plan = town.home.entitled(&["plan"]).exits(1).complains(&["`nowhere`", "1 name in `entitlements.yaml`"]);
        assert!(plan.out.contains("role paid-tier"), "{}", plan.out);
        let run = town.home.entitled(&["run", "--once"]).exits(1).complains(&["`nowhere`"]);
        assert!(run.out.contains("20 done"), "{}", run.out);
        let apply = town.home.entitled(&["apply", "--yes"]).exits(1).complains(&["`nowhere`"]);
        assert!(!apply.out.contains("revoke"), "{}", apply.out);
    }
}

/// Otherwise a slip of the hand leaves unprotected what the file says is protected.
#[tokio::test(flavor = "multi_thread")]
async fn a_protected_role_that_nothing_is_called_is_said_by_all_that_asks() {
    let town = Town::demo().await;
    town.edit("roles: [admin] ", "roles: [admim] ");
    let parts = ["`protect.roles` names `admim`", "nothing is protected by it", "did you mean `admin`?"];
    town.home.entitled(&["plan"]).exits(1).complains(&parts);
    let ran = town.home.entitled(&["run", "--once"]).exits(1).complains(&parts);
    assert!(ran.out.contains("20 done"), "all else goes on: {}", ran.out);
    let status = town.home.entitled(&["status"]);
    assert!(status.out.starts_with("Degraded") && status.out.contains("`admim`"), "{}", status.out);
    town.edit("roles: [admim] ", "roles: [admin] ");
    town.home.entitled(&["run", "--once"]).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_known_keeps_its_id_and_takes_nothing_away() {
    let town = Town::demo().await;
    town.home.entitled(&["run", "--once"]).exits(0);
    let role = town.logto.role("paid-tier").unwrap();
    let holders = town.logto.holders(&role);
    assert!(!holders.is_empty());
    // A slip in the file: what was given under the right name is not taken for it.
    town.edit("- role: paid-tier ", "- role: paid-teir ");
    town.home.entitled(&["run", "--once"]).exits(1).complains(&["`paid-teir`"]);
    assert_eq!(town.logto.holders(&role), holders);
    town.edit("- role: paid-teir ", "- role: paid-tier ");
    town.home.entitled(&["run", "--once"]).exits(0);
    // Deleted, the name keeps its last id.
    town.logto.delete_role(&role);
    let gone = town.home.entitled(&["run", "--once"]).exits(1);
    gone.complains(&["Logto has no role `paid-tier`", role.as_str(), "stays in use"]);
    assert!(
        !town.home.entitled(&["plan"]).out.contains("somebody took it away"),
        "the role is gone, and nobody's grant"
    );
    // Made anew, it is another one, and that is said.
    let again = town.logto.add_role("paid-tier");
    let ran = town.home.entitled(&["plan"]).complains(&["the role `paid-tier` has another id than before"]);
    assert!(ran.err.contains(role.as_str()) && ran.err.contains(again.as_str()), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_organization_of_the_same_name_changes_nothing_but_what_is_said() {
    let town = Town::demo().await;
    town.home.entitled(&["run", "--once"]).exits(0);
    let first = town.logto.organization("acme").unwrap();
    let second = town.logto.add_organization("acme");
    let ran = town.home.entitled(&["run", "--once"]).exits(1);
    let ran = ran.complains(&["2 organizations are named `acme`", first.as_str(), "stays in use"]);
    assert!(ran.out.contains("0 failed"), "{}", ran.out);
    assert!(town.logto.members(&second).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_source_that_does_not_answer_keeps_nothing_from_the_others() {
    let town = Town::demo().await;
    town.edit("sources:\n", "sources:\n  dead: {kind: file, path: nowhere.json}\n");
    for command in [&["plan"][..], &["run", "--once"], &["apply", "--yes"], &["who-has", "role", "paid-tier"]] {
        town.home.entitled(command).exits(1).complains(&["source `dead` could not be read"]);
    }
    let holders = town.logto.holders(&town.logto.role("paid-tier").unwrap());
    assert!(!holders.is_empty(), "what the other source sold was granted");
}
