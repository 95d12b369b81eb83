//! Whom both ends trust, and what they show.

use std::io;
use std::sync::Arc;

use async_op::io::Transport;
use async_op::net::tls::rustls::pki_types::PrivateKeyDer;
use async_op::net::tls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use async_op::net::tls::{Acceptor, Connector, TlsStream};
use async_op_tests::net::both;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What a server shows.
pub(crate) struct Shown {
    pub(crate) certificate: rcgen::Certificate,
    pub(crate) key: KeyPair,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Makes what a server of this name shows, until the year `end`.
    pub(crate) fn shown(&self, name: &str, end: i32) -> Shown {
        let key = KeyPair::generate().unwrap();
        let certificate = params(name, end).signed_by(&key, &self.0).unwrap();
        Shown { certificate, key }
    }

    pub(crate) fn config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    /// A connector that trusts this, of each library.
    pub(crate) fn connectors(&self) -> Vec<(&'static str, Connector)> {
        vec![
            ("rustls", self.config().into()),
            #[cfg(feature = "native-tls")]
            ("native-tls", {
                let root = native_tls::Certificate::from_pem(self.pem().as_bytes()).unwrap();
                let mut builder = native_tls::TlsConnector::builder();
                builder
                    .add_root_certificate(root)
                    .request_alpns(&["one", "two"]);
                builder.build().unwrap().into()
            }),
        ]
    }
}

fn params(name: &str, end: i32) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(end, 1, 1);
    params
}

impl Shown {
    /// What nobody has signed but itself.
    pub(crate) fn by_itself(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params(name, 2100).self_signed(&key).unwrap();
        Self { certificate, key }
    }

    pub(crate) fn config(&self) -> ServerConfig {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.der().clone()], key)
            .unwrap()
    }

    /// An acceptor that shows this, of each library.
    pub(crate) fn acceptors(&self) -> Vec<(&'static str, Acceptor)> {
        vec![
            ("rustls", self.config().into()),
            #[cfg(feature = "native-tls")]
            ("native-tls", {
                let (certificate, key) = (self.certificate.pem(), self.key.serialize_pem());
                let identity =
                    native_tls::Identity::from_pkcs8(certificate.as_bytes(), key.as_bytes());
                native_tls::TlsAcceptor::new(identity.unwrap())
                    .unwrap()
                    .into()
            }),
        ]
    }
}

/// Both ends of each pair of libraries, who trust each other as `localhost`.
pub(crate) fn pairs() -> Vec<(String, Connector, Acceptor)> {
    let authority = Authority::new("authority");
    let shown = authority.shown("localhost", 2100);
    let mut pairs = Vec::new();
    for (client, connector) in authority.connectors() {
        for (server, acceptor) in shown.acceptors() {
            pairs.push((
                format!("{client} with {server}"),
                connector.clone(),
                acceptor,
            ));
        }
    }
    pairs
}

/// Shakes hands, both ends at the same time.
pub(crate) async fn shake_hands<S: Transport>(
    (connector, acceptor): (&Connector, &Acceptor),
    (a, b): (S, S),
) -> (io::Result<TlsStream<S>>, io::Result<TlsStream<S>>) {
    both(connector.connect(a, "localhost"), acceptor.accept(b)).await
}

/// The same for two who trust each other.
pub(crate) async fn connected<S: Transport>(
    (connector, acceptor): (&Connector, &Acceptor),
    ends: (S, S),
) -> (TlsStream<S>, TlsStream<S>) {
    let (a, b) = shake_hands((connector, acceptor), ends).await;
    (a.unwrap(), b.unwrap())
}

/// A configuration with protocols to agree on.
pub(crate) fn with_protocols(mut config: ServerConfig, protocols: &[&str]) -> Acceptor {
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    Arc::new(config).into()
}
