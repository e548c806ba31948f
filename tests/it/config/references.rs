//! References are resolved where what they stand for is used and not shown; everywhere else they are refused.

use super::{check, refused};

const FILE: &str = "version: 1
logto: {endpoint: sandbox}
sources: {s: {kind: sandbox}}
buyers: {bindings: [{email: a@example.com, user: BUYER}]}
schedule: {full_pass: 10m}
prune: owned
protect: {roles: [ROLE], users: [PERSON], emails: [MAIL]}
store: STORE
products:
  prd_1:
    name: NAME
    ids: [SOLD]
    entitlements: [{role: GIVEN}, {organization: ORG, roles: [MEMBER]}]
";

/// Every value that is shown; whether a public variable may stand there.
const SHOWN: [(&str, bool); 9] = [
    ("BUYER", false),
    ("ROLE", false),
    ("PERSON", false),
    ("MAIL", false),
    ("NAME", true),
    ("SOLD", true),
    ("GIVEN", true),
    ("ORG", true),
    ("MEMBER", true),
];

/// References; whether each is to public variables alone.
const REFERENCES: [(&str, bool); 12] = [
    ("${ROOT_ROLE}", false),
    ("${file:/etc/passwd}", false),
    ("${ROOT_ROLE:-x}", false),
    ("x${NOT_SET}", false),
    ("${ENTITLED_PUBLIC_ROLE}", true),
    ("a ${ENTITLED_PUBLIC_ROLE} or ${ENTITLED_PUBLIC_NONE:-b}", true),
    // Each of several counts, and the name from its beginning.
    ("${ENTITLED_PUBLIC_ROLE}${ROOT_ROLE}", false),
    ("${ENTITLED_PUBLIC_ROLE} ${file:token.txt}", false),
    ("${ENTITLED_API_TOKEN}", false),
    ("${NOT_ENTITLED_PUBLIC_TOKEN}", false),
    ("${entitled_public_role}", false),
    ("${file:ENTITLED_PUBLIC_ROLE}", false),
];

fn with(place: &str, reference: &str) -> String {
    let quoted = format!("\"{reference}\"");
    FILE.replace(place, &quoted).replace("MAIL", "b@example.com")
}

#[test]
fn a_reference_is_refused_where_what_it_stands_for_is_shown() {
    for (place, public) in SHOWN {
        for (reference, is_public) in REFERENCES {
            let text = with(place, reference);
            if public && is_public {
                check(&text).unwrap();
                continue;
            }
            let shown = refused(&text);
            assert!(shown.contains("error: this reference is not resolved here\n"), "{place} {reference}\n{shown}");
            assert!(
                shown.contains("= help: ") && !shown.contains("`root`") && !shown.contains("cannot read"),
                "{shown}"
            );
        }
        assert!(check(&with(place, "$${NOT_SET}")).is_ok() || place == "MAIL", "{place}");
    }
}

#[test]
fn a_reference_is_resolved_where_it_is_used() {
    let (config, _) = check(&with("STORE", "${ROOT_ROLE}.db")).unwrap();
    assert_eq!(config.store.to_str(), Some("root.db"));
    let listen = with("STORE", "a.db") + "listen: \"localhost:${PORT:-8788}\"\nnotify: [{url: \"${NOTIFY_URL}\"}]\n";
    let (config, _) = check(&listen).unwrap();
    assert!(format!("{:?}", config.listen).contains("8788"), "{:?}", config.listen);
    assert!(config.notify[0].url.expose().contains("s3cr3t-of-a-hook"));
    let (config, _) = check(&with("GIVEN", "${ENTITLED_PUBLIC_ROLE}")).unwrap();
    assert!(format!("{:?}", config.products).contains("\"root\""), "{:?}", config.products);
}

#[test]
fn a_secret_that_is_too_short_to_be_searched_for_is_warned_of() {
    let text = |name: &str| {
        FILE.replace(
            "{kind: sandbox}",
            &format!(
                "{{kind: openbitum, url: 'https://a.example.com', auth: {{kind: bearer, token: \"${{{name}}}\"}}}}"
            ),
        )
        .replace("MAIL", "b@example.com")
    };
    let said = |name: &str| -> Vec<String> {
        let (_, warnings) = check(&text(name)).unwrap();
        warnings.into_iter().map(|warning| warning.message).filter(|message| message.contains("fewer than")).collect()
    };
    assert_eq!(said("ROOT_ROLE"), ["the secret `token` has fewer than 12 characters"]);
    assert_eq!(said("TOKEN"), Vec::<String>::new());
}

/// Too short to be searched for in what is shown, and so for the checks themselves to leave out.
#[test]
fn what_a_reference_stands_for_is_in_no_message() {
    let file = |source: &str, rest: &str| {
        format!(
            "version: 1\nlogto: {{endpoint: sandbox}}\nprune: owned\nproducts: {{p: {{entitlements: [{{role: a}}]}}}}\n{rest}\n\
             sources:\n  s:\n    kind: openbitum\n    auth: {{kind: bearer, token: \"${{TOKEN}}\"}}\n    {source}\n"
        )
    };
    let url = "url: 'https://a.example.com'";
    for key in ["poll", "full_read", "slack", "timeout", "rate", "max_pages", "max_page_bytes", "was"] {
        let value = if key == "was" { "\"${ROOT_ROLE} a\"" } else { "\"${ROOT_ROLE}\"" };
        is_silent(&file(&format!("{url}\n    {key}: {value}"), ""), key);
    }
    for (source, rest) in [
        ("url: \"${ROOT_ROLE}\"", ""),
        ("url: 'https://a.example.com'\n    expect: {max_shrink: \"${ROOT_ROLE}\"}", ""),
        ("url: 'https://a.example.com'\n    status: [{when: \"${ROOT_ROLE}\", as: paid}]", ""),
        ("url: 'https://a.example.com'\n    status: [{when: '@.a', as: \"${ROOT_ROLE}\"}]", ""),
        ("url: 'https://a.example.com'\n    map: {id: \"${ROOT_ROLE}\"}", ""),
        (url, "listen: \"${ROOT_ROLE}\""),
        (url, "notify: [{url: \"${NOTIFY_URL}\", format: \"${ROOT_ROLE}\"}]"),
        (url, "notify: [{url: \"${NOTIFY_URL}\", on: [\"${ROOT_ROLE}\"]}]"),
    ] {
        is_silent(&file(source, rest), source);
    }
}

#[track_caller]
fn is_silent(text: &str, of: &str) {
    let shown = refused(text);
    assert!(shown.contains("ROOT_ROLE") && !shown.contains("root"), "{of}\n{shown}");
}
