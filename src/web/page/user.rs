//! One user: why they hold what they hold, target by target, and everything that happened to it.

use maud::{Markup, html};

use super::parts::{segment, ticked, when};
use super::{Frame, parts, runs, shell};
use crate::planner::input::Presence;
use crate::report::{Explanation, OrderWhy, Outcome, Owner, TargetWhy, Wanted, messages};
use crate::store::AuditRow;
use crate::text::human;

/// What is known of one user.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// As they were asked for.
    pub asked: &'a str,
    /// What `why` says.
    pub why: &'a Explanation,
    /// What `history` says, newest first.
    pub history: &'a [AuditRow],
}

/// The chain order -> product -> line -> commit -> what a pass would do, for each target that concerns them.
pub fn person(frame: Frame<'_>, person: Person<'_>) -> String {
    let why = person.why;
    let name = why.user.as_ref().map_or(person.asked, |user| user.as_str());
    let (told, silent): (Vec<_>, Vec<_>) = why.targets.iter().partition(|target| target.concerns());
    let body = html! {
        section.lead {
            p.crumb { a href="/" { "State" } }
            h1 { code { (name) } }
            p.says {
                @for email in &why.emails { span.email { (email) } " " }
                @match (&why.user, why.account) {
                    (Some(_), Presence::Absent) => { (parts::tag("is-bad", "no such user in Logto")) },
                    (None, _) => { (parts::tag("is-held", "no account yet")) },
                    _ => {}
                }
            }
            @for one in &why.waiting { p.hint { (one.reason) ": " (ticked(&one.lift)) } }
            @if let Some(freeze) = &why.freeze { p.hint { "Frozen: " (messages::frozen(freeze)) } }
        }
        section #why data-live aria-labelledby="why-title" {
            h2 #why-title { "Why" }
            @for target in &told { (one(frame, target, why)) }
            @if told.is_empty() { p.none { "No order speaks of them, and they hold no managed target." } }
            @for idle in &why.idle {
                p.aside {
                    "Order " (idle.order) " of " (idle.source) " is for " (idle.product) ", which gives nothing."
                }
            }
            @if !silent.is_empty() {
                p.aside { (human::count(silent.len() as u64, "other target")) ": not held, and given by no order." }
            }
        }
        section #history data-live aria-labelledby="history-title" {
            h2 #history-title { "History" }
            (runs::trail(person.history, frame.now))
        }
    };
    shell(frame, name, &body)
}

fn one(frame: Frame<'_>, target: &TargetWhy, why: &Explanation) -> Markup {
    html! {
        article.chain {
            h3 { (parts::target(&target.target, &target.target_key)) " " (holding(target)) }
            @for order in &target.orders { (link(order, &why.config.short())) }
            @if target.orders.is_empty() { p.none { "No order pays for it." } }
            (ours(frame, target))
            (outcome(&target.outcome))
        }
    }
}

fn holding(target: &TargetWhy) -> Markup {
    let (kind, word) = match target.held {
        Presence::Held => ("is-good", "held"),
        Presence::Absent => ("is-quiet", "not held"),
        Presence::Unknown => ("is-bad", "nobody can say"),
    };
    let whose = match target.owner {
        Owner::Granted => Some("granted by us"),
        Owner::Adopted => Some("adopted"),
        Owner::Released => Some("released"),
        Owner::Foreign => Some("foreign"),
        Owner::Nobody => None,
    };
    html! { (parts::tag(kind, word)) @if let Some(whose) = whose { " " (parts::tag("is-quiet", whose)) } }
}

fn link(order: &OrderWhy, config: &str) -> Markup {
    let kind = match order.says {
        Wanted::Entitled => "says-yes",
        Wanted::Grace | Wanted::Undecided => "says-wait",
        Wanted::Ended | Wanted::Nothing => "says-no",
    };
    html! {
        ol.links.(kind) {
            li {
                span.what { "order" } code { (order.order) }
                span.aside {
                    (order.standing) " in " (order.source)
                    @if let Some(at) = order.paid_at { ", paid on " (human::day(at.as_second())) }
                }
            }
            li { span.what { "product" } strong { (order.product_name) } span.aside { (order.product) } }
            li { span.what { "line" } code { (order.line) } span.aside { "of " (config) } }
            li.verdict { span.what { "says" } strong { (order.sentence) } }
        }
    }
}

fn ours(frame: Frame<'_>, target: &TargetWhy) -> Markup {
    html! {
        @if let Some(ours) = &target.ours {
            p.reason {
                "In the ledger since " (human::datetime(ours.since)) " (" (when(ours.since, frame.now)) "), run "
                a href={ "/runs/" (segment(&ours.run)) } { (ours.run) }
                ", for order " (ours.order) " of " (ours.source) "."
                @if ours.undone > 0 {
                    " Taken away by somebody else " (human::count(u64::from(ours.undone), "time")) "."
                }
            }
        }
    }
}

fn outcome(outcome: &Outcome) -> Markup {
    html! {
        p.outcome {
            span.arrow aria-hidden="true" { "→" } " "
            @match outcome {
                Outcome::Does(change) => {
                    "A pass would " strong { (change.action) } " it: " (ticked(&change.because))
                }
                Outcome::Holds(held) => {
                    "A pass would " strong { (held.change.action) } " it, and this is held: " (ticked(&held.reason))
                }
                Outcome::Forgets { sentence } | Outcome::Rests { sentence } => { (ticked(sentence)) }
            }
        }
        @if let Outcome::Holds(held) = outcome { p.hint { (ticked(&held.lift)) } }
    }
}
