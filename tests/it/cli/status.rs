//! `entitled status`, where no daemon answers: what the store remembers.

use entitled::model::State;
use entitled::report::status::{About, Duty, Mode, Status, Trouble};
use entitled::store::Store;
use serde_json::Value;

use crate::support::home::{Home, Town};

#[test]
fn before_the_first_pass_it_is_pending() {
    let home = quiet_home();
    let ran = home.entitled(&["status"]).exits(0);
    assert!(ran.out.starts_with("Pending since "), "{}", ran.out);
    assert!(ran.out.contains("last full pass never") && ran.out.contains("not read yet"), "{}", ran.out);
    ran.complains(&["`listen` is off", "nobody writes to it"]);
    assert_eq!(home.files(), ["entitlements.yaml"]);
}

#[test]
fn after_a_pass_it_is_in_sync_and_shows_the_pass() {
    let home = quiet_home();
    home.entitled(&["run", "--once"]).exits(0);
    let ran = home.entitled(&["status"]).exits(0);
    assert!(ran.out.starts_with("InSync since "), "{}", ran.out);
    assert!(ran.out.contains("13 orders") && ran.out.contains("20 done, 0 failed, 0 held, 1"), "{}", ran.out);
    let status: Value = serde_json::from_str(&home.entitled(&["status", "-o", "json"]).exits(0).out).unwrap();
    assert_eq!((&status["state"], &status["runs"][0]["end"]["done"]), (&Value::from("InSync"), &Value::from(20)));
}

#[test]
fn a_freeze_stands_beside_the_state_and_says_how_it_ends() {
    let home = quiet_home();
    home.entitled(&["run", "--once"]).exits(0);
    home.entitled(&["freeze", "--for", "2h", "--reason", "counting the till"]).exits(0);
    let ran = home.entitled(&["status"]).exits(0);
    assert!(ran.out.starts_with("InSync since "), "{}", ran.out);
    for part in ["frozen: nothing is taken away until ", ": counting the till", "`entitled unfreeze` ends it"] {
        assert!(ran.out.contains(part), "`{part}` is missing in\n{}", ran.out);
    }
    let status: Value = serde_json::from_str(&home.entitled(&["status", "-o", "json"]).exits(0).out).unwrap();
    assert_eq!((&status["state"], &status["freeze"]["scope"]), (&"InSync".into(), &"revocations".into()));
}

/// A pass that is under way, or was cut off, leaves nobody in sync; one that failed and was made good leaves no trace.
#[tokio::test(flavor = "multi_thread")]
async fn the_state_is_what_the_last_passes_left() {
    use entitled::store::{Outcome, Run, RunEnd, RunKind};
    let home = quiet_home();
    home.entitled(&["run", "--once"]).exits(0);
    let store = Store::open(&home.path("entitled.db")).await.unwrap();
    let mut at = jiff::Timestamp::now();
    let mut begun = async |kind| {
        at += jiff::SignedDuration::from_secs(1);
        let id = entitled::model::RunId::from(format!("run-{at}").as_str());
        let run = Run { id: id.clone(), kind, config: "digest".to_owned(), commit: None, started: at };
        store.begin_run(&run).await.unwrap();
        (id, at)
    };
    let ended = async |(id, at), failed| {
        let end = RunEnd { finished: at, outcome: Outcome::Succeeded, done: 1, held: 0, failed, calls: 1 };
        store.finish_run(&id, &end).await.unwrap();
    };
    let first = begun(RunKind::Quick).await;
    let out = home.entitled(&["status"]).exits(0).out;
    assert!(out.starts_with("Pending since "), "{out}");
    ended(first, 3).await;
    let out = home.entitled(&["status"]).exits(1).out;
    assert!(out.starts_with("Degraded since "), "{out}");
    let second = begun(RunKind::Quick).await;
    ended(second, 0).await;
    let out = home.entitled(&["status"]).exits(0).out;
    assert!(out.starts_with("InSync since "), "{out}");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_answers_and_is_no_daemon_is_not_believed() {
    let town = Town::demo().await;
    let logto = town.running.logto_url().trim_start_matches("http://").to_owned();
    town.edit("prune: owned", &format!("prune: owned\nlisten: {logto}"));
    let ran = town.home.entitled(&["status"]).exits(0);
    assert!(ran.out.starts_with("Pending since "), "{}", ran.out);
    ran.complains(&["what answers at ", "404"]);
}

/// The daemon's own word goes before what the store remembers, and an `entitled approve` line is passed on.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_listens_is_asked() {
    let now = jiff::Timestamp::now();
    let mut said = Status::starting(Mode::Live, now);
    (said.state, said.duty) = (State::Degraded, Duty::Leader);
    let home = Home::demo();
    // No store lies there yet; which one that would be is known all the same.
    let store = Store::id_at(&home.path("entitled.db")).await.unwrap().to_string();
    said.store = Some(store.clone());
    said.troubles.push(Trouble {
        about: About::Source("shop".into()),
        message: "the poll failed".to_owned(),
        because: vec!["refused with 403".to_owned()],
        hint: Some("check the token of the shop".to_owned()),
        detail: None,
        since: now,
    });
    let body = serde_json::to_string(&said).unwrap();
    let healthy = async move || ([("entitled-store", store)], "alive");
    let app = axum::Router::new().route("/api/v1/status", axum::routing::get(async move || body));
    let app = app.route("/healthz", axum::routing::get(healthy));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let text = crate::support::home::demo_file();
    home.write("entitlements.yaml", &text.replace("prune: owned", &format!("listen: {address}\nprune: owned")));
    let ran = home.entitled(&["status"]).exits(1);
    assert!(ran.out.starts_with("Degraded since ") && ran.err.is_empty(), "{}{}", ran.out, ran.err);
    for part in ["the poll failed: refused with 403", "hint: check the token of the shop"] {
        assert!(ran.out.contains(part), "`{part}` is missing in\n{}", ran.out);
    }
}

/// A freeze is in force from when it was said, also where the daemon has not heard of it yet.
#[tokio::test(flavor = "multi_thread")]
async fn every_freeze_in_force_is_shown_at_once() {
    let home = quiet_home();
    home.entitled(&["run", "--once"]).exits(0);
    let store = Store::id_at(&home.path("entitled.db")).await.unwrap().to_string();
    let mut said = Status::starting(Mode::Live, jiff::Timestamp::now());
    (said.state, said.duty, said.store) = (State::InSync, Duty::Leader, Some(store.clone()));
    let body = serde_json::to_string(&said).unwrap();
    let healthy = async move || ([("entitled-store", store)], "alive");
    let app = axum::Router::new().route("/api/v1/status", axum::routing::get(async move || body));
    let app = app.route("/healthz", axum::routing::get(healthy));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    home.entitled(&["freeze", "--for", "1h", "--reason", "moving house", "--all"]).exits(0);
    home.entitled(&["freeze", "--for", "9h", "--reason", "a long look"]).exits(0);
    let both = [
        "frozen: nothing is written to Logto until ",
        ": moving house",
        "frozen: nothing is taken away until ",
        ": a long look",
    ];
    let text = crate::support::home::demo_file();
    for listen in ["off".to_owned(), address.to_string()] {
        home.write("entitlements.yaml", &text.replace("prune: owned", &format!("listen: {listen}\nprune: owned")));
        let ran = home.entitled(&["status"]).exits(0);
        assert_eq!(ran.err.is_empty(), listen != "off", "{}", ran.err);
        for part in both {
            assert!(ran.out.contains(part), "listen: {listen}: `{part}` is missing in\n{}", ran.out);
        }
    }
    home.entitled(&["unfreeze"]).exits(0);
    let ran = home.entitled(&["status"]).exits(0);
    assert!(ran.err.is_empty() && !ran.out.contains("frozen"), "{}{}", ran.out, ran.err);
}

/// The demo, which asks no daemon that happens to run here.
fn quiet_home() -> Home {
    let home = Home::demo();
    let text = crate::support::home::demo_file();
    home.write("entitlements.yaml", &text.replace("prune: owned", "listen: off\nprune: owned"));
    home
}
