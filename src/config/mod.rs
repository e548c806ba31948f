//! `entitlements.yaml`: read, resolved, checked.
//!
//! This file is the only part that reads: the file itself, `.env` beside it, the environment and what
//! `${file:}` names. It decides nothing; all that can be wrong is found by [`check`].
#![expect(clippy::disallowed_methods, reason = "the one place that reads the file and the environment")]

mod blob;
pub mod check;
mod commit;
pub mod diagnostic;
mod excerpt;
mod marks;
mod names;
mod place;
pub mod presets;
mod proposal;
pub mod raw;
pub mod settings;
mod span;
pub mod spec;
mod suggest;
mod unresolvable;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::{fmt, io};

use crate::files::{self, Kind};
use crate::secret::hide;
use crate::text::{Color, without_bom};

use self::check::reference::{self, PUBLIC};

pub use self::blob::Blob;
pub use self::check::{Env, Presets, check_text, duration};
pub use self::commit::{commit_of, head_of};
pub use self::diagnostic::{Diagnostic, Severity, render};
pub use self::names::{Unresolved, render_names};
pub use self::proposal::{MOST as MOST_PROPOSED, OPERATORS, Proposal, check_proposal, not_previewed};
pub use self::settings::Config;
pub use self::spec::schema;
pub use self::suggest::slip;
pub use self::unresolvable::{Unresolvable, check_unresolvable, load_unresolvable};

/// A file that was taken.
#[derive(Debug)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// What is probably not meant. Rendered with [`render`] and [`text`](Self::text).
    pub warnings: Vec<Diagnostic>,
    /// The text of the file, for the lines that a plan and a warning show.
    pub text: String,
}

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read, or is no text.
    #[error("cannot read `{path}`")]
    Unreadable {
        /// The file, or `.env` beside it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It can be read and says something wrong.
    #[error("{0}")]
    Invalid(Report),
}

impl ConfigError {
    /// Every problem with its source line; nothing where the file could not be read at all.
    pub fn render(&self, color: Color) -> String {
        match self {
            ConfigError::Unreadable { .. } => String::new(),
            ConfigError::Invalid(report) => report.render(color),
        }
    }

    /// What to do about it, where more than the message can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            ConfigError::Unreadable { source, path } if source.kind() == io::ErrorKind::NotFound => {
                Some(format!("start from the example in the README, or name another file than `{}`", path.display()))
            }
            ConfigError::Unreadable { source, path }
                if source.kind() == io::ErrorKind::InvalidData && path.ends_with(".env") =>
            {
                Some("each of its lines is `NAME=value`, a comment that begins with `#`, or empty".to_owned())
            }
            _ => None,
        }
    }
}

/// Everything that is wrong with a file, and the file.
pub struct Report {
    /// How the file is named.
    pub file: String,
    /// Its text. It may hold a secret that was written out: print it through [`render`](Self::render) only.
    pub text: String,
    /// What is wrong, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Every diagnostic with its source line.
    pub fn render(&self, color: Color) -> String {
        render(&self.diagnostics, &self.text, &self.file, color)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.diagnostics.iter().filter(|problem| problem.severity == Severity::Error).count();
        let plural = if errors == 1 { "" } else { "s" };
        write!(f, "`{}` has {errors} error{plural}", self.file)
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("file", &self.file)
            .field("diagnostics", &self.diagnostics)
            .finish_non_exhaustive()
    }
}

/// Reads and checks the file at `path`. A variable of the process wins over the same one in `.env`.
///
/// # Errors
/// [`ConfigError::Unreadable`] where the file or `.env` beside it cannot be read, and
/// [`ConfigError::Invalid`] with every problem at once.
pub fn load(path: &Path, presets: &Presets) -> Result<Loaded, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let text = files::read_text(path, Kind::Config).map_err(unreadable)?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let process = Process { variables: dot_env(&folder.join(".env"))?, folder, read: RefCell::default() };
    match check_text(&text, path, &process, presets) {
        Ok((config, warnings)) => Ok(Loaded { config, warnings, text }),
        Err(diagnostics) => Err(ConfigError::Invalid(Report { file: path.display().to_string(), text, diagnostics })),
    }
}

/// Checks a text that was in force once as the file at `path`, with what its references stand for now.
///
/// # Errors
/// Everything that is wrong with it by now, such as a variable that is not set.
pub fn check_kept(text: &str, path: &Path, presets: &Presets) -> Result<Config, Vec<Diagnostic>> {
    check_text(text, path, &Process::beside(path), presets).map(|(config, _)| config)
}

/// Why `.env` beside the file at `path` cannot be read, where it lies there: none of its variables is set then.
pub fn broken_env(path: &Path) -> Option<ConfigError> {
    dot_env(&path.parent().unwrap_or(Path::new("")).join(".env")).err()
}

/// What the public variables stand for that a text refers to, in the environment of this process and in `.env` beside
/// the file at `path`.
pub fn public_variables(text: &str, path: &Path) -> BTreeMap<String, String> {
    reference::public(text, &Process::beside(path))
}

/// Where the store of the file at `path` lies, as far as that can be told of a file that may be broken, or not there.
pub fn store_of(path: &Path) -> PathBuf {
    let bytes = files::read(path, Kind::Config).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let folder = path.parent().unwrap_or(Path::new(""));
    folder.join(place::store(&text, &Process::beside(path)).unwrap_or_else(|| "entitled.db".to_owned()))
}

/// Whether a file says where the store lies, and not only the command line or nobody.
pub fn says_store(config: &settings::Config) -> bool {
    place::is_said(&config.text)
}

/// A text without the block of one of its keys, and without the comments above the next one. It was checked.
pub fn without_key(text: &str, key: &str) -> String {
    let Ok(Some(root)) = raw::parse(text, diagnostic::Origin::File, &mut Vec::new()) else { return text.to_owned() };
    let raw::Value::Map(entries) = &root.value else { return text.to_owned() };
    let Some(at) = entries.iter().position(|entry| entry.key == key) else { return text.to_owned() };
    let start = entries[at].at.start;
    let end = entries.get(at + 1).map_or(text.len(), |next| next.at.start);
    format!("{}{}", &text[..start], &text[end..])
}

/// The text of a file that a command names (a saved plan).
///
/// # Errors
/// Those of the operating system.
pub fn read_text(path: &Path) -> io::Result<String> {
    files::read_text(path, Kind::Document).map(unmarked)
}

/// A text without the marks of its byte order: joining files leaves several.
fn unmarked(text: String) -> String {
    match text.trim_start_matches('\u{feff}') {
        rest if rest.len() < text.len() => rest.to_owned(),
        _ => text,
    }
}

/// The environment of this process over `.env`, and files from the folder of the configuration.
struct Process {
    variables: HashMap<String, String>,
    folder: PathBuf,
    read: RefCell<Read>,
}

/// The files that references have named so far, each read once.
#[derive(Default)]
struct Read {
    files: HashMap<String, Result<String, String>>,
    bytes: usize,
}

/// What the files may hold together that references name: all of it is searched for in what is shown.
const MOST_READ: usize = 256 * 1024;

impl Process {
    /// As well as it can be had: without a `.env` that cannot be read.
    fn beside(path: &Path) -> Self {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Self { variables: dot_env(&folder.join(".env")).unwrap_or_default(), folder, read: RefCell::default() }
    }
}

impl Env for Process {
    fn var(&self, name: &str) -> Option<String> {
        let found = std::env::var(name).ok().or_else(|| self.variables.get(name).cloned());
        // Whatever it is for: an address may be as secret as a token.
        found.inspect(|value| {
            if !name.starts_with(PUBLIC) {
                hide(value);
            }
        })
    }

    fn file(&self, path: &str) -> Result<String, String> {
        let Read { files, bytes } = &mut *self.read.borrow_mut();
        if let Some(known) = files.get(path) {
            return known.clone();
        }
        let found = match *bytes > MOST_READ {
            true => Err(too_much()),
            false => files::read_text(&self.folder.join(path), Kind::Reference).map(unmarked).map_err(unread),
        };
        let found = found.and_then(|text| {
            *bytes += text.len();
            if *bytes > MOST_READ {
                return Err(too_much());
            }
            hide(&text);
            Ok(text)
        });
        files.insert(path.to_owned(), found.clone());
        found
    }
}

fn too_much() -> String {
    format!("the files that are named here hold more than {} KiB together", MOST_READ / 1024)
}

fn unread(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        io::ErrorKind::InvalidData => "it is not UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

/// The variables of a `.env` file; none where there is no such file.
fn dot_env(path: &Path) -> Result<HashMap<String, String>, ConfigError> {
    let bytes = match files::read(path, Kind::Reference) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(source) => return Err(ConfigError::Unreadable { path: path.to_owned(), source }),
    };
    dotenvy::from_read_iter(without_bom(&bytes)).collect::<Result<_, _>>().map_err(|error| {
        // The line may hold a secret, so it is counted and not shown.
        let why = match error {
            dotenvy::Error::LineParse(line, _) => {
                let text = String::from_utf8_lossy(&bytes);
                // An open quote takes the lines after it along.
                let first = line.lines().next().unwrap_or_default().trim();
                let at = text.lines().position(|other| other.trim() == first).map(|at| format!("line {}", at + 1));
                format!("{} is not `NAME=value`", at.unwrap_or_else(|| "a line".to_owned()))
            }
            _ => "it is not UTF-8".to_owned(),
        };
        ConfigError::Unreadable { path: path.to_owned(), source: io::Error::new(io::ErrorKind::InvalidData, why) }
    })
}
