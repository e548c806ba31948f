//! Questions about one user or one target, answered as `why`, `history` and `who-has` answer them.
//!
//! Each costs Logto some calls, so that few are answered at the same time.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::error::Fault;
use super::{App, Refused, guard};
use crate::config::render;
use crate::daemon::presets;
use crate::logging::caught_at_once;
use crate::model::{SourceName, Target};
use crate::pass::PassContext;
use crate::pass::explain::{Whom, why};
use crate::pass::holders::who_has;
use crate::pass::preview::{PreviewError, Version, preview as merging};
use crate::report::preview::{People, PreviewDocument};
use crate::report::status::{About, Status};
use crate::report::{Explanation, Holders};
use crate::store::AuditRow;
use crate::text::{Color, clean};

/// So many questions are answered at the same time.
pub(super) const AT_ONCE: usize = 4;

/// Why a user, or whoever has an address, holds what they hold.
pub(super) async fn explained(app: &App, whom: &str) -> Result<Explanation, Fault> {
    let unknown = || Fault::Missing(format!("`{}` is neither a user id nor an address", shown(whom)));
    let whom = Whom::parse(whom).ok_or_else(unknown)?;
    let explained = reporter(app, async move |context: PassContext<'_>| why(context, &whom).await);
    Ok(explained.await??)
}

/// Everything that ever happened to a user's grants, newest first.
pub(super) async fn history(app: &App, explanation: &Explanation) -> Result<Vec<AuditRow>, Fault> {
    let Some(user) = &explanation.user else { return Ok(Vec::new()) };
    let open = app.open().ok_or(Fault::Closed)?;
    let mut rows = open.store.history(user).await?;
    rows.reverse();
    Ok(rows)
}

/// Who holds a target, by its key.
pub(super) async fn holders(app: &App, key: &str) -> Result<Holders, Fault> {
    let unknown = || Fault::Missing(format!("neither the file nor the ledger has the target `{}`", shown(key)));
    let target = Target::from_key(key).ok_or_else(unknown)?;
    let found = reporter(app, async move |context: PassContext<'_>| who_has(context, &target).await);
    found.await??.ok_or_else(unknown)
}

/// A version of the file and its commit, where that is known.
type Text = (String, Option<String>);

/// What merging a version of the file would do.
pub(super) async fn preview(
    app: &App,
    base: Option<Text>,
    head: Text,
    people: People,
) -> Result<PreviewDocument, Fault> {
    let known: Vec<String> = base.iter().chain([&head]).filter_map(|(_, commit)| commit.clone()).collect();
    if known
        .iter()
        .any(|commit| !((7..=64).contains(&commit.len()) && commit.bytes().all(|byte| byte.is_ascii_hexdigit())))
    {
        return Err(Fault::Wrong("`commit` must be the hex digits of a commit".to_owned()));
    }
    let of = |(text, commit): Text| Version { text: text.into(), commit };
    let (base, head) = (base.map(of), of(head));
    let previewed =
        reporter(app, async move |context: PassContext<'_>| merging(context, base, head, &presets(), people).await);
    previewed.await?.map_err(|error| match error {
        PreviewError::Pass(error) => error.into(),
        PreviewError::Invalid { which, text, problems } => {
            let shown = render(&problems, &text, which, Color::Plain);
            Fault::Wrong(format!("the {which} version of the file is not valid\n{shown}"))
        }
        error @ PreviewError::TooLarge { .. } => Fault::Wrong(error.to_string()),
    })
}

/// Looks into a question beside the loop. On a thread of its own: what looks is not made to move between threads.
/// Goes on to its end, and counts until then, also where whoever asked is gone.
async fn reporter<T: Send + 'static>(
    app: &App,
    question: impl AsyncFnOnce(PassContext<'_>) -> T + Send + 'static,
) -> Result<T, Fault> {
    let open = app.open().ok_or(Fault::Closed)?;
    let permit = Arc::clone(app.questions()).try_acquire_owned().map_err(|_| Refused::Busy)?;
    let (unread, now, runtime) = (unread(&app.status()), app.now(), Handle::current());
    let looking = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let quiet = |_: &str, _, _| {};
        let context = open.active.context(&open.store, &unread, &quiet, now);
        caught_at_once(|| runtime.block_on(question(context)))
    });
    let looked = looking.await.map_err(|_| Fault::Closed)?;
    Ok(looked.inspect_err(|fault| guard::tell(&app.0.reading.reporter, fault))?)
}

/// Sources of which nobody can say what they hold now.
fn unread(status: &Status) -> BTreeSet<SourceName> {
    let fails = status.troubles.iter().filter_map(|trouble| match &trouble.about {
        About::Source(name) => Some(name.clone()),
        _ => None,
    });
    let never = status.sources.iter().filter(|source| source.last_success.is_none()).map(|source| source.name.clone());
    fails.chain(never).collect()
}

fn shown(text: &str) -> String {
    clean(text).chars().take(100).collect()
}
