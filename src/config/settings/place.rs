//! Where a source is read, so that it is known again under another name.

use sha2::{Digest as _, Sha256};

use super::source::{SourceKind, SourceSettings};

impl SourceSettings {
    /// Names where it is read, without telling: an address may be a secret. The same place has the same name.
    pub fn address(&self) -> String {
        let place = match &self.kind {
            SourceKind::Sandbox(_) => "sandbox".to_owned(),
            SourceKind::File(path) => format!("file {}", path.display()),
            SourceKind::Http(http) => format!("http {}{}", http.base_url, http.list.path),
            SourceKind::Stripe(stripe) => {
                format!("stripe {} {:?} {:?}", stripe.base_url, stripe.account, stripe.mode)
            }
        };
        let hash = Sha256::digest(place.as_bytes());
        hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}
