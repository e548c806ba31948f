//! Between two turns: sleeps until something is due or somebody wakes the loop, by a clock that nobody can set.

use jiff::SignedDuration;
use tokio::signal::unix::Signal;

use super::displaced::looked_after;
use super::{Daemon, If, Reload, Rest};
use crate::clock::{self, Steady};
use crate::shutdown::Shutdown;

impl Daemon {
    /// A clock that was set puts nothing off: what is due in ten seconds still is.
    pub(super) fn follow_clock(&mut self) {
        let now = Steady::now();
        let set = std::mem::replace(&mut self.clock, now).set_until(now);
        if set.is_zero() {
            return;
        }
        tracing::warn!(seconds = set.as_secs(), "the clock of this machine was set");
        self.schedule.shift(set);
        self.again.users.shift(set);
        self.again.orders.shift(set);
        self.again.names.shift(set);
        // Somebody may have waited for just this.
        self.schedule.hurry_full_pass(clock::now());
    }

    /// Sleeps until something is due, or somebody wakes it. By a clock that cannot be set, however long that is.
    pub(super) async fn sleep(&mut self, shutdown: &mut Shutdown) {
        self.follow_clock();
        let mut due = match self.rest {
            Rest::Long => {
                let again =
                    self.again.users.next().into_iter().chain(self.again.orders.next()).chain(self.again.names.next());
                again.chain([self.schedule.next()]).min().unwrap_or_default()
            }
            Rest::Short => clock::now(),
        };
        if matches!(self.reload, Reload::Wanted(_)) {
            due = due.min(clock::now() + SignedDuration::from_secs(5));
        }
        let wait = due.duration_since(clock::now()).max(SignedDuration::from_millis(10));
        let wait = std::time::Duration::try_from(wait).expect("the maximum with a positive time is positive");
        let change = tokio::select! {
            () = tokio::time::sleep(wait) => return,
            () = shutdown.wait() => return,
            asked = self.triggers.settled() => return self.take(asked),
            () = self.heard.word(&self.store) => {
                tracing::info!("somebody has let something through, stopped it or taken it over: looking again");
                return self.schedule.hurry_full_pass(clock::now());
            }
            () = hung_up(&mut self.hangup) => None,
            () = looked_after(&self.store, self.displaced, self.folded) => return,
            change = self.watch.changed() => Some(change),
        };
        let woken = async {
            match change {
                Some((path, content)) => self.changed(path, content).await,
                None => {
                    tracing::info!("SIGHUP: reading the file again");
                    self.schedule.hurry(clock::now());
                    Box::pin(self.reload(If::Anyway)).await;
                }
            }
        };
        tokio::select! {
            () = woken => {}
            () = shutdown.wait() => {}
        }
    }
}

/// Returns on SIGHUP.
async fn hung_up(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
