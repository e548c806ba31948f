//! The binary as its users see it: a folder of its own, an environment with nothing else in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use entitled::sandbox::{self, APP_ID, APP_SECRET, Handles, LogtoSim, Options, Running, SHOP_TOKEN, Seed, ShopSim};
use tempfile::TempDir;

/// Longer than any command takes on a busy machine; a command that hangs is killed and fails its test.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Asserts that stderr says each of these.
    #[track_caller]
    pub(crate) fn complains(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "`{part}` is missing in\n{}", self.err);
        }
        self
    }
}

/// A folder to work in.
pub(crate) struct Home {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// With the file that a newcomer reads first.
    pub(crate) fn demo() -> Self {
        let home = Self::new();
        home.write("entitlements.yaml", &demo_file());
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.variables.retain(|(known, _)| known != name);
    }

    /// The names of everything in the folder, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Runs `entitled` to its end.
    pub(crate) fn entitled(&self, arguments: &[&str]) -> Ran {
        self.program(env!("CARGO_BIN_EXE_entitled"), arguments)
    }

    /// Runs `entitled` with each of these at a time with the others, for those that mostly wait for somebody and change
    /// nothing that another one sees. A few at a time: each is to have the machine to itself where it must be quick.
    pub(crate) fn at_once<'a>(&self, commands: &[&'a [&'a str]]) -> Vec<(&'a [&'a str], Ran)> {
        at_once(commands, |command| self.entitled(command)).into_iter().map(|(command, ran)| (*command, ran)).collect()
    }

    /// Runs a program to its end.
    pub(crate) fn program(&self, program: &str, arguments: &[&str]) -> Ran {
        let mut command = assert_cmd::Command::from_std(self.command(program));
        let output = command.args(arguments).timeout(PATIENCE).output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            err: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }

    /// Runs `entitled` on a terminal where somebody types `keys`.
    pub(crate) fn on_terminal(&self, arguments: &str, keys: &str) -> Ran {
        let program = env!("CARGO_BIN_EXE_entitled");
        let mut command = assert_cmd::Command::from_std(self.command("/usr/bin/script"));
        command.args(["-q", "-e", "-c", &format!("{program} {arguments}"), "/dev/null"]);
        let output = command.write_stdin(keys).timeout(PATIENCE).output().unwrap();
        let text = String::from_utf8(output.stdout).expect("the terminal shows UTF-8").replace("\r\n", "\n");
        Ran { code: output.status.code().unwrap_or(-1), out: text, err: String::new() }
    }

    /// `program` in this folder, with an environment that holds nothing else.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("HOME", self.folder.path()).env("TMPDIR", self.folder.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// What comes of each of these, a few at a time.
pub(crate) fn at_once<'a, T: Sync, R: Send>(all: &'a [T], run: impl Fn(&'a T) -> R + Sync) -> Vec<(&'a T, R)> {
    let mut came = Vec::new();
    for few in all.chunks(4) {
        std::thread::scope(|threads| {
            let begun: Vec<_> = few.iter().map(|one| (one, threads.spawn(|| run(one)))).collect();
            came.extend(begun.into_iter().map(|(one, thread)| (one, thread.join().expect("a command that runs"))));
        });
    }
    came
}

/// The file at the top level of the repository.
pub(crate) fn demo_file() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("entitlements.yaml")).unwrap()
}

/// The demo with its simulators in this process, where a test can look into them.
pub(crate) struct Town {
    pub(crate) home: Home,
    pub(crate) logto: LogtoSim,
    pub(crate) shop: ShopSim,
    pub(crate) running: Running,
}

impl Town {
    pub(crate) async fn demo() -> Self {
        let running = sandbox::start(Options { seed: Some(Seed::demo()), ..Options::default() }).await.unwrap();
        let Handles { logto, shop } = running.handles().unwrap().clone();
        let town = Self { home: Home::new(), logto, shop, running };
        let mut town = town.credentials(APP_ID, APP_SECRET);
        town.home.set("SHOP_TOKEN", SHOP_TOKEN);
        let (logto, shop) = (town.running.logto_url().to_owned(), town.running.shop_url().to_owned());
        town.home.write("entitlements.yaml", &file_for(&logto, &shop));
        town
    }

    /// Whom the file says to be, by the variables it refers to.
    pub(crate) fn credentials(mut self, id: &str, secret: &str) -> Self {
        self.home.set("ENTITLED_PUBLIC_APP_ID", id);
        self.home.set("APP_SECRET", secret);
        self
    }

    /// Rewrites the file.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.home.path("entitlements.yaml")).unwrap();
        assert!(text.contains(from), "the file has no `{from}`");
        self.home.write("entitlements.yaml", &text.replace(from, to));
    }
}

/// The demo's file for servers at these addresses.
pub(crate) fn file_for(logto: &str, shop: &str) -> String {
    let at_logto =
        format!("  endpoint: {logto}\n  app_id: ${{ENTITLED_PUBLIC_APP_ID}}\n  app_secret: ${{APP_SECRET}}\n");
    let at_shop =
        format!("    kind: openbitum\n    url: {shop}\n    auth: {{kind: bearer, token: \"${{SHOP_TOKEN}}\"}}\n");
    let text = demo_file();
    assert!(text.contains("  endpoint: sandbox\n") && text.contains("    kind: sandbox\n"), "the demo has changed");
    text.replace("  endpoint: sandbox\n", &at_logto).replace("    kind: sandbox\n", &at_shop)
}
