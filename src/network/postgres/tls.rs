//! TLS, as the URL asks for it. It always checks the certificate and the name in it.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::files;

/// More than all certificates of a system have.
const MOST_BYTES: u64 = 16 << 20;

/// Makes TLS connections. The error is a sentence.
pub(super) fn connector(root_certificates: Option<&Path>) -> Result<MakeRustlsConnect, String> {
    let failed = |error: rustls::Error| format!("TLS cannot be set up: {error}");
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let config = match root_certificates {
        None => builder.with_platform_verifier().map_err(failed)?.with_no_client_auth(),
        Some(file) => builder.with_root_certificates(roots(file)?).with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

fn roots(file: &Path) -> Result<RootCertStore, String> {
    let name = file.display();
    let mut roots = RootCertStore::empty();
    let bytes = files::read(file, MOST_BYTES)
        .map_err(|error| format!("sslrootcert: {name} cannot be read: {error}"))?;
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()))
            .map_err(|error| format!("sslrootcert: {name} has a bad certificate: {error}"))?;
    }
    if roots.is_empty() {
        return Err(format!("sslrootcert: {name} has no certificate (in PEM)"));
    }
    Ok(roots)
}
