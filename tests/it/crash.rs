//! Killed at any moment, it converges: at most one more pass, no effect twice.
//!
//! The real binary is killed at each of its writes to Logto in turn, just before the write takes effect and
//! just after; between two of these points nothing changes but our own journal.

use std::collections::{BTreeMap, BTreeSet};

use entitled::model::{Grant, OrderId, Ownership, Target, UserId};
use entitled::sandbox::{Handles, LogtoSim, Options, Running, ShopSim, start};
use entitled::store::{Cause, Store, Verb};

use crate::support::gate::{Gate, Shut};
use crate::support::program::{Ended, Program, addresses, until};
use crate::support::stage::{NO_LIMITS, furnish};

const PRODUCTS: &str = "
products:
  prd_pro: {entitlements: [role: paid-tier]}
  prd_team: {entitlements: [{organization: acme, roles: [member]}]}
";

/// Simulators behind a gate, buyers, and strangers who hold things by hand.
struct World {
    _running: Running,
    logto: LogtoSim,
    shop: ShopSim,
    gate: Gate,
    program: Program,
    buyers: Vec<UserId>,
    orders: Vec<OrderId>,
    stranger: UserId,
}

impl World {
    /// Each of `buyers` has bought a role and a membership.
    async fn with(buyers: usize) -> Self {
        let running = start(Options::default()).await.unwrap();
        let Handles { logto, shop } = running.handles().unwrap().clone();
        furnish(&logto);
        let stranger = logto.add_user("stranger@example.com");
        let (acme, boss) = (logto.organization("acme").unwrap(), logto.organization_role("boss").unwrap());
        logto.grant(&stranger, &logto.role("paid-tier").unwrap());
        logto.add_member(&acme, &stranger);
        logto.add_member_role(&acme, &stranger, &boss);
        let buyers: Vec<UserId> =
            (0..buyers).map(|number| logto.add_user(&format!("buyer-{number}@example.com"))).collect();
        let bought = buyers.iter().flat_map(|user| ["prd_pro", "prd_team"].map(|product| (user, product)));
        let orders = bought.map(|(user, product)| shop.buy(&product.into(), user)).collect();
        let gate = Gate::before(running.logto_url()).await;
        let logto_block = addresses(&gate.url, running.shop_url(), ", concurrency: 1, batch: 2");
        let program = Program::new(&format!("{logto_block}prune: owned\n{NO_LIMITS}\n{PRODUCTS}"));
        Self { _running: running, logto, shop, gate, program, buyers, orders, stranger }
    }

    async fn run(&self) -> Ended {
        let ended = self.program.run(&["run", "--once"]).await;
        assert!(ended.status.success(), "{ended:#?}");
        ended
    }

    /// Runs the program and kills it at its write number `number`. False: it had fewer, and ended by itself.
    async fn killed_at(&self, number: usize, shut: Shut) -> bool {
        self.gate.shut(number, shut);
        let mut started = self.program.start(&["run", "--once"]);
        until("a write or the end", || self.gate.caught() || started.is_over()).await;
        let caught = self.gate.caught();
        if caught {
            started.kill().await;
        } else {
            let ended = started.ended().await;
            assert!(ended.status.success(), "{ended:#?}");
        }
        self.gate.open();
        caught
    }

    /// Whatever anybody holds.
    fn held(&self) -> BTreeSet<Grant> {
        let (role, organization) = (self.logto.role("paid-tier").unwrap(), self.logto.organization("acme").unwrap());
        let roles = self.logto.holders(&role).into_iter();
        let mut held: BTreeSet<Grant> =
            roles.map(|user| Grant { user, target: Target::Role { role: role.clone() } }).collect();
        for (user, roles) in self.logto.members(&organization) {
            let organization = || organization.clone();
            held.insert(Grant { user: user.clone(), target: Target::Membership { organization: organization() } });
            held.extend(roles.into_iter().map(|role| Grant {
                user: user.clone(),
                target: Target::OrganizationRole { organization: organization(), role },
            }));
        }
        held
    }

    /// A pass that has nothing to do, after which nothing but this is held, and exactly what is ours of it is
    /// in the ledger.
    async fn has_converged(&self, wanted: &BTreeSet<Grant>, case: &str) {
        let writes = self.gate.through().len();
        let third = self.run().await;
        assert!(third.stdout.contains("Nothing to do"), "{case}: {third:#?}");
        assert_eq!(self.gate.through().len(), writes, "{case}: the third pass writes");
        assert_eq!(&self.held(), wanted, "{case}");
        let store = Store::open(&self.program.store()).await.unwrap();
        let ledger: BTreeSet<Grant> = store.ledger(None).await.unwrap().into_iter().map(|row| row.grant).collect();
        let ours: BTreeSet<Grant> = wanted.iter().filter(|grant| grant.user != self.stranger).cloned().collect();
        assert_eq!(ledger, ours, "{case}: the ledger and Logto differ");
        store.close().await;
    }

    /// No write was refused, and none took effect twice.
    fn no_effect_twice(&self, case: &str) {
        let refused: Vec<_> = self.gate.through().into_iter().filter(|write| write.status >= 300).collect();
        assert!(refused.is_empty(), "{case}: {refused:#?}");
        let twice: BTreeMap<_, _> = self.gate.effects().into_iter().filter(|(_, times)| *times > 1).collect();
        assert!(twice.is_empty(), "{case}: {twice:#?}");
    }
}

/// Tries every write in turn until there are no more, and says how many there were.
async fn at_each_write<F: Future<Output = bool>>(shut: Shut, attempt: impl Fn(usize, Shut) -> F) -> usize {
    let mut number = 1;
    while attempt(number, shut).await {
        number += 1;
    }
    number - 1
}

pub(crate) async fn grants_killed_at(number: usize, shut: Shut) -> bool {
    let case = format!("{shut:?} grant {number}");
    let world = World::with(3).await;
    let by_hand = world.held();
    let caught = world.killed_at(number, shut).await;
    world.run().await;

    let wanted = world.held();
    assert_eq!(wanted.len(), by_hand.len() + 3 * world.buyers.len(), "{case}: {wanted:#?}");
    world.has_converged(&wanted, &case).await;
    world.no_effect_twice(&case);
    let store = Store::open(&world.program.store()).await.unwrap();
    for row in store.ledger(None).await.unwrap() {
        // Journaled before the call: whatever came of it, it is known to be ours and why.
        assert_eq!((row.ownership, row.cause), (Ownership::Granted, Cause::Order), "{case}: {row:#?}");
    }
    assert_eq!(store.intents().await.unwrap(), [], "{case}: whoever looks again sees what came of it");
    caught
}

pub(crate) async fn revocations_killed_at(number: usize, shut: Shut) -> bool {
    let case = format!("{shut:?} revocation {number}");
    let world = World::with(2).await;
    let by_hand = world.held();
    world.run().await;
    assert_eq!(world.held().len(), by_hand.len() + 3 * world.buyers.len(), "{case}");
    for order in &world.orders {
        world.shop.set_status(order, "refunded");
    }
    let caught = world.killed_at(number, shut).await;
    world.run().await;

    world.has_converged(&by_hand, &case).await;
    world.no_effect_twice(&case);
    let store = Store::open(&world.program.store()).await.unwrap();
    let trail = store.audit_trail(1_000).await.unwrap();
    let ended = trail.iter().filter(|row| matches!(row.verb, Verb::Revoked | Verb::Closed));
    let mut ended: Vec<&Grant> = ended.filter_map(|row| row.grant.as_ref()).collect();
    ended.sort_unstable();
    let times = ended.len();
    ended.dedup();
    assert_eq!((times, ended.len()), (6, 6), "{case}: each grant ends once in the trail");
    caught
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_grant_it_converges() {
    let (before, after) =
        tokio::join!(at_each_write(Shut::Before, grants_killed_at), at_each_write(Shut::After, grants_killed_at));
    // Three buyers in batches of two: memberships, organization roles, roles.
    assert_eq!((before, after), (6, 6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_revocation_it_converges() {
    let (before, after) = tokio::join!(
        at_each_write(Shut::Before, revocations_killed_at),
        at_each_write(Shut::After, revocations_killed_at)
    );
    assert_eq!((before, after), (6, 6), "two buyers with three grants each");
}

/// While people buy and give back all the time, the daemon is killed fifty times: at one of its writes, before or after
/// that takes effect, whichever comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_fifty_times_under_load_it_converges() {
    let world = World::with(2).await;
    let by_hand = world.held();
    // A ledger that has seen no whole pass takes nothing.
    world.run().await;
    let (mut keeps, mut gives_back) = (Vec::new(), Vec::new());
    for number in 0..50 {
        let user = world.logto.add_user(&format!("later-{number}@example.com"));
        let order = world.shop.buy(&"prd_pro".into(), &user);
        if number % 2 == 0 {
            keeps.push(user)
        } else {
            gives_back.push(order)
        }
        if number % 5 == 4 {
            gives_back.drain(..).for_each(|order| world.shop.set_status(&order, "refunded"));
        }
        let shut = if number % 3 == 0 { Shut::After } else { Shut::Before };
        world.gate.shut(1, shut);
        let daemon = world.program.start(&["run", "--listen", "off"]);
        until("it writes", || world.gate.caught()).await;
        daemon.kill().await;
        world.gate.open();
    }
    world.run().await;
    world.run().await;
    let wanted = world.held();
    assert_eq!(wanted.len(), by_hand.len() + 3 * world.buyers.len() + keeps.len(), "{wanted:#?}");
    assert!(keeps.iter().all(|user| wanted.iter().any(|grant| grant.user == *user)));
    world.has_converged(&wanted, "fifty times").await;
}
