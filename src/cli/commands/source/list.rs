//! `entitled source list`: the presets and the other kinds of source, one line each, and the sources of the file. Asks
//! nobody.

use super::{Context, Exit, Failure, print};
use crate::cli::file::{file_name, load};
use crate::config::presets::{Heading, KINDS, PRESETS};
use crate::config::settings::source::{SourceKind, SourceSettings};
use crate::report::table;

/// Prints the presets first: whoever has no file yet needs them most.
pub(super) fn run(context: &Context) -> Result<Exit, Failure> {
    let row = |(name, text): (&str, &str)| vec![format!("  {name}"), Heading::of(text).title.to_owned()];
    print(&format!("presets\n{}\nother kinds\n{}", table(&PRESETS.map(row)), table(&KINDS.map(row))))?;
    let file = file_name(&context.file);
    if !context.file.exists() {
        crate::cli::tell(format_args!("there is no `{file}` here, so these are all"));
        return Ok(Exit::Done);
    }
    let (config, ..) = load(context)?;
    let sources: Vec<Vec<String>> = config.sources.iter().map(source).collect();
    print(&format!("\nsources of {file}\n{}", table(&sources)))?;
    Ok(Exit::Done)
}

fn source(source: &SourceSettings) -> Vec<String> {
    let from = match &source.kind {
        SourceKind::Sandbox(_) => "the simulated shop".to_owned(),
        SourceKind::File(path) => path.display().to_string(),
        SourceKind::Http(http) if http.recorded.is_some() => {
            http.recorded.as_ref().map(|folder| format!("recorded in {}", folder.display())).unwrap_or_default()
        }
        SourceKind::Http(http) => {
            let more = http.more.iter().map(|(_, list)| format!(", {}", list.list.path)).collect::<String>();
            format!("{}{}{more}", http.base_url, http.list.path)
        }
        SourceKind::Stripe(stripe) => stripe.base_url.clone(),
    };
    vec![format!("  {}", source.name), from, format!("every {:#}", source.poll), format!("line {}", source.line)]
}
