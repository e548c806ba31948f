//! A daemon that is started on a broken file goes on with the one that was in force last.

use entitled::sandbox::{Handles, Options, start};

use crate::support::program::{Program, addresses, until};

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
        crate::support::program::until_async("it is well", || async { !state().await.contains("Degraded") }).await;
    }
}
