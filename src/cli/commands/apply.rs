//! `entitled apply`: plans, shows, asks, carries out.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use crate::cli::bootstrap::{Keep, Opened, note_failure, open};
use crate::cli::{Context, Exit, Failure, print};
use crate::pass::{Lookout, PassScope, PlannedPass, execute_while, kept};
use crate::report::messages::describe;
use crate::report::{Change, PlanDocument};
use crate::shutdown::Shutdown;
use crate::store::lease::{self, Lease};
use crate::text::clean;
use crate::{clock, config, report};

/// `entitled apply`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A plan saved with `plan --output json`: carried out exactly, or refused if it is out of date.
    #[arg(value_name = "PLAN")]
    plan: Option<PathBuf>,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

/// Plans, shows, asks, carries out.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let saved = args.plan.as_deref().map(saved).transpose()?;
    let ended = go(context, saved, args.yes).await;
    if let Err(failure) = &ended {
        note_failure(context, failure).await;
    }
    ended
}

async fn go(context: &Context, saved: Option<PlanDocument>, yes: bool) -> Result<Exit, Failure> {
    let opened = open(context, Keep::Real).await?;
    opened.store.hold(take(&opened)?).await;
    let mut planned = opened.plan_pass(clock::now()).await?;
    let mut span = PassScope::Full;
    // Who saved a plan has seen it, and it is carried out as it was seen or not at all.
    let agreed = yes || saved.is_some();
    if let Some(saved) = saved {
        same(&saved, &planned.view)?;
        let users = deeds(&saved).map(|change| change.user.clone()).collect();
        // What came meanwhile is left to the next pass. Then this is one over some users, and settles no mapping.
        if planned.keep_users(&users) > 0 {
            span = PassScope::Quick(Vec::new());
        }
    }
    print(&report::text(&planned.view, context.color))?;
    if !planned.view.in_sync() && !agreed && !asked()? {
        return Ok(opened.ended(context, Exit::Pending));
    }
    let ended = carry_out_over(context, &opened, &planned, &span, &Shutdown::never()).await;
    opened.store.close().await;
    ended
}

/// The lease on the store, or a refusal that says who holds it.
pub(crate) fn take(opened: &Opened) -> Result<Lease, Failure> {
    lease::take(&opened.active.config.store)?.map_err(|holder| {
        Failure::plain(
            format!("another `entitled` writes to this store: {holder}"),
            "stop it first, or leave the work to it: it makes the same plan",
        )
    })
}

/// Does what the plan says, records it, prints the report.
pub(crate) async fn carry_out(
    context: &Context,
    opened: &Opened,
    planned: &PlannedPass,
    shutdown: &Shutdown,
) -> Result<Exit, Failure> {
    carry_out_over(context, opened, planned, &PassScope::Full, shutdown).await
}

/// The same for a plan that is recorded as one over `span`.
pub(crate) async fn carry_out_over(
    context: &Context,
    opened: &Opened,
    planned: &PlannedPass,
    span: &PassScope,
    shutdown: &Shutdown,
) -> Result<Exit, Failure> {
    let (text, commit) = (&opened.active.config.text, opened.active.origin.commit.as_deref());
    opened.store.keep_valid_file(text, commit, clock::now()).await?;
    opened.store.note_names(&opened.active.names).await?;
    if *span == PassScope::Full {
        kept::keep_held(&opened.store, planned, &BTreeSet::new()).await?;
    }
    let writer = opened.active.client.writer();
    let lookout = Lookout::new(shutdown).with_file(&context.file);
    let report = execute_while(&opened.active, &opened.store, &writer, planned, span, clock::now(), lookout).await?;
    if *span == PassScope::Full {
        kept::keep_troubles(&opened.store, &opened.troubles(planned, &report, clock::now())).await?;
    }
    print(&report::report(&report, context.color))?;
    let ended = if report.figures().failed > 0 || report.stopped > 0 {
        Exit::Failed
    } else if report.held > 0 {
        Exit::Held
    } else {
        Exit::Done
    };
    Ok(opened.ended(context, ended))
}

fn saved(path: &std::path::Path) -> Result<PlanDocument, Failure> {
    let unusable = |why: String| {
        Failure::plain(
            format!("`{}` is not a saved plan: {why}", path.display()),
            "save one with `entitled plan --output json > PLAN`",
        )
    };
    let text = config::read_text(path).map_err(|error| unusable(error.to_string()))?;
    let view: PlanDocument = serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
    if view.version != PlanDocument::VERSION {
        return Err(unusable(format!(
            "its version is {}, and this program writes {}",
            view.version,
            PlanDocument::VERSION
        )));
    }
    Ok(view)
}

fn deeds(view: &PlanDocument) -> impl Iterator<Item = &Change> {
    view.changes.iter().chain(&view.adoptions).chain(&view.releases)
}

/// A saved plan is carried out only where planning again does the same for the people in it, by the same orders. What is
/// to be done for others, where a line stands in the file, and how the file is worded otherwise are of no matter.
fn same(saved: &PlanDocument, now: &PlanDocument) -> Result<(), Failure> {
    let differences = differences(saved, now);
    let Some(first) = differences.first() else { return Ok(()) };
    let more = match differences.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more of it is no longer so"),
    };
    Err(Failure::plain(
        format!("the plan is out of date: {first}{more}"),
        "review it with `entitled plan`, and save it again if it is right",
    ))
}

/// What has changed of that which a saved plan rests on, a sentence each.
fn differences(saved: &PlanDocument, now: &PlanDocument) -> Vec<String> {
    type Cell<'a> = (&'a str, &'a str);
    fn cell(change: &Change) -> Cell<'_> {
        (change.user.as_str(), &change.target_key)
    }
    let (seen, planned): (BTreeMap<Cell<'_>, &Change>, BTreeMap<Cell<'_>, &Change>) =
        (deeds(saved).map(|one| (cell(one), one)).collect(), deeds(now).map(|one| (cell(one), one)).collect());
    let told = |change: &Change| format!("`{}`", clean(&describe(change, change.user.as_str())));
    let order =
        |change: &Change| change.order.as_deref().map_or("no order".into(), |order| format!("`{}`", clean(order)));
    let rests = |change: &Change| (change.order.clone(), change.source.clone(), change.product.clone());
    let mut all = Vec::new();
    for (at, change) in &seen {
        let held = now.held.iter().find(|held| cell(&held.change) == *at);
        match (planned.get(at), held) {
            (None, Some(held)) => all.push(format!("{} is held now: {}", told(change), clean(&held.reason))),
            (None, None) => all.push(format!("{} is not to be done any more", told(change))),
            (Some(other), _) if other.action != change.action => {
                all.push(format!("{} has become {}", told(change), told(other)));
            }
            (Some(other), _) if rests(other) != rests(change) => {
                all.push(format!("{} rests on {} now, and rested on {}", told(change), order(other), order(change)));
            }
            (Some(_), _) => {}
        }
    }
    let users: BTreeSet<&str> = seen.keys().map(|(user, _)| *user).collect();
    let joined = planned.iter().filter(|(at, _)| users.contains(at.0) && !seen.contains_key(*at));
    all.extend(joined.map(|(_, change)| format!("{} is to be done besides", told(change))));
    all
}

/// Whether the person at the terminal agrees.
pub(crate) fn asked() -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::plain(
            "cannot ask for confirmation: stdin is not a terminal",
            "use `--yes` to carry the plan out without asking",
        ));
    }
    crate::logging::note!("Carry this out? [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
