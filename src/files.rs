//! The one way in which files are read whose paths come from outside: regular files only, opened without waiting, no
//! more of them than their kind may hold, on a thread of their own, and for no longer than [`DEADLINE`].
//!
//! Whoever can write to a folder can put a named pipe, a device or a link to either where a file is expected, and a
//! network share can vanish beneath it. Each of these is an error with its reason; none of them holds anybody up.

#![expect(clippy::disallowed_methods, reason = "an edge: opens the files that everybody else reads")]

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::time::Duration;

use rustix::fs::OFlags;
use tokio::sync::oneshot;

/// How long a file may take to be read. A local disk needs milliseconds.
pub const DEADLINE: Duration = Duration::from_secs(10);

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// What a file is for, which says how large it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `entitlements.yaml`.
    Config,
    /// `.env`, and what `${file:}` names.
    Reference,
    /// A source that is a file.
    Orders,
    /// Everything else: saved plans, recordings, seeds, certificates, what lies under `.git`.
    Document,
}

impl Kind {
    /// The most bytes.
    pub fn limit(self) -> u64 {
        match self {
            Kind::Config => 16 * MIB,
            Kind::Reference => 64 * KIB,
            Kind::Orders | Kind::Document => 64 * MIB,
        }
    }
}

/// Why a file is not read that the operating system would read.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("it is {0}, and only a regular file is read")]
    Strange(&'static str),
    #[error("it is larger than {}", size(*.0))]
    TooLarge(u64),
    #[error("it was not read within {} seconds: the disk or the share that it lies on does not answer", DEADLINE.as_secs())]
    TimedOut,
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        let kind = match refused {
            Refused::Strange(_) => io::ErrorKind::InvalidInput,
            Refused::TooLarge(_) => io::ErrorKind::FileTooLarge,
            Refused::TimedOut => io::ErrorKind::TimedOut,
        };
        Self::new(kind, refused)
    }
}

fn size(bytes: u64) -> String {
    if bytes < MIB { format!("{} KiB", bytes / KIB) } else { format!("{} MiB", bytes / MIB) }
}

/// Reads the file at `path`; whoever calls waits for it, and not for ever.
///
/// # Errors
/// Those of the operating system, and its kinds `InvalidInput`, `FileTooLarge` and `TimedOut` for what is refused here.
pub fn read(path: &Path, kind: Kind) -> io::Result<Vec<u8>> {
    waited(path, move |path| bytes(path, kind))
}

/// The same as text.
///
/// # Errors
/// Those of [`read`]; what is not UTF-8 is [`io::ErrorKind::InvalidData`].
pub fn read_text(path: &Path, kind: Kind) -> io::Result<String> {
    text(read(path, kind)?)
}

/// What these bytes say.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] with the first byte that is not UTF-8.
pub fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        io::Error::new(io::ErrorKind::InvalidData, format!("not UTF-8 at byte {at}"))
    })
}

/// The file at `path`, opened for reading, for whoever is on a thread that may wait.
///
/// # Errors
/// Those of the operating system, and its kinds `InvalidInput`, `FileTooLarge` and `TimedOut` for what is refused here.
pub fn open(path: &Path) -> io::Result<File> {
    // Asked before it is opened: with some devices that is a deed of its own. And after: another may lie there by now.
    regular(&std::fs::metadata(path)?)?;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// The content of the file at `path`, for whoever is on a thread that may wait.
///
/// # Errors
/// Those of the operating system, and its kinds `InvalidInput`, `FileTooLarge` and `TimedOut` for what is refused here.
pub fn bytes(path: &Path, kind: Kind) -> io::Result<Vec<u8>> {
    all_of(open(path)?, kind)
}

fn all_of(file: File, kind: Kind) -> io::Result<Vec<u8>> {
    let (length, limit) = (file.metadata()?.len(), kind.limit());
    if length > limit {
        return Err(Refused::TooLarge(limit).into());
    }
    // What grows meanwhile, or does not tell its length as under `/proc`, is bounded too.
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(Refused::TooLarge(limit).into()) } else { Ok(bytes) }
}

/// Which file lies at a path, how large it is, and when it was last written to or changed: what a look at it tells
/// without reading it. The last of these no program can set, so that a time that was put back shows all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    file: (u64, u64),
    size: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl From<&Metadata> for Stamp {
    fn from(file: &Metadata) -> Self {
        Self {
            file: (file.dev(), file.ino()),
            size: file.size(),
            written: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}

impl Stamp {
    /// The second of the later of its times, since 1970.
    pub fn newest(&self) -> i64 {
        self.written.0.max(self.changed.0)
    }
}

/// The content of the file at `path` with its stamp, and of a file that has the stamp `known` only that. For whoever is
/// on a thread that may wait.
///
/// # Errors
/// As for [`bytes`].
pub fn bytes_unless(path: &Path, kind: Kind, known: Option<Stamp>) -> io::Result<(Stamp, Option<Vec<u8>>)> {
    // Opened in any case: a share of another machine is asked anew what the file is like when it is opened.
    let file = open(path)?;
    let stamp = Stamp::from(&file.metadata()?);
    if known == Some(stamp) {
        return Ok((stamp, None));
    }
    Ok((stamp, Some(all_of(file, kind)?)))
}

fn regular(file: &Metadata) -> io::Result<()> {
    strange(file).map_or(Ok(()), |what| Err(Refused::Strange(what).into()))
}

/// What something is that is no file.
pub fn strange(file: &Metadata) -> Option<&'static str> {
    let kind = file.file_type();
    Some(match () {
        () if kind.is_file() => return None,
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    })
}

/// Does what may wait for the file at `path` on a thread of its own. Whoever drops the future leaves the thread to
/// itself: the end of the program does not wait for it.
///
/// # Errors
/// Those of `work`, and [`io::ErrorKind::TimedOut`].
pub async fn apart<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (send, answer) = oneshot::channel();
    let begun = Begun::new(path, work, move |result| drop(send.send(result)))?;
    match tokio::time::timeout(DEADLINE, answer).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(failed()),
        Err(_) => Err(begun.give_up()),
    }
}

/// The same, but whoever calls waits.
///
/// # Errors
/// Those of `work`, and [`io::ErrorKind::TimedOut`].
pub fn waited<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    waited_for(DEADLINE, path, work)
}

fn waited_for<T: Send + 'static>(
    deadline: Duration,
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (send, answer) = mpsc::sync_channel(1);
    let begun = Begun::new(path, work, move |result| drop(send.send(result)))?;
    match answer.recv_timeout(deadline) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(failed()),
        Err(mpsc::RecvTimeoutError::Timeout) => Err(begun.give_up()),
    }
}

fn failed() -> io::Error {
    io::Error::other("the thread that read it has ended without an answer")
}

/// Paths that somebody has given up waiting for, each while its thread still waits: no second one joins it, or a share
/// that is gone would cost a thread with every look.
static GIVEN_UP: Mutex<BTreeMap<PathBuf, Weak<()>>> = Mutex::new(BTreeMap::new());

/// A thread that works on a file.
struct Begun {
    path: PathBuf,
    working: Weak<()>,
}

impl Begun {
    fn new<T>(
        path: &Path,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
        done: impl FnOnce(io::Result<T>) + Send + 'static,
    ) -> io::Result<Self> {
        let mut given_up = GIVEN_UP.lock().unwrap_or_else(PoisonError::into_inner);
        given_up.retain(|_, working| working.strong_count() > 0);
        if given_up.contains_key(path) {
            return Err(Refused::TimedOut.into());
        }
        drop(given_up);
        let at_work = Arc::new(());
        let begun = Self { path: path.to_owned(), working: Arc::downgrade(&at_work) };
        let path = path.to_owned();
        std::thread::Builder::new().name("file".to_owned()).spawn(move || {
            let result = work(&path);
            drop(at_work);
            done(result);
        })?;
        Ok(begun)
    }

    fn give_up(self) -> io::Error {
        GIVEN_UP.lock().unwrap_or_else(PoisonError::into_inner).insert(self.path, self.working);
        Refused::TimedOut.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_answer_is_given_up_and_not_joined_by_a_second_thread() {
        let path = Path::new("a share that is gone");
        let (release, released) = mpsc::channel::<()>();
        let hang = move |_: &Path| Ok(released.recv().is_ok());
        let soon = Duration::from_millis(1);
        assert!(matches!(waited_for(soon, path, hang), Err(error) if error.kind() == io::ErrorKind::TimedOut));
        let (begun, seen) = mpsc::channel();
        let again = move |_: &Path| Ok(begun.send(()).is_ok());
        assert!(matches!(waited_for(DEADLINE, path, again), Err(error) if error.kind() == io::ErrorKind::TimedOut));
        assert!(seen.recv().is_err(), "nobody began");
        drop(release);
        while matches!(waited_for(DEADLINE, path, |_| Ok(())), Err(error) if error.kind() == io::ErrorKind::TimedOut) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_thread_that_fails_is_an_error() {
        let failed = waited_for::<()>(DEADLINE, Path::new("x"), |_| std::panic::resume_unwind(Box::new(())));
        assert!(failed.unwrap_err().to_string().contains("without an answer"));
    }
}
