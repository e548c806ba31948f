//! `entitled source test`: what a source really says, for whoever writes a mapping.
//!
//! Flow: reads one page of the source, the first page of each overlay, and one order by its id; prints what the
//! mapping made of them. With `--record` it then reads the whole list, and keeps every answer in a folder. Neither
//! Logto nor the store is opened.
//!
//! Exit codes: 0 printed, 1 the source could not be read, or nothing that it holds is an order.

use std::path::PathBuf;

use human::count;
use serde_json::Value;

use super::{Context, Exit, Failure, Output, print};
use crate::cli::bootstrap::{simulate, state_beside};
use crate::cli::file::load;
use crate::config::settings::Config;
use crate::config::settings::source::{SourceKind, SourceSettings};
use crate::model::{Order, Standing};
use crate::pass::active::set_up;
use crate::report::{json, table};
use crate::source::probe::{Again, Follows, Sorted, Trial};
use crate::source::recording::RecordingError;
use crate::source::{Read, Source, Step};
use crate::text::{clean, human};

/// Pages that are tried: only the second shows whether pages are asked for as the API wants it.
const TRIED: u32 = 2;

/// What can be recorded.
const RECORDABLE: &str = "presets and `kind: http` can be recorded; a file of orders is one already";

/// Orders that the text shows in one line each.
const SHOWN: usize = 10;
/// Lines about what is odd: for whoever mends them, and no flood where the mapping is wrong. JSON has all.
const ODD_SHOWN: usize = 100;

/// `entitled source test`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The source, by its name in the file.
    #[arg(value_name = "NAME")]
    name: String,
    /// The output format.
    #[arg(long, short, value_name = "FORM", default_value = "text")]
    output: Output,
    /// Read the whole list too, and keep every answer in this folder, with names, addresses and secrets replaced.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// How much of the list is recorded.
    #[arg(long, value_name = "N", default_value_t = 100, requires = "record")]
    pages: u32,
}

/// Reads, and prints.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let (config, ..) = load(context)?;
    let settings = named(&config, &args.name)?;
    let (running, simulators) = match settings.kind {
        SourceKind::Sandbox(_) => {
            // What a run before this one has left, if any has.
            let state = Some(state_beside(&config.store)).filter(|state| state.exists());
            simulate(&config, state).await?
        }
        _ => (None, None),
    };
    let mut source = set_up(settings, simulators.as_ref())?;
    if let Some(folder) = &args.record {
        let free = !folder.exists() || folder.read_dir()?.next().is_none();
        if !free {
            return Err(RecordingError::NotEmpty { path: folder.clone() }.into());
        }
        if !source.record() {
            return Err(Failure::plain(format!("`{}` is not a source over HTTP", args.name), RECORDABLE));
        }
    }
    crate::cli::tell(format_args!("reading the first pages of `{}` ...", args.name));
    let pages = if args.record.is_some() { args.pages } else { TRIED };
    let trial = source.trial(pages).await.map_err(|error| {
        let hint = error.hint();
        Failure::new(error, hint)
    })?;
    print(&match args.output {
        Output::Json => json(&trial),
        Output::Text => text(&trial),
    })?;
    if let Some(folder) = &args.record {
        let whole = read_on(&source, args.pages).await;
        let answers = source.keep_recording(folder)?;
        crate::cli::tell(format_args!("{} kept in {}", count(answers as u64, "answer"), folder.display()));
        crate::cli::tell(format_args!("to read them: `recorded: {}` in place of `url` and `auth`", folder.display()));
        if let Some(why) = whole {
            crate::cli::tell(format_args!(
                "{}: the recording is not of the whole list: {why}",
                context.notes.paint("1;33", "warning")
            ));
        }
    }
    if let Some(running) = running {
        running.stop().await?;
    }
    // An empty list says nothing of the mapping, and may be the answer to a question that was mistyped.
    Ok(if trial.has_orders() { Exit::Done } else { Exit::Failed })
}

/// Reads the list from its beginning, for the tape. Says why that was not all of it.
async fn read_on(source: &Source, pages: u32) -> Option<String> {
    let mut reading = source.read(Read::Full { last_count: None });
    let mut read = 0;
    while read < pages {
        match reading.next().await {
            Ok(Step::Done(_)) => return None,
            Ok(Step::Page(page)) => {
                read += 1;
                crate::cli::tell(format_args!("page {read}: {}", count(page.len() as u64, "order")));
            }
            Ok(Step::Adjustments(_)) => {}
            Err(error) => return Some(clean(&error.to_string()).into_owned()),
        }
    }
    Some(format!("it has more than {}", count(u64::from(pages), "page")))
}

fn named<'c>(config: &'c Config, name: &str) -> Result<&'c SourceSettings, Failure> {
    config.sources.iter().find(|source| source.name.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = config.sources.iter().map(|source| source.name.as_str()).collect();
        Failure::plain(format!("the file has no source `{name}`"), format!("it has {}", names.join(", ")))
    })
}

fn text(trial: &Trial) -> String {
    let mut out = head(trial);
    let mut part = |title: &str, rows: Vec<Vec<String>>| {
        if !rows.is_empty() {
            out.push_str(&format!("\n{title}\n{}", table(&rows)));
        }
    };
    part("standing", standings(trial));
    part("to be put under `status`, each with the `as` that it means", suggested(trial));
    part("mapping: in how many orders each path found something", fields(trial));
    for looked in &trial.first {
        let row = |(name, path, values): &(&str, String, String)| {
            vec![format!("  {name}"), clean(values).into_owned(), format!("at {path}")]
        };
        part(&format!("order {}", clean(looked.id.as_str())), looked.found.iter().map(row).collect());
    }
    part("orders", orders(trial));
    part("odd orders", odd(trial));
    part("items that are not orders", unreadable(trial));
    part("overlays, their first pages", overlays(trial));
    part("items of overlays that cannot be read", unreadable_marks(trial));
    out.push('\n');
    for line in [again(&trial.again), sorted(trial.sorted).to_owned()] {
        out.push_str(&line);
    }
    out.push_str(&verdict(trial));
    for (name, list) in &trial.lists {
        out.push_str(&format!("\n== the list {}\n{}", clean(name), text(list)));
    }
    out
}

fn head(trial: &Trial) -> String {
    let call = trial.call.as_deref().unwrap_or("read");
    let total = trial.total.map(|total| format!(", {total} in all according to the API")).unwrap_or_default();
    let test = match trial.test_orders {
        0 => String::new(),
        orders => format!(", {} of test mode", count(orders as u64, "order")),
    };
    let follows = match &trial.follows {
        Follows::End => "no page follows".to_owned(),
        Follows::Page => "another page follows".to_owned(),
        Follows::Refused(why) => format!("what follows is refused: {why}"),
    };
    let pages = match trial.pages {
        1 => String::new(),
        pages => format!(" on {pages} pages"),
    };
    let absent: String = trial.absent.iter().map(|absent| format!("{}\n", clean(&absent.to_string()))).collect();
    let orders = count(trial.orders.len() as u64, "order");
    format!("{}\n{absent}", clean(&format!("{call}: {orders}{pages}{total}{test}; {follows}")))
}

fn standings(trial: &Trial) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = trial
        .standings()
        .into_iter()
        .map(|(standing, orders)| vec![format!("  {standing}"), orders.to_string()])
        .collect();
    for (word, orders) in trial.unmapped() {
        let word = match word.as_str() {
            "" => "the API says nothing where `status` looks".to_owned(),
            word => format!("the API says `{}`, which no line of `status` knows", clean(word)),
        };
        rows.push(vec!["    of those".to_owned(), orders.to_string(), word]);
    }
    rows
}

/// A line of `status` for each word that none knows yet. `pending` gives nothing and takes nothing: it is the one to be
/// pasted unread.
fn suggested(trial: &Trial) -> Vec<Vec<String>> {
    let unmapped = trial.unmapped();
    let told: Vec<_> = trial.suggested.iter().filter(|(word, _)| unmapped.contains_key(*word)).collect();
    let others = "paid, subscribed, partially_refunded, refunded, disputed, expired, void";
    first(told.into_iter().enumerate().map(|(at, (_, when))| {
        let or = if at == 0 { format!("  # or {others}") } else { String::new() };
        vec![clean(&format!("  - {{when: {}, as: pending}}{or}", Value::from(when.as_str()))).into_owned()]
    }))
}

/// What there is to say in one line.
fn verdict(trial: &Trial) -> String {
    let orders = trial.orders.len();
    if trial.rows == 0 {
        return "no row to look at: an empty list says nothing of the mapping\n".to_owned();
    }
    let rows = count(trial.rows as u64, "row");
    if orders == 0 {
        return format!("none of {rows} is an order: check `list.items` and `map.id`\n");
    }
    let of = |lacks: fn(&Order) -> bool| trial.orders.iter().filter(|order| lacks(order)).count();
    let lacking: Vec<String> = [
        (of(|order| Trial::standing(order) == Standing::Unknown), "unknown"),
        (of(|order| order.items.is_empty()), "without a product"),
        (of(|order| order.buyer.user.is_none() && order.buyer.email.is_none()), "without a buyer"),
    ]
    .into_iter()
    .filter(|(orders, _)| *orders > 0)
    .map(|(orders, what)| format!("{orders} {what}"))
    .collect();
    let lacking = match lacking.is_empty() {
        true => "each has a standing, a product and a buyer".to_owned(),
        false => format!("of those {}", lacking.join(", ")),
    };
    format!("{orders} of {rows} {}; {lacking}\n", if orders == 1 { "is an order" } else { "are orders" })
}

fn fields(trial: &Trial) -> Vec<Vec<String>> {
    let row = |field: &crate::source::probe::Field| {
        let paths: Vec<String> = field.paths.iter().map(|(path, found)| format!("{path} {found}")).collect();
        let never = if field.found == 0 && !trial.orders.is_empty() { "never present: " } else { "" };
        vec![format!("  {}", field.name), field.found.to_string(), format!("{never}{}", paths.join(", "))]
    };
    trial.fields.iter().map(row).collect()
}

fn orders(trial: &Trial) -> Vec<Vec<String>> {
    let row = |order: &crate::model::Order| {
        let items: Vec<String> = order.items.iter().map(|item| item.product.to_string()).collect();
        let items = if items.is_empty() { "no product".to_owned() } else { items.join(", ") };
        let paid = order.paid_at.map(|at| format!("paid {at}")).unwrap_or_default();
        let until = order.period_end.map(|at| format!("until {at}")).unwrap_or_default();
        let cells = [
            format!("  {}", order.id),
            Trial::standing(order).to_string(),
            items,
            order.buyer.to_string(),
            paid,
            until,
        ];
        cells.into_iter().map(|cell| clean(&cell).into_owned()).collect()
    };
    let mut rows: Vec<Vec<String>> = trial.orders.iter().take(SHOWN).map(row).collect();
    if trial.orders.len() > SHOWN {
        rows.push(vec![format!("  and {} more", trial.orders.len() - SHOWN)]);
    }
    rows
}

/// What is odd about which order, a line each. Those that stand `unknown` for it come first.
fn odd(trial: &Trial) -> Vec<Vec<String>> {
    let mut all: Vec<_> = trial.odd.iter().flat_map(|(id, odd)| odd.iter().map(move |odd| (id, odd))).collect();
    all.sort_by_key(|(_, odd)| !odd.makes_unknown());
    let row = |(id, odd): &(&crate::model::OrderId, &crate::model::Odd)| {
        vec![format!("  {}", clean(id.as_str())), clean(&odd.to_string()).into_owned()]
    };
    first(all.iter().map(row))
}

/// As many of these as are shown, and how many are not.
fn first(mut all: impl ExactSizeIterator<Item = Vec<String>>) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = all.by_ref().take(ODD_SHOWN).collect();
    if all.len() > 0 {
        rows.push(vec![format!("  and {} more, all listed by `--output json`", all.len())]);
    }
    rows
}

fn unreadable(trial: &Trial) -> Vec<Vec<String>> {
    let row = |item: &crate::source::probe::Unreadable| {
        let why = clean(&item.why);
        match item.place {
            Some(place) => vec![format!("  item {place}"), why.into_owned()],
            None => vec![format!("  {why}")],
        }
    };
    first(trial.unreadable.iter().map(row))
}

fn overlays(trial: &Trial) -> Vec<Vec<String>> {
    let row = |overlay: &crate::source::probe::OverlayTrial| {
        let says: Vec<String> = overlay
            .says
            .iter()
            .map(|(standing, items)| format!("{} {items}", standing.map_or("nothing", |standing| standing.word())))
            .collect();
        let says = if says.is_empty() { "no items about orders".to_owned() } else { says.join(", ") };
        vec![format!("  {}", overlay.path), says, format!("{} about orders of this page", overlay.about_the_page)]
    };
    trial.overlays.iter().map(row).collect()
}

fn unreadable_marks(trial: &Trial) -> Vec<Vec<String>> {
    let of = |overlay: &crate::source::probe::OverlayTrial| {
        let named = overlay.unreadable.iter().map(|why| vec![format!("  {}", clean(why))]);
        let further = overlay.odd.saturating_sub(overlay.unreadable.len() as u64);
        let more = (further > 0).then(|| vec![format!("  and {further} more of {}", overlay.path)]);
        named.chain(more).collect::<Vec<_>>()
    };
    trial.overlays.iter().flat_map(of).collect()
}

fn again(again: &Again) -> String {
    let line = match again {
        Again::NoOrder => return String::new(),
        Again::Unsupported => "this source cannot read one order by its id".to_owned(),
        Again::Same(id) => format!("by its id, {id} is as in the list"),
        Again::Differs(id, parts) => format!("by its id, {id} differs from the list in {}", parts.join(", ")),
        Again::Missing(id) => format!("by its id, the API does not know {id}: check `get.path`"),
        Again::Failed(id, why) => format!("by its id, {id} cannot be read: {why}"),
    };
    clean(&line).into_owned() + "\n"
}

fn sorted(sorted: Sorted) -> &'static str {
    match sorted {
        Sorted::NotNeeded => "",
        Sorted::AsNeeded => "the page comes newest change first, as `incremental: {kind: walk_back}` needs\n",
        Sorted::NotAsNeeded => {
            "the page does not come newest change first, which `incremental: {kind: walk_back}` needs: every poll \
             would read all of it\n"
        }
    }
}
