//! What a pass leaves in the store of what it withheld and of what did not work, so that `status` and `approve` need
//! nothing but the store.

use std::collections::BTreeSet;

use super::{Looked, PlannedPass};
use crate::model::{RunId, UserId};
use crate::report::HeldChange;
use crate::report::status::{About, Trouble};
use crate::secret::redacted;
use crate::store::{HeldOf, HeldRow, Store, StoreError, TroubleRow};

/// Leaves what a plan withholds, before any of the rest is carried out.
/// `overtaken`: users whom another pass was about since this one looked.
pub async fn keep_held(store: &Store, planned: &PlannedPass, overtaken: &BTreeSet<UserId>) -> Result<(), StoreError> {
    let but: Vec<UserId> = overtaken.iter().cloned().collect();
    let theirs: Vec<UserId>;
    let of = match &planned.looked {
        Looked::AtAll => HeldOf::AllBut(&but),
        Looked::At { users, .. } => {
            theirs = users.difference(overtaken).cloned().collect();
            HeldOf::Users(&theirs)
        }
    };
    let held = planned.view.held.iter().filter(|held| !overtaken.contains(&held.change.user));
    store.note_held(of, &rows(held)).await
}

/// The same of a plan that takes a run back.
pub async fn keep_held_undoing(store: &Store, run: &RunId, planned: &PlannedPass) -> Result<(), StoreError> {
    store.note_held(HeldOf::Undoing(run), &rows(planned.view.held.iter())).await
}

/// What the last passes withheld, or what taking a run back did.
pub async fn held(store: &Store, undoes: Option<&RunId>) -> Result<Vec<HeldChange>, StoreError> {
    let documents = store.held(undoes).await?;
    // What another version wrote down in another way is for its own next pass.
    Ok(documents.iter().filter_map(|document| serde_json::from_str(document).ok()).collect())
}

/// Leaves what does not work now; what is not among it works. Troubles that end with their process are left out.
pub async fn keep_troubles(store: &Store, troubles: &[Trouble]) -> Result<(), StoreError> {
    let kept: Vec<TroubleRow> = troubles.iter().filter(|trouble| outlasts(&trouble.about)).filter_map(row).collect();
    store.note_troubles(&kept).await
}

/// Leaves one trouble beside those that are known.
pub async fn keep_trouble(store: &Store, trouble: Trouble) -> Result<(), StoreError> {
    let mut all = troubles(store).await?;
    all.retain(|known| known.about != trouble.about);
    all.push(trouble);
    keep_troubles(store, &all).await
}

/// What did not work when that was last said, worst first.
pub async fn troubles(store: &Store) -> Result<Vec<Trouble>, StoreError> {
    let rows = store.troubles().await?;
    let read = |row: TroubleRow| {
        let trouble: Trouble = serde_json::from_str(&row.document).ok()?;
        Some(Trouble { since: row.since, ..trouble })
    };
    let mut troubles: Vec<Trouble> = rows.into_iter().filter_map(read).collect();
    troubles.sort_by(|a, b| a.about.cmp(&b.about));
    Ok(troubles)
}

fn outlasts(about: &About) -> bool {
    match about {
        About::Logto | About::File | About::Source(_) | About::Target(_) | About::Changes => true,
        About::Store | About::Listener | About::Program => false,
    }
}

fn row(trouble: &Trouble) -> Option<TroubleRow> {
    let about = serde_json::to_string(&trouble.about).ok()?;
    let document = document(trouble)?;
    Some(TroubleRow { about, since: trouble.since, document })
}

/// What is read on any later day by whoever has a copy of the store has no secret in it: that day knows other ones.
fn document(of: &impl serde::Serialize) -> Option<String> {
    Some(redacted(&serde_json::to_string(of).ok()?).into_owned())
}

fn rows<'a>(held: impl Iterator<Item = &'a HeldChange>) -> Vec<HeldRow> {
    let row = |held: &HeldChange| {
        let change = &held.change;
        let (verb, target, user) = (change.action.clone(), change.target_key.clone(), change.user.to_string());
        Some(HeldRow { verb, target, user, document: document(held)? })
    };
    held.filter_map(row).collect()
}
