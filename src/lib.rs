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
//! What happens when:
//! - From a webhook to a grant: `web::hooks` verifies it, `daemon::trigger` wakes the loop, `daemon::hints` and
//!   `daemon::follow` have the order read again (`pass::ingest`), and the quick pass that follows grants
//!   (`pass::apply`).
//! - From a refund to a revocation: `source::http` or `source::stripe` reads the order and maps what the API says to
//!   the standing `refunded`; `pass::ingest` has it stored (`store::import`, with what overlays say:
//!   `store::incoming`), and the daemon makes a quick pass about its buyer. `planner::desired` makes `Ended` of it
//!   (after the `grace` of the product), so the planner wants a revocation, and `planner::gates` holds it as
//!   `Unverified` with what is still to be asked. [`pass`] then asks for the order by its id (`pass::ingest`) and for
//!   the holder (`pass::observe`), and plans a second time. What passes now is carried out by `pass::execution` in
//!   batches: `pass::apply` journals the intent, `logto::write` calls, the holder is asked for once more, and
//!   `store::intents` closes the intent.
//! - What wakes the loop: `daemon::sleep` waits for all of it at once: a time that `daemon::schedule` has found due, a
//!   hint from a webhook or the page (`daemon::trigger`), a word that somebody left in the store (`daemon::heard`), a
//!   changed file (`daemon::watch`), SIGHUP.
//! - Whether a turn makes a quick or a full pass: `turn` in [`daemon`] decides, `daemon::schedule` says when a full one
//!   is due, and [`pass::PassScope`] is the difference. Whether a source is read in full: [`pass::ingest`].
//! - What is journaled, and when: [`store`] has the rule, `pass::apply` follows it, and `store::intents` closes what
//!   nobody knew the outcome of.
//! - What follows from an answer of Logto: `logto::transport` says which calls may be tried again (429, 5xx, no
//!   answer); a write that is refused, as by 404 or 422, is taken apart in `logto::write`; what could not be done is an
//!   outcome in the report, and the next pass meets it again.
//! - A freeze: `store::freezes` keeps it, `daemon::heard` notices it within a second, `pass::lookout` stops a plan that
//!   is being carried out before its next batch, and the planner holds what it forbids as `Frozen`. It ends by itself,
//!   and `daemon::schedule` has a full pass follow then.
//! - A file that breaks while the daemon runs: `daemon::reload` keeps the configuration in force. A daemon
//!   that starts on a broken file takes the last valid one from the store (`cli::standing`, `store::valid_file`). What
//!   a changed file cannot change while the daemon runs (`store`, `listen`, ...): `daemon::settled`.
//! - Two daemons on one store: `store::lease`; `cli::commands::run` has the one that stands by.
//!
//! What decides:
//! - A limit: the count in `planner::limits`, what is done about it in `planner::gates`.
//! - Why one hold is given as the reason and not another: [`planner`] has the one order of all of them. Holds that look
//!   at one change alone are made there (with `planner::safeguards`), those that look at all changes in
//!   `planner::gates` and `planner::intents`.
//! - Who may see and do what on the page and in the API: `web::caller`, and `web::session` for browsers.
//! - The only code that may give or take a grant in Logto: `pass::apply`, through the [`logto::Writer`]. The only other
//!   thing that is ever written there is the webhook that `entitled hooks logto` sets up (`logto::webhooks`).
//! - The preview of a version of the file: `config::proposal` reads it without believing it, `pass::preview` plans it
//!   beside the one in force, `pass::foreseen` does so from the store alone, `report::preview` is the document.
//! - A time-out:
//!   - a call to Logto, read or write alike: `timeout` of `logto` (30 s: `config::check::logto`)
//!   - a call to a payment API: `timeout` of the source (30 s); one read, all pages together: `read_timeout` (10 min;
//!     for Stripe 1 h); the defaults are in `config::check::http` and `config::check::stripe`. Reads that hints ask for
//!     are given up after 3 s, to be tried again in the next turn: `CUT` in `daemon::follow`
//!   - a notice: three tries of 10 s each: `TIMEOUT` and `send` in `daemon::notify`
//!   - a client of the daemon: `Patience` in `web::door` (10 s each for the head, the request and a stalled answer)
//!   - the end: what is in flight is waited for; the question whether revoked grants are gone for 3 s (`LAST_ANSWER` in
//!     `pass::lookout`), open connections for 2 s (`STOP_WITHIN` in `web::serve`)
//!   - the lock of SQLite: 5 s, `BUSY_TIMEOUT` in `store::connect`; reading a file: 10 s, `DEADLINE` in [`files`]
//!
//! Where a change goes:
//! - A preset: one YAML file of its name in `src/config/presets/`; `build.rs` lists the folder, so no Rust is written.
//!   Its test is `case.yaml` in a folder of its name under `tests/it/cases/presets/` (`tests/it/source/documented.rs`
//!   asks for it and says how), and `docs/sources.md` has a row for it.
//! - A key of the file: its name in `config::check::shapes`, its check and default in the part of `config::check` that
//!   reads its map, its value in `config::settings`, its description in `config::spec` (a test holds the two lists of
//!   keys together). `UPDATE_DOCS=1 cargo test --test it config::tables` writes it into the manual. One whose change
//!   can make a version less careful belongs in `model::safeguards`, too; a map at the top that is an operator's, in
//!   `OPERATORS` in `config::proposal`.
//! - A secret: the key among the `secretive` ones in `config::check::shapes`, the value a [`secret::Secret`]. Whatever
//!   a reference stands for is told to `secret::known`, which takes it out of all that is shown; one that a server
//!   issues is told by `secret::hide_issued`. `tests/it/tidy/secrets.rs` looks for leaks.
//! - A step of the schema: `store::schema` says how, the steps are in `src/store/migrations/`.
//! - A sentence that a user reads: `report::messages` and the rest of `report` for plans, runs and explanations;
//!   `model::odd` for what is wrong with an order; `config::check` and `config::diagnostic` for the file; `doctor` for
//!   a checkup; elsewhere beside its error, and in `hint()` what would mend it.
//!
//! # The tests
//! One binary, `tests/it/`, in the order of the folders above; `docs/testing.md` says what each layer shows.
//!
//! | folder | what is tested |
//! | --- | --- |
//! | `planner` | the decisions in every small world, and in random ones |
//! | `config`, `store`, `logto`, `source`, `sandbox` | each edge over real files and real HTTP |
//! | `pass` | whole passes, and how many calls they cost |
//! | `daemon` | the real loop: changed files, outages, hints, notices, displaced stores |
//! | `web`, `cli` | the page, the API and webhooks; the binary with its output and exit codes |
//! | `cases`, `histories` | folders in and plans out; random histories against a model |
//! | `tidy` | the repository itself: that the manual, comments and examples are true, and that no secret leaks |
//! | `support` | what the others share |
//!
//! Beside them stand single files: `promises.rs` has one test for each promise, `crash.rs` kills the binary at every
//! write, `fuzzed.rs` takes any bytes, `layers.rs` and `circles.rs` hold the map above.
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
//! `adopted`; all others are foreign. A **plan** has **actions** and, with a reason each, **holds**: changes that are
//! wanted and withheld. An **intent** is a write of ours whose outcome is not known yet.
//!
//! A **quick pass** asks Logto about the buyers of some orders, by id; it follows whatever brought those orders. A
//! **full pass** walks every target: on its schedule (`schedule.full_pass`, 10 minutes), when something ends by the
//! clock, and whenever a quick one would not do. A **full read** is another matter: it reads all orders of one payment
//! API and not only what changed since the last read (`full_read`, once a day), and leads to a quick pass like any
//! read. The **lease** is the right to write to a store; a daemon that waits for it is **standing by**.

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
