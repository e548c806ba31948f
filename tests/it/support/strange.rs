//! What may lie where a file is expected.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use assert_cmd::Command;

/// Something that is no file, or none that anybody meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strange {
    Pipe,
    Directory,
    Socket,
    Endless,
    Huge,
}

impl Strange {
    pub(crate) const ALL: [Self; 5] = [Self::Pipe, Self::Directory, Self::Socket, Self::Endless, Self::Huge];

    /// Puts it there, in the place of what may be there.
    pub(crate) fn lies_at(self, path: &Path) {
        if path.is_dir() {
            std::fs::remove_dir(path).unwrap();
        } else if path.symlink_metadata().is_ok() {
            std::fs::remove_file(path).unwrap();
        }
        match self {
            Self::Pipe => drop(Command::new("mkfifo").arg(path).assert().success()),
            Self::Directory => std::fs::create_dir(path).unwrap(),
            Self::Socket => drop(UnixListener::bind(path).unwrap()),
            Self::Endless => symlink("/dev/zero", path).unwrap(),
            Self::Huge => std::fs::File::create(path).unwrap().set_len(64 * 1024 * 1024 + 1).unwrap(),
        }
    }

    /// What is said of it.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Pipe => "it is a named pipe, and only a regular file is read",
            Self::Directory => "it is a directory, and only a regular file is read",
            Self::Socket => "it is a socket, and only a regular file is read",
            Self::Endless => "it is a device, and only a regular file is read",
            Self::Huge => "it is larger than ",
        }
    }
}
