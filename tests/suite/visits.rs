//! Clients that come in by any listener with any proof, and what they are told.

use std::fmt;
use std::sync::Arc;

use bitcoin_grpc::app::listen::Address;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tonic::Code;
use tonic_types::StatusExt;

use super::pki::SERVER;
use super::raw::{Answer, framed, post, send_over};

/// How a client comes in.
#[derive(Clone, Default)]
pub(crate) struct Way {
    /// Over TLS, if so.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// Its `authorization` headers.
    pub(crate) authorization: Vec<String>,
}

impl Way {
    pub(crate) fn token(self, token: &str) -> Self {
        Self { authorization: vec![format!("Bearer {token}")], ..self }
    }

    pub(crate) fn tls(config: Arc<ClientConfig>) -> Self {
        Self { tls: Some(config), ..Self::default() }
    }
}

/// What a client is told.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} ({})", self.code, self.reason, self.message)
    }
}

impl From<Answer> for Told {
    fn from(answer: Answer) -> Self {
        let status = answer.status();
        let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
        Self { code: status.code(), reason, message: status.message().to_owned() }
    }
}

/// Opens TLS to a server.
pub(crate) async fn connect_tls(
    address: &str,
    config: Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(config).connect(SERVER.try_into().unwrap(), stream).await
}

/// Where a client on this machine reaches a listener.
pub(crate) fn reach(address: &Address) -> String {
    match address {
        Address::Tcp(address) => format!("127.0.0.1:{}", address.port()),
        Address::Unix(path) => path.display().to_string(),
        Address::Inherited(_) => panic!("not known before it is taken over"),
    }
}

/// Sends one call with an empty message; an error if the connection does not carry it.
pub(crate) async fn visit(address: &Address, way: &Way, path: &str) -> Result<Told, String> {
    visit_with(address, way, path, &[]).await
}

/// The same with a message.
pub(crate) async fn visit_with(
    address: &Address,
    way: &Way,
    path: &str,
    message: &[u8],
) -> Result<Told, String> {
    let mut request = post("node", path);
    for value in &way.authorization {
        request = request.header("authorization", value);
    }
    let request = request.body(framed(message)).unwrap();
    let place = reach(address);
    let answer = match (address, &way.tls) {
        (Address::Unix(_), _) => {
            send_over(UnixStream::connect(place).await.unwrap(), request).await
        }
        (_, None) => send_over(TcpStream::connect(place).await.unwrap(), request).await,
        (_, Some(config)) => {
            let stream = connect_tls(&place, Arc::clone(config)).await;
            send_over(stream.map_err(|error| error.to_string())?, request).await
        }
    };
    answer.map(Told::from).map_err(|error| error.to_string())
}
