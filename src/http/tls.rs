//! Which certificate authorities an encrypted connection trusts: those of the machine, loaded when the first server has
//! to be verified.
//!
//! Plain HTTP needs none, and so the simulators need none. On a machine without any, each encrypted connection fails.

#![expect(clippy::disallowed_methods, reason = "an edge: looks where the roots of the machine lie")]

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, OtherError, SignatureScheme};
use rustls_platform_verifier::Verifier;

use crate::files;

/// Nobody can be believed.
#[derive(Debug, thiserror::Error)]
enum NoRoots {
    #[error("no CA certificates are found on this machine, so no server can be trusted")]
    None(#[source] rustls::Error),
    // With its cause: what carries it to whoever reads it passes no cause on.
    #[error("the CA certificates `{}` cannot be read, so no server can be trusted: {why}", path.display())]
    Unreadable { path: PathBuf, why: io::Error },
}

/// What mends a connection that failed for want of roots.
pub(crate) fn roots_hint(error: &(dyn Error + 'static)) -> Option<String> {
    let none = "so no server can be trusted";
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains(none) {
            return Some(
                "install the CA certificates of the system (`ca-certificates`), or set `SSL_CERT_FILE` to a file or \
                 `SSL_CERT_DIR` to a folder that holds them"
                    .to_owned(),
            );
        }
        cause = error.source();
    }
    None
}

/// The settings of every client.
pub(super) fn settings() -> ClientConfig {
    static ROOTS: LazyLock<Arc<Roots>> =
        LazyLock::new(|| Arc::new(Roots { provider: Arc::new(ring::default_provider()), loaded: Mutex::default() }));
    let roots = Arc::clone(&*ROOTS);
    ClientConfig::builder_with_provider(Arc::clone(&roots.provider))
        .with_safe_default_protocol_versions()
        .expect("the provider is a part of this program and knows both versions")
        .dangerous()
        .with_custom_certificate_verifier(roots)
        .with_no_client_auth()
}

/// The roots, once they were needed. What could not be loaded is tried again by the next connection.
#[derive(Debug)]
struct Roots {
    provider: Arc<CryptoProvider>,
    loaded: Mutex<Option<Arc<Verifier>>>,
}

impl Roots {
    fn verifier(&self) -> Result<Arc<Verifier>, rustls::Error> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verifier) = &*loaded {
            return Ok(Arc::clone(verifier));
        }
        let verifier = load(&self.provider).map_err(|error| rustls::Error::Other(OtherError(Arc::new(error))))?;
        Ok(Arc::clone(loaded.insert(Arc::new(verifier))))
    }
}

/// Reads the roots. Whoever reads them for us opens whatever is named, so that is looked at first.
fn load(provider: &Arc<CryptoProvider>) -> Result<Verifier, NoRoots> {
    let named: Vec<PathBuf> = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .filter_map(std::env::var_os)
        .flat_map(|value| std::env::split_paths(&value).collect::<Vec<_>>())
        .collect();
    let place = named.first().cloned().unwrap_or_else(|| "/etc/ssl".into());
    let unreadable = |(path, why)| NoRoots::Unreadable { path, why };
    let looked = files::waited(&place, move |_| Ok(named.iter().try_for_each(|path| whole(path))));
    looked.map_err(|why| unreadable((place.clone(), why)))?.map_err(unreadable)?;
    let provider = Arc::clone(provider);
    match files::waited(&place, move |_| Ok(Verifier::new(provider))) {
        Ok(verifier) => verifier.map_err(NoRoots::None),
        Err(why) => Err(unreadable((place, why))),
    }
}

/// Whether a file, or every file of a folder, is none that would hold up whoever opens it. What is not there is no
/// reason: the roots may lie elsewhere.
fn whole(path: &Path) -> Result<(), (PathBuf, io::Error)> {
    let files: Vec<PathBuf> = match std::fs::read_dir(path) {
        Ok(entries) => entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| !path.is_dir()).collect(),
        Err(_) => vec![path.to_owned()],
    };
    files.into_iter().try_for_each(|path| match files::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Err((path, error)),
        _ => Ok(()),
    })
}

impl ServerCertVerifier for Roots {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier()?.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
