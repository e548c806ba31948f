//! A whole `entitled` without its loop: simulators over real HTTP, a store in a folder of its own, a
//! configuration in force, and passes at a time of the test's choosing.

use std::collections::{BTreeMap, BTreeSet};

use entitled::config::Config;
use entitled::config::check::{Env, check_text};
use entitled::daemon::presets;
use entitled::model::{OrderId, OrderKey, OrganizationId, Resolution, SourceName, Target, UserId};
use entitled::pass::active::{ActivateError, ActiveConfig, Simulators, activate, activate_knowing};
use entitled::pass::ingest::{IngestError, ReadScope, ingest};
use entitled::pass::{PassError, PassScope, PlannedPass, execute_pass, plan_pass};
use entitled::report::Origin;
use entitled::report::run::{ActionOutcome, RunReport};
use entitled::sandbox::{Handles, LogtoSim, Options, Running, SHOP_TOKEN, Seen, ShopSim, start};
use entitled::shutdown::Shutdown;
use entitled::store::{AuditRow, Scope, Store};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

/// The products that most tests sell.
pub(crate) const PRODUCTS: &str = "
products:
  prd_pro:
    entitlements: [role: paid-tier]
  prd_team:
    entitlements: [{organization: acme, roles: [member]}]
";

/// Limits that no test runs into by accident.
pub(crate) const NO_LIMITS: &str =
    "limits: {revocations: {per_day: 100%, floor: 5000}, config_grants: {per_day: 100%, floor: 5000}}";

/// A file that runs on the simulators: how much is taken away, any further lines, and the products. What it loosens
/// counts at once, unless the further lines say otherwise.
pub(crate) fn file(prune: &str, further: &str, products: &str) -> String {
    let at_once = if further.contains("safeguards:") { "" } else { "safeguards: {delay: 0s}\n" };
    format!(
        "version: 1\nlogto: {{endpoint: sandbox}}\nsources: {{shop: {{kind: sandbox}}}}\nprune: {prune}\n{further}\n{products}\n{at_once}"
    )
}

/// The file of most tests.
pub(crate) fn usual() -> String {
    file("owned", NO_LIMITS, PRODUCTS)
}

/// See the module.
pub(crate) struct Stage {
    running: Running,
    pub(crate) logto: LogtoSim,
    pub(crate) shop: ShopSim,
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) active: ActiveConfig,
    unread: BTreeSet<SourceName>,
    /// How far the clock of the passes is ahead of the real one.
    pub(crate) ahead: SignedDuration,
}

/// What came of one pass.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) planned: PlannedPass,
    pub(crate) report: RunReport,
}

/// The secrets that a file may refer to.
struct Secrets;

impl Env for Secrets {
    fn var(&self, name: &str) -> Option<String> {
        (name == "SHOP_TOKEN").then(|| SHOP_TOKEN.to_owned())
    }

    fn file(&self, _path: &str) -> Result<String, String> {
        Err("no such file".to_owned())
    }
}

impl Stage {
    /// Roles `paid-tier`, `beta` and `admin`, organization `acme`, organization roles `member` and `boss`,
    /// and the usual file.
    pub(crate) async fn usual() -> Self {
        Self::of(&usual()).await
    }

    /// The same tenant with another file, in which `$SHOP` stands for the shop's address and `$FOLDER` for
    /// the folder of the store.
    pub(crate) async fn of(yaml: &str) -> Self {
        let running = start(Options::default()).await.unwrap();
        let Handles { logto, shop } = running.handles().unwrap().clone();
        furnish(&logto);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("entitled.db")).await.unwrap();
        let active = active(&running, &folder, yaml).await.unwrap();
        logto.clear_requests();
        Self { running, logto, shop, folder, store, active, unread: BTreeSet::new(), ahead: SignedDuration::ZERO }
    }

    /// Puts another file into force.
    pub(crate) async fn commit(&mut self, yaml: &str) -> Result<(), ActivateError> {
        self.active = active(&self.running, &self.folder, yaml).await?;
        Ok(())
    }

    /// The same as a daemon does it: a name that does not resolve is the trouble of its targets alone, and each is
    /// remembered with what it stands for.
    pub(crate) async fn enter(&mut self, yaml: &str) {
        let known = self.store.known_names().await.unwrap();
        let config = config(&self.running, &self.folder, yaml);
        let origin = origin(&config);
        let simulators = simulators(&self.running);
        self.active = activate_knowing(config, origin, Some(&simulators), &known).await.unwrap();
        self.store.note_names(&self.active.names).await.unwrap();
    }

    /// Deletes the store and opens a new one.
    pub(crate) async fn lose_the_store(&mut self) {
        let path = self.store.path().to_owned();
        let another = Store::open(&self.folder.path().join("other.db")).await.unwrap();
        std::mem::replace(&mut self.store, another).close().await;
        std::fs::remove_file(&path).unwrap();
        let fresh = Store::open(&path).await.unwrap();
        std::mem::replace(&mut self.store, fresh).close().await;
    }

    /// Makes the store one that no full pass of this version has settled.
    pub(crate) async fn forget_rules(&self) {
        use sqlx::Connection as _;
        let url = format!("sqlite:{}", self.store.path().display());
        let mut raw = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query("DELETE FROM rules").execute(&mut raw).await.unwrap();
        raw.close().await.unwrap();
    }

    /// Sources whose last read failed.
    pub(crate) fn unread(&self) -> &BTreeSet<SourceName> {
        &self.unread
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now() + self.ahead
    }

    /// Reads every source, as a daemon does when a poll is due.
    pub(crate) async fn poll(&mut self) -> Result<Vec<OrderKey>, IngestError> {
        let (now, full_read) = (self.now(), self.active.config.schedule.full_read);
        let mut touched = Vec::new();
        let mut failed = None;
        for source in self.active.sources.iter() {
            match ingest(source, &self.store, ReadScope::Changes, full_read, now).await {
                Ok(taken) => {
                    self.unread.remove(source.name());
                    touched.extend(taken.touched);
                }
                Err(interrupted) => {
                    self.unread.insert(source.name().clone());
                    failed = Some(interrupted.error);
                }
            }
        }
        failed.map_or(Ok(touched), Err)
    }

    /// Looks and plans.
    pub(crate) async fn plan_pass(&self, span: &PassScope) -> Result<PlannedPass, PassError> {
        plan_pass(self.active.context(&self.store, &self.unread, &|_, _, _| {}, self.now()), span).await
    }

    /// Looks, plans, carries out and records.
    pub(crate) async fn over(&self, span: &PassScope) -> Passed {
        let planned = self.plan_pass(span).await.unwrap();
        let report = self.carry_out(&planned, span).await;
        Passed { planned, report }
    }

    /// Carries out and records.
    pub(crate) async fn carry_out(&self, planned: &PlannedPass, span: &PassScope) -> RunReport {
        let writer = self.active.client.writer();
        let shutdown = Shutdown::never();
        execute_pass(&self.active, &self.store, &writer, planned, span, self.now(), &shutdown).await.unwrap()
    }

    /// A full pass over what is known already.
    pub(crate) async fn full(&self) -> Passed {
        self.over(&PassScope::Full).await
    }

    /// A poll that succeeds, and a full pass.
    pub(crate) async fn pass(&mut self) -> Passed {
        self.poll().await.unwrap();
        self.full().await
    }

    /// A poll that succeeds, and a quick pass over what it brought: what the daemon does between full passes.
    pub(crate) async fn quick(&mut self) -> Passed {
        let touched = self.poll().await.unwrap();
        self.over(&PassScope::Quick(touched)).await
    }

    /// The quick pass that a hint about one user leads to.
    pub(crate) async fn about(&mut self, user: &UserId) -> Passed {
        let buyers = self.store.buyers_of_users(std::slice::from_ref(user)).await.unwrap();
        let orders = self.store.orders_of_buyers(&buyers).await.unwrap();
        self.over(&PassScope::Quick(orders)).await
    }

    /// A pass that finds nothing to do, to hold or to write down, and that writes nothing.
    pub(crate) async fn is_settled(&mut self) {
        self.logto.clear_requests();
        let Passed { planned, report } = self.pass().await;
        assert!(planned.plan.is_empty() && planned.plan.forget.is_empty(), "not settled: {:#?}", planned.view);
        assert!(report.is_quiet(), "{report:#?}");
        assert_eq!(self.logto.writes(), [], "a settled pass writes");
        self.ledger_is_true().await;
        assert_eq!(self.store.intents().await.unwrap(), [], "nobody knows what became of these");
    }

    /// Every grant of the ledger is one that Logto holds.
    pub(crate) async fn ledger_is_true(&self) {
        for row in self.store.ledger(None).await.unwrap() {
            assert!(self.holds(&row.grant.user, &row.grant.target), "the ledger claims what nobody holds: {row:?}");
        }
    }

    /// Whether the simulated Logto holds a grant.
    pub(crate) fn holds(&self, user: &UserId, target: &Target) -> bool {
        match target {
            Target::Role { role } => self.logto.holders(role).contains(user),
            Target::Membership { organization } => self.logto.members(organization).contains_key(user),
            Target::OrganizationRole { organization, role } => {
                self.logto.members(organization).get(user).is_some_and(|roles| roles.contains(role))
            }
        }
    }

    /// Who holds the role of this name.
    pub(crate) fn holders(&self, role: &str) -> BTreeSet<UserId> {
        self.logto.holders(&self.logto.role(role).unwrap())
    }

    /// The members of `acme`, with the names of their roles there.
    pub(crate) fn acme(&self) -> BTreeMap<UserId, Vec<&'static str>> {
        let named = ["member", "boss"].map(|name| (name, self.logto.organization_role(name)));
        let names = |roles: &BTreeSet<_>| {
            let held = named.iter().filter(|(_, role)| role.as_ref().is_some_and(|role| roles.contains(role)));
            held.map(|(name, _)| *name).collect()
        };
        let members = self.logto.members(&self.organization());
        members.into_iter().map(|(user, roles)| (user, names(&roles))).collect()
    }

    pub(crate) fn organization(&self) -> OrganizationId {
        self.logto.organization("acme").unwrap()
    }

    /// Somebody with an account who has bought `product`.
    pub(crate) fn buyer(&self, email: &str, product: &str) -> (UserId, OrderId) {
        let user = self.logto.add_user(email);
        let order = self.shop.buy(&product.into(), email);
        (user, order)
    }

    /// How the buyer with this address, as the orders have it, was resolved.
    pub(crate) async fn resolution(&self, email: &str) -> Option<Resolution> {
        let buyers = self.store.buyers(&Scope::All).await.unwrap();
        let of = |address: &entitled::model::Email| address.as_str() == email;
        buyers.into_iter().find(|one| one.buyer.email.as_ref().is_some_and(of)).unwrap().resolution
    }

    /// The trail, oldest first.
    pub(crate) async fn history(&self) -> Vec<AuditRow> {
        let mut rows = self.store.audit_trail(10_000).await.unwrap();
        rows.reverse();
        rows
    }
}

impl Passed {
    /// What was planned: verb, target and user.
    pub(crate) fn changes(&self) -> Vec<(&str, &str, &UserId)> {
        let changes = self.planned.view.changes.iter();
        changes.map(|change| (change.action.as_str(), change.target.as_str(), &change.user)).collect()
    }

    /// What was withheld: hold, verb, target and user.
    pub(crate) fn held(&self) -> Vec<(&str, &str, &str, &UserId)> {
        held(&self.planned)
    }

    /// What came of each change.
    pub(crate) fn came(&self) -> Vec<&ActionOutcome> {
        self.report.lines.iter().map(|line| &line.came).collect()
    }
}

/// What a plan withholds: hold, verb, target and user.
pub(crate) fn held(planned: &PlannedPass) -> Vec<(&str, &str, &str, &UserId)> {
    let held = planned.view.held.iter();
    held.map(|one| {
        let change = &one.change;
        assert!(!one.reason.is_empty() && !one.lift.is_empty(), "a hold that says nothing: {one:?}");
        (one.hold.as_str(), change.action.as_str(), change.target.as_str(), &change.user)
    })
    .collect()
}

/// Those of `requests` whose method is this, and whose path contains each part.
pub(crate) fn matching(requests: &[Seen], method: &str, parts: &[&str]) -> usize {
    let fits = |seen: &&Seen| seen.method == method && parts.iter().all(|part| seen.path.contains(part));
    requests.iter().filter(fits).count()
}

/// What most files name.
pub(crate) fn furnish(logto: &LogtoSim) {
    for role in ["paid-tier", "beta", "admin"] {
        logto.add_role(role);
    }
    logto.add_organization("acme");
    for role in ["member", "boss"] {
        logto.add_organization_role(role);
    }
}

fn simulators(running: &Running) -> Simulators {
    Simulators {
        logto: running.logto_url().to_owned(),
        shop: running.shop_url().to_owned(),
        shop_token: SHOP_TOKEN.to_owned(),
    }
}

async fn active(running: &Running, folder: &TempDir, yaml: &str) -> Result<ActiveConfig, ActivateError> {
    let config = config(running, folder, yaml);
    let origin = origin(&config);
    activate(config, origin, Some(&simulators(running))).await
}

fn origin(config: &Config) -> Origin {
    Origin { file: "entitlements.yaml".to_owned(), digest: config.digest.clone(), commit: None }
}

fn config(running: &Running, folder: &TempDir, yaml: &str) -> Config {
    let text = yaml.replace("$SHOP", running.shop_url()).replace("$FOLDER", folder.path().to_str().unwrap());
    let checked = check_text(&text, "entitlements.yaml".as_ref(), &Secrets, &presets());
    checked.unwrap_or_else(|problems| panic!("{problems:#?}\n{text}")).0
}
