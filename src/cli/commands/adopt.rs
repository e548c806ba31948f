//! `entitled adopt`: makes a grant ours that somebody gave by hand.
//!
//! Flow: asks Logto whether the user holds it; finds the newest order of theirs that names a product which
//! gives it; writes it into the ledger. A grant that no order explains is refused: nothing would ever prove
//! that it has ended, so it could never be taken back. Works beside a running daemon.
//!
//! Exit codes: 0 ours now or before, 1 refused.

use crate::cli::bootstrap::{Opened, open_ledger};
use crate::cli::{Context, Exit, Failure, lookup, print_wrapped};
use crate::clock;
use crate::model::{Catalog, Grant, Ownership, ProductIx, RunId, SourceName, TargetIx};
use crate::pass::PassError;
use crate::store::{Cause, LedgerRow, StoredOrder};
use crate::text::clean;

/// `entitled adopt`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    grant: lookup::Named,
}

/// What stands in the ledger where a pass would.
const BY_HAND: &str = "by-hand";

/// Asks Logto, finds the order, writes the ledger.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let opened = open_ledger(context).await?;
    let Opened { active, store, .. } = &opened;
    let user = lookup::user(store, &args.grant.user).await?;
    let (target, name) = lookup::target(&active.catalog, &args.grant.target)?;
    let shown = clean(user.as_str()).into_owned();
    let grant = Grant { user, target };

    let ours = store.ledger(Some(std::slice::from_ref(&grant.user))).await?;
    if ours.iter().any(|row| row.grant == grant) {
        print_wrapped(&format!("{name} of {shown} is ours already.\n"))?;
        return Ok(Exit::Done);
    }
    if !active.reader.holds(&grant.user, &grant.target).await.map_err(PassError::from)? {
        return Err(Failure::plain(
            format!("{shown} does not hold {name} in Logto"),
            "there is nothing to adopt; what was paid for is granted by the next pass",
        ));
    }
    let buyers = store.buyers_of_users(std::slice::from_ref(&grant.user)).await?;
    let orders = store.stored_orders(&store.orders_of_buyers(&buyers).await?).await?;
    let ix = active.catalog.find(&grant.target).expect("it was found among them");
    let named = |order: &&StoredOrder| active.config.sources.iter().any(|source| source.name == order.source);
    let reasons = orders.iter().filter(named).filter_map(|order| Some((order, gives(&active.catalog, order, ix)?)));
    let newest = reasons.max_by_key(|(order, _)| (order.order.paid_at.unwrap_or(order.seen_at), order.key));
    let Some((order, (product, line))) = newest else {
        return Err(Failure::plain(
            format!("no order of {shown} names a product that gives {name}"),
            "nothing would ever prove that it has ended, so it stays foreign; \
             if one is missing, `entitled run --once` reads the orders again",
        ));
    };
    let now = clock::now();
    let row = LedgerRow {
        grant,
        ownership: Ownership::Adopted,
        cause: Cause::Order,
        source: order.source.clone(),
        order: order.order.id.clone(),
        order_key: Some(order.key),
        product: active.catalog.rule(product).product.clone(),
        line,
        commit: active.origin.version().to_owned(),
        since: now,
        run: RunId::from(BY_HAND),
        undone: 0,
    };
    store.adopt_by_hand(&lookup::who(), &row, now).await?;
    print_wrapped(&format!(
        "{name} of {shown} is ours now: order {} of {} explains it (line {line}).\n\
         It is taken back when no order pays for it any longer.\n",
        clean(row.order.as_str()),
        clean(row.source.as_str()),
    ))?;
    Ok(Exit::Done)
}

/// The product of an order that gives a target, and the line that says so.
fn gives(catalog: &Catalog, order: &StoredOrder, target: TargetIx) -> Option<(ProductIx, u32)> {
    let sold = |source: &Option<SourceName>| source.as_ref().is_none_or(|source| *source == order.source);
    (0..).map(ProductIx).zip(&catalog.products).find_map(|(ix, rule)| {
        let named = sold(&rule.source) && order.order.items.iter().any(|item| item.product == rule.product);
        let given = rule.entitlements.iter().find(|entitlement| entitlement.target == target)?;
        named.then_some((ix, given.line))
    })
}
