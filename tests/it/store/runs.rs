//! The passes, and the lease.

use entitled::store::{LeaseOutcome, Outcome, Run, RunEnd, RunKind, RunRow};
use jiff::SignedDuration;

use super::{Home, at};

fn run(id: &str, kind: RunKind, started: i64) -> Run {
    Run { id: id.into(), kind, config: "digest".to_owned(), commit: Some("4f2a91c".to_owned()), started: at(started) }
}

fn end(outcome: Outcome, finished: i64) -> RunEnd {
    RunEnd { finished: at(finished), outcome, done: 1, held: 2, failed: 3, calls: 4 }
}

#[tokio::test]
async fn only_a_full_pass_that_succeeded_counts_as_one() {
    let home = Home::new();
    let store = home.store().await;
    let passes = [
        (run("r1", RunKind::Full, 10), Some(end(Outcome::Succeeded, 11))),
        (run("r2", RunKind::Full, 20), Some(end(Outcome::Failed, 21))),
        (run("r3", RunKind::Quick, 30), Some(end(Outcome::Succeeded, 31))),
        (run("r4", RunKind::Full, 40), None),
    ];
    assert_eq!(store.last_full_pass().await.unwrap(), None);
    for (run, end) in &passes {
        store.begin_run(run).await.unwrap();
        if let Some(end) = end {
            store.finish_run(&run.id, end).await.unwrap();
        }
    }
    assert_eq!(store.last_full_pass().await.unwrap(), Some(at(11)));
    let mut expected = passes.map(|(run, end)| RunRow { run, end });
    expected.reverse();
    assert_eq!(store.runs(10).await.unwrap(), expected);
    assert_eq!(store.runs(1).await.unwrap(), expected[..1]);
}

#[tokio::test]
async fn one_holds_the_lease_until_it_ends_or_is_given_back() {
    let home = Home::new();
    // Two processes, as far as the file can tell.
    let (one, other) = (home.store().await, home.store().await);
    let ttl = SignedDuration::from_secs(30);
    let held_by = |holder: &str, second| LeaseOutcome::HeldBy { holder: holder.to_owned(), until: at(second) };
    assert_eq!(one.acquire_lease("a", ttl, at(100)).await.unwrap(), LeaseOutcome::Held);
    assert_eq!(other.acquire_lease("b", ttl, at(110)).await.unwrap(), held_by("a", 130));
    assert_eq!(one.renew_lease("a", ttl, at(120)).await.unwrap(), LeaseOutcome::Held);
    assert_eq!(other.acquire_lease("b", ttl, at(149)).await.unwrap(), held_by("a", 150));
    assert_eq!(other.acquire_lease("b", ttl, at(150)).await.unwrap(), LeaseOutcome::Held);
    assert_eq!(one.renew_lease("a", ttl, at(151)).await.unwrap(), held_by("b", 180), "it must stop writing");
    one.release_lease("a").await.unwrap();
    assert_eq!(one.acquire_lease("a", ttl, at(152)).await.unwrap(), held_by("b", 180), "not its own to give back");
    other.release_lease("b").await.unwrap();
    assert_eq!(one.acquire_lease("a", ttl, at(153)).await.unwrap(), LeaseOutcome::Held);
}
