//! `entitled source`: what payment APIs there are, how one is described, and what one really says.

mod list;
mod show;
mod test;

use clap::Subcommand;

use crate::cli::{Context, Exit, Failure, Output, print};

/// `entitled source`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the presets, and the sources of the file.
    List,
    /// Print the block of a preset, to paste under `sources:` and to change.
    Show(show::Args),
    /// Read one page of a source and print what the mapping makes of it.
    Test(test::Args),
}

/// Runs what was asked for.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    match args.what {
        What::List => list::run(context),
        What::Show(args) => show::run(&args),
        What::Test(args) => test::run(context, args).await,
    }
}
