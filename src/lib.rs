//! `entitled` keeps what people may do in a [Logto](https://logto.io) tenant equal to what they paid for.
//!
//! The library is the program taken apart for its tests and benches: it is internal, and promises no stable API.
//!
//! # The flow
//! One way; the loop closes only through the outside world.
//! ```text
//! entitlements.yaml -> raw -> Config ---------------+
//! payment API -> orders -> store -------------------+-> desired() -> Desired --+
//! Logto -> users by id or email -> directory -------+                          +-> plan() -> Plan -> report
//! Logto -> holders of managed targets -> Actual ------------------------------+            |
//! ledger -> what is ours -----------------------------------------------------+            +-> apply() -> Logto
//! ```
//!
//! # The map, in reading order
//! A folder imports only what stands above it in this list. [`model`], [`planner`], [`text`] and [`report`] reach
//! nothing outside the process, and `now` is an argument there; `tests/it/layers.rs` holds both.
//!
//! | folder | what it is for |
//! | --- | --- |
//! | [`model`] | the nouns: ids, orders, standings, buyers, targets, grants, the catalog, what a policy allows. Pure |
//! | [`planner`] | the decisions: what follows from orders, the gap to what is held, the limits and every other reason to hold. Pure |
//! | [`secret`], [`clock`], [`shutdown`], [`files`] | what hides in every output, what the time is, the wish to end, files read without being held up |
//! | [`text`] | text from outside made safe, its width, colour. Pure |
//! | [`logging`] | log lines, for people and for machines |
//! | [`config`] | `entitlements.yaml`: read, resolved, checked, every problem at once; presets of payment APIs in `config/presets/*.yaml` |
//! | [`http`] | what every outgoing call shares: the client, its pace, the skew of clocks |
//! | [`store`] | the mirror of orders, the directory of buyers, the ledger, runs, the audit trail, the lease |
//! | [`logto`] | the Management API: a reader, and in `logto::write` the writer that a dry run never gets |
//! | [`source`] | payment APIs as data, Stripe, orders from a file |
//! | [`report`] | the documents (plan, run, status, explanation) and their text, diff, JSON, Markdown; `report::messages` has the sentences. Pure |
//! | [`pass`] | one pass: observe, plan, apply, record |
//! | [`daemon`] | the loop: what wakes it, what it publishes, who is told |
//! | [`doctor`] | looks at everything that a daemon needs, and says what is wrong |
//! | [`sandbox`] | a simulated Logto and a simulated shop over real HTTP |
//! | [`web`] | health, metrics, webhooks, the API and the page: all of it reads the status |
//! | [`cli`] | the commands, one file each |
//!
//! # Where is ...?
//! - A limit: the count in `planner::limits`, what is done about it in `planner::gates`.
//! - The way of a webhook to a grant: `web::hooks` verifies it, `daemon::trigger` wakes the loop, `daemon::hints` and
//!   `daemon::follow` have the order read again (`pass::ingest`), and the pass that follows grants (`pass::apply`).
//! - The only code that may give or take a grant in Logto: `pass::apply`, by the [`logto::Writer`]. Besides, `entitled
//!   hooks logto` sets up a webhook there.
//! - What wakes the loop: `daemon::sleep` waits for all of it at once: a time that `daemon::schedule` has found due, a
//!   hint of a webhook or the page (`daemon::trigger`), a word that somebody left in the store (`daemon::heard`), a
//!   changed file (`daemon::watch`), SIGHUP.
//! - What follows from an answer of Logto: `logto::transport` says which may be tried again (429, 5xx, no answer); a
//!   write that is refused, as by 404 or 422, is taken apart in `logto::write`; what could not be done is an outcome in
//!   the report, and the next pass meets it again.
//! - What is journaled, and when: [`store`] has the rule, `pass::apply` follows it, `store::intents` says what becomes
//!   of a write that nobody heard back of.
//! - Why one hold is said and not another: [`planner`] has their order, and `planner::gates` what each is there for.
//! - A time-out: of a call, `timeout` of `logto` and of each source in `config::settings`, put to use in `http::client`;
//!   of a whole read, `read_timeout`; of a request to the daemon, `web::guard`; of the lock of the store,
//!   `store::connect`; of reading a file, [`files`].
//! - The schema of the store: `store::schema` and `store/migrations/`.
//! - Who may see and do what on the page and in the API: `web::caller`, and `web::session` for browsers.
//! - A new payment API: one YAML file in `config/presets/`.
//! - A sentence that a user reads: `report::messages` and the rest of `report` for plans, runs and explanations;
//!   `model::odd` for what is wrong with an order; `config::check` and `config::diagnostic` for the file; `doctor` for a
//!   checkup; elsewhere beside its error, and in `hint()` what would mend it.
//!
//! # The invariants
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

pub mod model;

pub mod planner;

pub mod clock;
pub mod files;
pub mod secret;
pub mod shutdown;

pub mod text;

pub mod logging;

pub mod config;

pub mod http;

pub mod store;

pub mod logto;

pub mod source;

pub mod report;

pub mod pass;

pub mod daemon;

pub mod doctor;

pub mod sandbox;

pub mod web;

pub mod cli;
