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
