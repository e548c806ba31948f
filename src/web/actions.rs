//! What a person may do from outside: approve, freeze, unfreeze, ask for a pass. For the API and for the page.
//!
//! Writes down what was said, as the commands of the same names do, and wakes the loop, which heeds it. Never
//! writes to Logto.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::App;
use super::error::Fault;
use crate::config;
use crate::daemon::{Hint, LiveState};
use crate::pass::approved;
use crate::report::status::Mode;
use crate::store::{Approval, Freeze, FreezeScope};
use crate::text::clean;

/// How long an approval waits for a pass.
const VALID: SignedDuration = SignedDuration::from_hours(24);
/// The longest note or reason, in characters.
const LONGEST: usize = 500;

/// Who said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Through {
    /// A program.
    Api,
    /// A person with a browser.
    Page,
}

impl Through {
    /// As the audit trail has it.
    fn who(self) -> String {
        match self {
            Through::Api => "the API".to_owned(),
            Through::Page => "the page".to_owned(),
        }
    }
}

/// Lets the held set with this digest through, once. Only what is held now can be let through.
pub(super) async fn approve(
    app: &App,
    digest: &str,
    note: Option<String>,
    through: Through,
) -> Result<Approval, Fault> {
    let open = writable(app)?;
    let status = app.status();
    let set: Vec<_> = status.held.iter().filter(|held| held.set.as_deref() == Some(digest)).collect();
    if set.is_empty() {
        return Err(Fault::NotHeld(clean(digest).chars().take(64).collect()));
    }
    let now = app.now();
    let note = note.map(|note| line(&note)).filter(|note| !note.is_empty());
    let approval = Approval {
        digest: digest.to_owned(),
        who: through.who(),
        created: now,
        expires: now + VALID,
        note,
        undoes: None,
    };
    approved::approve(&open.store, &approval, &set).await?;
    app.trigger().trigger(Hint::Targets);
    Ok(approval)
}

/// Stops revocations, or every write, for a time.
pub(super) async fn freeze(
    app: &App,
    length: &str,
    reason: &str,
    scope: FreezeScope,
    through: Through,
) -> Result<Freeze, Fault> {
    let open = writable(app)?;
    let length = match config::duration(length) {
        Ok(SignedDuration::ZERO) => return Err(Fault::Wrong("a freeze must be longer than zero".to_owned())),
        Ok(length) => length,
        Err(why) => return Err(Fault::Wrong(why)),
    };
    let reason = line(reason);
    if reason.is_empty() {
        return Err(Fault::Wrong("a freeze needs a reason, which every plan shows".to_owned()));
    }
    let since = app.now();
    let until = since.checked_add(length).map_err(|_| Fault::Wrong("a freeze must end".to_owned()))?;
    let freeze = Freeze { scope, since, until, reason, who: through.who() };
    open.store.freeze(&freeze).await?;
    app.trigger().trigger(Hint::Targets);
    Ok(freeze)
}

/// Ends every freeze. How many ended.
pub(super) async fn unfreeze(app: &App, through: Through) -> Result<usize, Fault> {
    let open = writable(app)?;
    let ended = open.store.unfreeze(&through.who(), app.now()).await?;
    app.trigger().trigger(Hint::Targets);
    Ok(ended)
}

/// Asks for a pass over everything, every source polled first. When it was asked for.
pub(super) fn reconcile(app: &App) -> Result<Timestamp, Fault> {
    app.open().ok_or(Fault::Closed)?;
    app.trigger().trigger(Hint::Everything);
    Ok(app.now())
}

fn writable(app: &App) -> Result<Arc<LiveState>, Fault> {
    let open = app.open().ok_or(Fault::Closed)?;
    match app.status().mode {
        Mode::Live => Ok(open),
        Mode::DryRun => Err(Fault::DryRun),
    }
}

/// One line of bounded length.
fn line(text: &str) -> String {
    clean(text).trim().chars().take(LONGEST).collect()
}
