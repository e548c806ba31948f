//! The `products` block: what each product gives, and what ends it.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::fields::{Fields, Resolved};
use super::reference::Template;
use super::{Check, shapes};
use crate::config::diagnostic::Place;
use crate::config::raw::{Entry, Node, Value};
use crate::config::settings::{Product, SoldAs, Wanted, WantedTarget};
use crate::config::suggest::nearest;
use crate::model::{Policy, ProductId, Quantity, SourceName};

/// Targets and products are numbered in 16 bits within a pass.
const MOST: usize = 65_000;

/// Where each product id was first named, with the source it counts in.
type Seen = BTreeMap<ProductId, Vec<(Option<SourceName>, Place)>>;

impl Check<'_> {
    pub(super) fn products(&mut self, entry: &Entry, file: Fields<'_>) -> Option<Vec<Product>> {
        let entries = self.named(&entry.node, "products, each under its id")?;
        if entries.is_empty() {
            self.error(entry.at, "there are no products").help("without one, nothing is ever granted");
        }
        if entries.len() > MOST {
            self.error(entry.at, format!("there are {} products; {MOST} are the most", entries.len()));
            return None;
        }
        let sources: Vec<&str> = match file.node("sources").map(|node| &node.value) {
            Some(Value::Map(entries)) => entries.iter().map(|entry| entry.key.as_str()).collect(),
            _ => Vec::new(),
        };
        let protected = self.protected_roles(file);
        let mut seen = Seen::new();
        let mut products = Vec::with_capacity(entries.len());
        let mut targets = std::collections::BTreeSet::new();
        for entry in entries {
            let Some(product) = self.product(entry, &sources, &protected, &mut seen) else { continue };
            targets.extend(product.entitlements.iter().map(|wanted| wanted.what.clone()));
            products.push(product);
        }
        if targets.len() > MOST {
            self.error(entry.at, format!("the products name {} targets; {MOST} are the most", targets.len()));
        }
        Some(products)
    }

    /// The protected roles and where the file names them. What is wrong with them is reported elsewhere.
    fn protected_roles(&self, file: Fields<'_>) -> BTreeMap<String, Place> {
        match file.node("protect").and_then(|protect| protect.get("roles")).map(|roles| &roles.value) {
            Some(Value::List(nodes)) => nodes
                .iter()
                .filter_map(|node| {
                    let template = Template::parse(node.text()?).ok().filter(|template| !template.refers())?;
                    Some((template.resolve(self.env).ok()?, node.place))
                })
                .collect(),
            _ => BTreeMap::new(),
        }
    }

    fn product(
        &mut self,
        entry: &Entry,
        sources: &[&str],
        protected: &BTreeMap<String, Place>,
        seen: &mut Seen,
    ) -> Option<Product> {
        if entry.key.trim().is_empty() {
            self.error(entry.at, "a product needs an id");
        }
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::PRODUCT)?;
        let name = fields.node("name").and_then(|node| self.name(node, "a name for people"));
        let source = fields.node("source").and_then(|node| self.source_name(node, sources));
        let ids = self.ids(entry, fields, source.as_ref(), sources);
        for (SoldAs { id, source }, place) in &ids {
            let others = seen.entry(id.clone()).or_default();
            let clash = others.iter().find(|(other, _)| other.is_none() || source.is_none() || other == source);
            if let Some((_, first)) = clash {
                let first = *first;
                self.error(*place, format!("product id `{id}` is mapped twice"))
                    .label("again here")
                    .also(first, "first here")
                    .help("put all entitlements under one product, or tell the two apart by `source`");
            }
            others.push((source.clone(), *place));
        }
        let entitlements = fields.need(self, "entitlements", "entitlements: [{role: paid-tier}]");
        let entitlements = entitlements.map(|entry| self.entitlements(entry, protected));
        let valid_for = fields.node("valid_for").and_then(|node| self.interval(node));
        let quantity = self.quantity(fields);
        let grace = fields.node("grace").map_or(Some(SignedDuration::ZERO), |node| self.duration(node));
        Some(Product {
            key: entry.key.clone(),
            ids: ids.into_iter().map(|(id, _)| id).collect(),
            source,
            name: name.map_or_else(|| entry.key.clone(), |found| found.value),
            line: entry.at.line,
            entitlements: entitlements?,
            valid_for,
            quantity,
            grace: grace?,
            on_refund: self.policy(fields, "on_refund", Policy::Revoke)?,
            on_partial_refund: self.policy(fields, "on_partial_refund", Policy::Keep)?,
            on_dispute: self.policy(fields, "on_dispute", Policy::Keep)?,
        })
    }

    fn quantity(&mut self, fields: Fields<'_>) -> Quantity {
        let Some(entry) = fields.find("quantity") else { return Quantity::default() };
        let words = [("ignore", Quantity::Ignore), ("periods", Quantity::Periods)];
        let quantity = self.word(&entry.node, &words).unwrap_or_default();
        if quantity == Quantity::Periods && fields.find("valid_for").is_none() {
            self.error(entry.at, "`quantity: periods` means nothing without `valid_for`")
                .help("each of what was bought is one `valid_for`: say how long that is");
        }
        quantity
    }

    fn policy(&mut self, fields: Fields<'_>, key: &str, default: Policy) -> Option<Policy> {
        let words = [("keep", Policy::Keep), ("revoke", Policy::Revoke)];
        // A wrong word is reported, and the default goes on so that the next key is looked at as well.
        Some(fields.node(key).and_then(|node| self.word(node, &words)).unwrap_or(default))
    }

    fn source_name(&mut self, node: &Node, sources: &[&str]) -> Option<SourceName> {
        let found = self.name(node, "the name of a source")?;
        if !sources.contains(&found.value.as_str()) {
            let problem = self.error(node.place, format!("there is no source `{}`", found.written));
            if let Some(near) = nearest(&found.value, sources.iter().copied()) {
                problem.label(format!("did you mean `{near}`?"));
            }
        }
        Some(found.value.as_str().into())
    }

    /// Each id with the source it counts in: its own, or else that of the product.
    fn ids(
        &mut self,
        entry: &Entry,
        fields: Fields<'_>,
        source: Option<&SourceName>,
        sources: &[&str],
    ) -> Vec<(SoldAs, Place)> {
        let plain = |id: &str| SoldAs { id: id.into(), source: source.cloned() };
        let Some(node) = fields.node("ids") else { return vec![(plain(&entry.key), entry.at)] };
        let Some(nodes) = self.list(node, "a list of product ids") else { return Vec::new() };
        if nodes.is_empty() {
            self.error(node.place, "a product needs at least one id").help("without `ids`, the key is the id");
        }
        let mut ids: Vec<(SoldAs, Place)> = Vec::new();
        let mut known: BTreeMap<(ProductId, Option<SourceName>), Place> = BTreeMap::new();
        for node in nodes {
            let sold = match &node.value {
                Value::Map(_) => self.sold_in(node, source, sources),
                _ => self.name(node, "a product id").map(|found| plain(&found.value)),
            };
            let Some(sold) = sold else { continue };
            if let Some(first) = known.get(&(sold.id.clone(), sold.source.clone())).copied() {
                self.error(node.place, format!("`{}` is listed twice", sold.id)).warn().also(first, "first here");
                continue;
            }
            known.insert((sold.id.clone(), sold.source.clone()), node.place);
            ids.push((sold, node.place));
        }
        ids
    }

    /// `{source: shop, id: prd_1}`.
    fn sold_in(&mut self, node: &Node, product: Option<&SourceName>, sources: &[&str]) -> Option<SoldAs> {
        let fields = self.fields(node, Some(node.place), &shapes::SOLD_AS)?;
        let id = fields.need(self, "id", "id: prd_1").and_then(|entry| self.name(&entry.node, "a product id"));
        let source = fields.need(self, "source", "source: <the name of a source>");
        let source = source.and_then(|entry| Some((self.source_name(&entry.node, sources)?, entry.at)));
        if let (Some((source, at)), Some(product)) = (&source, product)
            && source != product
        {
            self.error(*at, format!("this product counts in `{product}` only"))
                .help("leave out the `source` of the product, and give every id its own");
        }
        Some(SoldAs { id: id?.value.as_str().into(), source: Some(source?.0) })
    }

    fn entitlements(&mut self, entry: &Entry, protected: &BTreeMap<String, Place>) -> Vec<Wanted> {
        let mut wanted: Vec<(Wanted, Place)> = Vec::new();
        let what = "a list of entitlements, such as `- role: paid-tier`";
        for node in self.list(&entry.node, what).unwrap_or_default() {
            self.entitlement(node, &mut wanted);
        }
        if matches!(&entry.node.value, Value::List(nodes) if nodes.is_empty()) {
            self.error(entry.at, "a product without entitlements gives nothing").help("add `- role: <name>`");
        }
        let mut seen: BTreeMap<WantedTarget, Place> = BTreeMap::new();
        let mut unique = Vec::with_capacity(wanted.len());
        for (wanted, place) in wanted {
            if let Some(first) = seen.get(&wanted.what) {
                // A membership that a second entry implies is no slip: its roles are what is meant.
                if !matches!(wanted.what, WantedTarget::Membership(_)) {
                    self.error(place, "this product names the same entitlement twice")
                        .warn()
                        .also(*first, "first here");
                }
                continue;
            }
            if let WantedTarget::Role(role) = &wanted.what
                && let Some(protection) = protected.get(role.as_str())
            {
                self.error(place, format!("role `{role}` is protected, so no product can give it"))
                    .label("given here")
                    .also(*protection, "protected here");
            }
            seen.insert(wanted.what.clone(), place);
            unique.push(wanted);
        }
        unique
    }

    fn entitlement(&mut self, node: &Node, wanted: &mut Vec<(Wanted, Place)>) {
        let Some(fields) = self.fields(node, Some(node.place), &shapes::ENTITLEMENT) else { return };
        let mut want = |found: &Resolved, what: WantedTarget| {
            let Place { line, column, .. } = found.place;
            wanted.push((Wanted { what, line, column }, found.place));
        };
        if let Some(entry) = fields.find("roles")
            && matches!(&entry.node.value, Value::List(nodes) if nodes.is_empty())
        {
            self.error(entry.at, "`roles` is empty").help("name at least one role, or leave it out");
        }
        match (fields.find("organization"), fields.find("role"), fields.find("roles")) {
            (Some(organization), None, roles) => {
                let organization = self.name(&organization.node, "an organization, by name or by id");
                let roles = self.names(
                    roles.map(|entry| &entry.node),
                    "a list of organization roles",
                    "an organization role, by name or by id",
                );
                let Some(organization) = organization else { return };
                want(&organization, WantedTarget::Membership(organization.value.clone()));
                for role in roles {
                    let organization = organization.value.clone();
                    want(&role, WantedTarget::OrganizationRole { organization, role: role.value.clone() });
                }
            }
            (Some(_), Some(role), _) => {
                self.error(role.at, "an organization takes `roles`, not `role`")
                    .help(format!("write `roles: [{}]`", role.node.text().unwrap_or("member")));
            }
            (None, Some(_), Some(roles)) => {
                self.error(roles.at, "an entitlement has `role` or `roles`, not both");
            }
            (None, Some(role), None) => {
                if let Some(found) = self.name(&role.node, "a role, by name or by id") {
                    want(&found, WantedTarget::Role(found.value.clone()));
                }
            }
            (None, None, Some(roles)) => {
                for found in self.names(Some(&roles.node), "a list of roles", "a role, by name or by id") {
                    want(&found, WantedTarget::Role(found.value.clone()));
                }
            }
            // An unknown key, already reported, is what was meant.
            (None, None, None) if fields.unknown().next().is_some() => {}
            (None, None, None) => {
                self.error(node.place, "this entitlement names nothing")
                    .help("it needs `role`, `roles` or `organization`");
            }
        }
    }
}
