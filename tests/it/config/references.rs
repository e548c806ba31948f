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

fn with(place: &str, reference: &str) -> String {
    let quoted = format!("\"{reference}\"");
    FILE.replace(place, &quoted).replace("MAIL", "b@example.com")
}

#[test]
fn a_reference_is_refused_where_what_it_stands_for_is_shown() {
    for (place, public) in SHOWN {
        for reference in
            ["${ROOT_ROLE}", "${file:/etc/passwd}", "${ROOT_ROLE:-x}", "x${NOT_SET}", "${ENTITLED_PUBLIC_ROLE}"]
        {
            let text = with(place, reference);
            if public && reference.contains("PUBLIC") {
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
