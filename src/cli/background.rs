//! Those who follow the status beside the loop: the service manager, and the receivers of notices.
//!
//! They hear what the loop publishes and are never waited for, but for the moment in which the service manager
//! is told of the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::daemon::notify::{Delivery, QUIET};
use crate::daemon::systemd::ServiceManager;
use crate::daemon::{StatusReader, notify};
use crate::report::status::Mode;
use crate::shutdown::Shutdown;

/// How long the service manager may take to be told of the end.
const LAST_WORD: Duration = Duration::from_secs(1);

/// See the module. Dropping it ends them.
pub(super) struct Followers {
    manager: Option<JoinHandle<()>>,
    notices: Option<JoinHandle<()>>,
}

impl Followers {
    /// Starts them. A dry run changes nothing, so nobody is told of it by a notice.
    pub(super) fn start(reading: &StatusReader, mode: Mode, shutdown: &Shutdown) -> Self {
        let manager = ServiceManager::from_environment()
            .map(|manager| tokio::spawn(manager.follow(reading.status.clone(), shutdown.clone())));
        let metrics = Arc::clone(&reading.metrics);
        let count = move |delivery| {
            if delivery == Delivery::Failed {
                metrics.failed("notification");
            }
        };
        let notices =
            (mode == Mode::Live).then(|| tokio::spawn(notify::follow(reading.clone(), shutdown.clone(), QUIET, count)));
        Self { manager, notices }
    }

    /// Waits until the service manager was told of the end, where there is one.
    pub(super) async fn end(mut self) {
        if let Some(manager) = self.manager.take() {
            let _told_or_late = tokio::time::timeout(LAST_WORD, manager).await;
        }
    }
}

impl Drop for Followers {
    fn drop(&mut self) {
        for task in [&self.manager, &self.notices].into_iter().flatten() {
            task.abort();
        }
    }
}
