//! What the model knows of orders and what follows from them, by DESIGN sections 1 and 5 alone.
//!
//! Shares no code with the planner: times are plain seconds, and an order has as many possible states as
//! the store may have seen of it.

use entitled::model::{OrderId, Policy, UserId};

use super::catalogs::{FILES, PRODUCTS, Rule, Rules, Shop, Thing};

const DAY: i64 = 86_400;

/// What an order says, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) status: &'static str,
    pub(super) since: i64,
}

/// An order, or of the till one line of one.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) shop: Shop,
    pub(super) id: OrderId,
    pub(super) product: usize,
    pub(super) claimed: Option<UserId>,
    pub(super) email: Option<String>,
    pub(super) paid_at: i64,
    /// When the shop first had it.
    pub(super) made: i64,
    /// When the store had surely seen it entitle.
    pub(super) entitled_by: Option<i64>,
    /// What the shop says now; `None` once it has vanished.
    pub(super) now: Option<Said>,
    /// What the store may hold of it; `None` among them: perhaps nothing.
    pub(super) seen: Vec<Option<Said>>,
    /// The store may know the time of its end otherwise than the shop has it.
    pub(super) murky: bool,
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
        match self.seen[..] {
            [one] if !self.murky && (self.now.is_none() || self.now == one) => Known::Surely(one),
            _ => Known::Perhaps,
        }
    }

    /// Everything that it may have said when a pass looked.
    fn possible(&self) -> impl Iterator<Item = Said> {
        self.seen.iter().copied().chain([self.now]).flatten()
    }

    /// Whether what the shop says counts as entitling, whatever a file makes of it.
    pub(super) fn is_paid_for(&self) -> bool {
        self.now.is_some_and(|now| ["paid", "partially_refunded", "disputed"].contains(&now.status))
    }

    pub(super) fn say(&mut self, said: Option<Said>) {
        if !self.seen.contains(&said) {
            self.seen.push(said);
        }
    }

    /// Whether it could entitle to `thing`, by itself or at the end of a chain of `chain` purchases.
    pub(super) fn may_entitle(&self, rules: &Rules, thing: Thing, now: i64, chain: i64) -> bool {
        let rule = rules.rule(self.shop, self.product);
        rule.gives.contains(&thing)
            && rule.valid_days.is_none_or(|days| now < self.paid_at + days * DAY * chain)
            && self.possible().any(|said| matches!(verdict(rule, said.status), Verdict::Entitles))
    }

    /// Whether the shop says, and the store cannot but know, that it entitles all by itself.
    pub(super) fn surely_entitles(&self, rules: &Rules, thing: Thing, now: i64) -> bool {
        let rule = rules.rule(self.shop, self.product);
        let Known::Surely(Some(said)) = self.known() else { return false };
        rule.gives.contains(&thing)
            && matches!(verdict(rule, said.status), Verdict::Entitles)
            && rule.valid_days.is_none_or(|days| now < self.paid_at + days * DAY)
    }

    /// Whether it can be why `thing` was taken: it gave that once, and has ended or gives it no more.
    pub(super) fn may_explain_end(&self, rules: &Rules, thing: Thing, now: i64) -> bool {
        let rule = rules.rule(self.shop, self.product);
        let gave = FILES.iter().any(|file| file.rule(self.shop, self.product).gives.contains(&thing));
        // What has vanished is not there to be read again.
        let ended =
            self.now.is_some() && self.possible().any(|said| matches!(verdict(rule, said.status), Verdict::Ends));
        let expired = rule.valid_days.is_some_and(|days| self.paid_at + days * DAY <= now);
        gave && (!rule.gives.contains(&thing) || ended || expired)
    }
}

/// The claim on `thing` of a user with these orders; `None` where it depends on what the store has seen.
pub(super) fn claim(orders: &[Theirs<'_>], rules: &Rules, thing: Thing, now: i64) -> Option<Claim> {
    let mut strongest = Claim::Nothing;
    for slot in 0..=PRODUCTS.len() {
        let mut said: Vec<(i64, Said)> = Vec::new();
        let mut by = None;
        for Theirs { order, surely } in orders {
            let rule = rules.rule(order.shop, order.product);
            if rules.slot(order.shop, order.product) != Some(slot) || !rule.gives.contains(&thing) {
                continue;
            }
            match order.known() {
                Known::Surely(one) if *surely => said.extend(one.map(|one| (order.paid_at, one))),
                Known::Surely(_) | Known::Perhaps => return None,
            }
            by = Some(rule);
        }
        let Some(rule) = by else { continue };
        said.sort_by_key(|(paid_at, _)| *paid_at);
        let after = |end: i64| if now < end + rule.grace_days * DAY { Claim::Grace } else { Claim::Ended };
        let mut until = None;
        for (paid_at, said) in said {
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
