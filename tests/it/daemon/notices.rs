//! Who is told of a change of state: once, however many passes there are in it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::{Router, extract};
use entitled::config::settings::{Notify, NotifyFormat};
use entitled::daemon::notify::{Delivery, tell};
use entitled::model::{Occasion, State};
use entitled::sandbox::Rule;
use entitled::secret::Secret;
use entitled::store::{Freeze, FreezeScope, Store};
use entitled::web::exposition;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{ALWAYS, Live};
use crate::support::nobody::Nobody;
use crate::support::program::until;
use crate::support::stage::PRODUCTS;

/// Takes notices, and keeps them.
struct Receiver {
    url: String,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/T0/s3cr3t-of-the-hook", listener.local_addr().unwrap());
        let taken = Arc::<Mutex<Vec<Value>>>::default();
        let keep = |extract::State(taken): extract::State<Arc<Mutex<Vec<Value>>>>, body: String| async move {
            taken.lock().unwrap().push(serde_json::from_str(&body).unwrap());
        };
        let app = Router::new().fallback(keep).with_state(taken.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, taken }
    }

    fn notice(&self, format: NotifyFormat) -> Notify {
        let mut on = [State::InSync, State::Held, State::Degraded].map(Occasion::State).to_vec();
        on.push(Occasion::Frozen);
        let url = Secret::new(self.url.clone());
        Notify { url, host: "127.0.0.1".to_owned(), format, on }
    }

    fn taken(&self) -> Vec<Value> {
        self.taken.lock().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_passes_in_one_state_are_one_notice() {
    let live = Live::with(ALWAYS, PRODUCTS).await;
    let receiver = Receiver::start().await;
    let counted = Arc::<Mutex<Vec<Delivery>>>::default();
    let count = {
        let counted = counted.clone();
        move |delivery| counted.lock().unwrap().push(delivery)
    };
    let (shutdown_trigger, stop) = entitled::shutdown::shutdown();
    let telling = tokio::spawn(tell(
        receiver.notice(NotifyFormat::Json),
        live.reading.status.clone(),
        stop,
        Duration::ZERO,
        count,
    ));
    let polls = || live.shop.requests().len();
    let more_polls = async |number: usize| {
        let before = polls();
        until("it goes on polling", || polls() > before + number).await;
    };
    let state = || live.reading.status.borrow().state;
    until("it is in sync", || state() == State::InSync).await;
    more_polls(5).await;
    assert_eq!(receiver.taken(), Vec::<Value>::new(), "that it started well is no news");

    live.shop.faults().add(Rule::refuse(403));
    until("somebody is told", || !receiver.taken().is_empty()).await;
    more_polls(10).await;
    let told = receiver.taken();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!((&told[0]["before"], &told[0]["state"]), (&Value::from("InSync"), &Value::from("Degraded")));
    let trouble = &told[0]["troubles"][0];
    assert!(trouble["hint"].is_string() && told[0]["text"].as_str().unwrap().contains("403"), "{told:#?}");

    live.shop.faults().clear();
    until("the mend is told", || receiver.taken().len() == 2).await;
    more_polls(10).await;
    let told = receiver.taken();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_eq!((&told[1]["before"], &told[1]["state"]), (&Value::from("Degraded"), &Value::from("InSync")));
    assert_eq!(*counted.lock().unwrap(), [Delivery::Delivered, Delivery::Delivered]);
    shutdown_trigger.request();
    telling.await.unwrap();
}

/// A freeze is told when it begins and when it ends, and the state that it stands beside is the one that it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_freeze_is_told_when_it_begins_and_when_it_ends_and_is_no_state() {
    for scope in [FreezeScope::Revocations, FreezeScope::All] {
        let live = Live::with(ALWAYS, PRODUCTS).await;
        let receiver = Receiver::start().await;
        let (shutdown_trigger, stop) = entitled::shutdown::shutdown();
        let notice = receiver.notice(NotifyFormat::Json);
        let telling = tokio::spawn(tell(notice, live.reading.status.clone(), stop, Duration::ZERO, |_| {}));
        until("it is in sync", || live.reading.status.borrow().state == State::InSync).await;
        let store = Store::open(&live.program.store()).await.unwrap();
        let since = Timestamp::now();
        let (reason, who) = ("we move".to_owned(), "ann".to_owned());
        let freeze = Freeze { scope, since, until: since + SignedDuration::from_hours(1), reason, who };
        store.freeze(&freeze).await.unwrap();
        until("the begin is told", || receiver.taken().len() == 1).await;
        {
            let status = live.reading.status.borrow();
            assert!(status.freeze.is_some() && status.state == State::InSync, "{:?}", status.state);
        }
        let metrics = exposition(&live.reading.status.borrow(), &live.reading.metrics.counted(), Timestamp::now());
        assert!(metrics.contains(&format!("entitled_frozen{{scope=\"{}\"}} 1\n", scope.word())), "{metrics}");
        assert!(metrics.contains("entitled_state{state=\"InSync\"} 1\n") && !metrics.contains("Frozen"), "{metrics}");
        store.unfreeze("ann", Timestamp::now()).await.unwrap();
        until("the end is told", || receiver.taken().len() == 2).await;
        let told = receiver.taken();
        let said = |number: usize, key: &str| told[number][key].clone();
        assert_eq!((said(0, "event"), said(0, "state")), ("freeze".into(), "InSync".into()), "{told:#?}");
        assert_eq!((said(0, "freeze")["scope"].clone(), said(1, "freeze")), (scope.word().into(), Value::Null));
        assert!(said(0, "text").as_str().unwrap().contains("by ann: we move"), "{told:#?}");
        assert!(said(1, "text").as_str().unwrap().starts_with("entitled is no longer frozen"), "{told:#?}");
        store.close().await;
        shutdown_trigger.request();
        telling.await.unwrap();
        live.stop().await;
    }
}

/// The program itself: it reads the receivers from the file, one that is dead holds up nothing, and the address
/// of neither is in the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_names_the_receivers_and_the_log_does_not() {
    let prepared = Live::prepare(ALWAYS, PRODUCTS).await;
    let receiver = Receiver::start().await;
    let nobody = Nobody::home();
    let dead = nobody.address();
    let folder = prepared.program.folder.path();
    let env = std::fs::read_to_string(folder.join(".env")).unwrap();
    let secrets = format!("{env}GOOD={}\nDEAD=http://{dead}/T0/s3cr3t-of-the-dead\n", receiver.url);
    std::fs::write(folder.join(".env"), secrets).unwrap();
    let text = std::fs::read_to_string(prepared.program.file()).unwrap();
    let block = "listen: off\nnotify: [{url: '${DEAD}'}, {url: '${GOOD}', format: slack}]\n";
    std::fs::write(prepared.program.file(), format!("{text}{block}")).unwrap();
    prepared.shop.faults().add(Rule::refuse(403));

    let daemon = prepared.program.start(&["run", "--log", "trace"]);
    until("the one is told", || !receiver.taken().is_empty()).await;
    until("the other is given up", || daemon.stderr().contains("gave up on a notification")).await;
    let asked = prepared.shop.requests().len();
    until("the loop goes on", || prepared.shop.requests().len() > asked + 5).await;
    daemon.signal("TERM");
    let ended = daemon.ended().await;
    let told = receiver.taken();
    assert_eq!(told.len(), 1, "{told:#?}");
    let text = told[0]["text"].as_str().unwrap();
    assert!(
        text.starts_with("entitled is Degraded (just started)") && told[0].as_object().unwrap().len() == 1,
        "{text}"
    );
    for secret in ["s3cr3t-of-the-dead", "s3cr3t-of-the-hook"] {
        assert!(!ended.stderr.contains(secret), "{}", ended.stderr);
    }
}
