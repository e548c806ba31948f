//! Every sentence about a plan that a person reads, in one place.

mod causes;
mod clock;
mod coverage;
mod foreign;
mod settling;
mod unseen;

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::OrderName;
pub use super::origin::version;
pub use super::plan::AMBIGUOUS;
use super::plan::{Change, FreezeView, PlanDocument};
use super::settling::Settling;
use super::status::{Duty, Status};
use crate::model::{Buyer, Catalog, Resolution, Rule, RunId, UserId};
use crate::planner::approval::Lifts;
use crate::planner::desired::{Ending, FOREVER};
use crate::planner::input::Freeze;
use crate::planner::limits::Over;
use crate::planner::{Author, Cause, Doubt, Gap, Hold, Mover, NewRule, Verb, Why};
use crate::text::{clean, human};
use clock::clock_doubtful;
use settling::settling;
use unseen::{ODD_HINT, UNSEEN, UNSEEN_HINT};

pub use causes::cause_word;
pub use coverage::{coverage, is_known, not_whole};
pub use foreign::{PAID_FOREIGN, foreign, paid_foreign};
pub use unseen::nameless;

/// What a plan comes to, as one sentence.
pub fn headline(view: &PlanDocument) -> String {
    let figures = &view.summary;
    if !view.in_sync() {
        let adopt = if figures.adoptions > 0 { format!(", {} to adopt", figures.adoptions) } else { String::new() };
        let release = if figures.releases > 0 { format!(", {} to release", figures.releases) } else { String::new() };
        format!("Plan: {} to grant, {} to revoke{adopt}{release}.", figures.grants, figures.revocations)
    } else if figures.held > 0 {
        "Nothing to do until a hold is lifted.".to_owned()
    } else if !view.unread.is_empty() {
        let unread: Vec<String> = view.unread.iter().map(|source| format!("`{}`", clean(source.as_str()))).collect();
        format!("Nothing to do by what is known: {} could not be read.", unread.join(", "))
    } else if let Some(target) = view.targets.iter().find(|target| !is_known(&target.coverage)) {
        format!("Nothing to do by what is known: {} was not read completely.", clean(&target.name))
    } else {
        "Nothing to do: Logto holds what was paid for.".to_owned()
    }
}

/// One action: `grant role paid-tier to anna4k7w2m9x`.
pub fn describe(change: &Change, who: &str) -> String {
    let preposition = match change.action.as_str() {
        "revoke" => "from",
        "release" => "of",
        _ => "to",
    };
    format!("{} {} {preposition} {who}", change.action, change.target)
}

/// `grant`, `revoke`, `adopt`.
pub fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Grant => "grant",
        Verb::Revoke => "revoke",
        Verb::Adopt => "adopt",
        Verb::Release => "release",
    }
}

/// What a freeze stops, until when, who said so and why.
pub fn frozen(freeze: &FreezeView) -> String {
    let what = match freeze.stops {
        Freeze::Nothing => "nothing is stopped",
        Freeze::Revocations => "nothing is taken away",
        Freeze::Everything => "nothing is written to Logto",
    };
    format!("{what} until {}, by {}: {}", human::datetime(freeze.until), freeze.who, freeze.reason)
}

/// Why something is done: cause, order, product and line, in one sentence without a full stop.
pub fn because(verb: Verb, why: &Why, name: Option<&OrderName>, rule: Option<&Rule>) -> String {
    let order = name.map_or_else(|| "an order that is no longer known".to_owned(), |order| order.id.to_string());
    let product = rule.map_or("", |rule| rule.name.as_str());
    let line = if why.line > 0 { format!(" (line {})", why.line) } else { String::new() };
    let until = if why.at == FOREVER { String::new() } else { format!(", until {}", human::day(why.at)) };
    let source = name.map_or_else(|| "a source".to_owned(), |order| format!("`{}`", order.source));
    let reason = match why.cause {
        Cause::Sale => format!("{order} paid for {product}{line}{until}"),
        Cause::Commit => format!("{product} now gives this{line}; {order} was paid before{until}"),
        Cause::Resolution if verb == Verb::Grant || verb == Verb::Adopt => {
            format!("the name{line} now refers to another id in Logto; {order} was paid for {product} before{until}")
        }
        Cause::Resolution => {
            format!("the name that {product} gives now refers to another id in Logto; {order} was the reason")
        }
        Cause::Retry => {
            format!("{order} paid for {product}{line}{until}; Logto was asked for it before and never confirmed it")
        }
        Cause::Drift => format!("{order} paid for {product}{line}{until}, and somebody took it away"),
        Cause::Ended(how) => {
            format!("{order} {} on {}: {product}{line}", ended(how), human::day(why.at))
        }
        Cause::Unmapped if verb == Verb::Release => {
            format!("{product} no longer gives this; it was there before {order} explained it")
        }
        Cause::GivenAgain => "it was taken away by somebody else, and given again by somebody else".to_owned(),
        Cause::Unmapped => format!("{product} no longer gives this; {order} was the reason"),
        Cause::Exchanged => {
            format!("{order} was changed to another product, and {product}{line} is no longer in it")
        }
        Cause::Moved(Mover::Commit) if verb == Verb::Release => {
            format!(
                "{order} is somebody else's by `buyers.bindings`; it was there before a commit bound it to this user"
            )
        }
        Cause::Moved(Mover::Shop) => format!("{order} belongs to another buyer now: {product}{line}"),
        Cause::Moved(Mover::Commit) => {
            format!("a commit changed `buyers.bindings`, and {order} belongs to another user now: {product}{line}")
        }
        Cause::Dropped => {
            format!("{order} is an order of {source}, which the file no longer has: {product}{line}")
        }
        Cause::Upgrade(NewRule::Quantity) => format!(
            "{order} was for more than one, which does not make {product} last longer unless it says `quantity: periods`: this version of entitled is the first to count so{line}"
        ),
        Cause::Upgrade(NewRule::Sources) => format!(
            "this version of entitled ignores orders of sources that the file does not have, and {order} is one of {source}: {product}{line}"
        ),
        Cause::Unexplained => format!("{order} was the reason: {product}{line}"),
        Cause::Undone => format!("an earlier pass is taken back; it named {order}"),
        Cause::Exclusive => "no order pays for it, and `prune: exclusive` lets only buyers hold it".to_owned(),
    };
    match verb {
        Verb::Grant | Verb::Revoke => reason,
        Verb::Adopt => format!("already there; {reason}"),
        Verb::Release => format!("{reason}, so whoever holds it keeps it"),
    }
}

/// How something ended.
pub fn ended(how: Ending) -> &'static str {
    match how {
        Ending::Expired | Ending::Recounted => "expired",
        Ending::Lapsed => "was not renewed and lapsed",
        Ending::Refunded => "was refunded",
        Ending::Voided => "was cancelled",
        Ending::Disputed => "was disputed",
    }
}

/// The name of a hold, as the manual has it.
pub fn hold_name(hold: &Hold) -> &'static str {
    match hold {
        Hold::Foreign => "Foreign",
        Hold::Incomplete(_) => "Incomplete",
        Hold::OverLimit(..) => Lifts::Limit.word(),
        Hold::FreshLedger => Lifts::FreshLedger.word(),
        Hold::Frozen => "Frozen",
        Hold::Flapping => Lifts::Flapping.word(),
        Hold::Stuck => Lifts::Stuck.word(),
        Hold::Protected => "Protected",
        Hold::Settling(..) => "Settling",
        Hold::ClockDoubtful(_) => Lifts::Clock.word(),
        Hold::Unverified(_) => Lifts::Proof.word(),
    }
}

/// What a hold is told with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held<'a> {
    /// The command that lets the set through to which it belongs, where one can.
    pub approve: Option<&'a str>,
    /// What causes that set, as [`causes()`] has it.
    pub causes: &'a str,
    /// What is frozen.
    pub freeze: Option<&'a FreezeView>,
    /// From when on it fits into the day of a limit, where it ever does by itself.
    pub lifts_at: Option<Timestamp>,
    /// The target that a limit is of; `None` where it is of all together.
    pub bound: Option<&'a str>,
    /// What earlier versions of the file still ask for.
    pub settling: Option<&'a Settling>,
    /// The source whose clock disagrees, where it is not Logto's.
    pub clock: Option<&'a str>,
}

/// The command that lets a held set through. `undoes`: the run that the plan takes back.
pub fn approve(digest: &str, undoes: Option<&RunId>) -> String {
    match undoes {
        Some(run) => format!("entitled approve {digest} --undo {run}"),
        None => format!("entitled approve {digest}"),
    }
}

/// What causes one action, in a few words.
pub fn cause(why: &Why, catalog: &Catalog) -> String {
    match why.product {
        Some(product) => catalog.rule(product).name.clone(),
        None => "`prune: exclusive`".to_owned(),
    }
}

/// What causes a held set: `causes` names products, `config` the version of the file that it was planned under.
pub fn causes(causes: &BTreeSet<String>, author: Author, config: &str) -> String {
    let named: Vec<&str> = causes.iter().take(CAUSES).map(String::as_str).collect();
    let more = causes.len().saturating_sub(CAUSES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named = format!("{}{more}", named.join(", "));
    match author {
        Author::Shop => format!("caused by orders of {named}"),
        Author::File => format!("caused by {named} in {config}"),
        Author::Logto => format!("caused by what Logto has for {named}"),
        Author::Program => format!("caused by this version of entitled, for {named}"),
        Author::Person => format!("caused by an undo, of {named}"),
        Author::Nobody => format!("nothing says why, of {named}"),
    }
}

/// So many are named; beyond that a number says more.
const CAUSES: usize = 5;

/// Why something is withheld, and what would lift that. In one piece: a table of holds.
pub fn hold(hold: &Hold, change: &Change, held: &Held<'_>) -> (String, String) {
    let approve = held.approve.map_or_else(String::new, |command| {
        format!("`{command}` lets exactly this set through, once, within 24 hours; or ")
    });
    let (reason, lift): (String, String) = match hold {
        Hold::Foreign => (
            format!("leaving {} would also take a role there that is to stay", change.target),
            "remove that role by hand if nobody needs it; the membership follows in the next pass".into(),
        ),
        Hold::Incomplete(Gap::Unread) => (
            format!("{} could not be read", change.target),
            "nothing to do if Logto can be reached again: the next pass reads it again".into(),
        ),
        Hold::Incomplete(Gap::Missing) => (
            format!("{} is no longer in Logto", change.target),
            "create it again in the console, or take it out of the file".into(),
        ),
        Hold::Incomplete(Gap::Partial) => (
            format!("the list of holders of {} lost rows while it was read", change.target),
            "nothing to do: the next pass reads it again".into(),
        ),
        Hold::Incomplete(Gap::Source) => {
            (format!("the source {UNSEEN}, so a renewal may have been missed"), UNSEEN_HINT.into())
        }
        Hold::Incomplete(Gap::Elsewhere) => {
            (format!("another source {UNSEEN}, and one of its orders may pay for this"), UNSEEN_HINT.into())
        }
        Hold::Incomplete(Gap::Odd) => (
            "some orders of a source that sells this could not be read, and this may be one of their buyers".into(),
            ODD_HINT.into(),
        ),
        Hold::Incomplete(Gap::Name) => (
            format!("a product has a name that Logto does not know, and it may be {}", change.target),
            "fix the name in the file, or in Logto: `entitled plan` shows its line".into(),
        ),
        Hold::Incomplete(Gap::Successor) => (
            "what the same order gives instead is held, and whoever pays for it must not be left with neither".into(),
            "see to that one, which says itself what lets it through: this follows in the same pass".into(),
        ),
        Hold::OverLimit(_, over) => over_limit(over, change, held, &approve),
        Hold::FreshLedger => (
            "the ledger is new or was lost, and has not seen a whole pass yet".into(),
            format!("{approve}let one full pass finish (`entitled run --once`): it takes nothing away"),
        ),
        Hold::Frozen => (
            held.freeze.map_or_else(|| "somebody ran `entitled freeze`".into(), frozen),
            "`entitled unfreeze`, or wait until the freeze ends by itself".into(),
        ),
        Hold::Flapping => (
            "it was given and taken away by somebody else more than once".into(),
            format!(
                "find out who takes it away; then {approve}wait: a week after it was granted last, it is granted again"
            ),
        ),
        Hold::Stuck => (
            "Logto has answered more than once that it was taken, and it is still held".into(),
            format!(
                "remove it in the Logto console, and the next pass sees it; {approve}find out why Logto keeps it"
            ),
        ),
        Hold::Protected if change.action == "grant" => (
            format!("`protect.roles` names {}, so no product gives it", change.target),
            "map the product to another target, or take this one out of `protect.roles`, which counts after `safeguards.delay`"
                .into(),
        ),
        Hold::Protected => (
            "`protect` names this user or this role".into(),
            "remove it from `protect`, which takes effect after `safeguards.delay`, or make the change by hand in the console".into(),
        ),
        Hold::Settling(safeguard, until) => settling(*safeguard, *until, change, held.approve),
        Hold::ClockDoubtful(off) => clock_doubtful(off.by, held.clock, &approve),
        Hold::Unverified(Doubt::NotAsked) => (
            "the order and the holder have not been read again yet".into(),
            "nothing to do: a pass reads them just before it revokes".into(),
        ),
        Hold::Unverified(Doubt::OrderUnconfirmed) => (
            "the payment API did not confirm the order when it was read again by id".into(),
            format!(
                "nothing to do if the payment API answers again: the next pass asks again; if it does not, {}",
                held.approve.map_or_else(
                    || "look the order up in the shop".to_owned(),
                    |command| format!("`{command}` takes your word for exactly this set, once, within 24 hours")
                )
            ),
        ),
        Hold::Unverified(Doubt::NoEvidence) => (
            "no order pays for it, and nothing says that it ended: no refund, no expiry, no commit, and no other \
             product or buyer"
                .into(),
            format!(
                "look the order up in the shop: it is unpaid, names no product, or was never read; then {approve}\
                 `entitled release USER TARGET` leaves the grant to whoever holds it"
            ),
        ),
    };
    (reason, lift)
}

fn over_limit(over: &Over, change: &Change, held: &Held<'_>, approve: &str) -> (String, String) {
    let of = held.bound.map_or_else(|| "in total".to_owned(), |target| format!("of {target}"));
    let Over { wanted, spent, allowed, owned } = over;
    let (key, by) = match change.cause.as_str() {
        _ if change.action == "revoke" => ("limits.revocations", ""),
        cause if cause == cause_word(Cause::Resolution) => {
            ("limits.config_grants", " caused by a commit or by a name that now refers to another id")
        }
        cause if cause == cause_word(Cause::Undone) => ("limits.config_grants", " by an undo"),
        _ => ("limits.config_grants", " caused by a commit"),
    };
    let what = human::count(*wanted, if change.action == "revoke" { "revocation" } else { "grant" });
    let earlier = held.settling.filter(|settling| settling.keys.iter().any(|of| of == key));
    (
        format!(
            "{what}{by} {of} wanted, {spent} made in the last 24 hours, {allowed} allowed ({owned} owned a day ago); {}",
            held.causes
        ),
        format!("check that this is intended; then {approve}{}", goes_on(key, earlier, held.lifts_at)),
    )
}

/// What else lets through what is over a limit, and whether it goes on by itself, and when.
fn goes_on(key: &str, earlier: Option<&Settling>, lifts_at: Option<Timestamp>) -> String {
    let until = earlier.map(|settling| human::datetime(settling.until));
    let fits = |at| format!("wait: it fits from {} on, if nothing else is done until then", human::datetime(at));
    match (lifts_at.map(fits), until) {
        (Some(fits), Some(until)) => format!("{fits}: `{key}` of a version before this one counts until {until}"),
        (None, Some(until)) => format!(
            "raise `{key}` further: what the file says now is too little, too, when that of a version before this one \
             has counted, until {until}; waiting does not lift it"
        ),
        (Some(fits), None) => format!("raise `{key}` in the file, which counts after `safeguards.delay`, or {fits}"),
        (None, None) => format!(
            "raise `{key}` in the file, which counts after `safeguards.delay`; waiting does not lift it, since more are \
             wanted than a whole day allows"
        ),
    }
}

/// Why a buyer waits, and what would end it. `None` for one who is resolved. Whom the file binds the address to has
/// not decided, so that user is not there.
pub fn waiting(buyer: &Buyer, resolution: &Resolution, bound: Option<&UserId>) -> Option<(&'static str, String)> {
    Some(match (resolution, bound) {
        (Resolution::User(_), _) => return None,
        (Resolution::NoAccount | Resolution::Ambiguous(_), Some(user)) => {
            let reason = if *resolution == Resolution::NoAccount { "NoAccount" } else { AMBIGUOUS };
            let bound =
                format!("`buyers.bindings` names `{user}` for this address, and Logto has no user with that id");
            (reason, format!("{bound}; correct it there"))
        }
        (Resolution::NoAccount, None) => match (&buyer.user, &buyer.email) {
            (Some(user), None) => ("NoAccount", format!("no Logto user has the id `{user}`")),
            (_, Some(email)) => {
                ("NoAccount", format!("granted as soon as {email} has an account, or a user in `buyers.bindings`"))
            }
            (None, None) => ("NoAccount", "the order names nobody".to_owned()),
        },
        (Resolution::NoIdentity, _) => ("NoIdentity", "the order names neither a user nor an email".to_owned()),
        (Resolution::Ambiguous(users), None) => {
            let users: Vec<&str> = users.iter().map(UserId::as_str).collect();
            let (number, users) = (users.len(), users.join(", "));
            (
                AMBIGUOUS,
                format!("{number} accounts have this address ({users}); name the right one in `buyers.bindings`"),
            )
        }
    })
}

/// What a freeze of this scope stops.
pub fn frozen_scope(scope: &str) -> &'static str {
    if scope == "all" { "nothing is written to Logto" } else { "nothing is taken away" }
}

/// The whole of a status in one line.
pub fn standing_of(status: &Status, now: Timestamp) -> String {
    match &status.duty {
        Duty::Starting => "starting".to_owned(),
        Duty::Standby { holder } => format!("standing by: another process is writing, {holder}"),
        Duty::Stopping => "stopping once the changes in flight are done".to_owned(),
        Duty::Leader => {
            let state = status.state.word();
            let why = match (status.troubles.first(), status.figures.held) {
                (Some(trouble), _) => trouble.line(),
                (None, held) if held > 0 => format!("{} held", human::count(held, "change")),
                (None, _) => human::count(status.targets.len() as u64, "target"),
            };
            let pass = status.last_full_pass.map_or_else(|| "none yet".to_owned(), |then| human::ago(then, now));
            clean(&format!("{state}: {why}; last full pass {pass}")).into_owned()
        }
    }
}
