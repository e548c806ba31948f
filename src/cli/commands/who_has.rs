//! `entitled who-has`: who holds a target now, whose each grant is, and the order behind it.
//!
//! Flow: reads the sources, walks that one target in Logto, puts the ledger beside it; on a copy of the store.
//! Where Logto cannot be asked, shows who held it by the store's last word.
//! Changes nothing.
//!
//! Exit codes: 0 shown, 1 no such target, or something could not be read.

use crate::cli::bootstrap::{Keep, open_with};
use crate::cli::progress::Bars;
use crate::cli::remembered::remembered;
use crate::cli::standing::standing;
use crate::cli::{Context, Exit, Failure, Output, lookup, print};
use crate::pass::holders::{who_has, who_held};
use crate::pass::ingest::ReadScope;
use crate::pass::snapshot::widen;
use crate::store::Store;
use crate::{clock, report};

/// `entitled who-has`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// As the file names it: role paid-tier, organization acme, organization acme role member; or its key.
    #[arg(value_name = "TARGET", required = true, num_args = 1..)]
    target: Vec<String>,
    /// The output format.
    #[arg(long, short, value_name = "FORM", default_value = "text")]
    output: Output,
}

/// Walks one target and shows who holds it.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let now = clock::now();
    let asked = async {
        let opened = open_with(context, Keep::Scratch, standing(context).await?).await?;
        let unread = opened.read(ReadScope::Changes, now).await?;
        // What the file gives no more may still be ours.
        let ledger = opened.store.ledger(None).await?;
        let catalog = widen(&opened.active.catalog, &ledger, &opened.active.config.protect, &opened.active.names);
        let (target, _) = lookup::target(&catalog, &args.target)?;
        let bars = Bars::default();
        let report = |target: &str, done, total| bars.report(target, done, total);
        let holders = who_has(opened.active.context(&opened.store, &unread, &report, now), &target).await?;
        Ok::<_, Failure>((holders, opened))
    };
    let (holders, opened) = match asked.await {
        Ok((holders, opened)) => (holders, Some(opened)),
        Err(failure) => {
            let known = remembered(context, failure, Store::for_reading).await?;
            let catalog = known.widened(&known.store.ledger(None).await?);
            let (target, _) = lookup::target(&catalog, &args.target)?;
            (who_held(known.context(now), &target).await?, None)
        }
    };
    let holders = holders.expect("it was found in the same catalog");
    print(&match args.output {
        Output::Text => report::holders_text(&holders, context.color),
        Output::Json => report::json(&holders),
    })?;
    Ok(opened.map_or(Exit::Failed, |opened| opened.ended(context, Exit::Done)))
}
