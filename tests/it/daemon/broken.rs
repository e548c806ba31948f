//! A daemon that is started on a broken file goes on with the one that was in force last.

use entitled::sandbox::{Handles, Options, start};
use entitled::store::Store;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::{ALWAYS, Live};
use crate::support::program::{Program, addresses, until, until_async};
use crate::support::stage;

const PRODUCTS: &str = "prune: owned
listen: 127.0.0.1:0
products: {prd_pro: {entitlements: [{role: paid-tier}]}}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_started_on_a_broken_file_works_by_the_last_valid_one_and_says_so() {
    let running = start(Options::default()).await.unwrap();
    let Handles { logto, shop } = running.handles().unwrap().clone();
    let role = logto.add_role("paid-tier");
    let whole = addresses(running.logto_url(), running.shop_url(), "") + PRODUCTS;
    let program = Program::new(&whole);
    program.run(&["run", "--once"]).await;
    let mut buyers = 0;
    for broken in [Some("prune: owend   # “never”\n"), Some("products: [\u{a0}"), None] {
        match broken {
            Some(text) => std::fs::write(program.file(), text).unwrap(),
            None => std::fs::remove_file(program.file()).unwrap(),
        }
        let daemon = program.start(&["run"]);
        let address = daemon.address().await;
        buyers += 1;
        let ann = logto.add_user(&format!("buyer-{buyers}@example.com"));
        shop.buy(&"prd_pro".into(), &ann);
        until("the sale is granted", || logto.holders(&role).contains(&ann)).await;
        let seen = ["the file is not valid", "the file is gone"];
        until("the watch has seen it too", || seen.iter().any(|words| daemon.stderr().contains(words))).await;
        let ready = entitled::http::client(std::time::Duration::from_secs(10));
        let ready = ready.get(format!("{address}/readyz")).send().await.unwrap().text().await.unwrap();
        assert!(ready.contains("Degraded") && ready.contains("\"file\""), "{ready}");
        assert!(daemon.stderr().contains("stays in force"), "{}", daemon.stderr());
        // Mended, it enters into force without a restart.
        std::fs::write(program.file(), &whole).unwrap();
        let state = || async {
            let client = entitled::http::client(std::time::Duration::from_secs(10));
            client.get(format!("{address}/readyz")).send().await.unwrap().text().await.unwrap()
        };
        until_async("it is well", || async { !state().await.contains("Degraded") }).await;
    }
}

/// Else the next start would go on with a file that was replaced long ago.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_could_not_be_kept_when_it_entered_is_kept_later() {
    let live = Live::with(ALWAYS, stage::PRODUCTS).await;
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    let store = live.program.store();
    let mut raw = SqliteConnectOptions::new().filename(&store).connect().await.unwrap();
    let full = "CREATE TRIGGER full BEFORE UPDATE ON valid_file BEGIN SELECT RAISE(ABORT, 'no room'); END";
    sqlx::raw_sql(full).execute(&mut raw).await.unwrap();

    let text = live.text(&stage::PRODUCTS.replace("paid-tier", "beta"));
    std::fs::write(live.program.file(), &text).unwrap();
    live.hold("beta", &[&ann]).await;
    let kept = async || Store::valid_file(&store).await.unwrap().unwrap().text == text;
    assert!(!kept().await, "it is kept although that fails");
    sqlx::raw_sql("DROP TRIGGER full").execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    until_async("it is kept", kept).await;
    live.stop().await;
}
