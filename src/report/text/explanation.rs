//! An explanation for a terminal.

use std::fmt::Write as _;

use crate::planner::input::Presence;
use crate::report::explanation::{Explanation, Idle, OrderWhy, Outcome, Owner, TargetWhy};
use crate::report::messages;
use crate::text::{Color, human};

/// Who it is about, then target by target: the orders, what Logto has, whose it is, and what a pass would do.
/// `every`: also targets that have nothing to do with this user.
pub fn why_text(why: &Explanation, every: bool, color: Color) -> String {
    let mut out = format!("{}\n", color.paint("1", &who(why)));
    if why.account == Presence::Absent && why.user.is_some() {
        let _ = writeln!(out, "{} Logto has no such user", color.paint("33", "!"));
    }
    for one in &why.waiting {
        let _ = writeln!(out, "{} {}  {}: {}", color.paint("33", "?"), one.buyer, one.reason, one.lift);
    }
    let (told, silent): (Vec<_>, Vec<_>) = why.targets.iter().partition(|target| every || target.concerns());
    for target in told {
        let _ = writeln!(out, "\n{}", color.paint("1", &target.target));
        for order in &target.orders {
            let _ = writeln!(out, "  {}", chain(order, &why.config.short()));
            let _ = writeln!(out, "      {}", order.sentence);
        }
        let _ = writeln!(out, "  {}", state(target, why));
        outcome(&mut out, &target.outcome, color);
    }
    if !why.idle.is_empty() || !why.dropped.is_empty() || !silent.is_empty() {
        out.push('\n');
    }
    for idle in &why.idle {
        let _ = writeln!(out, "order {} of {} is for {}, which gives nothing", idle.order, idle.source, idle.product);
    }
    for one in &why.dropped {
        let Idle { order, source, product } = one;
        let _ = writeln!(
            out,
            "order {order} of {source}, which the file no longer has, is for {product}: it gives nothing"
        );
    }
    if !silent.is_empty() {
        let number = human::count(silent.len() as u64, "other target");
        let them = if silent.len() == 1 { "it" } else { "them" };
        let _ = writeln!(out, "{number}: not held, and no order gives {them}");
    }
    if let Some(freeze) = &why.freeze {
        let _ = writeln!(out, "{} frozen: {}", color.paint("33", "!"), messages::frozen(freeze));
    }
    out
}

fn who(why: &Explanation) -> String {
    let emails = why.emails.iter().map(|email| format!("<{email}>")).collect::<Vec<_>>().join(" ");
    match &why.user {
        Some(user) if emails.is_empty() => user.to_string(),
        Some(user) => format!("{user} {emails}"),
        None => emails,
    }
}

/// `ord_1 of shop, paid 2026-10-15 -> Pro plan -> line 47 of entitlements.yaml@3895811`.
fn chain(order: &OrderWhy, config: &str) -> String {
    let OrderWhy { order, source, standing, paid_at, product_name, line, .. } = order;
    let paid = match paid_at {
        Some(at) if standing == "paid" => format!("paid on {}", human::day(at.as_second())),
        Some(at) => format!("{standing}, paid on {}", human::day(at.as_second())),
        None => standing.clone(),
    };
    format!("order {order} of {source}, {paid} -> {product_name} -> line {line} of {config}")
}

/// What Logto has, and whose it is.
fn state(target: &TargetWhy, why: &Explanation) -> String {
    if why.user.is_none() {
        return "not given: the buyer is not one user of Logto".to_owned();
    }
    let held = match target.held {
        Presence::Held => "held in Logto",
        Presence::Absent => "not held in Logto",
        Presence::Unknown => "whether Logto holds it is unknown",
    };
    let whose = match (&target.ours, target.owner) {
        (Some(ours), owner) => {
            let how = if owner == Owner::Adopted { "adopted" } else { "granted" };
            let line = if ours.line > 0 { format!(", line {}", ours.line) } else { String::new() };
            let commit = messages::version(&ours.commit);
            let undone = match ours.undone {
                0 => String::new(),
                number => format!("; taken away by somebody else {}", human::count(u64::from(number), "time")),
            };
            format!(
                "; ours: {how} on {} in run {} for order {} of {}{line} @{commit}{undone}",
                human::datetime(ours.since),
                ours.run,
                ours.order,
                ours.source
            )
        }
        (None, Owner::Released) => "; released by hand".to_owned(),
        (None, Owner::Foreign) => match target.first_seen {
            Some(at) => format!("; not ours, first seen on {}", human::datetime(at)),
            None => "; not ours".to_owned(),
        },
        (None, _) => String::new(),
    };
    format!("{held}{whose}")
}

fn outcome(out: &mut String, outcome: &Outcome, color: Color) {
    let arrow = color.paint("36", "=>");
    match outcome {
        Outcome::Does(change) => {
            let _ = writeln!(out, "  {arrow} a pass would {} it: {}", change.action, change.because);
        }
        Outcome::Holds(held) => {
            let _ = writeln!(
                out,
                "  {arrow} a pass would {} it ({}), and this is held",
                held.change.action, held.change.because
            );
            let _ = writeln!(out, "      {}: {}", color.paint("33", &held.hold), held.reason);
            let _ = writeln!(out, "      {}: {}", color.paint("36", "hint"), held.lift);
        }
        Outcome::Forgets { sentence } | Outcome::Rests { sentence } => {
            let _ = writeln!(out, "  {arrow} {sentence}");
        }
    }
}
