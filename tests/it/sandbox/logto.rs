//! The simulated Logto without faults: what the recordings do not cover, or not in numbers.

use std::collections::BTreeSet;

use entitled::model::UserId;
use entitled::sandbox::NOSCOPE_ID;
use reqwest::Method;
use serde_json::json;

use super::{World, nothing};

#[tokio::test]
async fn a_batch_grants_all_or_nothing() {
    let world = World::new().await;
    let (a, b, c) = (world.logto.add_user("a@example.com"), world.logto.add_user("b@example.com"), "nosuchuser");
    let role = world.logto.add_role("paid");
    world.logto.grant(&a, &role);
    let path = format!("/api/roles/{role}/users");
    let held = BTreeSet::from([a.clone()]);

    assert_eq!(world.post(&path, json!({"userIds": [b, a]})).await.code(), (422, "role.user_exists".into()));
    assert_eq!(world.logto.holders(&role), held);
    assert_eq!(world.post(&path, json!({"userIds": [b, c]})).await.code(), (404, "entity.not_found".into()));
    assert_eq!(world.logto.holders(&role), held);
    assert_eq!(world.post(&path, json!({"userIds": [c, a]})).await.code(), (422, "role.user_exists".into()));
    assert_eq!(world.post(&path, json!({"userIds": [b, b]})).await.code(), (500, String::new()));
    assert_eq!(world.logto.holders(&role), held);
    assert_eq!(world.post(&path, json!({"userIds": [b]})).await.status, 201);
    assert_eq!(world.logto.holders(&role), BTreeSet::from([a, b]));
}

#[tokio::test]
async fn an_unknown_organization_has_no_members_and_says_so_with_200() {
    let world = World::new().await;
    let got = world.get("/api/organizations/nosuchorg/users").await;
    assert_eq!((got.status.as_u16(), got.header("total-number"), got.text.as_str()), (200, "0", "[]"));
    assert_eq!(world.get("/api/organizations/nosuchorg").await.code(), (404, "entity.not_exists_with_id".into()));
}

#[tokio::test]
async fn leaving_an_organization_takes_the_roles_in_it() {
    let world = World::new().await;
    let (org, role) = (world.logto.add_organization("acme"), world.logto.add_organization_role("member"));
    let user = world.logto.add_user("a@example.com");
    world.logto.add_member(&org, &user);
    world.logto.add_member_role(&org, &user, &role);
    assert_eq!(world.logto.members(&org)[&user], BTreeSet::from([role]));
    assert_eq!(world.delete(&format!("/api/organizations/{org}/users/{user}")).await.status, 204);
    assert_eq!(world.post(&format!("/api/organizations/{org}/users"), json!({"userIds": [user]})).await.status, 201);
    assert_eq!(world.logto.members(&org)[&user], BTreeSet::new());
}

#[tokio::test]
async fn twenty_thousand_holders_come_in_two_hundred_exact_pages() {
    let world = World::new().await;
    let role = world.logto.add_role("paid");
    let users = world.logto.add_users(20_000);
    users.iter().for_each(|user| world.logto.grant(user, &role));
    let (total, ids) = world.walk(&format!("/api/roles/{role}/users"), 100).await;
    assert_eq!((total, ids.len()), (20_000, 20_000));
    assert_eq!(ids.iter().map(|id| UserId::from(id.as_str())).collect::<BTreeSet<_>>(), world.logto.holders(&role));
    assert_eq!(ids[0], users[19_999].as_str(), "the newest comes first");
    assert_eq!(world.logto.requests().len(), 201);
    let hundred: String = users.iter().step_by(200).map(|user| format!("&search.id={user}")).collect();
    let got = world.get(&format!("/api/roles/{role}/users?mode.id=exact&page_size=100{hundred}")).await;
    assert_eq!((got.header("total-number"), got.ids().len()), ("100", 100));
}

#[tokio::test]
async fn users_are_found_as_the_search_says() {
    let world = World::new().await;
    let a = world.logto.add_user("Anna@Example.com");
    let b = world.logto.add_user("ben@example.com");
    for (query, found) in [
        ("search.primaryEmail=anna@example.com&mode.primaryEmail=exact", vec![&a]),
        ("search.primaryEmail=anna@example.com&mode.primaryEmail=exact&isCaseSensitive=true", vec![]),
        ("search.primaryEmail=Anna@Example.com&mode=exact&isCaseSensitive=true", vec![&a]),
        ("search.primaryEmail=anna", vec![]),
        ("search.primaryEmail=anna%25", vec![&a]),
        ("search.primaryEmail=%25example%25", vec![&b, &a]),
        ("search=%25example%25", vec![&b, &a]),
        (&format!("search.id={a}&search.primaryEmail=ben@example.com&mode=exact"), vec![&b, &a]),
        (&format!("search.id={a}&search.primaryEmail=ben@example.com&mode=exact&joint=and"), vec![]),
        ("primaryEmail=nobody@example.com", vec![&b, &a]),
    ] {
        let ids: Vec<UserId> =
            world.get(&format!("/api/users?{query}")).await.ids().iter().map(|id| id.as_str().into()).collect();
        assert_eq!(ids.iter().collect::<Vec<_>>(), found, "{query}");
    }
    let refused = world.get("/api/users?search.shoe=44").await;
    assert_eq!(refused.code(), (400, "request.invalid_input".into()));
}

#[tokio::test]
async fn links_drop_the_prefix_and_join_repeated_parameters() {
    let world = World::new().await;
    world.logto.add_users(3);
    let got = world.get("/api/users?page=2&page_size=1").await;
    let links: Vec<&str> = got.headers.get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
    let origin = world.running.logto_url();
    let link = |page: u32, rel: &str| format!("<{origin}/users?page={page}&page_size=1>; rel=\"{rel}\"");
    assert_eq!(links, [link(1, "first"), link(1, "prev"), link(3, "last"), link(3, "next")]);
    let got = world.get("/api/users?search.id=a&search.id=b&mode=exact").await;
    assert!(got.header("link").contains("/users?search.id=a%2Cb&mode=exact&page=1>"), "{}", got.header("link"));
}

#[tokio::test]
async fn what_is_no_request_of_this_api_is_refused_as_the_real_server_does() {
    let world = World::new().await;
    let user = world.logto.add_user("a@example.com");
    let role = world.logto.add_role("paid");
    for path in
        [format!("/api/roles/{role}/users"), format!("/api/users/{user}/roles"), "/api/organizations/x/users".into()]
    {
        let got = world.try_logto(Method::PUT, &path, Some(nothing())).await.unwrap();
        assert_eq!((got.status.as_u16(), got.text.as_str()), (405, "Method Not Allowed"), "PUT {path}");
    }
    let mebibyte = |extra: usize| {
        let overhead = json!({"userIds": [""]}).to_string().len();
        json!({"userIds": ["x".repeat(1024 * 1024 - overhead + extra)]})
    };
    assert_eq!(world.post(&format!("/api/roles/{role}/users"), mebibyte(0)).await.code().0, 404);
    let over = world.post(&format!("/api/roles/{role}/users"), mebibyte(1)).await;
    assert_eq!((over.status.as_u16(), over.header("content-type")), (404, "text/plain; charset=utf-8"));
    let ids: String = (0..700).map(|n| format!("&search.id=abcdefgh{n:04}")).collect();
    assert_eq!(world.get(&format!("/api/users?mode.id=exact{ids}")).await.status, 431);
    for size in ["0", "-1", "101", "abc"] {
        let got = world.get(&format!("/api/users?page_size={size}")).await;
        assert_eq!(got.code(), (400, "guard.invalid_pagination".into()), "{size}");
    }
    assert!(!world.get("/api/nosuchpath").await.header("logto-core-request-id").is_empty());
}

#[tokio::test]
async fn tokens_say_what_they_open() {
    let world = World::new().await;
    let weak = world.ask_token(NOSCOPE_ID).await;
    assert_eq!((weak.status.as_u16(), weak.json().get("scope")), (200, None));
    let refused = world.post("/oidc/token", json!({"grant_type": "client_credentials"})).await;
    assert_eq!(refused.code(), (400, "oidc.invalid_request".into()));
    let in_json = json!({"grant_type": "client_credentials", "client_id": "sandbox-app", "client_secret": "sandbox-secret",
        "resource": "https://default.logto.app/api", "scope": "all"});
    assert_eq!(world.post("/oidc/token", in_json).await.json()["scope"], "all");
}

#[tokio::test]
async fn the_log_tells_writes_from_reads() {
    let world = World::new().await;
    let (user, role) = (world.logto.add_user("a@example.com"), world.logto.add_role("paid"));
    world.get("/api/users?page_size=1").await;
    world.new_token("sandbox-app").await;
    world.post(&format!("/api/users/{user}/roles"), json!({"roleIds": [role]})).await;
    let seen: Vec<String> =
        world.logto.requests().iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
    let write = format!("POST /api/users/{user}/roles");
    assert_eq!(seen, ["GET /api/users?page_size=1", "POST /oidc/token", &write]);
    let writes = world.logto.writes();
    assert_eq!((writes.len(), writes[0].status), (1, Some(201)));
    assert_eq!(writes[0].user_agent, entitled::http::USER_AGENT);
}

#[tokio::test]
async fn deleting_takes_everything_that_hung_on_it() {
    let world = World::new().await;
    let (user, role) = (world.logto.add_user("a@example.com"), world.logto.add_role("paid"));
    let (org, member) = (world.logto.add_organization("acme"), world.logto.add_organization_role("member"));
    world.logto.grant(&user, &role);
    world.logto.add_member(&org, &user);
    world.logto.add_member_role(&org, &user, &member);
    world.logto.delete_organization_role(&member);
    assert_eq!(world.logto.members(&org)[&user], BTreeSet::new());
    world.logto.delete_user(&user);
    assert_eq!((world.logto.holders(&role).len(), world.logto.members(&org).len()), (0, 0));
    let again = world.logto.add_user("A@example.com");
    world.logto.grant(&again, &role);
    world.logto.delete_role(&role);
    assert_eq!(world.logto.roles_of(&again), BTreeSet::new());
}
