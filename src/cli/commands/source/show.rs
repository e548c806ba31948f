//! `entitled source show`: a preset, or another kind of source, as a block to paste under `sources:`.

use super::{Exit, Failure, print};
use crate::config::presets::{self, Heading, KINDS, PRESETS};

/// What stands above the keys that a preset has.
const OF_PRESET: &str = "What the preset says. A key without its mark replaces what it says here.";
/// What stands above the keys that another kind may have.
const OF_KIND: &str = "What may be said besides. A key without its mark counts.";

/// `entitled source show`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// One that `entitled source list` names.
    #[arg(value_name = "PRESET")]
    preset: String,
}

/// Prints the block: what must be filled in as it stands, and all that can be overridden as comments.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let kind = KINDS.iter().find(|(name, _)| *name == args.preset).map(|(_, text)| (*text, OF_KIND));
    let Some((text, besides)) = presets::text(&args.preset).map(|text| (text, OF_PRESET)).or(kind) else {
        let names: Vec<&str> = PRESETS.iter().chain(&KINDS).map(|(name, _)| *name).collect();
        return Err(Failure::plain(
            format!("there is no preset `{}`", args.preset),
            format!("there are {}; any other API is described by the keys of `kind: http`", names.join(", ")),
        ));
    };
    print(&block(&args.preset, text, besides))?;
    Ok(Exit::Done)
}

/// The block, set in by two as it stands under `sources:`.
fn block(name: &str, text: &str, besides: &str) -> String {
    let heading = Heading::of(text);
    let comment = |line: &str| if line.is_empty() { "#".to_owned() } else { format!("# {line}") };
    let mut lines = vec![comment(heading.title)];
    lines.extend(heading.prose.iter().map(|line| comment(line)));
    lines.push(format!("kind: {name}"));
    lines.extend(heading.add.iter().map(|line| (*line).to_owned()));
    lines.push("#".to_owned());
    lines.push(comment(besides));
    lines.extend(heading.body.iter().map(|line| comment(line)));
    let mut out = format!("  {name}:\n");
    for line in lines {
        out.push_str("    ");
        out.push_str(&line);
        out.push('\n');
    }
    out
}
