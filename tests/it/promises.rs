//! The eleven promises, each with a test of its name: a whole pass, or the binary, does not break it. What must
//! hold of every plan in every world is in [`of_a_plan`].

use entitled::model::{OrderId, UserId};
use entitled::pass::PassScope;
use entitled::report::HeldChange;
use entitled::sandbox::{APP_SECRET, Fault, Rule, SHOP_TOKEN};
use entitled::store::{Approval, Verb};
use jiff::SignedDuration;

use crate::daemon::{ALWAYS, Live};
use crate::support::gate::Shut;
use crate::support::home::{Town, file_for};
use crate::support::stage::{NO_LIMITS, PRODUCTS, Stage, file, usual};
use crate::{crash, tidy};

pub(crate) use crate::support::oracle::promises::hold;

/// A product of the demo's file.
const PRO: &str = "prd_01H9PRO";

/// So many buyers of the Pro product, granted yesterday.
async fn sold(yaml: &str, buyers: usize) -> (Stage, Vec<UserId>, Vec<OrderId>) {
    let mut stage = Stage::of(yaml).await;
    let made = (0..buyers).map(|number| stage.buyer(&format!("buyer-{number}@example.com"), "prd_pro"));
    let (users, orders) = made.unzip();
    stage.pass().await;
    assert_eq!(stage.holders("paid-tier").len(), buyers);
    stage.ahead = SignedDuration::from_hours(25);
    (stage, users, orders)
}

#[tokio::test]
async fn promise_1_what_it_does_not_own_stays() {
    let mut stage = Stage::usual().await;
    let fay = stage.logto.add_user("fay@example.com");
    let (ann, order) = stage.buyer("ann@example.com", "prd_team");
    let refunded = stage.shop.buy(&"prd_pro".into(), &fay);
    stage.shop.set_status(&refunded, "refunded");
    stage.logto.grant(&fay, &stage.logto.role("paid-tier").unwrap());
    stage.pass().await;
    let boss = stage.logto.organization_role("boss").unwrap();
    stage.logto.add_member_role(&stage.organization(), &ann, &boss);
    stage.shop.set_status(&order, "refunded");
    for _ in 0..2 {
        stage.pass().await;
        assert!(stage.holders("paid-tier").contains(&fay), "given by hand, whatever was refunded before");
        assert_eq!(stage.acme(), [(ann.clone(), vec!["boss"])].into(), "nor what hangs on something of ours");
    }
}

#[tokio::test]
async fn promise_2_what_any_order_entitles_to_stays() {
    let (mut stage, users, orders) = sold(&usual(), 1).await;
    let second = stage.shop.buy(&"prd_pro".into(), "BUYER-0@example.com");
    for (ended, status) in [(&orders[0], "refunded"), (&orders[0], "void"), (&orders[0], "disputed")] {
        stage.shop.set_status(ended, status);
        assert_eq!(stage.quick().await.changes(), [], "{status}");
        assert_eq!(stage.full().await.changes(), [], "{status}");
    }
    stage.shop.set_status(&orders[0], "refunded");
    stage.shop.set_status(&second, "refunded");
    assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &users[0])], "the last of them ended");
}

#[tokio::test]
async fn promise_3_what_is_missing_or_unread_takes_nothing() {
    let (mut stage, users, orders) = sold(&usual(), 5).await;
    stage.shop.remove(&orders[0]);
    stage.pass().await;
    for fault in [Fault::Empty, Fault::LoseHalf, Fault::UnknownStatus, Fault::Html, Fault::Refuse] {
        stage.shop.faults().add(Rule { status: Some(403), ..Rule::new(fault) });
        // An error or not: what matters is what a pass makes of it.
        let _read = stage.poll().await;
        assert_eq!(stage.full().await.changes(), [], "{fault:?}");
        stage.shop.faults().clear();
    }
    // Refunded by the list; but by id nobody says so, and then Logto cannot be read.
    stage.shop.set_status(&orders[1], "refunded");
    stage.poll().await.unwrap();
    stage.shop.remove(&orders[1]);
    assert_eq!(stage.full().await.changes(), []);
    let role = stage.logto.role("paid-tier").unwrap();
    stage
        .logto
        .faults()
        .add(Rule { status: Some(403), ..Rule::new(Fault::Refuse) }.path(&format!("/api/roles/{role}/users")));
    stage.shop.set_status(&orders[2], "refunded");
    stage.poll().await.unwrap();
    if let Ok(planned) = stage.plan_pass(&PassScope::Full).await {
        assert_eq!(planned.view.changes, []);
    }
    assert!(users.iter().all(|user| stage.holders("paid-tier").contains(user)));
}

#[tokio::test]
async fn promise_4_what_exceeds_a_limit_is_held_with_what_lets_it_through() {
    let limits = "limits: {revocations: {per_day: 10%, floor: 2}, config_grants: {per_day: 10%, floor: 2}}";
    let (mut stage, users, _) = sold(&file("owned", limits, PRODUCTS), 10).await;
    // One commit takes the role from all and gives them another.
    let products = "products: {prd_pro: {entitlements: [role: beta]}}";
    stage.commit(&file("owned", limits, products)).await.unwrap();
    let passed = stage.pass().await;
    assert_eq!(passed.changes(), []);
    assert_eq!(passed.held().len(), 20);
    for held in &passed.planned.view.held {
        let digest = held.set.as_ref().unwrap();
        assert!(held.hold == "OverLimit" && held.lift.contains(&format!("`entitled approve {digest}`")), "{held:?}");
        assert!(held.reason.contains("10 ") && held.reason.contains("2 allowed"), "{held:?}");
    }
    assert_eq!(stage.holders("paid-tier"), users.into_iter().collect());
    assert_eq!(stage.holders("beta").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_5_a_dry_run_writes_nothing() {
    let town = Town::demo().await;
    town.home.entitled(&["run", "--once"]).exits(0);
    let (files, store) = (town.home.files(), std::fs::read(town.home.path("entitled.db")).unwrap());
    let new = town.logto.add_user("new@example.com");
    town.shop.buy(&PRO.into(), &new);
    let paid = |order: &OrderId| town.shop.status(order).as_deref() == Some("paid");
    town.shop.set_status(town.shop.orders().iter().skip(1).find(|order| paid(order)).unwrap(), "refunded");
    town.logto.clear_requests();
    for dry in [&["run", "--once", "--dry-run"][..], &["plan"]] {
        town.home.entitled(dry);
    }
    assert_eq!((town.logto.writes(), town.shop.writes()), (vec![], vec![]));
    assert_eq!(town.home.files(), files);
    assert_eq!(std::fs::read(town.home.path("entitled.db")).unwrap(), store, "nor to the store");
    town.home.entitled(&["run", "--once"]);
    assert_ne!(town.logto.writes(), [], "although there was something to do");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_6_a_broken_file_changes_nothing() {
    let live = Live::with(ALWAYS, PRODUCTS).await;
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    let unknown_key = live.text("\nproducts: {prd_pro: {entitlements: [role: beta], valid_fro: 1d}}\n");
    for broken in ["", "version: 1\nproducts: [", &unknown_key] {
        std::fs::write(live.program.file(), broken).unwrap();
        live.passes().await;
        assert_eq!(live.holders("paid-tier"), [ann.clone()].into(), "{broken:?}");
        assert_eq!(live.holders("beta"), [].into(), "{broken:?}");
    }
    // What was in force still is.
    let ben = live.buyer("ben@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann, &ben]).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_7_killed_at_a_write_it_converges() {
    for shut in [Shut::Before, Shut::After] {
        assert!(crash::grants_killed_at(2, shut).await, "a write was caught");
        assert!(crash::revocations_killed_at(2, shut).await, "a write was caught");
    }
}

#[tokio::test]
async fn promise_8_every_change_explains_itself() {
    let (mut stage, users, orders) = sold(&usual(), 2).await;
    let yaml = usual();
    let maps = |line: u32, role: &str| yaml.lines().nth(line as usize - 1).is_some_and(|text| text.contains(role));
    stage.shop.set_status(&orders[0], "refunded");
    stage.logto.revoke(&users[1], &stage.logto.role("paid-tier").unwrap());
    let (ann, bought) = stage.buyer("ann@example.com", "prd_team");
    stage.logto.add_member(&stage.organization(), &ann);
    let passed = stage.pass().await;
    let view = &passed.planned.view;
    assert_eq!((view.changes.len(), view.adoptions.len()), (3, 1), "{view:#?}");
    for change in view.changes.iter().chain(&view.adoptions) {
        let order = change.order.as_deref().expect("an order");
        assert!([&orders[0], &orders[1], &bought].iter().any(|known| known.as_str() == order), "{change:?}");
        assert!(change.product.is_some() && change.because.contains(order), "{change:?}");
        let role = if change.user == ann { "organization: acme" } else { "role: paid-tier" };
        assert!(change.line.is_some_and(|line| maps(line, role)), "{change:?}");
    }
    let trail = stage.history().await;
    let version = stage.active.origin.version();
    for verb in [Verb::Granted, Verb::Adopted, Verb::Revoked] {
        let row = trail.iter().rev().find(|row| row.verb == verb).unwrap();
        assert!(row.order.is_some() && row.product.is_some() && row.line.is_some(), "{row:?}");
        assert_eq!(row.commit.as_deref(), Some(version), "{row:?}");
    }
}

#[tokio::test]
async fn promise_9_a_lost_ledger_only_adds() {
    for prune in ["owned", "exclusive"] {
        let (mut stage, users, orders) = sold(&file(prune, NO_LIMITS, PRODUCTS), 3).await;
        let paid = stage.logto.role("paid-tier").unwrap();
        stage.logto.revoke(&users[0], &paid);
        stage.logto.grant(&stage.logto.add_user("fay@example.com"), &paid);
        stage.shop.set_status(&orders[1], "refunded");
        stage.lose_the_store().await;
        let passed = stage.pass().await;
        assert_eq!(passed.changes(), [("grant", "role paid-tier", &users[0])], "{prune}");
        assert_eq!(passed.report.adopted, 1, "{prune}: what an order explains");
        let held = passed.held();
        assert!(held.iter().all(|held| held.0 == "FreshLedger"), "{held:?}");
        assert_eq!(held.len(), if prune == "exclusive" { 2 } else { 0 }, "the rest is nobody's: {held:?}");
        assert_eq!(stage.holders("paid-tier").len(), 4, "{prune}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_10_no_secret_is_told() {
    let town = Town::demo().await;
    let (logto, shop) = (tidy::Spy::on(town.running.logto_url()).await, tidy::Spy::on(town.running.shop_url()).await);
    town.home.write("entitlements.yaml", &file_for(&logto.url, &shop.url));
    let told: Vec<_> = [&["plan"][..], &["plan", "-o", "json"], &["run", "--once"]]
        .into_iter()
        .map(|command| town.home.entitled(&[command, &["--log", "trace"]].concat()).exits(0))
        .collect();
    let mut secrets = logto.overheard();
    secrets.extend(shop.overheard());
    assert!(secrets.len() > 2, "tokens were sent: {secrets:?}");
    secrets.extend([APP_SECRET.to_owned(), SHOP_TOKEN.to_owned()]);
    for ran in told {
        assert!(ran.err.contains("TRACE"), "{}", ran.err);
        tidy::silent(&secrets, &(ran.out + &ran.err), "the loudest log");
    }
}

/// Each kind of hold is walked through its own hint in `pass::ways_out`; this is the way of most: whatever has a digest
/// goes by it alone, and nothing else has one.
#[tokio::test]
async fn promise_11_what_is_held_says_truly_what_lifts_it() {
    let none = "limits: {revocations: {per_day: 0%, floor: 0}, config_grants: {per_day: 100%, floor: 5000}}";
    let (mut stage, users, orders) = sold(&file("owned", none, PRODUCTS), 4).await;
    let paid = stage.logto.role("paid-tier").unwrap();
    // Over the limit, unproved, fought over, and by a file that protects it: four kinds at once.
    stage.shop.set_status(&orders[0], "refunded");
    stage.shop.set_status(&orders[1], "pending");
    for _ in 0..3 {
        stage.logto.revoke(&users[2], &paid);
        stage.pass().await;
    }
    let protect = format!("{none}\nprotect: {{emails: [buyer-3@example.com]}}");
    stage.shop.set_status(&orders[3], "refunded");
    stage.commit(&file("owned", &protect, PRODUCTS)).await.unwrap();
    let passed = stage.pass().await;
    let mut kinds: Vec<&str> = passed.held().iter().map(|held| held.0).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["Flapping", "OverLimit", "Protected", "Unverified"], "{:?}", passed.planned.view);

    for held in &passed.planned.view.held {
        let command = held.set.as_ref().map(|digest| format!("`entitled approve {digest}`"));
        assert_eq!(held.lift.contains("`entitled approve"), command.is_some(), "{held:?}");
        assert!(command.is_none_or(|command| held.lift.contains(&command)), "{held:?}");
    }
    // The proof first: what nothing proves is over the limit besides, and says so when its turn comes.
    for left in [2, 1] {
        let passed = stage.pass().await;
        let approvable: Vec<_> = passed.planned.view.held.iter().filter(|held| held.set.is_some()).collect();
        for held in approvable {
            approve(&stage, held).await;
        }
        let passed = stage.pass().await;
        assert_eq!(passed.held().len(), left, "{:?}", passed.planned.view.held);
    }
    assert_eq!(stage.holders("paid-tier"), [users[2].clone(), users[3].clone()].into());
    stage.commit(&file("owned", NO_LIMITS, PRODUCTS)).await.unwrap();
    assert_eq!(stage.pass().await.changes(), [("revoke", "role paid-tier", &users[3])]);
}

async fn approve(stage: &Stage, held: &HeldChange) {
    let approval = Approval {
        digest: held.set.clone().unwrap(),
        who: "ada".to_owned(),
        created: stage.now(),
        expires: stage.now() + SignedDuration::from_hours(24),
        note: None,
        undoes: None,
    };
    entitled::pass::approved::approve(&stage.store, &approval, &[held]).await.unwrap();
}

/// Each safeguard by itself is tried in `pass::safeguards`; this is the worst commit: it gives up all of them and uses that.
#[tokio::test]
async fn promise_12_one_commit_cannot_undo_its_own_safeguards() {
    let few = "limits: {revocations: {per_day: 0%, floor: 1}, config_grants: {per_day: 0%, floor: 1}}";
    let protect = "protect: {roles: [admin], emails: [buyer-0@example.com]}";
    let careful = file("owned", &format!("safeguards: {{delay: 24h}}\n{few}\n{protect}"), PRODUCTS);
    let (mut stage, users, orders) = sold(&careful, 4).await;
    let stranger = stage.logto.add_user("stranger@example.com");
    stage.logto.grant(&stranger, &stage.logto.role("admin").unwrap());
    (0..3).for_each(|number| _ = stage.buyer(&format!("cheap-{number}@example.com"), "prd_cheap"));
    stage.pass().await;
    stage.ahead = SignedDuration::from_secs(5);
    let before = (stage.holders("paid-tier"), stage.holders("admin"));

    let hasty = "products: {prd_cheap: {entitlements: [role: admin]}}\n";
    stage.commit(&file("exclusive", NO_LIMITS, hasty)).await.unwrap();
    for hours in [0, 12, 11] {
        stage.ahead += SignedDuration::from_hours(hours);
        let passed = stage.pass().await;
        assert_eq!(passed.changes(), [], "{hours}");
        assert_eq!((stage.holders("paid-tier"), stage.holders("admin")), before);
    }
    // What the file says is lawful once the delay is over, and not before.
    stage.ahead += SignedDuration::from_hours(2);
    stage.pass().await;
    assert_eq!((stage.holders("paid-tier").len(), stage.holders("admin").len()), (0, 3), "{users:?} {orders:?}");
    assert!(!stage.holders("admin").contains(&stranger));
}
