//! Any JSON as the orders of a page, by the mapping of every preset: a row is an order or is counted, is read alike
//! whatever its neighbours are, and what is odd about it makes no evidence.

use std::path::Path;
use std::sync::LazyLock;

use entitled::config::presets::{Heading, PRESETS};
use entitled::config::settings::source::SourceKind;
use entitled::config::{Presets, check_text, render};
use entitled::model::{Odd, ReadOrder, Standing};
use entitled::source::http::mapping::Mapper;
use entitled::text::Color;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Anything;

/// When everything is read: 2026-05-06T07:08:09Z.
const NOW: i64 = 1_778_051_289;
/// 2000-01-01T00:00:00Z.
const FIRST: i64 = 946_684_800;

/// The target `mapping`: a list of rows, or one.
pub(crate) fn fuzz(bytes: &[u8]) {
    let rows = match serde_json::from_slice(bytes) {
        Ok(Value::Array(rows)) => rows,
        Ok(row) => vec![row],
        Err(_) => return,
    };
    let now = Timestamp::from_second(NOW).unwrap_or_default();
    for (name, mapper) in PRESET_MAPPERS.iter() {
        read(name, mapper, &rows, now);
    }
}

/// Reads rows, and looks at every one.
pub(crate) fn read(name: &str, mapper: &Mapper, rows: &[Value], now: Timestamp) -> Vec<ReadOrder> {
    let (orders, nameless) = mapper.page("GET /orders", rows.to_vec(), now);
    assert_eq!(orders.len() as u64 + nameless.rows, rows.len() as u64, "{name}: a row is an order, or counted");
    let alone: Vec<ReadOrder> = rows.iter().filter_map(|row| mapper.order(row.clone(), now).ok()).collect();
    assert_eq!(orders, alone, "{name}: a row is read alike whatever stands beside it");
    for read in &orders {
        if read.odd.iter().any(Odd::makes_unknown) {
            assert_eq!(read.order.standing, Standing::Unknown, "{name}: {read:?}");
        }
        for at in [read.order.paid_at, read.order.updated_at].into_iter().flatten() {
            let plausible = at.as_second() >= FIRST && at <= now + SignedDuration::from_hours(24);
            assert!(plausible, "{name}: {at} of {read:?}");
        }
        for odd in &read.odd {
            let shown = odd.value.chars().count() <= 170 && !odd.value.contains(char::is_control);
            assert!(shown, "{name}: {odd:?}");
        }
        assert!(!read.order.id.as_str().is_empty(), "{name}: {read:?}");
    }
    orders
}

static PRESET_MAPPERS: LazyLock<Vec<(&'static str, Mapper)>> =
    LazyLock::new(|| PRESETS.map(|(name, text)| (name, mapper(name, text))).into());

/// The mapping of a preset, in a file that says what its comment asks for.
fn mapper(name: &str, text: &str) -> Mapper {
    let added: String = Heading::of(text).add.iter().map(|line| format!("    {line}\n")).collect();
    let file = format!(
        "version: 1\nlogto: {{endpoint: sandbox}}\nprune: owned\nproducts: {{p: {{entitlements: [{{role: r}}]}}}}\n\
         sources:\n  shop:\n    kind: {name}\n{added}"
    );
    let checked = check_text(&file, Path::new("test.yaml"), &Anything, &Presets::new(PRESETS));
    let (config, _) =
        checked.unwrap_or_else(|problems| panic!("{}", render(&problems, &file, "test.yaml", Color::Plain)));
    match config.sources.into_iter().next().map(|source| source.kind) {
        Some(SourceKind::Http(http)) => Mapper::new(&http.map, &http.status),
        other => panic!("{name} is no HTTP source: {other:?}"),
    }
}
