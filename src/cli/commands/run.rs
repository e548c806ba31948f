//! `entitled run`: the daemon.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{apply, plan};
use crate::cli::background::Followers;
use crate::cli::bootstrap::{Keep, Opened, Standing, note_failure, open_on, open_store, open_with, standing};
use crate::cli::{Context, Exit, Failure, print};
use crate::config::settings::source::{SourceKind, SourceSettings};
use crate::config::settings::{Config, Listen};
use crate::daemon::{Mode, Pulse, Start, StatusPublisher, StatusReader, Trigger};
use crate::model::SourceName;
use crate::pass::active::Simulators;
use crate::pass::kept;
use crate::report::status::{About, Duty};
use crate::shutdown::{Shutdown, ShutdownTrigger};
use crate::store::lease;
use crate::web::{App, Door};
use crate::{clock, daemon, http, report, web};

/// `entitled run`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show what would be done, and do nothing: neither Logto nor the store is written to.
    #[arg(long)]
    dry_run: bool,
    /// One full pass, then exit.
    #[arg(long)]
    once: bool,
    /// Where to listen for webhooks, and to show itself: an address, or `off`. Instead of `listen` in the file.
    #[arg(long, value_name = "ADDR", conflicts_with = "once", value_parser = listen)]
    listen: Option<Listen>,
}

fn listen(text: &str) -> Result<Listen, String> {
    Listen::parse(text).ok_or_else(|| "expected an address with a port such as `127.0.0.1:8787`, or `off`".to_owned())
}

/// How long a daemon that cannot start yet waits before it tries again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs until SIGTERM or SIGINT, or for one pass.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let (trigger, shutdown) = crate::shutdown::shutdown();
    tokio::spawn(hear(trigger));
    match (args.once, args.dry_run) {
        (true, true) => plan::show(context, plan::Output::Text).await,
        (true, false) => once(context, shutdown).await,
        (false, true) => keep_watch(context, Keep::Scratch, Mode::DryRun, args.listen, shutdown).await,
        (false, false) => keep_watch(context, Keep::Real, Mode::Live, args.listen, shutdown).await,
    }
}

async fn once(context: &Context, shutdown: Shutdown) -> Result<Exit, Failure> {
    let ended = one_pass(context, shutdown).await;
    if let Err(failure) = &ended {
        note_failure(context, failure).await;
    }
    ended
}

async fn one_pass(context: &Context, mut shutdown: Shutdown) -> Result<Exit, Failure> {
    // One pass of the daemon, which goes on by the last valid file.
    let opening = async {
        let mut standing = standing(context).await?;
        let broken = standing.broken.take();
        Ok::<_, Failure>((open_with(context, Keep::Real, standing).await?, broken))
    };
    let (opened, broken) = tokio::select! {
        opened = opening => opened?,
        () = shutdown.wait() => return Ok(Exit::Failed),
    };
    opened.store.hold(apply::take(&opened)?);
    let planned = tokio::select! {
        planned = opened.plan_pass(clock::now()) => planned?,
        () = shutdown.wait() => return Ok(Exit::Failed),
    };
    print(&report::text(&planned.view, context.color))?;
    let ended = apply::carry_out(context, &opened, &planned, &shutdown).await;
    if let Some(trouble) = broken.as_ref().and_then(|failure| failure.told(clock::now())) {
        kept::keep_trouble(&opened.store, trouble).await?;
    }
    opened.store.close().await;
    Ok(Standing::ended(broken.as_ref(), ended?))
}

async fn keep_watch(
    context: &Context,
    keep: Keep,
    mode: Mode,
    listen: Option<Listen>,
    mut shutdown: Shutdown,
) -> Result<Exit, Failure> {
    let (mut publisher, reading) = StatusPublisher::new(mode);
    let (trigger, triggers) = daemon::triggers();
    let followers = Followers::start(&reading, mode, &shutdown);
    let (at, listening) = watch::channel(None);
    let Standing { config, .. } = standing(context).await?;
    let server = serve(config, listen, &publisher, reading, trigger, at)?;
    let opened = loop {
        let opening = async {
            let mut standing = standing(context).await?;
            let broken = standing.broken.take();
            let store = open_store(context, keep, &standing.config).await?;
            publisher.store(&store);
            publisher.recall(&kept::troubles(&store).await?);
            Ok::<_, Failure>((open_on(context, keep, standing, store).await?, broken))
        };
        let opened = tokio::select! {
            opened = opening => opened,
            () = shutdown.wait() => return Ok(Exit::Done),
        };
        match opened {
            Err(failure) if failure.may_pass() => {
                crate::logging::note!("{}", failure.render(context.notes));
                publisher.trouble(failure.trouble(About::Logto, clock::now()));
                tracing::warn!(seconds = PATIENCE.as_secs(), "not started yet; trying again");
                tokio::select! {
                    () = tokio::time::sleep(PATIENCE) => {}
                    () = shutdown.wait() => return Ok(Exit::Done),
                }
            }
            opened => break opened?,
        }
    };
    let (opened, broken) = opened;
    publisher.works(&About::Logto);
    if let Some(failure) = broken {
        tracing::error!(
            config = opened.active.origin.short(),
            "the file cannot be used; the last valid one stays in force"
        );
        publisher.trouble(failure.trouble(About::File, clock::now()));
    }
    let store = opened.active.config.store.clone();
    let standing_by = |holder: &str| publisher.duty(Duty::Standby { holder: holder.to_owned() });
    if mode == Mode::Live {
        match lease::wait(&store, &mut shutdown, standing_by).await? {
            Some(lease) => opened.store.hold(lease),
            None => return Ok(Exit::Done),
        }
    }
    let Opened { active, store, simulators, running, .. } = opened;
    let told = simulators.clone().map(|simulators| {
        let of_sandbox = |source: &&SourceSettings| matches!(source.kind, SourceKind::Sandbox(_));
        let sources = active.config.sources.iter().filter(of_sandbox).map(|source| source.name.clone()).collect();
        AbortOnDrop(tokio::spawn(tell_simulators(simulators, sources, listening)))
    });
    let (file, store, pulse) = (context.file.clone(), Arc::new(store), Pulse::default());
    let held = Arc::clone(&store);
    let note = |mark: Option<&str>| {
        if let Some(Err(error)) = held.lease().map(|lease| lease.note(mark)) {
            tracing::warn!(%error, "the lock file cannot be written to");
        }
    };
    note(held.log_mark().as_deref());
    daemon::run(Start { file, active, simulators, store, mode, pulse, publisher, triggers }, shutdown).await;
    // Closed in order it has left no log behind.
    note(None);
    drop((server, told));
    drop(running);
    followers.end().await;
    Ok(Exit::Done)
}

/// Has the simulated shop send its webhooks here, as a person would set up in a real one.
async fn tell_simulators(
    simulators: Simulators,
    sources: Vec<SourceName>,
    mut listening: watch::Receiver<Option<SocketAddr>>,
) {
    let Ok(Some(mut address)) = listening.wait_for(Option::is_some).await.map(|address| *address) else { return };
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let urls: Vec<String> = sources.iter().map(|source| format!("http://{address}/hooks/{source}")).collect();
    let told = http::client(PATIENCE).post(format!("{}/sandbox/hooks", simulators.shop)).json(&urls).send().await;
    if let Err(error) = told {
        tracing::debug!(%error, "the simulated shop sends no webhooks");
    }
}

/// Starts the server, unless it is off. It answers from the start on, also while Logto cannot be reached yet.
fn serve(
    config: Config,
    listen: Option<Listen>,
    publisher: &StatusPublisher,
    reading: StatusReader,
    trigger: Trigger,
    at: watch::Sender<Option<SocketAddr>>,
) -> Result<Option<AbortOnDrop>, Failure> {
    let (listen, token) = (listen.unwrap_or(config.listen), config.api_token);
    let Listen::At(address) = listen else { return Ok(None) };
    if token.is_none() && !address.ip().is_loopback() {
        return Err(Failure::plain(
            format!("`{address}` can be reached from other machines, and `ENTITLED_API_TOKEN` is not set"),
            "set `ENTITLED_API_TOKEN` to a long random text, or listen on 127.0.0.1",
        ));
    }
    let reporter = publisher.reporter();
    let task = tokio::spawn(async move {
        let make = |address| {
            at.send_replace(Some(address));
            App::new(reading.clone(), trigger.clone(), Door::new(address, token.clone()))
        };
        let _server = web::keep(address, make, reporter).await;
        std::future::pending::<()>().await;
    });
    Ok(Some(AbortOnDrop(task)))
}

/// A task that ends with whoever started it.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// SIGTERM or SIGINT asks for the end; a second one does not wait for it.
async fn hear(trigger: ShutdownTrigger) {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return;
    };
    for asked in 0.. {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        if asked > 0 {
            std::process::exit(Exit::Failed as i32);
        }
        tracing::info!("ending after what is in flight; once more to end at once");
        trigger.request();
    }
}
