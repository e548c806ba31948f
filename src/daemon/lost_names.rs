//! Names that stand for nothing any more: said as soon as any pass meets what is gone, and looked up again soon, so that
//! whoever makes it anew waits for no full pass.
//!
//! Only looks: a full pass resolves the names and says what does not resolve.

use super::Daemon;
use crate::clock;
use crate::pass::apply::NO_TARGET;
use crate::pass::{PassScope, PlannedPass};
use crate::planner::{Gap, Hold};
use crate::report::run::{ActionOutcome, RunReport};

impl Daemon {
    /// After a pass: whether something that the file gives is gone.
    pub(super) fn mind_names(&mut self, span: &PassScope, planned: &PlannedPass, report: Option<&RunReport>) {
        let now = clock::now();
        // An organization that is gone reads like one without members: only a write tells.
        let met =
            report.is_some_and(|report| report.lines.iter().any(|line| line.came == ActionOutcome::Gone(NO_TARGET)));
        let gone = met
            || planned.plan.held.iter().any(|held| {
                matches!(held.hold, Hold::Incomplete(Gap::Missing)) && planned.catalog.gives(held.action.target)
            });
        if gone && *span != PassScope::Full && self.active.unresolved.is_empty() {
            self.want_full_pass(now);
        }
        if gone || !self.active.unresolved.is_empty() {
            self.again.names.failed((), self.patience(), now);
        } else {
            self.again.names.done(&());
        }
    }

    /// Looks up names that stood for nothing, where that is due: a full pass follows if they stand for something now.
    pub(super) async fn look_up_names(&mut self) {
        let now = clock::now();
        if self.again.names.due(self.patience(), now).is_empty() {
            return;
        }
        let mut looked = self.active.clone();
        match looked.resolve_anew().await {
            Ok(()) if looked.unresolved != self.active.unresolved || looked.names != self.active.names => {
                self.schedule.hurry_full_pass(now);
            }
            Ok(()) => {}
            // Whatever asks Logto next says so.
            Err(error) => tracing::debug!(%error, "names could not be looked up"),
        }
    }
}
