//! `entitled ledger`: care for the store.
//!
//! `verify` and `backup` ask neither Logto nor a payment API and work beside a running daemon. `rebuild` reads
//! the sources, looks at every target, shows what the ledger lacks, asks, and writes it down; it needs the
//! lease, and never writes to Logto.
//!
//! Exit codes: 0 done or nothing to do, 1 the store is damaged or something could not be read, 2 declined.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use human::count;

use super::apply;
use crate::cli::bootstrap::{Keep, open};
use crate::cli::standing::place;
use crate::cli::{Context, Exit, Failure, lookup, print};
use crate::model::Grant;
use crate::pass::PlannedPass;
use crate::pass::ingest::ReadScope;
use crate::pass::rebuild::Rebuild;
use crate::store::{Store, Verified};
use crate::text::{Color, clean, human};
use crate::{clock, report};

/// `entitled ledger`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    care: Care,
}

#[derive(Debug, Subcommand)]
enum Care {
    /// Check that the store is whole, and that every grant of ours has its line in the audit trail.
    Verify,
    /// Write into the ledger what orders explain and Logto holds. Takes nothing from anybody.
    Rebuild {
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Copy the store to a file, as it is at one moment. Overwrites nothing.
    Backup {
        /// The file to write.
        #[arg(value_name = "FILE")]
        to: PathBuf,
    },
}

/// Cares.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    match args.care {
        Care::Verify => verify(context).await,
        Care::Rebuild { yes } => rebuild(context, yes).await,
        Care::Backup { to } => backup(context, &to).await,
    }
}

async fn verify(context: &Context) -> Result<Exit, Failure> {
    let path = there(&place(context))?;
    let verified = Store::verify(&path).await?;
    print(&format!("{} is whole: {}.\n", path.display(), figures(&verified)))?;
    Ok(Exit::Done)
}

async fn backup(context: &Context, to: &Path) -> Result<Exit, Failure> {
    let path = there(&place(context))?;
    let store = Store::open(&path).await?;
    store.backup(to).await?;
    store.close().await;
    let verified = Store::verify(to).await?;
    print(&format!("{} is copied to {}: {}.\n", path.display(), to.display(), figures(&verified)))?;
    Ok(Exit::Done)
}

/// The path of a store, if there is one: looking at it must not make one.
fn there(path: &Path) -> Result<PathBuf, Failure> {
    if path.try_exists()? {
        return Ok(path.to_owned());
    }
    if let Some(vanished) = Store::vanished(path) {
        return Err(vanished.into());
    }
    Err(Failure::plain(
        format!("there is no store at `{}`", path.display()),
        "the first pass makes one: `entitled run --once`",
    ))
}

fn figures(verified: &Verified) -> String {
    let Verified { orders, buyers, ledger, audit, runs } = verified;
    [
        count(*orders, "order"),
        count(*buyers, "buyer"),
        format!("{} of ours", count(*ledger, "grant")),
        format!("{} in the audit trail", count(*audit, "line")),
        count(*runs, "run"),
    ]
    .join(", ")
}

async fn rebuild(context: &Context, yes: bool) -> Result<Exit, Failure> {
    let opened = open(context, Keep::Real).await?;
    let _lease = apply::take(&opened)?;
    let now = clock::now();
    // A ledger that was lost may have lost orders with it, behind a cursor that was not.
    if !opened.read(ReadScope::Everything, now).await?.is_empty() {
        // Half of the orders make no ledger.
        return Ok(opened.ended(context, Exit::Failed));
    }
    let planned = opened.plan_pass(now).await?;
    let rebuild = Rebuild::of(&planned, now);
    print(&shown(&rebuild, &planned, context.color))?;
    if rebuild.is_empty() {
        return Ok(opened.ended(context, Exit::Done));
    }
    if !yes && !apply::asked()? {
        return Ok(Exit::Pending);
    }
    rebuild.write(&opened.store, &lookup::who(), now).await?;
    print(&format!("{} adopted, {} closed.\n", rebuild.adopt.len(), rebuild.close.len()))?;
    opened.store.close().await;
    Ok(opened.ended(context, Exit::Done))
}

fn shown(rebuild: &Rebuild, planned: &PlannedPass, color: Color) -> String {
    let name = |grant: &Grant| {
        let entry = planned.catalog.find(&grant.target).map(|ix| planned.catalog.target(ix).name.clone());
        clean(&entry.unwrap_or_else(|| grant.target.unnamed())).into_owned()
    };
    let adopt = planned.view.adoptions.iter().map(|change| {
        let email = change.email.as_ref().map(|email| format!("<{email}>")).unwrap_or_default();
        vec![
            format!("  {}", color.paint("36", "=")),
            change.target.clone(),
            change.user.to_string(),
            email,
            change.because.clone(),
        ]
    });
    let close = rebuild.close.iter().map(|grant| {
        let because = "nobody holds it, and no order pays for it".to_owned();
        let user = clean(grant.user.as_str()).into_owned();
        vec![format!("  {}", color.paint("33", "x")), name(grant), user, String::new(), because]
    });
    let mut out = report::table(&adopt.chain(close).collect::<Vec<_>>());
    for (target, _) in &planned.troubles {
        let _ = writeln!(out, "{} {} could not be read and stays as it is", color.paint("33", "!"), clean(target));
    }
    let foreign = planned.view.summary.foreign;
    let outlook = if rebuild.is_empty() {
        "Nothing to write: the ledger has what orders explain and Logto holds.".to_owned()
    } else {
        format!("Rebuild: {} to adopt, {} to close. Logto is not written to.", rebuild.adopt.len(), rebuild.close.len())
    };
    let _ = writeln!(out, "{outlook} {foreign} foreign. ({})", planned.view.config.short());
    out
}
