//! The way to a server.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};
use tower::service_fn;

use crate::error::CallError;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// What may help if nobody answers.
const NOBODY: &str = "is bitcoin-grpc serve running there? --addr and --unix say where";
const NO_TLS: &str = "it may want TLS: --tls-ca";
const TLS: &str = "does it speak TLS there? --tls-ca names its authority, --server-name what its certificate says";

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Host and port.
    Tcp(String),
    /// A unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Address {
    /// Whether what is sent there stays on this machine.
    fn is_local(&self) -> bool {
        let Self::Tcp(address) = self else { return true };
        let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
        ip.map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |ip| ip.is_loopback())
    }
}

/// How TLS is spoken.
#[derive(Clone)]
pub struct Tls {
    /// Certificates of the authorities that are trusted, in PEM.
    pub authorities: Vec<u8>,
    /// Our certificate and its key, in PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// Name that the server's certificate must have, if not the address's.
    pub name: Option<String>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Tls {
    fn config(&self) -> ClientTlsConfig {
        let mut config =
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.authorities));
        if let Some((certificate, key)) = &self.identity {
            config = config.identity(Identity::from_pem(certificate, key));
        }
        if let Some(name) = &self.name {
            config = config.domain_name(name);
        }
        config
    }
}

/// A token, sent with every request.
#[derive(Clone, Default)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Bearer(…)" } else { "Bearer(none)" })
    }
}

impl Bearer {
    /// From a token's text, or `None` if a header cannot hold it.
    #[must_use]
    pub fn new(token: &str) -> Option<Self> {
        let usable = !token.is_empty() && token.chars().all(|letter| letter.is_ascii_graphic());
        let mut value: MetadataValue<Ascii> = format!("Bearer {token}").parse().ok()?;
        value.set_sensitive(true);
        usable.then_some(Self(Some(value)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// A connection that shows who calls.
pub(crate) type Wire = InterceptedService<Channel, Bearer>;

/// How to reach a server.
#[derive(Debug, Clone)]
pub struct Reach {
    /// Where it is.
    pub address: Address,
    /// TLS, if it speaks that.
    pub tls: Option<Tls>,
    /// Who calls.
    pub bearer: Bearer,
}

impl Reach {
    /// Connects.
    pub(crate) async fn wire(&self) -> Result<Wire, CallError> {
        if self.bearer.0.is_some() && self.tls.is_none() && !self.address.is_local() {
            return Err(CallError::mistyped(format!(
                "the token would travel to {} for everybody to read; --tls-ca speaks TLS",
                self.address
            )));
        }
        let connected = match &self.address {
            Address::Tcp(address) => self.tcp(address).await,
            Address::Unix(path) => unix(path.clone()).await,
        };
        let channel = connected.map_err(|error| self.unreachable(&error))?;
        Ok(InterceptedService::new(channel, self.bearer.clone()))
    }

    async fn tcp(&self, address: &str) -> Result<Channel, tonic::transport::Error> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))?;
        if let Some(tls) = &self.tls {
            endpoint = endpoint.tls_config(tls.config())?;
        }
        endpoint.connect_timeout(CONNECT).tcp_nodelay(true).connect().await
    }

    /// What is said of a connection that there is not, or not any more.
    pub(crate) fn unreachable(&self, error: &dyn std::error::Error) -> CallError {
        let why = root(error);
        let hint = match &self.tls {
            Some(_) => TLS,
            // A server that expects TLS hangs up, or answers what HTTP/2 does not know.
            None if why.contains("refused") || matches!(self.address, Address::Unix(_)) => NOBODY,
            None => NO_TLS,
        };
        CallError::Unreachable { address: self.address.to_string(), why, hint }
    }
}

async fn unix(path: PathBuf) -> Result<Channel, tonic::transport::Error> {
    // The name is of no use on a socket, but HTTP wants one.
    let endpoint = Endpoint::from_static("http://localhost").connect_timeout(CONNECT);
    let connect = service_fn(move |_| {
        let path = path.clone();
        async { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    endpoint.connect_with_connector(connect).await
}

/// The innermost cause says most.
fn root(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_on_this_machine() {
        let local = |text: &str| Address::Tcp(text.to_owned()).is_local();
        assert!(local("127.0.0.1:50051") && local("localhost:1") && local("[::1]:50051"));
        assert!(!local("192.0.2.1:50051") && !local("localhost.example.org:1"));
        assert!(Address::Unix("/x".into()).is_local());
    }

    #[test]
    fn a_token_is_neither_shown_nor_taken_if_it_cannot_be_sent() {
        assert_eq!(format!("{:?}", Bearer::new("secret").unwrap()), "Bearer(…)");
        for token in ["", "two words", "line\nbreak", "ä"] {
            assert!(Bearer::new(token).is_none(), "{token:?}");
        }
    }

    #[tokio::test]
    async fn a_token_does_not_leave_this_machine_in_the_open() {
        let address = Address::Tcp("192.0.2.1:50051".to_owned());
        let reach = Reach { address, tls: None, bearer: Bearer::new("secret").unwrap() };
        let error = reach.wire().await.unwrap_err();
        assert!(matches!(&error, CallError::Mistyped(why) if why.contains("--tls-ca")), "{error}");
    }
}
