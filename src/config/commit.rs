//! Which commit a file is of, read from `.git` without running git: `HEAD`, and only where the bytes of the file
//! are those that this commit has under that path.
//!
//! Best effort and never an error: a file outside a work tree has no commit, and neither has one in a repository
//! that cannot be read. Attributes and filters count for nothing: what is compared is bytes.

mod objects;

use std::path::{Path, PathBuf};

use super::blob::Blob;
use crate::files::{self, Kind};
use crate::model::EDITED;
use objects::{Id, Objects};

/// Where a file lies in a work tree.
struct Place {
    /// Its `.git`: for a linked work tree or a submodule, the folder that this file names.
    git: PathBuf,
    /// What all work trees share: objects and branches.
    common: PathBuf,
    /// From the top of the work tree.
    path: PathBuf,
}

/// The version of a file whose content is known: 40 or 64 hex digits where it is as in the commit that is checked
/// out, else that commit, [`EDITED`] and `digest`. `None`: it lies in no work tree, or nobody can say.
pub fn commit_of(file: &Path, content: &Blob, digest: &str) -> Option<String> {
    let place = place(file)?;
    let head = head(&place)?;
    let objects = Objects::of(&place.common)?;
    let names: Vec<_> = place.path.components().map(|part| part.as_os_str().as_encoded_bytes()).collect();
    let committed = objects.blob(&Id::from_hex(&head)?, &names)?;
    let same = committed.is_some_and(|id| content.is(id.bytes()));
    Some(if same { head } else { format!("{head}{EDITED}{digest}") })
}

/// The commit of `HEAD` in the work tree that `file` lies in: two or three small files are read, and no object.
pub fn head_of(file: &Path) -> Option<String> {
    head(&place(file)?)
}

fn place(file: &Path) -> Option<Place> {
    let file = std::fs::canonicalize(file).ok()?;
    let (top, git) = file.ancestors().skip(1).find_map(|folder| Some((folder, git_dir(folder)?)))?;
    // A linked work tree keeps its branches and objects in the folder of the main one.
    let common = read(&git.join("commondir")).map_or_else(|| git.clone(), |dir| git.join(dir.trim()));
    let path = file.strip_prefix(top).ok()?.to_owned();
    Some(Place { git, common, path })
}

fn head(Place { git, common, .. }: &Place) -> Option<String> {
    let head = read(&git.join("HEAD"))?;
    let head = head.trim();
    let Some(name) = head.strip_prefix("ref: ") else { return hash(head) };
    [git, common].into_iter().find_map(|dir| hash(read(&dir.join(name))?.trim())).or_else(|| packed(common, name))
}

/// `.git` of a folder: a folder itself, or a file that says where it is.
fn git_dir(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = read(&git)?;
    Some(folder.join(text.trim().strip_prefix("gitdir: ")?))
}

fn read(path: &Path) -> Option<String> {
    files::read_text(path, Kind::Document).ok()
}

fn packed(git: &Path, name: &str) -> Option<String> {
    let refs = read(&git.join("packed-refs"))?;
    refs.lines().filter_map(|line| line.split_once(' ')).find(|(_, of)| *of == name).and_then(|(id, _)| hash(id))
}

fn hash(text: &str) -> Option<String> {
    (matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_owned())
}
