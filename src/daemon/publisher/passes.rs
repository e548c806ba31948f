//! What came of a pass: what is held, what is still to be done, and what the figures of the targets are by then.

use std::sync::Arc;

use jiff::Timestamp;

use super::StatusPublisher;
use crate::pass::{PassScope, PlannedPass};
use crate::report::run::{ActionOutcome, RunReport};
use crate::report::status::{About, Figures, Pass, Planned};
use crate::report::{PlanDocument, TargetView};

impl StatusPublisher {
    /// A pass has looked; `report` is what came of it, where anything was to come of it.
    pub(in crate::daemon) fn passed(
        &mut self,
        span: &PassScope,
        pass: &PlannedPass,
        report: Option<&RunReport>,
        now: Timestamp,
    ) {
        let view = &pass.view;
        let planned = Some(Arc::new(Planned { view: view.clone(), at: now }));
        let held = view.held.iter().map(|held| {
            let change = &held.change;
            ((change.action.clone(), change.user.clone(), change.target_key.clone()), held.clone())
        });
        match span {
            PassScope::Full => {
                self.held = held.collect();
                self.draft.targets = view.targets.clone();
                self.draft.figures = figures(view);
                self.draft.dropped = view.dropped.clone();
                self.draft.settling = view.settling.clone();
                self.draft.plan = planned;
                // Whatever is wrong with a target has been told.
                self.began.retain(|about, _| !matches!(about, About::Target(_)));
                if pass.troubles.is_empty() {
                    self.draft.last_full_pass = Some(now);
                }
            }
            PassScope::Quick(_) => {
                self.held.retain(|(_, user, _), _| pass.user_index.ix(user).is_none());
                self.held.extend(held);
                self.draft.figures.pending = 0;
                self.draft.quick_plan = planned;
            }
        }
        self.draft.figures.pending += unmade(view, report);
        self.draft.figures.held =
            self.held.len() as u64 + view.waiting.iter().filter(|one| one.is_held()).count() as u64;
        self.draft.held = Arc::new(self.held.values().cloned().collect());
        self.move_on(report);
        self.metrics.passed(span, report);
    }

    /// What was changed in Logto is true of the targets' figures without another walk.
    fn move_on(&mut self, report: Option<&RunReport>) {
        for line in report.into_iter().flat_map(|report| &report.lines) {
            if line.came != ActionOutcome::Done {
                continue;
            }
            let target = |one: &&mut TargetView| one.key == line.change.target_key;
            let Some(target) = self.draft.targets.iter_mut().find(target) else { continue };
            match line.change.action.as_str() {
                "grant" => target.actual += 1,
                _ => target.actual = target.actual.saturating_sub(1),
            }
        }
    }
}

fn figures(view: &PlanDocument) -> Figures {
    let summary = &view.summary;
    Figures {
        pending: 0,
        held: summary.held,
        waiting: summary.waiting,
        unknown: summary.unknown,
        foreign: summary.foreign,
        drift: summary.grants + summary.revocations + summary.held,
    }
}

/// What was to be changed and was not.
fn unmade(view: &PlanDocument, report: Option<&RunReport>) -> u64 {
    let wanted = view.changes.len() as u64;
    let Some(report) = report else { return wanted };
    let figures = report.figures();
    wanted.saturating_sub(figures.done + figures.already_so)
}

impl From<&PassScope> for Pass {
    fn from(span: &PassScope) -> Self {
        match span {
            PassScope::Full => Pass::Full,
            PassScope::Quick(_) => Pass::Quick,
        }
    }
}
