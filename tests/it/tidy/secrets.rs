//! No secret and no bearer token in any output, at any log level.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use entitled::config;
use entitled::daemon::presets;
use entitled::logto::Client;
use entitled::pass::active::{Simulators, activate};
use entitled::report::Origin;
use entitled::sandbox::{APP_ID, APP_SECRET, SHOP_TOKEN};
use entitled::source::Source;
use entitled::text::Color;
use serde_json::Value;

use crate::support::home::{Home, Town, file_for};

/// Stands between the program and a server, and notes every credential that passes.
pub(crate) struct Spy {
    pub(crate) url: String,
    overheard: Arc<Mutex<BTreeSet<String>>>,
}

#[derive(Clone)]
struct Wire {
    upstream: String,
    client: reqwest::Client,
    overheard: Arc<Mutex<BTreeSet<String>>>,
}

impl Spy {
    pub(crate) async fn on(upstream: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let overheard = Arc::new(Mutex::new(BTreeSet::new()));
        let client = entitled::http::client(Duration::from_secs(10));
        let wire = Wire { upstream: upstream.to_owned(), client, overheard: overheard.clone() };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(pass_on).with_state(wire)).await });
        Self { url, overheard }
    }

    pub(crate) fn overheard(&self) -> BTreeSet<String> {
        self.overheard.lock().unwrap().clone()
    }
}

async fn pass_on(
    State(wire): State<Wire>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut notes: Vec<String> = Vec::new();
    if let Some(credential) = headers.get("authorization").and_then(|value| value.to_str().ok()) {
        notes.push(credential.split_once(' ').expect("a scheme").1.to_owned());
    }
    headers.remove("host");
    let request = wire.client.request(method, format!("{}{uri}", wire.upstream)).headers(headers).body(body);
    let answer = request.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    let body = answer.bytes().await.unwrap();
    let token =
        serde_json::from_slice(&body).ok().and_then(|body: Value| body["access_token"].as_str().map(str::to_owned));
    notes.extend(token);
    wire.overheard.lock().unwrap().extend(notes);
    response.body(Body::from(body)).unwrap()
}

/// A secret in every form in which it could show.
fn forms(id: &str, secret: &str) -> Vec<String> {
    let pair = format!("{id}:{secret}");
    vec![secret.to_owned(), STANDARD.encode(secret), STANDARD.encode(&pair), URL_SAFE_NO_PAD.encode(&pair)]
}

#[track_caller]
pub(crate) fn silent(secrets: &BTreeSet<String>, output: &str, of: &str) {
    for secret in secrets {
        assert!(secret.len() > 8, "`{secret}` would be found by chance");
        if let Some(at) = output.find(secret.as_str()) {
            let line = output[..at].matches('\n').count();
            panic!("{of} shows `{secret}`:\n{}", output.lines().nth(line).unwrap_or_default());
        }
    }
}

/// Everything that anybody could ask to be logged.
const LOUDEST: [&str; 2] = ["trace", "trace,hyper=trace,hyper_util=trace,reqwest=trace,rustls=trace,sqlx=trace"];

#[tokio::test(flavor = "multi_thread")]
async fn no_command_prints_a_credential() {
    let town = Town::demo().await;
    let (logto, shop) = (Spy::on(town.running.logto_url()).await, Spy::on(town.running.shop_url()).await);
    town.home.write("entitlements.yaml", &file_for(&logto.url, &shop.url));

    let mut outputs = Vec::new();
    for level in LOUDEST {
        for form in ["json", "text"] {
            let commands =
                [&["check"][..], &["plan"], &["plan", "-o", "json"], &["plan", "-o", "diff"], &["run", "--once"]];
            for command in commands {
                let ran = town.home.entitled(&[command, &["--log", level, "--log-format", form]].concat()).exits(0);
                assert!(command[0] == "check" || ran.err.contains("TRACE"), "{command:?} is not loud: {}", ran.err);
                outputs.push((format!("{command:?} at {level}"), ran.out + &ran.err));
            }
        }
    }
    // Refused credentials are credentials all the same: somebody mistyped one letter.
    let wrong = "almost-the-right-secret-5d1f";
    let mut town = town.credentials(APP_ID, wrong);
    let ran = town.home.entitled(&["plan", "--log", "trace"]).exits(1);
    outputs.push(("a refused secret".to_owned(), ran.out + &ran.err));
    town = town.credentials(APP_ID, APP_SECRET);
    let bad_token = "almost-the-right-token-77c0";
    town.home.set("SHOP_TOKEN", bad_token);
    let ran = town.home.entitled(&["plan", "--log", "trace"]).exits(1);
    outputs.push(("a refused token".to_owned(), ran.out + &ran.err));

    let mut secrets: BTreeSet<String> = logto.overheard();
    assert!(secrets.iter().filter(|secret| secret.matches('.').count() == 2).count() > 5, "tokens: {secrets:?}");
    assert!(shop.overheard().contains(SHOP_TOKEN), "{:?}", shop.overheard());
    secrets.extend(shop.overheard());
    let parts: Vec<String> = secrets.iter().flat_map(|token| token.split('.').skip(1).map(str::to_owned)).collect();
    secrets.extend(parts);
    for (id, secret) in [(APP_ID, APP_SECRET), (APP_ID, wrong), ("", bad_token), ("", SHOP_TOKEN)] {
        secrets.extend(forms(id, secret));
    }
    for (what, output) in &outputs {
        silent(&secrets, output, what);
    }
    for file in town.home.files().iter().filter(|file| *file != "entitlements.yaml") {
        let bytes = std::fs::read(town.home.path(file)).unwrap();
        silent(&secrets, &String::from_utf8_lossy(&bytes), file);
    }
}

/// Written out in the file, where a secret must not stand: refused, and not repeated.
#[test]
fn a_literal_secret_is_not_repeated() {
    let home = Home::new();
    let secret = "a-secret-written-out-93be";
    home.write(
        "entitlements.yaml",
        &file_for("https://logto.example.com", "https://api.example.com").replace("${APP_SECRET}", secret),
    );
    for command in [&["check"][..], &["plan"], &["run", "--once"]] {
        let ran = home.entitled(&[command, &["--log", "trace"]].concat()).exits(1);
        assert!(ran.err.contains("app_secret"), "{}", ran.err);
        silent(&BTreeSet::from([secret.to_owned()]), &(ran.out + &ran.err), "a literal secret");
    }
}

#[tokio::test]
async fn nothing_shows_a_secret_when_it_is_debugged() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["BEARER", "USER", "PASSWORD", "HEADER", "CLIENT", "APP"];
    let secret = |name: &str| format!("s3cr3t-of-{name}-4e8a");
    let env: String = names.iter().map(|name| format!("T_{name}={}\n", secret(name))).collect();
    std::fs::write(folder.path().join(".env"), env).unwrap();
    let sources = [
        "{kind: bearer, token: '${T_BEARER}'}",
        "{kind: basic, username: '${T_USER}', password: '${T_PASSWORD}'}",
        "{kind: header, name: X-Key, value: '${T_HEADER}'}",
        "{kind: oauth2_client_credentials, token_url: 'https://auth.example.com/token', client_id: app, client_secret: '${T_CLIENT}'}",
    ];
    let sources: String = sources
        .iter()
        .enumerate()
        .map(|(at, auth)| format!("  s{at}: {{kind: openbitum, url: 'https://api.example.com', auth: {auth}}}\n"))
        .collect();
    let text = |endpoint: &str, secret: &str| {
        format!(
            "version: 1\nlogto: {{endpoint: '{endpoint}', app_id: {APP_ID}, app_secret: '${{{secret}}}'}}\nsources:\n{sources}\
             prune: owned\nproducts: {{p: {{entitlements: [{{role: paid-tier}}]}}}}\n"
        )
    };
    let file = folder.path().join("entitlements.yaml");
    std::fs::write(&file, text("https://logto.example.com", "T_APP")).unwrap();
    let loaded = config::load(&file, &presets()).unwrap_or_else(|error| panic!("{}", error.render(Color::Plain)));
    let mut secrets: BTreeSet<String> = names.iter().map(|name| secret(name)).collect();
    assert_eq!(loaded.config.logto.app_secret.expose(), secret("APP"), "the secret is in there");

    silent(&secrets, &format!("{:?}{:#?}", loaded, loaded.config), "Loaded and Config");
    let client = Client::new("https://logto.example.com", &loaded.config.logto);
    silent(&secrets, &format!("{client:?}{:?}{:?}", client.reader(), client.writer()), "Client");
    for settings in &loaded.config.sources {
        silent(&secrets, &format!("{settings:?}{:?}", Source::new(settings).unwrap()), "Source");
    }

    let town = Town::demo().await;
    std::fs::write(
        folder.path().join(".env"),
        format!("T_REAL={APP_SECRET}\n{}", std::fs::read_to_string(folder.path().join(".env")).unwrap()),
    )
    .unwrap();
    std::fs::write(&file, text(town.running.logto_url(), "T_REAL")).unwrap();
    let loaded = config::load(&file, &presets()).unwrap_or_else(|error| panic!("{}", error.render(Color::Plain)));
    let simulators = Simulators {
        logto: town.running.logto_url().to_owned(),
        shop: town.running.shop_url().to_owned(),
        shop_token: SHOP_TOKEN.to_owned(),
    };
    let active = activate(loaded.config, Origin::default(), Some(&simulators)).await.unwrap();
    secrets.insert(APP_SECRET.to_owned());
    silent(&secrets, &format!("{active:?}{active:#?}"), "ActiveConfig");
}
