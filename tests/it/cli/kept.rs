//! What a pass leaves in the store: `status` and `approve` need nothing else.

use std::sync::atomic::{AtomicUsize, Ordering};

use entitled::report::status::{About, Status, Trouble};

use crate::support::home::{Home, Town};

const SECRETS: [&str; 3] = ["ENTITLED_PUBLIC_APP_ID", "APP_SECRET", "SHOP_TOKEN"];

/// The demo under a limit that lets nothing be taken away, once a pass held the end of one order.
async fn over_the_limit() -> (Town, String) {
    let town = Town::demo().await;
    town.edit("revocations: {per_day: 10%, floor: 5}", "revocations: {per_day: 0%, floor: 0}");
    town.edit("grace: 3d", "grace: 0s");
    town.home.entitled(&["run", "--once"]).exits(0);
    let digest = sell_and_take_back(&town);
    (town, digest)
}

/// One more held set, and its digest.
fn sell_and_take_back(town: &Town) -> String {
    static SOLD: AtomicUsize = AtomicUsize::new(0);
    let user = town.logto.add_user(&format!("one{}@example.com", SOLD.fetch_add(1, Ordering::Relaxed)));
    let order = town.shop.buy(&"prd_01H9PRO".into(), &user);
    town.home.entitled(&["run", "--once"]);
    town.shop.set_status(&order, "refunded");
    let held = town.home.entitled(&["run", "--once"]).exits(3);
    held.out.split("`entitled approve ").nth(1).unwrap().split('`').next().unwrap().to_owned()
}

fn status(home: &Home) -> Status {
    serde_json::from_str(&home.entitled(&["status", "-o", "json"]).out).unwrap()
}

fn trouble(home: &Home, about: &About) -> Option<Trouble> {
    status(home).trouble(about).cloned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_shown_and_let_through_while_nobody_can_be_asked() {
    let (mut town, digest) = over_the_limit().await;
    for name in SECRETS {
        town.home.unset(name);
    }
    town.running.handles().unwrap().logto.clear_requests();
    let shown = town.home.entitled(&["status"]).exits(1);
    for part in ["held\n", "OverLimit", &format!("`entitled approve {digest}`")] {
        assert!(shown.out.contains(part), "`{part}` is missing in\n{}", shown.out);
    }
    town.home.entitled(&["approve", "0123456789ab"]).exits(1).complains(&["no held set has the digest", &digest]);
    town.home.entitled(&["freeze", "--for", "1h", "--reason", "we look first"]).exits(0);
    let approved = town.home.entitled(&["approve", &digest, "--note", "the shop is right"]).exits(0);
    for part in ["revoke role beta from ", "Frozen: nothing is taken away until", "An approval does not lift that."] {
        assert!(approved.out.contains(part), "`{part}` is missing in\n{}", approved.out);
    }
    town.home.entitled(&["unfreeze"]).exits(0);
    let again = town.home.entitled(&["approve", &digest]).exits(0);
    assert!(again.out.contains("is approved already"), "{}", again.out);
    assert_eq!(town.logto.requests(), []);

    town.home.set("ENTITLED_PUBLIC_APP_ID", entitled::sandbox::APP_ID);
    town.home.set("APP_SECRET", entitled::sandbox::APP_SECRET);
    town.home.set("SHOP_TOKEN", entitled::sandbox::SHOP_TOKEN);
    let held = status(&town.home).held.len();
    let ran = town.home.entitled(&["run", "--once"]).exits(3);
    assert!(ran.out.contains("✓ revoke role beta from "), "{}", ran.out);
    let left = status(&town.home).held;
    assert_eq!(left.len(), held - 1, "what was let through is held no more");
    assert!(left.iter().all(|one| one.change.target != "role beta"), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_failed_leaves_what_it_failed_for_and_since_when() {
    let mut town = Town::demo().await;
    town.home.entitled(&["run", "--once"]).exits(0);
    assert_eq!(status(&town.home).troubles, []);
    town.home.set("APP_SECRET", "wrong-and-long-enough");
    for command in [&["run", "--once"][..], &["apply", "--yes"]] {
        town.home.entitled(command).exits(1);
        let first = trouble(&town.home, &About::Logto).unwrap();
        town.home.entitled(command).exits(1);
        assert_eq!(trouble(&town.home, &About::Logto).unwrap(), first, "it keeps its beginning");
    }
    let shown = town.home.entitled(&["status"]).exits(1);
    assert!(shown.out.starts_with("Degraded since ") && shown.out.contains("cannot be used: "), "{}", shown.out);

    // A source of two is one trouble, and a name of the file another; each ends for itself.
    town.home.set("APP_SECRET", entitled::sandbox::APP_SECRET);
    town.home.set("SHOP_TOKEN", "wrong-and-long-enough");
    town.edit("- role: beta", "- role: betta");
    town.home.entitled(&["run", "--once"]).exits(1);
    let before = status(&town.home);
    let abouts: Vec<&About> = before.troubles.iter().map(|trouble| &trouble.about).collect();
    assert!(matches!(abouts[..], [About::Source(_), About::Target(_)]), "{abouts:?}");
    town.home.set("SHOP_TOKEN", entitled::sandbox::SHOP_TOKEN);
    town.home.entitled(&["run", "--once"]).exits(1);
    assert_eq!(status(&town.home).troubles, before.troubles[1..], "the name keeps its beginning");
    town.edit("- role: betta", "- role: beta");
    town.home.entitled(&["run", "--once"]).exits(0);
    let after = status(&town.home);
    assert_eq!((after.troubles, after.state.word()), (Vec::new(), "InSync"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_a_trouble_only_while_it_is_broken() {
    let town = Town::demo().await;
    town.home.entitled(&["run", "--once"]).exits(0);
    town.edit("prune: owned", "prune: owend");
    town.home.entitled(&["run", "--once"]).exits(1);
    let first = trouble(&town.home, &About::File).unwrap();
    assert_eq!(trouble(&town.home, &About::File).unwrap(), first, "since the pass that met it, and not since just now");
    town.edit("prune: owend", "prune: owned");
    assert_eq!(status(&town.home).state.word(), "InSync");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_says_what_does_not_work() {
    let mut town = Town::demo().await;
    town.home.entitled(&["run", "--once"]).exits(0);
    let _held = entitled::store::lease::take(&town.home.path("entitled.db")).unwrap().unwrap();
    town.home.set("APP_SECRET", "wrong-and-long-enough");
    town.home.entitled(&["run", "--once"]).exits(1);
    assert_eq!(status(&town.home).troubles, []);
}
