//! Buyer -> Logto user: by user id, by binding or by email, in the order that the file gives.
//!
//! Asks Logto in batches of 100 and never guesses: two users for one email stay `Ambiguous`. An answer is
//! remembered in the store, so that a buyer who changes their address in Logto keeps what they bought.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::settings::{Buyers, Matching};
use crate::logto::{LogtoError, Reader};
use crate::model::{Buyer, Email, Resolution, UserId};
use crate::store::{Bound, BuyerKey, StoredBuyer};

/// Who could be looked up, each with the user whom the file names for the address: who was never looked up, is
/// nobody still, or on whom a binding decides otherwise than before.
pub(super) fn open<'a>(rules: &'a Buyers, buyers: &'a [StoredBuyer]) -> Vec<(&'a StoredBuyer, Option<&'a UserId>)> {
    let bindings = bindings(rules);
    let bound = |one: &StoredBuyer| one.buyer.email.as_ref().and_then(|email| bindings.get(email).copied());
    let with = buyers.iter().map(|one| (one, bound(one)));
    with.filter(|(one, bound)| is_open(one, *bound, rules)).collect()
}

/// Looks up whoever needs it and returns what changed. `Err`: Logto could not be asked; nothing is known anew.
pub async fn resolve(
    reader: &Reader,
    rules: &Buyers,
    buyers: &[StoredBuyer],
) -> Result<Vec<(BuyerKey, Resolution)>, LogtoError> {
    let open = open(rules, buyers);
    if open.is_empty() {
        return Ok(Vec::new());
    }

    let ids: BTreeSet<&UserId> =
        open.iter().flat_map(|(one, bound)| one.buyer.user.as_ref().into_iter().chain(*bound)).collect();
    let existing = reader.users_by_id(&ids.into_iter().cloned().collect::<Vec<_>>()).await?;
    let candidates: Vec<Candidates<'_>> = open
        .iter()
        .map(|(one, bound)| Candidates {
            buyer: &one.buyer,
            by_id: one.buyer.user.as_ref().filter(|user| existing.contains(*user)),
            bound: bound.filter(|user| existing.contains(*user)),
        })
        .collect();

    let emails: BTreeSet<&Email> = candidates.iter().filter_map(|one| one.email_to_ask(rules)).collect();
    let emails: Vec<Email> = emails.into_iter().cloned().collect();
    let by_email: BTreeMap<Email, Vec<UserId>> = reader.users_by_email(&emails).await?.into_iter().collect();

    let answers =
        open.iter().zip(&candidates).map(|((one, _), candidates)| (one.key, candidates.decide(rules, &by_email)));
    let known: BTreeMap<BuyerKey, &StoredBuyer> = open.iter().map(|(one, _)| (one.key, *one)).collect();
    Ok(answers.filter(|(key, answer)| known[key].resolution.as_ref() != Some(answer)).collect())
}

/// The buyers for whom it is news that a binding decides on them, or decides no more. Of one who was nobody
/// until then, what they get is a commit's doing; which of two users somebody is, a person only clears up.
pub fn newly_bound(rules: &Buyers, buyers: &[StoredBuyer], answers: &[(BuyerKey, Resolution)]) -> Vec<Bound> {
    let bindings = bindings(rules);
    let answers: BTreeMap<BuyerKey, &Resolution> = answers.iter().map(|(key, answer)| (*key, answer)).collect();
    let news = |one: &StoredBuyer| {
        let user = match answers.get(&one.key).copied().or(one.resolution.as_ref()) {
            Some(Resolution::User(user)) => Some(user),
            _ => None,
        };
        let bound = one.buyer.email.as_ref().and_then(|email| bindings.get(email).copied());
        let decides = bound.filter(|bound| {
            user == Some(*bound) && one.buyer.user.as_ref() != user && rules.matching.contains(&Matching::Binding)
        });
        (decides != one.bound.as_ref()).then(|| Bound {
            buyer: one.key,
            user: decides.cloned(),
            by_commit: decides.is_some() && one.resolution == Some(Resolution::NoAccount),
        })
    };
    buyers.iter().filter_map(news).collect()
}

/// Whom the file names for an address, where bindings are asked for at all.
pub(super) fn deciding_bindings(rules: &Buyers) -> BTreeMap<&Email, &UserId> {
    if rules.matching.contains(&Matching::Binding) { bindings(rules) } else { BTreeMap::new() }
}

fn bindings(rules: &Buyers) -> BTreeMap<&Email, &UserId> {
    rules.bindings.iter().map(|(email, user)| (email, user)).collect()
}

/// Whether a buyer is looked up: never was, still nobody, or the binding that decided is not what the file says.
fn is_open(one: &StoredBuyer, bound: Option<&UserId>, rules: &Buyers) -> bool {
    match &one.resolution {
        None => true,
        Some(Resolution::User(user)) => {
            let bound = bound.filter(|_| rules.matching.contains(&Matching::Binding));
            let corrected = bound.is_some_and(|bound| bound != user) && one.buyer.user.as_ref() != Some(user);
            corrected || one.bound.as_ref().is_some_and(|before| bound != Some(before))
        }
        Some(Resolution::Ambiguous(_) | Resolution::NoAccount) => true,
        // Whom a shop names by nothing will never be anybody.
        Some(Resolution::NoIdentity) => false,
    }
}

/// The users whom one buyer may be, before emails are asked for.
struct Candidates<'a> {
    buyer: &'a Buyer,
    by_id: Option<&'a UserId>,
    bound: Option<&'a UserId>,
}

impl Candidates<'_> {
    /// What an earlier rule has answered, and whether the email rule is reached at all.
    fn before_email(&self, rules: &Buyers) -> Option<Resolution> {
        rules.matching.iter().take_while(|rule| **rule != Matching::Email).find_map(|rule| self.by(*rule))
    }

    fn by(&self, rule: Matching) -> Option<Resolution> {
        match rule {
            Matching::UserId => self.by_id,
            Matching::Binding => self.bound,
            Matching::Email => None,
        }
        .map(|user| Resolution::User(user.clone()))
    }

    fn email_to_ask(&self, rules: &Buyers) -> Option<&Email> {
        let asks = rules.matching.contains(&Matching::Email) && self.before_email(rules).is_none();
        self.buyer.email.as_ref().filter(|_| asks)
    }

    fn decide(&self, rules: &Buyers, by_email: &BTreeMap<Email, Vec<UserId>>) -> Resolution {
        let email = |rule: &Matching| {
            let users = by_email.get(self.buyer.email.as_ref().filter(|_| *rule == Matching::Email)?)?;
            match users.as_slice() {
                [] => None,
                [one] => Some(Resolution::User(one.clone())),
                several => Some(Resolution::Ambiguous(several.to_vec())),
            }
        };
        let answer = rules.matching.iter().find_map(|rule| self.by(*rule).or_else(|| email(rule)));
        answer.unwrap_or(match self.buyer {
            Buyer { user: None, email: None } => Resolution::NoIdentity,
            Buyer { .. } => Resolution::NoAccount,
        })
    }
}
