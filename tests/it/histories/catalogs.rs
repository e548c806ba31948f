//! The files that commits may put into force, and what each of them means, said twice: as YAML for the
//! daemon, and as plain rules for the model.

use entitled::model::{Policy, Prune};

/// What can be held. `Editor` is never sold: only people give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Thing {
    Gold,
    Beta,
    Acme,
    Member,
    Editor,
}

pub(super) const THINGS: [Thing; 5] = [Thing::Gold, Thing::Beta, Thing::Acme, Thing::Member, Thing::Editor];

pub(super) const PRODUCTS: [&str; 4] = ["prd_pro", "prd_month", "prd_team", "prd_year"];

/// What a product gives and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) gives: &'static [Thing],
    pub(super) valid_days: Option<i64>,
    pub(super) grace_days: i64,
    pub(super) on_refund: Policy,
    pub(super) on_partial_refund: Policy,
    pub(super) on_dispute: Policy,
}

/// One file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) prune: Prune,
    pub(super) floor: usize,
    pub(super) products: [Rule; 4],
}

impl Rules {
    /// Whether any product gives it.
    pub(super) fn sells(&self, thing: Thing) -> bool {
        self.products.iter().any(|rule| rule.gives.contains(&thing))
    }

    pub(super) fn yaml(&self, shop: &str) -> String {
        let word = |policy: Policy| if policy == Policy::Keep { "keep" } else { "revoke" };
        let prune = match self.prune {
            Prune::Never => "never",
            Prune::Owned => "owned",
            Prune::Exclusive => "exclusive",
        };
        let mut text = format!(
            "version: 1\nlogto: {{endpoint: sandbox}}\nsources:\n  shop:\n    kind: openbitum\n    url: {shop}\n    \
             auth: {{kind: bearer, token: \"${{SHOP_TOKEN}}\"}}\n    \
             list: {{paging: {{kind: offset, param: offset, size_param: limit, size: 4}}}}\n\
             prune: {prune}\nlimits:\n  revocations: {{per_day: 0%, floor: {}}}\n  \
             config_grants: {{per_day: 0%, floor: 1000}}\n\
             protect: {{emails: [\"*@staff.example.com\"], roles: [admin]}}\nproducts:\n",
            self.floor
        );
        for (product, rule) in PRODUCTS.iter().zip(&self.products).filter(|(_, rule)| !rule.gives.is_empty()) {
            text.push_str(&format!("  {product}:\n    entitlements:\n"));
            for thing in rule.gives {
                match thing {
                    Thing::Gold => text.push_str("      - role: gold\n"),
                    Thing::Beta => text.push_str("      - role: beta\n"),
                    Thing::Member => text.push_str("      - organization: acme\n        roles: [member]\n"),
                    Thing::Acme if rule.gives.contains(&Thing::Member) => {}
                    Thing::Acme => text.push_str("      - organization: acme\n"),
                    Thing::Editor => unreachable!("nothing sells it"),
                }
            }
            if let Some(days) = rule.valid_days {
                text.push_str(&format!("    valid_for: {days}d\n"));
            }
            text.push_str(&format!(
                "    grace: {}d\n    on_refund: {}\n    on_partial_refund: {}\n    on_dispute: {}\n",
                rule.grace_days,
                word(rule.on_refund),
                word(rule.on_partial_refund),
                word(rule.on_dispute)
            ));
        }
        text
    }
}

const fn rule(gives: &'static [Thing], valid_days: Option<i64>, grace_days: i64) -> Rule {
    Rule {
        gives,
        valid_days,
        grace_days,
        on_refund: Policy::Revoke,
        on_partial_refund: Policy::Keep,
        on_dispute: Policy::Keep,
    }
}

const PRO: Rule = rule(&[Thing::Gold, Thing::Beta], None, 0);
const MONTH: Rule = rule(&[Thing::Gold], Some(30), 3);
const TEAM: Rule = rule(&[Thing::Acme, Thing::Member], None, 0);
const YEAR: Rule = rule(&[Thing::Beta, Thing::Acme], Some(365), 0);
const NOTHING: Rule = rule(&[], None, 0);
const PLAIN: Rules = Rules { prune: Prune::Owned, floor: 50, products: [PRO, MONTH, TEAM, YEAR] };

/// The pool. The first is in force at the start.
pub(super) const FILES: [Rules; 10] = [
    PLAIN,
    // A product loses half of what it gave.
    Rules { floor: 2, products: [rule(&[Thing::Gold], None, 0), MONTH, TEAM, YEAR], ..PLAIN },
    // Two products are gone, and with them all that is sold of a target; the limit is tight.
    Rules { floor: 2, products: [PRO, NOTHING, NOTHING, NOTHING], ..PLAIN },
    // Strict, and with a tight limit.
    Rules {
        floor: 2,
        products: [
            Rule { on_partial_refund: Policy::Revoke, on_dispute: Policy::Revoke, ..PRO },
            MONTH,
            Rule { on_dispute: Policy::Revoke, grace_days: 3, ..TEAM },
            YEAR,
        ],
        ..PLAIN
    },
    // Generous.
    Rules { products: [Rule { on_refund: Policy::Keep, ..PRO }, MONTH, TEAM, YEAR], ..PLAIN },
    // Everything gives everything.
    Rules {
        products: [
            rule(&[Thing::Gold, Thing::Beta, Thing::Acme, Thing::Member], None, 0),
            rule(&[Thing::Gold, Thing::Beta], Some(60), 0),
            TEAM,
            YEAR,
        ],
        ..PLAIN
    },
    Rules { prune: Prune::Never, ..PLAIN },
    Rules { prune: Prune::Exclusive, ..PLAIN },
    Rules { prune: Prune::Exclusive, floor: 2, products: [PRO, NOTHING, TEAM, YEAR] },
    Rules { floor: 2, products: [rule(&[Thing::Gold], None, 0), NOTHING, NOTHING, NOTHING], ..PLAIN },
];
