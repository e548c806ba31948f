//! Lists the folder of presets, so that a payment API is one YAML file and no line of Rust: no macro of the
//! language can look into a folder.

#![expect(clippy::disallowed_methods, reason = "a build script: reads a folder and writes what it found")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    const FOLDER: &str = "src/config/presets";
    println!("cargo::rerun-if-changed={FOLDER}");
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root.join(FOLDER))?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    let mut list = format!("[(&str, &str); {}] = [\n", files.len());
    for file in &files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let _ = writeln!(list, "    ({name:?}, include_str!({:?})),", file.display().to_string());
    }
    let code = format!(
        "/// Every preset, by name: the text is YAML with the keys of a `kind: http` source.\npub const PRESETS: {list}];\n"
    );
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    std::fs::write(Path::new(&out).join("presets.rs"), code)
}
