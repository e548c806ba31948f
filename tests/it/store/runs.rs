//! The passes.

use entitled::store::{Outcome, Run, RunEnd, RunKind, RunRow};

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
