//! The binary: run the command line, map to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    entitled::cli::main().into()
}
