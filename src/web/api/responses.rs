//! Values as the API sends them. Lists that can grow without end are cut, and say how much they left off.

use serde::Serialize;
use serde_json::{Value, json};

use crate::report::Holders;
use crate::report::status::{Planned, Status};
use crate::store::Freeze;

/// As it is.
pub(super) fn value<T: Serialize>(answer: &T) -> Value {
    serde_json::to_value(answer).expect("answers hold strings, numbers and lists only")
}

/// How it stands, with so many held changes.
pub(super) fn status(status: &Status, rows: usize) -> Value {
    let held = &status.held;
    // Not the whole list first and then the cut: it may be long.
    let short = Status { held: Default::default(), ..status.clone() };
    let mut answer = value(&short);
    answer["held"] = value(&cut(held, rows));
    answer["left_off"] = json!({ "held": held.len().saturating_sub(rows) });
    answer
}

/// The plan of a full pass, with so many rows of each list.
pub(super) fn plan(planned: &Planned, rows: usize) -> Value {
    let view = &planned.view;
    let left_off = |list: usize| list.saturating_sub(rows);
    json!({
        "version": view.version,
        "at": planned.at,
        "config": view.config,
        "freeze": view.freeze,
        "dropped": view.dropped,
        "settling": view.settling,
        "summary": view.summary,
        "changes": cut(&view.changes, rows),
        "held": cut(&view.held, rows),
        "adoptions": cut(&view.adoptions, rows),
        "releases": cut(&view.releases, rows),
        "waiting": cut(&view.waiting, rows),
        "targets": view.targets,
        "left_off": {
            "changes": left_off(view.changes.len()),
            "held": left_off(view.held.len()),
            "adoptions": left_off(view.adoptions.len()),
            "releases": left_off(view.releases.len()),
            "waiting": left_off(view.waiting.len()),
        },
    })
}

/// Who holds a target, with so many of them.
pub(super) fn holders(mut all: Holders, rows: usize) -> Value {
    let (holders, missing) = (all.holders.len().saturating_sub(rows), all.missing.len().saturating_sub(rows));
    all.holders.truncate(rows);
    all.missing.truncate(rows);
    let mut answer = value(&all);
    answer["left_off"] = json!({ "holders": holders, "missing": missing });
    answer
}

/// What was stopped, and how many changes were being made when it was.
pub(super) fn freeze(freeze: &Freeze, in_flight: u64) -> Value {
    let Freeze { scope, since, until, reason, who } = freeze;
    let scope = scope.word();
    json!({ "scope": scope, "since": since, "until": until, "reason": reason, "who": who, "in_flight": in_flight })
}

fn cut<T>(list: &[T], rows: usize) -> &[T] {
    &list[..list.len().min(rows)]
}
