//! Tells systemd how the daemon is, where systemd asks for it: `READY`, `STATUS`, `WATCHDOG`, `RELOADING`,
//! `STOPPING`, each a datagram to `$NOTIFY_SOCKET` as sd_notify(3) describes.
//!
//! Flow: follows the [`Status`] that the loop publishes and never asks the loop anything. Without the variable nothing
//! happens. A datagram that cannot be sent is dropped, so that nobody waits for a service manager that does not listen.
//!
//! Guarantee: the watchdog is fed only while the loop gets on. One that is stuck is not fed, and systemd starts
//! the daemon anew.

#![expect(clippy::disallowed_methods, reason = "an edge: reads the two variables of the service manager")]

use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::clock;
use crate::report::messages;
use crate::report::status::{Duty, Status};
use crate::shutdown::Shutdown;

/// Between two words while the daemon opens everything, and the longest between two of them later.
const BEAT: Duration = Duration::from_secs(10);

/// How much longer a start may take, from each beat on: Logto may be down, which is no reason to be killed.
const START_USEC: u64 = 60_000_000;

/// How long a reload may take before the manager is told that it is over all the same.
const RELOAD: Duration = Duration::from_secs(30);

/// So many full-pass intervals may go by after one was due before the loop counts as stuck, and never less
/// than [`STUCK_AT_LEAST`]: a walk over a million holders takes its time.
const STUCK: i32 = 3;
const STUCK_AT_LEAST: SignedDuration = SignedDuration::from_mins(30);

/// The service manager, where there is one.
#[derive(Debug)]
pub struct ServiceManager {
    socket: UnixDatagram,
    address: SocketAddr,
    /// How often it wants to hear that all is well.
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// The one that started this process and wants to be told. A path, or with a leading `@` a name in the
    /// abstract name space of Linux.
    pub fn from_environment() -> Option<Self> {
        let name = std::env::var("NOTIFY_SOCKET").ok()?;
        let microseconds = std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok());
        // The variable may be meant for a parent that has passed its environment on.
        let for_us = std::env::var("WATCHDOG_PID").map_or(true, |id| id == std::process::id().to_string());
        let watchdog = microseconds.filter(|_| for_us).map(Duration::from_micros).filter(|every| !every.is_zero());
        let made = address(&name).and_then(|address| {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            Ok(Self { socket, address, watchdog })
        });
        made.inspect_err(|error| tracing::warn!(%error, socket = name, "the service manager cannot be notified")).ok()
    }

    fn say(&self, lines: &str) {
        if let Err(error) = self.socket.send_to_addr(lines.as_bytes(), &self.address) {
            tracing::debug!(%error, "the service manager was not notified");
        }
    }

    /// Tells it everything until the end is asked for.
    pub async fn follow(self, mut status: watch::Receiver<Arc<Status>>, mut shutdown: Shutdown) {
        let mut hangup = signal(SignalKind::hangup()).ok();
        let beat = self.watchdog.map_or(BEAT, |every| (every / 2).min(BEAT));
        let mut ready = false;
        // Since when a reload is under way.
        let mut reloading: Option<(Timestamp, tokio::time::Instant)> = None;
        loop {
            let now = clock::now();
            let told = status.borrow_and_update().clone();
            let mut lines = format!("STATUS={}\n", messages::standing_of(&told, now));
            match told.duty {
                Duty::Starting if !ready => lines.push_str(&format!("EXTEND_TIMEOUT_USEC={START_USEC}\n")),
                Duty::Starting | Duty::Standby { .. } | Duty::Leader if !ready => {
                    ready = true;
                    lines.push_str("READY=1\n");
                }
                _ => {}
            }
            let over = |(since, began): (Timestamp, tokio::time::Instant)| told.at > since || began.elapsed() > RELOAD;
            if reloading.is_some_and(over) {
                reloading = None;
                lines.push_str("READY=1\n");
            }
            if !is_stuck(&told, now) {
                lines.push_str("WATCHDOG=1\n");
            }
            self.say(&lines);
            tokio::select! {
                changed = status.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(beat) => {}
                () = hung_up(&mut hangup) => {
                    reloading = Some((clock::now(), tokio::time::Instant::now()));
                    self.say("RELOADING=1\nSTATUS=reading the file again\n");
                }
                () = shutdown.wait() => break,
            }
        }
        self.say("STOPPING=1\nSTATUS=stopping once the changes in flight are done\n");
    }
}

/// Whether the loop has not made the pass that was due long ago.
fn is_stuck(status: &Status, now: Timestamp) -> bool {
    let (Duty::Leader, Some(due), Some(config)) = (&status.duty, status.next_full_pass, &status.config) else {
        return false;
    };
    let interval = SignedDuration::from_secs(i64::try_from(config.full_pass_seconds).unwrap_or(i64::MAX));
    now.duration_since(due) > interval.saturating_mul(STUCK).max(STUCK_AT_LEAST)
}

#[cfg(target_os = "linux")]
fn address(name: &str) -> std::io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt as _;
    match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    }
}

#[cfg(not(target_os = "linux"))]
fn address(name: &str) -> std::io::Result<SocketAddr> {
    SocketAddr::from_pathname(name)
}

async fn hung_up(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Origin;
    use crate::report::status::{ConfigInForce, Mode};

    #[test]
    fn a_loop_counts_as_stuck_long_after_a_pass_was_due() {
        let due = Timestamp::from_second(1_800_000_000).unwrap();
        let mut status = Status::starting(Mode::Live, due);
        let full_pass_seconds = 3_600;
        status.config = Some(ConfigInForce { origin: Origin::default(), since: due, products: 1, full_pass_seconds });
        status.next_full_pass = Some(due);
        let later = |hours: i64| due + SignedDuration::from_hours(hours);
        assert!(!is_stuck(&status, later(100)), "one that starts is waited for");
        status.duty = Duty::Leader;
        assert!(!is_stuck(&status, later(3)));
        assert!(is_stuck(&status, later(4)));
        status.duty = Duty::Standby { holder: "another".to_owned() };
        assert!(!is_stuck(&status, later(100)));
    }
}
