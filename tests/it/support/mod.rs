//! What several test modules share.

pub(crate) mod builders;
pub(crate) mod fuzz;
pub(crate) mod gate;
pub(crate) mod golden;
pub(crate) mod home;
pub(crate) mod nobody;
pub(crate) mod oracle;
pub(crate) mod preset;
pub(crate) mod program;
pub(crate) mod replay;
pub(crate) mod stage;
pub(crate) mod strange;
pub(crate) mod till;
