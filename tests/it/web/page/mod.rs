//! The page: every state is drawn, whatever stands in it is escaped, and its size is bounded. Over HTTP: who may
//! read, who may write, and that an open page is told of what changes.

mod over_http;
pub(crate) mod samples;
pub(crate) mod schema;

use entitled::model::{State, UserId};
use entitled::report::status::{Mode, Planned, Status};
use entitled::web::page::{Break, Frame, Hand, Order, Product, Sandbox, Session, overview, refused, sign_in};

const WRITES: Hand<'static> = Hand::Writes { form: "form-token", session: Session::Open };

fn drawn(status: &Status, hand: Hand<'_>) -> String {
    overview(Frame { status, now: samples::now(), hand, notice: None }, None)
}

/// What a page holds of one element: everything between its opening tag and `end`.
fn part<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let from = page.find(start).unwrap_or_else(|| panic!("no `{start}` in\n{page}"));
    page[from..].split(end).next().unwrap()
}

#[test]
fn every_state_is_drawn_with_its_word_and_what_follows_from_it() {
    let expected: [(&str, State, &[&str]); 7] = [
        ("starting", State::Pending, &["nothing has been checked yet", "No configuration is in force yet"]),
        ("in_sync", State::InSync, &["Logto holds what was paid for.", "12 min ago", "anna4k7w2m9x"]),
        ("pending", State::Pending, &["1 change planned", "Dry run", "Nothing of it is carried out"]),
        ("held", State::Held, &["12 changes wait for a person", "entitled approve 4be2d11c90a7", "OverLimit"]),
        ("degraded", State::Degraded, &["did you mean", "entitlements.yaml:47:5", "answered 503", "partial: 11 of 12"]),
        (
            "frozen",
            State::Held,
            &["Nothing is taken away until", "alice", "the shop moves to another server", "2 changes wait"],
        ),
        ("standby", State::Pending, &["Another daemon writes (process 4711 on host-a)"]),
    ];
    let all = samples::all();
    assert_eq!(all.iter().map(|(name, _)| *name).collect::<Vec<_>>(), expected.map(|(name, ..)| name));
    for ((name, status), (_, state, says)) in all.iter().zip(expected) {
        assert_eq!(status.state, state, "{name}");
        let page = drawn(status, WRITES);
        let word = state.word();
        assert!(page.contains(&format!("<h1 id=\"state-word\">{word}</h1>")), "{name}\n{page}");
        assert!(page.contains(&format!("<title>{word} · entitled</title>")), "{name}");
        for part in says {
            assert!(page.contains(part), "{name}: no `{part}` in\n{page}");
        }
        well_formed(name, &page);
    }
}

/// Every element that is opened is closed, every id stands once, nothing inline that the policy would refuse.
fn well_formed(name: &str, page: &str) {
    const VOID: [&str; 4] = ["meta", "link", "input", "path"];
    let mut open: Vec<&str> = Vec::new();
    let mut ids = std::collections::BTreeSet::new();
    for tag in page.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        let word = tag.split([' ', '/']).next().unwrap();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{name}");
        } else if !tag.starts_with('!') && !VOID.contains(&word) && !tag.ends_with('/') {
            open.push(word);
        }
        let unquoted: String = tag.split('"').step_by(2).collect();
        assert!(!unquoted.contains(" style=") && !unquoted.contains(" on"), "{name}: inline: {tag}");
        if let Some(id) = tag.split(" id=\"").nth(1) {
            let id = id.split('"').next().unwrap();
            assert!(ids.insert(id.to_owned()), "{name}: two elements have the id {id}");
        }
    }
    assert_eq!(open, Vec::<&str>::new(), "{name}");
    assert!(page.contains("<main id=\"main\"") && page.contains("href=\"#main\""), "{name}: no way past the head");
    assert!(page.contains("role=\"status\""), "{name}: changes are not announced");
}

#[test]
fn only_who_may_write_has_buttons() {
    let status = samples::waits_for_approval(12);
    let page = drawn(&status, WRITES);
    assert!(page.contains("Approve 12 changes") && page.contains("/actions/freeze"));
    let forms = page.matches("<form ").count();
    assert_eq!(page.matches("name=\"form\" value=\"form-token\"").count(), forms, "a form without its token");
    let page = drawn(&status, Hand::Reads);
    assert!(!page.contains("<form ") && page.contains("href=\"/sign-in\""), "{page}");
    assert!(page.contains("entitled approve 4be2d11c90a7"), "the command is there all the same");
    // A dry run writes nothing down either.
    let page = drawn(&Status { mode: Mode::DryRun, ..status }, WRITES);
    assert!(!page.contains("/actions/approve") && !page.contains("/actions/freeze"), "{page}");
    assert!(page.contains("/actions/reconcile"), "{page}");
}

/// Nothing of this may reach a browser as it is.
const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;";

#[test]
fn whatever_it_is_called_it_is_text() {
    let mut status = samples::degraded();
    let mut change = samples::change("grant", HOSTILE, Some(HOSTILE), HOSTILE);
    change.because = HOSTILE.to_owned();
    change.target_key = format!("role/{HOSTILE}");
    let mut held = samples::held(1);
    held.change = change.clone();
    held.reason = HOSTILE.to_owned();
    held.lift = format!("`{HOSTILE}`");
    let mut view = samples::view(vec![change], vec![held.clone()]);
    view.waiting[0].buyer = HOSTILE.to_owned();
    view.waiting[0].lift = HOSTILE.to_owned();
    status.plan = Some(std::sync::Arc::new(Planned { view, at: samples::now() }));
    status.held = std::sync::Arc::new(vec![held]);
    status.sources[0].name = HOSTILE.into();
    status.targets[0].name = HOSTILE.to_owned();
    status.targets[0].key = HOSTILE.to_owned();
    status.troubles[0].message = HOSTILE.to_owned();
    status.troubles[0].detail = Some(HOSTILE.to_owned());
    status.troubles[0].because = vec![HOSTILE.to_owned()];
    status.troubles[0].hint = Some(HOSTILE.to_owned());
    status.runs[0].id = HOSTILE.to_owned();
    let text = || HOSTILE.to_owned();
    let sandbox = Sandbox {
        products: vec![Product { id: text(), name: text(), price: text() }],
        buyers: vec![text()],
        orders: vec![Order { id: text(), product: text(), buyer: text(), status: text() }],
        broken: vec![Break::ShopDown],
    };
    let frame = Frame { status: &status, now: samples::now(), hand: WRITES, notice: Some(HOSTILE) };
    for page in [overview(frame, Some(&sandbox)), refused(frame, HOSTILE, HOSTILE, Some(HOSTILE)), sign_in(true)] {
        assert!(!page.contains("<script>") && !page.contains("<img"), "{page}");
        assert_eq!(page.matches("<script").count(), 1, "the page's own");
        well_formed("hostile", &page);
    }
    // A name leaves neither its path nor its attribute.
    let page = overview(frame, None);
    assert!(page.contains("href=\"/users/%3Cscript%3E"), "{}", part(&page, "id=\"plan\"", "</section>"));
}

#[test]
fn a_hundred_thousand_changes_are_counted_and_not_sent() {
    let number = 100_000;
    let change = |at: usize| {
        let mut change = samples::change("grant", &format!("user{at:08}"), None, "role paid-tier");
        change.user = UserId::from(format!("user{at:08}").as_str());
        change
    };
    let mut status = samples::waits_for_approval(number);
    let mut view = samples::view((0..number).map(change).collect(), Vec::new());
    view.waiting = vec![view.waiting[0].clone(); number];
    status.plan = Some(std::sync::Arc::new(Planned { view, at: samples::now() }));
    let page = drawn(&status, WRITES);
    assert!(page.len() < 512 * 1024, "{} bytes", page.len());
    // One more is adopted.
    assert!(part(&page, "id=\"plan\"", "</section>").contains("and 99801 more"));
    assert!(part(&page, "id=\"held\"", "</section>").contains("and 99800 more"));
    assert!(part(&page, "id=\"waiting\"", "</section>").contains("and 99800 more"));
}

#[test]
fn what_the_script_says_of_time_the_server_says_too() {
    // The script has its own copy of this, since it keeps what the server has drawn true.
    let script = entitled::web::page::SCRIPT;
    for figure in ["far < 2)", "far < 120", "far < 7200", "far < 172800"] {
        assert!(script.contains(figure), "{figure}");
    }
}

/// Of a colour in the style sheet, as `#rrggbb`: its relative luminance.
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

/// WCAG 2.2, 1.4.3: 4.5 to 1 for text, and 1.4.11: 3 to 1 for what bounds a field.
#[test]
fn every_colour_of_text_stands_out_in_light_and_in_dark() {
    let css = entitled::web::page::CSS;
    let dark = css.find("@media (prefers-color-scheme: dark)").unwrap();
    for (scheme, css) in [("light", &css[..dark]), ("dark", &css[dark..])] {
        let colour = |name: &str| part(css, &format!("--{name}: "), ";").rsplit(' ').next().unwrap();
        let contrast = |a: &str, b: &str| {
            let (a, b) = (luminance(colour(a)), luminance(colour(b)));
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        for ground in ["ground", "sheet", "wash"] {
            for text in ["ink", "soft", "link", "good", "wait", "hold", "bad", "cold"] {
                assert!(contrast(text, ground) >= 4.5, "{scheme}: {text} on {ground}: {}", contrast(text, ground));
            }
            assert!(contrast("rule-strong", ground) >= 3.0, "{scheme}: a field on {ground}");
        }
        for tone in ["good", "wait", "hold", "bad", "cold"] {
            let wash = format!("{tone}-wash");
            assert!(contrast(tone, &wash) >= 4.5, "{scheme}: {tone} on {wash}");
        }
    }
}
