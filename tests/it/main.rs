//! One integration binary. The modules stand in reading order: what follows from orders, what is done
//! about it in every small world, and in random ones; then each edge over real HTTP and real files; then
//! the whole.

#![expect(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]
#![expect(clippy::disallowed_methods, reason = "tests write the files that they read, and look at the clock")]

mod support;

mod aftermath;
mod facts;
mod promises;
mod worlds;

mod desired;
mod limits;
mod nouns;

mod exhaustive;
mod pairs;
mod plan;
mod properties;

mod config;
mod logto;
mod sandbox;
mod source;
mod store;

mod tidy;

// The whole.
mod browser;
mod cases;
mod commands;
mod daemon;
mod histories;
mod kill;
mod page;
mod pass;
mod web;
