//! `entitled approve`: lets one held set through, once.
//!
//! Flow: finds the held set with the digest among what the last passes wrote down, so that it asks nobody and needs
//! no valid file; where it is not there, looks as `plan` does, on a copy of the store. Shows the set and writes the
//! approval down in the store itself. The next pass, of a daemon or of `run --once`, uses it up.
//!
//! Exit codes: 0 written down, 1 nothing with that digest is held.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::SignedDuration;

use super::undo;
use crate::cli::bootstrap::{Keep, open_with};
use crate::cli::heeded::heeded;
use crate::cli::standing::{at_hand, place, standing};
use crate::cli::{Context, Exit, Failure, lookup, print_wrapped};
use crate::clock;
use crate::model::RunId;
use crate::pass::snapshot::freeze_view;
use crate::pass::{approved, kept};
use crate::report::{HeldChange, messages};
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

/// Finds the set, shows it, writes the approval down. In one piece: the command from top to bottom.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let now = clock::now();
    let undoes = args.undo.as_deref().map(RunId::from);
    let kept = Store::for_reading(&place(context)).await?;
    let held = kept::held(&kept, undoes.as_ref()).await?;
    let given = kept.approvals_since(now - VALID).await?;
    kept.close().await;
    let found = match sets(&held).remove(args.digest.as_str()) {
        Some(_) if given.iter().any(|one| one.digest == args.digest && one.open > 0 && one.expires > now) => {
            Found::LetThrough
        }
        Some(set) => Found::Held(set.into_iter().cloned().collect()),
        None => look(context, &args, &held).await?,
    };
    let set = match found {
        Found::Held(set) => set,
        Found::LetThrough => {
            print_wrapped(&format!("`{}` is approved already; the next pass carries it out\n", clean(&args.digest)))?;
            return Ok(Exit::Done);
        }
    };
    let Some(first) = set.first() else { return Err(unknown(&args.digest, &held)) };

    let store = Store::open(&place(context)).await?;
    let approval = Approval {
        digest: args.digest.clone(),
        who: lookup::who(),
        created: now,
        expires: now + VALID,
        note: args.note,
        undoes,
    };
    approved::approve(&store, &approval, &set.iter().collect::<Vec<_>>()).await?;
    // A broken file hides where a daemon listens, and keeps nobody from letting anything through.
    if let Some(at_hand) = at_hand(context).await {
        heeded(context, &at_hand.config, store.path()).await;
    }
    let frozen = store.frozen(now).await?.map(freeze_view);
    store.close().await;

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
    if let Some(freeze) = frozen {
        let _ = writeln!(out, "Frozen: {}. An approval does not lift that.", messages::frozen(&freeze));
    }
    print_wrapped(&out)?;
    Ok(Exit::Done)
}

/// What a digest names.
enum Found {
    /// Changes that are held.
    Held(Vec<HeldChange>),
    /// Changes that somebody has let through, and that no pass has carried out yet.
    LetThrough,
}

/// Looks as `plan` does for a set that no pass has written down: it may have come up since.
async fn look(context: &Context, args: &Args, held: &[HeldChange]) -> Result<Found, Failure> {
    let looked = async {
        let opened = open_with(context, Keep::Scratch, standing(context).await?).await?;
        let now = clock::now();
        match &args.undo {
            Some(run) => undo::plan_pass(&opened, run, now).await.map(|back| back.planned),
            None => opened.plan_pass(now).await,
        }
    };
    let planned = match looked.await {
        Ok(planned) => planned,
        Err(failure) => {
            crate::logging::note!("{}", failure.render(context.notes));
            let hint =
                "no pass has recorded such a set; whether one has come up since is known once the above is fixed";
            return Err(
                Failure::plain(format!("no held set has the digest `{}`", args.digest), hint).with_body(listed(held))
            );
        }
    };
    if planned.approvals.iter().any(|action| action.digest == args.digest) {
        return Ok(Found::LetThrough);
    }
    let set = sets(&planned.view.held).remove(args.digest.as_str());
    let set = set.ok_or_else(|| unknown(&args.digest, &planned.view.held))?;
    Ok(Found::Held(set.into_iter().cloned().collect()))
}

/// What is held and can be let through, by digest.
fn sets(held: &[HeldChange]) -> BTreeMap<&str, Vec<&HeldChange>> {
    let mut sets: BTreeMap<&str, Vec<&HeldChange>> = BTreeMap::new();
    for held in held {
        if let Some(digest) = &held.set {
            sets.entry(digest).or_default().push(held);
        }
    }
    sets
}

/// Each set that can be let through, on a line.
fn listed(held: &[HeldChange]) -> String {
    let mut body = String::new();
    for (digest, set) in sets(held) {
        let mut targets: Vec<&str> = set.iter().map(|held| held.change.target.as_str()).collect();
        targets.sort_unstable();
        targets.dedup();
        let (verb, hold) = (&set[0].change.action, &set[0].hold);
        let _ = writeln!(body, "{digest}  {} {verb}  {}  {hold}", set.len(), targets.join(", "));
    }
    body
}

fn unknown(digest: &str, held: &[HeldChange]) -> Failure {
    let body = listed(held);
    let hint = if body.is_empty() {
        "nothing is held that could be let through: `entitled plan` shows what is"
    } else {
        "these are held now; a set that has changed has another digest, so look at it before it is let through"
    };
    Failure::plain(format!("no held set has the digest `{digest}`"), hint).with_body(body)
}
