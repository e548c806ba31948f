//! One integration binary. The modules stand in reading order: what follows from orders, what is done
//! about it in every small world, and in random ones; then each edge over real HTTP and real files; then
//! the whole.

#![expect(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]
#![expect(clippy::disallowed_methods, reason = "tests write the files that they read, and look at the clock")]

mod aftermath;
mod browser;
mod cases;
mod commands;
mod config;
mod daemon;
mod desired;
mod exhaustive;
mod facts;
mod histories;
mod kill;
mod layers;
mod limits;
mod logto;
mod nouns;
mod page;
mod pairs;
mod pass;
mod plan;
mod promises;
mod properties;
mod sandbox;
mod source;
mod store;
mod support;
mod tidy;
mod web;
mod worlds;

// The whole.
