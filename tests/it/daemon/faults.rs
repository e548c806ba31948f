//! A fault of the program itself, in a pass, in a poll and in a request: it ends that and nothing else, is logged with
//! its place, and told. The fault is one of a listener to the log: it panics in the midst of what is logged, which no
//! production code knows of. In a process of its own, since the hook that names the place is the process's.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use entitled::daemon::Hint;
use entitled::logging::{self, LogFormat};
use entitled::model::State;
use entitled::report::status::About;
use entitled::sandbox::Rule;
use entitled::text::Color;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::support::program::until;
use crate::web::hooks::hooked;

/// Panics at each event of one module of the program while it is armed, so many times.
#[derive(Clone, Default)]
struct Tripwire {
    paging: Arc<AtomicU64>,
    client: Arc<AtomicU64>,
    hooks: Arc<AtomicU64>,
}

impl<S: Subscriber> Layer<S> for Tripwire {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let left = match event.metadata().target() {
            "entitled::logto::paging" => &self.paging,
            "entitled::source::client" => &self.client,
            "entitled::web::hooks" => &self.hooks,
            _ => return,
        };
        let armed = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        assert!(armed.is_err(), "tripped: a value that nobody may see");
    }
}

impl Tripwire {
    /// Waits until it has gone off as often as it was to.
    async fn gone_off(what: &str, armed: &AtomicU64) {
        until(&format!("the fault in {what} is met"), || armed.load(Ordering::SeqCst) == 0).await;
    }
}

const CHILD: &str = "daemon::faults::in_a_process_of_its_own";

#[test]
fn a_fault_in_a_pass_a_poll_and_a_request_is_caught_logged_and_told_and_the_loop_lives() {
    let ran = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--ignored", "--nocapture", "--test-threads", "1"])
        .output()
        .unwrap();
    let (out, log) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && out.contains("1 passed"), "{out}\n{log}");
    let told = log.lines().filter(|line| line.contains("internal error: tripped"));
    let told: Vec<&str> = told.collect();
    assert_eq!(told.len(), 5, "once for each: {told:#?}");
    assert!(told.iter().all(|line| line.contains("faults.rs:")), "each with its place: {told:#?}");
    assert!(!log.contains("a value that nobody may see"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it changes what a fault does in its whole process: the test above runs it"]
async fn in_a_process_of_its_own() {
    let tripwire = Tripwire::default();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let filter = Targets::new().with_target("entitled", LevelFilter::TRACE).with_default(LevelFilter::ERROR);
    tracing_subscriber::registry().with(tripwire.clone()).with(lines).with(filter).init();
    // The hook; the lines go where they go already.
    logging::start("error", LogFormat::Text, Color::Plain);

    let (live, web) = hooked("50ms").await;
    let blames = |about: &About| {
        let status = live.reading.status.borrow();
        let place = |line: &str| line.contains("faults.rs:") && !line.contains("nobody may see");
        status.state == State::Degraded && status.trouble(about).is_some_and(|trouble| place(&trouble.line()))
    };
    let well = || live.reading.status.borrow().state == State::InSync;
    until("all is well", well).await;

    // A pass, twice: the first that is begun anew meets it again.
    tripwire.paging.store(2, Ordering::SeqCst);
    live.trigger.trigger(Hint::Targets);
    until("the pass is blamed", || blames(&About::Program)).await;
    Tripwire::gone_off("a pass", &tripwire.paging).await;
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    until("all is well after the pass", well).await;

    // A poll.
    tripwire.client.store(1, Ordering::SeqCst);
    live.shop.faults().add(Rule::refuse(503));
    let shop = About::Source("shop".into());
    until("the poll is blamed", || blames(&shop)).await;
    Tripwire::gone_off("a poll", &tripwire.client).await;
    live.shop.faults().clear();
    let ben = live.buyer("ben@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann, &ben]).await;
    until("all is well after the poll", well).await;

    // A request, and one that looks into a question on a thread of its own: the server lives, and so does the loop.
    tripwire.hooks.store(1, Ordering::SeqCst);
    let hook = web.send(web.client().post(web.url("/hooks/shop"))).await;
    assert_eq!(hook.status, 500, "{hook:?}");
    until("the request is blamed", || blames(&About::Program)).await;
    live.trigger.trigger(Hint::Targets);
    until("all is well after the request", well).await;
    tripwire.paging.store(1, Ordering::SeqCst);
    let key = live.logto.role("paid-tier").unwrap();
    let question = web.get(&format!("/api/v1/targets/role%2F{key}/holders")).await;
    assert_eq!(question.status, 500, "{question:?}");
    for got in [hook, question] {
        assert!(!got.body.contains("nobody may see"), "{got:?}");
    }
    assert_eq!(web.get("/healthz").await.status, 200);
    until("the question is blamed", || blames(&About::Program)).await;
    let cara = live.buyer("cara@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann, &ben, &cara]).await;
    live.trigger.trigger(Hint::Targets);
    until("all is well after the question", well).await;
    live.stop().await;
}
