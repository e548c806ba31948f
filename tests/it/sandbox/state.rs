//! What outlives a process, who serves it, and what a fresh one holds.

#![expect(clippy::disallowed_methods, reason = "looks at the files that a sandbox leaves")]

use std::collections::BTreeSet;
use std::path::Path;

use entitled::sandbox::{Options, SandboxError, Seed, SeedError, reset, start};
use serde_json::json;

use super::World;

fn kept(path: &Path) -> Options {
    Options { state: Some(path.to_owned()), ..Options::default() }
}

#[tokio::test]
async fn a_second_process_sees_what_the_first_did() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/sandbox.json");
    let world = World::of(start(kept(&path)).await.unwrap()).await;
    let (user, role) = (world.logto.add_user("a@example.com"), world.logto.add_role("paid"));
    let (org, member) = (world.logto.add_organization("acme"), world.logto.add_organization_role("member"));
    assert_eq!(world.post(&format!("/api/roles/{role}/users"), json!({"userIds": [user]})).await.status, 201);
    world.logto.add_member(&org, &user);
    world.logto.add_member_role(&org, &user, &member);
    let product = world.shop.add_product("prd_1", "One");
    let order = world.shop.buy(&product, &user);
    world.shop.set_status(&order, "refunded");
    world.running.stop().await.unwrap();

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let world = World::of(start(kept(&path)).await.unwrap()).await;
    assert_eq!(world.logto.holders(&role), BTreeSet::from([user.clone()]));
    assert_eq!(world.logto.members(&org)[&user], BTreeSet::from([member]));
    assert_eq!(world.logto.user("A@EXAMPLE.com"), Some(user.clone()), "the index of emails is built again");
    assert_eq!(world.get(&format!("/api/roles/{role}/users")).await.ids(), [user.as_str()]);
    assert_eq!(world.shop_get("/api/merchant/orders").await.json()[0]["status"], "refunded");
    let next = world.logto.add_user("b@example.com");
    assert_ne!(next, user, "ids are not given twice");
    drop(world);

    let world = World::of(start(kept(&path)).await.unwrap()).await;
    assert_eq!(world.logto.user("b@example.com"), Some(next), "dropping saves too");
}

#[tokio::test]
async fn a_change_is_saved_while_the_sandbox_runs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sandbox.json");
    let world = World::of(start(kept(&path)).await.unwrap()).await;
    world.logto.add_user("anna@example.com");
    let saved = async {
        while !std::fs::read_to_string(&path).unwrap().contains("anna@example.com") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), saved).await.expect("it is saved soon");
}

#[tokio::test]
async fn a_second_start_on_the_same_file_connects_to_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sandbox.json");
    let first = start(kept(&path)).await.unwrap();
    let second = start(kept(&path)).await.unwrap();
    assert!(second.handles().is_none());
    assert_eq!((first.logto_url(), first.shop_url()), (second.logto_url(), second.shop_url()));
    assert!(matches!(reset(&path).await, Err(SandboxError::InUse { .. })));
    second.stop().await.unwrap();
    let world = World::of(first).await;
    assert_eq!(world.get("/api/roles").await.status, 200, "the first goes on");
    let old = world.running.logto_url().to_owned();
    world.running.stop().await.unwrap();
    let third = start(kept(&path)).await.unwrap();
    assert!(third.handles().is_some() && third.logto_url() != old);
}

#[tokio::test]
async fn a_note_of_a_dead_process_is_ignored_and_a_reset_starts_afresh() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sandbox.json");
    let world = World::of(start(kept(&path)).await.unwrap()).await;
    world.logto.add_user("a@example.com");
    let note = dir.path().join("sandbox.json.live");
    let mut stale: serde_json::Value = serde_json::from_slice(&std::fs::read(&note).unwrap()).unwrap();
    world.running.stop().await.unwrap();

    // Somebody else listens where the dead process did.
    let other = start(Options::default()).await.unwrap();
    stale["logto"] = other.logto_url().into();
    for text in [stale.to_string(), "{".to_owned()] {
        std::fs::write(&note, text).unwrap();
        let running = start(kept(&path)).await.unwrap();
        assert!(running.handles().is_some_and(|own| own.logto.user("a@example.com").is_some()));
        running.stop().await.unwrap();
    }
    reset(&path).await.unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");
    let running = start(kept(&path)).await.unwrap();
    assert!(running.handles().is_some_and(|own| own.logto.user("a@example.com").is_none()));
}

#[tokio::test]
async fn a_damaged_state_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sandbox.json");
    for text in ["{\"version\":1", "{\"version\":99,\"logto\":{},\"shop\":{}}"] {
        std::fs::write(&path, text).unwrap();
        assert!(matches!(start(kept(&path)).await, Err(SandboxError::Load { .. })), "{text}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[tokio::test]
async fn the_demo_has_something_of_everything() {
    let options = Options { seed: Some(Seed::demo()), ..Options::default() };
    let world = World::of(start(options).await.unwrap()).await;
    let role = |name: &str| world.logto.role(name).unwrap();
    let held =
        |name: &str| world.logto.holders(&role(name)).into_iter().map(|user| user.to_string()).collect::<Vec<_>>();
    assert_eq!(held("paid-tier"), ["emil9g2y5r3w"], "to be adopted");
    assert_eq!(held("beta"), ["fay3x8m1k6vc"], "foreign");
    assert_eq!(world.logto.members(&world.logto.organization("acme").unwrap()).len(), 1);
    let m2m = world.get("/api/roles?type=MachineToMachine").await.json();
    assert_eq!(m2m[0]["name"], "Logto Management API access");
    let orders = world.shop_get("/api/merchant/orders").await.json();
    let orders = orders.as_array().unwrap();
    let statuses: BTreeSet<&str> = orders.iter().map(|order| order["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, BTreeSet::from(["disputed", "expired", "paid", "pending", "refunded"]));
    let changed: Vec<&str> = orders.iter().map(|order| order["updatedAt"].as_str().unwrap()).collect();
    assert!(changed.is_sorted_by(|a, b| a >= b), "{changed:?}");
    let waiting = orders.iter().find(|order| order["id"] == "ord_01H9L1").unwrap();
    assert_eq!(world.logto.user(waiting["user"]["email"].as_str().unwrap()), None);
    let annas = orders.iter().find(|order| order["id"] == "ord_01H9A1").unwrap();
    assert_eq!(annas["user"]["id"], world.logto.user("anna@example.com").unwrap().as_str());
}

#[tokio::test]
async fn a_seed_can_come_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = "users: [{email: a@example.com, roles: [vip]}]\nroles: [{name: vip}]\n";
    let json = r#"{"users": [{"email": "a@example.com", "roles": ["vip"]}], "roles": [{"name": "vip"}]}"#;
    for (name, text) in [("seed.yaml", yaml), ("seed.json", json)] {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        let seed = Seed::load(&path).unwrap();
        let running = start(Options { seed: Some(seed), ..Options::default() }).await.unwrap();
        let own = running.handles().unwrap();
        assert_eq!(own.logto.holders(&own.logto.role("vip").unwrap()).len(), 1, "{name}");
    }
    let path = dir.path().join("typo.yaml");
    std::fs::write(&path, "user: []\n").unwrap();
    assert!(matches!(Seed::load(&path), Err(SeedError::Shape { .. })));
    std::fs::write(&path, "users: [{email: a@example.com, roles: [vip]}]\n").unwrap();
    let wrong = start(Options { seed: Some(Seed::load(&path).unwrap()), ..Options::default() }).await;
    assert!(matches!(wrong, Err(SandboxError::Seed(SeedError::Unknown { kind: "role", .. }))));
}

#[tokio::test]
async fn it_listens_on_loopback_only() {
    let options = Options { shop: "0.0.0.0:0".parse().unwrap(), ..Options::default() };
    assert!(matches!(start(options).await, Err(SandboxError::NotLoopback(_))));
}
