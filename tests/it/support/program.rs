//! The real binary, in a folder of its own, with nothing of this machine's environment.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use entitled::sandbox::{APP_ID, APP_SECRET, SHOP_TOKEN};
use tempfile::TempDir;

/// How long anything may take that a test waits for: far more than it ever does.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns when `predicate` holds; panics with `what` when it does not in a long while.
pub(crate) async fn until(what: &str, mut predicate: impl FnMut() -> bool) {
    let waiting = async {
        while !predicate() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "waited in vain: {what}");
}

/// The same for a predicate that waits itself.
pub(crate) async fn until_async(what: &str, predicate: impl AsyncFn() -> bool) {
    let waiting = async {
        while !predicate().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "waited in vain: {what}");
}

/// A folder with an `entitlements.yaml`, its `.env` and its store.
pub(crate) struct Program {
    pub(crate) folder: TempDir,
}

/// A process that was started here. Killed when dropped.
pub(crate) struct Started {
    child: Child,
    folder: std::path::PathBuf,
    number: usize,
}

/// What a process left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// How a file reaches simulators that live in this process: real addresses, and secrets from `.env`.
pub(crate) fn addresses(logto: &str, shop: &str, further: &str) -> String {
    format!(
        "version: 1
logto: {{endpoint: \"{logto}\", app_id: {APP_ID}, app_secret: \"${{LOGTO_SECRET}}\"{further}}}
sources: {{shop: {{kind: openbitum, url: \"{shop}\", poll: 50ms, auth: {{kind: bearer, token: \"${{SHOP_TOKEN}}\"}}}}}}
"
    )
}

impl Program {
    pub(crate) fn new(yaml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let env = format!("LOGTO_SECRET={APP_SECRET}\nSHOP_TOKEN={SHOP_TOKEN}\n");
        std::fs::write(folder.path().join(".env"), env).unwrap();
        std::fs::write(folder.path().join("entitlements.yaml"), yaml).unwrap();
        Self { folder }
    }

    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("entitlements.yaml")
    }

    pub(crate) fn store(&self) -> std::path::PathBuf {
        self.folder.path().join("entitled.db")
    }

    /// Starts the program with these arguments.
    pub(crate) fn start(&self, args: &[&str]) -> Started {
        self.start_with(&[], args)
    }

    /// The same with these variables, and no others.
    pub(crate) fn start_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Started {
        self.spawn(Command::new(env!("CARGO_BIN_EXE_entitled")).args(args).env_clear().envs(variables.iter().copied()))
    }

    /// Starts it so that a file which may not grow any more is an error, and no signal that ends it.
    pub(crate) fn start_where_files_may_be_bounded(&self, args: &[&str]) -> Started {
        let script = "trap '' XFSZ; exec \"$0\" \"$@\"";
        self.spawn(Command::new("/bin/sh").args(["-c", script, env!("CARGO_BIN_EXE_entitled")]).args(args).env_clear())
    }

    fn spawn(&self, command: &mut Command) -> Started {
        let folder = self.folder.path().to_owned();
        let number = std::fs::read_dir(&folder).unwrap().count();
        let output = |name: &str| Stdio::from(std::fs::File::create(log(&folder, name, number)).unwrap());
        let child = command
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .spawn()
            .unwrap();
        Started { child, folder, number }
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        self.start(args).ended().await
    }
}

fn log(folder: &Path, name: &str, number: usize) -> std::path::PathBuf {
    folder.join(format!("{name}-{number}.log"))
}

impl Started {
    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// SIGKILL.
    pub(crate) async fn kill(mut self) {
        self.child.kill().unwrap();
        until("a killed process is gone", || self.is_over()).await;
    }

    /// Any other signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it says that it listens.
    pub(crate) async fn address(&self) -> String {
        let said = || {
            let log = self.stderr();
            let start = log.find("listening on http://")? + "listening on ".len();
            let end = start + log[start..].find('"')?;
            Some(log[start..end].to_owned())
        };
        until("the program says where it listens", || said().is_some()).await;
        said().unwrap()
    }

    /// How much memory it has in use, in bytes, by Linux's word.
    pub(crate) fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok()).unwrap_or(0) * 1024
    }

    pub(crate) fn stdout(&self) -> String {
        std::fs::read_to_string(log(&self.folder, "stdout", self.number)).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(log(&self.folder, "stderr", self.number)).unwrap()
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Ended {
        until("the program ends", || self.is_over()).await;
        let status = self.child.try_wait().unwrap().expect("it is over");
        Ended { status, stdout: self.stdout(), stderr: self.stderr() }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if !self.is_over() {
            let _gone_meanwhile = self.child.kill();
            let _reaped = self.child.wait();
        }
    }
}
