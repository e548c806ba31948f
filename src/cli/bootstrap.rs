//! What every command that looks at Logto opens first: the file, the simulators, the store, the names.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::file::load;
use super::progress::Bars;
use super::standing::{Standing, place, standing};
use super::{Context, Exit, Failure};
use crate::config::Unresolved;
use crate::config::settings::Config;
use crate::daemon::{refused, trouble, unresolved};
use crate::model::SourceName;
use crate::pass::active::{ActivateError, ActiveConfig, Simulators};
use crate::pass::ingest::{IngestError, Interrupted, ReadScope, ingest};
use crate::pass::{PassScope, PlannedPass, active, kept, plan_pass};
use crate::report::run::RunReport;
use crate::report::status::{About, Trouble};
use crate::sandbox::{Running, SHOP_TOKEN, Seed};
use crate::store::{Store, StoreError, lease};
use crate::{clock, config, sandbox, store};

/// Which store a command works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// The real one.
    Real,
    /// A copy that is thrown away: nothing that a dry run learns is kept.
    Scratch,
}

/// Everything that is open.
pub(super) struct Opened {
    pub(super) active: ActiveConfig,
    pub(super) store: Store,
    pub(super) simulators: Option<Simulators>,
    /// Dropping it stops the simulators.
    pub(super) running: Option<Running>,
    /// The text of the file, for the lines that messages show.
    text: String,
    /// What the command went on without.
    left_out: Mutex<Vec<Failure>>,
}

/// Leaves in the store why a pass did not come about, unless somebody else writes to it: then that is theirs to say.
pub(super) async fn note_failure(context: &Context, failure: &Failure) {
    let (path, now) = (place(context), clock::now());
    let Some(trouble) = failure.told(now).filter(|_| path.exists()) else { return };
    let Ok(Ok(_lease)) = lease::take(&path) else { return };
    if let Ok(store) = Store::open(&path).await {
        // What could not be written down is said on the terminal all the same.
        let _unsaid = kept::keep_trouble(&store, trouble).await;
        store.close().await;
    }
}

/// Opens everything that `run`, `plan` and `apply` need.
pub(super) async fn open(context: &Context, keep: Keep) -> Result<Opened, Failure> {
    let (config, origin, text) = load(context)?;
    open_with(context, keep, Standing { config, origin, text, broken: None }).await
}

/// The same with a configuration that may be the one that was in force last.
pub(super) async fn open_with(context: &Context, keep: Keep, standing: Standing) -> Result<Opened, Failure> {
    let store = open_store(context, keep, &standing.config).await?;
    open_on(context, keep, standing, store).await
}

/// The store that a configuration names, or a copy of it.
pub(super) async fn open_store(context: &Context, keep: Keep, config: &Config) -> Result<Store, Failure> {
    match keep {
        Keep::Real => real_store(context, &config.store).await,
        Keep::Scratch => Ok(Store::scratch(&config.store).await?),
    }
}

/// All the rest, on a store that is open.
pub(super) async fn open_on(
    context: &Context,
    keep: Keep,
    standing: Standing,
    store: Store,
) -> Result<Opened, Failure> {
    let Standing { config, origin, text, .. } = standing;
    let (running, simulators) = simulate(&config, Some(state_beside(&config.store))).await?;
    let known = store.known_names().await?;
    let active = active::activate_knowing(config, origin, simulators.as_ref(), &known).await;
    let active = active.map_err(|error| names(context, &text, error))?;
    for problem in &*active.another {
        let note = context.notes.paint("1;33", "note");
        crate::cli::tell(format_args!("{note}: line {}: {}", problem.line, problem.message));
    }
    if keep == Keep::Scratch {
        active.carry_over(&store, clock::now()).await?;
    }
    Ok(Opened { active, store, simulators, running, text, left_out: Mutex::default() })
}

/// The same for whoever writes down what is ours and does nothing else, beside a running daemon if there is one.
/// Sources go by the names that they have now: a daemon sees to that, and where none holds the lease, this does.
pub(super) async fn open_ledger(context: &Context) -> Result<Opened, Failure> {
    let opened = open_with(context, Keep::Real, standing(context).await?).await?;
    if let Ok(_lease) = lease::take(&opened.active.config.store)? {
        opened.active.carry_over(&opened.store, clock::now()).await?;
    }
    Ok(opened)
}

/// The store itself. A damaged one is moved aside for a new one, unless somebody else is writing to it: then
/// that is theirs to find out. A new ledger only adds.
async fn real_store(context: &Context, path: &Path) -> Result<Store, Failure> {
    let Ok(_lease) = lease::take(path)? else { return Ok(Store::open(path).await?) };
    let (store, opened) = Store::open_or_salvage(path, clock::now()).await?;
    if let store::Opened::Replaced { aside, why } = opened {
        let warning = context.notes.paint("1;33", "warning");
        let (path, aside) = (path.display(), aside.display());
        crate::cli::tell(format_args!(
            "{warning}: the store `{path}` is damaged ({why}); it was moved to `{aside}`, and a new one is started"
        ));
        let hint = context.notes.paint("1;36", "hint");
        crate::cli::tell(format_args!(
            "{hint}: nothing is lost in Logto: the first pass adopts what orders explain and takes nothing away"
        ));
    }
    Ok(store)
}

/// A name that does not resolve is shown like any other problem of the file: with its line and a caret.
fn names(context: &Context, text: &str, error: ActivateError) -> Failure {
    let body = match &error {
        ActivateError::Names { problems, .. } => {
            let names = problems.iter().map(|problem| Unresolved {
                line: problem.line,
                column: problem.column,
                message: &problem.message,
                hint: problem.hint.as_deref(),
            });
            config::render_names(names, text, &context.file.display().to_string(), context.notes)
        }
        ActivateError::Logto { .. } | ActivateError::Source { .. } | ActivateError::NoSimulators => String::new(),
    };
    let passing = matches!(&error, ActivateError::Logto { source, .. } if source.is_transient());
    let about = match &error {
        ActivateError::Logto { .. } => About::Logto,
        ActivateError::Source { name, .. } => About::Source(name.clone()),
        ActivateError::Names { .. } | ActivateError::NoSimulators => About::File,
    };
    let failure = Failure::from(error).with_body(body).about(about);
    if passing { failure.passing() } else { failure }
}

/// Starts the simulators where the file asks for them. Without a `state` nothing of them is kept.
pub(super) async fn simulate(
    config: &Config,
    state: Option<PathBuf>,
) -> Result<(Option<Running>, Option<Simulators>), Failure> {
    if !active::needs_simulators(config) {
        return Ok((None, None));
    }
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = sandbox::Options { logto: anywhere, shop: anywhere, state, seed: Some(Seed::demo()) };
    let running = sandbox::start(options).await?;
    let simulators = Simulators {
        logto: running.logto_url().to_owned(),
        shop: running.shop_url().to_owned(),
        shop_token: SHOP_TOKEN.to_owned(),
    };
    Ok((Some(running), Some(simulators)))
}

/// Where the simulators keep their state: beside the store.
pub(super) fn state_beside(store: &Path) -> PathBuf {
    store.with_extension("sandbox.json")
}

impl Opened {
    /// Reads every source, then looks at every target. A source that fails is left out and told at the end: what
    /// is known of its orders stays.
    pub(super) async fn plan_pass(&self, now: Timestamp) -> Result<PlannedPass, Failure> {
        let unread = self.read(ReadScope::Changes, now).await?;
        let bars = Bars::default();
        let report = |target: &str, done, total| bars.report(target, done, total);
        let planned = plan_pass(self.active.context(&self.store, &unread, &report, now), &PassScope::Full).await?;
        for (target, error) in &planned.troubles {
            tracing::warn!(target_name = target, %error, "could not be read");
        }
        Ok(planned)
    }

    /// Reads every source, each under the name that it has now. Whoever writes to the real store holds the lease.
    /// Yields those that could not be read.
    pub(super) async fn read(&self, scope: ReadScope, now: Timestamp) -> Result<BTreeSet<SourceName>, Failure> {
        let mut unread = BTreeSet::new();
        let config = &self.active.config;
        for settings in &config.sources {
            active::carry_over_one(settings, &self.store, now).await.map_err(|error| match error {
                error @ StoreError::SameIds { .. } => Failure::from(error).about(About::Source(settings.name.clone())),
                error => error.into(),
            })?;
        }
        for (source, settings) in self.active.sources.iter().zip(&config.sources) {
            let full_read = settings.full_read.unwrap_or(config.schedule.full_read);
            let taken = match ingest(source, &self.store, scope, full_read, now).await {
                Ok(taken) => taken,
                Err(Interrupted { error: error @ IngestError::Source { .. }, .. }) => {
                    unread.insert(source.name().clone());
                    let failure = Failure::from(error).about(About::Source(source.name().clone()));
                    self.left_out.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
                    continue;
                }
                Err(Interrupted { error, .. }) => return Err(error.into()),
            };
            tracing::debug!(source = %source.name(), orders = taken.orders, pages = taken.pages, "source read");
        }
        Ok(unread)
    }

    /// What one pass found not to work, as a status says it.
    pub(super) fn troubles(&self, planned: &PlannedPass, report: &RunReport, now: Timestamp) -> Vec<Trouble> {
        let left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        let mut troubles: Vec<Trouble> = left_out.iter().filter_map(|failure| failure.told(now)).collect();
        troubles.extend(self.active.unresolved.iter().map(|problem| unresolved(problem, now)));
        let unread = planned.troubles.iter();
        troubles.extend(unread.map(|(on, error)| trouble(About::Target(on.clone()), error, error.hint(), now)));
        let hint = "the next pass tries it again";
        troubles.extend(report.lines.iter().find_map(|line| refused(line, report.figures().failed, hint, now)));
        troubles
    }

    /// How a command ends that would end so: failed, with the list of what it went on without, if there is any.
    pub(super) fn ended(&self, context: &Context, exit: Exit) -> Exit {
        let mut left_out = std::mem::take(&mut *self.left_out.lock().unwrap_or_else(PoisonError::into_inner));
        if !self.active.unresolved.is_empty() {
            let (file, problems) = (self.active.origin.file.clone(), self.active.unresolved.to_vec());
            left_out.push(names(context, &self.text, ActivateError::Names { file, problems }));
        }
        for failure in &left_out {
            crate::logging::note!("{}", failure.render(context.notes));
        }
        if left_out.is_empty() { exit } else { Exit::Failed }
    }
}
