//! What a good file becomes.

use entitled::config::settings::source::{Auth, Incremental, PagedBy, Paging, SourceKind, TotalCheck};
use entitled::config::settings::{LogtoEndpoint, Matching, NotifyFormat, WantedTarget};
use entitled::config::{Presets, check_text};
use entitled::model::{Occasion, Policy, Prune, State};
use jiff::SignedDuration;

use super::{Fixed, check};

const SANDBOX: &str = "version: 1\nlogto: {endpoint: sandbox}\nsources: {shop: {kind: sandbox}}\nprune: owned\n";

fn http(text: &str) -> entitled::config::settings::source::HttpSource {
    let text = format!(
        "version: 1\nlogto: {{endpoint: sandbox}}\nprune: owned\nproducts: {{a: {{entitlements: [{{role: r}}]}}}}\nsources:\n  shop:\n{text}"
    );
    let (config, _) = check(&text).unwrap_or_else(|problems| panic!("{problems:#?}"));
    match config.sources.into_iter().next().unwrap().kind {
        SourceKind::Http(http) => *http,
        other => panic!("{other:?}"),
    }
}

#[test]
fn receivers_of_notices_are_secret_and_hear_of_all_but_pending() {
    let block = "notify: [{url: '${NOTIFY_URL}'}, {url: '${NOTIFY_URL}', format: slack, on: [Held, Pending]}]";
    let file = format!("{SANDBOX}{block}\nproducts: {{a: {{entitlements: [{{role: r}}]}}}}\n");
    let (config, warnings) = check(&file).unwrap();
    assert_eq!(warnings, []);
    let [first, second] = &config.notify[..] else { panic!("{:?}", config.notify) };
    assert_eq!((first.host.as_str(), first.format), ("hooks.example.com", NotifyFormat::Json));
    assert!(
        first.url.expose().ends_with("?key=s3cr3t")
            && !first.on.contains(&Occasion::State(State::Pending))
            && first.on.len() == 4
    );
    assert_eq!(
        (second.format, &second.on[..]),
        (NotifyFormat::Slack, &[State::Held, State::Pending].map(Occasion::State)[..])
    );
    assert!(!format!("{config:?}").contains("s3cr3t-of-a-hook"));
}

#[test]
fn what_the_file_leaves_out_has_these_values() {
    let (config, warnings) = check(&format!("{SANDBOX}products: {{a: {{entitlements: [{{role: r}}]}}}}\n")).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.logto.endpoint, LogtoEndpoint::Sandbox);
    assert_eq!((config.logto.app_id.as_str(), config.logto.app_secret.expose()), ("sandbox-app", "sandbox-secret"));
    assert_eq!((config.logto.rate, config.logto.concurrency, config.logto.batch), (None, 4, 100));
    assert_eq!(config.logto.timeout, SignedDuration::from_secs(30));
    assert_eq!(config.buyers.matching, [Matching::UserId, Matching::Binding, Matching::Email]);
    assert_eq!(config.schedule.full_pass, SignedDuration::from_mins(10));
    assert_eq!(config.schedule.full_read, SignedDuration::from_hours(24));
    assert_eq!((config.limits.revocations.percent, config.limits.revocations.floor), (10.0, 5));
    assert_eq!((config.limits.config_grants.percent, config.limits.config_grants.floor), (20.0, 50));
    assert_eq!(config.prune, Prune::Owned);
    assert_eq!(config.store.to_str(), Some("entitled.db"));
    assert_eq!(config.digest.len(), 64);
    let product = &config.products[0];
    assert_eq!((product.name.as_str(), product.ids[0].id.as_str()), ("a", "a"));
    assert_eq!((product.valid_for, product.grace, &product.source), (None, SignedDuration::ZERO, &None));
    assert_eq!(
        (product.on_refund, product.on_partial_refund, product.on_dispute),
        (Policy::Revoke, Policy::Keep, Policy::Keep)
    );
    let SourceKind::Sandbox(http) = &config.sources[0].kind else { panic!("the simulated shop") };
    assert_eq!(http.base_url, "");
    assert!(matches!(http.auth, Auth::None));
}

#[test]
fn logto_cloud_is_known_by_its_address() {
    let text = SANDBOX.replace(
        "{endpoint: sandbox}",
        "{endpoint: 'https://tenant.logto.app/', app_id: a, app_secret: '${TOKEN}', batch: '${NONE:-20}'}",
    );
    let (config, _) = check(&format!("{text}products: {{a: {{entitlements: [{{role: r}}]}}}}\n")).unwrap();
    assert_eq!(config.logto.endpoint, LogtoEndpoint::Url("https://tenant.logto.app".to_owned()));
    assert_eq!(config.logto.resource, "https://tenant.logto.app/api");
    assert_eq!((config.logto.rate, config.logto.batch), (Some(18.0), 20));
    assert_eq!(config.logto.app_secret.expose(), "s3cr3t-of-the-test");
}

#[test]
fn names_that_look_like_something_else_stay_as_written() {
    let products = "products:\n  no: {entitlements: [{role: on}, {role: 012}, {role: 1.10}]}\n  0x1F: {name: 1e3, entitlements: [{roles: [yes, true, 2026-11-22]}]}\n  null: {entitlements: [{organization: .inf, roles: [\"null\", '~']}]}\n  1_000: {entitlements: [{role: 12:30:45}]}\n";
    let (config, warnings) = check(&format!("{SANDBOX}{products}")).unwrap();
    assert_eq!(warnings, []);
    let keys: Vec<&str> = config.products.iter().map(|product| product.key.as_str()).collect();
    assert_eq!(keys, ["no", "0x1F", "null", "1_000"]);
    let names: Vec<&str> = config
        .products
        .iter()
        .flat_map(|product| &product.entitlements)
        .map(|wanted| match &wanted.what {
            WantedTarget::Role(name) | WantedTarget::Membership(name) => name.as_str(),
            WantedTarget::OrganizationRole { role, .. } => role.as_str(),
        })
        .collect();
    assert_eq!(names, ["on", "012", "1.10", "yes", "true", "2026-11-22", ".inf", "null", "~", "12:30:45"]);
    assert_eq!(config.products[1].name, "1e3");
}

#[test]
fn entitlements_know_where_they_stand() {
    let products = "products:\n  a:\n    entitlements:\n      - roles: [beta, downloads]\n      - organization: acme\n        roles: [member]\n";
    let (config, _) = check(&format!("{SANDBOX}{products}")).unwrap();
    let product = &config.products[0];
    assert_eq!(product.line, 6);
    let found: Vec<_> = product.entitlements.iter().map(|wanted| (&wanted.what, wanted.line, wanted.column)).collect();
    let member = WantedTarget::OrganizationRole { organization: "acme".to_owned(), role: "member".to_owned() };
    assert_eq!(
        found,
        [
            (&WantedTarget::Role("beta".to_owned()), 8, 17),
            (&WantedTarget::Role("downloads".to_owned()), 8, 23),
            (&WantedTarget::Membership("acme".to_owned()), 9, 23),
            (&member, 10, 17),
        ]
    );
}

#[test]
fn an_alias_stands_for_a_whole_value() {
    let products = "products:\n  a: {entitlements: &all [{role: r}, {role: s}]}\n  b: {entitlements: *all}\n";
    let (config, _) = check(&format!("{SANDBOX}{products}")).unwrap();
    assert_eq!(config.products[0].entitlements, config.products[1].entitlements);
    assert_eq!(config.products[1].entitlements.len(), 2);
}

#[test]
fn one_product_id_may_stand_twice_when_the_sources_differ() {
    let text = SANDBOX.replace("{shop: {kind: sandbox}}", "{shop: {kind: sandbox}, other: {kind: file, path: o.yaml}}");
    let products = |first: &str, second: &str| {
        format!(
            "{text}products:\n  a: {{ids: [x]{first}, entitlements: [{{role: r}}]}}\n  b: {{ids: [x]{second}, entitlements: [{{role: r}}]}}\n"
        )
    };
    assert!(check(&products(", source: shop", ", source: other")).is_ok());
    assert!(check(&products(", source: shop", ", source: shop")).is_err());
    assert!(check(&products(", source: shop", "")).is_err());
    assert!(check(&products("", "")).is_err());
}

#[test]
fn one_product_may_have_another_id_in_each_shop() {
    let text = SANDBOX.replace("{shop: {kind: sandbox}}", "{shop: {kind: sandbox}, other: {kind: file, path: o.yaml}}");
    let taken = |products: &str| check(&format!("{text}products: {{{products}}}\n")).map(|(config, _)| config.products);
    let gives = "entitlements: [{role: r}]";
    let products =
        taken(&format!("a: {{ids: [{{source: shop, id: 1}}, {{source: other, id: x}}, y], {gives}}}")).unwrap();
    let ids: Vec<(&str, Option<&str>)> =
        products[0].ids.iter().map(|sold| (sold.id.as_str(), sold.source.as_ref().map(|name| name.as_str()))).collect();
    assert_eq!(ids, [("1", Some("shop")), ("x", Some("other")), ("y", None)]);

    // The same id in two shops: two products where the file says so, and never by accident.
    let apart =
        format!("a: {{ids: [{{source: shop, id: x}}], {gives}}}, b: {{ids: [{{source: other, id: x}}], {gives}}}");
    assert_eq!(taken(&apart).unwrap().len(), 2);
    for (wrong, why) in [
        (format!("a: {{ids: [{{source: shop, id: x}}], {gives}}}, b: {{ids: [x], {gives}}}"), "mapped twice"),
        (format!("a: {{source: other, ids: [{{source: shop, id: x}}], {gives}}}"), "counts in `other` only"),
        (format!("a: {{ids: [{{source: shp, id: x}}], {gives}}}"), "no source `shp`"),
        (format!("a: {{ids: [{{id: x}}], {gives}}}"), "key `source` is missing"),
        (format!("a: {{ids: [{{source: shop, id: x, name: n}}], {gives}}}"), "unknown key `name`"),
    ] {
        let problems = taken(&wrong).unwrap_err();
        assert!(problems.iter().any(|problem| problem.message.contains(why)), "{wrong}: {problems:#?}");
    }
}

#[test]
fn a_source_has_its_own_full_read_and_its_own_patience() {
    let source = http(
        "    kind: bitcart\n    url: https://api.example.com\n    read_timeout: 1h\n    get: {recheck_every: 6h}\n    expect: {canary: [a, 7]}\n",
    );
    assert_eq!((source.read_timeout, source.timeout), (SignedDuration::from_hours(1), SignedDuration::from_secs(30)));
    assert_eq!(source.get.unwrap().recheck_every, Some(SignedDuration::from_hours(6)));
    assert_eq!(source.expect.canary, ["a".into(), "7".into()]);
    let text = SANDBOX.replace("{kind: sandbox}", "{kind: bitcart, url: 'https://a.example.com', full_read: 2d}");
    let (config, _) = check(&format!("{text}products: {{a: {{entitlements: [{{role: r}}]}}}}\n")).unwrap();
    assert_eq!(config.sources[0].full_read, Some(SignedDuration::from_hours(48)));
}

#[test]
fn lines_in_the_file_replace_the_products_of_a_preset() {
    let source = http(
        "    kind: bitcart\n    url: https://api.example.com\n    map: {lines: {each: $.items, product: $.sku}}\n",
    );
    assert!(source.map.products.is_empty());
    assert_eq!(source.map.lines.unwrap().product.len(), 1);
}

#[test]
fn a_preset_is_filled_in_under_what_the_file_says() {
    let source = http(
        "    kind: bitcart\n    url: https://api.example.com/base/\n    auth: {kind: bearer, token: '${file:token.txt}'}\n    headers: {X-Thing: 1}\n    list: {path: /invoices, query: {sort: created, status: any}, paging: {kind: page, param: page, size: 50}}\n    map: {email: [$.a, $.b], user_id: $.user}\n    incremental: {kind: snapshot}\n    expect: {min_items: 3}\n",
    );
    assert_eq!(source.base_url, "https://api.example.com/base");
    assert!(matches!(&source.auth, Auth::Bearer(token) if token.expose() == "s3cr3t-of-a-file"));
    assert_eq!(source.headers, [("X-Thing".to_owned(), "1".to_owned())]);
    assert_eq!(source.list.path, "/invoices");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(source.list.query, [pair("sort", "created"), pair("desc", "true"), pair("status", "any")]);
    let by = PagedBy::Page { param: Some("page".to_owned()), start: 1, pages: None };
    assert_eq!(source.list.paging, Paging { by, size_param: None, size: 50, has_more: Vec::new() });
    assert_eq!(source.list.items.len(), 1);
    assert_eq!((source.map.id.len(), source.map.email.len(), source.map.user_id.len()), (1, 2, 1));
    assert_eq!(source.incremental, Incremental::Snapshot);
    assert_eq!((source.expect.min_items, source.expect.max_shrink), (3, 50.0));
    assert_eq!(source.expect.total, TotalCheck::Required);
    assert_eq!(source.get.unwrap().path, "/orders/{id}");
    assert_eq!(source.status.len(), 1);
}

#[test]
fn an_empty_password_makes_the_user_name_the_secret() {
    let source = http(
        "    kind: medusa\n    url: https://a.example.com\n    auth: {kind: basic, username: '${TOKEN}', password: ''}\n",
    );
    assert!(matches!(&source.auth, Auth::Basic { username, password }
        if username.expose() == "s3cr3t-of-the-test" && password.expose().is_empty()));
    let source = http(
        "    kind: medusa\n    url: https://a.example.com\n    auth: {kind: basic, username: admin, password: '${TOKEN}'}\n",
    );
    assert!(matches!(&source.auth, Auth::Basic { username, .. } if username.expose() == "admin"));
}

#[test]
fn no_secret_shows_in_debug() {
    let text = "version: 1\nlogto: {endpoint: 'https://logto.example.com', app_id: a, app_secret: '${LOGTO_M2M_APP_SECRET}'}\nprune: owned\n\
        products: {a: {entitlements: [{role: r}]}}\nsources:\n\
        \x20 a: {kind: bitcart, url: 'https://a.example.com', auth: {kind: bearer, token: '${TOKEN}'}}\n\
        \x20 b: {kind: bitcart, url: 'https://a.example.com', auth: {kind: basic, username: '${TOKEN}', password: '${TOKEN}'}}\n\
        \x20 c: {kind: bitcart, url: 'https://a.example.com', auth: {kind: header, name: X, value: 'Token ${TOKEN}'}}\n\
        \x20 d: {kind: bitcart, url: 'https://a.example.com', auth: {kind: oauth2_client_credentials, token_url: 'https://a.example.com', client_id: x, client_secret: '${TOKEN}'}}\n";
    let (config, _) = check(text).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(config.sources.len(), 4);
    assert!(!format!("{config:?}").contains("s3cr3t"));
}

#[test]
fn a_source_may_have_had_one_name_before_or_several() {
    for (was, names) in [("test", vec!["test"]), ("[test, demo]", vec!["test", "demo"])] {
        let file = format!("{SANDBOX}products: {{a: {{entitlements: [{{role: r}}]}}}}\n");
        let (config, warnings) =
            check(&file.replace("kind: sandbox}", &format!("kind: sandbox, was: {was}}}"))).unwrap();
        assert_eq!(warnings, []);
        assert_eq!(config.sources[0].was.iter().map(|name| name.as_str()).collect::<Vec<_>>(), names);
    }
}

#[test]
fn two_lists_of_one_vendor_are_two_sources() {
    let text = "version: 1\nlogto: {endpoint: sandbox}\nprune: owned\n\
                products: {a: {entitlements: [{role: r}]}}\nsources:\n  \
                one: {kind: openbitum, url: 'https://a.example.com'}\n  two: {kind: openbitum, url: 'https://b.example.com'}\n";
    assert_eq!(check(text).unwrap().1, []);
    let other = text.replace("b.example.com'", "a.example.com', list: {query: {shop: two}}");
    let (_, warnings) = check(&other).unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let apart =
        other.replace("two: {kind: openbitum", "two: {kind: medusa").replace("query: {shop: two}", "path: /other");
    assert_eq!(check(&apart).unwrap().1, []);
}

#[test]
fn each_of_the_lists_of_a_preset_is_filled_in_under_what_the_file_says() {
    const SHOP: &str = "\
kind: http
lists:
  orders:
    list: {path: /orders, items: $.o, paging: {kind: none}}
    map: {id: $.id, products: $.p, email: $.e}
    status: [{when: \"@.paid\", as: paid}]
  subscriptions:
    list: {path: /subs, items: $.s, paging: {kind: none}}
    map: {id: $.id, products: $.p, email: $.e, period_end: $.end}
    status: [{when: \"@.active\", as: subscribed}]
";
    let text = "version: 1\nlogto: {endpoint: sandbox}\nprune: owned\nproducts: {a: {entitlements: [role: r]}}\nsources:\n  \
                shop: {kind: several, url: \"https://api.example.com\", rate: 3, lists: {subscriptions: {map: {user_id: $.u}, \
                list: {query: {all: \"1\"}}}}}\n";
    let (config, _) = check_text(text, "f".as_ref(), &Fixed, &Presets::new([("several", SHOP)])).unwrap();
    let SourceKind::Http(source) = &config.sources[0].kind else { panic!("not over HTTP") };
    let [(name, more)] = &source.more[..] else { panic!("not two lists") };
    assert_eq!((name.as_str(), more.list.path.as_str(), more.list.query.len()), ("subscriptions", "/subs", 1));
    assert_eq!((more.map.user_id.len(), more.map.period_end.len(), source.map.user_id.len()), (1, 1, 0));
    assert_eq!((more.base_url.as_str(), more.rate, source.rate), ("https://api.example.com", Some(3.0), Some(3.0)));
}
