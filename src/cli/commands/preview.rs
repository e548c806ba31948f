//! `entitled preview`: what merging a version of the file would do, beyond what happens anyway.
//!
//! Flow: takes the two versions from files or from git; asks the daemon that `--daemon` names, or the one of the store at
//! hand, and where none answers plans both by what the store knows. Of the versions nothing is resolved, no address
//! called and no file read. Changes nothing anywhere.
//!
//! Exit codes: 0 shown, 1 a version is not valid, or nobody knows what is in force.

#![expect(clippy::disallowed_methods, reason = "an edge: runs git, and reads the tokens of whoever asks")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::json;

use crate::cli::file::{file_name, invalid};
use crate::cli::standing::{at_hand, place};
use crate::cli::{Context, Exit, Failure, print, print_wrapped};
use crate::config::{self, ConfigError, Report, check_proposal};
use crate::daemon::{peer, presets};
use crate::http;
use crate::logto::Client;
use crate::pass::PassContext;
use crate::pass::active::remembered_catalog;
use crate::pass::preview::{PreviewError, Version, preview};
use crate::report::preview::{People, PreviewDocument};
use crate::report::{self, Origin};
use crate::store::{Store, ValidFile};
use crate::{clock, files};

/// `entitled preview`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The version that it is compared with, by commit, branch or tag. By default what is in force.
    #[arg(long, value_name = "REF", value_parser = revision)]
    base: Option<String>,
    /// The version to be merged: a file, or a commit, branch or tag. By default the file as it lies here.
    #[arg(long, value_name = "REF|FILE", value_parser = revision)]
    head: Option<String>,
    /// The daemon to ask, shown `ENTITLED_PREVIEW_TOKEN`. By default the one of the store at hand, or that store.
    #[arg(long, value_name = "URL", env = "ENTITLED_DAEMON")]
    daemon: Option<String>,
    /// The output format.
    #[arg(long, short, value_name = "FORM", default_value = "text")]
    output: Output,
    /// Name people in Markdown and JSON, where the token opens that.
    #[arg(long)]
    reveal: bool,
}

/// The form of a preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For a terminal.
    Text,
    /// For a comment that is edited in place.
    Markdown,
    /// For programs.
    Json,
    /// The lines that cause a loss, as a workflow of GitHub marks them.
    Github,
}

/// For an answer: two plans of everybody.
const PATIENCE: Duration = Duration::from_secs(60);

fn revision(text: &str) -> Result<String, String> {
    match text {
        "" => Err("it names nothing".to_owned()),
        text if text.starts_with('-') => Err("no commit, branch or file begins like that".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// Finds the versions, has them compared, prints what came of it.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let base = args.base.as_deref().map(|base| committed(&context.file, base)).transpose()?;
    let head = match args.head.as_deref() {
        None => on_disk(&context.file)?,
        Some(head) if Path::new(head).is_file() => on_disk(Path::new(head))?,
        Some(head) => committed(&context.file, head)?,
    };
    let document = match &args.daemon {
        Some(url) => asked(url, token(), base, head).await?,
        None => match here(context).await {
            Some((url, token)) => asked(&url, token, base, head).await?,
            None => by_store(context, base, head).await?,
        },
    };
    let shown = if args.reveal { document.clone() } else { document.clone().numbered() };
    match args.output {
        Output::Text => print_wrapped(&report::preview(&document, context.color))?,
        Output::Markdown => print(&report::preview_markdown(&shown))?,
        Output::Json => print(&report::json(&shown))?,
        Output::Github => print(&report::preview_annotations(&shown, &context.file.display().to_string()))?,
    }
    Ok(Exit::Done)
}

fn on_disk(path: &Path) -> Result<Version, Failure> {
    let unreadable = |source| invalid_at(path, ConfigError::Unreadable { path: path.to_owned(), source });
    let text = files::read_text(path, files::Kind::Config).map_err(unreadable)?;
    Ok(Version { text: text.into(), commit: None })
}

fn invalid_at(path: &Path, error: ConfigError) -> Failure {
    let hint = error.hint();
    Failure::new(error, hint.or_else(|| Some(format!("look at `{}`", path.display()))))
}

/// The file as a commit has it.
fn committed(file: &Path, revision: &str) -> Result<Version, Failure> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let name = file_name(file);
    let text = git(&folder, &["cat-file", "blob", &format!("{revision}:./{name}")], revision)?;
    let commit =
        git(&folder, &["rev-parse", "--verify", "--end-of-options", &format!("{revision}^{{commit}}")], revision)?;
    Ok(Version { text: text.into(), commit: Some(commit.trim().to_owned()) })
}

fn git(folder: &Path, args: &[&str], revision: &str) -> Result<String, Failure> {
    let failed = |why: String| {
        Failure::plain(
            format!("git does not give the file of `{revision}`: {why}"),
            "name a commit, branch or tag that has the file; a shallow clone may have to fetch it first",
        )
    };
    let ran = Command::new("git").arg("-C").arg(folder).args(args).output();
    let ran = ran.map_err(|error| failed(error.to_string()))?;
    if !ran.status.success() {
        let said = String::from_utf8_lossy(&ran.stderr);
        return Err(failed(crate::text::clean(said.lines().next().unwrap_or("it failed")).into_owned()));
    }
    String::from_utf8(ran.stdout).map_err(|_| failed("it is not UTF-8".to_owned()))
}

/// What opens a preview: the token for it, or the one for everything.
fn token() -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|token| !token.trim().is_empty());
    variable("ENTITLED_PREVIEW_TOKEN").or_else(|| variable("ENTITLED_API_TOKEN"))
}

/// Where the daemon of the store at hand answers, and what it wants to be shown.
async fn here(context: &Context) -> Option<(String, Option<String>)> {
    let config = at_hand(context).await?.config;
    let (at, _) = peer::recognized(&config, &place(context)).await.ok()?;
    Some((format!("http://{at}"), config.api_token.map(|token| token.expose().to_owned())))
}

/// Asks a daemon.
async fn asked(
    url: &str,
    token: Option<String>,
    base: Option<Version>,
    head: Version,
) -> Result<PreviewDocument, Failure> {
    let body = |version: &Version| json!({ "text": &*version.text, "commit": version.commit });
    let asks = json!({ "base": base.as_ref().map(body), "head": body(&head) });
    let mut request = http::client(PATIENCE).post(format!("{}/api/v1/preview", url.trim_end_matches('/'))).json(&asks);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let hint = "check `--daemon`, and that it runs and can be reached from here";
    let answer = request.send().await.map_err(|error| Failure::new(error.without_url(), Some(hint.to_owned())))?;
    let status = answer.status();
    let bytes = http::body(answer, http::MAX_ANSWER).await;
    let bytes = bytes.map_err(|_| Failure::plain(format!("what answers at `{url}` broke off"), hint))?;
    if status.is_success() {
        return serde_json::from_slice(&bytes)
            .map_err(|_| Failure::plain(format!("what answers at `{url}` is not a daemon of this version"), hint));
    }
    let said: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let text = |key: &str| said[key].as_str().map(|text| crate::text::clean(text).into_owned());
    let message = text("message").unwrap_or_else(|| format!("what answers at `{url}` returned {status}"));
    Err(Failure::plain(message, text("hint").unwrap_or_else(|| hint.to_owned())))
}

/// Plans both by what the store at hand knows.
async fn by_store(context: &Context, base: Option<Version>, head: Version) -> Result<PreviewDocument, Failure> {
    let path = place(context);
    let Some(ValidFile { text, commit, .. }) = Store::valid_file(&path).await? else {
        return Err(Failure::plain(
            format!(
                "nobody knows what is in force: no daemon answers, and no store with a file is at `{}`",
                path.display()
            ),
            "name a daemon by `--daemon`, or a copy of its store (`entitled ledger backup`) by `--store`",
        ));
    };
    let note = context.notes.paint("1;33", "note");
    crate::cli::tell(format_args!("{note}: no daemon was asked; this is by the store at `{}`", path.display()));
    let public = config::public_variables(&text, &context.file);
    let in_force = check_proposal(&text, &context.file, &public, &presets());
    let in_force =
        in_force.map_err(|problems| invalid(context, refused(&context.file, text.clone(), problems)))?.config;
    let store = Store::for_reading(&path).await?;
    let names = store.known_names().await?;
    let origin = Origin { file: file_name(&context.file), digest: in_force.digest.clone(), commit };
    let catalog = remembered_catalog(&in_force, &names);
    let reader = Client::new("https://missing.invalid", &in_force.logto).reader();
    let unread = BTreeSet::new();
    let pass = PassContext {
        config: &in_force,
        origin: &origin,
        catalog: &catalog,
        names: &names,
        reader: &reader,
        sources: &[],
        unread: &unread,
        store: &store,
        progress: &|_, _, _| {},
        now: clock::now(),
    };
    let previewed = preview(pass, base, head, &presets(), People::Named).await;
    store.close().await;
    previewed.map_err(|error| match error {
        PreviewError::Invalid { text, problems, .. } => invalid(context, refused(&context.file, text, problems)),
        PreviewError::Pass(error) => error.into(),
        error @ PreviewError::TooLarge { .. } => Failure::new(error, None),
    })
}

fn refused(file: &Path, text: String, diagnostics: Vec<config::Diagnostic>) -> ConfigError {
    ConfigError::Invalid(Report { file: file.display().to_string(), text, diagnostics })
}
