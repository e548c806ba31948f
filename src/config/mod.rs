//! `entitlements.yaml`: read, resolved, checked.

pub mod settings;
pub mod source;
