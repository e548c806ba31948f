//! What merging a version of the file would do, by what the store knows: two plans of the same moment, and what the one
//! has beyond the other.
//!
//! Safe against whoever proposes: what is an operator's stays as it is in force, no reference is resolved, no address
//! called and no file read. Keeps nothing, and asks nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::active::remembered_catalog;
use super::foreseen::foresee;
use super::{PassContext, PassError};
use crate::config::diagnostic::Diagnostic;
use crate::config::settings::{Config, WantedTarget};
use crate::config::{MOST_PROPOSED, Presets, check_proposal, not_previewed};
use crate::model::{KnownNames, ORGANIZATION, ORGANIZATION_ROLE, ROLE};
use crate::report::preview::{People, PreviewDocument, difference};
use crate::report::{Origin, PlanDocument};

/// A version of the file.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its text.
    pub text: Arc<str>,
    /// The commit that it is of, where somebody says so.
    pub commit: Option<String>,
}

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// A version is not valid.
    #[error("the {which} version of the file is not valid")]
    Invalid {
        /// `base` or `proposed`.
        which: &'static str,
        /// Its text.
        text: String,
        /// What is wrong with it.
        problems: Vec<Diagnostic>,
    },
    /// A version is larger than any that is previewed.
    #[error("the {which} version of the file is larger than {} KiB", MOST_PROPOSED / 1024)]
    TooLarge {
        /// `base` or `proposed`.
        which: &'static str,
    },
    /// The store, since nobody else is asked.
    #[error(transparent)]
    Pass(#[from] PassError),
}

/// What merging `head` onto `base` would do. `base`: what is in force, where it is `None`. `context`: that of what is in
/// force.
pub async fn preview(
    context: PassContext<'_>,
    base: Option<Version>,
    head: Version,
    presets: &Presets,
    people: People,
) -> Result<PreviewDocument, PreviewError> {
    let in_force = context.config;
    let base =
        base.unwrap_or_else(|| Version { text: Arc::clone(&in_force.text), commit: context.origin.commit.clone() });
    let before = side(context, "base", &base, presets).await?;
    let after = side(context, "proposed", &head, presets).await?;
    let (mut groups, targets, summary) = difference(&before.view, &after.view, people);
    groups.iter_mut().for_each(|group| group.line = group.line.or_else(|| after.line_of(group.product.as_deref()?)));
    let is_in_force = before.view.config.digest == in_force.digest;
    Ok(PreviewDocument {
        version: PreviewDocument::VERSION,
        at: context.now,
        base: before.view.config,
        head: after.view.config,
        in_force: (!is_in_force).then(|| context.origin.clone()),
        seen: context.store.last_full_pass().await.map_err(PassError::from)?,
        groups,
        targets,
        not_previewed: not_previewed(&head.text, &in_force.text),
        unseen: after.unseen.into_iter().collect(),
        unset: after.unset.into_iter().collect(),
        summary,
    })
}

/// The plan of one version, and what is not known of it.
struct Side {
    view: PlanDocument,
    unseen: BTreeSet<String>,
    unset: BTreeSet<String>,
    /// The line of each product, by its key, its name and its ids.
    lines: BTreeMap<String, u32>,
}

impl Side {
    /// Where a product stands: what it gives no more has no line of its own.
    fn line_of(&self, product: &str) -> Option<u32> {
        self.lines.get(product).copied()
    }
}

async fn side(
    context: PassContext<'_>,
    which: &'static str,
    version: &Version,
    presets: &Presets,
) -> Result<Side, PreviewError> {
    if version.text.len() > MOST_PROPOSED {
        return Err(PreviewError::TooLarge { which });
    }
    let file = Path::new(&context.origin.file);
    let proposal = check_proposal(&version.text, file, &context.config.public, presets);
    let invalid = |problems| PreviewError::Invalid { which, text: version.text.to_string(), problems };
    let proposal = proposal.map_err(invalid)?;
    let unset = proposal.unset.clone();
    let config = proposal.beside(context.config);
    let origin =
        Origin { file: context.origin.file.clone(), digest: config.digest.clone(), commit: version.commit.clone() };
    let (names, made_up) = with_new_names(&config, context.names);
    let catalog = remembered_catalog(&config, &names);
    let known: BTreeSet<String> =
        context.store.mappings().await.map_err(PassError::from)?.into_iter().map(|one| one.target).collect();
    let context = PassContext { config: &config, origin: &origin, catalog: &catalog, names: &names, ..context };
    let view = foresee(context).await?.view;
    let given: BTreeSet<&str> = catalog.targets.iter().map(|entry| entry.name.as_str()).collect();
    let is_unseen = |key: &str| !known.contains(key) || made_up.iter().any(|id| key.contains(id.as_str()));
    let unseen = view.targets.iter().filter(|target| given.contains(target.name.as_str()) && is_unseen(&target.key));
    let unseen = unseen.map(|target| target.name.clone()).collect();
    let named = config.products.iter().flat_map(|product| {
        let ids = product.ids.iter().map(|sold| sold.id.to_string());
        ids.chain([product.key.clone(), product.name.clone()]).map(|name| (name, product.line))
    });
    Ok(Side { view, unseen, unset, lines: named.collect() })
}

/// What names stand for, and something for those that nobody has looked up yet: whoever writes an id means that id, and
/// of a name it is enough that nothing else has it.
fn with_new_names(config: &Config, known: &KnownNames) -> (KnownNames, BTreeSet<String>) {
    let mut wanted: BTreeSet<(&str, &str)> = BTreeSet::new();
    for one in config.products.iter().flat_map(|product| &product.entitlements) {
        match &one.what {
            WantedTarget::Role(role) => _ = wanted.insert((ROLE, role)),
            WantedTarget::Membership(organization) => _ = wanted.insert((ORGANIZATION, organization)),
            WantedTarget::OrganizationRole { organization, role } => {
                wanted.insert((ORGANIZATION, organization));
                wanted.insert((ORGANIZATION_ROLE, role));
            }
        }
    }
    let (mut names, mut made_up) = (known.clone(), BTreeSet::new());
    for (kind, name) in wanted {
        names.entry((kind.to_owned(), name.to_owned())).or_insert_with(|| {
            made_up.insert(name.to_owned());
            name.to_owned()
        });
    }
    (names, made_up)
}
