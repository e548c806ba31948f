//! The real loop: short timers, real files, real signals; every wait is for something that can be seen.

mod broken;
mod costs;
mod displaced;
mod faults;
mod files;
mod hints;
mod kept_going;
mod lifted;
mod lock;
mod names;
mod notices;
mod others;
mod outages;
mod process;
mod service_manager;
mod settled;
mod strange_files;
mod under_way;
mod watching;
mod without;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use entitled::daemon::{Mode, Pulse, Settled, Start, StatusPublisher, StatusReader, Trigger, presets};
use entitled::model::UserId;
use entitled::pass::active::activate;
use entitled::report::Origin;
use entitled::sandbox::{Handles, LogtoSim, Options, Running, ShopSim, start};
use entitled::shutdown::ShutdownTrigger;
use entitled::store::Store;
use entitled::{config, daemon};

use crate::support::program::{Program, addresses, until};
use crate::support::stage::{NO_LIMITS, PRODUCTS, furnish, matching};

/// A daemon in this process, over simulators in this process, and the folder that it watches.
pub(crate) struct Live {
    _running: Running,
    pub(crate) logto: LogtoSim,
    pub(crate) shop: ShopSim,
    pub(crate) program: Program,
    /// What the loop says of itself.
    pub(crate) reading: StatusReader,
    /// Asks it for a pass.
    pub(crate) trigger: Trigger,
    head: String,
    shutdown_trigger: ShutdownTrigger,
    thread: JoinHandle<()>,
}

/// Reads often, and takes what it has read twice in a row.
pub(crate) const QUICK: Pulse =
    Pulse { backstop: Duration::from_millis(20), settle: Duration::from_millis(20), gap: Duration::from_millis(200) };

/// Never reads but for an event.
pub(crate) const EVENTS_ONLY: Pulse = Pulse { backstop: Duration::from_secs(3_600), ..QUICK };

/// Between full passes: never, but for the first one and those that something asks for.
pub(crate) const RARELY: &str = "1h";
/// Between full passes: all the time.
pub(crate) const ALWAYS: &str = "20ms";

impl Live {
    /// Simulators and a folder with a file that sells `products`; see [`run`](Self::run).
    pub(crate) async fn prepare(full_pass: &str, products: &str) -> Prepared {
        let running = start(Options::default()).await.unwrap();
        let Handles { logto, shop } = running.handles().unwrap().clone();
        furnish(&logto);
        let addresses = addresses(running.logto_url(), running.shop_url(), "");
        let head = format!("{addresses}schedule: {{full_pass: {full_pass}}}\nprune: owned\n{NO_LIMITS}\n");
        let program = Program::new(&format!("{head}{products}"));
        let store = program.store();
        Prepared { running, logto, shop, program, head, store }
    }

    /// A daemon that runs with these products.
    pub(crate) async fn with(full_pass: &str, products: &str) -> Self {
        Self::prepare(full_pass, products).await.run(QUICK, Mode::Live)
    }

    /// The whole text of a file that sells `products`.
    pub(crate) fn text(&self, products: &str) -> String {
        format!("{}{products}", self.head)
    }

    /// Somebody with an account who buys `product` now.
    pub(crate) fn buyer(&self, email: &str, product: &str) -> UserId {
        let user = self.logto.add_user(email);
        self.shop.buy(&product.into(), &user);
        user
    }

    /// Who holds the role of this name.
    pub(crate) fn holders(&self, role: &str) -> BTreeSet<UserId> {
        self.logto.holders(&self.logto.role(role).unwrap())
    }

    /// Waits until exactly these hold a role.
    pub(crate) async fn hold(&self, role: &str, users: &[&UserId]) {
        let wanted: BTreeSet<UserId> = users.iter().map(|user| (*user).clone()).collect();
        until(&format!("{role} is held by {wanted:?}"), || self.holders(role) == wanted).await;
    }

    /// How many full passes have begun.
    pub(crate) fn walks(&self) -> usize {
        let acme = self.logto.organization("acme").unwrap();
        matching(&self.logto.requests(), "GET", &[&format!("/api/organizations/{acme}/users?")])
    }

    /// Waits until some more full passes have begun, so that whatever the loop makes of the file by then, it
    /// has had its chance.
    pub(crate) async fn passes(&self) {
        let before = self.walks();
        until("some more full passes", || self.walks() >= before + 3).await;
    }

    /// Asks for the end, waits for it, and leaves the folder.
    pub(crate) async fn stop(self) -> Program {
        self.shutdown_trigger.request();
        until("the loop ends", || self.thread.is_finished()).await;
        self.thread.join().unwrap();
        self.program
    }
}

/// A [`Live`] that does not run yet.
pub(crate) struct Prepared {
    running: Running,
    pub(crate) logto: LogtoSim,
    pub(crate) shop: ShopSim,
    pub(crate) program: Program,
    head: String,
    /// Where the store lies; beside the file at first.
    pub(crate) store: std::path::PathBuf,
}

impl Prepared {
    pub(crate) fn text(&self, products: &str) -> String {
        format!("{}{products}", self.head)
    }

    /// Starts the loop, in a thread of its own as in a process of its own.
    pub(crate) fn run(self, pulse: Pulse, mode: Mode) -> Live {
        let Self { running, logto, shop, program, head, store } = self;
        let file = program.file();
        let (shutdown_trigger, stop) = entitled::shutdown::shutdown();
        let (publisher, reading) = StatusPublisher::new(mode);
        let (trigger, triggers) = daemon::triggers();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let active = active(&file).await;
                let store = Store::open(&store).await.unwrap();
                let (store, settled) = (Arc::new(store), Settled::of(&active.config));
                let start = Start { file, active, simulators: None, store, mode, pulse, publisher, triggers, settled };
                daemon::run(start, stop).await;
            });
        });
        Live { _running: running, logto, shop, program, reading, trigger, head, shutdown_trigger, thread }
    }
}

async fn active(file: &Path) -> entitled::pass::active::ActiveConfig {
    let loaded = config::load(file, &presets()).unwrap();
    let digest = loaded.config.digest.clone();
    let origin = Origin {
        file: "entitlements.yaml".to_owned(),
        digest,
        commit: config::commit_of(file, &loaded.config.blob, &loaded.config.digest),
    };
    activate(loaded.config, origin, None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purchase_is_granted_and_a_refund_revoked_without_a_restart() {
    let live = Live::with(RARELY, PRODUCTS).await;
    until("the first full pass", || live.walks() == 1).await;
    let ann = live.logto.add_user("ann@example.com");
    let order = live.shop.buy(&"prd_pro".into(), &ann);
    live.hold("paid-tier", &[&ann]).await;
    live.shop.set_status(&order, "refunded");
    live.hold("paid-tier", &[]).await;
    assert_eq!(live.walks(), 1, "quick passes do");
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_quick_pass_granted_ends_in_its_second() {
    let products = "products:
  prd_pro: {entitlements: [role: paid-tier], valid_for: 2s}
  prd_team: {entitlements: [{organization: acme, roles: [member]}]}";
    let live = Live::with(RARELY, products).await;
    until("the first full pass", || live.walks() == 1).await;
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    live.hold("paid-tier", &[]).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_up_later_is_granted_by_the_next_full_pass() {
    let live = Live::with(ALWAYS, PRODUCTS).await;
    live.shop.buy(&"prd_pro".into(), "lena@example.com");
    live.passes().await;
    let lena = live.logto.add_user("lena@example.com");
    live.hold("paid-tier", &[&lena]).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_undone_by_the_next_full_pass() {
    let live = Live::with(ALWAYS, PRODUCTS).await;
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    live.logto.revoke(&ann, &live.logto.role("paid-tier").unwrap());
    live.hold("paid-tier", &[&ann]).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_and_a_logto_that_come_back_are_as_if_they_had_never_gone() {
    let live = Live::with(ALWAYS, PRODUCTS).await;
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    live.shop.faults().refuse_next(1_000_000, 403);
    let ben = live.buyer("ben@example.com", "prd_pro");
    live.passes().await;
    assert_eq!(live.holders("paid-tier"), [ann.clone()].into());
    live.shop.faults().clear();
    live.hold("paid-tier", &[&ann, &ben]).await;

    // Logto knows the token no more, and then refuses to speak at all.
    live.logto.expire_tokens();
    live.logto.faults().refuse_next(1_000_000, 403);
    let before = live.logto.requests().len();
    until("a pass that fails", || live.logto.requests().len() > before).await;
    let cara = live.buyer("cara@example.com", "prd_pro");
    live.logto.faults().clear();
    // What failed is tried again on its own, soon, since full passes are due all the time.
    live.hold("paid-tier", &[&ann, &ben, &cara]).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_writes_nothing_however_long_it_runs() {
    let prepared = Live::prepare(ALWAYS, PRODUCTS).await;
    let live = prepared.run(QUICK, Mode::DryRun);
    live.buyer("ann@example.com", "prd_pro");
    live.passes().await;
    assert_eq!(live.logto.writes(), []);
    assert_eq!(live.holders("paid-tier"), [].into());
    live.stop().await;
}
