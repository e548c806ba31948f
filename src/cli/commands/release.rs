//! `entitled release`: gives a grant up without taking it from anybody.
//!
//! Flow: resolves the names, removes the grant from the ledger, remembers that it was released, so that no
//! pass adopts it again. Logto is read for the names only; where it cannot be, they stand for what they stood for last. Works beside a running daemon.
//!
//! Exit codes: 0 released, 1 the target is not known, or Logto could not be asked, which is said.

use crate::cli::bootstrap::{Opened, open_ledger};
use crate::cli::remembered::remembered;
use crate::cli::{Context, Exit, Failure, lookup, print_wrapped};
use crate::clock;
use crate::model::{Catalog, Grant};
use crate::pass::snapshot::widen;
use crate::store::{LedgerRow, Store};
use crate::text::clean;

/// `entitled release`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    grant: lookup::Named,
    /// Why, for the audit trail.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Removes it from the ledger.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    match open_ledger(context).await {
        Ok(Opened { active, store, .. }) => {
            let widened = |ours: &[LedgerRow]| widen(&active.catalog, ours, &active.config.protect, &active.names);
            release(&store, widened, args).await?;
            Ok(Exit::Done)
        }
        // Whose it is stands in the store, and Logto is not written to anyway.
        Err(failure) => {
            let known = remembered(context, failure, Store::open).await?;
            release(&known.store, |ours| known.widened(ours), args).await?;
            Ok(Exit::Failed)
        }
    }
}

/// `widened`: the catalog, and what only these rows of the ledger still know.
async fn release(store: &Store, widened: impl Fn(&[LedgerRow]) -> Catalog, args: Args) -> Result<(), Failure> {
    let user = lookup::user(store, &args.grant.user).await?;
    let ours = store.ledger(Some(std::slice::from_ref(&user))).await?;
    // What the file gives no more may still be ours.
    let catalog = widened(&ours);
    let (target, name) = lookup::target(&catalog, &args.grant.target)?;
    let shown = clean(user.as_str()).into_owned();
    let grant = Grant { user, target };
    let was_ours = ours.iter().any(|row| row.grant == grant);
    store.release(&lookup::who(), &[grant], &args.reason, clock::now()).await?;
    let before = if was_ours { "is released: it is ours no more" } else { "was not ours, and stays so" };
    print_wrapped(&format!(
        "{name} of {shown} {before}.\nWhoever holds it keeps it; no pass takes it away or adopts it, \
         until `entitled adopt` says otherwise.\n"
    ))?;
    Ok(())
}
