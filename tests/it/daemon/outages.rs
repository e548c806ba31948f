//! What a daemon says while something that it needs is gone: the same in every place, until that is back, and
//! then it goes on with nobody's help.

use std::time::Duration;

use entitled::sandbox::{Handles, Options, start};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::support::program::{Program, Started, addresses, until, until_async};
use crate::support::stage::{NO_LIMITS, furnish};

/// One look at every place that tells how the daemon is.
pub(super) struct Said {
    pub(super) ready: Value,
    page: String,
    metrics: String,
    status: String,
    log: String,
}

pub(super) async fn said(daemon: &Started, address: &str) -> Said {
    let client = entitled::http::client(Duration::from_secs(10));
    let text = async |path: &str| client.get(format!("{address}{path}")).send().await.unwrap().text().await.unwrap();
    let ready = serde_json::from_str(&text("/readyz").await).unwrap();
    let (page, metrics, status) = (text("/").await, text("/metrics").await, text("/api/v1/status").await);
    Said { ready, page, metrics, status, log: daemon.stderr() }
}

impl Said {
    pub(super) fn is_well(&self) -> bool {
        let ready = self.ready["troubles"].as_array().is_some_and(Vec::is_empty);
        ready
            && self.page.contains(r#"data-state="InSync""#)
            && self.metrics.contains(r#"entitled_state{state="InSync"} 1"#)
    }

    /// Whether the file with this text is the one in force.
    pub(super) fn is_in_force(&self, text: &str) -> bool {
        let digest: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        self.status.contains(&digest)
    }

    /// Whether every place says that this is what does not work, and why.
    pub(super) fn blames(&self, about: &str) -> bool {
        let Some(trouble) =
            self.ready["troubles"].as_array().and_then(|all| all.iter().find(|one| one["about"]["kind"] == about))
        else {
            return false;
        };
        let (Some(cause), Some(hint)) =
            (trouble["because"].as_array().and_then(|all| all.last()), trouble["hint"].as_str())
        else {
            panic!("a trouble without its cause and its mend: {trouble}");
        };
        // The page writes what stands in backticks otherwise.
        let plain = |text: &str| text.split('`').next().unwrap_or_default().trim().to_owned();
        self.page.contains(r#"data-state="Degraded""#)
            && self.page.contains(&plain(hint))
            && self.metrics.contains(r#"entitled_state{state="Degraded"} 1"#)
            && self.metrics.contains(&format!(r#"entitled_troubles{{about="{about}"}} 1"#))
            && self.log.contains(&plain(cause.as_str().unwrap()))
    }
}

/// Lets no file of a process grow beyond `bytes`, as a full disk would. Linux's `prlimit`.
fn bound_files(daemon: &Started, bytes: &str) {
    let limit = format!("--fsize={bytes}:unlimited");
    let set = std::process::Command::new("prlimit").args(["--pid", &daemon.id().to_string(), &limit]).status();
    assert!(set.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_place_says_the_same_of_what_is_gone_and_it_goes_on_when_that_is_back() {
    let running = start(Options::default()).await.unwrap();
    let Handles { logto, shop } = running.handles().unwrap().clone();
    furnish(&logto);
    let block = addresses(running.logto_url(), running.shop_url(), "");
    let products = "products: {prd_pro: {entitlements: [{role: paid-tier}]}}";
    let program = Program::new(&format!("{block}schedule: {{full_pass: 1s}}\nprune: owned\n{NO_LIMITS}\n{products}"));
    let daemon = program.start_where_files_may_be_bounded(&["run", "--listen", "127.0.0.1:0"]);
    let address = daemon.address().await;
    let well = async || until_async("all is well", async || said(&daemon, &address).await.is_well()).await;
    let blamed = async |about: &str| {
        until_async(&format!("{about} is blamed everywhere"), async || said(&daemon, &address).await.blames(about))
            .await;
    };
    well().await;

    shop.faults().drop_next(1_000_000);
    blamed("source").await;
    shop.faults().clear();
    well().await;

    logto.faults().drop_next(1_000_000);
    blamed("logto").await;
    logto.faults().clear();
    well().await;

    // No room for one more page: what is sold meanwhile is written down when there is.
    // Whoever reads keeps the log from being emptied; the daemon's own lines still have room.
    let wal = program.store().with_extension("db-wal");
    let mut reader = SqliteConnectOptions::new().filename(program.store()).connect().await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM orders").execute(&mut reader).await.unwrap();
    let room = daemon.stderr().len() as u64 + (16 << 10);
    until("the log is larger", || std::fs::metadata(&wal).unwrap().len() > room).await;
    bound_files(&daemon, &std::fs::metadata(wal).unwrap().len().to_string());
    let ann = logto.add_user("ann@example.com");
    shop.buy(&"prd_pro".into(), &ann);
    blamed("store").await;
    bound_files(&daemon, "unlimited");
    reader.close().await.unwrap();
    let paid = logto.role("paid-tier").unwrap();
    until("the sale is granted", || logto.roles_of(&ann).contains(&paid)).await;
    well().await;
}
