//! The page as HTML: values in, text out.
//!
//! Pure. Everything shown comes from the values that the commands print too ([`Status`](crate::report::status::Status), [`PlanDocument`](crate::report::PlanDocument),
//! [`Explanation`](crate::report::Explanation), [`Holders`](crate::report::Holders)): nothing is decided here, and
//! `now` is an argument. The templates escape whatever they are given, so that a product may be called anything.
//!
//! Works without script: every button is a form, and a reload shows how things stand. `page.js` makes it live
//! by fetching the same page again when something changed. No style and no script stands in the page itself:
//! the policy it is served with forbids both.

pub(super) mod answer;
mod config;
mod frame;
mod holders;
pub(super) mod parts;
mod plan;
pub(crate) mod routes;
mod runs;
mod status;
mod targets;
mod user;

use maud::{DOCTYPE, Markup, html};

use crate::report::status::Mode;

pub use crate::web::sandbox::page::{Break, Order, Product, Sandbox};
pub use frame::{Frame, Hand, ROWS, Session};
pub use holders::holders;
pub use runs::run;
pub use user::{Person, person};

/// The style sheet.
pub const CSS: &str = include_str!("page.css");
/// The script. The page is whole without it.
pub const SCRIPT: &str = include_str!("page.js");
/// The icon.
pub const ICON: &str = include_str!("icon.svg");

/// The first page: the state, and everything it follows from.
pub fn overview(frame: Frame<'_>, sandbox: Option<&Sandbox>) -> String {
    let status = frame.status;
    let body = html! {
        (status::state(frame))
        (status::freeze(frame))
        (status::unheeded(frame))
        (status::troubles(frame))
        @if let Some(sandbox) = sandbox { (crate::web::sandbox::page::panel(frame, sandbox)) }
        (plan::held(frame))
        (plan::changes(frame))
        (plan::waiting(frame))
        (targets::targets(status))
        (targets::sources(frame))
        (runs::runs(frame))
        (config::config(frame))
        (status::actions(frame))
    };
    shell(frame, status.state.word(), &body)
}

/// What went wrong with a request, as a page.
pub fn refused(frame: Frame<'_>, title: &str, error: &str, hint: Option<&str>) -> String {
    let body = html! {
        section.lead {
            h1 { (title) }
            p.notice.is-bad role="alert" { (parts::ticked(error)) }
            @if let Some(hint) = hint { p.hint { (parts::ticked(hint)) } }
            p { a href="/" { "Back to the state" } }
        }
    };
    shell(frame, title, &body)
}

/// Where the token is asked for. `wrong`: what was typed was not it.
pub fn sign_in(wrong: bool) -> String {
    let body = html! {
        section.lead {
            h1 { "Sign in" }
            @if wrong { p.notice.is-bad role="alert" { "That is not the token." } }
            p { "The token is the value of " code { "ENTITLED_API_TOKEN" } " where the daemon runs." }
            form.stack method="post" action="/sign-in" {
                label for="token" { "Token" }
                input #token type="password" name="token" autocomplete="current-password" required autofocus;
                button.primary { "Sign in" }
            }
        }
    };
    document("Sign in", &html! {}, &body)
}

/// The page around a body.
fn shell(frame: Frame<'_>, title: &str, body: &Markup) -> String {
    let status = frame.status;
    let top = html! {
        nav aria-label="Sections" {
            a href="/#plan" { "Plan" }
            a href="/#targets" { "Targets" }
            a href="/#runs" { "Runs" }
            a href="/#configuration" { "Configuration" }
        }
        @match frame.hand {
            Hand::Reads => a.sign href="/sign-in" { "Sign in" },
            Hand::Writes { form, session: Session::SignedIn } => form method="post" action="/sign-out" {
                (parts::form_token(form))
                button.plain { "Sign out" }
            },
            Hand::Writes { session: Session::Open, .. } => {}
        }
    };
    let body = html! {
        @if status.mode == Mode::DryRun {
            p.banner { "Dry run: this shows what would be done, and writes nothing." }
        }
        div #notice aria-live="polite" {
            @if let Some(notice) = frame.notice { p.notice { (notice) } }
        }
        (body)
        noscript { p.aside { "This is how things stood at " (parts::clock(frame.now)) ". Reload to look again." } }
    };
    document(title, &top, &body)
}

fn document(title: &str, top: &Markup, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · entitled" }
                link rel="icon" type="image/svg+xml" href="/assets/icon.svg";
                link rel="stylesheet" href="/assets/page.css";
                script src="/assets/page.js" defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header.top {
                    a.brand href="/" { "entitled" }
                    (top)
                }
                main #main tabindex="-1" { (body) }
                p #live.unseen role="status" aria-live="polite" {}
                footer.foot {
                    span { "entitled " (env!("CARGO_PKG_VERSION")) }
                    a href="/api/v1/openapi.json" { "API" }
                    a href="/metrics" { "Metrics" }
                    a href="/readyz" { "Readiness" }
                    span #link.unseen { "live" }
                }
            }
        }
    };
    page.into_string()
}
