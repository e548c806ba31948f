//! Which buyers without an account Logto is asked about: as few as possible.
//!
//! The buyer of an order that has just come is asked about at once, if the order was ever more than an intention. A
//! buyer who has no account then is asked about again when somebody has signed up who may be them, which one call
//! tells. They are also asked about less and less often besides, since an existing account may be given their address.
//!
//! Decides who is asked about; `directory` finds out who they are.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::directory;
use super::{PassContext, PassError};
use crate::model::UsersMark;
use crate::model::users::NewestUsers;
use crate::store::{BuyerKey, StoredBuyer};

/// Of how long somebody has waited, this part is waited again before they are asked for by themselves.
const PATIENCE: i32 = 10;
/// And no longer than this.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// On what occasion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Their orders have just come, or changed.
    News,
    /// Everybody is looked at.
    Round,
}

/// Who is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) buyers: Vec<StoredBuyer>,
    /// The users of Logto among whom everybody who waits has been asked for after that, where they are others than
    /// before.
    mark: Option<UsersMark>,
}

/// Chooses among `buyers`: at most one call, where some have been asked for before.
pub(super) async fn choose(
    context: PassContext<'_>,
    buyers: &[StoredBuyer],
    occasion: Occasion,
) -> Result<Asked, PassError> {
    let open = directory::open(&context.config.buyers, buyers);
    // On whom the file decides is its business, whatever they have paid.
    let (decided, waiting): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|(one, bound)| one.user().is_some() || bound.is_some());
    let keys: Vec<BuyerKey> = waiting.iter().map(|(one, _)| one.key).collect();
    let paid = context.store.have_paid(&keys).await?;
    let waiting = waiting.into_iter().map(|(one, _)| one).filter(|one| paid.contains(&one.key));
    let decided = decided.into_iter().map(|(one, _)| one);
    let (due, rest): (Vec<_>, Vec<_>) = waiting.partition(|one| occasion == Occasion::News || is_due(one, context.now));
    let (rest, mark) = match rest.is_empty() {
        true => (rest, None),
        false => {
            let newest = context.reader.newest_users().await?;
            let before = context.store.users_mark().await?;
            let mark = Some(newest.mark()).filter(|mark| before.as_ref() != Some(mark));
            (who_may_be(&newest, before.as_ref(), rest), mark)
        }
    };
    Ok(Asked { buyers: decided.chain(due).chain(rest).cloned().collect(), mark })
}

/// Remembers that they were asked for.
pub(super) async fn note(context: PassContext<'_>, asked: &Asked) -> Result<(), PassError> {
    let keys: Vec<BuyerKey> = asked.buyers.iter().map(|one| one.key).collect();
    context.store.note_asked(&keys, context.now).await?;
    if let Some(mark) = &asked.mark {
        context.store.note_users_mark(mark).await?;
    }
    Ok(())
}

/// Those of `waiting` who may have an account since: who signed up is known where the newest users say so, and else
/// it may be anybody.
fn who_may_be<'a>(
    newest: &NewestUsers,
    before: Option<&UsersMark>,
    mut waiting: Vec<&'a StoredBuyer>,
) -> Vec<&'a StoredBuyer> {
    if let Some(new) = before.and_then(|before| newest.since(before)) {
        let emails: BTreeSet<_> = new.iter().filter_map(|(_, email)| email.as_ref()).collect();
        let ids: BTreeSet<_> = new.iter().map(|(user, _)| user).collect();
        let may_be = |one: &StoredBuyer| {
            one.buyer.email.as_ref().is_some_and(|email| emails.contains(email))
                || one.buyer.user.as_ref().is_some_and(|user| ids.contains(user))
        };
        waiting.retain(|one| may_be(one));
    }
    waiting
}

/// Whether somebody is asked for by themselves, whoever has signed up.
fn is_due(one: &StoredBuyer, now: Timestamp) -> bool {
    let (Some(since), Some(asked)) = (one.checked_at, one.asked_at) else { return true };
    let rest = (asked.duration_since(since) / PATIENCE).clamp(SignedDuration::ZERO, LONGEST);
    // A clock that was set back does not keep anybody waiting.
    asked > now || now.duration_since(asked) >= rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Buyer, Email, Resolution};

    fn waiting(email: &str, since: i64, asked: Option<i64>) -> StoredBuyer {
        let at = |second| Timestamp::from_second(second).unwrap();
        StoredBuyer {
            key: BuyerKey(1),
            buyer: Buyer { user: None, email: Email::parse(email) },
            resolution: Some(Resolution::NoAccount),
            checked_at: Some(at(since)),
            asked_at: asked.map(at),
            bound: None,
        }
    }

    #[test]
    fn who_has_waited_long_is_asked_for_less_often_and_once_a_day_at_least() {
        let hour = 3_600;
        for (since, asked, now, due) in [
            (0, None, 0, true),
            (0, Some(0), 1, true),
            (0, Some(10 * hour), 11 * hour - 1, false),
            (0, Some(10 * hour), 11 * hour, true),
            (0, Some(10_000 * hour), 10_024 * hour - 1, false),
            (0, Some(10_000 * hour), 10_024 * hour, true),
            // The clock was set back.
            (0, Some(10_000 * hour), 9_000 * hour, true),
            (20 * hour, Some(10 * hour), 10 * hour, true),
        ] {
            let one = waiting("a@example.com", since, asked);
            let now = Timestamp::from_second(now).unwrap();
            assert_eq!(is_due(&one, now), due, "waits since {since}, asked at {asked:?}, now {now}");
        }
    }

    #[test]
    fn only_who_may_have_signed_up_is_asked_for_and_everybody_where_that_is_not_known() {
        let (ann, ben) = (waiting("ann@example.com", 0, Some(1)), waiting("ben@example.com", 0, Some(1)));
        let user = |id: &str, email: &str| (id.into(), Email::parse(email));
        let users = vec![user("u3", "ANN@example.com"), user("u2", "eve@example.com"), user("u1", "")];
        let newest = NewestUsers { users, total: 8 };
        let asked = |before: Option<&str>, total| {
            let mark = UsersMark { newest: before.map(Into::into), total };
            let asked = who_may_be(&newest, Some(&mark), vec![&ann, &ben]).into_iter();
            asked.map(|one| one.buyer.email.clone().unwrap().as_str()[..3].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(newest.mark(), UsersMark { newest: Some("u3".into()), total: 8 });
        assert_eq!(asked(Some("u3"), 8), [""; 0], "nobody came");
        assert_eq!(asked(Some("u2"), 7), ["ann"], "one came, who may be ann");
        assert_eq!(asked(Some("u1"), 6), ["ann"]);
        // Somebody is gone as well, the newest of then is not among them, or they came in another order.
        for (newest, total) in [(Some("u2"), 8), (Some("u3"), 7), (Some("u0"), 5), (None, 0), (None, 8)] {
            assert_eq!(asked(newest, total), ["ann", "ben"], "{newest:?} of {total}");
        }
        assert_eq!(who_may_be(&newest, None, vec![&ann, &ben]).len(), 2, "never asked before");
    }
}
