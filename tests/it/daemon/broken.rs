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

/// What is kept is the file that entered last, whichever way the one at hand is broken and whoever starts anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_file_is_the_one_that_a_start_goes_on_with() {
    let running = start(Options::default()).await.unwrap();
    let Handles { logto, shop } = running.handles().unwrap().clone();
    let [first, second] = ["paid-tier", "beta"].map(|role| logto.add_role(role));
    let whole = addresses(running.logto_url(), running.shop_url(), "") + PRODUCTS;
    let later = whole.replace("paid-tier", "beta");
    let program = Program::new(&whole);
    let env = program.folder.path().join(".env");
    let secrets = std::fs::read_to_string(&env).unwrap();
    let mut buyers = 0;
    let mut sells = async |to: &entitled::model::RoleId, what: &str| {
        buyers += 1;
        let user = logto.add_user(&format!("buyer-{buyers}@example.com"));
        shop.buy(&"prd_pro".into(), &user);
        until(&format!("{what}: the sale is granted"), || logto.holders(to).contains(&user)).await;
    };
    let mut daemon = program.start(&["run"]);
    sells(&first, "the first file").await;
    std::fs::write(program.file(), &later).unwrap();
    sells(&second, "the later file").await;
    let odd = format!("{secrets}this is no line\n");
    // While it runs, and after a restart, twice: a start on a broken file keeps that file in mind and not itself.
    for (what, file, variables) in [("a broken file", "products: [", &secrets), ("a broken `.env`", &later, &odd)] {
        std::fs::write(&env, variables).unwrap();
        std::fs::write(program.file(), file).unwrap();
        until(&format!("{what}: it is said"), || daemon.stderr().contains("configuration in force stays")).await;
        sells(&second, what).await;
        for _restart in 0..2 {
            daemon.kill().await;
            daemon = program.start(&["run"]);
            let address = daemon.address().await;
            if variables == &odd {
                // Nobody can be asked without the secrets: it waits for them, as for those that are not there yet.
                until("it waits", || daemon.stderr().contains("not started yet")).await;
                let client = entitled::http::client(std::time::Duration::from_secs(10));
                let ready = client.get(format!("{address}/readyz")).send().await.unwrap().text().await.unwrap();
                assert!(ready.contains("Degraded") && ready.contains("line 3"), "{ready}");
            } else {
                sells(&second, what).await;
            }
        }
        std::fs::write(&env, &secrets).unwrap();
        std::fs::write(program.file(), &later).unwrap();
        sells(&second, "all is mended").await;
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
