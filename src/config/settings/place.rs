//! Where a source is read, so that it is known again under another name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use reqwest::Url;
use sha2::{Digest as _, Sha256};

use super::source::{HttpSource, SourceKind, SourceSettings};

impl SourceSettings {
    /// Names where it is read, without telling: an address may be a secret. The same place has the same name.
    pub fn address(&self) -> String {
        let place = match &self.kind {
            SourceKind::Sandbox(_) => "sandbox".to_owned(),
            SourceKind::File(path) => format!("file {}", same_path(path).display()),
            SourceKind::Http(http) => format!("http {}", http.list_url()),
            SourceKind::Stripe(stripe) => {
                format!("stripe {} {:?} {:?}", stripe.base_url, stripe.account, stripe.mode)
            }
        };
        let hash = Sha256::digest(place.as_bytes());
        hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl HttpSource {
    /// Where its list is, however base and path share it. Nothing tells two recordings apart here.
    pub(in crate::config) fn list_url(&self) -> String {
        let written = format!("{}{}", self.base_url, self.list.path);
        Url::parse(&written).map_or(written, String::from)
    }
}

/// An address as it is the same however its host is named: this machine has several names, and a name may end with
/// the dot of the root.
pub(in crate::config) fn same_host(written: &str) -> String {
    let Ok(mut url) = Url::parse(written) else { return written.to_owned() };
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_owned();
    let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let is_here = host == "localhost"
        || ip.map(|ip| ip.to_canonical()).is_some_and(|ip| {
            [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()].contains(&ip) || ip.is_unspecified()
        });
    // What cannot be set is left as it is written.
    _ = url.set_host(Some(if is_here { "localhost" } else { &host }));
    url.into()
}

/// Whether two paths lead to one file, by whatever links.
pub(in crate::config) fn same_file(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| path.metadata().ok().map(|file| (file.dev(), file.ino()));
    same_path(one) == same_path(other) || place(one).is_some_and(|found| place(other) == Some(found))
}

/// A path as it is the same however it is written: without `.` and `..`, and by what links lead to where that can
/// be seen.
pub(in crate::config) fn same_path(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // What is there is asked first: behind a link, `..` is not where it seems to be.
    if let Ok(found) = absolute.canonicalize() {
        return found;
    }
    let mut plain = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => _ = plain.pop(),
            part => plain.push(part),
        }
    }
    // A file that is not there yet lies in a folder that may be.
    match (plain.canonicalize(), plain.parent().map(Path::canonicalize), plain.file_name()) {
        (Ok(found), ..) => found,
        (_, Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => plain,
    }
}
