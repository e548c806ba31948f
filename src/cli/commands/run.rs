//! `entitled run`: the daemon.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::{apply, plan};
use crate::cli::background::Followers;
use crate::cli::bootstrap::{Keep, Opened, note_failure, open_on, open_store, open_with};
use crate::cli::standing::{Standing, blind, standing};
use crate::cli::{Context, Exit, Failure, print};
use crate::config::settings::network::Network;
use crate::config::settings::source::{SourceKind, SourceSettings};
use crate::config::settings::{Config, Listen, TOKEN_LENGTH};
use crate::daemon::{HealthReporter, Mode, Pulse, Settled, Start, StatusPublisher, StatusReader, Trigger, presets};
use crate::model::SourceName;
use crate::pass::active::Simulators;
use crate::pass::kept;
use crate::report::status::{About, Duty};
use crate::secret::Secret;
use crate::shutdown::{Shutdown, ShutdownTrigger};
use crate::store::Store;
use crate::store::lease::{self, Lease};
use crate::web::{App, Door};
use crate::{clock, config, daemon, http, report, web};

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

impl Args {
    /// Whether it goes on until it is stopped.
    pub(crate) fn stays(&self) -> bool {
        !self.once
    }
}

/// How long a daemon that cannot start yet waits before it tries again.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits before it looks again where that costs little: for local files, and variables in them.
const AT_HAND: Duration = Duration::from_millis(500);

/// How long a daemon that stands by waits between two tries for the lease.
const BEAT: Duration = Duration::from_secs(2);

/// Runs until SIGTERM or SIGINT, or for one pass.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let (trigger, shutdown) = crate::shutdown::shutdown();
    // Whoever has started this may want its end at once: heard before anything else is done.
    if let (Ok(term), Ok(int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        tokio::spawn(hear(term, int, trigger));
    }
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
    opened.store.hold(apply::take(&opened)?).await;
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

/// Starts the daemon, trying until it can, and runs it. In one piece: what is made here lives until the end.
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
    let reporter = publisher.reporter();
    let mut server = Server { listen, settled: None, reporter, reading, trigger, at, up: None };
    let mut said = None;
    let opened = loop {
        let opening = start(context, keep, &mut server, &mut publisher);
        let opened = tokio::select! {
            opened = opening => opened,
            () = shutdown.wait() => return Ok(Exit::Done),
        };
        let wait = match opened {
            Ok(Begun::Open(opened, broken)) => break (opened, broken),
            Ok(Begun::Waiting(missing)) => {
                told(context, &mut publisher, &missing, &mut said);
                AT_HAND
            }
            Err(failure) if failure.may_pass() => {
                crate::logging::note!("{}", failure.render(context.notes));
                publisher.trouble(failure.trouble(About::Logto, clock::now()));
                tracing::warn!(seconds = PATIENCE.as_secs(), "not started yet; trying again");
                PATIENCE
            }
            Err(failure) => return Err(failure),
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shutdown.wait() => return Ok(Exit::Done),
        }
    };
    let (opened, broken) = opened;
    publisher.works(&About::Logto);
    publisher.works(&About::File);
    if let Some(failure) = broken {
        tracing::error!(
            config = opened.active.origin.short(),
            "the file cannot be used; the last valid one stays in force"
        );
        publisher.trouble(failure.trouble(About::File, clock::now()));
    }
    if mode == Mode::Live {
        match stand_by(context, &opened, &mut publisher, &mut shutdown).await? {
            Some(lease) => opened.store.hold(lease).await,
            None => return Ok(Exit::Done),
        }
    }
    let Opened { active, store, simulators, running, .. } = *opened;
    let told = simulators.clone().map(|simulators| {
        let of_sandbox = |source: &&SourceSettings| matches!(source.kind, SourceKind::Sandbox(_));
        let sources = active.config.sources.iter().filter(of_sandbox).map(|source| source.name.clone()).collect();
        AbortOnDrop(tokio::spawn(tell_simulators(simulators, sources, listening)))
    });
    let (file, store, pulse) = (context.file.clone(), Arc::new(store), Pulse::default());
    let settled = server.settled(context, &active.config);
    let held = Arc::clone(&store);
    held.note_whose_log();
    let start = Start { file, active, simulators, store, mode, pulse, publisher, triggers, settled };
    daemon::run(start, shutdown).await;
    held.note_no_log();
    drop((server, told));
    drop(running);
    followers.end().await;
    Ok(Exit::Done)
}

/// Waits until the lease is free, and shows what whoever holds it leaves in the store. `None`: the end was asked for
/// first.
async fn stand_by(
    context: &Context,
    opened: &Opened,
    publisher: &mut StatusPublisher,
    shutdown: &mut Shutdown,
) -> Result<Option<Lease>, Failure> {
    let mut told = false;
    loop {
        let holder = match lease::take(&opened.active.config.store)? {
            Ok(lease) => return Ok(Some(lease)),
            Err(holder) => holder,
        };
        if !told {
            tracing::info!(holder, "another process is writing; standing by");
            publisher.duty(Duty::Standby { holder });
            told = true;
        }
        // What was wrong with the file when this began may have been put right since.
        if publisher.knows(&About::File) && config::load(&context.file, &presets()).is_ok() {
            publisher.works(&About::File);
        }
        remember(publisher, &opened.store).await;
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            () = shutdown.wait() => return Ok(None),
        }
    }
}

/// Shows what the store knows.
async fn remember(publisher: &mut StatusPublisher, store: &Store) {
    if let Err(error) = publisher.remember(store, clock::now()).await {
        tracing::debug!(%error, "the store could not be asked how it stands");
    }
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

/// What came of one try to begin.
enum Begun {
    /// Everything is open; and why it is not the file's configuration, where it is not.
    Open(Box<Opened>, Option<Failure>),
    /// Something that the file refers to is missing; it may come.
    Waiting(Failure),
}

/// Opens everything. Answers from the beginning on, also while Logto cannot be reached or a variable is not set.
async fn start(
    context: &Context,
    keep: Keep,
    server: &mut Server,
    publisher: &mut StatusPublisher,
) -> Result<Begun, Failure> {
    let mut standing = match standing(context).await {
        Ok(standing) => standing,
        Err(failure) => {
            let Some(blind) = blind(context).await else { return Err(failure) };
            // Who may read is not known yet either where the token is what is missing.
            let _unserved = server.serve(&blind.config);
            let store = open_store(context, keep, &blind.config).await?;
            publisher.store(&store);
            remember(publisher, &store).await;
            store.close().await;
            return Ok(Begun::Waiting(blind.failure(context)));
        }
    };
    server.serve(&standing.config)?;
    let broken = standing.broken.take();
    let store = open_store(context, keep, &standing.config).await?;
    publisher.store(&store);
    publisher.recall(&kept::troubles(&store).await?);
    remember(publisher, &store).await;
    Ok(Begun::Open(Box::new(open_on(context, keep, standing, store).await?), broken))
}

/// Says what is missing, where that is something else than before.
fn told(context: &Context, publisher: &mut StatusPublisher, missing: &Failure, said: &mut Option<String>) {
    let trouble = missing.trouble(About::File, clock::now());
    if said.replace(trouble.message.clone()).as_ref() == Some(&trouble.message) {
        return;
    }
    crate::logging::note!("{}", missing.render(context.notes));
    tracing::error!(hint = trouble.hint, "not started yet: {}", trouble.message);
    publisher.trouble(trouble);
}

/// The daemon's own HTTP server, unless it is off.
struct Server {
    /// Where, if the command line says so.
    listen: Option<Listen>,
    /// Where, as it was when it was first asked to serve.
    settled: Option<Listen>,
    reporter: HealthReporter,
    reading: StatusReader,
    trigger: Trigger,
    at: watch::Sender<Option<SocketAddr>>,
    /// Where it is, whoever shows which token may read or ask for previews, which proxies it trusts, and the task.
    up: Option<(SocketAddr, Tokens, Vec<Network>, AbortOnDrop)>,
}

/// What opens everything, and what opens previews.
type Tokens = [Option<Secret>; 2];

impl Server {
    /// What stays as it is from here on: all that is served by, and where the store lies, unless that is said
    /// elsewhere.
    fn settled(&self, context: &Context, config: &Config) -> Settled {
        let of_file = Settled::of(config);
        let listen = if self.listen.is_some() { None } else { self.settled.or(of_file.listen) };
        Settled { store: of_file.store.filter(|_| context.store.is_none()), listen, ..of_file }
    }

    /// Serves as this configuration has it, where the first one had it. Goes on as it is where that says the same.
    fn serve(&mut self, config: &Config) -> Result<(), Failure> {
        let Listen::At(address) = *self.settled.get_or_insert(self.listen.unwrap_or(config.listen)) else {
            self.up = None;
            return Ok(());
        };
        let token = config.api_token.clone();
        let tokens = [token.clone(), config.preview_token.clone()];
        let exposed = |tokens: &Tokens| tokens.clone().map(|token| token.map(|token| token.expose().to_owned()));
        let same = |other: &Tokens| exposed(other) == exposed(&tokens);
        let trusted = config.trusted_proxies.clone();
        let up = self.up.as_ref();
        if up.is_some_and(|(at, tokens, proxies, _)| *at == address && same(tokens) && *proxies == trusted) {
            return Ok(());
        }
        self.up = None;
        if config.has_weak_token() {
            return Err(Failure::plain(
                format!("`ENTITLED_API_TOKEN` has fewer than {TOKEN_LENGTH} characters"),
                "set it to a long random text, such as `openssl rand -hex 32` prints",
            ));
        }
        if config.has_weak_preview_token() {
            return Err(Failure::plain(
                format!("`ENTITLED_PREVIEW_TOKEN` has fewer than {TOKEN_LENGTH} characters"),
                "set it to a long random text, such as `openssl rand -hex 32` prints",
            ));
        }
        if token.is_none() && !address.ip().is_loopback() {
            return Err(Failure::plain(
                format!("`{address}` can be reached from other machines, and `ENTITLED_API_TOKEN` is not set"),
                "set `ENTITLED_API_TOKEN` to a long random text, or listen on 127.0.0.1",
            ));
        }
        let (reading, trigger, at) = (self.reading.clone(), self.trigger.clone(), self.at.clone());
        let (reporter, shown, proxies) = (self.reporter.clone(), token.clone(), trusted.clone());
        let preview = config.preview_token.clone();
        let task = tokio::spawn(async move {
            let make = |address| {
                at.send_replace(Some(address));
                let door =
                    Door { trusted: proxies.clone(), preview: preview.clone(), ..Door::new(address, shown.clone()) };
                App::new(reading.clone(), trigger.clone(), door)
            };
            let _server = web::keep(address, make, reporter).await;
            std::future::pending::<()>().await;
        });
        self.up = Some((address, tokens, trusted, AbortOnDrop(task)));
        Ok(())
    }
}

/// A task that ends with whoever started it.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// SIGTERM or SIGINT asks for the end; a second one does not wait for it.
async fn hear(mut term: Signal, mut int: Signal, trigger: ShutdownTrigger) {
    for asked in 0.. {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        if asked > 0 {
            std::process::exit(Exit::Failed as i32);
        }
        tracing::info!("stopping once the changes in flight are done; signal again to stop at once");
        trigger.request();
    }
}
