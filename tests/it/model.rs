//! Words and keys that reach a store or a file read back as what they were.

use std::collections::BTreeSet;

use entitled::model::{Email, Standing, Target, TargetIx};

use crate::support::builders::worlds::{catalog, membership, organization_role, role};

#[test]
fn every_standing_has_a_word_of_its_own() {
    let words: BTreeSet<&str> = Standing::ALL.into_iter().map(Standing::word).collect();
    assert_eq!(words.len(), Standing::ALL.len());
    for standing in Standing::ALL {
        assert_eq!(Standing::from_word(standing.word()), Some(standing));
        assert_eq!(standing.to_string(), standing.word());
    }
    assert_eq!(Standing::from_word("Paid"), None);
}

#[test]
fn a_target_reads_back_from_its_key() {
    let targets = [membership("o1"), organization_role("o1", "r1"), role("r1")];
    for target in &targets {
        assert_eq!(Target::from_key(&target.key()).as_ref(), Some(target));
    }
    for key in ["", "role", "role/a/b", "user/a", "organization/o1/r1", "organization/o1/role/r1/x"] {
        assert_eq!(Target::from_key(key), None, "{key}");
    }
}

#[test]
fn a_catalog_finds_each_of_its_targets_and_no_other() {
    let targets = [membership("o1"), membership("o2"), organization_role("o1", "r1"), role("r1")];
    let catalog = catalog(&targets, vec![]);
    for (at, target) in (0..).zip(&targets) {
        assert_eq!(catalog.find(target), Some(TargetIx(at)));
    }
    assert_eq!(catalog.find(&role("r2")), None);
}

#[test]
fn an_email_is_compared_without_regard_to_case_or_blanks_around_it() {
    assert_eq!(Email::parse("  Ada@Example.COM\n").expect("an address").as_str(), "ada@example.com");
    for text in ["", "ada", "@example.com", "ada@", "ada b@example.com"] {
        assert_eq!(Email::parse(text), None, "{text}");
    }
}

/// By its id, by what it is called, by what it was called: each alone is enough, and none is that of another kind.
#[test]
fn a_role_is_meant_by_its_id_by_its_name_and_by_the_name_that_it_had() {
    use entitled::model::{KnownNames, ORGANIZATION_ROLE, Protect, ROLE, Target, TargetEntry};

    let global = Target::Role { role: "r1".into() };
    let within = Target::OrganizationRole { organization: "o1".into(), role: "r1".into() };
    let membership = Target::Membership { organization: "r1".into() };
    let entry = |target: &Target, role: Option<&str>| TargetEntry {
        target: target.clone(),
        name: "role r1".to_owned(),
        role: role.map(str::to_owned),
        protected: false,
    };
    let known = |kind: &str| KnownNames::from([((kind.to_owned(), "admin".to_owned()), "r1".to_owned())]);
    let keeps = |name: &str, entry: &TargetEntry, known: &KnownNames| {
        let protect = Protect { roles: vec!["other".to_owned(), name.to_owned()], ..Protect::default() };
        protect.keeps(entry, known)
    };
    for (target, own, other) in [(&global, ROLE, ORGANIZATION_ROLE), (&within, ORGANIZATION_ROLE, ROLE)] {
        let nobody = KnownNames::new();
        assert!(keeps("r1", &entry(target, None), &nobody), "its id");
        assert!(keeps("admin", &entry(target, Some("admin")), &nobody), "its name");
        assert!(keeps("admin", &entry(target, Some("root")), &known(own)), "the name that it had");
        assert!(!keeps("admin", &entry(target, Some("root")), &known(other)), "the name of another kind");
        assert!(!keeps("admin", &entry(target, None), &nobody));
        assert!(!keeps("role r1", &entry(target, None), &nobody), "how it is shown is no name");
    }
    assert!(!keeps("r1", &entry(&membership, Some("r1")), &known(ROLE)));
}
