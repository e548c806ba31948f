//! The folder of a temporary copy.

#![expect(clippy::disallowed_methods, reason = "the copy is a file of its own")]

use std::io;
use std::path::PathBuf;

/// A directory of mode 0700 that vanishes when dropped.
#[derive(Debug)]
pub(super) struct ScratchDir(pub(super) PathBuf);

impl ScratchDir {
    pub(super) fn create() -> io::Result<Self> {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        loop {
            let path = std::env::temp_dir().join(format!("entitled-{:016x}", fastrand::u64(..)));
            match builder.create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                outcome => return outcome.map(|()| Self(path)),
            }
        }
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        // Nothing can be done about a failure here, and the directory is private.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
