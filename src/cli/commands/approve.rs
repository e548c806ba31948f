//! `entitled approve`: lets one held set through, once.
//!
//! Flow: looks as `plan` does, on a copy of the store; finds the held set with the digest; shows it; writes
//! the approval down in the store itself. The next pass, of a daemon or of `run --once`, uses it up.
//!
//! Exit codes: 0 written down, 1 nothing with that digest is held, or the look failed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::SignedDuration;

use super::undo;
use crate::cli::bootstrap::{Keep, open_with, standing};
use crate::cli::heeded::heeded;
use crate::cli::{Context, Exit, Failure, lookup, print};
use crate::clock;
use crate::model::RunId;
use crate::pass::approved;
use crate::report::{HeldChange, PlanDocument, messages};
use crate::store::{Approval, Store};
use crate::text::{clean, human};

/// `entitled approve`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Names the held set, as `plan` shows it.
    #[arg(value_name = "DIGEST")]
    digest: String,
    /// The set is one that `undo` of this run holds; the next undo of it uses the approval up.
    #[arg(long, value_name = "RUN")]
    undo: Option<String>,
    /// Why, for the audit trail.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// How long an approval waits for a pass.
const VALID: SignedDuration = SignedDuration::from_hours(24);

/// Looks, shows the set, writes the approval down.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let opened = open_with(context, Keep::Scratch, standing(context).await?).await?;
    let now = clock::now();
    let planned = match &args.undo {
        Some(run) => undo::plan_pass(&opened, run, now).await?.planned,
        None => opened.plan_pass(now).await?,
    };
    if planned.approvals.iter().any(|action| action.digest == args.digest) {
        print(&format!("`{}` is let through already; the next pass carries it out\n", clean(&args.digest)))?;
        return Ok(Exit::Done);
    }
    let set: Vec<&HeldChange> = sets(&planned.view).remove(args.digest.as_str()).unwrap_or_default();
    let Some(first) = set.first() else { return Err(unknown(&args.digest, &planned.view)) };

    let store = Store::open(&opened.active.config.store).await?;
    let approval = Approval {
        digest: args.digest.clone(),
        who: lookup::who(),
        created: now,
        expires: now + VALID,
        note: args.note,
        undoes: args.undo.as_deref().map(RunId::from),
    };
    approved::approve(&store, &approval, &set).await?;
    store.close().await;
    heeded(context, &opened.active.config, &opened.active.config.store).await;

    let mut out = String::new();
    for held in &set {
        let change = &held.change;
        let who =
            change.email.as_ref().map_or_else(|| change.user.to_string(), |email| format!("{} {email}", change.user));
        let _ = writeln!(out, "  {}  {}", messages::describe(change, &who), change.because);
    }
    let _ = writeln!(out, "Held until now: {}.", first.reason);
    let _ = writeln!(
        out,
        "Approved by {}: {}, once, by the next {} before {}.",
        clean(&approval.who),
        human::count(set.len() as u64, "change"),
        if args.undo.is_some() { "undo of that run" } else { "pass" },
        human::datetime(approval.expires)
    );
    print(&out)?;
    Ok(Exit::Done)
}

/// What is held and can be let through, by digest.
fn sets(view: &PlanDocument) -> BTreeMap<&str, Vec<&HeldChange>> {
    let mut sets: BTreeMap<&str, Vec<&HeldChange>> = BTreeMap::new();
    for held in &view.held {
        if let Some(digest) = &held.set {
            sets.entry(digest).or_default().push(held);
        }
    }
    sets
}

fn unknown(digest: &str, view: &PlanDocument) -> Failure {
    let mut body = String::new();
    for (digest, set) in sets(view) {
        let mut targets: Vec<&str> = set.iter().map(|held| held.change.target.as_str()).collect();
        targets.sort_unstable();
        targets.dedup();
        let (verb, hold) = (&set[0].change.action, &set[0].hold);
        let _ = writeln!(body, "{digest}  {} {verb}  {}  {hold}", set.len(), targets.join(", "));
    }
    let hint = if body.is_empty() {
        "nothing is held that could be let through: `entitled plan` shows what is"
    } else {
        "these are held now; a set that has changed has another digest, so look at it before it is let through"
    };
    Failure::plain(format!("no held set has the digest `{digest}`"), hint).with_body(body)
}
