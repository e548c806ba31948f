//! Why a folder is no recording.

use std::io;
use std::path::PathBuf;

/// The form of the folder.
pub(super) const VERSION: u32 = 1;

/// Why a folder is no recording, or does not become one.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The operating system says no.
    #[error("`{}` cannot be used", path.display())]
    Io {
        /// The folder or the file in it.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A recording is not written among other things.
    #[error("the folder `{}` is not empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A file of it is not what `Tape::write` writes.
    #[error("`{}` is not part of a recording", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// It was written by a later release.
    #[error("the recording `{}` has the form {version}, and this release reads {VERSION}", path.display())]
    Newer {
        /// The folder.
        path: PathBuf,
        /// The form that it says to have.
        version: u32,
    },
}
