//! The world of one history: the simulators, the store, the file in force, and all that the model knows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use entitled::config::presets::PRESETS;
use entitled::config::settings::Config;
use entitled::config::{Env, Presets, check_text};
use entitled::model::{OrderId, OrderKey, SourceName, Target, UserId};
use entitled::pass::active::{ActivateError, ActiveConfig, Simulators, activate};
use entitled::report::{HeldChange, Origin};
use entitled::sandbox::{Handles, LogtoSim, Options, Running, SHOP_TOKEN, ShopSim, start};
use entitled::store::{FreezeScope, Store};
use jiff::Timestamp;

use super::accounts::{Accounts, address};
use super::catalogs::{Around, FILES, Rules, SHOPS, Shop, SourceIs, THINGS, Thing};
use super::commits::Commits;
use super::holding::Said;
use super::stores::Copy;
use super::truth::Order;
use super::{ACCOUNTS, SIGNED_UP};

pub(super) type Held = BTreeSet<(UserId, Thing)>;
/// What is wrong, if anything is.
pub(super) type Verdict = Result<(), String>;

/// Whether the ledger owns a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ours {
    Surely,
    Perhaps,
}

pub(super) struct World {
    running: Running,
    /// For its shop: one process has one.
    corner: Running,
    pub(super) logto: LogtoSim,
    pub(super) shops: [ShopSim; 2],
    folder: tempfile::TempDir,
    store: Option<Arc<Store>>,
    stores: usize,
    /// An older copy of the store.
    pub(super) copy: Option<Copy>,
    pub(super) active: ActiveConfig,
    pub(super) rules: Rules,
    /// Those of the file that was in force before.
    pub(super) rules_before: Rules,
    /// Those of a file that lies there already and that nobody has read.
    pub(super) next: Option<Rules>,
    /// What the file calls each source, in the order of [`SHOPS`].
    pub(super) sources: [SourceIs; 3],
    pub(super) unread: BTreeSet<SourceName>,
    /// Orders that a poll brought and that no pass has gone through with yet.
    pub(super) touched: Vec<OrderKey>,
    /// Of whom a write failed: tried again soon.
    pub(super) again: BTreeSet<UserId>,
    /// The next pass is the first of a start.
    pub(super) restarted: bool,
    /// What the clock of the machine says.
    pub(super) now: Timestamp,
    /// What it said when the pass began that is under way, and what was frozen then.
    pub(super) begun: Timestamp,
    pub(super) frozen: Option<FreezeScope>,
    /// Users of that pass who were another one's meanwhile: its plan says nothing of them any more.
    pub(super) overtaken: BTreeSet<UserId>,
    pub(super) said: Said,
    /// What the last plan said can be let through, by set.
    pub(super) offers: Vec<Vec<(HeldChange, &'static str)>>,
    /// What the last plan took back outside the limits.
    pub(super) undone: Held,
    /// By how many seconds it is ahead.
    pub(super) astray: i64,
    /// The clock was put back at some time: what was to end by it lasts for longer.
    pub(super) was_put_back: bool,
    /// The order that has just changed.
    pub(super) hint: Option<(Shop, OrderId)>,
    pub(super) accounts: Accounts,
    pub(super) orders: Vec<Order>,
    /// The most orders that each shop ever had.
    pub(super) most: [usize; 2],
    pub(super) ours: BTreeMap<(UserId, Thing), Ours>,
    /// Held, and no order has explained it since it was given or the ledger was lost.
    pub(super) foreign: Held,
    /// When a pass has surely seen a foreign grant that nobody has touched since, in seconds.
    pub(super) seen: BTreeMap<(UserId, Thing), i64>,
    /// Foreign grants that some pass may have seen.
    pub(super) maybe_seen: Held,
    pub(super) revoked: Vec<(i64, Option<Target>)>,
    pub(super) commits: Commits,
    /// Since the store was lost, no pass has gone through.
    pub(super) bereft: bool,
    /// How many revocations Logto may have made up so far.
    pub(super) pretended: u32,
}

struct Token;

impl Env for Token {
    fn var(&self, name: &str) -> Option<String> {
        (name == "SHOP_TOKEN").then(|| SHOP_TOKEN.to_owned())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        Err(format!("no file {path} here"))
    }
}

/// What the checks say of a file.
pub(super) fn check(yaml: &str) -> Result<Config, String> {
    check_text(yaml, Path::new("entitlements.yaml"), &Token, &Presets::new(PRESETS))
        .map(|(config, _)| config)
        .map_err(|problems| format!("{problems:?}\n{yaml}"))
}

fn ready(yaml: &str, running: &Running) -> (Config, Origin, Simulators) {
    let config = check(yaml).unwrap();
    let origin = Origin { file: "entitlements.yaml".to_owned(), digest: config.digest.clone(), commit: None };
    let simulators = Simulators {
        logto: running.logto_url().to_owned(),
        shop: running.shop_url().to_owned(),
        shop_token: SHOP_TOKEN.to_owned(),
    };
    (config, origin, simulators)
}

async fn enforce(yaml: &str, running: &Running) -> Result<ActiveConfig, ActivateError> {
    let (config, origin, simulators) = ready(yaml, running);
    activate(config, origin, Some(&simulators)).await
}

impl World {
    pub(super) async fn new(crowded: bool) -> Self {
        let running = start(Options::default()).await.unwrap();
        let corner = start(Options::default()).await.unwrap();
        let Handles { logto, shop } = running.handles().unwrap().clone();
        let shops = [shop, corner.handles().unwrap().shop.clone()];
        for role in ["gold", "beta", "admin"] {
            logto.add_role(role);
        }
        logto.add_organization("acme");
        for role in ["member", "editor"] {
            logto.add_organization_role(role);
        }
        let mut foreign = Held::new();
        if crowded {
            let role = logto.role("gold").unwrap();
            for user in logto.add_users(120) {
                logto.grant(&user, &role);
                foreign.insert((user, Thing::Gold));
            }
        }
        let mut accounts = Accounts::new();
        (0..SIGNED_UP).for_each(|account| accounts.open(account, logto.add_user(&address(account))));
        let rules = FILES[0];
        let (sources, bindings) = (SHOPS.map(SourceIs::new), BTreeMap::new());
        let (main, at) = (running.shop_url(), corner.shop_url());
        let around = Around { main, corner: at, sources: &sources, bindings: &bindings };
        let active = enforce(&rules.yaml(around), &running).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let unread = active.source_names();
        let start = Timestamp::now().as_second() + 86_400;
        let mut world = Self {
            running,
            corner,
            logto,
            shops,
            folder,
            store: None,
            stores: 0,
            copy: None,
            active,
            rules,
            rules_before: rules,
            next: None,
            sources,
            unread,
            touched: Vec::new(),
            again: BTreeSet::new(),
            restarted: false,
            astray: 0,
            was_put_back: false,
            hint: None,
            now: Timestamp::from_second(start).unwrap(),
            begun: Timestamp::from_second(start).unwrap(),
            frozen: None,
            overtaken: BTreeSet::new(),
            said: Said::default(),
            offers: Vec::new(),
            undone: Held::new(),
            accounts,
            orders: Vec::new(),
            most: [0; 2],
            ours: BTreeMap::new(),
            foreign,
            seen: BTreeMap::new(),
            maybe_seen: Held::new(),
            revoked: Vec::new(),
            commits: Commits::default(),
            bereft: true,
            pretended: 0,
        };
        std::fs::write(world.file(), &*world.active.config.text).unwrap();
        world.fresh_store().await;
        world
    }

    pub(super) fn at(&self) -> i64 {
        self.now.as_second()
    }

    pub(super) fn store(&self) -> &Store {
        self.store_to_share()
    }

    pub(super) fn store_to_share(&self) -> &Arc<Store> {
        self.store.as_ref().unwrap()
    }

    /// The file, for those who look whether it is still the same.
    pub(super) fn file(&self) -> PathBuf {
        self.folder.path().join("entitlements.yaml")
    }

    /// Where another store has room.
    pub(super) fn place(&mut self, what: &str) -> PathBuf {
        self.stores += 1;
        self.folder.path().join(format!("{what}-{}.db", self.stores))
    }

    async fn close_store(&mut self) {
        if let Some(store) = self.store.take() {
            let path = store.path().to_owned();
            store.close().await;
            match std::fs::remove_file(&path) {
                // Somebody has deleted it under the daemon.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                removed => removed.unwrap(),
            }
        }
    }

    /// Removes the store, if there is one, and opens another.
    pub(super) async fn fresh_store(&mut self) {
        self.close_store().await;
        let path = self.place("entitled");
        self.store = Some(Arc::new(Store::open(&path).await.unwrap()));
        self.keep_file().await;
    }

    /// Removes the store, and opens the one at `path` in its place.
    pub(super) async fn swap_store(&mut self, path: &Path) {
        self.close_store().await;
        self.store = Some(Arc::new(Store::open(path).await.unwrap()));
    }

    /// The simulated shop; the till has none.
    pub(super) fn shop(&self, shop: Shop) -> Option<&ShopSim> {
        match shop {
            Shop::Main => Some(&self.shops[0]),
            Shop::Corner => Some(&self.shops[1]),
            Shop::Till => None,
        }
    }

    pub(super) fn yaml(&self, rules: &Rules) -> String {
        rules.yaml(Around {
            main: self.running.shop_url(),
            corner: self.corner.shop_url(),
            sources: &self.sources,
            bindings: &self.accounts.bindings.now,
        })
    }

    /// All that entering into force takes.
    pub(super) fn ready(&self, yaml: &str) -> (Config, Origin, Simulators) {
        ready(yaml, &self.running)
    }

    pub(super) async fn enforce(&self, yaml: &str) -> Result<ActiveConfig, ActivateError> {
        enforce(yaml, &self.running).await
    }

    /// What Logto holds.
    pub(super) fn held(&self) -> Held {
        let mut held = Held::new();
        for (thing, name) in [(Thing::Gold, "gold"), (Thing::Beta, "beta")] {
            let holders = self.logto.role(name).map(|role| self.logto.holders(&role)).unwrap_or_default();
            held.extend(holders.into_iter().map(|user| (user, thing)));
        }
        let Some(acme) = self.logto.organization("acme") else { return held };
        let roles = [(Thing::Member, "member"), (Thing::Editor, "editor")];
        for (user, has) in self.logto.members(&acme) {
            for (thing, name) in roles {
                if self.logto.organization_role(name).is_some_and(|role| has.contains(&role)) {
                    held.insert((user.clone(), thing));
                }
            }
            held.insert((user, Thing::Acme));
        }
        held
    }

    /// The target that a thing is now; `None` where it is not there.
    pub(super) fn target(&self, thing: Thing) -> Option<Target> {
        let organization = || self.logto.organization("acme");
        Some(match thing {
            Thing::Gold => Target::Role { role: self.logto.role("gold")? },
            Thing::Beta => Target::Role { role: self.logto.role("beta")? },
            Thing::Acme => Target::Membership { organization: organization()? },
            Thing::Member => Target::OrganizationRole {
                organization: organization()?,
                role: self.logto.organization_role("member")?,
            },
            Thing::Editor => Target::OrganizationRole {
                organization: organization()?,
                role: self.logto.organization_role("editor")?,
            },
        })
    }

    /// What the file calls the source of a shop now.
    pub(super) fn source(&self, shop: Shop) -> &str {
        &self.sources[shop as usize].name
    }

    pub(super) fn thing(&self, target: &Target) -> Option<Thing> {
        THINGS.into_iter().find(|thing| self.target(*thing).as_ref() == Some(target))
    }

    /// The target of a thing, if passes know it.
    pub(super) fn known_target(&self, thing: Thing) -> Option<Target> {
        self.target(thing).filter(|target| self.active.catalog.find(target).is_some())
    }

    /// Everything that an order of a shop and a product leads to under the file in force.
    pub(super) fn mapped(&self) -> impl Iterator<Item = (Shop, usize, Target)> {
        SHOPS.into_iter().flat_map(move |shop| {
            (0..super::catalogs::PRODUCTS.len()).flat_map(move |product| {
                let things = self.rules.says(shop, product).gives.iter();
                things.filter_map(move |thing| Some((shop, product, self.known_target(*thing)?)))
            })
        })
    }

    pub(super) fn is_protected(&self, user: &UserId) -> bool {
        // By the address of the account, whatever address an order gave.
        self.accounts.of_person(SIGNED_UP - 1).any(|account| account == user)
    }
}

const _: () = assert!(SIGNED_UP <= ACCOUNTS);
