//! Names of the file and what they stand for.

use crate::logto::*;

#[tokio::test]
async fn names_and_ids_resolve_and_an_organization_role_brings_the_membership() {
    let stub = Stub::start().await;
    stub.populate(1);
    stub.state().organizations.insert("acme-shop".into(), "Acme Shop".into());
    stub.state().roles.insert("r2".into(), ("admin".into(), "User"));
    let products = [
        product("pro", &["prd_1", "prd_2"], 3, vec![role("paid-tier", 5), role("admin", 6), role("paid", 7)]),
        product("team", &["prd_3"], 10, vec![organization_role("Acme", "member", 12)]),
    ];
    let protect = ["admin", "member"].map(|name| ProtectedRole { name: name.to_owned(), line: 1, column: 1 });
    let resolved = resolve(&client(&stub).reader(), &products, &protect).await.unwrap();
    assert_eq!(resolved.problems, []);
    let catalog = resolved.catalog;
    let targets: Vec<(&str, bool)> =
        catalog.targets.iter().map(|entry| (entry.name.as_str(), entry.protected)).collect();
    assert_eq!(
        targets,
        [
            ("organization Acme", false),
            ("organization Acme role member", true),
            ("role paid-tier", false),
            ("role admin", true)
        ]
    );
    assert_eq!(catalog.find(&Target::Role { role: paid() }), Some(TargetIx(2)));
    let rules: Vec<(&str, Vec<(u16, u32)>)> = catalog
        .products
        .iter()
        .map(|rule| {
            let lines = rule.entitlements.iter().map(|entitlement| (entitlement.target.0, entitlement.line));
            (rule.product.as_str(), lines.collect())
        })
        .collect();
    assert_eq!(
        rules,
        [("prd_1", vec![(2, 5), (3, 6)]), ("prd_2", vec![(2, 5), (3, 6)]), ("prd_3", vec![(0, 12), (1, 12)])]
    );
}

#[tokio::test]
async fn every_wrong_name_is_a_problem_with_its_place_and_the_rest_resolves() {
    let stub = Stub::start().await;
    stub.populate(1);
    {
        let mut state = stub.state();
        state.roles.insert("m2m".into(), ("robots".into(), "MachineToMachine"));
        state.organization_roles.insert("om".into(), ("agents".into(), "MachineToMachine"));
        state.organizations.insert("twin1".into(), "Twin".into());
        state.organizations.insert("twin2".into(), "Twin".into());
    }
    let products = [product(
        "pro",
        &["prd_1"],
        3,
        vec![
            role("piad-tier", 5),
            role("robots", 6),
            role("paid-tier", 7),
            organization("Twin", 8),
            organization("Amce", 9),
            organization_role("Amce", "membre", 10),
            organization_role("Acme", "agents", 11),
            organization("twin2", 12),
        ],
    )];
    let resolved = resolve(&client(&stub).reader(), &products, &[]).await.unwrap();
    let problems: Vec<(u32, u32, &str, &str)> = resolved
        .problems
        .iter()
        .map(|problem| {
            (problem.line, problem.column, problem.message.as_str(), problem.hint.as_deref().unwrap_or_default())
        })
        .collect();
    assert_eq!(
        problems,
        [
            (5, 9, "Logto has no role `piad-tier`", "did you mean `paid-tier`?"),
            (
                6,
                9,
                "the role `robots` is for machine-to-machine applications and cannot be given to users",
                "choose one of the type `User`, or create one in the console"
            ),
            (8, 9, "2 organizations are named `Twin`", "write the id of the one you mean: `twin1`, `twin2`"),
            (9, 9, "Logto has no organization `Amce`", "did you mean `Acme`?"),
            (10, 17, "Logto has no organization role `membre`", "did you mean `member`?"),
            (
                11,
                17,
                "the organization role `agents` is for machine-to-machine applications and cannot be given to users",
                "choose one of the type `User`, or create one in the console"
            ),
        ]
    );
    let names: Vec<&str> = resolved.catalog.targets.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["organization Twin", "role paid-tier"]);
}

#[tokio::test]
async fn organizations_are_looked_for_at_the_same_time() {
    let stub = Stub::start().await;
    let names = ["Acme", "Globex", "Initech", "Umbrella"];
    for name in names {
        stub.state().organizations.insert(name.to_lowercase(), name.into());
    }
    // Nobody is answered before all are there.
    let others = std::sync::Arc::new(tokio::sync::Barrier::new(names.len()));
    stub.state().meeting = Some(("/api/organizations", others));
    let wanted = (5..).zip(names).map(|(line, name)| organization(name, line)).collect();
    let products = [product("team", &["prd_1"], 3, wanted)];
    let client = client(&stub);
    let reader = client.reader();
    let resolving = tokio::time::timeout(Duration::from_secs(20), resolve(&reader, &products, &[]));
    let resolved = resolving.await.expect("one waits for another").unwrap();
    assert_eq!((resolved.problems.len(), resolved.catalog.targets.len()), (0, names.len()));
}
