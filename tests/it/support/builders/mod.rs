//! Values that tests are made of.

pub(crate) mod worlds;
