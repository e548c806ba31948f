//! The outcome of a pass: what is held, what is still to be done, and the figures of the targets after it.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::{ChangeKey, StatusPublisher};
use crate::model::UserId;
use crate::pass::{PassScope, PlannedPass};
use crate::report::run::{ActionOutcome, RunReport};
use crate::report::status::{About, Figures, Pass, Planned};
use crate::report::{Change, PlanDocument};

impl StatusPublisher {
    /// A pass has looked; `report` is what came of it, where anything was to come of it. `overtaken`: users whom
    /// another pass was about meanwhile, and of whom this one says what was.
    pub(in crate::daemon) fn passed(
        &mut self,
        span: &PassScope,
        pass: &PlannedPass,
        report: Option<&RunReport>,
        overtaken: &BTreeSet<UserId>,
        now: Timestamp,
    ) {
        let view = &pass.view;
        let planned = Some(Arc::new(Planned { view: view.clone(), at: now }));
        match span {
            PassScope::Full => {
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
            PassScope::Quick(_) => self.draft.quick_plan = planned,
        }
        self.wanted.learn(pass, overtaken, &mut self.draft.targets);
        // Of whom it was not about, what the pass before said stays true.
        let later = |user: &UserId| overtaken.contains(user);
        let old = |user: &UserId| !pass.looked.at(user) || later(user);
        let held = view.held.iter().filter(|held| !later(&held.change.user));
        self.held.retain(|(_, user, _), _| old(user));
        self.held.extend(held.map(|held| (key(&held.change), held.clone())));
        self.pending.retain(|(_, user, _)| old(user));
        self.pending.extend(unmade(view, report).into_iter().filter(|(_, user, _)| !later(user)));
        self.ambiguous.retain(|buyer| !pass.looked.at_buyer(*buyer));
        self.ambiguous.extend(&pass.ambiguous);
        self.draft.figures.pending = self.pending.len() as u64;
        self.draft.figures.held = (self.held.len() + self.ambiguous.len()) as u64;
        self.draft.held = Arc::new(self.held.values().cloned().collect());
        if *span == PassScope::Full {
            for (key, by) in std::mem::take(&mut self.moved) {
                self.move_by(&key, by);
            }
        }
        self.move_on(span, report);
        self.metrics.passed(span, report);
    }

    /// A pass has seen who holds what, and begins to change it.
    pub(in crate::daemon) fn seen(&mut self, span: &PassScope) {
        if *span == PassScope::Full {
            self.moved.clear();
        }
    }

    /// What was changed in Logto is true of the targets' figures without another walk.
    fn move_on(&mut self, span: &PassScope, report: Option<&RunReport>) {
        let done = report.into_iter().flat_map(|report| &report.lines).filter(|line| line.came == ActionOutcome::Done);
        for line in done {
            let (key, by) = (&line.change.target_key, if line.change.action == "grant" { 1 } else { -1 });
            self.move_by(key, by);
            // A full pass that is under way saw the figures before this.
            if *span != PassScope::Full {
                *self.moved.entry(key.clone()).or_default() += by;
            }
        }
    }

    fn move_by(&mut self, key: &str, by: i64) {
        if let Some(target) = self.draft.targets.iter_mut().find(|target| target.key == key) {
            target.actual = target.actual.saturating_add_signed(by);
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
fn unmade(view: &PlanDocument, report: Option<&RunReport>) -> BTreeSet<ChangeKey> {
    let mut unmade: BTreeSet<ChangeKey> = view.changes.iter().map(key).collect();
    for line in report.into_iter().flat_map(|report| &report.lines) {
        if matches!(line.came, ActionOutcome::Done | ActionOutcome::AlreadySo) {
            unmade.remove(&key(&line.change));
        }
    }
    unmade
}

pub(super) fn key(change: &Change) -> ChangeKey {
    (change.action.clone(), change.user.clone(), change.target_key.clone())
}

impl From<&PassScope> for Pass {
    fn from(span: &PassScope) -> Self {
        match span {
            PassScope::Full => Pass::Full,
            PassScope::Quick(_) => Pass::Quick,
        }
    }
}
