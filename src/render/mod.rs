//! Plan -> text, diff, JSON, Markdown: everything that a person or another program reads.
//!
//! Pure: strings in, strings out. Every list comes in a fixed order, so the same plan gives the same bytes.
//! The sentences themselves are all in [`words`]. Text from outside is made safe where it enters a [`View`],
//! so that no form of it has to think of that.

mod checkup;
mod diff;
mod holders;
mod markdown;
mod notice;
mod report;
mod status;
mod table;
mod text;
mod view;
mod why;
pub mod words;

pub use checkup::{checkup, checkup_json};
pub use diff::diff;
pub use holders::{Holder, Holders, holders_text};
pub use markdown::markdown;
pub use notice::Notice;
pub use report::report;
pub use status::status;
pub use table::table;
pub use text::text;
pub use view::{
    Block, Change, FreezeView, HeldChange, Names, OrderName, Origin, Summary, TargetView, View, Waiting, view,
};
pub use why::{Explanation, Facts, Idle, Mine, OrderWhy, Outcome, Owner, Paid, TargetWhy, Wanted, explain, why_text};

/// A [`View`], an [`Explanation`] or another document of this module as JSON: one key per line, ending in a
/// line feed.
pub fn json(document: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).expect("it holds strings, numbers and lists only");
    text.push('\n');
    text
}
