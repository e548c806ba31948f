//! `entitled hooks logto`, against the simulated Logto.

use entitled::store::Store;

use crate::support::home::Town;
use crate::support::stage::matching;

const URL: &str = "https://entitled.example.com/hooks/logto";

#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_is_set_up_once_and_its_key_is_kept_and_never_shown() {
    let town = Town::demo().await;
    let first = town.home.entitled(&["hooks", "logto", "--url", URL]).exits(0);
    assert!(first.out.contains(URL) && first.out.contains("set up"), "{first:?}");
    let second = town.home.entitled(&["hooks", "logto", "--url", URL]).exits(0);
    assert!(second.out.contains("was there"), "{second:?}");
    assert_eq!(matching(&town.logto.requests(), "POST", &["/api/hooks"]), 1);

    let store = Store::open(&town.home.path("entitled.db")).await.unwrap();
    let hook = store.logto_hook().await.unwrap().unwrap();
    assert_eq!((hook.url.as_str(), hook.key.expose().len()), (URL, 32));
    for ran in [&first, &second] {
        assert!(!ran.out.contains(hook.key.expose()) && !ran.err.contains(hook.key.expose()), "{ran:?}");
    }
    assert!(!format!("{hook:?}").contains(hook.key.expose()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_none_and_a_sandbox_are_refused() {
    let town = Town::demo().await;
    town.home.entitled(&["hooks", "logto", "--url", "https://entitled.example.com/"]).exits(1).complains(&["hint: "]);
    assert_eq!(matching(&town.logto.requests(), "POST", &["/api/hooks"]), 0);
    let home = crate::support::home::Home::demo();
    home.entitled(&["hooks", "logto", "--url", URL]).exits(1).complains(&["sandbox", "hint: "]);
}

/// Off loopback only with a token.
#[test]
fn a_server_for_others_needs_a_token() {
    let home = crate::support::home::Home::demo();
    let refused = home.entitled(&["run", "--listen", "0.0.0.0:0"]).exits(1);
    refused.complains(&["ENTITLED_API_TOKEN", "hint: "]);
    home.entitled(&["run", "--listen", "somewhere"]).exits(64).complains(&["127.0.0.1:8787"]);
}
