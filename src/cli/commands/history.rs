//! `entitled history`: everything that ever happened to one user's grants.
//!
//! Flow: finds the user by id or by the address of an order, prints the audit trail of that user from a copy
//! of the store, or from the store itself where there is no room for one. Asks neither Logto nor a payment API.
//!
//! Exit codes: 0 printed, 1 nobody is known by that address, or the store cannot be used.

use crate::cli::standing::place;
use crate::cli::{Context, Exit, Failure, Output, lookup, print_wrapped};
use crate::report::{json, messages, table};
use crate::store::{AuditRow, Store};
use crate::text::{clean, human};

/// `entitled history`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A user id, or the address that an order has.
    #[arg(value_name = "USER")]
    user: String,
    /// The output format.
    #[arg(long, short, value_name = "FORM", default_value = "text")]
    output: Output,
}

/// Prints the trail, oldest first.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let store = Store::for_reading(&place(context)).await?;
    let user = lookup::user(&store, &args.user).await?;
    let rows = store.history(&user).await?;
    print_wrapped(&match args.output {
        Output::Json => json(&rows),
        Output::Text if rows.is_empty() => {
            format!("Nothing has ever happened to a grant of {}.\n", clean(user.as_str()))
        }
        Output::Text => table(&rows.iter().map(cells).collect::<Vec<_>>()),
    })?;
    store.close().await;
    Ok(Exit::Done)
}

fn cells(row: &AuditRow) -> Vec<String> {
    let target = row.about();
    let by = match (&row.who, &row.run) {
        (Some(who), _) => format!("by {who}"),
        (None, Some(run)) => format!("run {run}"),
        (None, None) => String::new(),
    };
    let order = match (&row.order, &row.source) {
        (Some(order), Some(source)) => format!("order {order} of {source}"),
        (Some(order), None) => format!("order {order}"),
        (None, _) => String::new(),
    };
    let product = row.product.as_ref().map(|product| format!("product {product}")).unwrap_or_default();
    let line = match row.line {
        Some(line) if line > 0 => format!("line {line}"),
        Some(_) | None => String::new(),
    };
    let commit = row.commit.as_ref().map(|commit| format!("@{}", messages::version(commit))).unwrap_or_default();
    let note = row.note.clone().unwrap_or_default();
    let at = human::datetime(row.at);
    [at, row.verb.word().to_owned(), target, by, order, product, line, commit, note]
        .into_iter()
        .map(|cell| clean(&cell).into_owned())
        .collect()
}
