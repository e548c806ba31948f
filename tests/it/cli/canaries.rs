//! A daemon whose shops hand back what they were sent tells it to nobody: on no page, in no answer, notice, log or store.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use entitled::http;
use serde_json::Value;

use super::encodings::{TOKEN, silent, town};
use crate::support::program::{until, until_async};

/// Hears every notice.
async fn receiver() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/canary-of-another-receiver", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&heard);
    let note = async move |body: String| hear.lock().unwrap().push(body);
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(note)).await });
    (url, heard)
}

/// Killed when dropped.
struct Daemon(std::process::Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone_meanwhile = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_shows_no_secret_to_anybody() {
    let mut town = town().await;
    let (url, heard) = receiver().await;
    town.home.set("ANOTHER", &url);
    town.edit("notify: [", "notify: [{url: \"${ANOTHER}\"}, ");
    let (log, out) = (town.home.path("daemon.log"), town.home.path("daemon.out"));
    let mut command = town.home.command(env!("CARGO_BIN_EXE_entitled"));
    command.args(["run", "--listen", "127.0.0.1:0", "--log", "trace", "--log-format", "json"]);
    command.stdout(Stdio::from(std::fs::File::create(&out).unwrap()));
    let daemon = Daemon(command.stderr(Stdio::from(std::fs::File::create(&log).unwrap())).spawn().unwrap());
    let logged = || std::fs::read_to_string(&log).unwrap();
    let address = || {
        let log = logged();
        let start = log.find("listening on http://")? + "listening on ".len();
        Some(log[start..start + log[start..].find('"')?].to_owned())
    };
    until("it says where it listens", || address().is_some()).await;
    let at = address().unwrap();
    let client = http::client(std::time::Duration::from_secs(20));
    let get = async |path: &str| {
        let answer = client.get(format!("{at}{path}")).bearer_auth(TOKEN).send().await.unwrap();
        answer.text().await.unwrap()
    };
    let sources = ["pair", "file", "name", "issued"];
    let broken = async || {
        let status: Value = serde_json::from_str(&get("/api/v1/status").await).unwrap();
        let troubles = status["troubles"].to_string();
        sources.iter().all(|source| troubles.contains(&format!("\"{source}\"")))
    };
    until_async("no shop can be read", broken).await;
    until("somebody is told", || !heard.lock().unwrap().is_empty()).await;

    let paths = [
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/users/nobody",
        "/targets/role:none",
        "/runs/none",
        "/sign-in",
        "/api/v1/status",
        "/api/v1/plan",
        "/api/v1/runs",
        "/api/v1/users/nobody/why",
        "/api/v1/none",
        "/api/v1/targets/role:none/holders",
        "/api/v1/openapi.json",
    ];
    let mut hidden = 0;
    for path in paths {
        let said = get(path).await;
        hidden += usize::from(said.contains("[secret]"));
        silent(&said, path);
    }
    assert!(hidden >= 2, "the status and the page tell what the shops say");
    let mut events = client.get(format!("{at}/events")).bearer_auth(TOKEN).send().await.unwrap();
    silent(&String::from_utf8_lossy(&events.chunk().await.unwrap().unwrap()), "/events");

    let beside = [
        &["status"][..],
        &["status", "-o", "json"],
        &["doctor"],
        &["ledger", "verify"],
        &["ledger", "backup", "copy.db"],
    ];
    for command in beside {
        let ran = town.home.entitled(command);
        silent(&format!("{}{}", ran.out, ran.err), &format!("{command:?}"));
    }
    drop(daemon);
    assert!(logged().contains("[secret]"), "the log tells what the shops say");
    let heard = heard.lock().unwrap().join("\n");
    assert!(!logged().contains("another-receiver") && !heard.contains("another-receiver"));
    silent(&heard, "a notice");
    let given = ["entitlements.yaml", ".env", "token", "host"];
    for file in town.home.files().iter().filter(|file| !given.contains(&file.as_str())) {
        silent(&String::from_utf8_lossy(&std::fs::read(town.home.path(file)).unwrap()), file);
    }
}
