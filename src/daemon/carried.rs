//! Renamed sources: what is known under the old name is carried over before the new one is read.

use super::Daemon;
use super::trouble::Trouble;
use crate::clock;
use crate::pass::active::{ActiveConfig, carry_over_one};

impl Daemon {
    /// Carries over what waits for that. A source for which it fails is not read, since an order that is read under
    /// the new name first would be new; it is tried again when its poll is due, and the other sources go on.
    pub(super) async fn carry_over(&mut self) {
        let ActiveConfig { config, .. } = self.active.clone();
        for settings in &config.sources {
            let (name, now) = (&settings.name, clock::now());
            if self.stuck.contains(name) && !self.schedule.poll_due(name, now) {
                continue;
            }
            match carry_over_one(settings, &self.store, now).await {
                Ok(()) => _ = self.stuck.remove(name),
                Err(error) => {
                    self.stuck.insert(name.clone());
                    self.unread.insert(name.clone());
                    self.schedule.poll_failed(name, settings.poll, now);
                    let trouble = Trouble::CarryOver { name: name.clone(), source: error };
                    self.publisher.polled(name, Err(&trouble.status(now)), now);
                    self.failed(&trouble);
                }
            }
        }
    }
}
