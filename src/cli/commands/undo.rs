//! `entitled undo`: takes back what one run did.
//!
//! Flow: reads the sources, looks at every target, plans the inverse of the run from the audit trail, shows
//! it, asks, carries it out. It goes through the same limits and holds as any plan, and needs the lease.
//!
//! Exit codes: 0 done or nothing left to take back, 1 no such run or something failed, 2 declined, 3 something
//! is held.

use jiff::Timestamp;

use super::apply;
use crate::cli::bootstrap::{Keep, Opened, open_with};
use crate::cli::standing::standing;
use crate::cli::{Context, Exit, Failure, print};
use crate::model::RunId;
use crate::pass::ingest::ReadScope;
use crate::pass::undo::{UndoPlan, plan_undo};
use crate::pass::{PassScope, kept};
use crate::shutdown::Shutdown;
use crate::text::clean;
use crate::{clock, report};

/// `entitled undo`
#[derive(Debug, clap::Args)]
#[command(after_help = AGAIN)]
pub(crate) struct Args {
    /// The run, as `history` names it.
    #[arg(value_name = "RUN")]
    run: String,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

const AGAIN: &str = "The next pass does it all again, unless the file or the orders have changed by then, or \
    `entitled freeze --all` is in force. Nothing is written while that freeze is in force, so undo first. \
    What is held over a limit: `entitled approve DIGEST --undo RUN`, then the same undo once more.";

/// Plans the inverse, shows it, asks, carries it out.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let opened = open_with(context, Keep::Real, standing(context).await?).await?;
    let _lease = apply::take(&opened)?;
    let back = plan_pass(&opened, &args.run, clock::now()).await?;
    for grant in &back.lost {
        let (target, user) = (clean(&grant.target.unnamed()).into_owned(), clean(grant.user.as_str()).into_owned());
        crate::cli::tell(format_args!(
            "warning: {target} of {user} cannot be given back: the order behind it is no longer known"
        ));
    }
    let planned = back.planned;
    kept::keep_held_undoing(&opened.store, &RunId::from(args.run.as_str()), &planned).await?;
    print(&report::text(&planned.view, context.color))?;
    if !planned.view.in_sync() {
        print(&format!("{AGAIN}\n"))?;
        if !args.yes && !apply::asked()? {
            return Ok(Exit::Pending);
        }
    }
    // Recorded as a pass over some users: it settles no mapping, and does not season a new ledger.
    apply::carry_out_over(context, &opened, &planned, &PassScope::Quick(Vec::new()), &Shutdown::never()).await
}

/// Reads every source, then looks back at a run; refuses one that changed nothing.
pub(crate) async fn plan_pass(opened: &Opened, run: &str, now: Timestamp) -> Result<UndoPlan, Failure> {
    let unread = opened.read(ReadScope::Changes, now).await?;
    let silent = |_: &str, _, _| {};
    let context = opened.active.context(&opened.store, &unread, &silent, now);
    let back = plan_undo(context, &RunId::from(run)).await?;
    if back.changed == 0 {
        return Err(Failure::plain(
            format!("no run `{}` is known to have changed anything", run),
            "`entitled history USER` names the run of each change",
        ));
    }
    Ok(back)
}
