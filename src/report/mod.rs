//! Plan -> text, diff, JSON, Markdown: everything that a person or another program reads.
//!
//! Pure: strings in, strings out. Every list comes in a fixed order, so the same plan gives the same bytes.
//! The sentences themselves are all in [`messages`]. Text from outside is made safe where it enters a [`PlanDocument`],
//! so that no form of it has to think of that.

pub mod checkup;
mod diff;
mod dropped;
mod explanation;
pub mod first_file;
mod holders;
mod markdown;
pub mod messages;
mod naming;
mod notice;
mod origin;
mod plan;
pub mod preview;
pub mod run;
mod settling;
pub mod status;
mod text;

pub use diff::diff;
pub use dropped::Dropped;
pub use explanation::{Explanation, Facts, Idle, Mine, OrderWhy, Outcome, Owner, Paid, TargetWhy, Wanted, explain};
pub use holders::{Holder, Holders, holders_text};
pub use markdown::markdown;
pub use naming::{Names, view};
pub use notice::{News, Notice};
pub use origin::Origin;
pub use plan::{Block, Change, FreezeView, HeldChange, OrderName, PlanDocument, Summary, TargetView, Waiting};
pub use settling::Settling;
pub use text::checkup::{checkup, checkup_json};
pub use text::explanation::why_text;
pub use text::plan::text;
pub use text::preview::{preview, preview_annotations, preview_markdown};
pub use text::run::report;
pub use text::status::status;
pub use text::table::table;

/// A [`PlanDocument`], an [`Explanation`] or another document of this module as JSON: one key per line, ending in a
/// line feed.
pub fn json(document: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).expect("it holds strings, numbers and lists only");
    text.push('\n');
    text
}
