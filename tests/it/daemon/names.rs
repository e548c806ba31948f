//! A name that Logto has never known: the trouble of its targets alone, when a daemon starts and when the file changes.

use std::collections::BTreeSet;

use entitled::daemon::Mode;
use entitled::model::{State, UserId};
use entitled::pass::kept;
use entitled::report::status::{About, Trouble};
use entitled::sandbox::{Handles, LogtoSim, Options, start};
use entitled::store::Store;

use super::{ALWAYS, Live, QUICK, RARELY};
use crate::support::program::{Program, addresses, until, until_async};
use crate::support::stage::{NO_LIMITS, furnish};

const WHOLE: &str = "products:
  prd_pro: {entitlements: [role: paid-tier]}
  prd_team: {entitlements: [{organization: acme, roles: [member]}]}
";

/// Another role for Pro, and for Team something that nobody knows.
fn with(unknown: &str) -> String {
    WHOLE.replace("paid-tier", "beta").replace("{organization: acme, roles: [member]}", unknown)
}

const UNKNOWN: [&str; 4] =
    ["role: nowhere", "organization: nowhere", "{organization: acme, roles: [nowhere]}", "{roles: [admin, nowhere]}"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_such_a_name_enters_into_force_but_for_that() {
    for unknown in UNKNOWN {
        let live = Live::with(ALWAYS, WHOLE).await;
        let (ann, ben) = (live.buyer("ann@example.com", "prd_pro"), live.buyer("ben@example.com", "prd_team"));
        let acme = live.logto.organization("acme").unwrap();
        live.hold("paid-tier", &[&ann]).await;
        until("he is a member", || live.logto.members(&acme).contains_key(&ben)).await;
        let version = || live.reading.status.borrow().config.as_ref().map(|config| config.origin.digest.clone());
        let before = version();
        std::fs::write(live.program.file(), live.text(&with(unknown))).unwrap();
        live.hold("beta", &[&ann]).await;
        live.hold("paid-tier", &[]).await;
        until(&format!("{unknown}: it is in force"), || version() != before).await;
        until(&format!("{unknown}: it is said"), || {
            let status = live.reading.status.borrow();
            let said = |one: &entitled::report::status::Trouble| {
                matches!(one.about, About::Target(_)) && one.line().contains("`nowhere`")
            };
            status.state == State::Degraded && status.troubles.iter().any(said)
        })
        .await;
        assert!(live.reading.status.borrow().trouble(&About::File).is_none(), "{unknown}: the file is not at fault");
        let said = || {
            let status = live.reading.status.borrow();
            let names = status.troubles.iter().filter(|one| matches!(one.about, About::Target(_)));
            names.map(|one| one.since).collect::<Vec<_>>()
        };
        let began = said();
        live.passes().await;
        assert_eq!(said(), began, "{unknown}: each pass tells it anew, and none begins it anew");
        // A slip takes nothing from anybody: what the product gave before may be what it means.
        assert!(live.logto.members(&acme).contains_key(&ben), "{unknown}");
        live.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_starts_with_such_a_name_and_heeds_it_when_logto_knows_it() {
    let running = start(Options::default()).await.unwrap();
    let Handles { logto, shop } = running.handles().unwrap().clone();
    furnish(&logto);
    let block = addresses(running.logto_url(), running.shop_url(), "");
    let schedule = "schedule: {full_pass: 100ms}\nprune: owned\nlisten: off\n";
    let program = Program::new(&format!("{block}{schedule}{NO_LIMITS}\n{}", with("role: nowhere")));
    let daemon = program.start(&["run"]);
    let (ann, ben) = (logto.add_user("ann@example.com"), logto.add_user("ben@example.com"));
    shop.buy(&"prd_pro".into(), &ann);
    shop.buy(&"prd_team".into(), &ben);
    let beta = logto.role("beta").unwrap();
    until("all else goes on", || logto.holders(&beta) == BTreeSet::from([ann.clone()])).await;
    until("it is said", || daemon.stderr().contains("Logto has no role `nowhere`")).await;
    let nowhere = logto.add_role("nowhere");
    until("it is heeded", || logto.holders(&nowhere) == BTreeSet::from([ben.clone()])).await;
}

/// What is gone is met by the pass of the next sale, and what is made anew by nobody until the next full one, unless it
/// is looked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_in_logto_is_said_at_once_and_what_is_made_anew_is_followed_soon() {
    type Deed = fn(&LogtoSim);
    let kinds: [(&str, Deed, Deed); 3] = [
        ("role", |logto| logto.delete_role(&logto.role("paid-tier").unwrap()), |logto| _ = logto.add_role("paid-tier")),
        (
            "organization",
            |logto| logto.delete_organization(&logto.organization("acme").unwrap()),
            |logto| _ = logto.add_organization("acme"),
        ),
        (
            "organization role",
            |logto| logto.delete_organization_role(&logto.organization_role("member").unwrap()),
            |logto| _ = logto.add_organization_role("member"),
        ),
    ];
    for (kind, delete, anew) in kinds {
        let live = Live::with(RARELY, WHOLE).await;
        let product = if kind == "role" { "prd_pro" } else { "prd_team" };
        let holds = |user: &UserId| match (kind, live.logto.organization("acme")) {
            ("role", _) => live.logto.role("paid-tier").is_some_and(|role| live.logto.holders(&role).contains(user)),
            (_, Some(acme)) => live.logto.members(&acme).get(user).is_some_and(|roles| !roles.is_empty()),
            (_, None) => false,
        };
        let ann = live.buyer("ann@example.com", product);
        until(&format!("{kind}: it is granted"), || holds(&ann)).await;
        delete(&live.logto);
        let ben = live.buyer("ben@example.com", product);
        until(&format!("{kind}: it is said"), || {
            let status = live.reading.status.borrow();
            let said = |one: &Trouble| matches!(one.about, About::Target(_)) && one.line().contains("stays in use");
            status.state == State::Degraded && status.troubles.iter().any(said)
        })
        .await;
        anew(&live.logto);
        until(&format!("{kind}: what was made anew is followed"), || holds(&ben)).await;
        until(&format!("{kind}: the trouble is over"), || {
            live.reading.status.borrow().troubles.iter().all(|one| !matches!(one.about, About::Target(_)))
        })
        .await;
        live.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trouble_of_a_name_keeps_its_beginning_from_pass_to_pass_and_from_process_to_process() {
    let running = start(Options::default()).await.unwrap();
    let Handles { logto, .. } = running.handles().unwrap().clone();
    furnish(&logto);
    let block = addresses(running.logto_url(), running.shop_url(), "");
    let schedule = "schedule: {full_pass: 100ms}\nprune: owned\nlisten: off\n";
    let program = Program::new(&format!("{block}{schedule}{NO_LIMITS}\n{}", with("role: nowhere")));
    let kept = async || {
        let store = Store::for_reading(&program.store()).await.unwrap();
        let kept = kept::troubles(&store).await.unwrap();
        let full = store.last_full_pass().await.unwrap();
        store.close().await;
        (kept, full)
    };
    let mut began = None;
    for _process in 0..2 {
        let before = if program.store().exists() { kept().await.1 } else { None };
        let daemon = program.start(&["run"]);
        let mut passes = std::collections::BTreeSet::new();
        while passes.len() < 3 {
            until_async("another pass", async || kept().await.1 > passes.last().copied().or(before)).await;
            passes.extend(kept().await.1);
        }
        until_async("it is kept", async || kept().await.0.len() == 1).await;
        let (troubles, _) = kept().await;
        assert!(matches!(troubles[0].about, About::Target(_)), "{troubles:?}");
        assert_eq!(*began.get_or_insert(troubles[0].since), troubles[0].since);
        daemon.kill().await;
    }
    let status = program.run(&["status"]).await;
    assert!(status.stdout.starts_with("Degraded since ") && status.stdout.contains("`nowhere`"), "{}", status.stdout);
}

/// What becomes of a name while others stand for nothing: what gives it, what is done, and who has what it stands for.
type Deed = (&'static str, &'static str, fn(&LogtoSim), fn(&LogtoSim, &UserId) -> bool);

fn north(logto: &LogtoSim, user: &UserId) -> bool {
    logto.organization("north").is_some_and(|north| logto.members(&north).contains_key(user))
}

fn gold(logto: &LogtoSim, user: &UserId) -> bool {
    logto.role("gold").is_some_and(|gold| logto.roles_of(user).contains(&gold))
}

fn lead(logto: &LogtoSim, user: &UserId) -> bool {
    let (acme, lead) = (logto.organization("acme").unwrap(), logto.organization_role("lead"));
    lead.is_some_and(|lead| logto.members(&acme).get(user).is_some_and(|roles| roles.contains(&lead)))
}

/// What a buyer holds afterwards is that of whatever has the name by then.
const MADE_ANEW: [Deed; 6] = [
    (
        "an organization is made anew",
        "organization: north",
        |logto| {
            logto.delete_organization(&logto.organization("north").unwrap());
            logto.add_organization("north");
        },
        north,
    ),
    (
        "an organization is renamed, and another one has the name",
        "organization: north",
        |logto| {
            logto.rename_organization(&logto.organization("north").unwrap(), "south");
            logto.add_organization("north");
        },
        north,
    ),
    (
        "a second organization has the name, and the first one goes",
        "organization: north",
        |logto| {
            let first = logto.organization("north").unwrap();
            logto.add_organization("north");
            logto.delete_organization(&first);
        },
        north,
    ),
    (
        "a role is made anew",
        "role: gold",
        |logto| {
            logto.delete_role(&logto.role("gold").unwrap());
            logto.add_role("gold");
        },
        gold,
    ),
    (
        "a role is renamed, and another one has the name",
        "role: gold",
        |logto| {
            logto.rename_role(&logto.role("gold").unwrap(), "silver");
            logto.add_role("gold");
        },
        gold,
    ),
    (
        "a role in organizations is made anew",
        "{organization: acme, roles: [lead]}",
        |logto| {
            logto.delete_organization_role(&logto.organization_role("lead").unwrap());
            logto.add_organization_role("lead");
        },
        lead,
    ),
];

/// Of each kind one: whichever keeps the others from being followed, it is here.
const MISSING: &str = "{organization: nowhere}, {role: nobody}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_names_stand_for_nothing_every_other_one_is_followed() {
    for (deed, gives, becomes, has) in MADE_ANEW {
        let products = |pro: &str| {
            format!("products:\n  prd_pro: {{entitlements: [{pro}]}}\n  prd_team: {{entitlements: [{gives}]}}\n")
        };
        let prepared = Live::prepare(ALWAYS, &products("role: beta")).await;
        prepared.logto.add_organization("north");
        prepared.logto.add_role("gold");
        prepared.logto.add_organization_role("lead");
        let live = prepared.run(QUICK, Mode::Live);
        until("the first full pass", || live.reading.status.borrow().last_full_pass.is_some()).await;
        std::fs::write(live.program.file(), live.text(&products(MISSING))).unwrap();
        let said = || {
            let status = live.reading.status.borrow();
            let of_targets = status.troubles.iter().filter(|one| matches!(one.about, About::Target(_)));
            let lines: Vec<String> = of_targets.map(Trouble::line).collect();
            ["`nowhere`", "`nobody`"].iter().all(|name| lines.iter().any(|line| line.contains(name)))
        };
        until("two names stand for nothing", said).await;
        let ann = live.buyer("ann@example.com", "prd_team");
        until(&format!("{deed}: she has it"), || has(&live.logto, &ann)).await;
        becomes(&live.logto);
        let ben = live.buyer("ben@example.com", "prd_team");
        let both = || has(&live.logto, &ann) && has(&live.logto, &ben);
        until(&format!("{deed}: both have what has the name now"), both).await;
        until(&format!("{deed}: two still stand for nothing"), said).await;
        live.stop().await;
    }
}
