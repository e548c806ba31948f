//! A status of every kind, for pages to be drawn from.

use std::sync::Arc;

use entitled::model::{State, UserId};
use entitled::report::status::{
    About, ConfigInForce, Duty, Figures, Frozen, Mode, Pass, Planned, RunEnded, RunStatus, SourceStatus, Status,
    Trouble, Unheeded,
};
use entitled::report::{Change, HeldChange, Origin, PlanDocument, Summary, TargetView, Waiting};
use jiff::{SignedDuration, Timestamp};

/// When all of it was said.
pub(crate) fn now() -> Timestamp {
    "2026-03-14T09:26:53Z".parse().unwrap()
}

fn before(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

pub(crate) fn origin() -> Origin {
    Origin { file: "entitlements.yaml".to_owned(), digest: "9f2c1d7a".repeat(8), commit: Some("3f2a9c1d5e".repeat(4)) }
}

pub(crate) fn change(action: &str, user: &str, email: Option<&str>, target: &str) -> Change {
    Change {
        cause: if action == "revoke" { "ended" } else { "sale" }.to_owned(),
        action: action.to_owned(),
        user: UserId::from(user),
        email: email.map(str::to_owned),
        target: target.to_owned(),
        target_key: format!("role/{}", target.trim_start_matches("role ")),
        because: "ord_01H9A1 paid for Pro plan (line 47), until 2027-02-03".to_owned(),
        order: Some("ord_01H9A1".to_owned()),
        source: Some("shop".to_owned()),
        product: Some("prd_01H9PRO".to_owned()),
        line: Some(47),
    }
}

pub(crate) fn held(number: usize) -> HeldChange {
    let user = format!("user{number:08}");
    let email = format!("buyer-{number}@example.com");
    let mut change = change("revoke", &user, Some(&email), "role paid-tier");
    change.because = format!("ord_{number:06} was refunded on 2026-03-13: Pro plan (line 47)");
    HeldChange {
        change,
        hold: "OverLimit".to_owned(),
        reason: "12 revocations of role paid-tier in a day are more than 5 (10% of 41 owned)".to_owned(),
        lift: "check that this is intended; then `entitled approve 4be2d11c90a7` lets exactly this set through"
            .to_owned(),
        lifts: None,
        set: Some("4be2d11c90a7".to_owned()),
    }
}

fn target(name: &str, key: &str, desired: u64, actual: u64, foreign: u64, coverage: &str) -> TargetView {
    let (name, key, coverage) = (name.to_owned(), key.to_owned(), coverage.to_owned());
    TargetView { name, key, desired, actual, foreign, foreign_paid: 0, kept: 1, coverage }
}

pub(crate) fn view(changes: Vec<Change>, held: Vec<HeldChange>) -> PlanDocument {
    let count = |action: &str| changes.iter().filter(|change| change.action == action).count() as u64;
    PlanDocument {
        dropped: Vec::new(),
        unread: Vec::new(),
        settling: None,
        version: PlanDocument::VERSION,
        config: origin(),
        freeze: None,
        summary: Summary {
            grants: count("grant"),
            revocations: count("revoke"),
            held: held.len() as u64,
            waiting: 1,
            ..Summary::default()
        },
        changes,
        held,
        releases: Vec::new(),
        adoptions: vec![change("adopt", "emil9g2y5r3w", Some("emil@example.com"), "role beta")],
        waiting: vec![Waiting {
            buyer: "lena@example.com".to_owned(),
            reason: "NoAccount".to_owned(),
            lift: "granted as soon as lena@example.com has an account, or a user in `buyers.bindings`".to_owned(),
            orders: 2,
            order: "ord_01H9L1".to_owned(),
        }],
        targets: Vec::new(),
        users: Vec::new(),
    }
}

fn run(number: u64, kind: Pass, end: Option<RunEnded>) -> RunStatus {
    RunStatus {
        id: format!("run{number:05}"),
        kind,
        config: origin().version().to_owned(),
        started: before(i64::try_from(number).unwrap() * 600),
        end,
    }
}

/// Everything works and nothing is to be done.
pub(crate) fn in_sync() -> Status {
    let end = RunEnded { elapsed_ms: 412, succeeded: true, done: 3, held: 0, failed: 0, calls: 9 };
    let plan = view(vec![change("grant", "anna4k7w2m9x", Some("anna@example.com"), "role paid-tier")], Vec::new());
    Status {
        state: State::InSync,
        since: before(754),
        at: now(),
        started: before(86_400),
        duty: Duty::Leader,
        mode: Mode::Live,
        config: Some(ConfigInForce { origin: origin(), since: before(7_300), products: 3, full_pass_seconds: 600 }),
        sources: vec![SourceStatus {
            name: "shop".into(),
            last_poll: Some(before(12)),
            last_success: Some(before(12)),
            last_error: None,
            next_poll: Some(now() + SignedDuration::from_secs(18)),
            orders: 1_284,
            last_hint: Some(before(340)),
            odd: 0,
            odd_orders: Vec::new(),
        }],
        targets: vec![
            target("organization acme", "organization/org1", 12, 13, 1, "whole"),
            target("organization acme role member", "organization/org1/role/member", 12, 12, 0, "whole"),
            target("role beta", "role/beta", 64, 65, 1, "whole"),
            target("role paid-tier", "role/paid-tier", 1_031, 1_031, 0, "whole"),
        ],
        figures: Figures { waiting: 1, foreign: 2, ..Figures::default() },
        runs: vec![
            run(1, Pass::Quick, Some(end.clone())),
            run(2, Pass::Full, Some(RunEnded { succeeded: false, failed: 2, ..end.clone() })),
            run(3, Pass::Full, None),
        ],
        last_full_pass: Some(before(214)),
        next_full_pass: Some(now() + SignedDuration::from_secs(386)),
        next_change: Some(now() + SignedDuration::from_secs(4_000)),
        plan: Some(Arc::new(Planned { view: plan, at: before(214) })),
        ..Status::starting(Mode::Live, before(86_400))
    }
}

/// Nothing has been checked yet.
pub(crate) fn starting() -> Status {
    Status::starting(Mode::Live, before(3))
}

/// A dry run with something to do.
pub(crate) fn pending() -> Status {
    let mut status = in_sync();
    status.mode = Mode::DryRun;
    status.figures.pending = 1;
    status.state = status.judged();
    status
}

/// So many changes wait for a person.
pub(crate) fn waits_for_approval(number: usize) -> Status {
    let mut status = in_sync();
    let all: Vec<HeldChange> = (1..=number).map(held).collect();
    status.plan = Some(Arc::new(Planned { view: view(Vec::new(), all.clone()), at: before(214) }));
    status.held = Arc::new(all);
    status.figures.held = number as u64;
    status.state = status.judged();
    status
}

/// The file is broken, and the shop does not answer.
pub(crate) fn degraded() -> Status {
    let mut status = in_sync();
    status.troubles = vec![
        Trouble {
            about: About::File,
            message: "the file is not valid; the configuration in force stays".to_owned(),
            because: vec!["2 problems in `entitlements.yaml`".to_owned()],
            hint: None,
            detail: Some(
                "error: unknown key `entitlement`\n  --> entitlements.yaml:47:5\n   |\n47 |     entitlement:\n   |     \
                 ^^^^^^^^^^^ did you mean `entitlements`?\n"
                    .to_owned(),
            ),
            since: before(95),
        },
        Trouble {
            about: About::Source("shop".into()),
            message: "source `shop` cannot be read".to_owned(),
            because: vec!["https://api.example.com/orders answered 503".to_owned()],
            hint: Some("nothing to do if it answers again: the next poll reads it anew".to_owned()),
            detail: None,
            since: before(31),
        },
    ];
    status.sources[0].last_error = Some("https://api.example.com/orders answered 503".to_owned());
    status.targets[0].coverage = "partial: 11 of 12".to_owned();
    status.state = status.judged();
    status
}

/// Somebody has stopped revocations.
pub(crate) fn frozen() -> Status {
    let mut status = waits_for_approval(2);
    status.unheeded = vec![Unheeded::new("store", Some("fresh.db"), "it works on `entitled.db`")];
    status.freeze = Some(Frozen {
        scope: "revocations".to_owned(),
        reason: "the shop moves to another server".to_owned(),
        who: "alice".to_owned(),
        since: before(600),
        until: now() + SignedDuration::from_secs(6_600),
    });
    status.state = status.judged();
    status
}

/// Another daemon writes.
pub(crate) fn standby() -> Status {
    let mut status = starting();
    status.duty = Duty::Standby { holder: "process 4711 on host-a".to_owned() };
    status
}

/// Every kind, by name.
pub(crate) fn all() -> Vec<(&'static str, Status)> {
    vec![
        ("starting", starting()),
        ("in_sync", in_sync()),
        ("pending", pending()),
        ("held", waits_for_approval(12)),
        ("degraded", degraded()),
        ("frozen", frozen()),
        ("standby", standby()),
    ]
}
