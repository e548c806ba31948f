//! The client of Logto: how many calls it makes, and what it makes of unclear answers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod stub;

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entitled::config::settings::{self, LogtoEndpoint, Product, Protect, Wanted, WantedTarget};
use entitled::logto::{Client, Found, LogtoError, Outcome, resolve};
use entitled::model::{Email, OrganizationId, OrganizationRoleId, Policy, RoleId, Target, TargetIx, UserId};
use entitled::secret::Secret;
use jiff::SignedDuration;
use stub::{Fault, Rule, SECRET, Stub};

fn settings(stub: &Stub) -> settings::Logto {
    settings::Logto {
        endpoint: LogtoEndpoint::Url(stub.url.clone()),
        app_id: "app".into(),
        app_secret: Secret::new(SECRET.into()),
        resource: "https://default.logto.app/api".into(),
        rate: None,
        concurrency: 4,
        batch: 100,
        timeout: SignedDuration::from_secs(5),
    }
}

fn client(stub: &Stub) -> Client {
    Client::new(&stub.url, &settings(stub))
}

fn paid() -> RoleId {
    "paid".into()
}

fn acme() -> OrganizationId {
    "acme".into()
}

fn member() -> OrganizationRoleId {
    "member".into()
}

fn hold(stub: &Stub, users: &[UserId]) {
    stub.state().holders.entry("paid".into()).or_default().extend(users.iter().map(UserId::to_string));
}

fn join(stub: &Stub, users: &[UserId]) {
    let mut state = stub.state();
    let members = state.members.entry("acme".into()).or_default();
    members.extend(users.iter().map(|user| (user.to_string(), BTreeSet::new())));
}

/// The users with this kind of outcome.
fn those(outcomes: &[(UserId, Outcome)], which: fn(&Outcome) -> bool) -> Vec<&str> {
    outcomes.iter().filter(|(_, outcome)| which(outcome)).map(|(user, _)| user.as_str()).collect()
}

fn done(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done)
}

// The token

#[tokio::test]
async fn twenty_first_calls_fetch_one_token() {
    let stub = Stub::start().await;
    stub.populate(1);
    let client = client(&stub);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let reader = client.reader();
        calls.spawn(async move { reader.probe().await });
    }
    while let Some(ended) = calls.join_next().await {
        ended.unwrap().unwrap();
    }
    assert_eq!(stub.state().tokens, 1);
    assert_eq!(client.calls(), 21);
}

#[tokio::test]
async fn twenty_first_calls_try_a_wrong_secret_once() {
    let stub = Stub::start().await;
    stub.state().secret = "another".into();
    let client = client(&stub);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let reader = client.reader();
        calls.spawn(async move { reader.probe().await });
    }
    while let Some(ended) = calls.join_next().await {
        let error = ended.unwrap().unwrap_err();
        assert!(matches!(&error, LogtoError::WrongSecret { app } if app == "app"), "{error:?}");
        assert!(!error.is_transient());
    }
    assert_eq!(stub.state().tokens, 1);
}

#[tokio::test]
async fn a_token_is_replaced_before_it_expires() {
    let stub = Stub::start().await;
    stub.populate(1);
    stub.state().lifetime = 1;
    let reader = client(&stub).reader();
    let mut calls = 0;
    tokio::time::timeout(Duration::from_secs(10), async {
        while stub.state().tokens < 3 {
            reader.probe().await.unwrap();
            calls += 1;
        }
    })
    .await
    .unwrap();
    assert!(calls > 10, "a token served only {calls} calls");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_then_it_is_an_error() {
    let stub = Stub::start().await;
    stub.populate(1);
    let reader = client(&stub).reader();
    reader.probe().await.unwrap();
    stub.state().valid_from = 2;
    reader.probe().await.unwrap();
    assert_eq!(stub.state().tokens, 2);
    stub.state().valid_from = 99;
    let error = reader.probe().await.unwrap_err();
    assert!(matches!(error, LogtoError::Unauthorized { .. }), "{error:?}");
    assert_eq!(stub.state().tokens, 3);
}

#[tokio::test]
async fn each_refusal_of_a_token_says_what_to_mend() {
    let stub = Stub::start().await;
    stub.populate(1);
    let ask = async |change: fn(&mut settings::Logto)| {
        let mut settings = settings(&stub);
        change(&mut settings);
        let error = Client::new(&stub.url, &settings).reader().probe().await.unwrap_err();
        let hint = error.hint().unwrap();
        (error, hint)
    };
    let (error, hint) = ask(|s| s.app_secret = Secret::new("wrong".into())).await;
    assert!(matches!(error, LogtoError::WrongSecret { .. }), "{error:?}");
    assert!(hint.contains("logto.app_secret"), "{hint}");
    let (error, hint) = ask(|s| s.app_id = "nobody".into()).await;
    assert!(matches!(error, LogtoError::UnknownApplication { .. }), "{error:?}");
    assert!(hint.contains("logto.app_id"), "{hint}");
    let (error, hint) = ask(|s| s.app_id = "late".into()).await;
    assert!(matches!(error, LogtoError::ExpiredSecret { .. }), "{error:?}");
    assert!(hint.contains("new secret"), "{hint}");
    let (error, hint) = ask(|s| s.resource.push('/')).await;
    assert!(matches!(error, LogtoError::UnknownResource { .. }), "{error:?}");
    assert!(hint.contains("logto.resource"), "{hint}");
    stub.state().scope = None;
    let (error, hint) = ask(|_| ()).await;
    assert!(matches!(error, LogtoError::Scope { .. }), "{error:?}");
    assert_eq!(hint, "Console > Machine-to-machine > your application > Roles: assign `Logto Management API access`");
    stub.state().scope = Some("small all-but");
    let (error, _) = ask(|_| ()).await;
    assert!(matches!(error, LogtoError::Scope { .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_at_the_endpoint_is_told_as_that() {
    let stub = Stub::start().await;
    let free = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let error = Client::new(&free, &settings(&stub)).reader().probe().await.unwrap_err();
    assert!(matches!(&error, LogtoError::Connect { endpoint, .. } if *endpoint == free), "{error:?}");
    assert!(error.is_transient());
}

// Reading

#[tokio::test]
async fn a_thousand_holders_are_read_in_ten_calls() {
    let stub = Stub::start().await;
    let users = stub.populate(1_000);
    hold(&stub, &users);
    let client = client(&stub);
    let told = Mutex::new(Vec::new());
    let walk = client
        .reader()
        .role_holders(&paid(), Some(&|done, total| told.lock().unwrap().push((done, total))))
        .await
        .unwrap()
        .here()
        .unwrap();
    assert_eq!(walk.ids, users);
    assert!(walk.whole());
    assert_eq!(client.calls(), 1 + 10);
    assert_eq!(told.lock().unwrap().first(), Some(&(100, 1_000)));
    assert_eq!(told.lock().unwrap().last(), Some(&(1_000, 1_000)));
}

#[tokio::test]
async fn a_walk_that_lost_a_row_is_not_whole_and_a_question_by_id_finds_it() {
    let stub = Stub::start().await;
    let users = stub.populate(250);
    hold(&stub, &users);
    stub.state().ties = true;
    let reader = client(&stub).reader();
    let walk = reader.role_holders(&paid(), None).await.unwrap().here().unwrap();
    assert_eq!((walk.ids.len(), walk.total), (248, 250));
    assert!(!walk.whole());
    let seen: BTreeSet<&UserId> = walk.ids.iter().collect();
    let unseen: Vec<UserId> = users.iter().filter(|user| !seen.contains(user)).cloned().collect();
    let found = reader.holders_among(&paid(), &unseen).await.unwrap().here().unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), unseen);
}

#[tokio::test]
async fn a_walk_during_which_the_total_changes_is_not_whole() {
    let stub = Stub::start().await;
    let users = stub.populate(150);
    hold(&stub, &users[..149]);
    let reader = client(&stub).reader();
    let late = stub.clone();
    let progress = move |_, _| {
        late.state().holders.get_mut("paid").unwrap().insert("u00149".into());
    };
    let walk = reader.role_holders(&paid(), Some(&progress)).await.unwrap().here().unwrap();
    assert_eq!((walk.total, walk.total_at_end), (149, 150));
    assert!(!walk.whole());
}

#[tokio::test]
async fn what_does_not_exist_is_missing_and_not_empty() {
    let stub = Stub::start().await;
    stub.populate(1);
    let reader = client(&stub).reader();
    assert_eq!(reader.role_holders(&"gone".into(), None).await.unwrap(), Found::Missing);
    assert_eq!(reader.members(&"gone".into(), None).await.unwrap(), Found::Missing);
    let empty = reader.members(&acme(), None).await.unwrap().here().unwrap();
    assert!(empty.members.is_empty() && empty.whole());
    let nobody = reader.role_holders(&paid(), None).await.unwrap().here().unwrap();
    assert!(nobody.ids.is_empty() && nobody.whole());
    assert_eq!(reader.user_organizations(&"nobody".into()).await.unwrap(), None);
    assert_eq!(reader.member_roles(&acme(), &"u00000".into()).await.unwrap(), None);
    let gone = Target::Role { role: "gone".into() };
    assert_eq!(reader.holder_count(&gone).await.unwrap(), None);
}

#[tokio::test]
async fn a_404_in_plain_text_is_a_wrong_path_and_nothing_is_missing() {
    let stub = Stub::start().await;
    let users = stub.populate(1);
    let client = client(&stub);
    stub.fault(Fault::AnswerText(404), 3, "GET", "/users");
    let error = client.reader().role_holders(&paid(), None).await.unwrap_err();
    assert!(matches!(error, LogtoError::WrongPath { status: 404, .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("logto.endpoint"));
    assert!(client.reader().members(&acme(), None).await.is_err());
    assert!(client.reader().user_organizations(&users[0]).await.is_err());
    stub.fault(Fault::AnswerText(404), 1, "DELETE", "/users");
    let outcome = client.writer().revoke(&users[0], &Target::Role { role: paid() }).await;
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
}

#[tokio::test]
async fn members_come_with_their_organization_roles_in_one_walk() {
    let stub = Stub::start().await;
    let users = stub.populate(150);
    join(&stub, &users);
    stub.state().members.get_mut("acme").unwrap().get_mut("u00007").unwrap().insert("member".into());
    let client = client(&stub);
    let walk = client.reader().members(&acme(), None).await.unwrap().here().unwrap();
    assert!(walk.whole());
    assert_eq!(client.calls(), 1 + 2);
    let with_roles: Vec<_> = walk.members.iter().filter(|(_, roles)| !roles.is_empty()).collect();
    assert_eq!(with_roles, [&(users[7].clone(), vec![member()])]);
    let organizations = client.reader().user_organizations(&users[7]).await.unwrap().unwrap();
    assert_eq!(organizations, [(acme(), vec![member()])]);
    assert_eq!(client.reader().member_roles(&acme(), &users[7]).await.unwrap(), Some(vec![member()]));
    let membership = Target::Membership { organization: acme() };
    assert_eq!(client.reader().holder_count(&membership).await.unwrap(), Some(150));
}

#[tokio::test]
async fn questions_by_id_hold_a_hundred_ids_and_leave_out_what_cannot_be_one() {
    let stub = Stub::start().await;
    let users = stub.populate(250);
    let client = client(&stub);
    let mut asked = users.clone();
    asked.extend(["..".into(), "a/b".into(), "a\0b".into(), "".into(), "unknown".into()]);
    let found = client.reader().users_by_id(&asked).await.unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), users);
    assert_eq!(stub.count("GET", "/api/users"), 3);
    assert_eq!(client.reader().user_organizations(&"..".into()).await.unwrap(), None);
    assert_eq!(stub.count("GET", "/"), 3);
}

#[tokio::test]
async fn a_server_that_ignores_a_search_is_not_believed() {
    let stub = Stub::start().await;
    stub.populate(3);
    let app = axum::Router::new()
        .route(
            "/oidc/token",
            axum::routing::post(|| async {
                axum::Json(serde_json::json!({"access_token": "t", "expires_in": 60, "scope": "all"}))
            }),
        )
        .fallback(|| async { ([("total-number", "2")], axum::Json(serde_json::json!([{"id": "a"}, {"id": "b"}]))) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let reader = Client::new(&url, &settings(&stub)).reader();
    let error = reader.holders_among(&paid(), &["a".into()]).await.unwrap_err();
    assert!(matches!(error, LogtoError::SearchIgnored { .. }), "{error:?}");
}

#[tokio::test]
async fn addresses_are_found_whatever_their_case_however_many_share_one() {
    let stub = Stub::start().await;
    stub.populate(250);
    stub.state().users.insert("upper".into(), "U00003@Example.com".into());
    let emails: Vec<Email> = (0..250)
        .map(|n| Email::parse(&format!("u{n:05}@example.com")).unwrap())
        .chain(Email::parse("no@one.example"))
        .collect();
    let client = client(&stub);
    let found = client.reader().users_by_email(&emails).await.unwrap();
    assert_eq!(found.iter().map(|(email, _)| email).collect::<Vec<_>>(), emails.iter().collect::<Vec<_>>());
    assert_eq!(found[3].1, ["u00003".into(), UserId::from("upper")]);
    assert_eq!(found[4].1, ["u00004".into()]);
    assert!(found[250].1.is_empty());
    assert!(client.calls() < 10, "{} calls", client.calls());

    // 150 users with one address: the answer to 2 addresses fills more than a page.
    stub.state().users.extend((0..150).map(|n| (format!("twin{n:03}"), "Twin@example.com".to_owned())));
    let emails = [emails[0].clone(), Email::parse("twin@example.com").unwrap()];
    let found = client.reader().users_by_email(&emails).await.unwrap();
    assert_eq!((found[0].1.len(), found[1].1.len()), (1, 150));
}

#[tokio::test]
async fn a_read_is_tried_again_after_a_failure() {
    let stub = Stub::start().await;
    let users = stub.populate(3);
    hold(&stub, &users);
    stub.fault(Fault::Answer(500), 1, "GET", "/api/roles/paid/users");
    stub.fault(Fault::Drop, 1, "GET", "/api/roles/paid/users");
    let client = client(&stub);
    let walk = client.reader().role_holders(&paid(), None).await.unwrap().here().unwrap();
    assert!(walk.whole());
    assert!(client.slept() > Duration::ZERO);
    stub.fault(Fault::AnswerText(500), 99, "GET", "/api/roles/paid/users");
    let error = client.reader().role_holders(&paid(), None).await.unwrap_err();
    assert!(matches!(error, LogtoError::Server { status: 500, .. }) && error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn one_429_slows_every_call() {
    let stub = Stub::start().await;
    stub.populate(3);
    let client = Client::new(&stub.url, &settings::Logto { concurrency: 1, ..settings(&stub) });
    client.reader().probe().await.unwrap();
    stub.forget();
    stub.fault(Fault::Quiet, 1, "GET", "/api/roles");
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let reader = client.reader();
        calls.spawn(async move { reader.probe().await });
    }
    while let Some(ended) = calls.join_next().await {
        ended.unwrap().unwrap();
    }
    let at: Vec<_> = stub.state().seen.iter().map(|seen| seen.at).collect();
    assert_eq!(at.len(), 5);
    assert!(at[1] - at[0] >= Duration::from_millis(950), "{:?}", at[1] - at[0]);
    assert!(client.slept() >= Duration::from_millis(900));
}

// Granting

#[tokio::test]
async fn a_thousand_users_are_granted_a_role_in_ten_calls() {
    let stub = Stub::start().await;
    let users = stub.populate(1_000);
    let client = client(&stub);
    let outcomes = client.writer().grant_role(&paid(), &users).await;
    assert_eq!(those(&outcomes, done).len(), 1_000);
    assert_eq!(stub.holders("paid").len(), 1_000);
    assert_eq!(client.calls(), 1 + 10);
}

#[tokio::test]
async fn one_dead_user_among_a_hundred_costs_two_more_calls() {
    let stub = Stub::start().await;
    let users = stub.populate(100);
    stub.state().users.remove("u00042");
    let client = client(&stub);
    let outcomes = client.writer().grant_role(&paid(), &users).await;
    assert_eq!(those(&outcomes, done).len(), 99);
    assert_eq!(those(&outcomes, |o| matches!(o, Outcome::NoUser)), ["u00042"]);
    assert_eq!(client.calls(), 1 + 3);

    let before = client.calls();
    let outcomes = client.writer().add_members(&acme(), &users).await;
    assert_eq!(those(&outcomes, done).len(), 99);
    assert_eq!(those(&outcomes, |o| matches!(o, Outcome::NoUser)), ["u00042"]);
    assert_eq!(client.calls() - before, 3);
}

#[tokio::test]
async fn holders_leave_the_batch_and_the_rest_goes_on() {
    let stub = Stub::start().await;
    let users = stub.populate(100);
    let client = client(&stub);
    hold(&stub, &users[10..11]);
    let outcomes = client.writer().grant_role(&paid(), &users).await;
    assert_eq!(those(&outcomes, |o| matches!(o, Outcome::AlreadySo)), ["u00010"]);
    assert_eq!(those(&outcomes, done).len(), 99);
    assert_eq!(client.calls(), 1 + 2);

    stub.state().holders.clear();
    hold(&stub, &users[10..70]);
    let before = client.calls();
    let outcomes = client.writer().grant_role(&paid(), &users).await;
    assert_eq!(those(&outcomes, |o| matches!(o, Outcome::AlreadySo)).len(), 60);
    assert_eq!(those(&outcomes, done).len(), 40);
    assert_eq!(client.calls() - before, 4);
    assert_eq!(stub.holders("paid").len(), 100);
}

#[tokio::test]
async fn an_id_given_twice_is_sent_once_and_an_impossible_one_never() {
    let stub = Stub::start().await;
    let mut users = stub.populate(2);
    users.extend([users[0].clone(), "../../users".into()]);
    let outcomes = client(&stub).writer().grant_role(&paid(), &users).await;
    assert_eq!(outcomes.len(), 3);
    assert_eq!(those(&outcomes, done), ["u00000", "u00001"]);
    assert_eq!(those(&outcomes, |o| matches!(o, Outcome::NoUser)), ["../../users"]);
    assert_eq!(stub.count("POST", "/api/"), 1);
}

#[tokio::test]
async fn a_missing_target_is_told_as_that_for_everybody() {
    let stub = Stub::start().await;
    let users = stub.populate(20);
    join(&stub, &users);
    let writer = client(&stub).writer();
    let gone = |o: &Outcome| matches!(o, Outcome::NoTarget);
    assert_eq!(those(&writer.grant_role(&"gone".into(), &users).await, gone).len(), 20);
    assert_eq!(those(&writer.add_members(&"gone".into(), &users).await, gone).len(), 20);
    assert_eq!(those(&writer.grant_organization_role(&"gone".into(), &member(), &users).await, gone).len(), 20);
    assert_eq!(those(&writer.grant_organization_role(&acme(), &"gone".into(), &users).await, gone).len(), 20);
}

#[tokio::test]
async fn a_machine_role_fails_for_everybody_in_one_call() {
    let stub = Stub::start().await;
    let users = stub.populate(20);
    stub.state().roles.insert("robot".into(), ("robot".into(), "MachineToMachine"));
    let outcomes = client(&stub).writer().grant_role(&"robot".into(), &users).await;
    let machine = |o: &Outcome| matches!(o, Outcome::Failed(e) if matches!(**e, LogtoError::MachineRole { .. }));
    assert_eq!(those(&outcomes, machine).len(), 20);
    assert_eq!(stub.count("POST", "/api/"), 1);
}

#[tokio::test]
async fn a_grant_that_was_made_although_the_answer_was_lost_is_done_and_not_sent_again() {
    for fault in [Fault::ApplyThenAnswer(500), Fault::ApplyThenDrop] {
        let stub = Stub::start().await;
        let users = stub.populate(100);
        stub.fault(fault, 1, "POST", "/api/");
        let outcomes = client(&stub).writer().grant_role(&paid(), &users).await;
        assert_eq!(those(&outcomes, done).len(), 100);
        assert_eq!(stub.count("POST", "/api/"), 1);
        assert_eq!(stub.holders("paid").len(), 100);
    }
}

#[tokio::test]
async fn a_grant_that_was_not_made_is_sent_again_after_reading_back() {
    for fault in [Fault::Answer(500), Fault::Drop, Fault::AnswerText(502)] {
        let stub = Stub::start().await;
        let users = stub.populate(100);
        stub.fault(fault, 1, "POST", "/api/");
        let outcomes = client(&stub).writer().grant_role(&paid(), &users).await;
        assert_eq!(those(&outcomes, done).len(), 100);
        let calls: Vec<String> = stub.state().seen.iter().map(|seen| seen.method.clone()).collect();
        assert_eq!(calls, ["POST", "POST", "GET", "POST"], "token, try, read back, try");
    }
}

#[tokio::test]
async fn one_user_who_always_fails_blocks_nobody() {
    let stub = Stub::start().await;
    let users = stub.populate(100);
    join(&stub, &users);
    let poison = Rule {
        method: "POST",
        path: "/api/".into(),
        user: Some("u00042".into()),
        left: 999,
        fault: Fault::Answer(500),
    };
    stub.state().rules.push(poison);
    let writer = client(&stub).writer();
    let failed = |o: &Outcome| matches!(o, Outcome::Failed(e) if matches!(**e, LogtoError::Server { .. }));
    for outcomes in [
        writer.grant_role(&paid(), &users).await,
        writer.add_members(&acme(), &users[40..]).await,
        writer.grant_organization_role(&acme(), &member(), &users).await,
    ] {
        let failed = those(&outcomes, failed);
        let done = those(&outcomes, done);
        assert_eq!(failed.len() + done.len(), outcomes.len());
        assert!(failed.is_empty() || failed == ["u00042"], "{failed:?}");
    }
    assert_eq!(stub.holders("paid").len(), 99);
    assert!(stub.count("POST", "/api/roles") <= 16, "{}", stub.count("POST", "/api/roles"));
}

#[tokio::test]
async fn a_server_that_only_fails_is_left_alone_after_a_while() {
    let stub = Stub::start().await;
    let users = stub.populate(100);
    stub.fault(Fault::Answer(500), 9_999, "POST", "/api/");
    let outcomes = client(&stub).writer().grant_role(&paid(), &users).await;
    assert_eq!(those(&outcomes, |o| matches!(o, Outcome::Failed(_))).len(), 100);
    assert!(stub.count("POST", "/api/") <= 32, "{}", stub.count("POST", "/api/"));
}

#[tokio::test]
async fn whoever_is_no_member_is_named_and_the_others_get_the_organization_role() {
    let stub = Stub::start().await;
    let users = stub.populate(100);
    join(&stub, &users[..99]);
    let client = client(&stub);
    let outcomes = client.writer().grant_organization_role(&acme(), &member(), &users).await;
    let stranger = |o: &Outcome| matches!(o, Outcome::Failed(e) if matches!(**e, LogtoError::NotMember { .. }));
    assert_eq!(those(&outcomes, stranger), ["u00099"]);
    assert_eq!(those(&outcomes, done).len(), 99);
    assert!(client.calls() < 25, "{} calls", client.calls());
}

#[tokio::test]
async fn a_batch_is_the_one_of_the_settings() {
    let stub = Stub::start().await;
    let users = stub.populate(45);
    let client = Client::new(&stub.url, &settings::Logto { batch: 10, ..settings(&stub) });
    client.writer().add_members(&acme(), &users).await;
    assert_eq!(stub.count("POST", "/api/"), 5);
    assert_eq!(stub.state().members["acme"].len(), 45);
}

// Revoking

#[tokio::test]
async fn a_revocation_is_one_call_and_what_was_not_held_is_so_already() {
    let stub = Stub::start().await;
    let users = stub.populate(2);
    hold(&stub, &users[..1]);
    join(&stub, &users[..1]);
    stub.state().members.get_mut("acme").unwrap().get_mut("u00000").unwrap().insert("member".into());
    let client = client(&stub);
    for target in [
        Target::Role { role: paid() },
        Target::OrganizationRole { organization: acme(), role: member() },
        Target::Membership { organization: acme() },
    ] {
        let before = stub.count("DELETE", "/");
        assert!(matches!(client.writer().revoke(&users[0], &target).await, Outcome::Done), "{target}");
        assert!(matches!(client.writer().revoke(&users[0], &target).await, Outcome::AlreadySo), "{target}");
        assert_eq!(stub.count("DELETE", "/") - before, 2);
    }
    assert!(stub.holders("paid").is_empty());
    assert!(stub.state().members["acme"].is_empty());
    assert_eq!(client.calls(), 1 + 6);
    assert_eq!(stub.count("PUT", "/"), 0);
}

#[tokio::test]
async fn an_unclear_revocation_is_read_back() {
    let stub = Stub::start().await;
    let users = stub.populate(3);
    hold(&stub, &users);
    let writer = client(&stub).writer();
    let role = Target::Role { role: paid() };
    stub.fault(Fault::ApplyThenDrop, 1, "DELETE", "/");
    assert!(matches!(writer.revoke(&users[0], &role).await, Outcome::Done));
    assert_eq!(stub.count("DELETE", "/"), 1);
    stub.fault(Fault::Answer(500), 1, "DELETE", "/");
    assert!(matches!(writer.revoke(&users[1], &role).await, Outcome::Done));
    assert_eq!(stub.count("DELETE", "/"), 3);
    stub.fault(Fault::Answer(500), 99, "DELETE", "/");
    assert!(matches!(writer.revoke(&users[2], &role).await, Outcome::Failed(_)));
    assert_eq!(stub.holders("paid").len(), 1);
}

// Secrets

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_no_token_and_no_address_in_any_log_or_debug() {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // With only one subscriber alive, tracing lets whichever test reaches a log line first decide for all
    // threads whether anybody listens to it.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(subscriber);

    let stub = Stub::start().await;
    let users = stub.populate(150);
    hold(&stub, &users);
    let client = client(&stub);
    let reader = client.reader();
    let mut shown = vec![format!("{:?}", settings(&stub))];
    reader.role_holders(&paid(), None).await.unwrap();
    reader.users_by_email(&[Email::parse("u00001@example.com").unwrap()]).await.unwrap();
    stub.fault(Fault::Echo(418), 1, "POST", "/oidc/token");
    stub.state().valid_from = 99;
    shown.push(format!("{:?}", reader.probe().await.unwrap_err()));
    stub.state().valid_from = 0;
    stub.fault(Fault::Echo(422), 1, "GET", "/api/users");
    shown.push(format!("{:?}", reader.users_by_id(&users).await.unwrap_err()));
    stub.fault(Fault::Drop, 99, "GET", "/api/users");
    let dropped = reader.users_by_email(&[Email::parse("u00001@example.com").unwrap()]).await.unwrap_err();
    shown.push(format!("{dropped:?} {dropped} {:?}", std::error::Error::source(&dropped)));
    let outcome = client.writer().grant_role(&paid(), &users).await;
    shown.push(format!("{client:?} {reader:?} {:?} {outcome:?}", client.writer()));

    let logs = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(logs.contains("/api/roles/paid/users") && logs.contains("/oidc/token"), "nothing was captured");
    for text in shown.iter().chain([&logs]) {
        assert!(!text.contains(SECRET), "{text}");
        assert!(!text.contains("token-number-"), "{text}");
        assert!(!text.contains("u00001@") && !text.contains("u00001%40"), "{text}");
    }
}

// The catalog

fn product(key: &str, ids: &[&str], line: u32, entitlements: Vec<Wanted>) -> Product {
    Product {
        key: key.into(),
        ids: ids.iter().map(|id| (*id).into()).collect(),
        source: None,
        name: key.into(),
        line,
        entitlements,
        valid_for: None,
        grace: SignedDuration::ZERO,
        on_refund: Policy::Revoke,
        on_partial_refund: Policy::Keep,
        on_dispute: Policy::Keep,
    }
}

fn role(name: &str, line: u32) -> Wanted {
    Wanted { what: WantedTarget::Role(name.into()), line, column: 9 }
}

fn organization(name: &str, line: u32) -> Wanted {
    Wanted { what: WantedTarget::Membership(name.into()), line, column: 9 }
}

fn organization_role(organization: &str, role: &str, line: u32) -> Wanted {
    let what = WantedTarget::OrganizationRole { organization: organization.into(), role: role.into() };
    Wanted { what, line, column: 17 }
}

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
    let protect = Protect { roles: vec!["admin".into(), "member".into()], ..Protect::default() };
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
    let resolved = resolve(&client(&stub).reader(), &products, &Protect::default()).await.unwrap();
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
                "choose one of the type `User`; the console makes new ones"
            ),
            (8, 9, "`Twin` names 2 organizations", "write the id of the one that is meant: `twin1`, `twin2`"),
            (9, 9, "Logto has no organization `Amce`", "did you mean `Acme`?"),
            (10, 17, "Logto has no organization role `membre`", "did you mean `member`?"),
            (
                11,
                17,
                "the organization role `agents` is for machine-to-machine applications and cannot be given to users",
                "choose one of the type `User`; the console makes new ones"
            ),
        ]
    );
    let names: Vec<&str> = resolved.catalog.targets.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["organization Twin", "role paid-tier"]);
}
