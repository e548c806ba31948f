//! `entitled plan`: observes and shows.

use clap::ValueEnum;

use crate::cli::bootstrap::{Keep, Opened, open, open_with};
use crate::cli::standing::{Standing, standing};
use crate::cli::{Context, Exit, Failure, print};
use crate::report::PlanDocument;
use crate::text::Color;
use crate::{clock, report};

/// `entitled plan`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The output format; `json` is also what `apply` reads.
    #[arg(long, short, value_name = "FORM", default_value = "text")]
    output: Output,
    /// Exit with 2 if anything is to be done in Logto or given up, with 3 if only holds are left. What is there and
    /// paid for already and only becomes ours is no drift.
    #[arg(long)]
    exit_code: bool,
}

/// The form of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For a terminal.
    Text,
    /// A unified diff of actual against desired.
    Diff,
    /// For programs.
    Json,
    /// For a comment on a pull request.
    Markdown,
}

impl Output {
    /// The plan in this form.
    pub(crate) fn of(self, view: &PlanDocument, color: Color) -> String {
        match self {
            Output::Text => report::text(view, color),
            Output::Diff => report::diff(view),
            Output::Json => report::json(view),
            Output::Markdown => report::markdown(view),
        }
    }
}

/// Shows the plan. Neither Logto nor the store is changed.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let (opened, view) = observe(open(context, Keep::Scratch).await?).await?;
    print(&args.output.of(&view, context.color))?;
    Ok(opened.ended(
        context,
        match args.exit_code {
            true if view.has_drifted() => Exit::Pending,
            true if view.summary.held > 0 => Exit::Held,
            true | false => Exit::Done,
        },
    ))
}

/// What `run --dry-run --once` does: the plan of a pass of the daemon, without an opinion on it.
pub(crate) async fn show(context: &Context, output: Output) -> Result<Exit, Failure> {
    let mut standing = standing(context).await?;
    let broken = standing.broken.take();
    let (opened, view) = observe(open_with(context, Keep::Scratch, standing).await?).await?;
    print(&output.of(&view, context.color))?;
    Ok(Standing::ended(broken.as_ref(), opened.ended(context, Exit::Done)))
}

async fn observe(opened: Opened) -> Result<(Opened, PlanDocument), Failure> {
    let view = opened.plan_pass(clock::now()).await?.view;
    Ok((opened, view))
}
