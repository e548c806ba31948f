//! The files that commits may put into force, and what each of them means, said twice: as YAML for the
//! daemon, and as plain rules for the model.

use std::collections::BTreeMap;

use entitled::model::{Policy, Prune, UserId};

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

/// What an order may come to be for that no file gives anything for.
pub(super) const MUG: usize = PRODUCTS.len();

/// The word of a product at the shops.
pub(super) fn product_id(product: usize) -> &'static str {
    PRODUCTS.get(product).copied().unwrap_or("prd_mug")
}

/// The product that the corner shop may sell as something else; a file says of one source alone what it is then.
pub(super) const TEAM_AT: usize = 2;

/// Where something was bought. All of them use the same product ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shop {
    Main,
    Corner,
    /// Has orders of several lines, and tells which of them were given back. Cannot read one order by id.
    Till,
}

pub(super) const SHOPS: [Shop; 3] = [Shop::Main, Shop::Corner, Shop::Till];

impl Shop {
    /// The name of its source at the start.
    pub(super) fn name(self) -> &'static str {
        match self {
            Shop::Main => "shop",
            Shop::Corner => "corner",
            Shop::Till => "till",
        }
    }
}

/// What a file says beside its rules.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<'a> {
    /// Where the simulated shops answer.
    pub(super) main: &'a str,
    pub(super) corner: &'a str,
    pub(super) sources: &'a [SourceIs; 3],
    pub(super) bindings: &'a BTreeMap<String, UserId>,
}

/// The corner shop calls every order paid that ever was, and tells in another list what became of it. Both lists
/// are one here.
const OVERLAID: &str = "    overlays:
      - path: /api/merchant/orders
        items: [$, $.orders]
        paging: {kind: none}
        order_id: $.id
        rules:
          - {when: \"@.status == 'refunded'\", as: refunded}
          - {when: \"@.status == 'partially_refunded'\", as: partially_refunded}
          - {when: \"@.status == 'disputed'\", as: disputed}
          - {when: \"@.status == 'void'\", as: void}
          - {when: \"@.status\", as: paid}
    status:
      - {when: \"@.status == 'pending'\", as: pending}
      - {when: \"@.status == 'expired'\", as: expired}
      - {when: \"@.status != 'on_hold'\", as: paid}
";

/// What the file calls the source of a shop.
#[derive(Clone, Debug)]
pub(super) struct SourceIs {
    pub(super) name: String,
    /// What it was called.
    pub(super) was: Vec<String>,
    /// Names under which the store may know something of it that was not carried over.
    pub(super) lost: Vec<String>,
    /// How often it had another name.
    pub(super) renamed: usize,
}

impl SourceIs {
    pub(super) fn new(shop: Shop) -> Self {
        Self { name: shop.name().to_owned(), was: Vec::new(), lost: Vec::new(), renamed: 0 }
    }

    /// How the file begins with it.
    fn head(&self) -> String {
        let was = if self.was.is_empty() { String::new() } else { format!("\n    was: [{}]", self.was.join(", ")) };
        format!("{}:{was}", self.name)
    }
}

/// A rule of a file, by number: what is bought under one extends each other.
pub(super) type Slot = usize;

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
    /// Revocations a day.
    pub(super) floor: usize,
    /// Grants a day that a commit causes.
    pub(super) config_floor: usize,
    pub(super) products: [Rule; 4],
    /// What `prd_team` of the corner shop is, where it is another product than that of the main shop. Then
    /// the till's is none at all.
    pub(super) corner: Option<Rule>,
    /// Shops whose source the file does not have, in the order of [`SHOPS`].
    pub(super) gone: [bool; 3],
}

impl Rules {
    /// Whether any product gives it.
    pub(super) fn sells(&self, thing: Thing) -> bool {
        let said = SHOPS.iter().flat_map(|shop| (0..PRODUCTS.len()).map(move |product| self.says(*shop, product)));
        said.into_iter().any(|rule| rule.gives.contains(&thing))
    }

    /// The rule that a product of a shop falls under.
    pub(super) fn slot(&self, shop: Shop, product: usize) -> Option<Slot> {
        match (product, shop, self.corner) {
            _ if self.gone[shop as usize] || product >= PRODUCTS.len() => None,
            (TEAM_AT, Shop::Corner, Some(_)) => Some(PRODUCTS.len()),
            (TEAM_AT, Shop::Till, Some(_)) => None,
            _ => Some(product),
        }
    }

    pub(super) fn rule(&self, shop: Shop, product: usize) -> &Rule {
        let rule = self.slot(shop, product).and_then(|slot| self.products.iter().chain(&self.corner).nth(slot));
        rule.unwrap_or(&NOTHING)
    }

    /// What is said of a product of a shop, also where its source is gone for a while.
    pub(super) fn says(&self, shop: Shop, product: usize) -> &Rule {
        let of_one_source = product == TEAM_AT && self.corner.is_some();
        if of_one_source { self.rule(shop, product) } else { &self.products[product] }
    }

    pub(super) fn yaml(&self, around: Around<'_>) -> String {
        let Around { main, corner, sources, bindings } = around;
        let source = |shop: Shop| &sources[shop as usize];
        let here = |shop: Shop| !self.gone[shop as usize];
        let word = |policy: Policy| if policy == Policy::Keep { "keep" } else { "revoke" };
        let prune = match self.prune {
            Prune::Never => "never",
            Prune::Owned => "owned",
            Prune::Exclusive => "exclusive",
        };
        let mut text = "version: 1\nlogto: {endpoint: sandbox, concurrency: 2}\nsources:\n".to_owned();
        for (shop, url) in [(Shop::Main, main), (Shop::Corner, corner)].into_iter().filter(|(shop, _)| here(*shop)) {
            text.push_str(&format!(
                "  {}\n    kind: openbitum\n    url: {url}\n    \
                 auth: {{kind: bearer, token: \"${{SHOP_TOKEN}}\"}}\n    \
                 list: {{paging: {{kind: offset, param: offset, size_param: limit, size: 4}}}}\n",
                source(shop).head()
            ));
            if shop == Shop::Corner {
                text.push_str(OVERLAID);
            }
        }
        // Answers, and lists nothing: its orders are written into the store.
        if here(Shop::Till) {
            text.push_str(&format!(
            "  {}\n    kind: http\n    url: {}\n    list: {{path: /api/products, items: $, paging: {{kind: none}}}}\n    \
             map: {{id: $.id, products: $.sold, email: $.email}}\n    \
             status: [{{when: \"@.status == 'paid'\", as: paid}}]\n",
            source(Shop::Till).head(),
            corner
        ));
        }
        if !bindings.is_empty() {
            text.push_str("buyers:\n  bindings:\n");
            for (email, user) in bindings {
                text.push_str(&format!("    - {{email: {email}, user: {user}}}\n"));
            }
        }
        text.push_str(&format!(
            "prune: {prune}\nlimits:\n  revocations: {{per_day: 0%, floor: {}}}\n  \
             config_grants: {{per_day: 0%, floor: {}}}\n\
             protect: {{emails: [\"*@staff.example.com\"], roles: [admin]}}\nsafeguards: {{delay: 0s}}\nproducts:\n",
            self.floor, self.config_floor
        ));
        let heads = PRODUCTS.iter().enumerate().map(|(at, product)| match self.corner {
            Some(_) if at == TEAM_AT => format!("  {product}:\n    source: {}\n", source(Shop::Main).name),
            _ => format!("  {product}:\n"),
        });
        let corner = format!(
            "  team_of_the_corner:\n    ids: [{}]\n    source: {}\n",
            PRODUCTS[TEAM_AT],
            source(Shop::Corner).name
        );
        let rules = heads.chain([corner]).zip(self.products.iter().chain(&self.corner)).enumerate();
        // A rule for one source only goes with that source.
        let kept = |at: usize| match at {
            TEAM_AT => self.corner.is_none() || here(Shop::Main),
            at => at < PRODUCTS.len() || here(Shop::Corner),
        };
        for (_, (head, rule)) in rules.filter(|(at, (_, rule))| !rule.gives.is_empty() && kept(*at)) {
            text.push_str(&format!("{head}    entitlements:\n"));
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
const PLAIN: Rules = Rules {
    prune: Prune::Owned,
    floor: 50,
    config_floor: 1000,
    products: [PRO, MONTH, TEAM, YEAR],
    corner: None,
    gone: [false; 3],
};
const EVERYTHING: [Rule; 4] = [
    rule(&[Thing::Gold, Thing::Beta, Thing::Acme, Thing::Member], None, 0),
    rule(&[Thing::Gold, Thing::Beta], Some(60), 0),
    TEAM,
    YEAR,
];

/// The pool. The first is in force at the start.
pub(super) const FILES: [Rules; 14] = [
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
    Rules { products: EVERYTHING, ..PLAIN },
    Rules { prune: Prune::Never, ..PLAIN },
    Rules { prune: Prune::Exclusive, ..PLAIN },
    Rules { prune: Prune::Exclusive, floor: 2, products: [PRO, NOTHING, TEAM, YEAR], ..PLAIN },
    Rules { floor: 2, products: [rule(&[Thing::Gold], None, 0), NOTHING, NOTHING, NOTHING], ..PLAIN },
    // Everything gives everything, and few may get it at once.
    Rules { config_floor: 1, products: EVERYTHING, ..PLAIN },
    // The corner shop means something else by the same id.
    Rules { corner: Some(rule(&[Thing::Gold], None, 0)), ..PLAIN },
    Rules { config_floor: 1, corner: Some(Rule { on_partial_refund: Policy::Revoke, ..MONTH }), ..PLAIN },
    // Lines count.
    Rules {
        config_floor: 2,
        products: [Rule { on_partial_refund: Policy::Revoke, grace_days: 3, ..PRO }, MONTH, TEAM, YEAR],
        corner: Some(rule(&[Thing::Beta, Thing::Acme, Thing::Member], None, 0)),
        ..PLAIN
    },
];
