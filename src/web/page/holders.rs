//! One target: who holds it, whose each grant is, and which order is behind it.

use maud::{Markup, html};

use super::parts::{number, when, who};
use super::{Frame, ROWS, parts, shell};
use crate::report::{Holder, Holders, Owner, messages};
use crate::text::human;

/// Everybody who holds a target.
pub fn holders(frame: Frame<'_>, all: &Holders) -> String {
    let of = |owner: Owner| all.holders.iter().filter(|one| one.owner == owner).count() as u64;
    let body = html! {
        section.lead {
            p.crumb { a href="/#targets" { "Targets" } }
            h1 { (all.target) }
            p.says {
                (human::count(all.holders.len() as u64, "holder")) ": " (number(of(Owner::Granted))) " granted, "
                (number(of(Owner::Adopted))) " adopted, " (number(of(Owner::Foreign))) " foreign"
                @if of(Owner::Released) > 0 { ", " (number(of(Owner::Released))) " released" }
                "."
            }
            p.aside { code { (all.target_key) } }
            @if !messages::is_known(&all.coverage) {
                p.hint { "This was not read completely (" (all.coverage) "): some may be missing here." }
            }
        }
        section #holders data-live aria-labelledby="holders-title" {
            h2 #holders-title { "Holders" }
            (list(frame, &all.holders))
            @if !all.missing.is_empty() {
                h2 { "Ours, and not held" }
                p.aside { "The next pass restores it." }
                (list(frame, &all.missing))
            }
        }
    };
    shell(frame, &all.target, &body)
}

fn list(frame: Frame<'_>, all: &[Holder]) -> Markup {
    html! {
        @if all.is_empty() { p.none { "Nobody." } }
        ul.changes {
            @for one in all.iter().take(ROWS) {
                li.change {
                    (parts::tag(kind(one.owner), owner(one.owner)))
                    div {
                        p.who { (who(one.user.as_str(), one.emails.first().map(String::as_str))) }
                        p.reason {
                            @match (&one.ours, &one.explained_by) {
                                (Some(ours), _) => {
                                    "order " (ours.order) " of " (ours.source) " for " (ours.product)
                                    @if ours.line > 0 { " · line " (ours.line) }
                                    " @" (messages::version(&ours.commit))
                                    " · " (when(ours.since, frame.now))
                                }
                                (None, Some(order)) => { "order " (order) " explains it: the next pass adopts it" }
                                (None, None) => {
                                    @match &one.paid_by {
                                        Some(order) => { "order " (order) " pays for it now, but it stays foreign" }
                                        None => "no order pays for it",
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        (parts::more(all.len(), "`entitled who-has TARGET` has them all"))
    }
}

fn owner(owner: Owner) -> &'static str {
    match owner {
        Owner::Granted => "granted",
        Owner::Adopted => "adopted",
        Owner::Released => "released",
        Owner::Foreign | Owner::Nobody => "foreign",
    }
}

fn kind(owner: Owner) -> &'static str {
    match owner {
        Owner::Granted | Owner::Adopted => "is-good",
        Owner::Released | Owner::Foreign | Owner::Nobody => "is-quiet",
    }
}
