//! `entitled why`: order -> product -> line -> commit -> action, for one user.
//!
//! Flow: reads the sources and looks as `plan` does, on a copy of the store, but for one user; where a limit
//! counts what becomes of others too, at everybody. Where Logto cannot be asked, tells what the store knows. Changes
//! nothing.
//!
//! Exit codes: 0 explained, 1 nobody is known by that name, or something could not be read.

use crate::cli::bootstrap::{Keep, open_with};
use crate::cli::remembered::remembered;
use crate::cli::standing::standing;
use crate::cli::{Context, Exit, Failure, Output, lookup, print_wrapped};
use crate::pass::explain::{Whom, why, why_remembered};
use crate::pass::ingest::ReadScope;
use crate::report::Explanation;
use crate::store::Store;
use crate::text::clean;
use crate::{clock, report};

/// `entitled why`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A user id, or an address that an order or an account has.
    #[arg(value_name = "USER")]
    user: String,
    /// Only this one, as the file names it: role paid-tier, organization acme, organization acme role member; or
    /// its key.
    #[arg(value_name = "TARGET", num_args = 0..)]
    target: Vec<String>,
    /// The output format.
    #[arg(long, short, value_name = "FORM", default_value = "text")]
    output: Output,
}

/// Looks and explains.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let whom = Whom::parse(&args.user).ok_or_else(|| {
        Failure::plain(
            format!("`{}` is neither a user id nor an address", clean(&args.user)),
            "give the id of the user, as the Logto console shows it, or the address of an order",
        )
    })?;
    let now = clock::now();
    let asked = async {
        let opened = open_with(context, Keep::Scratch, standing(context).await?).await?;
        let unread = opened.read(ReadScope::Changes, now).await?;
        let silent = |_: &str, _, _| {};
        let explained = why(opened.active.context(&opened.store, &unread, &silent, now), &whom).await?;
        Ok::<_, Failure>((explained, opened))
    };
    let (mut explained, opened) = match asked.await {
        Ok((explained, opened)) => (explained, Some(opened)),
        Err(failure) => {
            let known = remembered(context, failure, Store::for_reading).await?;
            (why_remembered(known.context(now), &whom).await?, None)
        }
    };
    if !args.target.is_empty() {
        only(&mut explained, &args.target)?;
    }
    print_wrapped(&match args.output {
        Output::Text => report::why_text(&explained, !args.target.is_empty(), context.color),
        Output::Json => report::json(&explained),
    })?;
    Ok(opened.map_or(Exit::Failed, |opened| opened.ended(context, Exit::Done)))
}

/// Leaves one target.
fn only(explained: &mut Explanation, words: &[String]) -> Result<(), Failure> {
    let names = explained.targets.iter().map(|one| (one.target.as_str(), one.target_key.as_str()));
    let at = lookup::place(&words.join(" "), names)?;
    explained.targets = vec![explained.targets.swap_remove(at)];
    Ok(())
}
