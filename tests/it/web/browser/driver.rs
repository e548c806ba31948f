//! A headless Chromium, driven over the WebDriver protocol (W3C) by Debian's `chromedriver`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the page shows itself with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    On,
    Off,
}

/// One browser with one window. Ends when dropped.
pub(crate) struct Browser {
    client: reqwest::Client,
    session: String,
    driver: Child,
    _profile: TempDir,
}

impl Browser {
    /// Starts one.
    pub(crate) async fn start(script: Script) -> Self {
        let mut driver = Command::new("chromedriver")
            .args(["--port=0", "--allowed-ips=127.0.0.1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("this needs `chromium` and `chromium-driver`: `.ci/browser` installs them");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let rest = line.split_once("started successfully on port ")?.1;
            rest.trim_end_matches('.').parse::<u16>().ok()
        });
        let base = format!("http://127.0.0.1:{}", port.expect("chromedriver says its port"));
        // Read to its end, so that the driver never waits for a reader.
        std::thread::spawn(move || lines.count());
        let client = entitled::http::client(PATIENCE);
        let profile = tempfile::tempdir().unwrap();
        let mut arguments: Vec<String> = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--force-prefers-reduced-motion",
            "--window-size=1100,960",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let preferences = match script {
            Script::On => json!({}),
            Script::Off => json!({ "profile.managed_default_content_settings.javascript": 2 }),
        };
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments, "prefs": preferences },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let mut browser = Self { client, session: base.clone(), driver, _profile: profile };
        let made = browser.post("/session", wanted).await;
        browser.session = format!("{base}/session/{}", made["sessionId"].as_str().unwrap());
        browser
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}{path}", self.session);
        let answer = self.client.post(url).json(&body).send().await.unwrap();
        let (status, mut said) = (answer.status(), answer.json::<Value>().await.unwrap());
        assert!(status.is_success(), "{path} {body}: {said}");
        said["value"].take()
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.session)).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["value"].take()
    }

    pub(crate) async fn open(&self, url: &str) {
        self.post("/url", json!({ "url": url })).await;
    }

    pub(crate) async fn address(&self) -> String {
        self.get("/url").await.as_str().unwrap().to_owned()
    }

    /// What a script returns. It runs with the rights of the test, also where the page may run none.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Whether a condition holds in the page.
    pub(crate) async fn holds(&self, condition: &str) -> bool {
        self.run(&format!("return Boolean({condition});")).await == true
    }

    /// Returns when a condition holds in the page; panics with what the page says when it never does.
    pub(crate) async fn until(&self, condition: &str) {
        let start = Instant::now();
        while !self.holds(condition).await {
            if start.elapsed() > PATIENCE {
                let page = self.run("return document.body.innerText;").await;
                panic!("waited in vain for `{condition}` on\n{}", page.as_str().unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Clicks what a selector finds, as a person would: it must be there and in reach.
    pub(crate) async fn click(&self, selector: &str) {
        let found = self.post("/element", json!({ "using": "css selector", "value": selector })).await;
        let id = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str).unwrap().to_owned();
        self.post(&format!("/element/{id}/click"), json!({})).await;
    }

    /// Presses one key: `\u{e004}` is Tab, `\u{e007}` Enter.
    pub(crate) async fn press(&self, key: char) {
        let key = key.to_string();
        let strokes = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        self.post("/actions", json!({ "actions": [{ "type": "key", "id": "keys", "actions": strokes }] })).await;
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    /// `light` or `dark`, as the system of the person would say.
    pub(crate) async fn prefers(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// The size of the window in CSS pixels.
    pub(crate) async fn size(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Keeps what the window shows as `target/screenshots/NAME.png`.
    pub(crate) async fn picture(&self, name: &str) -> PathBuf {
        let picture = self.get("/screenshot").await;
        let bytes = STANDARD.decode(picture.as_str().unwrap()).unwrap();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// What the console holds against the page: errors, and what its policy refused.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({ "type": "browser" })).await;
        let lines = log.as_array().cloned().unwrap_or_default();
        let bad = lines.iter().filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING");
        bad.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl Browser {
    /// Asks the driver to end the browser and waits until it has. Without the runtime, which may be ending too.
    fn end_session(&self) -> std::io::Result<()> {
        let (host, path) = self.session.trim_start_matches("http://").split_once('/').unwrap_or_default();
        let mut driver = TcpStream::connect(host)?;
        driver.set_read_timeout(Some(PATIENCE))?;
        write!(driver, "DELETE /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        // It answers when the browser is gone, and keeps the connection.
        driver.read(&mut [0; 512]).map(drop)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The session goes first, and its browser with it: one that is busy outlives a driver that just ends.
        let _gone_meanwhile = self.end_session();
        let _gone_meanwhile = Command::new("kill").args(["-s", "TERM", &self.driver.id().to_string()]).status();
        for _ in 0..200 {
            if self.driver.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        let _gone_meanwhile = self.driver.kill();
        let _reaped = self.driver.wait();
    }
}
