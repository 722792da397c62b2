//! TLS for connections that are not HTTP: the same certificates, the same cryptography.
//!
//! Never: leaves a server unverified.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::Access;
use super::Failed;
use super::web;

/// What a client of a server with TLS is configured by. The certificates are read anew.
///
/// # Errors
/// When there are no certificates to verify a server by.
pub fn tls(access: &Access) -> Result<Arc<ClientConfig>, Failed> {
    let bytes = web::certificate_bytes(access.ca_file.as_deref())?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&bytes).flatten());
    if added == 0 {
        return Err(Failed("there is no certificate to verify servers by".to_owned()));
    }
    // Named: where two kinds of cryptography are linked, the library would not choose one by itself.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Failed(error.to_string()))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
