//! `entitled init` and `entitled export`: a file in which every product gives what all of its buyers hold already, so that
//! its first plan adopts and changes nothing.
//!
//! Flow: takes the blocks `logto` and `sources` from the command line, or from what is in force; reads the source, asks
//! Logto what there is and who holds it, and puts `products` together. Works on a copy of the store, writes nothing to
//! Logto, and overwrites no file.
//!
//! Exit codes: 0 written or printed, 1 a file is there already, something is missing or could not be read.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use crate::cli::bootstrap::{Keep, Opened, open_with};
use crate::cli::file::{file_name, invalid};
use crate::cli::progress::Bars;
use crate::cli::standing::{Standing, standing};
use crate::cli::{Context, Exit, Failure, print, print_wrapped};
use crate::clock;
use crate::config::presets::{Heading, KINDS, text as preset};
use crate::config::{self, ConfigError, Report, without_key};
use crate::daemon::presets;
use crate::logto::Offered;
use crate::model::KnownNames;
use crate::pass::active::activate_knowing;
use crate::pass::ingest::ReadScope;
use crate::pass::sold::sold;
use crate::report::Origin;
use crate::report::first_file::{Sold, products, quoted};

/// `entitled init`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where Logto is, as `https://logto.example.com`; `sandbox` for the simulated one.
    #[arg(long, value_name = "URL")]
    logto: String,
    /// Where orders come from: a preset, or another kind that `entitled source list` names.
    #[arg(long, value_name = "KIND")]
    source: String,
    /// The address of the payment API, where the preset has none or another one.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// So many targets are matched: each is walked.
const MOST_TARGETS: usize = 500;

/// What the blocks that are not `products` say when nothing else is known.
const REST: &str = "
# What ends is taken away where the order itself says so, and only what this program gave or adopted.
prune: owned

";

/// Writes a first file.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    if context.file.try_exists()? {
        return Err(Failure::plain(
            format!("`{}` is there already", context.file.display()),
            "nothing is overwritten: name another file by `--file`, or see `entitled export`",
        ));
    }
    let head = head(&args)?;
    let made = matched(context, &head).await?;
    let text = format!("{head}{REST}{}", products(&made));
    write_new(&context.file, &text)?;
    let matching = made.iter().filter(|one| !one.held.is_empty()).count();
    print_wrapped(&format!(
        "{} is written: {} sold, {matching} of them with something that buyers hold.\nNext: read its comments, then \
         `entitled check` and `entitled plan`, which changes nothing.\n",
        context.file.display(),
        crate::text::human::count(made.len() as u64, "product"),
    ))?;
    Ok(Exit::Done)
}

/// Prints what is held today in the form of the file that is in force.
pub(crate) async fn export(context: &Context) -> Result<Exit, Failure> {
    let standing = standing(context).await?;
    let head = without_key(&standing.text, "products");
    let protected: BTreeSet<String> = standing.config.protected_roles.iter().map(|role| role.name.clone()).collect();
    let made = matched_without(context, &head, &protected).await?;
    print(&format!("{}\n\n{}", head.trim_end(), products(&made)))?;
    Ok(Exit::Done)
}

/// The blocks `logto` and `sources`.
fn head(args: &Args) -> Result<String, Failure> {
    let kind = KINDS.iter().find(|(name, _)| *name == args.source).map(|(_, text)| *text);
    let Some(text) = preset(&args.source).or(kind) else {
        return Err(Failure::plain(
            format!("there is no preset `{}`", args.source),
            "`entitled source list` names them all",
        ));
    };
    let mut head = String::from(
        "# Made by `entitled init` from what was sold and what buyers hold. `docs/configuration.md` has every key.\nversion: 1\n\n",
    );
    if args.logto == "sandbox" {
        head.push_str("logto: {endpoint: sandbox}\n");
    } else {
        let _ = writeln!(head, "logto:\n  endpoint: {}", quoted(&args.logto));
        head.push_str("  app_id: ${LOGTO_M2M_APP_ID}\n  app_secret: ${LOGTO_M2M_APP_SECRET}\n");
    }
    let _ = writeln!(head, "\nsources:\n  shop:\n    kind: {}", args.source);
    let is_url = |line: &str| args.url.is_some() && line.starts_with("url:");
    for line in Heading::of(text).add.iter().filter(|line| !is_url(line)) {
        let _ = writeln!(head, "    {line}");
    }
    if let Some(url) = &args.url {
        let _ = writeln!(head, "    url: {}", quoted(url));
    }
    Ok(head)
}

async fn matched(context: &Context, head: &str) -> Result<Vec<Sold>, Failure> {
    matched_without(context, &format!("{head}{REST}"), &BTreeSet::new()).await
}

/// Reads the source, then has every product that was sold stand beside everything that Logto has. `protected`: roles that
/// no product may give.
async fn matched_without(context: &Context, head: &str, protected: &BTreeSet<String>) -> Result<Vec<Sold>, Failure> {
    // A product that nobody sells, since a file without one is not valid.
    let nobodys =
        format!("{head}\nproducts:\n  \"nobody sells this\": {{entitlements: [role: \"nobody has this\"]}}\n");
    let opened = open_with(context, Keep::Scratch, checked(context, &nobodys)?).await?;
    opened.read(ReadScope::Changes, clock::now()).await?;
    let known: BTreeSet<String> = opened.store.products().await?.into_iter().map(|one| one.id.to_string()).collect();
    let offered = opened.active.reader.offered().await.map_err(|error| {
        let hint = error.hint();
        Failure::new(error, hint)
    })?;
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let given = everything(&offered, protected)?;
    let mut all = format!("{head}\nproducts:\n");
    for product in &known {
        let _ = writeln!(all, "  {}: {{entitlements: [{given}]}}", quoted(product));
    }
    look(context, &opened, &all).await
}

async fn look(context: &Context, opened: &Opened, text: &str) -> Result<Vec<Sold>, Failure> {
    let Standing { config, origin, .. } = checked(context, text)?;
    let active = activate_knowing(config, origin, opened.simulators.as_ref(), &KnownNames::new()).await?;
    let (unread, bars) = (BTreeSet::new(), Bars::default());
    let report = |target: &str, done, total| bars.report(target, done, total);
    Ok(sold(active.context(&opened.store, &unread, &report, clock::now())).await?)
}

/// Every target, as the entitlements of one product.
fn everything(offered: &Offered, protected: &BTreeSet<String>) -> Result<String, Failure> {
    let roles = offered.roles.iter().filter(|role| !protected.contains(*role));
    let mut given: Vec<String> = roles.map(|role| format!("{{role: {}}}", quoted(role))).collect();
    let within: Vec<&String> = offered.organization_roles.iter().filter(|role| !protected.contains(*role)).collect();
    let targets = given.len() + offered.organizations.len() * (1 + within.len());
    if targets <= MOST_TARGETS {
        let roles = within.iter().map(|role| quoted(role)).collect::<Vec<_>>().join(", ");
        let roles = if within.is_empty() { String::new() } else { format!(", roles: [{roles}]") };
        given.extend(offered.organizations.iter().map(|name| format!("{{organization: {}{roles}}}", quoted(name))));
    } else {
        crate::cli::tell(format_args!(
            "note: {} organizations are more than are matched here; only roles are",
            offered.organizations.len()
        ));
    }
    if given.is_empty() {
        return Err(Failure::plain(
            "Logto has no role for people and no organization that could be given",
            "create what your products are to give in the console of Logto, then run this again",
        ));
    }
    Ok(given.join(", "))
}

fn checked(context: &Context, text: &str) -> Result<Standing, Failure> {
    let config = config::check_kept(text, &context.file, &presets()).map_err(|diagnostics| {
        let (file, text) = (context.file.display().to_string(), text.to_owned());
        invalid(context, ConfigError::Invalid(Report { file, text, diagnostics }))
    })?;
    let config = match &context.store {
        Some(store) => config::Config { store: store.clone(), ..config },
        None => config,
    };
    let origin = Origin { file: file_name(&context.file), digest: config.digest.clone(), commit: None };
    Ok(Standing { config, origin, text: text.to_owned(), broken: None })
}

/// Makes the file, which nobody has made meanwhile.
#[expect(clippy::disallowed_methods, reason = "an edge: writes the first file")]
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}
