//! What git calls the bytes of a file. Pure.

use ring::digest;

/// What git calls the content of a file, under each of the two hashes that a repository may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    sha1: Vec<u8>,
    sha256: Vec<u8>,
}

impl Blob {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let name = |algorithm| {
            let mut hash = digest::Context::new(algorithm);
            hash.update(format!("blob {}\0", bytes.len()).as_bytes());
            hash.update(bytes);
            hash.finish().as_ref().to_vec()
        };
        Self { sha1: name(&digest::SHA1_FOR_LEGACY_USE_ONLY), sha256: name(&digest::SHA256) }
    }

    /// Whether this is its name in a repository.
    pub fn is(&self, id: &[u8]) -> bool {
        id == self.sha1 || id == self.sha256
    }
}
