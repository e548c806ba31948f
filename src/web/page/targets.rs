//! The figures of each target and of each source.

use maud::{Markup, html};

use super::parts::{number, target, ticked, when_known};
use super::{Frame, ROWS, parts};
use crate::report::status::{About, Status};
use crate::report::{TargetView, messages};
use crate::text::human;

/// One line for each target.
pub(super) fn targets(status: &Status) -> Markup {
    html! {
        section #targets data-live aria-labelledby="targets-title" {
            h2 #targets-title { "Targets" }
            @if status.targets.is_empty() {
                p.none { "No target was looked at so far." }
            } @else {
                div.scroll tabindex="0" role="region" aria-labelledby="targets-title" {
                    table {
                        thead { tr {
                            th scope="col" { "Target" }
                            th.n scope="col" title="users who should hold it" { "desired" }
                            th.n scope="col" title="users who hold it" { "actual" }
                            th.n scope="col" title="held, not by us and not by any order" { "foreign" }
                            th.n scope="col" title="kept for a grace, an unknown standing, or `prune: never`" { "kept" }
                            th scope="col" { "read" }
                        } }
                        tbody { @for one in status.targets.iter().take(ROWS) { (row(one)) } }
                    }
                }
                (parts::more(status.targets.len(), "`/api/v1/status` has them all"))
            }
        }
    }
}

fn row(one: &TargetView) -> Markup {
    html! {
        tr {
            th scope="row" { (target(&one.name, &one.key)) }
            td.n { (number(one.desired)) }
            td.n { (number(one.actual)) }
            td.n.(zero(one.foreign)) {
                (number(one.foreign))
                @if one.foreign_paid > 0 {
                    " " span.aside title=(messages::PAID_FOREIGN) { "+" (number(one.foreign_paid)) " paid" }
                }
            }
            td.n.(zero(one.kept)) { (number(one.kept)) }
            td {
                @if messages::is_known(&one.coverage) { span.aside { (one.coverage) } }
                @else { (parts::tag("is-bad", &one.coverage)) }
            }
        }
    }
}

fn zero(n: u64) -> &'static str {
    if n == 0 { "is-zero" } else { "is-some" }
}

/// One line for each payment API.
pub(super) fn sources(frame: Frame<'_>) -> Markup {
    let status = frame.status;
    html! {
        section #sources data-live aria-labelledby="sources-title" {
            h2 #sources-title { "Sources" }
            @if status.sources.is_empty() {
                p.none { "No source was read so far." }
            } @else {
                div.scroll tabindex="0" role="region" aria-labelledby="sources-title" {
                    table {
                        thead { tr {
                            th scope="col" { "Source" }
                            th.n scope="col" { "orders" }
                            th scope="col" { "answered" }
                            th scope="col" { "asked next" }
                            th scope="col" { "last hint" }
                        } }
                        tbody {
                            @for one in &status.sources {
                                @let trouble = status.trouble(&About::Source(one.name.clone()));
                                tr {
                                    th scope="row" {
                                        (one.name)
                                        @if trouble.is_some() { " " (parts::tag("is-bad", "fails")) }
                                    }
                                    td.n { (number(one.orders)) }
                                    td { (when_known(one.last_success, frame.now)) }
                                    td { (when_known(one.next_poll, frame.now)) }
                                    td { (when_known(one.last_hint, frame.now)) }
                                }
                                @if one.odd > 0 {
                                    tr.under { td colspan="5" {
                                        (human::count(one.odd, "odd row"))
                                        @if !one.odd_orders.is_empty() {
                                            ul { @for odd in &one.odd_orders { li { (ticked(odd)) } } }
                                        }
                                    } }
                                }
                                @if let (Some(_), Some(error)) = (trouble, &one.last_error) {
                                    tr.under { td colspan="5" { (ticked(error)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
