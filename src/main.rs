//! The binary: run the command line, map to an exit code.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    entitled::cli::main().await.into()
}
