//! Two entries that read one and the same thing, however the file writes it.

use entitled::config::{Presets, load, render};
use entitled::text::Color;

/// What is said of a file with these two sources, and whether they have one address.
fn said(one: &str, other: &str) -> (String, Option<bool>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("x")).unwrap();
    std::fs::write(folder.path().join("o.yaml"), "[]").unwrap();
    std::os::unix::fs::symlink(folder.path().join("o.yaml"), folder.path().join("link.yaml")).unwrap();
    std::fs::hard_link(folder.path().join("o.yaml"), folder.path().join("hard.yaml")).unwrap();
    let text = format!(
        "version: 1\nlogto: {{endpoint: sandbox}}\nsources:\n  one: {one}\n  two: {other}\nprune: owned\n\
         products: {{a: {{entitlements: [role: r]}}}}\n"
    );
    let file = folder.path().join("entitlements.yaml");
    std::fs::write(&file, &text).unwrap();
    match load(&file, &Presets::default()) {
        Ok(loaded) => {
            let [one, two] = &loaded.config.sources[..] else { panic!("{text}") };
            let shown = render(&loaded.warnings, &loaded.text, "f", Color::Plain);
            (shown, Some(one.address() == two.address()))
        }
        Err(error) => (format!("{error:?}"), None),
    }
}

fn http(url: &str, list: &str) -> String {
    format!(
        "{{kind: http, url: \"{url}\", auth: {{kind: none}}, list: {{{list}, items: $, paging: {{kind: none}}}}, \
         map: {{id: $.id, products: $.product, email: $.email}}, status: [{{when: \"@.ok\", as: paid}}]}}"
    )
}

#[test]
fn a_file_is_the_same_however_its_path_is_written() {
    let file = |path: &str| format!("{{kind: file, path: \"{path}\"}}");
    for (one, other) in [
        ("o.yaml", "./o.yaml"),
        ("o.yaml", "x/../o.yaml"),
        ("o.yaml", "x/.././/o.yaml"),
        ("o.yaml", "link.yaml"),
        ("o.yaml", "hard.yaml"),
        ("link.yaml", "x/../hard.yaml"),
        ("gone.yaml", "./gone.yaml"),
        ("gone.yaml", "nowhere/../gone.yaml"),
        ("nowhere/./gone.yaml", "nowhere/gone.yaml"),
    ] {
        let (said, _) = said(&file(one), &file(other));
        assert!(said.contains("`two` and `one` read the same API"), "{one} {other}: {said}");
    }
    for (one, other) in [("o.yaml", "x/o.yaml"), ("o.yaml", "p.yaml"), ("x/o.yaml", "y/o.yaml")] {
        let (said, same) = said(&file(one), &file(other));
        assert_eq!((said.as_str(), same), ("", Some(false)), "{one} {other}");
    }
}

#[test]
fn a_list_is_the_same_however_address_and_path_share_it() {
    let whole = http("https://h.example.com", "path: /a/orders");
    for other in [
        http("https://h.example.com/a", "path: /orders"),
        http("https://h.example.com/a/", "path: /orders"),
        http("https://H.example.com:443/a", "path: /orders"),
        http("https://h.example.com/b/../a", "path: /orders"),
    ] {
        let (said, _) = said(&whole, &other);
        assert!(said.contains("`two` and `one` read the same API"), "{other}: {said}");
    }
    let asked = http("https://h.example.com", "path: /a/orders, query: {b: x, a: y}");
    let turned = http("https://h.example.com/a", "path: /orders, query: {a: y, b: x}");
    let (other, _) = said(&asked, &turned);
    assert!(other.contains("`two` and `one` read the same API"), "{other}");
    let (other, _) = said(&whole, &asked);
    assert!(other.contains("`two` and `one` have the same address"), "{other}");
    let (other, same) = said(&whole, &http("https://i.example.com/a", "path: /orders"));
    assert!(!other.contains("same") && same == Some(false), "{other}");
}

#[test]
fn a_host_is_the_same_by_each_of_its_names() {
    let here = ["localhost", "127.0.0.1", "[::1]", "LOCALHOST.", "0.0.0.0", "[::ffff:127.0.0.1]", "127.1"];
    let mut groups: Vec<Vec<String>> =
        vec![here.map(|host| format!("http://{host}:4000")).into(), here.map(|host| format!("http://{host}")).into()];
    groups.push(
        ["https://h.example.com", "https://h.example.com.", "https://h.example.com.:443"].map(str::to_owned).into(),
    );
    groups.push(["http://127.0.0.2:4000"].map(str::to_owned).into());
    groups.push(["http://h.example.com:4000", "http://H.example.com.:4000"].map(str::to_owned).into());
    for (place, group) in groups.iter().enumerate() {
        for url in group {
            let (other, _) = said(&http(&group[0], "path: /a/orders"), &http(&format!("{url}/a"), "path: /orders"));
            assert!(other.contains("`two` and `one` read the same API"), "{} {url}: {other}", group[0]);
            for elsewhere in &groups[place + 1..] {
                let (other, _) = said(&http(url, "path: /orders"), &http(&elsewhere[0], "path: /orders"));
                assert!(!other.contains("same"), "{url} {}: {other}", elsewhere[0]);
            }
        }
    }
}

/// One source with two lists, and another that reads one of them.
#[test]
fn a_list_of_several_that_another_source_reads_too_counts_twice() {
    let one = |path: &str| {
        format!(
            "{{list: {{path: {path}, items: $, paging: {{kind: none}}}}, map: {{id: $.id, products: $.product, email: $.email}}, \
             status: [{{when: \"@.ok\", as: paid}}]}}"
        )
    };
    let lists = format!("{{orders: {}, subscriptions: {}}}", one("/orders"), one("/subs"));
    let both = format!("{{kind: http, url: \"https://a.example.com\", auth: {{kind: none}}, lists: {lists}}}");
    let (told, same) = said(&both, &http("https://a.example.com", "path: /subs"));
    assert!(told.contains("read the same API") && same.is_none(), "{told}");
    let (_, same) = said(&both, &http("https://a.example.com", "path: /others"));
    assert_eq!(same, Some(false), "two lists of one API are two addresses");
}
