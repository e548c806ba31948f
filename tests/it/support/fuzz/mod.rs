//! What is fuzzed: for each way in from outside one plain function over any bytes, which panics where the program is
//! wrong about them. `cargo test` drives them with random bytes and with the corpora in `fuzz/corpus/`; the targets of
//! `fuzz/`, which compile this very folder, drive them for as long as somebody lets them.
//!
//! Names nothing of the other tests.

pub(crate) mod file;
pub(crate) mod mapping;
pub(crate) mod request;
pub(crate) mod webhook;

use entitled::config::Env;

/// Every secret that a file may refer to here.
pub(crate) const CANARY: &str = "s3cr3t-of-the-test";

/// Where every variable is set, but those whose name begins with `NONE`.
pub(crate) struct Anything;

impl Env for Anything {
    fn var(&self, name: &str) -> Option<String> {
        (!name.starts_with("NONE")).then(|| CANARY.to_owned())
    }

    fn file(&self, _path: &str) -> Result<String, String> {
        Err("no such file".to_owned())
    }
}
