//! Whether a change of a file in the folder of the configuration is noticed by an event.
//!
//! Without events nothing is lost but a few seconds: content is compared besides.

#![expect(clippy::disallowed_methods, reason = "an edge: makes a file and changes it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::daemon::{Pulse, Watch};
use crate::report::checkup::Check;
use crate::text::human;

const SECTION: &str = "file watching";
const EVENTS: &str = "events";

/// Longer than any event takes.
const PATIENCE: Duration = Duration::from_secs(2);

/// A file that is removed when dropped.
struct Probe(PathBuf);

impl Drop for Probe {
    fn drop(&mut self) {
        let _gone_already = fs::remove_file(&self.0);
    }
}

pub(super) async fn examine(file: &Path) -> Vec<Check> {
    vec![events(file).await]
}

async fn events(file: &Path) -> Check {
    let backstop = Pulse::default().backstop;
    let besides =
        format!("content is compared every {} besides", human::duration(backstop.try_into().unwrap_or_default()));
    let probe = Probe(file.with_file_name(format!(".entitled-doctor-{:08x}", fastrand::u32(..))));
    if let Err(error) = fs::write(&probe.0, "before") {
        return Check::note(
            SECTION,
            EVENTS,
            format!("not tried, no file can be created beside the configuration: {error}; {besides}"),
            None,
        );
    }
    // No look without an event, so that only an event can tell.
    let pulse = Pulse { backstop: Duration::from_secs(3600), settle: Duration::from_millis(5), ..Pulse::default() };
    let mut watch = Watch::new([probe.0.clone()], &BTreeMap::new(), pulse).await;
    let told = async {
        // The first look of `changed` finds nothing; what follows it must be told.
        tokio::join!(watch.changed(), async {
            tokio::task::yield_now().await;
            fs::write(&probe.0, "after")
        })
    };
    match tokio::time::timeout(PATIENCE, told).await {
        Ok((_, Ok(()))) => Check::ok(SECTION, EVENTS, format!("they come; {besides}")),
        Ok((_, Err(_))) | Err(_) => Check::note(
            SECTION,
            EVENTS,
            format!("none came in {}; {besides}", human::duration(PATIENCE.try_into().unwrap_or_default())),
            None,
        ),
    }
}
