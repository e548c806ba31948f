//! `entitled apply`: plans, shows, asks, carries out.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use crate::cli::bootstrap::{Keep, Opened, note_failure, open};
use crate::cli::{Context, Exit, Failure, print};
use crate::pass::{Lookout, PassScope, PlannedPass, execute_while, kept};
use crate::report::PlanDocument;
use crate::shutdown::Shutdown;
use crate::store::lease::{self, Lease};
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
    let planned = opened.plan_pass(clock::now()).await?;
    // Who saved a plan has seen it, and it is carried out as it was seen or not at all.
    let agreed = yes || saved.is_some();
    if let Some(saved) = saved {
        same(&saved, &planned.view)?;
    }
    print(&report::text(&planned.view, context.color))?;
    if !planned.view.in_sync() && !agreed && !asked()? {
        return Ok(opened.ended(context, Exit::Pending));
    }
    let ended = carry_out(context, &opened, &planned, &Shutdown::never()).await;
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

/// A saved plan is carried out only where planning again says exactly the same.
fn same(saved: &PlanDocument, now: &PlanDocument) -> Result<(), Failure> {
    let deeds = |view: &PlanDocument| [&view.changes, &view.adoptions, &view.releases].map(Clone::clone);
    if deeds(saved) == deeds(now) {
        return Ok(());
    }
    Err(Failure::plain(
        "the plan is out of date: planning again gives a different result",
        "review it with `entitled plan`, and save it again if it is right",
    ))
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
