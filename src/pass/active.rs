//! A configuration together with everything it needs to act: the way to Logto, the catalog with every name
//! resolved, the sources.
//!
//! To put one into force, Logto is asked and nothing there is changed. If that fails, what was in force stays.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::config::settings::source::{Auth, SourceKind, SourceSettings};
use crate::config::settings::{Config, LogtoEndpoint};
use crate::logto::{self, Client, LogtoError, Problem, Reader};
use crate::model::{Catalog, KnownNames, ProductId, Rule, SourceName};
use crate::report::Origin;
use crate::secret::Secret;
use crate::source::{Source, SourceError};
use crate::store::{Store, StoreError};
use crate::text::human;

/// Where the simulators answer, when the file asks for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulators {
    /// The simulated Logto.
    pub logto: String,
    /// The simulated shop.
    pub shop: String,
    /// The token that it takes. No secret: it opens nothing but a simulation.
    pub shop_token: String,
}

/// A configuration in force. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ActiveConfig {
    /// The settings.
    pub config: Arc<Config>,
    /// The file they come from.
    pub origin: Origin,
    /// The way to Logto.
    pub client: Client,
    /// Its reading half.
    pub reader: Reader,
    /// What products entitle to.
    pub catalog: Arc<Catalog>,
    /// Names of the file that Logto does not know, or that must not be used: the trouble of their targets alone.
    pub unresolved: Arc<[Problem]>,
    /// Names that stand for another id than before.
    pub another: Arc<[Problem]>,
    /// What each name stood for when Logto last knew it.
    pub names: Arc<KnownNames>,
    /// Where the simulators answer, where any part of this runs on them.
    pub simulators: Option<Simulators>,
    /// The payment APIs.
    pub sources: Arc<[Source]>,
}

/// Why a valid file cannot enter into force.
#[derive(Debug, thiserror::Error)]
pub enum ActivateError {
    /// It asks for the simulators, and whoever enters it has none.
    #[error("`sandbox` cannot be switched on while running")]
    NoSimulators,
    /// Logto could not be asked.
    #[error("Logto at {endpoint} cannot be used")]
    Logto {
        /// Where it should be.
        endpoint: String,
        /// Why not.
        #[source]
        source: Box<LogtoError>,
    },
    /// Names that Logto does not know, or that must not be used.
    #[error("{} in `{file}` cannot be resolved in Logto", human::count(problems.len() as u64, "name"))]
    Names {
        /// The file.
        file: String,
        /// Each with its place.
        problems: Vec<Problem>,
    },
    /// A source cannot be set up.
    #[error("source `{name}` cannot be used")]
    Source {
        /// Which one.
        name: SourceName,
        /// Why not.
        #[source]
        source: Box<SourceError>,
    },
}

impl ActivateError {
    /// What would mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ActivateError::Logto { source, .. } => source.hint(),
            ActivateError::Source { source, .. } => source.hint(),
            ActivateError::Names { .. } => None,
            ActivateError::NoSimulators => Some("restart `entitled`: the simulators start with it".to_owned()),
        }
    }
}

/// Whether any part of a configuration runs on the simulators.
pub fn needs_simulators(config: &Config) -> bool {
    config.logto.endpoint == LogtoEndpoint::Sandbox
        || config.sources.iter().any(|source| matches!(source.kind, SourceKind::Sandbox(_)))
}

/// Checks the credentials, resolves every name, sets up every source.
///
/// Flow: the client of Logto, the sources, one call that shows whether Logto lets us in, then the names.
///
/// Guarantees: changes nothing, neither in Logto nor in the store. What was in force before stays so where this fails.
///
/// Assumes a configuration that `config` has checked. No source is asked anything: whether it answers is found out
/// when it is read.
///
/// # Errors
/// [`ActivateError`]: Logto does not let us in or does not answer, a source cannot be set up, a name does not resolve,
/// or the simulators are wanted and do not run.
pub async fn activate(
    config: Config,
    origin: Origin,
    simulators: Option<&Simulators>,
) -> Result<ActiveConfig, ActivateError> {
    let active = activate_knowing(config, origin, simulators, &KnownNames::new()).await?;
    if !active.unresolved.is_empty() {
        return Err(ActivateError::Names { file: active.origin.file, problems: active.unresolved.to_vec() });
    }
    Ok(active)
}

/// The same where a name that does not resolve is the trouble of its targets alone. `known`: what names stood for
/// before.
pub async fn activate_knowing(
    config: Config,
    origin: Origin,
    simulators: Option<&Simulators>,
    known: &KnownNames,
) -> Result<ActiveConfig, ActivateError> {
    let endpoint = match (&config.logto.endpoint, simulators) {
        (LogtoEndpoint::Url(url), _) => url.clone(),
        (LogtoEndpoint::Sandbox, Some(simulators)) => simulators.logto.clone(),
        (LogtoEndpoint::Sandbox, None) => return Err(ActivateError::NoSimulators),
    };
    let client = Client::new(&endpoint, &config.logto);
    let source = |settings| Ok(set_up(settings, simulators)?.beside(client.skew()));
    let sources = config.sources.iter().map(source).collect::<Result<_, _>>()?;
    let reader = client.reader();
    let failed = |error| ActivateError::Logto { endpoint: endpoint.clone(), source: Box::new(error) };
    reader.probe().await.map_err(failed)?;
    let resolved =
        logto::resolve_knowing(&reader, &config.products, &config.protected_roles, known).await.map_err(failed)?;
    let catalog = with_slack(resolved.catalog, &config);
    let (unresolved, another) = (resolved.problems.into(), resolved.another.into());
    let mut names = known.clone();
    names.extend(resolved.names);
    let names = Arc::new(names);
    let (config, catalog) = (Arc::new(config), Arc::new(catalog));
    let simulators = simulators.filter(|_| needs_simulators(&config)).cloned();
    Ok(ActiveConfig { config, origin, client, reader, catalog, unresolved, another, names, simulators, sources })
}

impl ActiveConfig {
    /// Resolves the names anew, since roles come and go. A name that is gone is reported, and what it stood
    /// for keeps its last id: where nothing is there any more its grants are held, and all others go on.
    pub async fn refresh(&mut self) -> Result<(), LogtoError> {
        self.resolve_anew().await?;
        self.warn_of_names();
        Ok(())
    }

    /// The same, and says nothing in the log.
    pub async fn resolve_anew(&mut self) -> Result<(), LogtoError> {
        let Config { products, protected_roles, .. } = &*self.config;
        let resolved = logto::resolve_knowing(&self.reader, products, protected_roles, &self.names).await?;
        self.catalog = Arc::new(with_slack(resolved.catalog, &self.config));
        self.unresolved = resolved.problems.into();
        self.another = resolved.another.into();
        let mut names = (*self.names).clone();
        names.extend(resolved.names);
        self.names = Arc::new(names);
        Ok(())
    }

    /// Says in the log which names do not resolve, and which stand for something else than before.
    pub fn warn_of_names(&self) {
        for problem in self.unresolved.iter().chain(&*self.another) {
            let hint = problem.hint.as_deref().unwrap_or_default();
            tracing::warn!(line = problem.line, hint, "{}", problem.message);
        }
    }

    /// Carries over what the store knows of sources under the names that they had before, and of products that the file
    /// names otherwise. Once done, it does nothing. Comes before anything is read or planned: an order that is read
    /// under the new name first would be new.
    pub async fn carry_over(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        for source in &self.config.sources {
            carry_over_one(source, store, now).await?;
        }
        store.carry_mappings(&self.other_keys()).await
    }

    /// Under which keys each product of the file may have stood when it meant the same: before it was said of one
    /// source alone, or while each of the sources had a rule of its own.
    fn other_keys(&self) -> Vec<(String, Vec<String>)> {
        let rules = &self.catalog.products;
        let has_own = |product: &ProductId, source: &SourceName| {
            rules.iter().any(|rule| rule.product == *product && rule.source.as_ref() == Some(source))
        };
        let of = |rule: &Rule| match &rule.source {
            Some(_) => vec![rule.product.to_string()],
            None => {
                let names = self.config.sources.iter().map(|source| &source.name);
                let here = names.filter(|source| !has_own(&rule.product, source));
                here.map(|source| Rule { source: Some(source.clone()), ..rule.clone() }.key()).collect()
            }
        };
        rules.iter().map(|rule| (rule.key(), of(rule))).collect()
    }

    /// The names of all sources.
    pub fn source_names(&self) -> BTreeSet<SourceName> {
        self.sources.iter().map(|source| source.name().clone()).collect()
    }
}

/// The same for one source alone.
pub async fn carry_over_one(source: &SourceSettings, store: &Store, now: Timestamp) -> Result<(), StoreError> {
    // Before anything is carried over: what two shops call alike must not become one order.
    let names: Vec<&SourceName> = source.was.iter().chain([&source.name]).collect();
    for (at, was) in names.iter().enumerate() {
        for name in &names[at + 1..] {
            if let Some(order) = store.same_id(was, name).await? {
                return Err(StoreError::SameIds { was: (*was).clone(), name: (*name).clone(), order });
            }
        }
    }
    for was in &source.was {
        if store.knows(was).await? {
            store.rename_source(was, &source.name, now).await?;
            if !store.is_scratch() {
                tracing::info!(source = %source.name, %was, "all that is known under the old name was carried over");
            }
        }
    }
    Ok(())
}

/// The catalog of a configuration by what its names stood for before, for whoever asks nobody.
pub fn remembered_catalog(config: &Config, known: &KnownNames) -> Catalog {
    with_slack(logto::resolve_unasked(&config.products, &config.protected_roles, known), config)
}

/// What the sources of the file add to the catalog.
fn with_slack(catalog: Catalog, config: &Config) -> Catalog {
    let of = |source: &SourceSettings| {
        (source.name.clone(), u32::try_from(source.slack.as_secs().max(0)).unwrap_or(u32::MAX))
    };
    Catalog { slack: config.sources.iter().map(of).collect(), ..catalog }
}

/// A source, ready to be read: at its own address, or at that of the simulated shop.
pub fn set_up(settings: &SourceSettings, simulators: Option<&Simulators>) -> Result<Source, ActivateError> {
    let mut settings = settings.clone();
    if let SourceKind::Sandbox(http) = &mut settings.kind {
        let simulators = simulators.ok_or(ActivateError::NoSimulators)?;
        http.base_url.clone_from(&simulators.shop);
        http.auth = Auth::Bearer(Secret::new(simulators.shop_token.clone()));
    }
    Source::new(&settings).map_err(|error| ActivateError::Source { name: settings.name, source: Box::new(error) })
}
