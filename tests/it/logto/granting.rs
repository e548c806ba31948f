//! Grants and revocations: what one bad user, one bad answer or one bad server costs.

use crate::logto::*;

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
