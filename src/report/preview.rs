//! What merging a version of the file would do: what its plan has beyond the plan of the version before it, by the
//! same orders and the same holders. What drift or sales do anyway is in both, and so in neither.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::origin::Origin;
use super::plan::{Change, HeldChange, PlanDocument};

/// What merging would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewDocument {
    /// The shape of this document: [`PreviewDocument::VERSION`].
    pub version: u32,
    /// When.
    pub at: Timestamp,
    /// The version before.
    pub base: Origin,
    /// The proposed one.
    pub head: Origin,
    /// What is in force now, where that is not the base.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub in_force: Option<Origin>,
    /// When who holds what was last seen as a whole. `None`: never, and whatever is held would be adopted first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seen: Option<Timestamp>,
    /// What differs between the versions by name, in the order of size.
    pub groups: Vec<Group>,
    /// What each target of these groups comes to, by name.
    pub targets: Vec<TargetPreview>,
    /// Keys of an operator that the proposal fills in differently: what it says there does not count.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub not_previewed: Vec<String>,
    /// Targets of which nobody has seen yet who holds them: they count as held by nobody.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unseen: Vec<String>,
    /// Public variables that are not set where the file is in force.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unset: Vec<String>,
    /// The figures.
    pub summary: PreviewSummary,
}

/// People to whom the same happens for the same product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// What merging does to them.
    pub effect: Effect,
    /// The target as the file names it.
    pub target: String,
    /// The target by ids.
    pub target_key: String,
    /// The product of the order behind it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub product: Option<String>,
    /// What causes it, in one word, as in a plan.
    pub cause: String,
    /// The line of the proposed file that it comes from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
    /// What holds it, where something does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hold: Option<HeldBy>,
    /// How many people.
    pub count: u64,
    /// Who: the first of them.
    pub people: Vec<Person>,
}

/// What merging does to somebody, beyond what happens anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// They lose it.
    Lose,
    /// They would lose it, and a person is asked first or something waits.
    LoseHeld,
    /// They gain it.
    Gain,
    /// They would gain it, and a person is asked first or something waits.
    GainHeld,
    /// They hold it already, and it becomes ours.
    Adopt,
    /// They keep it, and it is ours no more.
    Release,
    /// Without merging they lose it, and with it they do not.
    LossAverted,
    /// Without merging they gain it, and with it they do not.
    GainAverted,
}

impl Effect {
    fn of(verb: &str, held: bool) -> Option<Self> {
        Some(match (verb, held) {
            ("revoke", false) => Self::Lose,
            ("revoke", true) => Self::LoseHeld,
            ("grant", false) => Self::Gain,
            ("grant", true) => Self::GainHeld,
            ("adopt", _) => Self::Adopt,
            ("release", _) => Self::Release,
            _ => return None,
        })
    }

    /// The same where it is the version before that does it.
    fn averted(self) -> Option<Self> {
        match self {
            Self::Lose | Self::LoseHeld => Some(Self::LossAverted),
            Self::Gain | Self::GainHeld => Some(Self::GainAverted),
            // Whose it is, is of no matter to those who hold it.
            Self::Adopt | Self::Release | Self::LossAverted | Self::GainAverted => None,
        }
    }
}

/// What holds a change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeldBy {
    /// Its name: `OverLimit`, ...
    pub hold: String,
    /// Why.
    pub reason: String,
    /// The digest by which it can be let through once it is held.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub set: Option<String>,
}

/// Somebody, by name or by number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Person {
    /// One of them, the same in every group.
    Buyer(u64),
    /// By id and, where an order gave one, address.
    Known(String),
}

impl Person {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Buyer(_) => None,
            Self::Known(name) => Some(name),
        }
    }
}

/// What becomes of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetPreview {
    /// As the file names it.
    pub name: String,
    /// People who hold it now.
    pub holders: u64,
    /// Of these, those who lose it by merging.
    pub lose: u64,
    /// Of these, those who keep it.
    pub keep: u64,
    /// People who gain it by merging.
    pub gain: u64,
    /// Changes by merging that are held.
    pub held: u64,
}

/// The figures of a preview: people and targets, each pair once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewSummary {
    /// Losses.
    pub lose: u64,
    /// Gains.
    pub gain: u64,
    /// Losses and gains that are held.
    pub held: u64,
    /// What becomes ours.
    pub adopt: u64,
    /// What is ours no more.
    pub release: u64,
    /// What merging spares.
    pub averted: u64,
}

/// How people are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum People {
    /// By number: whoever reads it may be anybody.
    Numbered,
    /// By name.
    Named,
}

/// So many people of a group are listed.
const LISTED: usize = 20;

/// One change by what it does, to whom and on what.
type Cell<'a> = (Effect, &'a str, &'a str);

impl PreviewDocument {
    /// The shape of this document.
    pub const VERSION: u32 = 1;

    /// The same for whoever may see nobody's name.
    pub fn numbered(mut self) -> Self {
        let people = self.groups.iter().flat_map(|group| &group.people);
        let names: BTreeSet<String> = people.filter_map(Person::name).map(str::to_owned).collect();
        let numbers: BTreeMap<String, u64> = names.into_iter().zip(1..).collect();
        for person in self.groups.iter_mut().flat_map(|group| &mut group.people) {
            if let Some(number) = person.name().and_then(|name| numbers.get(name)) {
                *person = Person::Buyer(*number);
            }
        }
        self
    }

    /// Whether merging changes nothing for anybody.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

/// What `after` does beyond `before`: groups and figures by group of people, and by target.
pub fn difference(
    before: &PlanDocument,
    after: &PlanDocument,
    people: People,
) -> (Vec<Group>, Vec<TargetPreview>, PreviewSummary) {
    let (was, is) = (cells(before), cells(after));
    let beyond = is.iter().filter(|(cell, _)| !was.contains_key(*cell)).map(|(cell, one)| (cell.0, *one));
    let known: BTreeSet<(&str, &str)> = is.keys().map(|(_, user, target)| (*user, *target)).collect();
    // What one of them does and the other one holds is told once, as what comes of it.
    let spared = was.iter().filter(|((_, user, target), _)| !known.contains(&(*user, *target)));
    let spared = spared.filter_map(|(cell, one)| Some((cell.0.averted()?, *one)));
    let all: Vec<(Effect, Item<'_>)> = beyond.chain(spared).collect();
    let mut groups = grouped(&all, people);
    let mut targets = targets(before, after, &all);
    // What the file names no more is known by its name to the version before, and by its id to this one.
    let names: BTreeMap<&str, &str> =
        before.targets.iter().map(|target| (target.key.as_str(), target.name.as_str())).collect();
    for group in &mut groups {
        let Some(name) = names.get(group.target_key.as_str()) else { continue };
        let by_id = std::mem::replace(&mut group.target, (*name).to_owned());
        targets
            .iter_mut()
            .filter(|target| target.name == by_id)
            .for_each(|target| (*name).clone_into(&mut target.name));
    }
    targets.sort_by(|a, b| a.name.cmp(&b.name));
    let mut summary = PreviewSummary::default();
    for group in &groups {
        let figure = match group.effect {
            Effect::Lose => &mut summary.lose,
            Effect::Gain => &mut summary.gain,
            Effect::LoseHeld | Effect::GainHeld => &mut summary.held,
            Effect::Adopt => &mut summary.adopt,
            Effect::Release => &mut summary.release,
            Effect::LossAverted | Effect::GainAverted => &mut summary.averted,
        };
        *figure += group.count;
    }
    (groups, targets, summary)
}

/// A change, and what holds it.
#[derive(Clone, Copy)]
struct Item<'a> {
    change: &'a Change,
    held: Option<&'a HeldChange>,
}

fn cells(view: &PlanDocument) -> BTreeMap<Cell<'_>, Item<'_>> {
    let free = view.changes.iter().chain(&view.adoptions).chain(&view.releases);
    let free = free.map(|change| Item { change, held: None });
    let held = view.held.iter().map(|held| Item { change: &held.change, held: Some(held) });
    let cell = |one: Item<'_>| Effect::of(&one.change.action, one.held.is_some());
    free.chain(held)
        .filter_map(|one| Some(((cell(one)?, one.change.user.as_str(), one.change.target_key.as_str()), one)))
        .collect()
}

fn grouped(all: &[(Effect, Item<'_>)], people: People) -> Vec<Group> {
    type Key<'a> = (Effect, &'a str, Option<&'a str>, &'a str, Option<HeldBy>);
    let mut groups: BTreeMap<Key<'_>, Vec<Item<'_>>> = BTreeMap::new();
    for (effect, one) in all {
        let held =
            one.held.map(|held| HeldBy { hold: held.hold.clone(), reason: held.reason.clone(), set: held.set.clone() });
        let change = one.change;
        let key = (*effect, change.target_key.as_str(), change.product.as_deref(), change.cause.as_str(), held);
        groups.entry(key).or_default().push(*one);
    }
    let numbers: BTreeMap<&str, u64> = {
        let users: BTreeSet<&str> = all.iter().map(|(_, one)| one.change.user.as_str()).collect();
        users.into_iter().zip(1..).collect()
    };
    let person = |change: &Change| match (people, &change.email) {
        (People::Numbered, _) => Person::Buyer(numbers[change.user.as_str()]),
        (People::Named, Some(email)) => Person::Known(format!("{} {email}", change.user)),
        (People::Named, None) => Person::Known(change.user.to_string()),
    };
    let group = |((effect, target_key, product, cause, hold), items): (Key<'_>, Vec<Item<'_>>)| Group {
        effect,
        target: items[0].change.target.clone(),
        target_key: target_key.to_owned(),
        product: product.map(str::to_owned),
        cause: cause.to_owned(),
        line: items[0].change.line,
        hold,
        count: items.len() as u64,
        people: items.iter().take(LISTED).map(|one| person(one.change)).collect(),
    };
    let mut groups: Vec<Group> = groups.into_iter().map(group).collect();
    groups.sort_by_key(|group| (group.effect, std::cmp::Reverse(group.count)));
    groups
}

fn targets(before: &PlanDocument, after: &PlanDocument, all: &[(Effect, Item<'_>)]) -> Vec<TargetPreview> {
    let mut targets: BTreeMap<&str, TargetPreview> = BTreeMap::new();
    for (effect, one) in all {
        let key = one.change.target_key.as_str();
        let views = after.targets.iter().chain(&before.targets);
        let holders = || views.clone().find(|target| target.key == key).map_or(0, |target| target.actual);
        let target = targets.entry(key).or_insert_with(|| TargetPreview {
            name: one.change.target.clone(),
            holders: holders(),
            lose: 0,
            keep: 0,
            gain: 0,
            held: 0,
        });
        match effect {
            Effect::Lose => target.lose += 1,
            Effect::Gain => target.gain += 1,
            Effect::LoseHeld | Effect::GainHeld => target.held += 1,
            Effect::Adopt | Effect::Release | Effect::LossAverted | Effect::GainAverted => {}
        }
    }
    let mut targets: Vec<TargetPreview> = targets.into_values().collect();
    targets.iter_mut().for_each(|target| target.keep = target.holders.saturating_sub(target.lose));
    targets
}
