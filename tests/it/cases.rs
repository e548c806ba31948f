//! A folder in, a rendered plan out.
//!
//! Each `cases/NNN-name/` holds `case.yaml` (what it shows, and the time of each step), `seed.yaml` (the
//! simulated Logto), `entitlements.yaml` and `orders.yaml`; a step may bring its own `entitlements-2.yaml`
//! or `orders-2.yaml`, which then stays. Every step is planned, shown and carried out, as `run --once` does;
//! `plan.txt`, `plan.diff` and `plan.md` are what was shown. `UPDATE_CASES=1` rewrites them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use entitled::daemon::presets;
use entitled::pass::active::{Simulators, activate};
use entitled::pass::ingest::{ReadScope, ingest};
use entitled::pass::{PassScope, PlannedPass, execute_pass, plan_pass};
use entitled::report::Origin;
use entitled::sandbox::{Options, Running, SHOP_TOKEN, Seed};
use entitled::shutdown::Shutdown;
use entitled::store::Store;
use entitled::text::Color;
use entitled::{config, report, sandbox};
use jiff::Timestamp;
use serde::Deserialize;

use crate::support::golden::Golden;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it shows, for whoever reads the folder.
    about: String,
    /// When each step is planned.
    steps: Vec<Timestamp>,
}

#[tokio::test]
async fn every_case_is_planned_as_it_stands_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases");
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let numbered = |path: &PathBuf| path.is_dir() && name(path).starts_with(|c: char| c.is_ascii_digit());
    let mut cases: Vec<PathBuf> = entries.filter(numbered).collect();
    cases.sort();
    assert!(cases.len() >= 10, "the cases are missing");
    let mut golden = Golden::default();
    for case in cases {
        let shown = play(&case).await;
        for (file, text) in ["plan.txt", "plan.diff", "plan.md"].iter().zip(shown) {
            golden.compare(&format!("cases/{}/{file}", name(&case)), &text);
        }
    }
    golden.settle();
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Every step of a case: the plans as text, diff and Markdown.
async fn play(folder: &Path) -> [String; 3] {
    let text = std::fs::read_to_string(folder.join("case.yaml")).unwrap();
    let case: Case = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    assert!(!case.about.is_empty());
    let options = Options { seed: Some(Seed::load(&folder.join("seed.yaml")).unwrap()), ..Options::default() };
    let stage = Stage { home: tempfile::tempdir().unwrap(), running: sandbox::start(options).await.unwrap() };
    let mut shown = [const { String::new() }; 3];
    for (number, now) in (1..).zip(&case.steps) {
        for file in ["entitlements", "orders"] {
            let names = [format!("{file}-{number}.yaml"), format!("{file}.yaml")];
            let own = names.iter().map(|name| folder.join(name)).find(|path| path.exists());
            if let Some(own) = own.filter(|own| number == 1 || !own.ends_with(&names[1])) {
                std::fs::copy(own, stage.home.path().join(&names[1])).unwrap();
            }
        }
        let view = stage.step(*now, folder).await;
        let forms = [report::text(&view, Color::Plain), report::diff(&view), report::markdown(&view)];
        for (all, form) in shown.iter_mut().zip(forms) {
            if case.steps.len() > 1 {
                let gap = if number > 1 { "\n" } else { "" };
                let _ = writeln!(all, "{gap}# step {number}: {now}\n");
            }
            all.push_str(&form);
        }
    }
    shown
}

struct Stage {
    home: tempfile::TempDir,
    running: Running,
}

impl Stage {
    /// Plans, carries out, and sees that nothing is left to do.
    async fn step(&self, now: Timestamp, case: &Path) -> report::PlanDocument {
        let file = self.home.path().join("entitlements.yaml");
        let loaded = config::load(&file, &presets())
            .unwrap_or_else(|error| panic!("{}: {error}\n{}", case.display(), error.render(Color::Plain)));
        let origin =
            Origin { file: "entitlements.yaml".to_owned(), digest: loaded.config.digest.clone(), commit: None };
        let simulators = Simulators {
            logto: self.running.logto_url().to_owned(),
            shop: self.running.shop_url().to_owned(),
            shop_token: SHOP_TOKEN.to_owned(),
        };
        let store = Store::open(&loaded.config.store).await.unwrap();
        let active = activate(loaded.config, origin, Some(&simulators)).await.unwrap();
        for source in active.sources.iter() {
            let every = active.config.schedule.full_read;
            ingest(source, &store, ReadScope::Changes, every, now).await.unwrap();
        }
        let planned = async || -> PlannedPass {
            let unread = BTreeSet::new();
            plan_pass(active.context(&store, &unread, &|_, _, _| {}, now), &PassScope::Full).await.unwrap()
        };
        let first = planned().await;
        let report =
            execute_pass(&active, &store, &active.client.writer(), &first, &PassScope::Full, now, &Shutdown::never())
                .await
                .unwrap();
        assert_eq!(report.figures().failed, 0, "{}: {report:#?}", case.display());
        assert_eq!(report.figures().done, first.view.changes.len() as u64, "{}", case.display());
        // What a fresh ledger holds, the first pass lets go; all else is done in one.
        if !first.view.held.iter().any(|held| held.hold == "FreshLedger") {
            let left = planned().await.view;
            assert!(left.in_sync(), "{}: not done in one pass\n{}", case.display(), report::text(&left, Color::Plain));
        }
        store.close().await;
        first.view
    }
}
