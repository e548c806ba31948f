//! One integration binary, in the order of the folders of `src`: what follows from orders and what is done about it,
//! in every small world and in random ones; then each edge over real HTTP and real files; then the whole.

#![expect(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]
#![expect(clippy::disallowed_methods, reason = "tests write the files that they read, and look at the clock")]

mod support;

mod model;

mod planner;

mod config;

mod store;

mod logto;

mod source;

mod pass;

mod daemon;

mod sandbox;

mod web;

mod cli;

// The whole.
mod cases;
mod crash;
mod fuzzed;
mod histories;
mod promises;

// The repository.
mod circles;
mod layers;
mod tidy;
