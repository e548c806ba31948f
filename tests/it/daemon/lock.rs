//! The lock file of the store vanishes or is replaced while a daemon works: two must never write, and none of them
//! may stop for nothing.

use entitled::sandbox::{Handles, Options, start};
use entitled::store::lease;

use crate::support::program::{Program, addresses, until, until_async};

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_takes_its_lock_back_and_writes_nothing_while_somebody_else_has_it() {
    let running = start(Options::default()).await.unwrap();
    let Handles { logto, shop } = running.handles().unwrap().clone();
    let role = logto.add_role("paid-tier");
    let block = addresses(running.logto_url(), running.shop_url(), "");
    let program = Program::new(&format!(
        "{block}prune: owned\nlisten: 127.0.0.1:0\nproducts: {{prd_pro: {{entitlements: [{{role: paid-tier}}]}}}}\n"
    ));
    let daemon = program.start(&["run"]);
    let address = daemon.address().await;
    let sell = |email: &str| {
        let user = logto.add_user(email);
        shop.buy(&"prd_pro".into(), &user);
        user
    };
    let ann = sell("ann@example.com");
    until("the first sale is granted", || logto.holders(&role).contains(&ann)).await;

    let (store, lock) = (program.store(), program.folder.path().join("entitled.db-lock"));
    let own = format!("process {}", daemon.id());
    std::fs::remove_file(&lock).unwrap();
    let held = || matches!(lease::holder(&store), Ok(Some(holder)) if holder.starts_with(&own));
    until("it takes it back", held).await;
    let refused = program.run(&["apply", "--yes"]).await;
    assert!(refused.stderr.contains(&own), "{}", refused.stderr);
    let ben = sell("ben@example.com");
    until("it goes on", || logto.holders(&role).contains(&ben)).await;

    // Somebody else's, at once: nobody is ever without.
    let other = program.folder.path().join("other.db");
    let others = lease::take(&other).unwrap().unwrap();
    std::fs::rename(program.folder.path().join("other.db-lock"), &lock).unwrap();
    let status = async || -> serde_json::Value {
        let client = entitled::http::client(std::time::Duration::from_secs(10));
        let answer = client.get(format!("{address}/api/v1/status")).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    };
    let said = async || status().await["troubles"].to_string();
    until_async("it says so", async || said().await.contains("somebody else holds another one")).await;
    assert!(said().await.contains("stop the other process that writes to it"), "{}", said().await);
    assert_eq!(status().await["state"], "Degraded");
    let cid = sell("cid@example.com");
    let turns = std::sync::Mutex::new(std::collections::BTreeSet::new());
    until_async("some turns of the loop", async || {
        let at = status().await["at"].to_string();
        let mut turns = turns.lock().unwrap();
        turns.insert(at);
        turns.len() > 4
    })
    .await;
    assert!(!logto.holders(&role).contains(&cid), "two would write");

    drop(others);
    until("it goes on as soon as it has the lock", || logto.holders(&role).contains(&cid)).await;
    until_async("it is well", async || status().await["troubles"] == serde_json::json!([])).await;
    assert!(held());
}
