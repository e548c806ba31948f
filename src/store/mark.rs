//! Whether the file at the path still holds what this process has written there. Device and inode do not tell: a copy
//! that is written over the file, as `cp` does, keeps both.
//!
//! SQLite leaves one number in the header to the program that uses it. The holder of the lease writes a new one with
//! every fold of the log, so that no copy with other content has the same number. It is read from the file itself,
//! since SQLite answers from memory. A mismatch, once found, is final: pages of the old content are in memory and in
//! the log, so even writing the right content back does not help.

#![expect(clippy::disallowed_methods, reason = "the store is a file")]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where it lies in the header: <https://www.sqlite.org/fileformat2.html#user_version_number>.
const PLACE: u64 = 60;

/// The numbers that may stand in the file.
#[derive(Debug, Default)]
pub(super) struct Mark(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    /// Nothing is known of the content.
    #[default]
    None,
    /// One of these stands there.
    Known {
        /// Kept open: to close it would give up every lock of this process on the store.
        file: File,
        /// What stood there at the last look at which only one could.
        settled: u32,
        /// What is written by now, and may still lie in the log.
        next: Option<u32>,
    },
    /// Something else has stood there.
    Overwritten,
}

impl Mark {
    /// The number to write before the log is folded.
    pub(super) fn next(&self, path: &Path) -> io::Result<u32> {
        let mut state = self.state();
        if matches!(*state, State::None) {
            let file = File::open(path)?;
            *state = State::Known { settled: number(&file)?, file, next: None };
        }
        Ok(match &mut *state {
            State::Known { settled, next, .. } => *next.get_or_insert_with(|| another(*settled)),
            State::None | State::Overwritten => 0,
        })
    }

    /// The log is empty, so that what was written stands in the file.
    pub(super) fn settle(&self) {
        if let State::Known { settled, next, .. } = &mut *self.state() {
            *settled = next.take().unwrap_or(*settled);
        }
    }

    /// Those of which one stands there.
    pub(super) fn numbers(&self) -> Vec<u32> {
        match &*self.state() {
            State::Known { settled, next, .. } => [Some(*settled), *next].into_iter().flatten().collect(),
            State::None | State::Overwritten => Vec::new(),
        }
    }

    /// Whether it was ever asked what to write.
    pub(super) fn is_set(&self) -> bool {
        !matches!(*self.state(), State::None)
    }

    /// Whether something else was written into the file.
    pub(super) fn is_gone(&self) -> bool {
        let mut state = self.state();
        let gone = match &*state {
            State::None => false,
            State::Overwritten => true,
            State::Known { file, settled, next } => match number(file) {
                Ok(there) => there != *settled && Some(there) != *next,
                // Cut off, as it is while a copy is being written.
                Err(error) => error.kind() == io::ErrorKind::UnexpectedEof,
            },
        };
        if gone {
            // Closing it gives up the locks: whoever opens what lies there now waits for nobody.
            *state = State::Overwritten;
        }
        gone
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Neither zero, which files of other programs have, nor the one before; SQLite takes it for a signed number.
fn another(before: u32) -> u32 {
    let number = fastrand::u32(1..i32::MAX.unsigned_abs());
    if number == before { number + 1 } else { number }
}

/// The number in the file at `path`.
pub(super) fn number_at(path: &Path) -> io::Result<u32> {
    number(&File::open(path)?)
}

fn number(file: &File) -> io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact_at(&mut bytes, PLACE)?;
    Ok(u32::from_be_bytes(bytes))
}
