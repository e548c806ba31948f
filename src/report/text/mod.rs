//! The documents as text for people.

pub(super) mod checkup;
pub(super) mod explanation;
pub(super) mod plan;
pub(super) mod preview;
pub(super) mod run;
pub(super) mod status;
pub(super) mod table;
