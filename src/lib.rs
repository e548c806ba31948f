//! `entitled` keeps what people may do in a [Logto](https://logto.io) tenant equal to what they paid for.
//!
//! # The flow
//! One way; the loop closes only through the outside world.
//! ```text
//! entitlements.yaml -> raw -> Config ---------------+
//! payment API -> orders -> store -------------------+-> desired() -> Desired --+
//! Logto -> users by id or email -> directory -------+                          +-> plan() -> Plan -> render
//! Logto -> holders of managed targets -> Actual ------------------------------+            |
//! ledger -> what is ours -----------------------------------------------------+            +-> apply() -> Report
//! ```
//!
//! # The map, in reading order
//! | module | what it is for |
//! | --- | --- |
//! | [`model`] | the nouns: ids, orders, standings, buyers, targets, grants |
//! | [`config`] | `entitlements.yaml`: read, resolved, checked, every problem at once |
//! | [`desired`] | orders + catalog + now -> every claim on every target. Pure |
//! | [`world`], [`roster`] | what the planner sees: who holds what, how well that is known, what is ours; users by rank. Pure |
//! | [`mod@plan`], [`limits`], [`approval`] | the gap, what may be done about it, why the rest is held, and how a held set is named. Pure |
//! | [`report`], [`checkup`] | what came of a plan, action by action; what a checkup found. Pure |
//! | [`render`] | plan and report as text, diff, JSON, Markdown; every sentence a user reads. Pure |
//! | [`terminal`] | text from outside made safe, and its width. Pure |
//! | [`logto`] | the Management API: a reader, and a writer that a dry run never gets |
//! | [`source`] | payment APIs as data, and orders from a file |
//! | [`store`] | the mirror of orders, the directory of buyers, the ledger, runs, the audit trail |
//! | [`intake`], [`directory`], [`observe`] | the three ways in: orders, buyers, holders |
//! | [`apply`] | the one way out: journal, call, journal |
//! | [`reconcile`], [`scene`] | one pass, top to bottom, and what it knows meanwhile |
//! | [`undo`], [`mod@why`], [`holders`], [`rebuild`] | a run taken back; one user and one target explained; the ledger made anew |
//! | [`in_force`], [`daemon`] | the configuration in force, and the loop |
//! | [`status`], [`meter`] | what the loop says of itself, pure, and what it counts |
//! | [`web`] | health, metrics, webhooks, the API and the page: all of it reads the status |
//! | [`doctor`] | looks at everything that a daemon needs, and says what is wrong |
//! | [`cli`] | the commands, one file each |
//! | [`sandbox`] | a simulated Logto and a simulated shop over real HTTP |
//! | [`http`], [`secret`], [`telemetry`], [`clock`], [`lease`] | what the edges share |
//!
//! # The invariants
//! - Dependencies point down the table's first half only: the pure modules never import an edge, and `now`
//!   is an argument. `.clippy.toml` makes that a lint, `tests/it/tidy.rs` a test.
//! - Observe, plan and apply are three things. The plan is a plain value; no choice is left for apply.
//! - A revocation needs positive evidence. Nothing that is missing is evidence.
//! - Whatever a person compares comes in a fixed order: the same input gives the same bytes.
//!
//! # The words
//! An **order** is one purchase with a buyer, items and a **standing**. The **catalog** maps products to
//! **entitlements**, which point at **targets** in Logto. One target in one user's hands is a **grant**;
//! **desired** are the grants that should exist with their **evidence**, **actual** those that do, and
//! **coverage** is how well that is known. The **ledger** remembers which grants are ours, `granted` or
//! `adopted`; all others are foreign. A **plan** holds **actions** and, with a reason each, **holds**.

pub mod apply;
pub mod approval;
pub mod checkup;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod desired;
pub mod directory;
pub mod doctor;
pub mod holders;
pub mod http;
pub mod in_force;
pub mod intake;
pub mod lease;
pub mod limits;
pub mod logto;
pub mod meter;
pub mod model;
pub mod notify;
pub mod observe;
pub mod plan;
pub mod rebuild;
pub mod reconcile;
pub mod render;
pub mod report;
pub mod roster;
pub mod sandbox;
pub mod scene;
pub mod secret;
pub mod service_manager;
pub mod source;
pub mod status;
pub mod store;
pub mod telemetry;
pub mod terminal;
pub mod undo;
pub mod web;
pub mod why;
pub mod world;
