//! The page in a real browser, on the real program with its sandbox: what a newcomer presses, and what follows.
//!
//! Needs Debian's `chromium` and `chromium-driver`; `.ci/browser` runs it.

mod driver;

use crate::support::home::demo_file;
use crate::support::program::{Program, Started};
use driver::{Browser, Script};

/// A program on the sandbox, and where its page is.
async fn daemon() -> (Program, Started, String) {
    let program = Program::new(&demo_file());
    let daemon = program.start(&["run", "--listen", "127.0.0.1:0"]);
    let address = daemon.address().await;
    (program, daemon, address)
}

const STATE: &str = "document.getElementById('state').dataset.state";

async fn fill(browser: &Browser, product: &str, email: &str) {
    let fill = format!(
        "document.querySelector('#sandbox select').value = '{product}'; \
         document.getElementById('buyer').value = '{email}';"
    );
    browser.run(&fill).await;
}

/// A sale, a refund, and what is too much at once.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: .ci/browser"]
async fn a_newcomer_buys_refunds_and_approves() {
    let (_program, _daemon, page) = daemon().await;
    let browser = Browser::start(Script::On).await;
    browser.size(1100, 840).await;
    browser.open(&page).await;
    browser.until(&format!("{STATE} === 'InSync'")).await;
    browser.until("document.documentElement.hasAttribute('data-linked')").await;
    browser.picture("in-sync-light").await;
    browser.prefers("dark").await;
    browser.picture("in-sync-dark").await;
    browser.prefers("light").await;

    // Bought, and granted before the eyes of whoever looks: nothing is loaded anew.
    browser.run("window.untouched = true;").await;
    fill(&browser, "prd_01H9BETA", "judy@example.com").await;
    browser.click("#buy").await;
    let planned = |sign: &str| {
        format!(
            "[...document.querySelectorAll('#plan .change')].some((line) => \
             line.querySelector('.{sign}') && line.textContent.includes('judy8d5r1c7m'))"
        )
    };
    browser.until(&planned("is-grant")).await;
    browser.until(&format!("{STATE} === 'InSync'")).await;
    assert!(browser.holds("window.untouched").await, "the page was loaded anew");

    // Refunded, and taken back.
    let refund = "[...document.querySelectorAll('#sandbox-orders li')]\
                  .find((line) => line.textContent.includes('judy@example.com') && line.querySelector('button'))";
    browser.until(refund).await;
    let button = browser.run(&format!("return ({refund}).querySelector('button').id;")).await;
    browser.click(&format!("[id='{}']", button.as_str().unwrap())).await;
    browser.until(&planned("is-revoke")).await;
    browser.until(&format!("{STATE} === 'InSync'")).await;
    assert!(browser.holds("window.untouched").await, "the page was loaded anew");

    // Two refunds of three grants each: the first goes through, the second is more than a day allows.
    browser.click("[id='refund-ord_01H9G1']").await;
    browser.until("document.getElementById('plan').textContent.includes('gus7n4b9z2hd')").await;
    browser.until("!document.getElementById('refund-ord_01H9G1')").await;
    browser.click("[id='refund-ord_01H9I1']").await;
    browser.until(&format!("{STATE} === 'Held'")).await;
    browser.until("document.querySelector('#held [id^=approve-]')").await;
    assert!(browser.holds("/entitled approve [0-9a-f]{12}/.test(document.getElementById('held').textContent)").await);
    assert!(browser.holds("document.getElementById('live').textContent.includes('Held')").await, "nobody is told");
    for (name, scheme, width, height) in
        [("held-light", "light", 1100, 840), ("held-dark", "dark", 1100, 840), ("held-390", "light", 390, 844)]
    {
        browser.prefers(scheme).await;
        browser.size(width, height).await;
        let to =
            if width == 390 { "window.scrollTo(0, 0);" } else { "document.getElementById('held').scrollIntoView();" };
        browser.run(to).await;
        let wide = browser.run("return document.documentElement.scrollWidth;").await;
        assert!(wide.as_u64().unwrap() <= width.into(), "{name}: the page is {wide} wide");
        browser.picture(name).await;
    }
    browser.prefers("light").await;
    browser.size(1100, 960).await;

    // By keyboard alone.
    browser.run("document.activeElement.blur(); window.scrollTo(0, 0);").await;
    let mut reached = false;
    for _ in 0..150 {
        browser.press('\u{e004}').await;
        if browser.holds("document.activeElement.id.startsWith('approve-')").await {
            reached = true;
            break;
        }
    }
    assert!(reached, "Tab does not reach the button that approves");
    assert!(
        browser.holds("getComputedStyle(document.activeElement).outlineStyle !== 'none'").await,
        "focus is not seen"
    );
    browser.press('\u{e007}').await;
    browser.until(&format!("{STATE} === 'InSync'")).await;
    browser.until("document.getElementById('held').hidden").await;

    // Why, from the plan to the person and back.
    browser.open(&format!("{page}/users/judy8d5r1c7m")).await;
    let history = "[...document.querySelectorAll('#history strong')].map((verb) => verb.textContent)";
    assert_eq!(browser.run(&format!("return {history};")).await, serde_json::json!(["revoked", "granted"]));
    browser.open(&page).await;
    browser.click("#plan a.user").await;
    let who = browser.address().await;
    assert!(who.contains("/users/"), "{who}");
    assert!(browser.holds("document.querySelector('#why .chain .links')").await);
    browser.size(1100, 840).await;
    browser.picture("why-light").await;
    browser.click("#why h3 a.target").await;
    assert!(browser.holds("document.querySelector('#holders .change')").await);

    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: .ci/browser"]
async fn what_breaks_is_said_and_what_is_mended_too() {
    let (program, _daemon, page) = daemon().await;
    let browser = Browser::start(Script::On).await;
    browser.open(&page).await;
    browser.until(&format!("{STATE} === 'InSync'")).await;
    browser.click("#break-shop-down").await;
    browser.until(&format!("{STATE} === 'Degraded'")).await;
    browser.until("document.getElementById('break-shop-down').ariaPressed === 'true'").await;
    browser.click("#mend").await;
    browser.until(&format!("{STATE} === 'InSync'")).await;

    let broken =
        demo_file().replace("    entitlements:\n      - role: paid-tier", "    entitlement:\n      - role: paid-tier");
    std::fs::write(program.file(), broken).unwrap();
    browser.until(&format!("{STATE} === 'Degraded'")).await;
    browser.until("/\\^\\^\\^/.test(document.querySelector('#configuration pre')?.textContent)").await;
    browser.run("document.getElementById('configuration').scrollIntoView();").await;
    browser.picture("broken-file-light").await;
    std::fs::write(program.file(), demo_file()).unwrap();
    browser.until(&format!("{STATE} === 'InSync'")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: .ci/browser"]
async fn without_script_the_page_shows_and_does_the_same() {
    let (_program, _daemon, page) = daemon().await;
    let (browser, scripted) = (Browser::start(Script::Off).await, Browser::start(Script::On).await);
    scripted.open(&page).await;
    scripted.until(&format!("{STATE} === 'InSync'")).await;
    browser.open(&page).await;
    assert!(browser.holds("!document.documentElement.hasAttribute('data-linked')").await, "the script ran");
    let shown = "return [document.getElementById('state').dataset.state, \
                 [...document.querySelectorAll('#state dd, #targets td, #targets th')].map((one) => one.textContent)];";
    assert_eq!(browser.run(shown).await, scripted.run(shown).await);
    fill(&browser, "prd_01H9BETA", "judy@example.com").await;
    browser.click("#buy").await;
    browser.until("document.querySelector('#notice .notice')").await;
    let address = browser.address().await;
    assert!(address.ends_with("/?did=buy"), "{address}");
    scripted.until("document.getElementById('plan').textContent.includes('judy8d5r1c7m')").await;
    browser.open(&page).await;
    assert_eq!(browser.run(shown).await, scripted.run(shown).await);
}
