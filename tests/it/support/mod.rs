//! What several test modules share.

pub(crate) mod binary;
pub(crate) mod gate;
pub(crate) mod golden;
pub(crate) mod preset;
pub(crate) mod program;
pub(crate) mod replay;
pub(crate) mod stage;
