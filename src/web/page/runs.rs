//! The passes that are written down, and what one of them did.

use jiff::Timestamp;
use maud::{Markup, html};

use super::parts::{clock, number, segment, when};
use super::{Frame, ROWS, parts, shell};
use crate::report::messages;
use crate::report::status::RunStatus;
use crate::store::AuditRow;
use crate::text::{clean, human};

/// The last passes, newest first.
pub(super) fn runs(frame: Frame<'_>) -> Markup {
    let runs = &frame.status.runs;
    html! {
        section #runs data-live aria-labelledby="runs-title" {
            h2 #runs-title { "Runs" }
            @if runs.is_empty() {
                p.none { "No pass is recorded yet." }
            } @else {
                div.scroll tabindex="0" role="region" aria-labelledby="runs-title" {
                    table {
                        thead { tr {
                            th scope="col" { "Run" }
                            th scope="col" { "began" }
                            th scope="col" { "pass" }
                            th.n scope="col" { "done" }
                            th.n scope="col" { "held" }
                            th.n scope="col" { "failed" }
                            th.n scope="col" { "calls" }
                            th.n scope="col" { "took" }
                        } }
                        tbody { @for run in runs { (row(frame, run)) } }
                    }
                }
            }
        }
    }
}

fn row(frame: Frame<'_>, run: &RunStatus) -> Markup {
    let figure = |n: u64| html! { td.n.(if n == 0 { "is-zero" } else { "is-some" }) { (number(n)) } };
    html! {
        tr {
            th scope="row" { a href={ "/runs/" (segment(&run.id)) } { code { (run.id) } } }
            td { (when(run.started, frame.now)) }
            td {
                (run.kind.word())
                @match &run.end {
                    Some(end) if !end.succeeded => { " " (parts::tag("is-bad", "failed")) }
                    None => { " " (parts::tag("is-held", "not ended")) }
                    Some(_) => {}
                }
            }
            @match &run.end {
                Some(end) => {
                    (figure(end.done)) (figure(end.held)) (figure(end.failed))
                    td.n { (number(end.calls)) }
                    td.n { (took(end.elapsed_ms)) }
                }
                None => td.none colspan="5" { "runs, or was killed" },
            }
        }
    }
}

fn took(ms: u64) -> String {
    if ms < 10_000 { format!("{} ms", number(ms)) } else { format!("{} s", number(ms / 1_000)) }
}

/// What one pass did, oldest first. `run`: what is known of it beside that.
pub fn run(frame: Frame<'_>, id: &str, run: Option<&RunStatus>, rows: &[AuditRow]) -> String {
    let body = html! {
        section.lead {
            p.crumb { a href="/#runs" { "Runs" } }
            h1 { "Run " code { (clean(id)) } }
            @if let Some(run) = run {
                p.says {
                    "A " (run.kind.word()) " pass at " (human::datetime(run.started)) ", by "
                    code { (messages::version(&run.config)) } "."
                    @if let Some(end) = &run.end {
                        " " (human::count(end.done, "change")) " made, " (number(end.held)) " held, "
                        (number(end.failed)) " failed, with " (human::count(end.calls, "call")) " to Logto in " (took(end.elapsed_ms)) "."
                    }
                }
            }
        }
        section #audit aria-labelledby="audit-title" {
            h2 #audit-title { "What it did" }
            (trail(rows, frame.now))
            @if !rows.is_empty() {
                p.aside { "To take it back: " code { "entitled undo " (clean(id)) } ", within the limits." }
            }
        }
    };
    shell(frame, &format!("Run {}", clean(id)), &body)
}

/// Lines of the audit trail.
pub(super) fn trail(rows: &[AuditRow], now: Timestamp) -> Markup {
    html! {
        @if rows.is_empty() { p.none { "Nothing is recorded." } }
        ol.trail { @for row in rows.iter().take(ROWS) { (audit(row, now)) } }
        (parts::more(rows.len(), "`entitled history USER --output json`"))
    }
}

fn audit(row: &AuditRow, now: Timestamp) -> Markup {
    html! {
        li.event.(format!("is-{}", row.verb.word())) {
            div.event-time { (clock(row.at)) " " span.aside { (when(row.at, now)) } }
            div {
                p {
                    strong { (row.verb.word().replace('_', " ")) }
                    @if let Some(grant) = &row.grant {
                        " " a.target href=(parts::target_path(&grant.target.key())) { (clean(&row.about())) }
                        " of " (parts::who(&clean(grant.user.as_str()), None))
                    }
                    @if let Some(subject) = &row.subject { " " code { (clean(subject)) } }
                }
                p.reason {
                    @if let Some(order) = &row.order { "order " (clean(order.as_str())) " " }
                    @if let Some(source) = &row.source { "of " (clean(source.as_str())) " " }
                    @if let Some(product) = &row.product { "for " (clean(product.as_str())) " " }
                    @if let Some(line) = row.line.filter(|line| *line > 0) { "· line " (line) " " }
                    @if let Some(commit) = &row.commit { "@" (messages::version(commit)) " " }
                    @if let Some(note) = &row.note { "· " (clean(note)) }
                }
                p.aside {
                    @if let Some(run) = &row.run {
                        "run " a href={ "/runs/" (segment(run.as_str())) } { (clean(run.as_str())) }
                    }
                    @if let Some(who) = &row.who { "by " (clean(who)) }
                }
            }
        }
    }
}
