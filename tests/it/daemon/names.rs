//! A name that Logto has never known: the trouble of its targets alone, when a daemon starts and when the file changes.

use std::collections::BTreeSet;

use entitled::daemon::Mode;
use entitled::model::{State, UserId};
use entitled::pass::kept;
use entitled::report::status::{About, Trouble};
use entitled::sandbox::{Handles, LogtoSim, Options, start};
use entitled::store::Store;

use super::{ALWAYS, Live, QUICK};
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

/// What becomes of a name while another one stands for nothing.
type Deed = fn(&LogtoSim);

/// What of `north` a buyer holds afterwards is that of the organization, or the role, that has the name by then.
const MADE_ANEW: [(&str, Deed); 3] = [
    ("an organization is made anew", |logto| {
        logto.delete_organization(&logto.organization("north").unwrap());
        logto.add_organization("north");
    }),
    ("an organization is renamed, and another one has the name", |logto| {
        logto.rename_organization(&logto.organization("north").unwrap(), "south");
        logto.add_organization("north");
    }),
    ("a second organization has the name, and the first one goes", |logto| {
        let first = logto.organization("north").unwrap();
        logto.add_organization("north");
        logto.delete_organization(&first);
    }),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_one_name_stands_for_nothing_every_other_one_is_followed() {
    for missing in ["organization: nowhere", "role: nowhere"] {
        for (deed, becomes) in MADE_ANEW {
            let products = |pro: &str| {
                let team = "prd_team: {entitlements: [organization: north]}";
                format!("products:\n  prd_pro: {{entitlements: [{pro}]}}\n  {team}\n")
            };
            let prepared = Live::prepare(ALWAYS, &products("role: beta")).await;
            prepared.logto.add_organization("north");
            let live = prepared.run(QUICK, Mode::Live);
            until("the first full pass", || live.reading.status.borrow().last_full_pass.is_some()).await;
            std::fs::write(live.program.file(), live.text(&products(missing))).unwrap();
            let said = |one: &Trouble| matches!(one.about, About::Target(_)) && one.line().contains("`nowhere`");
            let said = || live.reading.status.borrow().troubles.iter().any(said);
            until(&format!("{missing} stands for nothing"), said).await;
            let member = |user: &UserId| {
                let north = live.logto.organization("north");
                north.is_some_and(|north| live.logto.members(&north).contains_key(user))
            };
            let ann = live.buyer("ann@example.com", "prd_team");
            until(&format!("{deed}: she is a member"), || member(&ann)).await;
            becomes(&live.logto);
            let ben = live.buyer("ben@example.com", "prd_team");
            until(&format!("{deed}: both are members of what has the name now"), || member(&ann) && member(&ben)).await;
            until(&format!("{deed}: {missing} still stands for nothing"), said).await;
            live.stop().await;
        }
    }
}
