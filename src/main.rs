//! The binary: parse, start logging, run, map to an exit code.

fn main() {}
