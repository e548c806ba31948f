//! `entitled source`: presets listed and shown, and a source tried out.

use entitled::config::presets::{Heading, KINDS, PRESETS, text};
use entitled::config::settings::source::{HttpSource, SourceKind};
use entitled::config::{Env, Presets, check_text};
use serde_json::{Value, json};

use crate::support::home::{Home, demo_file};
use crate::support::replay::{Line, Replay};

#[test]
fn the_list_names_every_preset_and_the_sources_of_the_file() {
    let ran = Home::demo().entitled(&["source", "list"]).exits(0);
    for (name, text) in PRESETS {
        let line = ran.out.lines().find(|line| line.trim_start().starts_with(&format!("{name} ")));
        let line = line.unwrap_or_else(|| panic!("{name} is missing in\n{}", ran.out));
        assert!(line.ends_with(Heading::of(text).title), "{line}");
    }
    for kind in ["stripe", "http", "file", "sandbox"] {
        assert!(
            ran.out.lines().any(|line| line.starts_with(&format!("  {kind} "))),
            "{kind} is missing in\n{}",
            ran.out
        );
    }
    assert!(
        ran.out.contains("\nsources of entitlements.yaml\n  shop  the simulated shop  every 30s  line "),
        "{}",
        ran.out
    );
    assert_eq!(ran.err, "");
}

#[test]
fn without_a_file_the_presets_are_listed_all_the_same() {
    let ran = Home::new().entitled(&["source", "list"]).exits(0).complains(&["there is no `entitlements.yaml` here"]);
    assert!(ran.out.starts_with("presets\n  ") && !ran.out.contains("sources of"), "{}", ran.out);
    let home = Home::new();
    home.write("entitlements.yaml", "version: 2\n");
    assert!(home.entitled(&["source", "list"]).exits(1).out.starts_with("presets\n  "));
}

#[test]
fn an_unknown_preset_is_answered_with_the_known_ones() {
    Home::new().entitled(&["source", "show", "bitkart"]).exits(1).complains(&["`bitkart`", "bitcart", "kind: http"]);
}

/// Every variable is set: what a preset asks for is the user's to give.
struct Given;

impl Env for Given {
    fn var(&self, _: &str) -> Option<String> {
        Some("a-value-of-the-user".to_owned())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        Err(format!("no file {path} here"))
    }
}

fn taken(name: &str, file: &str) -> HttpSource {
    let checked = check_text(file, "entitlements.yaml".as_ref(), &Given, &Presets::new(PRESETS));
    let (config, warnings) = checked.unwrap_or_else(|problems| panic!("{name}: {problems:#?}\n{file}"));
    assert_eq!(warnings, [], "{name}");
    match config.sources.into_iter().next().unwrap().kind {
        SourceKind::Http(http) => *http,
        other => panic!("{name} is no HTTP source: {other:?}"),
    }
}

/// What is shown is a source as it stands, and still the same one with the mark taken off every key.
#[test]
fn what_is_shown_can_be_pasted_and_overridden() {
    let demo = demo_file();
    let (above, rest) = demo.split_once("sources:\n").unwrap();
    let below = rest.split_once("\nprune:").map(|(_, below)| format!("\nprune:{below}")).unwrap();
    let above = above.replace(
        "  endpoint: sandbox\n",
        "  endpoint: https://logto.example.com\n  app_id: an-id\n  app_secret: ${SECRET}\n",
    );
    for (name, _) in PRESETS {
        let shown = Home::new().entitled(&["source", "show", name]).exits(0).out;
        let pasted = taken(name, &format!("{above}sources:\n{shown}{below}"));
        let bare: String = match shown.split_once("    # What the preset says") {
            Some((head, tail)) => {
                let (note, tail) = tail.split_once('\n').unwrap();
                let tail: String = tail
                    .lines()
                    .map(|line| format!("    {}\n", line.trim_start().strip_prefix("# ").unwrap_or("")))
                    .collect();
                format!("{head}    # What the preset says{note}\n{tail}")
            }
            None => panic!("{name}: {shown}"),
        };
        let bared = taken(name, &format!("{above}sources:\n{bare}{below}"));
        assert_eq!(format!("{pasted:?}"), format!("{bared:?}"), "{name}");
        assert!(bare.lines().any(|line| line.starts_with("    list:")), "{name}: {bare}");
        assert!(!pasted.base_url.is_empty(), "{name}");
    }
}

/// As it is shown, and with the mark taken off every key.
#[test]
fn every_other_kind_is_shown_as_a_block_that_passes_check() {
    let demo = demo_file();
    let (above, rest) = demo.split_once("sources:\n").unwrap();
    let below = rest.split_once("\nprune:").map(|(_, below)| format!("\nprune:{below}")).unwrap();
    let real = above.replace(
        "  endpoint: sandbox\n",
        "  endpoint: https://logto.example.com\n  app_id: an-id\n  app_secret: ${SECRET}\n",
    );
    for (kind, _) in KINDS {
        let shown = Home::new().entitled(&["source", "show", kind]).exits(0).out;
        let (head, tail) =
            shown.split_once("    # What may be said besides").unwrap_or_else(|| panic!("{kind}: {shown}"));
        let tail: String = tail.lines().skip(1).map(|line| format!("{}\n", line.replacen("# ", "", 1))).collect();
        let said = tail.lines().filter(|line| !line.starts_with("    #")).count();
        assert!(said > 0, "{kind}: {tail}");
        for block in [&shown, &format!("{head}{tail}")] {
            let above = if kind == "sandbox" { above } else { &real };
            let file = format!("{above}sources:\n{block}{below}");
            let checked = check_text(&file, "entitlements.yaml".as_ref(), &Given, &Presets::new(PRESETS));
            let (config, warnings) = checked.unwrap_or_else(|problems| panic!("{kind}: {problems:#?}\n{file}"));
            assert_eq!(warnings, [], "{kind}");
            assert_eq!(config.sources.len(), 1, "{kind}");
        }
    }
}

/// The block of a preset is a form: one line in the file, and hints are listened to.
#[test]
fn every_preset_with_a_webhook_can_be_hooked() {
    let mut hooked = Vec::new();
    for (name, _) in PRESETS.iter().filter(|(_, text)| text.contains("\nwebhook:")) {
        let file = format!(
            "version: 1\nlogto: {{endpoint: sandbox}}\nprune: owned\nproducts: {{p: {{entitlements: [{{role: r}}]}}}}\n\
             sources: {{shop: {{kind: {name}, url: 'https://shop.example.com', webhook: {{}}}}}}\n"
        );
        let checked = check_text(&file, "entitlements.yaml".as_ref(), &Given, &Presets::new(PRESETS));
        let (config, _) = checked.unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
        assert!(config.sources[0].webhook.is_some(), "{name}");
        hooked.push(*name);
    }
    assert!(hooked.len() >= 7, "{hooked:?}");
}

/// What the heading of every preset has to tell a user.
#[test]
fn every_preset_says_what_it_needs_and_what_it_cannot_see() {
    let missing = |text: &str| {
        let heading = Heading::of(text);
        let prose = heading.prose.join("\n");
        let mut missing = Vec::new();
        for (what, there) in [
            ("a title", heading.title.contains(": ")),
            (
                "`# To be added:` with `url` and `auth`",
                ["url:", "auth:"].iter().all(|key| heading.add.iter().any(|line| line.starts_with(key))),
            ),
            ("`Who bought:`, where the Logto user id is expected", prose.contains("\nWho bought: ")),
            ("`Key:`, the least permissions", prose.contains("\nKey: ")),
            ("`Cannot see:`", prose.contains("\nCannot see: ")),
            ("the vendor's page", text.lines().any(|line| line.starts_with('#') && line.contains("https://"))),
        ] {
            if !there {
                missing.push(what);
            }
        }
        missing
    };
    let wrong: Vec<_> =
        PRESETS.iter().map(|(name, text)| (name, missing(text))).filter(|(_, wrong)| !wrong.is_empty()).collect();
    assert!(wrong.is_empty(), "the comment at the top of a preset lacks: {wrong:#?}");
    assert_eq!(missing("# Shop\nkind: http\n").len(), 6, "the check sees nothing");
    assert!(text("nothing").is_none());
}

/// A shop whose answers leave something to be desired, and a file that reads it.
async fn odd_shop() -> (Home, Replay) {
    let list = json!({"count": 5, "orders": [
        {"id": "o1", "status": "paid", "at": "2026-05-01T10:00:00Z", "product": "p1", "mail": "ann@example.com"},
        {"id": "o2", "status": "on_hold", "at": "2026-05-03T10:00:00Z", "product": "p1", "mail": "ben@example.com"},
        {"id": "o3", "status": "on_hold", "at": null, "product": "p2", "mail": ""},
        {"id": "o4", "status": "refunded", "at": "soon", "product": "p2", "mail": "cleo@example.com"},
    ]});
    let disputes = json!([{"id": "d1", "order": "o1", "open": true}, {"id": "d2", "order": "o9", "open": true}]);
    let lines = vec![
        Line::json("/orders?offset=0&limit=4", list).authorized("Bearer s3cr3t-of-the-shop"),
        Line::json(
            "/orders?offset=4&limit=4",
            json!({"count": 5, "orders": [{"id": "o5", "status": "paid", "product": "p1"}]}),
        ),
        Line::json("/disputes", disputes),
        Line::json("/orders/o1", json!({"order": {"id": "o1", "status": "paid", "product": "p1"}})),
    ];
    let server = Replay::start(lines).await;
    let mut home = Home::new();
    home.set("SHOP_TOKEN", "s3cr3t-of-the-shop");
    home.write(
        "entitlements.yaml",
        &format!(
            "version: 1\nlogto: {{endpoint: sandbox}}\nprune: owned\nproducts: {{p1: {{entitlements: [{{role: beta}}]}}}}\n\
             sources:\n  odd:\n    kind: http\n    url: {}\n    auth: {{kind: bearer, token: \"${{SHOP_TOKEN}}\"}}\n{ODD}",
            server.url
        ),
    );
    (home, server)
}

const ODD: &str = "    list:
      path: /orders
      items: $.orders
      total: $.count
      paging: {kind: offset, param: offset, size_param: limit, size: 4}
    incremental: {kind: walk_back}
    get: {path: '/orders/{id}', item: $.order}
    overlays:
      - {path: /disputes, items: $, paging: {kind: none}, order_id: $.order, when: '@.open == true', as: disputed}
    map: {id: $.id, updated_at: $.at, paid_at: $.paid, products: $.product, email: [$.mail, $.email]}
    status:
      - {when: \"@.status == 'paid'\", as: paid}
      - {when: \"@.status == 'refunded'\", as: refunded}
";

/// The lines of a table that begin with `start`, with single spaces.
fn rows(out: &str, start: &str) -> Vec<String> {
    let plain = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    out.lines().map(plain).filter(|line| line.starts_with(start)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_says_what_the_mapping_found_and_what_it_did_not() {
    let (home, server) = odd_shop().await;
    let ran = home.entitled(&["source", "test", "odd"]).exits(0).complains(&["reading the first pages of `odd`"]);
    let out = &ran.out;
    assert_eq!(
        out.lines().next().unwrap(),
        "GET /orders?offset=0&limit=4: 5 orders on 2 pages, 5 in all according to the API; no page follows"
    );
    assert_eq!(rows(out, "unknown"), ["unknown 2"]);
    assert_eq!(rows(out, "of those"), ["of those 2 the API says `on_hold`, which no line of `status` knows"]);
    assert_eq!(
        rows(out, "- {when"),
        ["- {when: \"@.status == 'on_hold'\", as: pending} # or paid, subscribed, partially_refunded, refunded, \
          disputed, expired, void"]
    );
    assert_eq!(out.lines().last(), Some("5 of 5 rows are orders; of those 2 unknown, 2 without a buyer"), "{out}");
    assert_eq!(rows(out, "disputed "), ["disputed 1"]);
    assert_eq!(rows(out, "map.paid_at"), ["map.paid_at 0 never present: $.paid 0"]);
    assert_eq!(rows(out, "map.email")[0], "map.email 3 $.mail 3, $.email 0");
    assert_eq!(rows(out, "map.updated_at")[1], "map.updated_at 2026-05-01T10:00:00Z at $.at");
    assert_eq!(rows(out, "item 4"), Vec::<String>::new());
    assert_eq!(rows(out, "o4 `soon`"), ["o4 `soon` at `$.at` is not a time in a known form, and is ignored"]);
    assert_eq!(rows(out, "/disputes"), ["/disputes disputed 2 1 about orders of this page"]);
    assert!(out.contains("\nby its id, o1 differs from the list in email, updated_at\n"), "{out}");
    assert!(
        out.contains("\nthe page does not come newest change first, which `incremental: {kind: walk_back}`"),
        "{out}"
    );
    assert_eq!(server.targets().len(), 4, "two pages, one overlay, one order: {:?}", server.targets());
    assert_eq!(home.files(), ["entitlements.yaml"], "nothing is written");
    assert!(!format!("{out}{}", ran.err).contains("s3cr3t"), "{out}");

    let ran = home.entitled(&["source", "test", "odd", "--output", "json"]).exits(0);
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(found["orders"].as_array().unwrap().len(), 5);
    assert_eq!(found["orders"][1]["status"], "on_hold");
    assert_eq!((&found["unreadable"], &found["odd"][0][0]), (&json!([]), &json!("o4")));
    let odd = json!({"part": "updated_at", "what": "no_time", "path": "$.at", "value": "soon"});
    assert_eq!(found["odd"][0][1], json!([odd]));
    assert_eq!(found["again"]["differs"], json!(["o1", ["email", "updated_at"]]));
    assert_eq!((&found["follows"], &found["sorted"]), (&json!("end"), &json!("not_as_needed")));
}

/// A word that is a number, or has quotes in it, is compared with as it is; the line is known once it is pasted.
#[tokio::test(flavor = "multi_thread")]
async fn the_line_for_a_word_that_no_line_knows_can_be_pasted() {
    let row = |id: &str, status: Value| json!({"id": id, "status": status, "product": "p1", "mail": "ann@example.com"});
    let words = [json!("it's \"on\" \\ hold"), json!(7), json!(null)];
    let list: Vec<_> = words.iter().enumerate().map(|(at, word)| row(&format!("o{at}"), word.clone())).collect();
    let (home, server) = odd_shop().await;
    server.now_answers(vec![
        Line::json("/orders?offset=0&limit=4", json!({"count": 3, "orders": list})),
        Line::json("/disputes", json!([])),
        Line::json("/orders/o0", json!({"orders": list[0]})),
    ]);
    let out = home.entitled(&["source", "test", "odd"]).exits(0).out;
    assert!(
        out.contains("o0 cannot be read: GET /orders/o0: the answer holds no object at `$.order`; it has `orders`"),
        "{out}"
    );
    assert_eq!(out.lines().last(), Some("3 of 3 rows are orders; of those 3 unknown"), "{out}");
    let lines: String =
        out.lines().filter(|line| line.starts_with("  - {when")).map(|line| format!("    {line}\n")).collect();
    assert_eq!(lines.lines().count(), 2, "{out}");
    let file = std::fs::read_to_string(home.path("entitlements.yaml")).unwrap();
    home.write("entitlements.yaml", &format!("{file}{lines}"));
    let out = home.entitled(&["source", "test", "odd"]).exits(0).out;
    assert_eq!((rows(&out, "pending 2").len(), rows(&out, "- {when").len()), (1, 0), "{out}");
    assert_eq!(out.lines().last(), Some("3 of 3 rows are orders; of those 1 unknown"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_of_which_nothing_is_an_order_exits_with_1() {
    let (home, server) = odd_shop().await;
    let answers = |rows: Value| {
        let count = rows.as_array().map_or(0, Vec::len);
        server.now_answers(vec![
            Line::json("/orders?offset=0&limit=4", json!({"count": count, "orders": rows})),
            Line::json("/disputes", json!([])),
        ]);
        home.entitled(&["source", "test", "odd"]).exits(1).out
    };
    let out = answers(json!([{"no": 1}, {"no": 2}]));
    assert_eq!(out.lines().last(), Some("none of 2 rows is an order: check `list.items` and `map.id`"), "{out}");
    let out = answers(json!([]));
    assert_eq!(out.lines().last(), Some("no row to look at: an empty list says nothing of the mapping"), "{out}");
}

/// Every row that is odd is named, and whoever asks elsewhere is sent to where that is.
#[test]
fn a_source_of_which_too_much_is_odd_is_named_row_by_row_and_is_a_problem() {
    let home = Home::new();
    let row = |at| format!("- {{id: o{at}, productId: p1, user: {{id: u}}, status: paid, paidAt: garbage}}\n");
    let list: String = (0..25).map(row).collect();
    home.write("orders.yaml", &format!("{list}- {{productId: p1, status: paid}}\n- just text\n"));
    home.write(
        "entitlements.yaml",
        "version: 1\nlogto: {endpoint: sandbox}\nlisten: off\nprune: owned\nproducts: {p1: {entitlements: [{role: beta}]}}\n\
         sources: {till: {kind: file, path: orders.yaml}}\n",
    );
    let out = home.entitled(&["source", "test", "till"]).exits(0).out;
    let named = (0..25).filter(|at| !rows(&out, &format!("o{at} `garbage`")).is_empty()).count();
    assert_eq!(named, 25, "{out}");
    assert!(out.contains("entries: item 26: ") && out.contains("entries: item 27: `just text`"), "{out}");
    assert!(!out.contains("more, all listed by"), "{out}");

    let ran = home.entitled(&["doctor"]).exits(1);
    assert!(
        ran.out.contains("27 of 27 rows are odd") && ran.out.contains("`entitled source test NAME`"),
        "{}",
        ran.out
    );

    home.entitled(&["run", "--once"]);
    let out = home.entitled(&["status"]).out;
    assert!(
        out.contains("27 of 27 rows are odd") && out.contains("`entitled source test NAME` names what is odd"),
        "{out}"
    );
}

/// What a pass makes of an order is what whoever tries the mapping must see.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_out_of_an_order_and_what_stands_twice_is_shown() {
    let (home, server) = odd_shop().await;
    let file = std::fs::read_to_string(home.path("entitlements.yaml")).unwrap();
    let counted = file.replace("products: $.product", "quantity: $.count, products: $.product");
    assert_ne!(counted, file);
    home.write("entitlements.yaml", &counted);
    let row = |id: &str, status: &str, count: u32| json!({"id": id, "status": status, "product": "p1", "count": count, "mail": "ann@example.com"});
    let list = [
        row("o1", "paid", 0),
        row("o2", "paid", 1),
        row("o2", "on_hold", 1),
        row("o3", "paid", 1),
        row("o3", "paid", 1),
    ];
    server.now_answers(vec![
        Line::json("/orders?offset=0&limit=4", json!({"count": 5, "orders": list[..4]})),
        Line::json("/orders?offset=4&limit=4", json!({"count": 5, "orders": list[4..]})),
        Line::json("/disputes", json!([])),
        Line::json("/orders/o1", json!({"order": list[0]})),
    ]);
    let out = home.entitled(&["source", "test", "odd"]).exits(0).out;
    assert!(!rows(&out, "o1 void p1").is_empty(), "{out}");
    assert_eq!(rows(&out, "o2 `o2`"), ["o2 `o2` at `$.id` is also the id of another row"], "{out}");
    assert!(rows(&out, "o3 `o3`").is_empty(), "the same row twice says nothing else: {out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlay_of_which_too_much_is_odd_is_a_problem() {
    let (home, server) = odd_shop().await;
    let order = json!({"id": "o1", "status": "paid", "product": "p1", "mail": "ann@example.com"});
    let answers = |disputes: Vec<Value>| {
        vec![
            Line::json("/orders?offset=0&limit=4", json!({"count": 1, "orders": [order]})),
            Line::json("/disputes", disputes.into()),
            Line::json("/orders/o1", json!({"order": order})),
        ]
    };
    server.now_answers(answers((0..25).map(|at| json!({"id": format!("d{at}"), "open": true})).collect()));
    let ran = home.entitled(&["doctor"]).exits(1);
    assert!(ran.out.contains("25 of 25 rows of the overlay `/disputes` are odd"), "{}", ran.out);
    server.now_answers(answers(vec![json!({"id": "d1", "order": "o9", "open": true})]));
    let ran = home.entitled(&["doctor"]);
    assert!(!ran.out.contains("are odd"), "{}", ran.out);
}

/// Which order such a row is nobody can say, and the store keeps how many there are.
#[test]
fn rows_without_an_id_are_counted_and_said_to_be_named_where_they_are() {
    let home = Home::new();
    home.write(
        "orders.yaml",
        "- {productId: p1, status: paid}\n- {id: o1, productId: p1, status: paid, user: {id: u}}\n",
    );
    home.write(
        "entitlements.yaml",
        "version: 1\nlogto: {endpoint: sandbox}\nlisten: off\nprune: owned\nproducts: {p1: {entitlements: [{role: beta}]}}\n\
         sources: {till: {kind: file, path: orders.yaml}}\n",
    );
    home.entitled(&["run", "--once"]);
    let out = home.entitled(&["status"]).out;
    assert!(out.contains("till: 1 odd row"), "{out}");
    assert!(out.contains("1 row without an id, or of an overlay: `entitled source test till` names them"), "{out}");
    let out = home.entitled(&["source", "test", "till"]).exits(0).out;
    assert!(out.contains("entries: item 1: `null` at `id` is not a valid id"), "{out}");
}

#[test]
fn the_sandbox_can_be_tried_out_and_keeps_nothing() {
    let home = Home::demo();
    let ran = home.entitled(&["source", "test", "shop"]).exits(0);
    assert!(ran.out.starts_with("GET /api/merchant/orders: 13 orders; no page follows\n"), "{}", ran.out);
    assert_eq!(rows(&ran.out, "map.ended_at"), ["map.ended_at 0 never present: $.refundedAt 0"]);
    assert_eq!(home.files(), ["entitlements.yaml"]);
    home.entitled(&["source", "test", "shp"]).exits(1).complains(&["no source `shp`", "it has shop"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_be_read_is_said_with_its_mend() {
    let (mut home, _server) = odd_shop().await;
    home.set("SHOP_TOKEN", "another");
    let ran = home.entitled(&["source", "test", "odd"]).exits(1).complains(&["error: GET /orders?offset=0&limit=4: "]);
    assert_eq!(ran.out, "");
}

/// A list of 240 orders, fifty a page, whose next page is told at another place than where it is looked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_path_to_the_next_page_that_leads_nowhere_is_said_aloud() {
    let row = |id: usize| json!({"id": id, "line": [{"no": id, "sku": "p1", "end": "2027-01-01"}], "mail": "ann@example.com", "status": "paid"});
    let page: Vec<_> = (0..50).map(row).collect();
    let server = Replay::start(vec![Line::json(
        "/orders?limit=50",
        json!({"orders": page, "meta": {"next": "b", "count": 240}}),
    )])
    .await;
    let file = |paging: &str| {
        format!(
            "version: 1\nlogto: {{endpoint: sandbox}}\nprune: owned\nproducts: {{p1: {{entitlements: [{{role: beta}}]}}}}\n\
             sources:\n  shop:\n    kind: http\n    url: {}\n    list: {{path: /orders, items: $.orders, {paging}}}\n    \
             map: {{id: $.id, lines: {{each: $.line, id: $.no, product: $.sku, period_end: $.end}}, email: $.mail}}\n    \
             status: [{{when: \"@.status == 'paid'\", as: paid}}]\n",
            server.url
        )
    };
    let home = Home::new();
    home.write(
        "entitlements.yaml",
        &file("paging: {kind: token, param: after, next: $.next, size_param: limit, size: 50}"),
    );
    let out = home.entitled(&["source", "test", "shop"]).exits(0).out;
    let said = "nothing stands at `$.next`, not even `null`: if there are more orders than these, the `next` of `list.paging` \
                leads nowhere";
    let head: Vec<&str> = out.lines().take(2).collect();
    assert_eq!(head, ["GET /orders?limit=50: 50 orders; no page follows", said]);
    assert_eq!(rows(&out, "map.lines.period_end")[0], "map.lines.period_end 50 $.end 50");
    assert_eq!(rows(&out, "map.lines.id")[0], "map.lines.id 50 $.no 50");
    let doctor = home.entitled(&["doctor"]).out;
    assert!(doctor.contains("paging") && doctor.contains("nothing stands at `$.next`"), "{doctor}");
    home.entitled(&["run", "--once", "--dry-run"]).complains(&["nothing stands at `$.next`"]);

    home.write(
        "entitlements.yaml",
        &file("total: $.count, paging: {kind: token, param: after, next: $.meta.nxt, size_param: limit, size: 50}"),
    );
    let out = home.entitled(&["source", "test", "shop"]).exits(0).out;
    assert!(out.contains("nothing stands at `$.meta.nxt`") && out.contains("nothing stands at `$.count`"), "{out}");
}
