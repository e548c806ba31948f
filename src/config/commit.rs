//! The commit that the work tree around a file has checked out, read from `.git` without running git.
//!
//! Best effort and never an error: a file outside a work tree has no commit, and neither has an odd one.

#![expect(clippy::disallowed_methods, reason = "an edge: reads the files under .git")]

use std::path::{Path, PathBuf};

/// The commit of `HEAD` in the work tree that `file` lies in: 40 or 64 hex digits.
pub fn commit_of(file: &Path) -> Option<String> {
    let file = std::fs::canonicalize(file).ok()?;
    let git = file.ancestors().skip(1).find_map(git_dir)?;
    let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
    let head = head.trim();
    let Some(name) = head.strip_prefix("ref: ") else { return hash(head) };
    // A linked work tree keeps its branches in the folder of the main one.
    let common =
        std::fs::read_to_string(git.join("commondir")).map_or_else(|_| git.clone(), |dir| git.join(dir.trim()));
    [&git, &common]
        .into_iter()
        .find_map(|dir| hash(std::fs::read_to_string(dir.join(name)).ok()?.trim()))
        .or_else(|| packed(&common, name))
}

/// `.git` of a folder: a folder itself, or a file that says where it is.
fn git_dir(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = std::fs::read_to_string(&git).ok()?;
    Some(folder.join(text.trim().strip_prefix("gitdir: ")?))
}

fn packed(git: &Path, name: &str) -> Option<String> {
    let refs = std::fs::read_to_string(git.join("packed-refs")).ok()?;
    refs.lines().filter_map(|line| line.split_once(' ')).find(|(_, of)| *of == name).and_then(|(id, _)| hash(id))
}

fn hash(text: &str) -> Option<String> {
    (matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_owned())
}
