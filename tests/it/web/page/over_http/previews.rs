//! Previews over HTTP: whoever has the token for them sees nobody's name and can do nothing else, and nothing is
//! written, asked or delayed by them.

use std::sync::Arc;

use entitled::daemon::LiveState;
use entitled::secret::Secret;
use entitled::store::Store;
use entitled::web::Door;
use entitled::web::api::Call;
use serde_json::{Value, json as body};

use super::{Ask, Desk, FORM, TOKEN, json, samples};
use crate::support::stage::{NO_LIMITS, Stage, file, usual};

const PREVIEW: &str = "wrong-horse-battery-staple";
const JSON: (&str, &str) = ("content-type", "application/json");

/// A server with both tokens over a stage on which Ann has bought.
struct Scene {
    desk: Desk,
    stage: Stage,
}

impl Scene {
    async fn new() -> Self {
        let mut stage = Stage::usual().await;
        stage.buyer("ann@example.com", "prd_pro");
        stage.pass().await;
        stage.logto.clear_requests();
        stage.shop.clear_requests();
        let store = Arc::new(Store::open(stage.store.path()).await.unwrap());
        let open = LiveState { active: stage.active.clone(), store };
        let secret = |token: &str| Some(Secret::new(token.to_owned()));
        let door = Door { preview: secret(PREVIEW), ..Door::new("127.0.0.1:8787".parse().unwrap(), secret(TOKEN)) };
        Self { desk: Desk::behind(door, samples::in_sync(), Some(open)).await, stage }
    }

    async fn previewed(&self, token: Option<&str>, text: &str) -> (u16, Value) {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).chain([JSON]).collect();
        let asks = body!({ "head": { "text": text } }).to_string();
        let answer = self.desk.ask(Ask("POST", Call::Preview.path(), &headers, &asks)).await;
        (answer.status().as_u16(), json(answer).await)
    }

    fn nobody_was_asked(&self) {
        assert_eq!((self.stage.logto.requests(), self.stage.shop.requests()), (vec![], vec![]));
    }
}

/// The usual file without what Ann has bought.
fn less() -> String {
    file("owned", NO_LIMITS, "products:\n  prd_team:\n    entitlements: [{organization: acme, roles: [member]}]\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_for_previews_shows_numbers_and_the_other_one_names() {
    let scene = Scene::new().await;
    let (status, said) = scene.previewed(Some(PREVIEW), &less()).await;
    assert_eq!((status, &said["summary"]["lose"]), (200, &1.into()), "{said}");
    assert_eq!(said["groups"][0]["target"], "role paid-tier", "by the name that it has in the version before: {said}");
    assert_eq!(said["groups"][0]["people"], body!([{ "buyer": 1 }]), "{said}");
    assert!(!said.to_string().contains("ann@"), "{said}");
    let (status, said) = scene.previewed(Some(TOKEN), &less()).await;
    assert_eq!(status, 200);
    assert!(said["groups"][0]["people"][0]["known"].as_str().unwrap().ends_with(" ann@example.com"), "{said}");
    for token in [None, Some("another-horse-battery-staple"), Some("")] {
        let (status, said) = scene.previewed(token, &less()).await;
        assert_eq!((status, &said["error"]), (401, &"unauthorized".into()), "{token:?} {said}");
    }
    scene.nobody_was_asked();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_for_previews_opens_nothing_else() {
    let scene = Scene::new().await;
    let bearer = format!("Bearer {PREVIEW}");
    let headers = [("authorization", bearer.as_str()), JSON, ("x-entitled", "1")];
    for call in Call::ALL.into_iter().filter(|call| *call != Call::Preview) {
        let path = call.path().replace("{id}", "anna").replace("{key}", "role%2Fx");
        let answer = scene.desk.ask(Ask(&call.method().to_uppercase(), &path, &headers, "{}")).await;
        assert_eq!(answer.status().as_u16(), 401, "{path}");
    }
    for path in ["/", "/metrics", "/events", "/users/anna", "/targets/role/x", "/runs/none"] {
        let answer = scene.desk.ask(Ask("GET", path, &headers[..1], "")).await;
        assert_eq!(answer.status().as_u16(), 401, "{path}");
    }
    for path in ["/actions/reconcile", "/actions/freeze", "/actions/unfreeze", "/actions/approve"] {
        let answer = scene
            .desk
            .ask(Ask("POST", path, &[headers[0], FORM], "form=0000&for=1h&reason=x&digest=4be2d11c90a7"))
            .await;
        assert_eq!(answer.status().as_u16(), 401, "{path}");
    }
    let answer = scene.desk.ask(Ask("POST", "/sign-in", &[FORM], &format!("token={PREVIEW}"))).await;
    assert_eq!((answer.status().as_u16(), answer.headers().contains_key("set-cookie")), (401, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_previewed_is_refused_and_said() {
    let scene = Scene::new().await;
    let (status, said) = scene.previewed(Some(PREVIEW), &usual().replace("prune: owned", "prune: owend")).await;
    assert_eq!((status, &said["error"]), (400, &"bad_request".into()), "{said}");
    let message = said["message"].as_str().unwrap();
    for part in ["the proposed version of the file is not valid", "`owend`", "prune: owend", "^^^"] {
        assert!(message.contains(part), "`{part}` is missing in {message}");
    }
    let (status, said) = scene.previewed(Some(PREVIEW), &format!("{}#{}", usual(), "x".repeat(1 << 20))).await;
    assert_eq!(status, 400);
    assert!(said["message"].as_str().unwrap().contains("is larger than 1024 KiB"), "{said}");
    let (status, _) = scene.previewed(Some(PREVIEW), &"x".repeat(5 << 20)).await;
    assert!(matches!(status, 400 | 413), "{status}");

    let bearer = format!("Bearer {PREVIEW}");
    let headers = [("authorization", bearer.as_str()), JSON];
    for commit in ["HEAD", "", "--help", "$(id)", "\u{1b}[2J", &"a".repeat(65)] {
        let asks = body!({ "head": { "text": usual(), "commit": commit } }).to_string();
        let answer = scene.desk.ask(Ask("POST", Call::Preview.path(), &headers, &asks)).await;
        let status = answer.status().as_u16();
        let said = json(answer).await;
        assert_eq!(status, 400, "{commit:?} {said}");
        assert!(!said.to_string().contains("\\u001b"), "{said}");
    }
    scene.nobody_was_asked();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_writes_nothing_and_leaves_a_pass_alone() {
    let mut scene = Scene::new().await;
    let path = scene.stage.store.path().to_owned();
    // Whoever writes to the store appends to the second one.
    let bytes = || [path.clone(), path.with_extension("db-wal")].map(|path| std::fs::read(path).unwrap());
    let before = bytes();
    for text in [less(), usual(), "prune: [".to_owned()] {
        scene.previewed(Some(PREVIEW), &text).await;
    }
    assert!(bytes() == before, "the store is as it was");
    scene.nobody_was_asked();
    tokio::select! {
        biased;
        asked = scene.desk.triggers.settled() => panic!("{asked:?} is asked for"),
        () = std::future::ready(()) => {}
    }

    // Side by side: neither waits for the other, and both come to the same.
    let (ben, _) = scene.stage.buyer("ben@example.com", "prd_pro");
    let Scene { desk, stage } = &mut scene;
    let role = stage.logto.role("paid-tier").unwrap();
    let headers = [("authorization", format!("Bearer {PREVIEW}"))];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).chain([JSON]).collect();
    let asks = body!({ "head": { "text": less() } }).to_string();
    let (_, answer) = tokio::join!(stage.pass(), desk.ask(Ask("POST", Call::Preview.path(), &headers, &asks)));
    assert_eq!(answer.status().as_u16(), 200);
    assert!(stage.logto.holders(&role).contains(&ben));
}
