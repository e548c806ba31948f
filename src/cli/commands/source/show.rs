//! `entitled source show`: a preset as a block to paste under `sources:`.

use super::{Exit, Failure, print};
use crate::config::presets::{self, Heading, PRESETS};

/// `entitled source show`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// One that `entitled source list` names.
    #[arg(value_name = "PRESET")]
    preset: String,
}

/// Prints the block: what must be filled in as it stands, and all that can be overridden as comments.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let Some(text) = presets::text(&args.preset) else {
        let names = PRESETS.map(|(name, _)| name).join(", ");
        return Err(Failure::plain(
            format!("there is no preset `{}`", args.preset),
            format!("there are {names}; any other API is described by the keys of `kind: http`"),
        ));
    };
    print(&block(&args.preset, text))?;
    Ok(Exit::Done)
}

/// The block, set in by two as it stands under `sources:`.
fn block(name: &str, text: &str) -> String {
    let heading = Heading::of(text);
    let comment = |line: &str| if line.is_empty() { "#".to_owned() } else { format!("# {line}") };
    let mut lines = vec![comment(heading.title)];
    lines.extend(heading.prose.iter().map(|line| comment(line)));
    lines.push(format!("kind: {name}"));
    lines.extend(heading.add.iter().map(|line| (*line).to_owned()));
    lines.push("#".to_owned());
    lines.push("# What the preset says. A key without its mark replaces what it says here.".to_owned());
    lines.extend(heading.body.iter().map(|line| comment(line)));
    let mut out = format!("  {name}:\n");
    for line in lines {
        out.push_str("    ");
        out.push_str(&line);
        out.push('\n');
    }
    out
}
