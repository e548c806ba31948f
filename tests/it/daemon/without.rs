//! A daemon that is started before what its file refers to is there: it waits, answers, and begins when that comes.

use std::fs;
use std::time::Duration;

use entitled::sandbox::{APP_SECRET, Handles, LogtoSim, Options, Running, SHOP_TOKEN, ShopSim, start};

use crate::support::program::{Program, addresses, until, until_async};

const TOKEN: &str = "a-token-that-is-long-enough";

struct Waiting {
    program: Program,
    at: String,
    logto: LogtoSim,
    shop: ShopSim,
    _running: Running,
}

/// A folder without its `.env`, the secret of Logto in a file that is not there, and the address of its server.
async fn without() -> Waiting {
    let running = start(Options::default()).await.unwrap();
    let Handles { logto, shop } = running.handles().unwrap().clone();
    logto.add_role("paid-tier");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let block = addresses(running.logto_url(), running.shop_url(), "").replace("${LOGTO_SECRET}", "${file:secret}");
    let program = Program::new(&format!(
        "{block}prune: owned\nlisten: {free}\nproducts: {{prd_pro: {{entitlements: [{{role: paid-tier}}]}}}}\n"
    ));
    fs::remove_file(program.folder.path().join(".env")).unwrap();
    Waiting { program, at: format!("http://{free}"), logto, shop, _running: running }
}

impl Waiting {
    async fn asked(&self, path: &str) -> (u16, String) {
        let client = entitled::http::client(Duration::from_secs(10));
        match client.get(format!("{}{path}", self.at)).send().await {
            Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap_or_default()),
            Err(_) => (0, String::new()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_and_heeds_commands_while_it_waits_and_begins_when_all_is_there() {
    let one = without().await;
    let daemon = one.program.start(&["run"]);
    until_async("it answers", async || one.asked("/readyz").await.1.contains("Degraded")).await;
    for (path, status) in [("/healthz", 200), ("/readyz", 503), ("/api/v1/status", 200), ("/", 200)] {
        assert_eq!(one.asked(path).await.0, status, "{path}");
    }
    let told = one.program.run(&["status"]).await;
    assert_eq!(told.status.code(), Some(1), "{}\n{}", told.stdout, told.stderr);
    for part in ["Degraded since ", "`SHOP_TOKEN`", "`file:secret`", "hint: "] {
        assert!(told.stdout.contains(part), "`{part}` is missing in\n{}", told.stdout);
    }
    assert!(!told.stderr.contains("this is what the store at"), "the daemon itself was asked: {}", told.stderr);
    let frozen = one.program.run(&["freeze", "--for", "1h", "--reason", "not yet"]).await;
    assert_eq!((frozen.status.code(), frozen.stderr.as_str()), (Some(0), ""), "{}", frozen.stdout);
    assert_eq!(one.program.run(&["unfreeze"]).await.status.code(), Some(0));
    assert_eq!(one.logto.requests(), [], "nobody is asked by half of what is needed");
    assert_eq!(daemon.stderr().matches("not started yet").count(), 1, "{}", daemon.stderr());

    let ann = one.logto.add_user("ann@example.com");
    one.shop.buy(&"prd_pro".into(), &ann);
    fs::write(one.program.folder.path().join("secret"), format!("{APP_SECRET}\n")).unwrap();
    until("it says what is left", || daemon.stderr().matches("not started yet").count() == 2).await;
    let env = format!("SHOP_TOKEN={SHOP_TOKEN}\nENTITLED_API_TOKEN={TOKEN}\n");
    fs::write(one.program.folder.path().join(".env"), env).unwrap();
    let role = one.logto.role("paid-tier").unwrap();
    until("it has begun", || one.logto.holders(&role).contains(&ann)).await;
    until_async("whoever reads shows the token that came with the rest", async || {
        one.asked("/api/v1/status").await.0 == 401
    })
    .await;
    until_async("it is well", async || !one.program.run(&["status"]).await.stdout.contains("Degraded")).await;
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await.status.code(), Some(0));
}

/// What was held and frozen before is so still, and is to be seen where a person looks first.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_waits_or_stands_by_shows_what_the_store_knows() {
    let one = without().await;
    let [file, env] = ["secret", ".env"].map(|name| one.program.folder.path().join(name));
    let all_is_there = || {
        fs::write(&file, format!("{APP_SECRET}\n")).unwrap();
        fs::write(&env, format!("SHOP_TOKEN={SHOP_TOKEN}\n")).unwrap();
    };
    all_is_there();
    let ann = one.logto.add_user("ann@example.com");
    let order = one.shop.buy(&"prd_pro".into(), &ann);
    assert_eq!(one.program.run(&["run", "--once"]).await.status.code(), Some(0));
    one.shop.set_status(&order, "refunded");
    let frozen = one.program.run(&["freeze", "--for", "1h", "--reason", "not yet"]).await;
    assert_eq!(frozen.status.code(), Some(0));
    assert_eq!(one.program.run(&["run", "--once"]).await.status.code(), Some(3), "held by the freeze");

    fs::remove_file(&env).unwrap();
    let waiting = one.program.start(&["run"]);
    let shown = async |state: &str, parts: &[&str]| {
        let status = one.asked("/api/v1/status").await.1;
        status.contains(&format!("\"state\":\"{state}\"")) && parts.iter().all(|part| status.contains(part))
    };
    let known = [ann.as_str(), "not yet", "\"held\":1"];
    until_async("it is shown by one that waits", async || shown("Degraded", &known).await).await;
    let told = one.program.run(&["status"]).await;
    assert!(told.stdout.contains("not yet") && told.stdout.contains("held"), "{}", told.stdout);
    drop(waiting);

    all_is_there();
    let held = entitled::store::lease::take(&one.program.store()).unwrap().unwrap();
    let _standing_by = one.program.start(&["run"]);
    let known = [ann.as_str(), "not yet", "\"held\":1", "standby"];
    until_async("it is shown by one that stands by", async || shown("Held", &known).await).await;
    // Whoever holds the lease writes on.
    let store = entitled::store::Store::open(&one.program.store()).await.unwrap();
    store.unfreeze("somebody", jiff::Timestamp::now()).await.unwrap();
    until_async("what changes is shown", async || !one.asked("/api/v1/status").await.1.contains("not yet")).await;
    store.close().await;
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_one_that_waits() {
    let one = without().await;
    for args in [&["run"][..], &["run", "--dry-run"]] {
        let daemon = one.program.start(args);
        until_async("it answers", async || one.asked("/readyz").await.1.contains("Degraded")).await;
        daemon.signal("TERM");
        assert_eq!(daemon.ended().await.status.code(), Some(0), "{args:?}");
    }
}

/// A whole file that somebody breaks besides is broken: waiting would mend nothing.
#[tokio::test(flavor = "multi_thread")]
async fn it_does_not_wait_for_what_no_variable_mends() {
    let one = without().await;
    let text = fs::read_to_string(one.program.file()).unwrap();
    fs::write(one.program.file(), text.replace("prune: owned", "prune: owend")).unwrap();
    let ended = one.program.start(&["run"]).ended().await;
    assert_eq!(ended.status.code(), Some(1));
    for part in ["SHOP_TOKEN", "owend"] {
        assert!(ended.stderr.contains(part), "`{part}` is missing in\n{}", ended.stderr);
    }
}
