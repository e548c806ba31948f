//! The configuration in force, and what is wrong with the file where it is another by now.

use maud::{Markup, html};

use super::parts::{clock, number, ticked, when};
use super::{Frame, parts};
use crate::report::status::About;

/// The file, its commit, its digest; and its problems, each with its line.
pub(super) fn config(frame: Frame<'_>) -> Markup {
    let status = frame.status;
    let broken = status.trouble(&About::File);
    html! {
        section #configuration data-live aria-labelledby="configuration-title" {
            h2 #configuration-title { "Configuration" }
            @match &status.config {
                None => p.none { "No configuration is in force yet." },
                Some(config) => {
                    dl.facts {
                        dt { "in force" }
                        dd {
                            code { (config.origin.short()) }
                            " since " (clock(config.since)) ", " (when(config.since, frame.now))
                        }
                        @if let Some(commit) = &config.origin.commit { dt { "commit" } dd { code.long { (commit) } } }
                        dt { "digest" } dd { code.long { (config.origin.digest) } }
                        dt { "products" } dd { (number(config.products)) }
                        dt { "full pass" } dd { "every " (span(config.full_pass_seconds)) }
                    }
                    @if broken.is_none() { p.aside { "The file is valid, and it is the one in force." } }
                }
            }
            @if let Some(trouble) = broken {
                article.card.is-bad {
                    header.card-head {
                        (parts::tag("is-bad", "not in force"))
                        span.aside { "since " (clock(trouble.since)) }
                    }
                    p.strong { (ticked(&trouble.message)) }
                    @if let Some(detail) = &trouble.detail {
                        pre.detail tabindex="0" role="region" aria-label="Problems of the file" { (detail) }
                    } @else {
                        ol.because { @for cause in &trouble.because { li { (ticked(cause)) } } }
                    }
                }
            }
        }
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        s if s > 0 && s.is_multiple_of(3_600) => format!("{} h", s / 3_600),
        s if s > 0 && s.is_multiple_of(60) => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}
