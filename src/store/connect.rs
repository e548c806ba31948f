//! One connection to a file: what all of them have in common, and one that leaves the file as it is.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};

use super::codec::Sql;
use super::error::{CANNOT_OPEN, FULL, IO, primary_code};
use super::wal;

/// How long a writer waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What every connection has in common. Sets nothing that would change the file.
pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging()
}

/// Opens the original so that it stays as it is.
///
/// The last connection that can write folds a write-ahead log into the file when it closes, so where there
/// is a log, this one cannot write. Where there is none, it can: one that cannot would leave the log and
/// the index that it needs behind it. Where the log is that of another file, it is not
/// looked into. Where nobody can make them, or there is no room, nobody else writes either.
pub(super) async fn unchanged(path: &Path) -> Sql<SqliteConnection> {
    opened(path).await.map(|(_, connection)| connection)
}

/// The same, and by which options.
pub(super) async fn opened(path: &Path) -> Sql<(SqliteConnectOptions, SqliteConnection)> {
    let options = options(path);
    if wal::is_anothers(path) {
        let options = options.immutable(true);
        let connection = options.connect().await?;
        return Ok((options, connection));
    }
    if wal::size(path) > 0 {
        let options = options.read_only(true);
        let connection = options.connect().await?;
        return Ok((options, connection));
    }
    match looked(&options).await {
        Err(error) if matches!(primary_code(&error), Some(CANNOT_OPEN | FULL | IO)) => {
            let options = options.immutable(true);
            let connection = options.connect().await?;
            Ok((options, connection))
        }
        outcome => outcome.map(|connection| (options, connection)),
    }
}

/// A connection that has read something, which is when the log is made.
async fn looked(options: &SqliteConnectOptions) -> Sql<SqliteConnection> {
    let mut connection = options.connect().await?;
    sqlx::query("SELECT 1 FROM sqlite_schema").fetch_optional(&mut connection).await?;
    Ok(connection)
}
