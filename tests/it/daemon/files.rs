//! The file changes in every way in which files change.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use entitled::daemon::{Mode, Pulse};
use entitled::store::Store;

use super::{ALWAYS, EVENTS_ONLY, Live, QUICK, RARELY};
use crate::support::program::{until, until_async};

/// The Pro product gives this role; so many others stand after it, and each gives the organization.
fn giving(role: &str) -> String {
    format!(
        "products:
  prd_pro: {{entitlements: [role: '{role}']}}
  prd_team: {{entitlements: [{{organization: acme, roles: [member]}}]}}
"
    )
}

fn replace(file: &Path, text: &str) {
    let beside = file.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, file).unwrap();
}

fn git(folder: &Path, args: &[&str]) -> String {
    let git = Command::new("git")
        .args(["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(git.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&git.stderr));
    String::from_utf8(git.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn written_in_place() {
    let live = Live::prepare(RARELY, &giving("paid-tier")).await.run(EVENTS_ONLY, Mode::Live);
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    std::fs::write(live.program.file(), live.text(&giving("beta"))).unwrap();
    live.hold("beta", &[&ann]).await;
    live.hold("paid-tier", &[]).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renamed_into_place_again_and_again() {
    let live = Live::prepare(RARELY, &giving("paid-tier")).await.run(EVENTS_ONLY, Mode::Live);
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    for (role, other) in [("beta", "paid-tier"), ("paid-tier", "beta"), ("beta", "paid-tier")] {
        replace(&live.program.file(), &live.text(&giving(role)));
        live.hold(role, &[&ann]).await;
        live.hold(other, &[]).await;
    }
    live.stop().await;
}

/// As Kubernetes mounts a ConfigMap: the file leads into `..data`, which leads to a folder of its own, and
/// only `..data` is ever replaced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_swapped_far_from_the_file() {
    let prepared = Live::prepare(RARELY, &giving("paid-tier")).await;
    let folder = prepared.program.folder.path().to_owned();
    let version = |name: &str, role: &str| {
        std::fs::create_dir(folder.join(name)).unwrap();
        std::fs::write(folder.join(name).join("entitlements.yaml"), prepared.text(&giving(role))).unwrap();
    };
    version("..v1", "paid-tier");
    version("..v2", "beta");
    symlink("..v1", folder.join("..data")).unwrap();
    std::fs::remove_file(folder.join("entitlements.yaml")).unwrap();
    symlink("..data/entitlements.yaml", folder.join("entitlements.yaml")).unwrap();

    let live = prepared.run(EVENTS_ONLY, Mode::Live);
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    symlink("..v2", folder.join("..data_tmp")).unwrap();
    std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    live.hold("beta", &[&ann]).await;
    live.hold("paid-tier", &[]).await;
    live.stop().await;
}

/// A link in the middle of the way changes, in a folder that nobody watches: only reading tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_without_any_event() {
    let mut prepared = Live::prepare(RARELY, &giving("paid-tier")).await;
    let folder = prepared.program.folder.path().to_owned();
    let elsewhere = tempfile::tempdir().unwrap();
    // Nor does a write to the store, which is an event where it lies beside the file.
    prepared.store = elsewhere.path().join("entitled.db");
    for (name, role) in [("v1", "paid-tier"), ("v2", "beta")] {
        std::fs::create_dir(elsewhere.path().join(name)).unwrap();
        // No poll wakes the loop either.
        let text = prepared.text(&giving(role)).replace("poll: 50ms", "poll: 1h");
        std::fs::write(elsewhere.path().join(name).join("entitlements.yaml"), text).unwrap();
    }
    let current = elsewhere.path().join("current");
    symlink("v1", &current).unwrap();
    std::fs::remove_file(folder.join("entitlements.yaml")).unwrap();
    symlink(current.join("entitlements.yaml"), folder.join("entitlements.yaml")).unwrap();

    let ann = prepared.logto.add_user("ann@example.com");
    prepared.shop.buy(&"prd_pro".into(), &ann);
    let live = prepared.run(QUICK, Mode::Live);
    live.hold("paid-tier", &[&ann]).await;
    // The pass is written down to its end, so that the loop sleeps by now.
    let store = Store::open(&elsewhere.path().join("entitled.db")).await.unwrap();
    let written_down = async {
        while store.runs(1).await.unwrap()[0].end.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), written_down).await.unwrap();
    std::fs::remove_file(&current).unwrap();
    symlink("v2", &current).unwrap();
    live.hold("beta", &[&ann]).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checked_out_by_git() {
    let prepared = Live::prepare(RARELY, &giving("paid-tier")).await;
    let folder = prepared.program.folder.path().to_owned();
    git(&folder, &["init", "--quiet", "--initial-branch=main"]);
    let commit = |text: &str, message: &str| {
        std::fs::write(folder.join("entitlements.yaml"), text).unwrap();
        git(&folder, &["add", "entitlements.yaml"]);
        git(&folder, &["commit", "--quiet", "-m", message]);
        git(&folder, &["rev-parse", "HEAD"])
    };
    let first = commit(&prepared.text(&giving("paid-tier")), "Pro gives paid-tier");
    let second = commit(&prepared.text(&giving("beta")), "Pro gives beta");
    git(&folder, &["checkout", "--quiet", &first]);

    let live = prepared.run(EVENTS_ONLY, Mode::Live);
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    git(&folder, &["checkout", "--quiet", "main"]);
    live.hold("beta", &[&ann]).await;
    live.hold("paid-tier", &[]).await;
    let program = live.stop().await;

    let store = Store::open(&program.store()).await.unwrap();
    let trail = store.history(&ann).await.unwrap();
    let commits: Vec<_> = trail.iter().map(|row| (row.verb.word(), row.commit.as_deref())).collect();
    let (first, second) = (Some(first.as_str()), Some(second.as_str()));
    assert_eq!(commits, [("granted", first), ("granted", second), ("revoked", second)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_and_back_again() {
    let live = Live::prepare(ALWAYS, &giving("paid-tier")).await.run(QUICK, Mode::Live);
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    std::fs::remove_file(live.program.file()).unwrap();
    live.passes().await;
    let ben = live.buyer("ben@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann, &ben]).await;
    std::fs::write(live.program.file(), live.text(&giving("beta"))).unwrap();
    live.hold("beta", &[&ann, &ben]).await;
    live.hold("paid-tier", &[]).await;
    live.stop().await;
}

/// The first half of the file is valid by itself, and would take a membership from everybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn written_in_two_halves() {
    let pulse = Pulse { backstop: Duration::from_millis(10), settle: Duration::from_millis(1_500), ..Pulse::default() };
    let live = Live::prepare(ALWAYS, &giving("paid-tier")).await.run(pulse, Mode::Live);
    let ann = live.buyer("ann@example.com", "prd_team");
    let acme = live.logto.organization("acme").unwrap();
    until("she is a member", || live.logto.members(&acme).contains_key(&ann)).await;
    let whole = live.text(&giving("beta"));
    let half = &whole[..whole.find("  prd_team").unwrap()];

    std::fs::write(live.program.file(), half).unwrap();
    // Full passes come and go meanwhile, and none of them may look at the file as it is.
    live.passes().await;
    std::fs::write(live.program.file(), &whole).unwrap();

    let ben = live.buyer("ben@example.com", "prd_pro");
    live.hold("beta", &[&ben]).await;
    let taken: Vec<_> = live.logto.writes().into_iter().filter(|seen| seen.method == "DELETE").collect();
    let roles = taken.iter().filter(|seen| !seen.path.contains("/api/roles/")).count();
    assert_eq!(roles, 0, "the first half came into force: {taken:?}");
    assert!(live.logto.members(&acme).contains_key(&ann));
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_and_mended() {
    let live = Live::with(ALWAYS, &giving("paid-tier")).await;
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    for broken in ["", "version: 1\nlogto: [", "version: 1\nproducts: {}\n", "prune: exclusive"] {
        std::fs::write(live.program.file(), broken).unwrap();
        live.passes().await;
        assert_eq!(live.holders("paid-tier"), [ann.clone()].into(), "{broken:?}");
    }
    let ben = live.buyer("ben@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann, &ben]).await;
    std::fs::write(live.program.file(), live.text(&giving("beta"))).unwrap();
    live.hold("beta", &[&ann, &ben]).await;
    live.hold("paid-tier", &[]).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_logto_does_not_know_waits_until_it_does() {
    let live = Live::with(ALWAYS, &giving("paid-tier")).await;
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    std::fs::write(live.program.file(), live.text(&giving("gamma"))).unwrap();
    live.passes().await;
    assert_eq!(live.holders("paid-tier"), [ann.clone()].into());
    live.logto.add_role("gamma");
    live.hold("gamma", &[&ann]).await;
    live.hold("paid-tier", &[]).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_variable_beside_the_file_changes() {
    let prepared = Live::prepare(RARELY, &giving("${ENTITLED_PUBLIC_ROLE:-paid-tier}")).await;
    let dot_env = prepared.program.folder.path().join(".env");
    let secrets = std::fs::read_to_string(&dot_env).unwrap();
    let live = prepared.run(EVENTS_ONLY, Mode::Live);
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    std::fs::write(&dot_env, format!("{secrets}ENTITLED_PUBLIC_ROLE=beta\n")).unwrap();
    live.hold("beta", &[&ann]).await;
    live.hold("paid-tier", &[]).await;

    // Once more, while Logto does not answer: it is not forgotten.
    live.logto.faults().refuse_next(1_000_000, 503);
    let before = live.logto.requests().len();
    std::fs::write(&dot_env, format!("{secrets}ENTITLED_PUBLIC_ROLE=admin\n")).unwrap();
    until("Logto is asked", || live.logto.requests().len() >= before + 4).await;
    live.logto.faults().clear();
    live.hold("admin", &[&ann]).await;
    live.hold("beta", &[]).await;
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_orders_is_watched_too() {
    let prepared = Live::prepare(RARELY, &giving("paid-tier")).await;
    let folder = prepared.program.folder.path().to_owned();
    let text = std::fs::read_to_string(prepared.program.file()).unwrap();
    let sources = text.lines().find(|line| line.starts_with("sources:")).unwrap();
    let text = text.replace(sources, "sources: {desk: {kind: file, path: orders.yaml, poll: 1h}}");
    std::fs::write(prepared.program.file(), text).unwrap();
    std::fs::write(folder.join("orders.yaml"), "[]").unwrap();
    let ann = prepared.logto.add_user("ann@example.com");
    let live = prepared.run(EVENTS_ONLY, Mode::Live);
    until("the first full pass", || live.walks() == 1).await;
    let order = |status: &str| format!("- {{id: o1, productId: prd_pro, user: {{id: {ann}}}, status: {status}}}");
    replace(&folder.join("orders.yaml"), &order("paid"));
    live.hold("paid-tier", &[&ann]).await;
    replace(&folder.join("orders.yaml"), &order("refunded"));
    live.hold("paid-tier", &[]).await;
    live.stop().await;
}

/// Polls that are due all the time leave the watch no rest; it gets there all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_seen_between_polls_that_never_pause() {
    let pulse = Pulse { backstop: Duration::from_millis(200), settle: Duration::from_millis(200), ..Pulse::default() };
    let live = Live::prepare(RARELY, &giving("paid-tier")).await.run(pulse, Mode::Live);
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    live.shop.faults().latency(Duration::from_millis(60));
    std::fs::write(live.program.file(), live.text(&giving("beta"))).unwrap();
    live.hold("beta", &[&ann]).await;
    live.stop().await;
}

/// The bytes in force are committed later: what is reported follows, although the file itself has not changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn committed_after_it_entered_into_force() {
    let prepared = Live::prepare(ALWAYS, &giving("paid-tier")).await;
    let folder = prepared.program.folder.path().to_owned();
    git(&folder, &["init", "--quiet", "--initial-branch=main"]);
    git(&folder, &["commit", "--quiet", "--allow-empty", "-m", "nothing yet"]);
    let before = git(&folder, &["rev-parse", "HEAD"]);
    let live = prepared.run(QUICK, Mode::Live);
    let ann = live.buyer("ann@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann]).await;
    let beside = Store::open(&live.program.store()).await.unwrap();
    let of_ann = async || beside.history(&ann).await.unwrap().first().and_then(|row| row.commit.clone());
    until_async("the trail has it", async || of_ann().await.is_some()).await;
    let first = of_ann().await.unwrap();
    let digest = first.strip_prefix(&format!("{before}+edited.")).unwrap_or_else(|| panic!("{first}"));
    assert_eq!(digest.len(), 64);
    git(&folder, &["add", "entitlements.yaml"]);
    git(&folder, &["commit", "--quiet", "-m", "Pro gives paid-tier"]);
    let after = git(&folder, &["rev-parse", "HEAD"]);
    let commit = || live.reading.status.borrow().config.as_ref().and_then(|config| config.origin.commit.clone());
    until("the status names the commit", || commit().as_ref() == Some(&after)).await;
    let ben = live.buyer("ben@example.com", "prd_pro");
    live.hold("paid-tier", &[&ann, &ben]).await;
    let program = live.stop().await;

    let store = Store::open(&program.store()).await.unwrap();
    for buyer in [&ann, &ben] {
        assert_eq!(store.history(buyer).await.unwrap()[0].commit.as_deref(), Some(&*after));
        assert_eq!(store.ledger(Some(std::slice::from_ref(buyer))).await.unwrap()[0].commit, after);
    }
    let runs = store.runs(100).await.unwrap();
    assert!(runs.iter().all(|row| row.run.commit.as_ref() == Some(&after)), "{runs:#?}");
    assert_eq!(Store::valid_file(&program.store()).await.unwrap().unwrap().commit, Some(after));
}
