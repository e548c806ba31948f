//! `entitled freeze` and `entitled unfreeze`: nothing is taken away, or nothing is written at all, for a time.
//!
//! Flow: looks where the store lies, which a broken file hides from nobody; writes the freeze down or ends it, says what is in force.
//! Asks neither Logto nor a payment API, so it works when they do not. A daemon heeds it before the
//! next write, and the end of it within two seconds; where one listens, `freeze` says what it has in flight. One that
//! works on another store heeds nothing, and that is said.
//!
//! Exit codes: 0 done, 1 the store cannot be used, 64 no duration.

use jiff::{SignedDuration, Timestamp};

use crate::cli::heeded::heeded;
use crate::cli::standing::{at_hand, place};
use crate::cli::{Context, Exit, Failure, lookup, print_wrapped};
use crate::config::settings::Config;
use crate::pass::snapshot::freeze_view;
use crate::report::messages;
use crate::store::{Freeze, FreezeScope, Store};
use crate::text::human;
use crate::{clock, config};

/// `entitled freeze`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long: 30m, 24h, 7d. It ends by itself.
    #[arg(long = "for", value_name = "DURATION", value_parser = length)]
    length: SignedDuration,
    /// Why: every plan shows it.
    #[arg(long, value_name = "TEXT")]
    #[arg(value_parser = reason)]
    reason: String,
    /// Give nothing either: nothing at all is written to Logto.
    #[arg(long)]
    all: bool,
}

fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("the reason must not be empty: every plan shows it".to_owned()),
        reason => Ok(reason.to_owned()),
    }
}

fn length(text: &str) -> Result<SignedDuration, String> {
    match config::duration(text)? {
        SignedDuration::ZERO => Err("a freeze must be longer than zero".to_owned()),
        length => Ok(length),
    }
}

/// Begins one.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let store = store(context).await?;
    let now = clock::now();
    let scope = if args.all { FreezeScope::All } else { FreezeScope::Revocations };
    let freeze = Freeze { scope, since: now, until: now + args.length, reason: args.reason, who: lookup::who() };
    store.freeze(&freeze).await?;
    // A broken file hides where a daemon listens, and stops no freeze.
    let under_way = match at_hand(context).await {
        Some(at_hand) => under_way(context, &at_hand.config, &store, scope).await,
        None => String::new(),
    };
    print_wrapped(&format!("{}{}{under_way}", outlasted(&store, &freeze, now).await?, active(&store, now).await?))?;
    store.close().await;
    Ok(Exit::Done)
}

/// Ends all that are in force.
pub(crate) async fn end(context: &Context) -> Result<Exit, Failure> {
    let store = store(context).await?;
    let now = clock::now();
    let ended = store.unfreeze(&lookup::who(), now).await?;
    let ended = if ended == 0 { String::new() } else { format!("{} ended.\n", human::count(ended as u64, "freeze")) };
    if let Some(at_hand) = at_hand(context).await {
        heeded(context, &at_hand.config, store.path()).await;
    }
    print_wrapped(&format!("{ended}{}", active(&store, now).await?))?;
    store.close().await;
    Ok(Exit::Done)
}

/// That a freeze is in force which is not the strongest.
async fn outlasted(store: &Store, begun: &Freeze, now: Timestamp) -> Result<String, Failure> {
    let strongest = store.frozen(now).await?;
    if strongest.as_ref() == Some(begun) {
        return Ok(String::new());
    }
    let told = messages::frozen(&freeze_view(begun.clone()));
    Ok(format!("Begun: {told}. A stronger freeze is in force as well.\n"))
}

/// What a daemon is still writing, where one listens and says so.
async fn under_way(context: &Context, config: &Config, store: &Store, scope: FreezeScope) -> String {
    let Some(progress) = heeded(context, config, store.path()).await.and_then(|status| status.progress) else {
        return String::new();
    };
    let left = human::count(progress.of.saturating_sub(progress.done), "change");
    let heeds = match scope {
        FreezeScope::All => "none of the others is started",
        FreezeScope::Revocations => "nothing more is taken away",
    };
    let in_flight = progress.in_flight;
    format!("A pass is writing, with {left} to go: {in_flight} of them are in flight and will be finished; {heeds}.\n")
}

async fn store(context: &Context) -> Result<Store, Failure> {
    Ok(Store::open(&place(context)).await?)
}

async fn active(store: &Store, now: Timestamp) -> Result<String, Failure> {
    Ok(match store.frozen(now).await? {
        Some(freeze) => {
            let told = messages::frozen(&freeze_view(freeze));
            let heeds = match Store::left(store.path()) {
                None => "This takes effect at once, also for a pass that is under way. ",
                Some(_) => "",
            };
            format!("Frozen: {told}.\n{heeds}`entitled unfreeze` ends it.\n")
        }
        None => "Nothing is frozen.\n".to_owned(),
    })
}
