//! The commands, one file each.

pub(crate) mod adopt;
pub(crate) mod apply;
pub(crate) mod approve;
pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod freeze;
pub(crate) mod history;
pub(crate) mod hooks;
pub(crate) mod init;
pub(crate) mod ledger;
pub(crate) mod plan;
pub(crate) mod preview;
pub(crate) mod release;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod schema;
pub(crate) mod source;
pub(crate) mod status;
pub(crate) mod undo;
pub(crate) mod who_has;
pub(crate) mod why;
