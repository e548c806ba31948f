//! What a person says: approvals and freezes.

use entitled::store::{Approval, ApprovedAction, AuditRow, Freeze, FreezeScope, Verb};

use super::{Home, at};

fn approval(digest: &str, created: i64) -> Approval {
    Approval {
        digest: digest.to_owned(),
        who: "ada".to_owned(),
        created: at(created),
        expires: at(created + 100),
        note: Some("a typo in the shop".to_owned()),
        undoes: None,
    }
}

fn freeze(scope: FreezeScope, since: i64, until: i64) -> Freeze {
    Freeze { scope, since: at(since), until: at(until), reason: "moving".to_owned(), who: "ada".to_owned() }
}

/// Who did what about what, newest first.
fn told(trail: &[AuditRow]) -> Vec<(Verb, &str, &str)> {
    let actor = |line: &'_ AuditRow| line.run.is_some() ^ line.who.is_some();
    assert!(trail.iter().all(actor), "{trail:?}");
    trail
        .iter()
        .map(|line| {
            let by = line.who.as_deref().or(line.run.as_ref().map(|run| run.as_str()));
            (line.verb, line.subject.as_deref().unwrap(), by.unwrap())
        })
        .collect()
}

fn one(digest: &str, user: &str) -> ApprovedAction {
    let [digest, user] = [digest, user].map(str::to_owned);
    ApprovedAction {
        digest,
        lifts: "OverLimit".to_owned(),
        verb: "revoke".to_owned(),
        target: "role/r".to_owned(),
        user,
    }
}

#[tokio::test]
async fn an_approval_lets_each_action_through_once_and_not_after_it_expired() {
    let home = Home::new();
    let store = home.store().await;
    let (first, second, third) = (one("d1", "ann"), one("d2", "bob"), one("d2", "cid"));
    let both = [second.clone(), third.clone()];
    store.approve_actions(&approval("d1", 100), std::slice::from_ref(&first)).await.unwrap();
    store.approve_actions(&approval("d2", 150), &both).await.unwrap();
    let open = async |now| store.open_actions(at(now), None).await.unwrap();
    assert_eq!(open(199).await, [first.clone(), second.clone(), third.clone()]);
    assert_eq!(open(200).await, both, "one has expired");

    let (none, one_of): (&[ApprovedAction], _) = (&[], std::slice::from_ref(&second));
    store.spend_actions(&"r0".into(), &both, at(200)).await.unwrap();
    assert_eq!(open(201).await, none, "each once, from before it is carried out");
    store.settle_actions(&"r1".into(), none, &both, at(200)).await.unwrap();
    assert_eq!(open(201).await, none, "what another run has spent is not this one's to give back");
    store.settle_actions(&"r0".into(), none, &both, at(200)).await.unwrap();
    assert_eq!(open(201).await, both, "what was not carried out is given back");

    store.spend_actions(&"r1".into(), one_of, at(200)).await.unwrap();
    store.settle_actions(&"r1".into(), one_of, none, at(200)).await.unwrap();
    store.settle_actions(&"r1".into(), one_of, none, at(201)).await.unwrap();
    assert_eq!(open(201).await, std::slice::from_ref(&third), "each once");
    let trail = store.audit_trail(10).await.unwrap();
    let expected = [(Verb::ApprovalUsed, "d2", "r1"), (Verb::Approved, "d2", "ada"), (Verb::Approved, "d1", "ada")];
    assert_eq!(told(&trail), expected);
    assert_eq!((trail[1].at, trail[1].note.as_deref()), (at(150), Some("a typo in the shop")));
    assert_eq!(store.audit_of_run(&"r1".into()).await.unwrap(), trail[..1]);

    store.approve_actions(&approval("d2", 210), &both).await.unwrap();
    assert_eq!(open(300).await, both, "a person may say it anew");
}

#[tokio::test]
async fn what_is_approved_of_taking_a_run_back_is_that_undo_s_and_no_other_pass_s() {
    let home = Home::new();
    let store = home.store().await;
    let of_undo = Approval { undoes: Some("r1".into()), ..approval("d1", 100) };
    store.approve_actions(&of_undo, &[one("d1", "ann")]).await.unwrap();
    assert_eq!(store.open_actions(at(150), None).await.unwrap(), []);
    assert_eq!(store.open_actions(at(150), Some(&"r2".into())).await.unwrap(), []);
    assert_eq!(store.open_actions(at(150), Some(&"r1".into())).await.unwrap(), [one("d1", "ann")]);
}

#[tokio::test]
async fn the_strongest_freeze_in_force_counts_and_each_ends_by_itself() {
    let home = Home::new();
    let store = home.store().await;
    assert_eq!(store.frozen(at(100)).await.unwrap(), None);
    let (long, short) = (freeze(FreezeScope::Revocations, 100, 200), freeze(FreezeScope::Revocations, 100, 120));
    let all = freeze(FreezeScope::All, 110, 130);
    for freeze in [&long, &short, &all] {
        store.freeze(freeze).await.unwrap();
    }
    // Said is said: a clock that was ahead when it was said, or was put back since, hides it from nobody.
    assert_eq!(store.frozen(at(99)).await.unwrap(), Some(all.clone()));
    assert_eq!(store.frozen(at(110)).await.unwrap(), Some(all.clone()));
    assert_eq!(store.frozen(at(129)).await.unwrap(), Some(all));
    assert_eq!(store.frozen(at(130)).await.unwrap(), Some(long));
    assert_eq!(store.frozen(at(200)).await.unwrap(), None);
    let kept = home.store().await.frozen(at(150)).await.unwrap();
    assert!(kept.is_some(), "it outlives the process");

    assert_eq!(store.unfreeze("bob", at(150)).await.unwrap(), 1, "the others had ended");
    assert_eq!(store.frozen(at(150)).await.unwrap(), None);
    assert_eq!(store.unfreeze("bob", at(151)).await.unwrap(), 0);
    let trail = store.audit_trail(10).await.unwrap();
    let expected = [
        (Verb::Unfrozen, "revocations", "bob"),
        (Verb::Frozen, "all", "ada"),
        (Verb::Frozen, "revocations", "ada"),
        (Verb::Frozen, "revocations", "ada"),
    ];
    assert_eq!(told(&trail), expected);
    assert!(trail.iter().all(|line| line.note.as_deref() == Some("moving") && line.grant.is_none()));
}
