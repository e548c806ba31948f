#![no_main]

#[expect(dead_code, reason = "each target drives one of the functions")]
#[path = "../../tests/it/support/fuzz/mod.rs"]
mod fuzz;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::file::fuzz(bytes));
