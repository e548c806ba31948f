//! Between SQLite's values and ours.
//!
//! Lists go into SQL as one JSON parameter, so that every statement is a constant: nothing is ever pasted
//! into SQL, and a statement is prepared once whatever the length of the list. Where many rows come back, they
//! come as one JSON text too: a row costs an allocation for each value and a word between two threads, which
//! for a million of them is most of the time.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::error::unreadable;
use crate::model::{Grant, Standing, Target, Term};

/// What a statement gives.
pub(super) type Sql<T> = Result<T, sqlx::Error>;

/// A list as the parameter of `json_each(?)`.
pub(super) fn list<T: Serialize>(values: &[T]) -> String {
    serde_json::to_string(values).expect("texts, numbers and lists of them are always JSON")
}

/// The rows of a `json_group_array(json_array(...))`, in no order.
pub(super) fn bundle<T: DeserializeOwned>(text: &str) -> Sql<Vec<T>> {
    of_json(text)
}

/// Grants as JSON of user and target key.
pub(super) fn keys(grants: &[Grant]) -> String {
    list(&grants.iter().map(|grant| (grant.user.as_str(), grant.target.key())).collect::<Vec<_>>())
}

/// The grant in the first two columns.
pub(super) fn grant(row: &SqliteRow) -> Sql<Grant> {
    let key = text(row, 1)?;
    let target = Target::from_key(key).ok_or_else(|| unreadable("target", key))?;
    Ok(Grant { user: text(row, 0)?.into(), target })
}

/// What stands in a column as JSON.
pub(super) fn of_json<T: DeserializeOwned>(text: &str) -> Sql<T> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// An integer column.
pub(super) fn int(row: &SqliteRow, column: usize) -> Sql<i64> {
    row.try_get(column)
}

/// A text column.
pub(super) fn text(row: &SqliteRow, column: usize) -> Sql<&str> {
    row.try_get(column)
}

/// A text column that may be NULL.
pub(super) fn text_or_null(row: &SqliteRow, column: usize) -> Sql<Option<&str>> {
    row.try_get(column)
}

/// A key, a count or a line: anything that is a `u32` on this side.
pub(super) fn small(row: &SqliteRow, column: usize) -> Sql<u32> {
    let value = int(row, column)?;
    u32::try_from(value).map_err(|_| unreadable("number", value))
}

/// A key that may be NULL.
pub(super) fn small_or_null(row: &SqliteRow, column: usize) -> Sql<Option<u32>> {
    let value: Option<i64> = row.try_get(column)?;
    value.map(|value| u32::try_from(value).map_err(|_| unreadable("number", value))).transpose()
}

/// A count.
pub(super) fn count(value: i64) -> u64 {
    u64::try_from(value).expect("a count is never negative")
}

/// A time column.
pub(super) fn time(row: &SqliteRow, column: usize) -> Sql<Timestamp> {
    Ok(timestamp(int(row, column)?))
}

/// A time column that may be NULL.
pub(super) fn time_or_null(row: &SqliteRow, column: usize) -> Sql<Option<Timestamp>> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(timestamp))
}

/// A standing column.
pub(super) fn standing(row: &SqliteRow, column: usize) -> Sql<Standing> {
    standing_of(int(row, column)?)
}

/// A standing column that may be NULL.
pub(super) fn standing_or_null(row: &SqliteRow, column: usize) -> Sql<Option<Standing>> {
    row.try_get::<Option<i64>, _>(column)?.map(standing_of).transpose()
}

/// The standing with this number.
pub(super) fn standing_of(number: i64) -> Sql<Standing> {
    usize::try_from(number)
        .ok()
        .and_then(|at| Standing::ALL.get(at).copied())
        .ok_or_else(|| unreadable("standing", number))
}

/// Until when a line is paid: nothing where that is when its order is, and the last number for what was bought once.
pub(super) fn until(term: Term) -> Option<i64> {
    match term {
        Term::OfOrder => None,
        Term::Once => Some(i64::MAX),
        Term::Until(end) => Some(millis(end)),
    }
}

/// The same, read.
pub(super) fn term(row: &SqliteRow, column: usize) -> Sql<Term> {
    Ok(match row.try_get::<Option<i64>, _>(column)? {
        None => Term::OfOrder,
        Some(i64::MAX) => Term::Once,
        Some(end) => Term::Until(timestamp(end)),
    })
}

/// A time as the store keeps it. The last fraction of a second of the calendar is no whole number of milliseconds that
/// can be read back.
pub(super) fn millis(time: Timestamp) -> i64 {
    time.as_millisecond().clamp(Timestamp::MIN.as_second() * 1_000, Timestamp::MAX.as_second() * 1_000)
}

/// Whatever number stands in a column is a time: what lies beyond the calendar is its end. One odd row must not make
/// a store unreadable.
fn timestamp(millis: i64) -> Timestamp {
    let end = if millis < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(millis).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_that_is_written_can_be_read() {
        for time in ["-009999-01-02T01:59:59Z", "1969-12-31T23:59:59.999Z", "2026-11-26T01:02:03.004Z"] {
            let time: Timestamp = time.parse().unwrap();
            assert_eq!(timestamp(millis(time)), time);
        }
        for edge in [Timestamp::MIN, Timestamp::MAX] {
            let read = timestamp(millis(edge));
            assert_eq!(read.as_second(), edge.as_second());
            assert_eq!(millis(read), millis(edge), "and is written as it was read");
        }
        // As an earlier version wrote it, and what nobody can have written.
        for (number, read) in
            [(253_402_207_200_999, Timestamp::MAX), (i64::MAX, Timestamp::MAX), (i64::MIN, Timestamp::MIN)]
        {
            assert_eq!(timestamp(number), read);
        }
    }
}
