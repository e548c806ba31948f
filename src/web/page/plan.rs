//! A plan: what is done, what is held and what would lift that, who waits; each with its reason.

use maud::{Markup, html};

use super::parts::{clock, form, more, number, target, ticked, when, who};
use super::{Frame, Hand, ROWS, parts};
use crate::report::status::{Mode, Planned};
use crate::report::{Change, HeldChange, Waiting, messages};
use crate::text::human;

/// What waits for a person: by the set that one approval lets through, or by what else would lift it.
pub(super) fn held(frame: Frame<'_>) -> Markup {
    let mut all: Vec<&HeldChange> = frame.status.held.iter().collect();
    all.sort_by_key(|one| alike(one));
    let buyers: Vec<&Waiting> =
        newest(frame).into_iter().flat_map(|planned| &planned.view.waiting).filter(|one| one.is_held()).collect();
    let number_held = all.len() + buyers.len();
    html! {
        section #held data-live aria-label="Held" hidden[number_held == 0] {
            @if number_held > 0 {
                h2 { "Held " span.count { (number(number_held as u64)) } }
            }
            @for set in all.chunk_by(|a, b| alike(a) == alike(b)).take(SETS) { (held_set(frame, set)) }
            @if !buyers.is_empty() { (people(&buyers)) }
        }
    }
}

/// What is held for one and the same reason, and what one approval lets through, stands together.
fn alike(one: &HeldChange) -> (&Option<String>, &str, &str, &str) {
    (&one.set, &one.hold, &one.reason, &one.lift)
}

/// So many held sets are shown; nobody reads more.
const SETS: usize = 50;

/// So many of a held set are shown at once; the rest is one press away.
const FIRST: usize = 5;

fn held_set(frame: Frame<'_>, set: &[&HeldChange]) -> Markup {
    let first = set[0];
    let what = format!("{} to {}", human::count(set.len() as u64, "change"), first.change.action);
    let rows = |some: &[&HeldChange]| html! { ul.changes { @for one in some { (line(&one.change, Shows::Target)) } } };
    html! {
        article.card.is-held {
            header.card-head { (parts::tag("is-held", &first.hold)) span.aside { (what) } }
            p.strong { (ticked(&sentence(&first.reason))) }
            (rows(&set[..set.len().min(FIRST)]))
            @if set.len() > FIRST {
                details {
                    summary { "and " (number((set.len() - FIRST) as u64)) " more" }
                    (rows(&set[FIRST..set.len().min(ROWS)]))
                    (more(set.len(), "`entitled plan --output json`"))
                }
            }
            p.hint { (ticked(&sentence(&first.lift))) }
            @if let Some(digest) = first.set.as_ref().filter(|_| frame.status.mode == Mode::Live) {
                div.approve {
                    (form(frame.hand, "/actions/approve", "line", &html! {
                        input type="hidden" name="digest" value=(digest);
                        label.wide {
                            span { "Note" }
                            input name="note" maxlength="200" placeholder="why, for the audit trail";
                        }
                        button.primary id={ "approve-" (digest) } {
                            "Approve " (human::count(set.len() as u64, "change"))
                        }
                    }))
                    @if frame.hand == Hand::Reads { p.aside { a href="/sign-in" { "Sign in" } " to approve it here." } }
                }
            }
        }
    }
}

/// The last plan, full or quick, whichever is newer.
fn newest(frame: Frame<'_>) -> Option<&Planned> {
    let status = frame.status;
    [status.plan.as_deref(), status.quick_plan.as_deref()].into_iter().flatten().max_by_key(|planned| planned.at)
}

/// The last plans with their reasons.
pub(super) fn changes(frame: Frame<'_>) -> Markup {
    let status = frame.status;
    let mut plans: Vec<(&str, &Planned)> = Vec::new();
    plans.extend(status.plan.as_deref().map(|planned| ("full pass", planned)));
    plans.extend(status.quick_plan.as_deref().map(|planned| ("quick pass", planned)));
    plans.sort_by_key(|(_, planned)| std::cmp::Reverse(planned.at));
    html! {
        section #plan data-live aria-labelledby="plan-title" {
            h2 #plan-title { "Plan" }
            @if plans.is_empty() { p.none { "Nothing has been planned yet." } }
            @for (at, (kind, planned)) in plans.into_iter().enumerate() {
                @if at == 0 { div.plan { (one(frame, kind, planned)) } }
                @else {
                    details.plan {
                        summary { "The last " (kind) ", " (when(planned.at, frame.now)) }
                        (one(frame, kind, planned))
                    }
                }
            }
        }
    }
}

fn one(frame: Frame<'_>, kind: &str, planned: &Planned) -> Markup {
    let view = &planned.view;
    let mut all: Vec<&Change> = view.changes.iter().chain(&view.adoptions).chain(&view.releases).collect();
    let verb = |change: &Change| ["grant", "adopt", "revoke"].iter().position(|verb| *verb == change.action);
    all.sort_by_cached_key(|change| (change.target.clone(), change.target_key.clone(), verb(change)));
    let number_all = all.len();
    all.truncate(ROWS);
    html! {
        p.plan-head {
            "Of the last " (kind) " at " (clock(planned.at)) ", " (when(planned.at, frame.now)) ". "
            (messages::headline(view))
            @match frame.status.mode {
                Mode::DryRun if !view.in_sync() => " Nothing of it is carried out.",
                Mode::Live if !view.in_sync() && frame.status.figures.pending == 0 => " Carried out.",
                _ => {}
            }
        }
        @for of_target in all.chunk_by(|a, b| a.target_key == b.target_key) {
            h3 { (target(&of_target[0].target, &of_target[0].target_key)) }
            ul.changes { @for change in of_target { (line(change, Shows::Person)) } }
        }
        (more(number_all, "`entitled plan --output json` has them all"))
    }
}

/// Whether the target stands above a list or in each line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    Person,
    Target,
}

fn line(change: &Change, shows: Shows) -> Markup {
    html! {
        li.change {
            (sign(&change.action))
            div {
                p.who {
                    (who(change.user.as_str(), change.email.as_deref()))
                    @if shows == Shows::Target { " " span.at { (target(&change.target, &change.target_key)) } }
                }
                p.reason { (ticked(&change.because)) }
            }
        }
    }
}

/// `+`, `−` or `=`, and the word for those who do not see it.
fn sign(action: &str) -> Markup {
    let (sign, class) = match action {
        "grant" => ("+", "is-grant"),
        "revoke" => ("−", "is-revoke"),
        _ => ("=", "is-adopt"),
    };
    html! {
        span class={ "sign " (class) } title=(action) {
            span aria-hidden="true" { (sign) }
            span.unseen { (action) " " }
        }
    }
}

/// Buyers who cannot be given anything yet.
pub(super) fn waiting(frame: Frame<'_>) -> Markup {
    // A quick pass speaks of its own buyers only.
    let full = frame.status.plan.as_deref();
    let buyers: Vec<&Waiting> =
        full.into_iter().flat_map(|planned| &planned.view.waiting).filter(|one| !one.is_held()).collect();
    html! {
        section #waiting data-live aria-label="Waiting buyers" hidden[buyers.is_empty()] {
            @if !buyers.is_empty() {
                h2 { "Waiting " span.count { (number(buyers.len() as u64)) } }
                (people(&buyers))
            }
        }
    }
}

fn people(buyers: &[&Waiting]) -> Markup {
    html! {
        ul.changes {
            @for one in buyers.iter().take(ROWS) {
                li.change {
                    span.sign.is-waiting title="waiting" { span aria-hidden="true" { "?" } }
                    div {
                        p.who {
                            span.user { (one.buyer) }
                            " " span.at {
                                "order " (one.order)
                                @if one.orders > 1 { " and " (one.orders - 1) " more" }
                            }
                        }
                        p.reason { (one.reason) ": " (ticked(&one.lift)) }
                    }
                }
            }
        }
        (more(buyers.len(), "`entitled plan --output json` has them all"))
    }
}

/// The message as a sentence of its own.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return String::new() };
    let first: String = if text.starts_with('`') { first.into() } else { first.to_uppercase().collect() };
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}
