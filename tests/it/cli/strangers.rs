//! Whatever answers where a daemon would listen: it is shown no token and not believed, unless it works on the very
//! store that the command uses.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use entitled::model::State;
use entitled::report::status::{Duty, Mode, Status};
use entitled::store::Store;
use serde_json::Value;

use crate::support::home::{Home, Ran, Town, demo_file};
use crate::support::program::{Program, addresses, until};

const TOKEN: &str = "a-token-of-some-length";

/// What something answers, whatever it is asked; the address of another one like it.
type Answers = fn(&Uri, &str) -> Response;

/// What a daemon of another store, or somebody who wants to be taken for one, would say.
fn claim(store: Option<&str>) -> String {
    let mut said = Status::starting(Mode::Live, jiff::Timestamp::now());
    (said.state, said.duty) = (State::Degraded, Duty::Leader);
    let mut said = serde_json::to_value(&said).unwrap();
    said["store"] = store.map_or(Value::Null, Value::from);
    said.to_string()
}

const STRANGERS: [(&str, Answers); 8] = [
    ("knows nothing", |_, _| StatusCode::NOT_FOUND.into_response()),
    ("says yes to everything", |_, _| "alive\n".into_response()),
    ("fails", |_, _| StatusCode::INTERNAL_SERVER_ERROR.into_response()),
    ("asks for a token", |_, _| (StatusCode::UNAUTHORIZED, [("www-authenticate", "Bearer")]).into_response()),
    ("speaks as a daemon and names no store", |_, _| claim(None).into_response()),
    ("speaks as a daemon of another store", |_, _| {
        let other = "00000000000000000000000000000000";
        ([("entitled-store", other)], claim(Some(other))).into_response()
    }),
    ("names an empty store", |_, _| ([("entitled-store", "")], claim(Some(""))).into_response()),
    ("leads elsewhere", |uri, other| {
        (StatusCode::TEMPORARY_REDIRECT, [("location", format!("{other}{}", uri.path()))]).into_response()
    }),
];

/// Something that answers, where, and what it was shown.
struct Stranger {
    address: String,
    shown: Arc<Mutex<Vec<String>>>,
}

impl Stranger {
    async fn start(answers: Answers, other: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (shown, other) = (Arc::<Mutex<Vec<String>>>::default(), other.to_owned());
        let keep = Arc::clone(&shown);
        let app = Router::new().fallback(async move |uri: Uri, headers: HeaderMap| {
            keep.lock().unwrap().push(format!("{uri} {headers:?}"));
            answers(&uri, &other)
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, shown }
    }
}

/// The demo after a pass, with a token set, where something listens at `address`.
fn home(address: &str) -> Home {
    let mut home = Home::new();
    home.set("ENTITLED_API_TOKEN", TOKEN);
    home.write("entitlements.yaml", &listening("off"));
    home.entitled(&["run", "--once"]).exits(0);
    home.write("entitlements.yaml", &listening(address));
    home
}

/// The demo, where something listens at `address`.
fn listening(address: &str) -> String {
    demo_file().replace("prune: owned", &format!("listen: {address}\nprune: owned"))
}

const COMMANDS: [&[&str]; 6] = [
    &["status"],
    &["status", "-o", "json"],
    &["freeze", "--for", "1h", "--reason", "wait"],
    &["unfreeze"],
    &["approve", "abcdef"],
    &["doctor"],
];

#[tokio::test(flavor = "multi_thread")]
async fn no_token_goes_to_a_stranger_and_none_is_believed() {
    let home = home("127.0.0.1:1");
    for (kind, answers) in STRANGERS {
        let elsewhere = Stranger::start(|_, _| claim(None).into_response(), "").await;
        let stranger = Stranger::start(answers, &format!("http://{}", elsewhere.address)).await;
        home.write("entitlements.yaml", &listening(&stranger.address));
        let ran: BTreeMap<&[&str], Ran> =
            COMMANDS.into_iter().map(|command| (command, home.entitled(command))).collect();
        for (command, ran) in &ran {
            assert!(!format!("{}{}", ran.out, ran.err).contains(TOKEN), "{command:?} at one who {kind}");
        }
        let status = &ran[&["status"][..]];
        assert!(status.code == 0 && status.out.starts_with("InSync since "), "one who {kind}\n{}", status.out);
        for part in [format!(" at {}", stranger.address), "; this is what the store at `".to_owned()] {
            assert!(status.err.contains(&part), "one who {kind}\n{}", status.err);
        }
        let doctor = &ran[&["doctor"][..]].out;
        let denied = doctor.contains("no daemon answers there");
        assert!(!(denied && doctor.contains("is not a daemon of this version")), "one who {kind}\n{doctor}");
        let shown = stranger.shown.lock().unwrap();
        assert!(!shown.is_empty(), "one who {kind} was not asked at all");
        assert!(!shown.iter().any(|request| request.contains(TOKEN)), "one who {kind}: {shown:#?}");
        assert_eq!(*elsewhere.shown.lock().unwrap(), [""; 0], "a redirect was followed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_the_line_and_says_nothing_is_nobody() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let home = home(&listener.local_addr().unwrap().to_string());
    tokio::spawn(async move {
        while let Ok((line, _)) = listener.accept().await {
            drop(line);
        }
    });
    let status = home.entitled(&["status"]).exits(0).complains(&["no daemon answers at "]);
    assert!(status.out.starts_with("InSync since "), "{}", status.out);
}

/// Somebody answers for the right store at first, and is another one by the time the state is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_taken_the_address_over_in_between_is_not_believed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let home = home(&address);
    let own = Store::id_at(&home.path("entitled.db")).await.unwrap().to_string();
    let (says, header) = (Arc::<Mutex<String>>::default(), own.clone());
    let said = Arc::clone(&says);
    let app = Router::new()
        .route("/healthz", axum::routing::get(async move || ([("entitled-store", header)], "alive\n")))
        .route("/api/v1/status", axum::routing::get(async move || said.lock().unwrap().clone()));
    tokio::spawn(async move { axum::serve(listener, app).await });
    for (store, believed) in [(Some("0".repeat(32)), false), (None, false), (Some(own), true)] {
        *says.lock().unwrap() = claim(store.as_deref());
        let ran = home.entitled(&["status"]);
        assert_eq!(ran.out.starts_with("Degraded since "), believed, "{store:?}\n{}\n{}", ran.out, ran.err);
    }
}

/// Two stores on one `listen`: the daemon that has the address is believed for its own store only.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_is_believed_for_its_own_store_only() {
    let town = Town::demo().await;
    let products = "prune: owned\nlisten: 127.0.0.1:0\nproducts: {prd_01H9PRO: {entitlements: [{role: paid-tier}]}}\n";
    let text = addresses(town.running.logto_url(), town.running.shop_url(), "") + products;
    let program = Program::new(&text);
    let daemon = program.start_with(&[("ENTITLED_API_TOKEN", TOKEN)], &["run"]);
    let address = daemon.address().await.trim_start_matches("http://").to_owned();
    std::fs::write(program.file(), text.replace("127.0.0.1:0", &address)).unwrap();
    until("it has passed", || daemon.stderr().contains("InSync")).await;
    let token = [("ENTITLED_API_TOKEN", TOKEN)];
    let own = program.start_with(&token, &["status"]).ended().await;
    assert!(own.stderr.is_empty() && own.stdout.contains("next in"), "{own:#?}");
    let freeze = program.start_with(&token, &["freeze", "--for", "1h", "--reason", "x"]).ended().await;
    assert!(freeze.stderr.is_empty(), "{freeze:#?}");

    let other = home(&address);
    let ran = other.entitled(&["status"]).exits(0);
    assert!(ran.out.starts_with("InSync since ") && !ran.out.contains("next in"), "{}", ran.out);
    let said = format!("another daemon, with another store, answers at {address}");
    let ran = ran.complains(&[&said, "; this is what the store at `"]);
    assert!(!ran.out.contains("frozen"), "{}", ran.out);
    for command in [&["freeze", "--for", "1h", "--reason", "mine"][..], &["unfreeze"]] {
        other.entitled(command).exits(0).complains(&[&said, "ignores what was written", "restart it"]);
    }
    let doctor = other.entitled(&["doctor"]);
    assert!(doctor.out.contains(&said), "{}", doctor.out);

    // By whatever name of this machine it is found.
    let port = address.rsplit(':').next().unwrap();
    for name in ["0.0.0.0", "[::ffff:127.0.0.1]"] {
        other.write("entitlements.yaml", &listening(&format!("\"{name}:{port}\"")));
        let ran = other.entitled(&["status"]).exits(0).complains(&["another daemon, with another store, answers at "]);
        assert!(ran.out.starts_with("InSync since ") && !ran.out.contains("next in"), "{name}\n{}", ran.out);
    }
    // A third one, with a store of its own, cannot have the address, and goes on without: nobody takes the first for it.
    let third = Program::new(&text.replace("127.0.0.1:0", &address));
    let late = third.start_with(&token, &["run"]);
    until("it goes on without", || late.stderr().contains("cannot listen on") && late.stderr().contains("in force"))
        .await;
    let freeze = third.start_with(&token, &["freeze", "--for", "1h", "--reason", "third"]).ended().await;
    assert!(freeze.status.success() && freeze.stderr.contains(&said), "{freeze:#?}");
    // By the loop at rest, or by the pass that is under way.
    let heeded = || ["looking again", "\"frozen\""].iter().any(|words| late.stderr().contains(words));
    until("its own freeze is heeded all the same", heeded).await;
    let own = program.start_with(&token, &["status"]).ended().await;
    assert!(own.stderr.is_empty() && !own.stdout.contains("third"), "{own:#?}");
    // Nobody can ask it, and no webhook finds it.
    let blind = third.start_with(&token, &["status"]).ended().await;
    assert_eq!(blind.status.code(), Some(1), "{blind:#?}");
    assert!(blind.stdout.contains(&said) && blind.stdout.contains("give each its own `listen`"), "{blind:#?}");
    drop((daemon, late));
}
