//! What the model knows of orders and what follows from them, by DESIGN sections 1 and 5 alone.
//!
//! Shares no code with the planner: times are plain seconds, and an order has as many possible states as
//! the store may have seen of it.

use std::collections::BTreeSet;

use entitled::model::{OrderId, Policy, UserId};

use super::accounts::Payer;
use super::catalogs::{FILES, PRODUCTS, Rule, Rules, Shop, Thing};

const DAY: i64 = 86_400;

/// What an order says, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) status: &'static str,
    pub(super) since: i64,
    /// What it is for. Past the end of what is sold: something that no file knows.
    pub(super) product: usize,
}

/// An order, or of the till one line of one.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) shop: Shop,
    pub(super) id: OrderId,
    /// Who the shop says has paid, now.
    pub(super) payer: Payer,
    pub(super) paid_at: i64,
    /// When the shop first had it.
    pub(super) made: i64,
    /// What the shop says now; `None` once it has vanished.
    pub(super) now: Option<Said>,
    /// Its word for where it stands, while something else of it cannot be true and it counts as unknown.
    pub(super) odd: Option<&'static str>,
    /// What the store may hold of it.
    pub(super) stored: Stored,
    /// What it may hold under names that the source has no more, and that nobody joined to this one.
    pub(super) left: Vec<Stored>,
    /// Every product that it was ever for.
    pub(super) products: BTreeSet<usize>,
    /// Everybody whom a pass may have taken for its buyer.
    pub(super) once: BTreeSet<UserId>,
}

/// What the store may hold of an order.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// `None` among them: perhaps nothing.
    pub(super) seen: Vec<Option<Said>>,
    /// Whose it may hold it to be. A shop that forgets a customer names nobody else.
    pub(super) payers: Vec<Payer>,
    /// When it had surely seen it entitle.
    pub(super) entitled_by: Option<i64>,
    /// It may know the time of its end otherwise than the shop has it.
    pub(super) murky: bool,
    /// Users whose it may have been before a pass found it to be that of another one. Whoever it is said to be
    /// after that: it was theirs no more.
    pub(super) passed_on: BTreeSet<UserId>,
}

impl Stored {
    pub(super) fn nothing() -> Self {
        Self { seen: vec![None], payers: Vec::new(), entitled_by: None, murky: false, passed_on: BTreeSet::new() }
    }

    /// What is held under two names becomes one: whichever reading is newer.
    pub(super) fn join(&mut self, other: Self) {
        for said in other.seen {
            if !self.seen.contains(&said) {
                self.seen.push(said);
            }
        }
        for payer in other.payers {
            if !self.payers.contains(&payer) {
                self.payers.push(payer);
            }
        }
        self.passed_on.extend(other.passed_on);
        self.entitled_by = self.entitled_by.into_iter().chain(other.entitled_by).min();
        self.murky = true;
    }
}

/// An order that is a user's, surely or perhaps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theirs<'a> {
    pub(super) order: &'a Order,
    pub(super) surely: bool,
}

/// What the orders of one user say about one thing, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claim {
    Nothing,
    Ended,
    Grace,
    Undecided,
    Entitled,
}

enum Verdict {
    Entitles,
    Ends,
    Never,
    Undecided,
}

fn verdict(rule: &Rule, status: &str) -> Verdict {
    let by = |policy| if policy == Policy::Keep { Verdict::Entitles } else { Verdict::Ends };
    match status {
        "paid" => Verdict::Entitles,
        "refunded" | "void" => by(rule.on_refund),
        "partially_refunded" => by(rule.on_partial_refund),
        "disputed" => by(rule.on_dispute),
        "expired" | "pending" => Verdict::Never,
        _ => Verdict::Undecided,
    }
}

/// What is known with certainty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Surely(Option<Said>),
    Perhaps,
}

impl Order {
    /// What the store holds of it, where only one thing is possible.
    pub(super) fn known(&self) -> Known {
        match self.stored.seen[..] {
            [one] if !self.stored.murky && (self.now.is_none() || self.now == one) => Known::Surely(one),
            _ => Known::Perhaps,
        }
    }

    /// Everything that it may have said when a pass looked.
    pub(super) fn possible(&self) -> impl Iterator<Item = Said> {
        self.stored.seen.iter().copied().chain([self.now]).flatten()
    }

    /// Whoever may be known to have paid: whom the shop names, and whom the store may hold.
    pub(super) fn payers(&self) -> impl Iterator<Item = &Payer> {
        let named = (!self.payer.is_nobody() && !self.stored.payers.contains(&self.payer)).then_some(&self.payer);
        self.stored.payers.iter().chain(named)
    }

    /// Whether what the shop says counts as entitling, whatever a file makes of it.
    pub(super) fn is_paid_for(&self) -> bool {
        self.now.is_some_and(|now| ["paid", "partially_refunded", "disputed"].contains(&now.status))
    }

    pub(super) fn say(&mut self, said: Option<Said>) {
        if !self.stored.seen.contains(&said) {
            self.stored.seen.push(said);
        }
    }

    /// Whether it could entitle to `thing`, by itself or at the end of a chain of `chain` purchases.
    pub(super) fn may_entitle(&self, rules: &Rules, thing: Thing, now: i64, chain: i64) -> bool {
        self.possible().any(|said| {
            let rule = rules.rule(self.shop, said.product);
            rule.gives.contains(&thing)
                && rule.valid_days.is_none_or(|days| now < self.paid_at + days * DAY * chain)
                && matches!(verdict(rule, said.status), Verdict::Entitles)
        })
    }

    /// Whether the shop says, and the store cannot but know, that it entitles all by itself.
    pub(super) fn surely_entitles(&self, rules: &Rules, thing: Thing, now: i64) -> bool {
        let Known::Surely(Some(said)) = self.known() else { return false };
        let rule = rules.rule(self.shop, said.product);
        rule.gives.contains(&thing)
            && matches!(verdict(rule, said.status), Verdict::Entitles)
            && rule.valid_days.is_none_or(|days| now < self.paid_at + days * DAY)
    }

    /// Whether nobody may know how it stands.
    pub(super) fn may_be_unknown(&self, rules: &Rules) -> bool {
        let unknown =
            |said: Said| matches!(verdict(rules.rule(self.shop, said.product), said.status), Verdict::Undecided);
        self.odd.is_some() || self.possible().any(unknown)
    }

    /// Whether it was ever for something that any file gives `thing` for.
    pub(super) fn has_given(&self, thing: Thing) -> bool {
        self.products
            .iter()
            .any(|product| FILES.iter().any(|file| file.rule(self.shop, *product).gives.contains(&thing)))
    }

    /// Whether it can be why `thing` was taken: it gave that once, and has ended or gives it no more. A clock that
    /// is off proves no expiry.
    pub(super) fn may_explain_end(&self, rules: &Rules, thing: Thing, clock: Option<i64>) -> bool {
        // What has vanished is not there to be read again.
        let there = self.now.is_some();
        let over = |said: Said| {
            let rule = rules.rule(self.shop, said.product);
            let gone = !rule.gives.contains(&thing) && (there || self.products.len() == 1);
            let ended = there && matches!(verdict(rule, said.status), Verdict::Ends);
            let expired = rule.valid_days.zip(clock).is_some_and(|(days, now)| self.paid_at + days * DAY <= now);
            gone || ended || expired
        };
        // Whatever the file says of all that it was for, it says by itself.
        let unmapped = self.products.iter().all(|product| !rules.rule(self.shop, *product).gives.contains(&thing));
        self.has_given(thing) && (unmapped || !self.left.is_empty() || self.possible().any(over))
    }
}

/// The claim on `thing` of a user with these orders; `None` where it depends on what the store has seen.
pub(super) fn claim(orders: &[Theirs<'_>], rules: &Rules, thing: Thing, now: i64) -> Option<Claim> {
    let gives = |order: &Order, said: Said| rules.rule(order.shop, said.product).gives.contains(&thing);
    let mut sure: Vec<(usize, &Rule, i64, Said)> = Vec::new();
    for Theirs { order, surely } in orders {
        match order.known() {
            Known::Surely(one) if *surely => {
                let said = one.filter(|said| gives(order, *said));
                let slot = said.and_then(|said| Some((said, rules.slot(order.shop, said.product)?)));
                sure.extend(slot.map(|(said, slot)| (slot, rules.rule(order.shop, said.product), order.paid_at, said)));
            }
            _ if order.possible().any(|said| gives(order, said)) => return None,
            Known::Surely(_) | Known::Perhaps => {}
        }
    }
    let mut strongest = Claim::Nothing;
    sure.sort_by_key(|(_, _, paid_at, _)| *paid_at);
    for slot in 0..=PRODUCTS.len() {
        let mut until = None;
        for &(_, rule, paid_at, said) in sure.iter().filter(|(of, ..)| *of == slot) {
            // An end that lies ahead of a clock that is behind is an end.
            let graced = |end: i64| rule.grace_days > 0 && now < end + rule.grace_days * DAY;
            let after = |end: i64| if graced(end) { Claim::Grace } else { Claim::Ended };
            let one = match verdict(rule, said.status) {
                Verdict::Never => continue,
                Verdict::Undecided => Claim::Undecided,
                Verdict::Ends => after(said.since),
                Verdict::Entitles => match rule.valid_days {
                    None => Claim::Entitled,
                    Some(days) => {
                        let end = until.map_or(paid_at, |until: i64| until.max(paid_at)) + days * DAY;
                        until = Some(end);
                        if now < end { Claim::Entitled } else { after(end) }
                    }
                },
            };
            strongest = strongest.max(one);
        }
    }
    Some(strongest)
}
