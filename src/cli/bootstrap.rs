//! What every command that looks at Logto opens first: the file, the simulators, the store, the names.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::progress::Bars;
use super::{Context, Failure};
use crate::config::settings::Config;
use crate::config::{ConfigError, Unresolved};
use crate::daemon::presets;
use crate::pass::active::{ActivateError, ActiveConfig, Simulators};
use crate::pass::ingest::{ReadScope, ingest};
use crate::pass::{PassScope, PlannedPass, active, plan_pass};
use crate::report::Origin;
use crate::sandbox::{Running, SHOP_TOKEN, Seed};
use crate::store::{Store, lease};
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
}

/// The file, checked, and its text; its warnings are printed.
pub(super) fn load(context: &Context) -> Result<(Config, Origin, String), Failure> {
    let loaded = config::load(&context.file, &presets()).map_err(|error| invalid(context, error))?;
    eprint!("{}", config::render(&loaded.warnings, &loaded.text, &context.file.display().to_string(), context.notes));
    let origin = Origin {
        file: file_name(&context.file),
        digest: loaded.config.digest.clone(),
        commit: config::commit_of(&context.file, &loaded.config.blob, &loaded.config.digest),
    };
    Ok((loaded.config, origin, loaded.text))
}

/// The last part of a path, which is how people call the file.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

pub(super) fn invalid(context: &Context, error: ConfigError) -> Failure {
    let body = error.render(context.notes);
    let hint = error.hint();
    Failure::new(error, hint).with_body(body)
}

/// Opens everything that `run`, `plan` and `apply` need.
pub(super) async fn open(context: &Context, keep: Keep) -> Result<Opened, Failure> {
    let (config, origin, text) = load(context)?;
    let (running, simulators) = simulate(&config, Some(state_beside(&config.store))).await?;
    let store = match keep {
        Keep::Real => real_store(context, &config.store).await?,
        Keep::Scratch => Store::scratch(&config.store).await?,
    };
    let active = active::activate(config, origin, simulators.as_ref()).await;
    let active = active.map_err(|error| names(context, &text, error))?;
    if keep == Keep::Scratch {
        active.carry_over(&store, clock::now()).await?;
    }
    Ok(Opened { active, store, simulators, running })
}

/// The same for whoever writes down what is ours and does nothing else, beside a running daemon if there is one.
/// Sources go by the names that they have now: a daemon sees to that, and where none holds the lease, this does.
pub(super) async fn open_ledger(context: &Context) -> Result<Opened, Failure> {
    let opened = open(context, Keep::Real).await?;
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
        eprintln!("{warning}: the store `{path}` is damaged ({why}); it lies at `{aside}` now, and a new one begins");
        let hint = context.notes.paint("1;36", "hint");
        eprintln!("{hint}: nothing is lost in Logto: the first pass adopts what orders explain and takes nothing away");
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
    let failure = Failure::from(error).with_body(body);
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
    /// Reads every source, then looks at every target. Any source that fails ends it: a command that runs
    /// once has nothing to fall back on.
    pub(super) async fn plan_pass(&self, now: Timestamp) -> Result<PlannedPass, Failure> {
        self.read(ReadScope::Changes, now).await?;
        let bars = Bars::default();
        let unread = BTreeSet::new();
        let report = |target: &str, done, total| bars.report(target, done, total);
        let planned = plan_pass(self.active.context(&self.store, &unread, &report, now), &PassScope::Full).await?;
        for (target, error) in &planned.troubles {
            tracing::warn!(target_name = target, %error, "could not be read");
        }
        Ok(planned)
    }

    /// Reads every source, each under the name that it has now. Whoever writes to the real store holds the lease.
    pub(super) async fn read(&self, scope: ReadScope, now: Timestamp) -> Result<(), Failure> {
        self.active.carry_over(&self.store, now).await?;
        let config = &self.active.config;
        for (source, settings) in self.active.sources.iter().zip(&config.sources) {
            let full_read = settings.full_read.unwrap_or(config.schedule.full_read);
            let taken = ingest(source, &self.store, scope, full_read, now).await?;
            tracing::debug!(source = %source.name(), orders = taken.orders, pages = taken.pages, "source read");
        }
        Ok(())
    }
}
