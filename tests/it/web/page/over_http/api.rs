//! `/api/v1`: every call is described, every example and every real answer fits what is described.

use std::collections::BTreeSet;

use entitled::daemon::Targets;
use entitled::planner::Cause;
use entitled::planner::desired::Ending;
use entitled::planner::input::{Mover, NewRule};
use entitled::report::messages::cause_word;
use entitled::web::api::{Call, OPENAPI};
use serde_json::Value;

use super::{Ask, Desk, TOKEN, json, over, samples};
use crate::support::stage::Stage;
use crate::web::page::schema::misfits;

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

const JSON: (&str, &str) = ("content-type", "application/json");
const PROGRAM: (&str, &str) = ("x-entitled", "1");

#[test]
fn every_call_is_described_and_every_example_fits() {
    let document = document();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut described = BTreeSet::new();
    let mut looked_at = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            described.insert((path.as_str(), method.as_str()));
            let body = call.get("requestBody").into_iter();
            for content in call["responses"].as_object().unwrap().values().chain(body) {
                let content = &content["content"]["application/json"];
                let wrong = misfits(&document, &content["schema"], &content["example"]);
                assert_eq!(wrong, Vec::<String>::new(), "{method} {path}");
                looked_at += 1;
            }
        }
    }
    let there: BTreeSet<_> = Call::ALL.iter().map(|call| (call.path(), call.method())).collect();
    assert_eq!(described, there);
    assert!(looked_at > 20, "{looked_at}");
    // What holds the two against each other sees a difference.
    let schema = serde_json::json!({ "$ref": "#/components/schemas/Run" });
    assert_ne!(misfits(&document, &schema, &serde_json::json!({ "id": 7, "more": 1 })), Vec::<String>::new());
}

/// Whoever reads `cause` by its list must find every word there.
#[test]
fn every_cause_is_on_the_list() {
    let causes = [
        Cause::Sale,
        Cause::Commit,
        Cause::Drift,
        Cause::Retry,
        Cause::Ended(Ending::Expired),
        Cause::Unmapped,
        Cause::Resolution,
        Cause::Exchanged,
        Cause::Moved(Mover::Shop),
        Cause::Moved(Mover::Commit),
        Cause::Dropped,
        Cause::Upgrade(NewRule::Sources),
        Cause::Unexplained,
        Cause::Undone,
        Cause::GivenAgain,
        Cause::Exclusive,
    ];
    let words: BTreeSet<&str> = causes.into_iter().map(cause_word).collect();
    assert_eq!(words.len(), causes.len());
    let document = document();
    let mut lists = Vec::new();
    collect_enums(&document["components"]["schemas"], "cause", &mut lists);
    assert!(lists.len() >= 4, "{lists:?}");
    for list in lists {
        assert_eq!(list.iter().map(|word| word.as_str().unwrap()).collect::<BTreeSet<_>>(), words);
    }
}

/// The lists of words of every property of this name.
fn collect_enums<'a>(node: &'a Value, property: &str, lists: &mut Vec<&'a Vec<Value>>) {
    match node {
        Value::Object(map) => {
            for (key, value) in map {
                lists.extend((key == property).then(|| value["enum"].as_array()).flatten());
                collect_enums(value, property, lists);
            }
        }
        Value::Array(all) => all.iter().for_each(|one| collect_enums(one, property, lists)),
        _ => {}
    }
}

/// Holds a real answer against the description of its call.
async fn fits(desk: &Desk, call: Call, ask: Ask<'_>) -> Value {
    let document = document();
    let what = format!("{} {}", ask.0, ask.1);
    let answer = desk.ask(ask).await;
    let status = answer.status().as_u16().to_string();
    let said = json(answer).await;
    let described = &document["paths"][call.path()][call.method()]["responses"][&status]["content"]["application/json"];
    assert!(described.is_object(), "{what}: {status} is not described: {said}");
    assert_eq!(misfits(&document, &described["schema"], &said), Vec::<String>::new(), "{what}: {said}");
    said
}

#[tokio::test]
async fn real_answers_fit_in_every_state() {
    for (name, status) in samples::all() {
        let desk = Desk::local(status).await;
        for (call, path) in [
            (Call::Status, "/api/v1/status?limit=1"),
            (Call::Plan, "/api/v1/plan?limit=1"),
            (Call::Runs, "/api/v1/runs"),
            (Call::Why, "/api/v1/users/anna/why"),
            (Call::Holders, "/api/v1/targets/role%2Fx/holders"),
        ] {
            let said = fits(&desk, call, Ask("GET", path, &[], "")).await;
            if name == "held" && matches!(call, Call::Status | Call::Plan) {
                assert_eq!((said["held"].as_array().unwrap().len(), &said["left_off"]["held"]), (1, &11.into()));
            }
        }
        fits(&desk, Call::Reconcile, Ask("POST", "/api/v1/reconcile", &[PROGRAM], "")).await;
    }
}

#[tokio::test]
async fn a_limit_that_is_none_is_an_error_that_is_described() {
    let desk = Desk::local(samples::waits_for_approval(12)).await;
    let calls = [
        (Call::Status, "/api/v1/status"),
        (Call::Plan, "/api/v1/plan"),
        (Call::Holders, "/api/v1/targets/role%2Fx/holders"),
    ];
    for (call, path) in calls {
        for wrong in ["-1", "0", "10001", "99999999999999999999", "1.5", "ten", "", "%20", "1&limit=2"] {
            let said = fits(&desk, call, Ask("GET", &format!("{path}?limit={wrong}"), &[], "")).await;
            assert_eq!(said["error"], "bad_request", "{path} {wrong}: {said}");
            assert!(said["message"].as_str().unwrap().contains("limit"), "{path} {wrong}: {said}");
        }
    }
    for right in ["1", "10000"] {
        let answer = desk.ask(Ask("GET", &format!("/api/v1/status?limit={right}"), &[], "")).await;
        assert_eq!(answer.status().as_u16(), 200, "{right}");
    }
}

#[tokio::test]
async fn a_name_that_is_none_is_an_error_that_is_described() {
    let desk = Desk::local(samples::in_sync()).await;
    for wrong in ["%ff", "%ed%a0%80", "", "%20", "%E3%80%80"] {
        for (call, path) in [
            (Call::Why, format!("/api/v1/users/{wrong}/why")),
            (Call::Holders, format!("/api/v1/targets/{wrong}/holders")),
        ] {
            let said = fits(&desk, call, Ask("GET", &path, &[], "")).await;
            assert_eq!(said["error"], "bad_request", "{path}: {said}");
        }
    }
    let secured = Desk::start(samples::in_sync(), Some(TOKEN), "127.0.0.1:8787", None).await;
    let answer = secured.ask(Ask("GET", "/api/v1/users/%ff/why", &[], "")).await;
    assert_eq!(answer.status().as_u16(), 401, "who may not ask is told nothing of how to");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_explained_and_a_target_has_its_holders() {
    let mut stage = Stage::usual().await;
    let (ann, _) = stage.buyer("ann@example.com", "prd_pro");
    stage.pass().await;
    let role = stage.logto.role("paid-tier").unwrap();
    let desk = over(stage, samples::in_sync()).await;
    let by_id = format!("/api/v1/users/{ann}/why");
    for path in [by_id.as_str(), "/api/v1/users/ann%40example.com/why"] {
        let said = fits(&desk, Call::Why, Ask("GET", path, &[], "")).await;
        let held = said["targets"].as_array().unwrap().iter().find(|target| target["target"] == "role paid-tier");
        assert_eq!((&held.unwrap()["held"], &held.unwrap()["owner"]), (&"held".into(), &"granted".into()), "{said}");
    }
    let path = format!("/api/v1/targets/role%2F{role}/holders");
    let said = fits(&desk, Call::Holders, Ask("GET", &path, &[], "")).await;
    assert_eq!(said["holders"][0]["user"], ann.as_str(), "{said}");
    for (call, path) in
        [(Call::Why, "/api/v1/users/nobody/why"), (Call::Holders, "/api/v1/targets/role%2Fnone/holders")]
    {
        let said = fits(&desk, call, Ask("GET", path, &[], "")).await;
        assert_eq!(said["error"], "not_found", "{said}");
    }
    // The same for people.
    let page = desk.ask(Ask("GET", &format!("/users/{ann}"), &[], "")).await.text().await.unwrap();
    assert!(page.contains("role paid-tier") && page.contains("<strong>granted</strong>"), "{page}");
    let page = desk.ask(Ask("GET", &format!("/targets/role/{role}"), &[], "")).await.text().await.unwrap();
    assert!(page.contains(ann.as_str()) && page.contains("1 holder"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_says_is_written_down_and_wakes_the_loop() {
    let stage = Stage::usual().await;
    let store = entitled::store::Store::open(stage.store.path()).await.unwrap();
    let mut desk = over(stage, samples::waits_for_approval(12)).await;
    let post = async |desk: &Desk, call: Call, body: &str| {
        fits(desk, call, Ask("POST", call.path(), &[PROGRAM, JSON], body)).await
    };
    let unknown = post(&desk, Call::Approve, r#"{"digest": "000000000000"}"#).await;
    assert_eq!(unknown["error"], "not_held");
    post(&desk, Call::Approve, r#"{"digest": "4be2d11c90a7", "note": "checked\u001b[2J"}"#).await;
    let approved = store.open_actions(jiff::Timestamp::now(), None).await.unwrap();
    assert!(!approved.is_empty() && approved.iter().all(|one| one.digest == "4be2d11c90a7"), "{approved:?}");
    let note = store.audit_trail(1).await.unwrap().remove(0).note;
    assert_eq!(note.as_deref(), Some(r"checked\u{1b}[2J"));
    assert_eq!(desk.triggers.settled().await.targets, Targets::All);

    for wrong in [r#"{"for": "soon", "reason": "x"}"#, r#"{"for": "2h", "reason": " "}"#, r#"{"for": "2h"}"#, "{"] {
        assert_eq!(post(&desk, Call::Freeze, wrong).await["error"], "bad_request", "{wrong}");
    }
    post(&desk, Call::Freeze, r#"{"for": "2h", "reason": "the shop moves", "all": true}"#).await;
    let frozen = store.frozen(jiff::Timestamp::now()).await.unwrap().unwrap();
    assert_eq!((frozen.reason.as_str(), frozen.who.as_str()), ("the shop moves", "the API"));
    assert_eq!(post(&desk, Call::Unfreeze, "").await["ended"], 1);
    assert_eq!(store.frozen(jiff::Timestamp::now()).await.unwrap(), None);

    let answer = desk.ask(Ask("POST", "/api/v1/reconcile", &[PROGRAM], "")).await;
    assert_eq!(answer.status().as_u16(), 202);
    assert_eq!(desk.triggers.settled().await.all_sources, Targets::All);

    // A dry run has nothing written down either.
    desk.status.send_replace(std::sync::Arc::new(samples::pending()));
    assert_eq!(post(&desk, Call::Freeze, r#"{"for": "2h", "reason": "x"}"#).await["error"], "dry_run");
    let missing = desk.ask(Ask("GET", "/api/v1/nothing", &[], "")).await;
    assert_eq!((missing.status().as_u16(), json(missing).await["error"].as_str()), (404, Some("not_found")));
}
