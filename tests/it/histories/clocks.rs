//! The clock of the machine, which may be set wrong, and the true time that all others tell.

use jiff::{SignedDuration, Timestamp};

use super::world::World;

/// Two clocks that are further apart cannot both be right.
const TOLERANCE: i64 = 300;

impl World {
    /// What the time is, whatever the clock of the machine says.
    pub(super) fn truth(&self) -> Timestamp {
        self.now - SignedDuration::from_secs(self.astray)
    }

    pub(super) fn is_clock_off(&self) -> bool {
        self.astray.abs() > TOLERANCE
    }

    /// The clock by which something may have ended.
    pub(super) fn believed(&self) -> Option<i64> {
        (!self.is_clock_off()).then(|| self.at())
    }

    /// The clock of the machine is set, and all others go on.
    pub(super) fn jump(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        self.astray += seconds;
        if seconds < 0 {
            self.was_put_back = true;
            self.is_before_what_it_noted();
        }
        self.set_clocks();
    }

    /// What `Date` says: the true time, as seen from a machine that takes its own for true.
    pub(super) fn set_clocks(&self) {
        self.logto.faults().date_skew(-self.astray);
        self.shops.iter().for_each(|shop| shop.faults().date_skew(-self.astray));
    }

    /// What was noted by a clock that was ahead lies in the future now: which came first cannot be told.
    fn is_before_what_it_noted(&mut self) {
        self.blur_commits();
        self.accounts.bindings.blur();
        // Whatever the clock said then, an order that is there came before what a commit does from now on.
        let now = self.at();
        self.orders.iter_mut().for_each(|order| order.made = order.made.min(now - 1));
        for stored in self.orders.iter_mut().flat_map(|order| order.left.iter_mut().chain([&mut order.stored])) {
            stored.entitled_by = Some(i64::MAX);
        }
    }
}
