//! Looks at everything that a daemon needs, and says of each thing whether it is well, or the cause and the mend.
//!
//! Flow: the configuration, the store, Logto and every source (at the same time), the watching of files, the listener.
//! What cannot be checked because something before it is wrong is listed as not tried.
//!
//! Guarantees: writes neither to Logto nor to the store. It puts one file beside the configuration and one beside the
//! store, each for a moment, to find out whether that works.

mod listener;
mod logto;
mod source;
mod store;
mod watch;

use std::path::Path;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::config::settings::Config;
use crate::pass::active::Simulators;
use crate::report::Origin;
use crate::report::checkup::Check;
use crate::text::human;

/// The section that a configuration's checks stand in.
pub const CONFIGURATION: &str = "configuration";

/// Clocks that are further apart than this are wrong: a webhook's time stamp is then no longer believed, and
/// grace and expiry come too early or too late.
const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// A `Date` has whole seconds, and an answer takes its time.
const GRAIN: SignedDuration = SignedDuration::from_secs(2);

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Patient<'a> {
    /// The file.
    pub file: &'a Path,
    /// What it says.
    pub config: &'a Config,
    /// Which version of it that is.
    pub origin: &'a Origin,
    /// Who says where the store lies.
    pub store: SaysStore,
    /// Where the simulators are, if the file asks for them.
    pub simulators: Option<&'a Simulators>,
    /// The time of the checkup.
    pub now: Timestamp,
}

/// Who says where the store lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaysStore {
    /// `--store` or `ENTITLED_STORE`, which a commit cannot change.
    CommandLine,
    /// The file, or nobody.
    File,
}

/// Every check, in a fixed order.
pub async fn examine(patient: Patient<'_>) -> Vec<Check> {
    let mut checks = configuration(patient);
    let (store, known) = store::examine(&patient.config.store, patient.config, patient.now).await;
    let sources = join_all(patient.config.sources.iter().map(|settings| source::examine(settings, patient.simulators)));
    let (logto, sources) = tokio::join!(logto::examine(patient, known.grants), sources);
    checks.extend(logto);
    checks.extend(sources.into_iter().flatten());
    checks.extend(store);
    checks.extend(store::said(patient));
    checks.extend(watch::examine(patient.file).await);
    checks.extend(listener::examine(patient.config).await);
    checks
}

fn configuration(Patient { config, origin, .. }: Patient<'_>) -> Vec<Check> {
    let valid = format!(
        "{} is valid: {}, {}",
        origin.file,
        human::count(config.products.len() as u64, "product"),
        human::count(config.sources.len() as u64, "source"),
    );
    let commit = match &origin.commit {
        Some(commit) => Check::ok(CONFIGURATION, "commit", commit),
        None => Check::note(
            CONFIGURATION,
            "commit",
            format!(
                "not in a git work tree: identified by its SHA-256, {}",
                origin.digest.get(..12).unwrap_or(&origin.digest)
            ),
            None,
        ),
    };
    vec![Check::ok(CONFIGURATION, "file", valid), commit]
}

/// The check of one server's clock.
fn clock(section: &str, skew: Option<SignedDuration>) -> Check {
    let name = "clock";
    match skew {
        None => Check::note(section, name, "its answers carry no `Date`, so its clock is not known", None),
        Some(ahead) if ahead.abs() <= GRAIN => Check::ok(section, name, "that of this machine, to the second"),
        Some(ahead) => {
            let (apart, side) = (ahead.abs(), if ahead.is_positive() { "ahead of" } else { "behind" });
            let says = format!("{} {side} that of this machine", human::duration(apart));
            if apart <= SKEW {
                return Check::ok(section, name, says);
            }
            let mend = "set both clocks by NTP: grace and expiry are counted by them, and the time stamps of webhooks \
                        and tokens are judged by them";
            Check::wrong(section, name, says, Some(mend.to_owned()))
        }
    }
}
