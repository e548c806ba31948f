//! The loop: wake on a timer, a changed file or a signal; poll what is due; one pass at a time.
//!
//! A pass does not depend on what woke it. A poll that brought something new is followed by a quick pass
//! over the buyers it concerns; a full pass looks at every target, on its schedule. What fails is logged
//! with its mend and tried again: the loop is the retry.
//!
//! The configuration in force is the last one that was valid and whose names all resolved. A broken file,
//! a missing one, or one that Logto does not bear out changes nothing but what is reported.

mod schedule;
mod stop;
mod watch;

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use tokio::signal::unix::{self, Signal, SignalKind};

pub use schedule::Schedule;
pub use stop::{Stop, Stopper, stop};
pub use watch::{Content, Pulse, Watch};

use crate::clock;
use crate::config::source::SourceKind;
use crate::config::{self, ConfigError, Presets};
use crate::in_force::{EnterError, InForce, Simulators, enter};
use crate::intake::{Breadth, IntakeError, intake};
use crate::model::{OrderKey, SourceName};
use crate::reconcile::{PassError, Sight, Span, act, look};
use crate::render::{self, Color, Origin};
use crate::source::presets::PRESETS;
use crate::store::Store;

/// What the loop may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Close the difference.
    Live,
    /// Show it: every plan that differs from the one before goes to stdout, and nothing is written to Logto.
    DryRun,
}

/// What the loop starts from.
#[derive(Debug)]
pub struct Start {
    /// The file that is watched.
    pub file: PathBuf,
    /// What it held when it was read.
    pub in_force: InForce,
    /// Where the simulators are, if the file asks for them.
    pub simulators: Option<Simulators>,
    /// What is known.
    pub store: Store,
    /// What it may do.
    pub mode: Mode,
    /// How closely files are watched.
    pub pulse: Pulse,
}

/// Why something did not come about in one turn of the loop. The next turn tries again.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the pass failed")]
    Pass(#[from] PassError),
    #[error("the poll failed")]
    Poll(#[from] IntakeError),
    #[error("the file is not valid; what was in force stays in force")]
    File(#[from] ConfigError),
    #[error("the file is valid but cannot be used; what was in force stays in force")]
    Enter(#[from] EnterError),
}

impl Trouble {
    fn hint(&self) -> Option<String> {
        match self {
            Trouble::Pass(error) => error.hint(),
            Trouble::Poll(error) => error.hint(),
            Trouble::File(error) => error.hint(),
            Trouble::Enter(error) => error.hint(),
        }
    }

    /// One line in the log: the error, its causes, its mend.
    fn log(&self) {
        let mut causes = Vec::new();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        causes.dedup();
        let hint = self.hint().unwrap_or_default();
        tracing::error!(because = causes.join(": "), hint, "{self}");
    }
}

/// Runs until the end is asked for.
pub async fn run(start: Start, mut stop: Stop) {
    let Start { file, in_force, simulators, store, mode, pulse } = start;
    let now = clock::now();
    // What is in force counts, and not what the file holds by now.
    let known = [(file.clone(), Content::Hash(in_force.origin.digest.clone()))].into();
    let mut daemon = Daemon {
        schedule: Schedule::all_due(in_force.source_names(), now),
        unread: in_force.source_names(),
        watch: Watch::new(watched(&file, &in_force), &known, pulse),
        file,
        in_force,
        simulators,
        store,
        mode,
        pulse,
        shown: None,
        reload: Reload::Settled,
        hangup: unix::signal(SignalKind::hangup()).inspect_err(|error| tracing::warn!(%error, "no SIGHUP here")).ok(),
    };
    daemon.announce();
    while !stop.asked() {
        daemon.turn(&mut stop).await;
        daemon.sleep(&mut stop).await;
    }
    daemon.store.close().await;
    tracing::info!("stopped");
}

struct Daemon {
    file: PathBuf,
    in_force: InForce,
    simulators: Option<Simulators>,
    store: Store,
    mode: Mode,
    pulse: Pulse,
    watch: Watch,
    schedule: Schedule,
    /// Sources whose last read failed, or that were not read yet.
    unread: BTreeSet<SourceName>,
    /// The last plan that a dry run printed.
    shown: Option<String>,
    reload: Reload,
    hangup: Option<Signal>,
}

/// Whether the file is to be read again without being told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reload {
    /// No.
    Settled,
    /// A valid file could not be entered, since Logto could not be asked; to be tried again.
    Wanted(If),
}

/// What makes a file worth entering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum If {
    /// Its bytes differ from those in force.
    Different,
    /// Always: what it refers to may have changed (`.env`, a secret in a file).
    Anyway,
}

impl Daemon {
    fn announce(&self) {
        let InForce { config, origin, catalog, .. } = &self.in_force;
        tracing::info!(
            config = origin.short(),
            products = config.products.len(),
            targets = catalog.targets.len(),
            sources = config.sources.len(),
            dry_run = self.mode == Mode::DryRun,
            "in force"
        );
    }

    /// Polls what is due, then passes over what that brought, or over everything when that is due.
    async fn turn(&mut self, stop: &mut Stop) {
        let when = match self.reload {
            Reload::Wanted(when) => Some(when),
            // What could not enter into force may now, and if it still cannot, that is said again.
            Reload::Settled => self.schedule.full_pass_due(clock::now()).then_some(If::Different),
        };
        if let Some(when) = when {
            tokio::select! {
                () = self.reload(when) => {}
                () = stop.wait() => return,
            }
        }
        let now = clock::now();
        let touched = tokio::select! {
            touched = self.poll(now) => touched,
            () = stop.wait() => return,
        };
        let span = if self.schedule.full_pass_due(now) {
            Span::Full
        } else if touched.is_empty() {
            return;
        } else {
            Span::Quick(touched)
        };
        let every = self.in_force.config.schedule.full_pass;
        match self.pass(&span, now, stop).await {
            Ok(Some(next_change)) if span == Span::Full => {
                self.schedule.passed(every, next_change, fastrand::f64(), now);
            }
            Ok(Some(next_change)) => self.schedule.foresee(next_change),
            Ok(None) => {}
            Err(error) => {
                Trouble::from(error).log();
                // A quick pass that failed is made good by a full one: what it was about is not lost.
                self.schedule.failed(every, now);
            }
        }
    }

    /// Polls every source that is due. One that fails keeps nothing from the others.
    async fn poll(&mut self, now: Timestamp) -> Vec<OrderKey> {
        let mut touched = Vec::new();
        for (source, settings) in self.in_force.sources.iter().zip(&self.in_force.config.sources) {
            if !self.schedule.poll_due(source.name(), now) {
                continue;
            }
            let full_read = settings.full_read.unwrap_or(self.in_force.config.schedule.full_read);
            match intake(source, &self.store, Breadth::Changes, full_read, now).await {
                Ok(taken) => {
                    tracing::debug!(source = %source.name(), orders = taken.orders, pages = taken.pages, "polled");
                    self.unread.remove(source.name());
                    touched.extend(taken.touched);
                }
                Err(error) => {
                    self.unread.insert(source.name().clone());
                    Trouble::from(error).log();
                }
            }
            self.schedule.polled(source.name(), settings.poll, now);
        }
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// One pass. `Ok(None)`: the end was asked for meanwhile.
    async fn pass(
        &mut self,
        span: &Span,
        now: Timestamp,
        stop: &mut Stop,
    ) -> Result<Option<Option<Timestamp>>, PassError> {
        let looking = async {
            if *span == Span::Full {
                self.in_force.refresh().await?;
            }
            look(self.in_force.eyes(&self.store, &self.unread, &|_, _, _| {}, now), span).await
        };
        let sight = tokio::select! {
            sight = looking => sight?,
            () = stop.wait() => return Ok(None),
        };
        for (target, error) in &sight.troubles {
            tracing::warn!(on = target, %error, "could not be read");
        }
        match self.mode {
            Mode::DryRun => self.show(&sight),
            Mode::Live => {
                let writer = self.in_force.client.writer();
                let report = act(&self.in_force, &self.store, &writer, &sight, span, now, stop).await?;
                if report.is_quiet() {
                    tracing::debug!(pass = span.word(), "{}", render::report(&report, Color::Plain).trim_end());
                } else {
                    for line in render::report(&report, Color::Plain).lines() {
                        tracing::info!(pass = span.word(), "{line}");
                    }
                }
            }
        }
        for held in &sight.view.held {
            tracing::warn!(
                user = %held.change.user, on = held.change.target, hold = held.hold, hint = held.lift,
                "{} held: {}", held.change.action, held.reason
            );
        }
        Ok(Some(sight.next_change))
    }

    /// Prints a plan that differs from the one before.
    fn show(&mut self, sight: &Sight) {
        let text = render::text(&sight.view, Color::Plain);
        if self.shown.as_ref() != Some(&text) {
            println!("{text}");
            self.shown = Some(text);
        }
    }

    /// Sleeps until something is due, or somebody wakes it.
    async fn sleep(&mut self, stop: &mut Stop) {
        let mut due = self.schedule.next();
        if matches!(self.reload, Reload::Wanted(_)) {
            due = due.min(clock::now() + SignedDuration::from_secs(5));
        }
        let wait = due.duration_since(clock::now()).max(SignedDuration::from_millis(10));
        let wait = std::time::Duration::try_from(wait).expect("the maximum with a positive time is positive");
        let change = tokio::select! {
            () = tokio::time::sleep(wait) => return,
            () = stop.wait() => return,
            () = hung_up(&mut self.hangup) => None,
            change = self.watch.changed() => Some(change),
        };
        let woken = async {
            match change {
                Some((path, content)) => self.changed(path, content).await,
                None => {
                    tracing::info!("SIGHUP: reading the file again");
                    self.schedule.hurry(clock::now());
                    self.reload(If::Anyway).await;
                }
            }
        };
        tokio::select! {
            () = woken => {}
            () = stop.wait() => {}
        }
    }

    async fn changed(&mut self, path: PathBuf, content: Content) {
        let source =
            self.in_force.config.sources.iter().find(|one| matches!(&one.kind, SourceKind::File(of) if *of == path));
        match (source, content) {
            (Some(source), _) => self.schedule.hurry_source(&source.name, clock::now()),
            (None, _) if path != self.file => self.reload(If::Anyway).await,
            (None, Content::Hash(_)) => self.reload(If::Different).await,
            (None, Content::Gone) => {
                tracing::warn!(file = %path.display(), "the file is gone; what was in force stays in force");
            }
        }
    }

    /// Reads the file again and puts it into force if it is valid and Logto knows its names. What has not
    /// settled is left to the watch, which hands it out when it has.
    async fn reload(&mut self, when: If) {
        self.reload = Reload::Settled;
        let Err(trouble) = self.try_reload(when).await else { return };
        match &trouble {
            Trouble::File(error) => eprint!("{}", error.render(Color::Plain)),
            Trouble::Enter(EnterError::Logto { source, .. }) if source.is_transient() => {
                self.reload = Reload::Wanted(when);
            }
            Trouble::Enter(_) | Trouble::Pass(_) | Trouble::Poll(_) => {}
        }
        trouble.log();
    }

    async fn try_reload(&mut self, when: If) -> Result<(), Trouble> {
        let content = Content::of(&self.file);
        let is_in_force = content == Content::Hash(self.in_force.origin.digest.clone());
        if self.watch.known().get(&self.file) != Some(&content) || (when == If::Different && is_in_force) {
            return Ok(());
        }
        let loaded = config::load(&self.file, &presets())?;
        if content != Content::Hash(loaded.config.digest.clone()) {
            return Ok(());
        }
        let origin = Origin {
            file: self.in_force.origin.file.clone(),
            digest: loaded.config.digest.clone(),
            commit: config::commit_of(&self.file),
        };
        self.in_force = enter(loaded.config, origin, self.simulators.as_ref()).await?;
        let now = clock::now();
        self.unread = self.in_force.source_names();
        self.schedule = Schedule::all_due(self.in_force.source_names(), now);
        self.watch = Watch::new(watched(&self.file, &self.in_force), self.watch.known(), self.pulse);
        self.announce();
        Ok(())
    }
}

/// The presets, as `config` takes them.
pub fn presets() -> Presets {
    Presets::new(PRESETS)
}

/// The file itself, its `.env`, and every source that is a file.
fn watched(file: &std::path::Path, in_force: &InForce) -> Vec<PathBuf> {
    let orders = in_force.config.sources.iter().filter_map(|source| match &source.kind {
        SourceKind::File(path) => Some(path.clone()),
        SourceKind::Http(_) | SourceKind::Sandbox(_) => None,
    });
    [file.to_owned(), file.with_file_name(".env")].into_iter().chain(orders).collect()
}

/// Returns on SIGHUP.
async fn hung_up(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
