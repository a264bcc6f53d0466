//! TLS: our certificate, and whose certificates we take.
//!
//! A client's identity is in its certificate's subject alternative names: URI names (`uri:…`, as
//! SPIFFE has them) first, then DNS names (`dns:…`), each in the order of the certificate. Common
//! names and e-mail addresses are not looked at.

use std::fmt;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::regular;

/// The name of HTTP/2 in TLS. Clients that ask for something else only are sent away.
const HTTP2: &[u8] = b"h2";

/// Largest file of certificates or keys, in bytes: all the roots of a browser are 250 kB.
const MAX_PEM: u64 = 1024 * 1024;

/// Longest name in a certificate that can be an identity, in bytes: DNS has shorter ones, and SPIFFE
/// allows 2048 but advises to stay far below. It is a user's name for the node, too, which takes 1000.
const MAX_NAME: usize = 900;

/// Permissions that a key's file must not give: any to those who are neither its owner nor in its
/// group, and writing to the group.
const KEY_FORBIDDEN: u32 = 0o027;

/// Where the parts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Our certificate, then those between it and its root.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The roots of clients' certificates.
    pub client_ca: Option<PathBuf>,
    /// Clients may also come without a certificate.
    pub optional: bool,
    /// TLS 1.2 is spoken with those who know no better.
    pub allow_1_2: bool,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {error}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A file has not what it should have.
    #[error("{}: {what}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The parts do not fit together.
    #[error("{}: {error}", .path.display())]
    Parts {
        /// The file.
        path: PathBuf,
        /// What rustls says.
        error: tokio_rustls::rustls::Error,
    },
}

/// TLS of one listener.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    asks: bool,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("asks", &self.asks).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read or used, or when others can read the key.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let chain = certificates(&files.certificate)?;
        let key = key(&files.key)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(if files.allow_1_2 { &NEW_AND_OLD } else { &NEW })
            .map_err(|error| TlsError::Parts { path: files.certificate.clone(), error })?;
        let builder = match &files.client_ca {
            None => builder.with_no_client_auth(),
            Some(ca) => builder.with_client_cert_verifier(verifier(ca, files.optional, provider)?),
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| TlsError::Parts { path: files.certificate.clone(), error })?;
        config.alpn_protocols = vec![HTTP2.to_vec()];
        Ok(Self { config: Arc::new(config), asks: files.client_ca.is_some() })
    }

    /// Whether clients can show a certificate.
    #[must_use]
    pub const fn asks_for_certificates(&self) -> bool {
        self.asks
    }

    /// What does the handshakes.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

/// Every gRPC library of today speaks it.
static NEW: [&SupportedProtocolVersion; 1] = [&TLS13];

/// HTTP/2 wants no older one.
static NEW_AND_OLD: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

fn verifier(
    ca: &Path,
    optional: bool,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|error| TlsError::Parts { path: ca.to_owned(), error })?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if optional { builder.allow_unauthenticated() } else { builder };
    builder.build().map_err(|error| content(ca, error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path, 0)?;
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(content(path, "has no certificate in PEM form")),
        Ok(found) => Ok(found),
        Err(error) => Err(content(path, error)),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = read(path, KEY_FORBIDDEN)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
        pem::Error::NoItemsFound => content(path, "has no private key in PEM form"),
        error => content(path, error),
    })
}

/// Reads a file, unless it gives one of the permissions that it must not.
fn read(path: &Path, forbidden: u32) -> Result<Vec<u8>, TlsError> {
    let fault = |error| TlsError::File { path: path.to_owned(), error };
    let file = regular::open(path).map_err(fault)?;
    let mode = file.metadata().map_err(fault)?.mode();
    if mode & forbidden != 0 {
        let mode = mode & 0o777;
        let advice = "must be nobody's but its owner's, or its group's to read: chmod 600 or 640";
        return Err(content(path, format!("has the mode {mode:o}; a key {advice}")));
    }
    let mut bytes = Vec::new();
    file.take(MAX_PEM + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > MAX_PEM {
        return Err(content(path, format!("is larger than {MAX_PEM} bytes")));
    }
    Ok(bytes)
}

fn content(path: &Path, what: impl fmt::Display) -> TlsError {
    TlsError::Content { path: path.to_owned(), what: what.to_string() }
}

/// The names in a certificate that was found valid.
pub(crate) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else {
        return Vec::new();
    };
    let uris = certificate.valid_uri_names().map(|name| format!("uri:{name}"));
    // A wildcard names nobody.
    let hosts = certificate.valid_dns_names().filter(|name| !name.contains('*'));
    let hosts = hosts.map(|name| format!("dns:{}", name.to_ascii_lowercase()));
    uris.chain(hosts).filter(|name| name.len() <= MAX_NAME).collect()
}
