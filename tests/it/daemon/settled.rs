//! What a running daemon does not follow: another store, another address to listen on, other proxies, another token. It
//! says so, and commands that come by the changed file talk to the store that it works on.

use entitled::sandbox::{Handles, Options, Running, start};

use super::outages::said;
use crate::support::program::{Program, Started, addresses, until, until_async};
use crate::support::stage::{NO_LIMITS, PRODUCTS, furnish};

/// A process that runs, in front of simulators that live here.
struct Town {
    _running: Running,
    handles: Handles,
    program: Program,
    text: String,
    daemon: Started,
    address: String,
}

impl Town {
    async fn with(head: &str, arguments: &[&str]) -> Self {
        let running = start(Options::default()).await.unwrap();
        let handles = running.handles().unwrap().clone();
        furnish(&handles.logto);
        let block = addresses(running.logto_url(), running.shop_url(), "");
        let text = format!("{block}prune: owned\n{NO_LIMITS}\nschedule: {{full_pass: 100ms}}\n{head}\n{PRODUCTS}");
        let program = Program::new(&text);
        let daemon = program.start(arguments);
        let address = daemon.address().await;
        Self { _running: running, handles, program, text, daemon, address }
    }

    fn write(&self, from: &str, to: &str) {
        assert!(self.text.contains(from), "{from} is not in the file");
        std::fs::write(self.program.file(), self.text.replace(from, to)).unwrap();
    }

    fn buys(&self, email: &str) -> entitled::model::UserId {
        let user = self.handles.logto.add_user(email);
        self.handles.shop.buy(&"prd_pro".into(), &user);
        user
    }

    fn holds(&self, user: &entitled::model::UserId) -> bool {
        let logto = &self.handles.logto;
        logto.holders(&logto.role("paid-tier").unwrap()).contains(user)
    }

    async fn says(&self, what: &str) {
        until(&format!("the log says {what}"), || self.daemon.stderr().contains(what)).await;
    }

    /// Waits until the page and the API both say that this is not followed, or neither.
    async fn tells(&self, key: &str, whether: bool) {
        let client = entitled::http::client(std::time::Duration::from_secs(10));
        let text = async |path: &str| {
            client.get(format!("{}{path}", self.address)).send().await.unwrap().text().await.unwrap()
        };
        until_async(&format!("{key}: {whether}"), async || {
            let status: serde_json::Value = serde_json::from_str(&text("/api/v1/status").await).unwrap();
            let told = status["unheeded"].as_array().is_some_and(|all| all.iter().any(|one| one["key"] == key));
            let page = text("/").await;
            let card = page.split("id=\"unheeded\"").nth(1).unwrap().split("</section>").next().unwrap();
            (told, card.contains(&format!("<code>{key}</code>"))) == (whether, whether)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_come_by_the_changed_file_talk_to_the_store_in_use() {
    let town = Town::with("store: entitled.db\nlisten: 127.0.0.1:0", &["run"]).await;
    let ann = town.buys("ann@example.com");
    until("it is granted", || town.holds(&ann)).await;

    town.write("store: entitled.db", "store: fresh.db");
    town.says("`store` is now `fresh.db`").await;
    town.tells("store", true).await;
    assert!(said(&town.daemon, &town.address).await.is_well(), "what is not followed is no trouble");

    let freeze = town.program.run(&["freeze", "--all", "--for", "1h", "--reason", "wait"]).await;
    assert!(freeze.status.success(), "{freeze:#?}");
    assert!(freeze.stderr.contains("entitled.db` until it is restarted"), "it says which: {freeze:#?}");
    town.says("\"frozen\"").await;
    let ben = town.buys("ben@example.com");
    let status = town.program.run(&["status"]).await;
    assert!(status.stdout.contains("frozen"), "{status:#?}");
    let why = town.program.run(&["why", ann.as_str()]).await;
    assert!(why.stdout.contains("ours: granted on"), "its ledger is the one in use: {why:#?}");
    let approve = town.program.run(&["approve", "0123456789ab"]).await;
    assert!(approve.stderr.contains("entitled.db` until"), "{approve:#?}");
    let apply = town.program.run(&["apply", "--yes"]).await;
    assert!(!apply.status.success() && apply.stderr.contains("process "), "{apply:#?}");
    assert!(!town.program.folder.path().join("fresh.db").exists(), "no command has made it");

    // A file that is broken besides hides neither.
    town.write("store: entitled.db", "store: third.db\nprune: [");
    town.says("`store` is now `third.db`").await;
    let unfreeze = town.program.run(&["unfreeze"]).await;
    assert!(unfreeze.stdout.starts_with("1 freeze ended."), "{unfreeze:#?}");
    until("it goes on", || town.holds(&ben)).await;

    // Whoever says where the store lies means it.
    let other = town.program.run(&["--store", "third.db", "freeze", "--for", "1h", "--reason", "there"]).await;
    assert!(other.status.success() && town.program.folder.path().join("third.db").exists(), "{other:#?}");

    std::fs::write(town.program.file(), &town.text).unwrap();
    town.tells("store", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_that_the_changed_file_leads_elsewhere_waits_for_the_first() {
    let town = Town::with("store: entitled.db\nlisten: 127.0.0.1:0", &["run"]).await;
    let ann = town.buys("ann@example.com");
    until("it is granted", || town.holds(&ann)).await;
    town.write("store: entitled.db", "store: fresh.db");
    town.says("`store` is now `fresh.db`").await;
    let second = town.program.start(&["run"]);
    until("it stands by", || second.stderr().contains("standing by")).await;
    let id = town.daemon.id();
    town.daemon.signal("TERM");
    until("it takes over with the store of the file", || {
        second.stderr().contains("\"in force\"") && !town.daemon.stderr().is_empty()
    })
    .await;
    assert_ne!(id, second.id());
    let status = town.program.run(&["status"]).await;
    assert!(!status.stderr.contains("until it is restarted"), "{status:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_stays_as_it_was_and_that_is_said() {
    let town = Town::with("listen: 127.0.0.1:0", &["run"]).await;
    town.write("listen: 127.0.0.1:0", "listen: 127.0.0.1:1\ntrusted_proxies: [10.0.0.0/8]");
    town.says("`listen` is now `127.0.0.1:1`").await;
    town.tells("trusted_proxies", true).await;
    town.tells("listen", true).await;
    let env = town.program.folder.path().join(".env");
    let variables = std::fs::read_to_string(&env).unwrap();
    std::fs::write(&env, format!("{variables}ENTITLED_API_TOKEN=correct-horse-battery-staple\n")).unwrap();
    town.tells("ENTITLED_API_TOKEN", true).await;
    std::fs::write(&env, format!("{variables}ENTITLED_PREVIEW_TOKEN=wrong-horse-battery-staple\n")).unwrap();
    town.tells("ENTITLED_PREVIEW_TOKEN", true).await;
    assert!(!town.daemon.stderr().contains("correct-horse"), "{}", town.daemon.stderr());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_command_line_says_outranks_the_file_and_stays() {
    let town = Town::with("store: entitled.db", &["run", "--store", "own.db", "--listen", "127.0.0.1:0"]).await;
    let ann = town.buys("ann@example.com");
    until("it is granted", || town.holds(&ann)).await;
    town.write("store: entitled.db", "store: fresh.db\nlisten: 127.0.0.1:1\nadopt: never");
    until("the file is in force", || town.daemon.stderr().matches("\"in force\"").count() > 1).await;
    town.tells("store", false).await;
    town.tells("listen", false).await;
    assert!(!town.program.folder.path().join("fresh.db-lock").exists(), "another daemon may work there");
}
