//! A role that `protect.roles` names stays protected, whatever it is called by now.

use crate::support::stage::{NO_LIMITS, Stage, file};

const NOTHING_SOLD: &str = "products: {prd_other: {entitlements: [role: beta]}}";

fn protecting(names: &str, products: &str) -> String {
    file("owned", &format!("protect: {{roles: [{names}]}}\n{NO_LIMITS}"), products)
}

/// A tenant that has gone by this file, in which somebody has bought `prd_cheap`.
async fn bought(yaml: &str) -> Stage {
    let mut stage = Stage::of(yaml).await;
    stage.enter(yaml).await;
    stage.buyer("ann@example.com", "prd_cheap");
    stage.pass().await;
    stage
}

/// Gives the protected roles other names.
fn rename(stage: &Stage) {
    stage.logto.rename_role(&stage.logto.role("admin").unwrap(), "root");
    stage.logto.rename_organization_role(&stage.logto.organization_role("boss").unwrap(), "chief");
}

#[tokio::test]
async fn a_role_that_is_renamed_stays_protected_and_is_not_sold_under_its_new_name() {
    for (name, sold, target) in [
        ("admin", "role: root", "role root"),
        ("boss", "{organization: acme, roles: [chief]}", "organization acme role chief"),
    ] {
        let mut stage = bought(&protecting(name, NOTHING_SOLD)).await;
        rename(&stage);
        stage.enter(&protecting(name, &format!("products: {{prd_cheap: {{entitlements: [{sold}]}}}}"))).await;
        let passed = stage.pass().await;
        let held = passed.held().into_iter().map(|(hold, verb, target, _)| (hold, verb, target)).collect::<Vec<_>>();
        assert_eq!(held, [("Protected", "grant", target)], "{name}");
        // And it is said, once, where the file names it.
        let [problem] = &*stage.active.unresolved else { panic!("{:?}", stage.active.unresolved) };
        assert!(
            problem.message.contains(&format!("`{name}`")) && problem.message.contains("stays protected"),
            "{problem:?}"
        );
        assert_eq!((problem.line, problem.column), (5, 19), "{problem:?}");
    }
}

#[tokio::test]
async fn what_is_ours_on_a_renamed_role_is_not_taken_while_the_file_protects_it() {
    for (name, sold, target) in [
        ("admin", "role: admin", "role root"),
        ("boss", "{organization: acme, roles: [boss]}", "organization acme role chief"),
    ] {
        let sells = format!("products: {{prd_cheap: {{entitlements: [{sold}]}}}}");
        let mut stage = bought(&file("owned", NO_LIMITS, &sells)).await;
        stage.enter(&protecting(name, NOTHING_SOLD)).await;
        rename(&stage);
        stage.active.refresh().await.unwrap();
        let passed = stage.pass().await;
        let held = passed.held();
        assert!(
            held.iter().any(|(hold, verb, on, _)| (*hold, *verb, *on) == ("Protected", "revoke", target)),
            "{held:?}"
        );
    }
}

#[tokio::test]
async fn a_role_that_was_renamed_is_not_sold_by_the_commit_that_protects_it_no_more() {
    let delay = "safeguards: {delay: 24h}";
    for (name, sold, target) in [
        ("admin", "role: root", "role root"),
        ("boss", "{organization: acme, roles: [chief]}", "organization acme role chief"),
    ] {
        let protects = format!("{delay}\nprotect: {{roles: [{name}]}}\n{NO_LIMITS}");
        let mut stage = bought(&file("owned", &protects, NOTHING_SOLD)).await;
        rename(&stage);
        let sells = format!("products: {{prd_cheap: {{entitlements: [{sold}]}}}}");
        stage.enter(&file("owned", &format!("{delay}\n{NO_LIMITS}"), &sells)).await;
        let passed = stage.pass().await;
        let held = passed.held().into_iter().map(|(hold, verb, target, _)| (hold, verb, target)).collect::<Vec<_>>();
        assert_eq!(held, [("Settling", "grant", target)], "{name}");
    }
}

/// What two organizations are called is told apart by their ids, which is no part of the name of a role in them.
#[tokio::test]
async fn a_role_in_one_of_two_organizations_of_one_name_settles_like_any_other() {
    let delay = "safeguards: {delay: 24h}";
    let mut stage =
        bought(&file("owned", &format!("{delay}\nprotect: {{roles: [boss]}}\n{NO_LIMITS}"), NOTHING_SOLD)).await;
    let (first, second) = (stage.organization(), stage.logto.add_organization("acme"));
    let sells = format!(
        "products: {{prd_cheap: {{entitlements: [{{organization: {first}, roles: [boss]}}, {{organization: {second}, roles: [boss]}}]}}}}"
    );
    stage.enter(&file("owned", &format!("{delay}\n{NO_LIMITS}"), &sells)).await;
    let passed = stage.pass().await;
    let held: Vec<&str> = passed.held().into_iter().filter(|held| held.0 == "Settling").map(|held| held.2).collect();
    assert_eq!(held.len(), 2, "{:?}", passed.held());
}

#[tokio::test]
async fn a_name_that_nothing_has_is_said_with_its_place_and_what_it_may_mean() {
    const SOLD: &str = "products: {prd_other: {entitlements: [role: paid-tier]}}";
    let mut stage = Stage::usual().await;
    for (names, near) in [("admn", "`admin`"), ("beta, menber", "`member`")] {
        stage.enter(&protecting(names, SOLD)).await;
        let [problem] = &*stage.active.unresolved else { panic!("{names}: {:?}", stage.active.unresolved) };
        assert!(problem.message.contains("nothing is protected by it"), "{problem:?}");
        assert!(problem.hint.as_ref().unwrap().contains(near), "{problem:?}");
        assert_eq!(problem.line, 5);
    }
    // By an id, a name, of whichever kind, and for whomever it is.
    let id = stage.logto.role("admin").unwrap();
    stage.logto.add_m2m_role("robots");
    stage.enter(&protecting(&format!("{id}, beta, member, robots"), SOLD)).await;
    assert_eq!(*stage.active.unresolved, []);
}
