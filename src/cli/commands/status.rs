//! `entitled status`: how it stands in one word and since when, each source, each target, the last passes, what
//! is frozen, what is held with the command that lets it through.
//!
//! Flow: asks the daemon where one of this store listens; else reads what the store remembers, and says so. Asks neither Logto
//! nor a payment API, and writes nothing.
//!
//! Exit codes: 0 in sync or pending, 1 something does not work or the status cannot be had, 3 something is held.

use std::path::Path;

use jiff::Timestamp;

use crate::cli::standing::{Blind, Standing, blind, place, standing};
use crate::cli::{Context, Exit, Failure, Output, print_wrapped};
use crate::config::settings::Config;
use crate::daemon::peer::{self, Unasked};
use crate::daemon::{frozen, odd, remember, trouble};
use crate::model::{SourceName, State};
use crate::report::status::{About, ConfigInForce, Duty, Mode, SourceStatus, Status, Trouble};
use crate::report::{Dropped, Settling};
use crate::store::{Store, StoreError, lease};
use crate::text::error_chain;
use crate::{clock, report};

/// `entitled status`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The output format.
    #[arg(long, short, value_name = "FORM", default_value = "text")]
    output: Output,
}

/// Asks, or reads, and prints.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let now = clock::now();
    let (store, standing) = (place(context), told(context).await);
    let answer = match &standing {
        Ok(standing) => peer::status(&standing.config, &store).await.map_err(Some),
        Err(_) => Err(None),
    };
    let status = match answer {
        Ok(mut status) => {
            // A freeze that was said just now is in force, and a daemon hears of it within two seconds.
            if let Err(error) = freezes(&mut status, &store, now).await {
                tracing::debug!(%error, "the store could not be asked what is frozen");
            }
            status
        }
        Err(why) => by_store(context, &store, standing, why, now).await?,
    };
    print_wrapped(&match args.output {
        Output::Text => report::status(&status, now, context.color),
        Output::Json => report::json(&status),
    })?;
    Ok(match status.state {
        State::InSync | State::Pending => Exit::Done,
        State::Held => Exit::Held,
        State::Degraded => Exit::Failed,
    })
}

/// What the store at hand says, why it is asked, and what is wrong with whoever should have been.
async fn by_store(
    context: &Context,
    store: &Path,
    standing: Result<Standing, Failure>,
    why: Option<Unasked>,
    now: Timestamp,
) -> Result<Status, Failure> {
    let (holder, left) = (lease::holder(store).ok().flatten(), Store::left(store));
    let writes = match (&holder, &left) {
        // That is told by itself.
        (_, Some(_)) => String::new(),
        (None, None) => ", and nobody writes to it".to_owned(),
        (Some(holder), None) => format!(", and {holder} writes to it"),
    };
    let because = match (&why, &left) {
        (Some(Unasked::OtherStore(_)), Some(_)) => "the daemon does not use it".to_owned(),
        (Some(why), _) => error_chain(why),
        (None, _) => "the file does not say where a daemon listens".to_owned(),
    };
    let note = context.notes.paint("1;33", "note");
    let path = store.display();
    crate::cli::tell(format_args!("{note}: {because}; this is what the store at `{path}` says{writes}"));
    let (standing, broken) = match standing {
        Ok(mut standing) => {
            let broken = standing.broken.take();
            (Some(standing), broken)
        }
        Err(failure) => {
            crate::logging::note!("{}", failure.render(context.notes));
            (None, Some(failure))
        }
    };
    let mut status = remembered(store, standing, now).await?;
    if let (Some(why @ Unasked::OtherStore(_)), Some(_), None) = (&why, &holder, &left) {
        let hint = "give each its own `listen`: webhooks and questions for this one reach the other";
        status.troubles.push(trouble(About::Listener, why, Some(hint.to_owned()), now));
    }
    if let Some(left) = left {
        status.troubles.retain(|trouble| trouble.about != About::Store);
        status.troubles.push(trouble(About::Store, &left, left.hint(), now));
    }
    settle(&mut status, broken.map(|failure| failure.trouble(About::File, now)));
    Ok(status)
}

/// By which file it is told what a daemon would do. Nobody is asked by it but the daemon.
async fn told(context: &Context) -> Result<Standing, Failure> {
    let failure = match standing(context).await {
        Ok(standing) => return Ok(standing),
        Err(failure) => failure,
    };
    match blind(context).await {
        Some(Blind { config, origin, text, .. }) => {
            crate::logging::note!("{}", failure.render(context.notes));
            Ok(Standing { config, origin, text, broken: Some(failure) })
        }
        None => Err(failure),
    }
}

/// What is wrong with the file is said as it is now; any trouble goes before what the passes say.
fn settle(status: &mut Status, file: Option<Trouble>) {
    let known = status.trouble(&About::File).map(|trouble| trouble.since);
    status.troubles.retain(|trouble| trouble.about != About::File);
    status.troubles.extend(file.map(|trouble| Trouble { since: known.unwrap_or(trouble.since), ..trouble }));
    status.troubles.sort_by(|a, b| a.about.cmp(&b.about));
    if let Some(since) = status.troubles.iter().map(|trouble| trouble.since).min() {
        (status.state, status.since) = (State::Degraded, since);
    }
}

/// What the store says: the freeze, the passes, how far each source was read, what the last passes withheld and what
/// did not work.
async fn remembered(path: &Path, standing: Option<Standing>, now: Timestamp) -> Result<Status, Failure> {
    let store = Store::for_reading(path).await?;
    let mut status = Status::starting(Mode::Live, now);
    status.duty = Duty::Stopping;
    remember(&mut status, &store, now).await?;
    if let Some(Standing { config, origin, .. }) = &standing {
        by_file(&mut status, &store, config, origin, now).await?;
    }
    store.close().await;
    Ok(status)
}

/// What is frozen, by the store at `path`.
async fn freezes(status: &mut Status, path: &Path, now: Timestamp) -> Result<(), StoreError> {
    let store = Store::for_reading(path).await?;
    let read = frozen_by(status, &store, now).await;
    store.close().await;
    read
}

async fn frozen_by(status: &mut Status, store: &Store, now: Timestamp) -> Result<(), StoreError> {
    status.freeze = store.frozen(now).await?.map(frozen);
    status.freezes = store.freezes(now).await?.into_iter().map(frozen).collect();
    Ok(())
}

/// What the store says of the sources that a file names.
async fn by_file(
    status: &mut Status,
    store: &Store,
    config: &Config,
    origin: &report::Origin,
    now: Timestamp,
) -> Result<(), Failure> {
    status.config = Some(ConfigInForce {
        origin: origin.clone(),
        since: now,
        products: config.products.len() as u64,
        full_pass_seconds: config.schedule.full_pass.unsigned_abs().as_secs(),
    });
    for source in &config.sources {
        let cursor = store.cursor(&source.name).await?;
        let (odd, odd_orders) = odd(store, &source.name).await?;
        status.sources.push(SourceStatus {
            name: source.name.clone(),
            last_poll: None,
            last_success: cursor.and_then(|cursor| cursor.last_full_read),
            last_error: None,
            next_poll: None,
            orders: store.order_count(&source.name).await?,
            last_hint: None,
            odd,
            odd_orders,
        });
    }
    let named = |source: &SourceName| config.sources.iter().any(|one| one.name == *source || one.was.contains(source));
    let owned = store.owned_by_source().await?.into_iter().filter(|(source, _)| !named(source));
    let safeguards = config.safeguards();
    status.settling = Settling::of(&safeguards, &safeguards.lingering(&store.versions().await?, clock::now()));
    status.dropped = owned.map(|(source, grants)| Dropped::new(&source, grants, None)).collect();
    Ok(())
}
