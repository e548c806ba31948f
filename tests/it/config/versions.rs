//! Which commit a file is of: every state that git can put it in.

use std::path::{Path, PathBuf};
use std::process::Command;

use entitled::config::{Blob, commit_of, head_of};
use tempfile::TempDir;

/// Runs git as nobody in particular, without the configuration of this machine.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    for (name, value) in [
        ("HOME", "/nonexistent"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_AUTHOR_NAME", "Ada"),
        ("GIT_AUTHOR_EMAIL", "ada@example.com"),
        ("GIT_COMMITTER_NAME", "Ada"),
        ("GIT_COMMITTER_EMAIL", "ada@example.com"),
    ] {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

const TEXT: &str = "version: 1\n# one\n";
const FILE: &str = "entitlements.yaml";

struct Repo {
    home: TempDir,
}

impl Repo {
    /// With one commit that has the file.
    fn new(init: &[&str]) -> Self {
        let repo = Self { home: tempfile::tempdir().unwrap() };
        let mut arguments = vec!["init", "--quiet", "--initial-branch=main"];
        arguments.extend(init);
        git(repo.root(), &arguments);
        repo.write(FILE, TEXT);
        repo.commit();
        repo
    }

    fn root(&self) -> &Path {
        self.home.path()
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn commit(&self) -> String {
        git(self.root(), &["add", "--all"]);
        git(self.root(), &["commit", "--quiet", "--allow-empty", "-m", "a change"]);
        self.head()
    }

    fn head(&self) -> String {
        git(self.root(), &["rev-parse", "HEAD"])
    }
}

fn version(path: &Path) -> Option<String> {
    let bytes = std::fs::read(path).unwrap();
    commit_of(path, &Blob::of(&bytes), "0123456789abcdef")
}

/// As in the commit, or not.
fn is(repo: &Repo, path: &Path, same: bool, what: &str) {
    let head = repo.head();
    let expected = if same { head } else { format!("{head}+edited.0123456789abcdef") };
    assert_eq!(version(path), Some(expected), "{what}");
}

#[test]
fn a_version_is_a_commit_only_where_the_bytes_are_the_commits() {
    let repo = Repo::new(&[]);
    let file = repo.root().join(FILE);
    is(&repo, &file, true, "committed");
    repo.write(FILE, "version: 1\n# two\n");
    is(&repo, &file, false, "edited");
    git(repo.root(), &["add", FILE]);
    is(&repo, &file, false, "staged");
    repo.commit();
    is(&repo, &file, true, "committed again");
    git(repo.root(), &["checkout", "--quiet", "--detach", "HEAD~1"]);
    is(&repo, &file, true, "an earlier commit, detached");
    git(repo.root(), &["checkout", "--quiet", "main"]);
    git(repo.root(), &["rm", "--quiet", "--cached", FILE]);
    is(&repo, &file, true, "about to be removed: the commit still has it");
    git(repo.root(), &["commit", "--quiet", "-m", "without"]);
    is(&repo, &file, false, "untracked by now");
    let other = repo.write("other.yaml", TEXT);
    is(&repo, &other, false, "never tracked");
    repo.write(".gitignore", "ignored.yaml\n");
    let ignored = repo.write("ignored.yaml", TEXT);
    repo.commit();
    is(&repo, &ignored, false, "ignored");
    let deep = repo.write("a/b/c/entitlements.yaml", TEXT);
    is(&repo, &deep, false, "a new folder");
    repo.commit();
    is(&repo, &deep, true, "in a folder");
    let beside = repo.write("a/b.yaml", TEXT);
    is(&repo, &beside, false, "another name in a folder that is committed");
    repo.write("a/b/c/entitlements.yaml", &format!("{TEXT}\n"));
    is(&repo, &deep, false, "one line feed more");
}

#[test]
fn what_is_compared_is_bytes_whatever_filters_say() {
    let repo = Repo::new(&[]);
    let file = repo.root().join(FILE);
    repo.write(".gitattributes", "*.yaml text eol=crlf\n");
    repo.commit();
    std::fs::remove_file(&file).unwrap();
    git(repo.root(), &["checkout", "--quiet", "--", FILE]);
    assert!(std::fs::read_to_string(&file).unwrap().contains("\r\n"), "git has made it so");
    assert_eq!(git(repo.root(), &["status", "--porcelain"]), "", "and calls it unchanged");
    is(&repo, &file, false, "line ends of its own");
    repo.write(FILE, TEXT);
    is(&repo, &file, true, "as the commit has it");
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_is_what_it_leads_to() {
    let repo = Repo::new(&[]);
    let link = repo.root().join("link.yaml");
    std::os::unix::fs::symlink(FILE, &link).unwrap();
    is(&repo, &link, true, "to a file that is committed, itself untracked");
    repo.write(FILE, "version: 1\n# two\n");
    is(&repo, &link, false, "to a file that was edited");
    let away = tempfile::tempdir().unwrap();
    std::fs::write(away.path().join("file.yaml"), TEXT).unwrap();
    let out = repo.root().join("out.yaml");
    std::os::unix::fs::symlink(away.path().join("file.yaml"), &out).unwrap();
    repo.commit();
    assert_eq!(version(&out), None, "out of the work tree");
}

#[test]
fn packed_objects_with_deltas_are_read() {
    let repo = Repo::new(&[]);
    // Trees that differ by little are stored as deltas.
    for number in 0..300 {
        repo.write(&format!("folder/file-{number:03}.yaml"), &format!("number: {number}\n"));
    }
    let file = repo.write("folder/deep/entitlements.yaml", TEXT);
    repo.commit();
    for number in 0..20 {
        repo.write(&format!("folder/file-{number:03}.yaml"), &format!("number: -{number}\n"));
        repo.write("folder/deep/entitlements.yaml", &format!("{TEXT}# {number}\n"));
        repo.commit();
    }
    for arguments in [&["gc", "--quiet"][..], &["repack", "-a", "-d", "-f", "--depth=200", "--quiet"]] {
        git(repo.root(), arguments);
        git(repo.root(), &["pack-refs", "--all"]);
        for back in [20, 13, 1, 0] {
            git(repo.root(), &["checkout", "--quiet", "--detach", &format!("main~{back}")]);
            is(&repo, &file, true, &format!("packed, {back} back"));
        }
    }
    let head = repo.head();
    git(repo.root(), &["checkout", "--quiet", "main~3", "--", "folder/deep/entitlements.yaml"]);
    assert_eq!(repo.head(), head);
    is(&repo, &file, false, "of another commit");
}

#[test]
fn work_trees_submodules_clones_and_other_hashes() {
    let repo = Repo::new(&[]);
    let reporter = tempfile::tempdir().unwrap();
    let tree = reporter.path().join("tree");
    git(repo.root(), &["worktree", "add", "--quiet", "-b", "other", tree.to_str().unwrap()]);
    is(&repo, &tree.join(FILE), true, "a linked work tree");
    std::fs::write(tree.join(FILE), "version: 1\n").unwrap();
    is(&repo, &tree.join(FILE), false, "edited there");
    is(&repo, &repo.root().join(FILE), true, "and not here");

    let outer = Repo::new(&[]);
    let from = repo.root().to_str().unwrap();
    git(outer.root(), &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", from, "inner"]);
    outer.commit();
    is(&repo, &outer.root().join("inner").join(FILE), true, "in a submodule it is the submodule's commit");

    let lent = reporter.path().join("lent");
    git(reporter.path(), &["clone", "--quiet", "--shared", from, lent.to_str().unwrap()]);
    is(&repo, &lent.join(FILE), true, "objects borrowed from another repository");

    let long = Repo::new(&["--object-format=sha256"]);
    assert_eq!(long.head().len(), 64);
    is(&long, &long.root().join(FILE), true, "SHA-256");
    let file = long.write(FILE, "version: 1\n");
    is(&long, &file, false, "SHA-256, edited");

    let nowhere = reporter.path().join("alone.yaml");
    std::fs::write(&nowhere, TEXT).unwrap();
    assert_eq!((version(&nowhere), head_of(&nowhere)), (None, None), "in no work tree");
    let unborn = reporter.path().join("unborn");
    git(reporter.path(), &["init", "--quiet", "unborn"]);
    std::fs::write(unborn.join(FILE), TEXT).unwrap();
    assert_eq!(version(&unborn.join(FILE)), None, "no commit yet");
}

#[test]
fn what_cannot_be_read_is_not_said_to_be_committed() {
    let repo = Repo::new(&[]);
    let file = repo.root().join(FILE);
    let head = repo.head();
    let object = repo.root().join(".git/objects").join(&head[..2]).join(&head[2..]);
    let whole = std::fs::read(&object).unwrap();
    std::fs::remove_file(&object).unwrap();
    assert_eq!(version(&file), None, "the commit is not there");
    for cut in 0..whole.len() {
        std::fs::write(&object, &whole[..cut]).unwrap();
        assert_ne!(version(&file), Some(head.clone() + "+edited.0123456789abcdef"), "cut to {cut}");
    }
    for garbage in [&b"\xff\xff\xff\xff"[..], b"", &[0; 64]] {
        std::fs::write(&object, garbage).unwrap();
        assert_eq!(version(&file), None);
    }
    std::fs::write(&object, whole).unwrap();
    is(&repo, &file, true, "and back");
}
