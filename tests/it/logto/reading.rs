//! Questions: how many calls they cost, and what is never taken for an answer.

use std::sync::Mutex;

use crate::logto::*;

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
async fn half_an_emoji_in_an_answer_ends_no_read() {
    let stub = Stub::start().await;
    let users = stub.populate(3);
    hold(&stub, &users);
    stub.state().users.insert(users[1].as_str().into(), "half-an-emoji@example.com".into());
    let walk = client(&stub).reader().role_holders(&paid(), None).await.unwrap().here().unwrap();
    assert_eq!(walk.ids, users);
    assert!(walk.whole());
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

/// A list is as long as its pages, whatever the number beside it says; and it is not whole then.
#[tokio::test]
async fn an_absurd_total_costs_a_handful_of_calls() {
    for (rows, most) in [(0, 1), (2, 1), (100, 5), (250, 7)] {
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = asked.clone();
        let app = axum::Router::new()
            .route(
                "/oidc/token",
                axum::routing::post(|| async {
                    axum::Json(serde_json::json!({"access_token": "t", "expires_in": 60, "scope": "all"}))
                }),
            )
            .fallback(move |request: axum::extract::Request| async move {
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let query = request.uri().query().unwrap_or_default().to_owned();
                let page = query.split('&').find_map(|part| part.strip_prefix("page=")).unwrap();
                let page: usize = page.parse().unwrap();
                let ids = (page - 1) * 100..(page * 100).min(rows).max((page - 1) * 100);
                let users: Vec<_> = ids.map(|id| serde_json::json!({"id": format!("u{id}")})).collect();
                ([("total-number", "9000000000")], axum::Json(users))
            });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let stub = Stub::start().await;
        let reader = Client::new(&url, &settings(&stub)).reader();
        let walk = reader.role_holders(&paid(), None).await.unwrap().here().unwrap();
        assert_eq!((walk.ids.len(), walk.whole()), (rows, false));
        let asked = asked.load(std::sync::atomic::Ordering::Relaxed);
        assert!(asked <= most, "{asked} calls for {rows} rows");
    }
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

/// Whoever has an address that Logto refuses to be asked for is nobody; everybody else is found.
#[tokio::test]
async fn one_look_up_that_is_refused_costs_nobody_else() {
    for status in [400, 413, 414, 422, 431] {
        let stub = Stub::start().await;
        let users = stub.populate(250);
        let poison = |number: usize| Rule {
            method: "GET",
            path: "/api/users".to_owned(),
            user: Some(format!("u{number:05}")),
            left: u32::MAX,
            fault: Fault::Answer(status),
        };
        stub.state().rules.extend([poison(7), poison(8), poison(249)]);
        let emails: Vec<Email> = (0..250).map(|n| Email::parse(&format!("u{n:05}@example.com")).unwrap()).collect();
        let client = client(&stub);
        let found = client.reader().users_by_email(&emails).await.unwrap();
        let nobody: Vec<usize> = (0..250).filter(|number| found[*number].1.is_empty()).collect();
        assert_eq!(nobody, [7, 8, 249], "{status}");
        assert!(client.calls() < 60, "{} calls", client.calls());
        let existing = client.reader().users_by_id(&users).await.unwrap();
        assert_eq!(users.iter().filter(|user| !existing.contains(*user)).count(), 3, "{status}");
    }
    // Where everything is refused, it is the question.
    let stub = Stub::start().await;
    let users = stub.populate(250);
    stub.fault(Fault::Answer(400), u32::MAX, "GET", "/api/users");
    let client = client(&stub);
    let error = client.reader().users_by_id(&users).await.unwrap_err();
    assert!(matches!(error, LogtoError::Refused { status: 400, .. }), "{error:?}");
    assert!(client.calls() < 100, "{} calls", client.calls());
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

/// A token may live for as long as its server says, and no server may say so long that nobody can count to it.
#[tokio::test]
async fn a_token_that_lives_for_ever_is_a_token() {
    let stub = Stub::start().await;
    for life in [0, 1, 31_536_000_000, u64::MAX] {
        let issued = serde_json::json!({"access_token": "t", "expires_in": life, "scope": "all"});
        let app = axum::Router::new()
            .route("/oidc/token", axum::routing::post(async || axum::Json(issued)))
            .fallback(async || ([("total-number", "0")], axum::Json(serde_json::json!([]))));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let reader = Client::new(&url, &settings(&stub)).reader();
        for _ in 0..2 {
            assert!(reader.role_holders(&paid(), None).await.is_ok(), "{life}");
        }
    }
}

/// Whatever is asked for, an answer that is larger than any that is meant is not kept.
#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    const LONG: usize = 9 << 20;
    let stub = Stub::start().await;
    for (token, padding, list) in [(1, LONG, 0), (LONG / 2, 0, 0), (20_000, 0, 0), (1, 0, LONG), (16_000, 0, 0)] {
        let issued = serde_json::json!({"access_token": "t".repeat(token), "expires_in": 60, "scope": "all"});
        let issued = format!("{issued}{}", " ".repeat(padding));
        let empty = format!("[]{}", " ".repeat(list));
        let app = axum::Router::new()
            .route("/oidc/token", axum::routing::post(async || ([("content-type", "application/json")], issued)))
            .fallback(async || ([("content-type", "application/json"), ("total-number", "0")], empty));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let read = Client::new(&url, &settings(&stub)).reader().role_holders(&paid(), None).await;
        let is_short = padding + list == 0 && token == 16_000;
        assert_eq!(read.is_ok(), is_short, "{token} {padding} {list}");
        let shown = format!("{read:?}");
        assert!(shown.len() < 1_000, "{} bytes", shown.len());
    }
}
