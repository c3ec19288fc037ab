//! A certificate of one run, and what rustls is told for both ends: TLS 1.3, AES-128-GCM by aws-lc.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::peer::Fault;

/// The name in the certificate.
pub(super) const NAME: &str = "bench.invalid";
const PROTOCOL: &[u8] = b"bench";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
        ..aws_lc_rs::default_provider()
    })
}

/// A server's configuration, and its certificate for the client.
pub(super) fn server() -> Result<(ServerConfig, Vec<u8>), Fault> {
    let signed = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der());
    let certificate = signed.cert.der().clone();
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], PrivateKeyDer::Pkcs8(key))?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok((config, certificate.to_vec()))
}

/// The configuration of a client that trusts this certificate. Every handshake is a full one.
pub(super) fn client(certificate: &[u8]) -> Result<ClientConfig, Fault> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(certificate.to_vec()))?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}
