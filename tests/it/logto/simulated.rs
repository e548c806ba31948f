//! The same client against the simulator, which answers as a recorded Logto does.

use std::collections::BTreeSet;
use std::time::Duration;

use entitled::config::settings::{self, LogtoEndpoint};
use entitled::logto::{Client, Found, LogtoError, Outcome, resolve};
use entitled::model::{Email, Target, UserId};
use entitled::sandbox::{self, APP_ID, APP_SECRET, Fault, LogtoSim, NOSCOPE_ID, Options, RESOURCE, Rule};
use entitled::secret::Secret;
use jiff::SignedDuration;

use super::{done, organization, organization_role, product, role, those};

struct World {
    running: sandbox::Running,
    logto: LogtoSim,
}

impl World {
    async fn start() -> Self {
        let running = sandbox::start(Options::default()).await.unwrap();
        let logto = running.handles().unwrap().logto.clone();
        Self { running, logto }
    }

    fn settings(&self) -> settings::Logto {
        settings::Logto {
            endpoint: LogtoEndpoint::Sandbox,
            app_id: APP_ID.into(),
            app_secret: Secret::new(APP_SECRET.into()),
            resource: RESOURCE.into(),
            rate: None,
            concurrency: 4,
            batch: 100,
            timeout: SignedDuration::from_secs(5),
            signing_key: None,
        }
    }

    fn client(&self) -> Client {
        self.client_with(|_| ())
    }

    fn client_with(&self, change: impl FnOnce(&mut settings::Logto)) -> Client {
        let mut settings = self.settings();
        change(&mut settings);
        Client::new(self.running.logto_url(), &settings)
    }
}

#[tokio::test]
async fn a_role_is_granted_read_counted_and_revoked() {
    let world = World::start().await;
    let users = world.logto.add_users(1_000);
    let role = world.logto.add_role("paid-tier");
    let client = world.client();
    let outcomes = client.writer().grant_role(&role, &users).await;
    assert_eq!(those(&outcomes, done).len(), 1_000);
    assert_eq!(world.logto.writes().len(), 10);
    let before = client.calls();
    let walk = client.reader().role_holders(&role, None).await.unwrap().here().unwrap();
    assert!(walk.whole());
    assert_eq!(walk.ids.iter().collect::<BTreeSet<_>>(), users.iter().collect::<BTreeSet<_>>());
    assert_eq!(client.calls() - before, 10);
    let target = Target::Role { role: role.clone() };
    assert_eq!(client.reader().holder_count(&target).await.unwrap(), Some(1_000));
    assert!(matches!(client.writer().revoke(&users[0], &target).await, Outcome::Done));
    assert!(matches!(client.writer().revoke(&users[0], &target).await, Outcome::AlreadySo));
    assert_eq!(client.reader().holder_count(&target).await.unwrap(), Some(999));
}

#[tokio::test]
async fn what_a_walk_loses_to_ties_is_found_by_id() {
    let world = World::start().await;
    let users = world.logto.add_users(1_000);
    let role = world.logto.add_role("paid-tier");
    for user in &users {
        world.logto.grant(user, &role);
    }
    world.logto.faults().ties();
    let reader = world.client().reader();
    let walk = reader.role_holders(&role, None).await.unwrap().here().unwrap();
    assert!(!walk.whole());
    let seen: BTreeSet<&UserId> = walk.ids.iter().collect();
    let unseen: Vec<UserId> = users.iter().filter(|user| !seen.contains(user)).cloned().collect();
    assert!(!unseen.is_empty());
    let found = reader.holders_among(&role, &unseen).await.unwrap().here().unwrap();
    assert_eq!(found.len(), unseen.len());
}

#[tokio::test]
async fn the_dead_and_the_holders_leave_a_batch() {
    let world = World::start().await;
    let users = world.logto.add_users(100);
    let role = world.logto.add_role("paid-tier");
    world.logto.delete_user(&users[5]);
    world.logto.grant(&users[6], &role);
    world.logto.grant(&users[7], &role);
    let client = world.client();
    let outcomes = client.writer().grant_role(&role, &users).await;
    assert_eq!(those(&outcomes, |o| matches!(o, Outcome::NoUser)), [users[5].as_str()]);
    assert_eq!(those(&outcomes, |o| matches!(o, Outcome::AlreadySo)), [users[6].as_str(), users[7].as_str()]);
    assert_eq!(those(&outcomes, done).len(), 97);
    assert_eq!(world.logto.holders(&role).len(), 99);
    assert!(client.calls() <= 8, "{} calls", client.calls());
    let gone = client.writer().grant_role(&"gone".into(), &users).await;
    assert_eq!(those(&gone, |o| matches!(o, Outcome::NoTarget)).len(), 100);
    let machines = world.logto.add_m2m_role("robots");
    let refused = client.writer().grant_role(&machines, &users[..3]).await;
    let machine = |o: &Outcome| matches!(o, Outcome::Failed(e) if matches!(**e, LogtoError::MachineRole { .. }));
    assert_eq!(those(&refused, machine).len(), 3);
}

#[tokio::test]
async fn organizations_and_their_roles() {
    let world = World::start().await;
    let users = world.logto.add_users(150);
    let acme = world.logto.add_organization("Acme");
    let member = world.logto.add_organization_role("member");
    let client = world.client();
    let (reader, writer) = (client.reader(), client.writer());
    assert_eq!(reader.members(&"gone".into(), None).await.unwrap(), Found::Missing);
    assert!(reader.members(&acme, None).await.unwrap().here().unwrap().whole());

    let strangers = writer.grant_organization_role(&acme, &member, &users[..2]).await;
    let stranger = |o: &Outcome| matches!(o, Outcome::Failed(e) if matches!(**e, LogtoError::NotMember { .. }));
    assert_eq!(those(&strangers, stranger).len(), 2);
    assert_eq!(those(&writer.add_members(&acme, &users).await, done).len(), 150);
    assert_eq!(those(&writer.grant_organization_role(&acme, &member, &users[..120]).await, done).len(), 120);
    let walk = reader.members(&acme, None).await.unwrap().here().unwrap();
    assert!(walk.whole());
    assert_eq!(walk.members.iter().filter(|(_, roles)| roles.contains(&member)).count(), 120);
    assert_eq!(reader.member_roles(&acme, &users[0]).await.unwrap(), Some(vec![member.clone()]));
    assert_eq!(reader.user_organizations(&users[0]).await.unwrap(), Some(vec![(acme.clone(), vec![member.clone()])]));
    assert_eq!(reader.user_organizations(&"nobody".into()).await.unwrap(), None);

    let held = Target::OrganizationRole { organization: acme.clone(), role: member.clone() };
    let membership = Target::Membership { organization: acme.clone() };
    assert_eq!(reader.holder_count(&membership).await.unwrap(), Some(150));
    for target in [held, membership] {
        assert!(matches!(writer.revoke(&users[0], &target).await, Outcome::Done));
        assert!(matches!(writer.revoke(&users[0], &target).await, Outcome::AlreadySo));
        assert!(!reader.holds(&users[0], &target).await.unwrap());
    }
    assert_eq!(reader.member_roles(&acme, &users[0]).await.unwrap(), None);

    let gone = |o: &Outcome| matches!(o, Outcome::NoTarget);
    assert_eq!(those(&writer.add_members(&"gone".into(), &users[..2]).await, gone).len(), 2);
    assert_eq!(those(&writer.grant_organization_role(&acme, &"gone".into(), &users[1..3]).await, gone).len(), 2);
    world.logto.delete_user(&users[9]);
    let outcomes = writer.add_members(&acme, &users[..20]).await;
    assert_eq!(those(&outcomes, |o| matches!(o, Outcome::NoUser)), [users[9].as_str()]);
    assert!(world.logto.writes().iter().all(|seen| seen.method != "PUT"));
}

#[tokio::test]
async fn an_unclear_grant_is_read_back_before_anything_else() {
    for (fault, writes) in [
        (Fault::ApplyThenRefuse, 1),
        (Fault::ApplyThenDrop, 1),
        (Fault::Drop, 2),
        (Fault::Refuse, 2),
        (Fault::Truncate, 1),
    ] {
        let world = World::start().await;
        let users = world.logto.add_users(100);
        let role = world.logto.add_role("paid-tier");
        world.logto.faults().add(Rule::new(fault).method("POST").path("/api/roles").next(1));
        let outcomes = world.client().writer().grant_role(&role, &users).await;
        assert_eq!(those(&outcomes, done).len(), 100, "{fault:?}");
        assert_eq!(world.logto.writes().len(), writes, "{fault:?}");
        assert_eq!(world.logto.holders(&role).len(), 100);
    }
}

#[tokio::test]
async fn a_grant_whose_answer_comes_too_late_is_done() {
    let world = World::start().await;
    let users = world.logto.add_users(10);
    let role = world.logto.add_role("paid-tier");
    let client = world.client_with(|settings| settings.timeout = SignedDuration::from_millis(500));
    client.reader().probe().await.unwrap();
    world.logto.faults().latency(Duration::from_secs(30));
    let writer = client.writer();
    let (sim, granted) = (world.logto.clone(), role.clone());
    let recovers = async move {
        tokio::time::timeout(Duration::from_secs(10), async {
            while sim.holders(&granted).is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        sim.faults().clear();
    };
    let (outcomes, ()) = tokio::join!(writer.grant_role(&role, &users), recovers);
    assert_eq!(those(&outcomes, done).len(), 10);
    assert_eq!(world.logto.writes().len(), 1);
}

#[tokio::test]
async fn a_read_survives_cut_answers_and_refuses_what_is_no_answer() {
    let world = World::start().await;
    let role = world.logto.add_role("paid-tier");
    for user in world.logto.add_users(120) {
        world.logto.grant(&user, &role);
    }
    let reader = world.client().reader();
    reader.probe().await.unwrap();
    world.logto.faults().truncate_next(1);
    world.logto.faults().drop_next(1);
    assert!(reader.role_holders(&role, None).await.unwrap().here().unwrap().whole());
    for fault in [Fault::Html, Fault::HalfJson] {
        world.logto.faults().add(Rule::new(fault).next(1));
        let error = reader.role_holders(&role, None).await.unwrap_err();
        assert!(matches!(error, LogtoError::Shape { .. } | LogtoError::NoTotal { .. }), "{fault:?}: {error:?}");
    }
}

#[tokio::test]
async fn tokens_expire_unnoticed_and_their_lack_is_explained() {
    let world = World::start().await;
    let role = world.logto.add_role("paid-tier");
    let users = world.logto.add_users(2);
    let client = world.client();
    client.reader().probe().await.unwrap();
    world.logto.expire_tokens();
    assert_eq!(those(&client.writer().grant_role(&role, &users).await, done).len(), 2);
    let tokens = world.logto.requests().iter().filter(|seen| seen.path.starts_with("/oidc/token")).count();
    assert_eq!(tokens, 2);

    let weak = world.client_with(|settings| settings.app_id = NOSCOPE_ID.into());
    assert!(matches!(weak.reader().probe().await.unwrap_err(), LogtoError::Scope { .. }));
    let wrong = world.client_with(|settings| settings.app_secret = Secret::new("wrong".into()));
    assert!(matches!(wrong.reader().probe().await.unwrap_err(), LogtoError::WrongSecret { .. }));
    let unknown = world.client_with(|settings| settings.app_id = "nobody".into());
    assert!(matches!(unknown.reader().probe().await.unwrap_err(), LogtoError::UnknownApplication { .. }));
    let elsewhere = world.client_with(|settings| settings.resource = "https://nowhere.example/api".into());
    assert!(matches!(elsewhere.reader().probe().await.unwrap_err(), LogtoError::UnknownResource { .. }));
}

#[tokio::test]
async fn addresses_are_compared_without_case() {
    let world = World::start().await;
    let user = world.logto.add_user("Ada@Example.com");
    let twin = world.logto.add_user("ada@example.com");
    world.logto.add_users(120);
    let emails: Vec<Email> = ["ADA@example.com", "nobody@example.com"].into_iter().filter_map(Email::parse).collect();
    let found = world.client().reader().users_by_email(&emails).await.unwrap();
    assert_eq!(found[0].1.iter().collect::<BTreeSet<_>>(), BTreeSet::from([&user, &twin]));
    assert!(found[1].1.is_empty());
}

#[tokio::test]
async fn the_names_of_a_file_resolve() {
    let world = World::start().await;
    world.logto.add_role("paid-tier");
    world.logto.add_m2m_role("robots");
    let acme = world.logto.add_organization("Acme");
    world.logto.add_organization("Twin");
    world.logto.add_organization("Twin");
    world.logto.add_organization_role("member");
    world.logto.add_m2m_organization_role("agents");
    let products = [product(
        "pro",
        &["prd_1"],
        3,
        vec![
            role("paid-teir", 4),
            role("robots", 5),
            role("paid-tier", 6),
            organization("Twin", 7),
            organization_role(acme.as_str(), "member", 8),
            organization_role("Acme", "agents", 9),
        ],
    )];
    let resolved = resolve(&world.client().reader(), &products, &[]).await.unwrap();
    let names: Vec<&str> = resolved.catalog.targets.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["organization Acme", "organization Acme role member", "role paid-tier"]);
    let lines: Vec<u32> = resolved.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [4, 5, 7, 9]);
    assert_eq!(resolved.problems[0].hint.as_deref(), Some("did you mean `paid-tier`?"));
}

#[tokio::test]
async fn a_login_page_in_place_of_an_answer_is_no_revocation() {
    let world = World::start().await;
    let (role, user) = (world.logto.add_role("paid"), world.logto.add_user("ann@example.com"));
    world.logto.grant(&user, &role);
    world.logto.faults().add(Rule::new(Fault::Html).method("DELETE"));
    let outcome = world.client().writer().revoke(&user, &Target::Role { role: role.clone() }).await;
    let Outcome::Failed(error) = outcome else { panic!("{outcome:?}") };
    assert!(matches!(*error, LogtoError::Impostor { status: 200, expected: 204, .. }), "{error:?}");
    assert!(world.logto.holders(&role).contains(&user));
}
