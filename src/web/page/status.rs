//! How it stands: the state, what does not work, and what a person may do about all of it.

use maud::{Markup, PreEscaped, html};

use super::parts::{clock, form, number, ticked, when};
use super::{Frame, Hand, parts};
use crate::model::State;
use crate::report::status::{About, Duty, Mode, Status, Trouble};
use crate::text::human;

/// The state in one word, since when, what it means, and the figures it follows from.
pub(super) fn state(frame: Frame<'_>) -> Markup {
    let status = frame.status;
    let (class, word) = (class(status.state), status.state.word());
    html! {
        section #state.state.(class) data-live data-state=(word) aria-labelledby="state-word" {
            div.state-head {
                (glyph(status.state))
                div {
                    h1 #state-word { (word) }
                    p.since { "since " (clock(status.since)) ", " (when(status.since, frame.now)) }
                }
            }
            p.says { (ticked(&says(status))) }
            (figures(status))
            p.rhythm {
                @match status.last_full_pass {
                    Some(at) => { "Everything was checked " (when(at, frame.now)) }
                    None => "Nothing has been checked yet",
                }
                @if let Some(at) = status.next_full_pass { "; again " (when(at, frame.now)) }
                "."
                @if let Some(at) = status.next_change { " The next entitlement ends " (when(at, frame.now)) "." }
            }
        }
    }
}

fn class(state: State) -> &'static str {
    match state {
        State::InSync => "is-insync",
        State::Pending => "is-pending",
        State::Held => "is-held",
        State::Degraded => "is-degraded",
    }
}

/// What the word means, here and now.
fn says(status: &Status) -> String {
    match (&status.duty, status.state) {
        (Duty::Standby { holder }, _) => {
            format!("Another daemon writes ({holder}); this one takes over when that ends.")
        }
        (Duty::Stopping, _) => "Told to stop: the changes in flight are being finished.".to_owned(),
        (_, State::InSync) => "Logto holds what was paid for.".to_owned(),
        (Duty::Starting, State::Pending) => "Starting: nothing has been checked yet.".to_owned(),
        (_, State::Pending) if status.plan.is_none() => "Nothing has been checked yet.".to_owned(),
        (_, State::Pending) => {
            let changes = human::count(status.figures.pending, "change");
            let rest =
                if status.mode == Mode::DryRun { "nobody makes them: this is a dry run" } else { "not made yet" };
            format!("{changes} planned, {rest}.")
        }
        (_, State::Held) => {
            let changes = human::count(status.figures.held, "change");
            let wait = if status.figures.held == 1 { "waits" } else { "wait" };
            format!("Everything works, and {changes} {wait} for a person.")
        }
        (_, State::Degraded) => "Something does not work. Nothing is taken away for lack of an answer.".to_owned(),
    }
}

/// A sign of its own for each state, so that colour is never all that tells.
fn glyph(state: State) -> Markup {
    let shape = match state {
        State::InSync => r#"<circle cx="24" cy="24" r="20"/><path d="M15 25l6 6 12-14"/>"#,
        State::Pending => r#"<circle cx="24" cy="24" r="20"/><path d="M24 13v11l7 5"/>"#,
        State::Held => r#"<circle cx="24" cy="24" r="20"/><path d="M19 16v16M29 16v16"/>"#,
        State::Degraded => r#"<path d="M24 5L45 42H3z"/><path d="M24 19v10M24 35v.5"/>"#,
    };
    html! {
        svg.glyph viewBox="0 0 48 48" width="48" height="48" aria-hidden="true" focusable="false" {
            (PreEscaped(shape))
        }
    }
}

fn figures(status: &Status) -> Markup {
    let sum = |of: fn(&crate::report::TargetView) -> u64| status.targets.iter().map(of).sum::<u64>();
    let figures = &status.figures;
    let all = [
        ("desired", "what was paid for", sum(|target| target.desired)),
        ("actual", "what Logto holds", sum(|target| target.actual)),
        ("pending", "planned and not made", figures.pending),
        ("held", "waits for a person", figures.held),
        ("waiting", "buyers without an account", figures.waiting),
        ("foreign", "neither ours nor bought", figures.foreign),
        ("unknown", "purchases of unknown standing", figures.unknown),
    ];
    html! {
        dl.figures {
            @for (word, meaning, n) in all {
                div class={ "figure figure-" (word) @if n == 0 { " is-zero" } } title=(meaning) {
                    dt { (word) }
                    dd data-figure=(word) { (number(n)) }
                }
            }
        }
    }
}

/// What somebody has stopped, whatever the state.
pub(super) fn freeze(frame: Frame<'_>) -> Markup {
    let said = frame.status.freeze.as_ref().map(|freeze| {
        let what = if freeze.scope == "all" { "Nothing is written to Logto" } else { "Nothing is taken away" };
        let (until, who, reason) = (human::datetime(freeze.until), &freeze.who, &freeze.reason);
        format!("{what} until {until}, says {who}: {reason}")
    });
    html! {
        section #freeze data-live aria-label="Freeze" hidden[said.is_none()] {
            @if let Some(said) = said { article.card.is-frozen {
                header.card-head { (parts::tag("is-frozen", "frozen")) }
                p.strong { (said) }
            } }
        }
    }
}

/// What the file says by now and a running daemon does not follow, whatever the state.
pub(super) fn unheeded(frame: Frame<'_>) -> Markup {
    let unheeded = &frame.status.unheeded;
    html! {
        section #unheeded data-live aria-label="Not followed" hidden[unheeded.is_empty()] {
            @for one in unheeded { article.card.is-frozen {
                header.card-head { (parts::tag("is-frozen", "not followed")) }
                p.strong { (ticked(&one.sentence)) }
            } }
        }
    }
}

/// What does not work, worst first.
pub(super) fn troubles(frame: Frame<'_>) -> Markup {
    let troubles = &frame.status.troubles;
    html! {
        section #troubles data-live aria-label="What does not work" hidden[troubles.is_empty()] {
            @if !troubles.is_empty() { h2 { "What does not work" } }
            @for trouble in troubles { (self::trouble(trouble, frame)) }
        }
    }
}

fn trouble(trouble: &Trouble, frame: Frame<'_>) -> Markup {
    let about = match &trouble.about {
        About::Source(name) => format!("source {name}"),
        About::Target(name) => name.clone(),
        about => about.word().to_owned(),
    };
    html! {
        article.card.is-bad {
            header.card-head {
                (parts::tag("is-bad", &about))
                span.aside { "since " (clock(trouble.since)) ", " (when(trouble.since, frame.now)) }
            }
            p.strong { (ticked(&trouble.message)) }
            @if !trouble.because.is_empty() {
                ol.because { @for cause in &trouble.because { li { (ticked(cause)) } } }
            }
            @if let Some(detail) = &trouble.detail {
                pre.detail tabindex="0" role="region" aria-label="Details" { (detail) }
            }
            @if let Some(hint) = trouble.hint.as_deref().filter(|hint| !hint.is_empty()) {
                p.hint { (ticked(hint)) }
            }
        }
    }
}

/// What a person may do at any time: ask for a pass, stop, go on.
pub(super) fn actions(frame: Frame<'_>) -> Markup {
    let pass = html! { button { "Check everything now" } };
    let unfreeze = html! { button.primary { "Unfreeze" } };
    let freeze = html! {
        label { span { "For" } input name="for" value="2h" required size="6" title="30m, 24h, 7d"; }
        label.wide { span { "Reason" } input name="reason" required maxlength="200"; }
        label.check { input type="checkbox" name="all" value="yes"; span { "every write, and not revocations alone" } }
        button { "Freeze" }
    };
    html! {
        section #actions aria-labelledby="actions-title" {
            h2 #actions-title { "Step in" }
            @match frame.hand {
                Hand::Reads => p { a href="/sign-in" { "Sign in" } " to approve, freeze or ask for a pass." },
                Hand::Writes { .. } => {
                    div.row { (form(frame.hand, "/actions/reconcile", "line", &pass)) }
                    @if frame.status.mode == Mode::Live { div #frozen data-live {
                        @if frame.status.freeze.is_some() {
                            (form(frame.hand, "/actions/unfreeze", "line", &unfreeze))
                        } @else {
                            (form(frame.hand, "/actions/freeze", "line", &freeze))
                        }
                    } }
                }
            }
        }
    }
}
