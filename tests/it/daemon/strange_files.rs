//! Something else than a file comes to lie where a daemon that runs reads one: it says so, goes on, and ends when told.

use std::time::Duration;

use entitled::sandbox::{Handles, Options, start};

use crate::support::program::{Program, addresses, until, until_async};
use crate::support::strange::Strange;

const REST: &str = "prune: owned
listen: 127.0.0.1:0
schedule: {full_pass: 200ms}
products: {prd_pro: {entitlements: [{role: paid-tier}]}}
";

async fn ready(address: &str) -> String {
    let client = entitled::http::client(Duration::from_secs(10));
    client.get(format!("{address}/readyz")).send().await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_says_what_lies_in_the_place_of_its_files_and_still_answers_and_ends() {
    let running = start(Options::default()).await.unwrap();
    let Handles { logto, shop } = running.handles().unwrap().clone();
    let role = logto.add_role("paid-tier");
    let orders = "sources:\n  hand: {kind: file, path: orders.yaml, poll: 50ms}\n  shop:";
    let head = addresses(running.logto_url(), running.shop_url(), "").replace("sources: {shop:", orders);
    let program = Program::new(&(head.replace("}}}\n", "}}\n") + REST));
    std::fs::write(program.folder.path().join("orders.yaml"), "[]\n").unwrap();
    let daemon = program.start(&["run"]);
    let address = daemon.address().await;
    until_async("all is well", || async { ready(&address).await.contains("InSync") }).await;
    for (place, about) in [("entitlements.yaml", "\"file\""), (".env", "\"file\""), ("orders.yaml", "\"hand\"")] {
        let path = program.folder.path().join(place);
        let before = std::fs::read(&path).unwrap();
        for strange in [Strange::Pipe, Strange::Endless, Strange::Directory] {
            strange.lies_at(&path);
            until_async(&format!("{strange:?} at {place} is told"), || async {
                let ready = ready(&address).await;
                ready.contains("Degraded") && ready.contains(about) && daemon.stderr().contains(strange.reason())
            })
            .await;
            // The loop goes on by what is in force.
            let user = logto.add_user(&format!("{place}-{strange:?}@example.com"));
            shop.buy(&"prd_pro".into(), &user);
            until("the sale is granted", || logto.holders(&role).contains(&user)).await;
        }
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, before).unwrap();
        until_async(&format!("{place} is back"), || async { ready(&address).await.contains("InSync") }).await;
    }
    Strange::Pipe.lies_at(&program.file());
    until_async("it is told", || async { ready(&address).await.contains("Degraded") }).await;
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await.status.code(), Some(0));
}
