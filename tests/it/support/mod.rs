//! What several test modules share.

pub(crate) mod preset;
pub(crate) mod replay;
