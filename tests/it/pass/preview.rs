//! What merging would do is what the daemon would plan after the merge, less what it would plan before it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use entitled::daemon::presets;
use entitled::model::UserId;
use entitled::pass::preview::{PreviewError, Version, preview};
use entitled::pass::{PassScope, plan_pass};
use entitled::report::PlanDocument;
use entitled::report::preview::{Effect, People, Person, PreviewDocument};
use entitled::store::{Freeze, FreezeScope};
use jiff::{SignedDuration, Timestamp};

use crate::support::stage::{NO_LIMITS, Stage, file};

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one_of<T: Copy>(&mut self, these: &[T]) -> T {
        these[usize::try_from(self.roll(these.len() as u64)).unwrap()]
    }
}

const SOLD: [&str; 3] = ["prd_pro", "prd_team", "prd_beta"];
const GIVEN: [&str; 6] = [
    "{role: paid-tier}",
    "{role: beta}",
    "{role: admin}",
    "{organization: acme}",
    "{organization: acme, roles: [member]}",
    "{organization: acme, roles: [boss]}",
];

/// Every target, so that all of them have been seen; nobody sells it.
const ALL: &str = "  prd_all: {entitlements: [role: paid-tier, role: beta, role: admin, {organization: acme, roles: [member, boss]}]}\n";

fn products(dice: &mut Dice) -> String {
    let mut text = format!("products:\n{ALL}");
    for product in SOLD {
        if dice.roll(6) == 0 {
            continue;
        }
        let given: BTreeSet<&str> = (0..=dice.roll(2)).map(|_| dice.one_of(&GIVEN)).collect();
        let given: Vec<&str> = given.into_iter().collect();
        let further = dice.one_of(&["", "", ", on_refund: keep", ", valid_for: 1d", ", grace: 30d"]);
        let _ = writeln!(text, "  {product}: {{entitlements: [{}]{further}}}", given.join(", "));
    }
    text
}

fn proposal(dice: &mut Dice, users: &[UserId]) -> String {
    let prune = dice.one_of(&["owned", "owned", "owned", "never", "exclusive"]);
    let limits = dice.one_of(&[
        NO_LIMITS,
        NO_LIMITS,
        "limits: {revocations: {per_day: 1%, floor: 1}, config_grants: {per_day: 1%, floor: 2}}",
    ]);
    let protect = match dice.roll(4) {
        0 => format!("protect: {{users: [{}]}}", dice.one_of(&users.iter().collect::<Vec<_>>())),
        1 => "protect: {emails: [\"nobody@example.com\"]}".to_owned(),
        _ => String::new(),
    };
    let adopt = dice.one_of(&["", "", "adopt: never"]);
    file(prune, &format!("{limits}\n{protect}\n{adopt}"), &products(dice))
}

/// Some have bought, some have given back, some hold what somebody else gave; something is due and not done yet.
async fn world(dice: &mut Dice) -> (Stage, String, Vec<UserId>) {
    let base = file("owned", NO_LIMITS, &products(dice));
    let mut stage = Stage::of(&base).await;
    let users: Vec<UserId> = (0..8).map(|n| stage.logto.add_user(&format!("user{n}@example.com"))).collect();
    let role = |stage: &Stage, name| stage.logto.role(name).unwrap();
    for user in &users {
        if dice.roll(4) == 0 {
            stage.logto.grant(user, &role(&stage, dice.one_of(&["paid-tier", "beta", "admin"])));
        }
    }
    stage.pass().await;
    let mut orders = Vec::new();
    for user in &users {
        for _ in 0..dice.roll(3) {
            orders.push(stage.shop.buy(&dice.one_of(&SOLD).into(), user));
        }
    }
    stage.pass().await;
    for order in &orders {
        if dice.roll(4) == 0 {
            stage.shop.set_status(order, "refunded");
        }
    }
    if dice.roll(2) == 0 {
        stage.pass().await;
    }
    for user in &users {
        if dice.roll(5) == 0 {
            stage.logto.revoke(user, &role(&stage, "paid-tier"));
        }
        if dice.roll(4) == 0 {
            stage.shop.buy(&dice.one_of(&SOLD).into(), user);
        }
    }
    // The passes have seen who holds what, and were kept from changing it.
    let now = stage.now();
    let (until, scope) = (now + SignedDuration::from_hours(1), FreezeScope::All);
    let freeze = Freeze { scope, since: now, until, reason: "we look".to_owned(), who: "ann".to_owned() };
    stage.store.freeze(&freeze).await.unwrap();
    stage.pass().await;
    stage.store.unfreeze("ann", stage.now()).await.unwrap();
    (stage, base, users)
}

type Cell = (String, String, String);

fn cells(view: &PlanDocument) -> BTreeSet<Cell> {
    let free = view.changes.iter().chain(&view.adoptions).chain(&view.releases).map(|change| (String::new(), change));
    let held = view.held.iter().map(|held| ("held ".to_owned(), &held.change));
    let cell = |(held, change): (String, &entitled::report::Change)| {
        (format!("{held}{}", change.action), change.user.to_string(), change.target_key.clone())
    };
    free.chain(held).map(cell).collect()
}

fn previewed(document: &PreviewDocument) -> BTreeSet<Cell> {
    let mut cells = BTreeSet::new();
    for group in &document.groups {
        let effect = match group.effect {
            Effect::Lose => "revoke",
            Effect::LoseHeld => "held revoke",
            Effect::Gain => "grant",
            Effect::GainHeld => "held grant",
            Effect::Adopt => "adopt",
            Effect::Release => "release",
            Effect::LossAverted | Effect::GainAverted => continue,
        };
        assert_eq!(group.count, group.people.len() as u64);
        for person in &group.people {
            let Person::Known(name) = person else { panic!("{person:?} has no name") };
            let user = name.split(' ').next().unwrap().to_owned();
            cells.insert((effect.to_owned(), user, group.target_key.clone()));
        }
    }
    cells
}

async fn planned(stage: &Stage, at: Timestamp) -> BTreeSet<Cell> {
    let unread = BTreeSet::new();
    let context = stage.active.context(&stage.store, &unread, &|_, _, _| {}, at);
    cells(&plan_pass(context, &PassScope::Full).await.unwrap().view)
}

async fn asked(stage: &Stage, head: &str, at: Timestamp) -> Result<PreviewDocument, PreviewError> {
    let unread = BTreeSet::new();
    let context = stage.active.context(&stage.store, &unread, &|_, _, _| {}, at);
    let head = Version { text: head.into(), commit: None };
    preview(context, None, head, &presets(), People::Named).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_is_the_plan_after_the_merge_less_the_plan_before_it() {
    let worlds: u64 = std::env::var("ENTITLED_WORLDS").map_or(4, |worlds| worlds.parse().unwrap());
    let first: u64 = std::env::var("ENTITLED_SEED").map_or(0, |seed| seed.parse().unwrap());
    let mut differ = 0;
    for seed in first..first + worlds {
        let mut dice = Dice(seed);
        let (mut stage, base, users) = world(&mut dice).await;
        // To the second: what is sold within the one in which a product comes to give something is no commit's doing.
        let at = stage.now() + SignedDuration::from_secs(60);
        for number in 0..10 {
            let head = proposal(&mut dice, &users);
            stage.commit(&base).await.unwrap();
            let before = planned(&stage, at).await;
            stage.commit(&head).await.unwrap();
            let after = planned(&stage, at).await;
            stage.commit(&base).await.unwrap();
            stage.logto.clear_requests();
            stage.shop.clear_requests();
            let document = asked(&stage, &head, at).await.unwrap();
            assert_eq!((stage.logto.requests(), stage.shop.requests()), (vec![], vec![]), "nobody is asked");
            let expected: BTreeSet<Cell> = after.difference(&before).cloned().collect();
            differ += usize::from(!expected.is_empty());
            for group in &document.groups {
                let id = group.target_key.rsplit('/').next().unwrap();
                let said = [Some(&group.target), group.hold.as_ref().map(|held| &held.reason)];
                assert!(said.iter().flatten().all(|text| !text.contains(id)), "a name is known: {group:?}");
            }
            assert_eq!(
                previewed(&document),
                expected,
                "proposal {number} of `ENTITLED_SEED={seed} ENTITLED_WORLDS=1 cargo test --test it preview_is_the_plan`:\n{head}\nfrom\n{base}"
            );
        }
    }
    assert!(differ as u64 > worlds, "the proposals change something: {differ}");
}
