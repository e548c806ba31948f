//! What systemd hears, through a socket as it would give one.

use std::os::unix::net::UnixDatagram;

use entitled::sandbox::{Handles, LogtoSim, Options, Running, start};

use crate::support::program::{Program, addresses, until};
use crate::support::stage::{NO_LIMITS, PRODUCTS, furnish};

struct World {
    _running: Running,
    logto: LogtoSim,
    program: Program,
}

impl World {
    async fn new() -> Self {
        let running = start(Options::default()).await.unwrap();
        let Handles { logto, .. } = running.handles().unwrap().clone();
        furnish(&logto);
        let block = addresses(running.logto_url(), running.shop_url(), "");
        let rest = format!("listen: off\nschedule: {{full_pass: 1h}}\nprune: owned\n{NO_LIMITS}\n{PRODUCTS}");
        Self { _running: running, logto, program: Program::new(&format!("{block}{rest}")) }
    }
}

/// All that was said so far, in order.
struct Ear {
    socket: UnixDatagram,
    heard: String,
}

impl Ear {
    fn new(socket: UnixDatagram) -> Self {
        socket.set_nonblocking(true).unwrap();
        Self { socket, heard: String::new() }
    }

    fn hear(&mut self) -> &str {
        let mut buffer = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            self.heard.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
        &self.heard
    }

    async fn until(&mut self, what: &str, heard: impl Fn(&str) -> bool) {
        until(what, || heard(self.hear())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_when_it_is_ready_reloads_lives_and_ends() {
    let world = World::new().await;
    let path = world.program.folder.path().join("manager");
    let mut ear = Ear::new(UnixDatagram::bind(&path).unwrap());
    let variables = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "100000")];
    let daemon = world.program.start_with(&variables, &["run"]);
    ear.until("it is ready", |heard| heard.contains("READY=1\n")).await;
    ear.until("it says how it is", |heard| heard.contains("STATUS=InSync: ")).await;
    ear.until("it lives", |heard| heard.matches("WATCHDOG=1\n").count() > 5).await;
    assert_eq!(ear.heard.matches("READY=1\n").count(), 1, "{}", ear.heard);

    daemon.signal("HUP");
    ear.until("it reloads", |heard| heard.contains("RELOADING=1\n")).await;
    let ready_again = |heard: &str| heard.split_once("RELOADING=1\n").unwrap().1.contains("READY=1\n");
    ear.until("it is ready again", ready_again).await;

    daemon.signal("TERM");
    let ended = daemon.ended().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert!(ear.hear().contains("STOPPING=1\n"), "{}", ear.heard);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_logto_is_away_it_asks_for_time_and_is_not_ready() {
    let world = World::new().await;
    world.logto.faults().add(entitled::sandbox::Rule::refuse(503));
    let path = world.program.folder.path().join("manager");
    let mut ear = Ear::new(UnixDatagram::bind(&path).unwrap());
    let daemon = world.program.start_with(&[("NOTIFY_SOCKET", path.to_str().unwrap())], &["run"]);
    ear.until("it asks for time", |heard| heard.contains("EXTEND_TIMEOUT_USEC=")).await;
    until("it has tried", || daemon.stderr().contains("not started yet")).await;
    assert!(!ear.hear().contains("READY=1"), "{}", ear.heard);
    world.logto.faults().clear();
    ear.until("it is ready", |heard| heard.contains("READY=1\n")).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_stands_by_is_ready_and_says_so_on_an_abstract_socket() {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::SocketAddr;
    let world = World::new().await;
    let first = world.program.start(&["run"]);
    until("the first one runs", || first.stderr().contains("in force")).await;
    let name = format!("entitled-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let mut ear = Ear::new(UnixDatagram::bind_addr(&address).unwrap());
    let second = world.program.start_with(&[("NOTIFY_SOCKET", &format!("@{name}"))], &["run"]);
    ear.until("it is ready", |heard| heard.contains("READY=1\n")).await;
    assert!(ear.heard.contains("STATUS=standing by: another process is writing, process "), "{}", ear.heard);
    for daemon in [second, first] {
        daemon.signal("TERM");
        daemon.ended().await;
    }
}

/// Nobody listens there: that keeps nothing from running.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_that_is_gone_is_not_waited_for() {
    let world = World::new().await;
    let daemon = world.program.start_with(&[("NOTIFY_SOCKET", "/nowhere/at/all")], &["run"]);
    until("it runs", || daemon.stderr().contains("in force")).await;
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await.status.code(), Some(0));
}
