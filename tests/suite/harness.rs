//! A server in this process in front of a backend that a test makes up.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bitcoin_grpc::app::listen::{Address, ListenerConfig};
use bitcoin_grpc::app::rules::{RuleBook, RulesConfig};
use bitcoin_grpc::app::serve::DISCONNECT;
use bitcoin_grpc::app::server::{Server, ServerConfig, ServerError};
use bitcoin_grpc::app::vital::VitalSigns;
use bitcoin_grpc::app::worker::Started;
use bitcoin_grpc::backend::{NodeInfo, NodeState};
use bitcoin_grpc::call::{Call, Outcome};
use bitcoin_grpc::error::CallError;
use bitcoin_grpc::frontend::grpc::ConnectionLimits;
use bitcoin_grpc::frontend::grpc::services::echo_client::EchoClient;
use bitcoin_grpc::layer::admission::{AdmissionLayer, Limits};
use bitcoin_grpc::layer::deadline::Deadlines;
use bitcoin_grpc::layer::rights::Rights;
use bitcoin_grpc::layer::streams::{StreamLimits, StreamsLayer};
use bitcoin_grpc::stack::{Layers, Stack, compose};
use bitcoin_grpc_contract::{Profile, Reply, Request, Service, v1};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};

pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Outcome, CallError>> + Send>>;

/// A backend that answers as a function says.
#[derive(Clone)]
pub(crate) struct Mock(Arc<dyn Fn(Call) -> Answer + Send + Sync>);

impl tower::Service<Call> for Mock {
    type Response = Outcome;
    type Error = CallError;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Answer {
        (self.0)(call)
    }
}

/// A backend from a function.
pub(crate) fn mock<F, R>(answer: impl Fn(Call) -> F + Send + Sync + 'static) -> Mock
where
    F: Future<Output = Result<R, CallError>> + Send + 'static,
    R: Into<Outcome>,
{
    Mock(Arc::new(move |call| {
        let answer = answer(call);
        Box::pin(async move { answer.await.map(Into::into) })
    }))
}

/// Answers Echo with what it was asked, and every other method with an error.
pub(crate) fn echo() -> Mock {
    mock(|call| async move { echoed(call) })
}

/// The reply of Echo.
pub(crate) fn echoed(call: Call) -> Result<Reply, CallError> {
    match call.request {
        Request::EchoEcho(v1::EchoEchoRequest { echo }) => {
            Ok(Reply::EchoEcho(v1::EchoEchoResponse { echo }))
        }
        other => Err(CallError::NodeException(format!("{:?}", other.method()))),
    }
}

/// Always fails with this.
pub(crate) fn failing(error: CallError) -> Mock {
    mock(move |_| std::future::ready(Err::<Reply, _>(error.clone())))
}

/// A node that offers these.
pub(crate) fn ready(services: &[Service]) -> NodeState {
    let profile = Profile::by_name("core-32").unwrap();
    NodeState::Ready(NodeInfo { profile, services: services.to_vec(), tip: None })
}

/// What the tests change of the configuration.
pub(crate) struct Setup {
    pub(crate) limits: Limits,
    pub(crate) streams: StreamLimits,
    pub(crate) deadlines: Deadlines,
    pub(crate) rights: Rights,
    pub(crate) threads: usize,
    pub(crate) drain: Duration,
    pub(crate) connections: ConnectionLimits,
    /// The listeners; one on loopback with `rights` if there are none.
    pub(crate) listen: Vec<ListenerConfig>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            streams: StreamLimits::default(),
            deadlines: Deadlines::default(),
            rights: Rights::open(),
            threads: 1,
            drain: Duration::from_secs(5),
            connections: ConnectionLimits::default(),
            listen: Vec::new(),
        }
    }
}

/// Any port of this machine.
pub(crate) fn loopback() -> Address {
    Address::Tcp("127.0.0.1:0".parse().unwrap())
}

/// A running server.
pub(crate) struct Harness {
    pub(crate) address: String,
    pub(crate) addresses: Vec<Address>,
    /// The rules of its listeners.
    pub(crate) rules: Arc<RuleBook>,
    /// What can be asked of the server.
    pub(crate) signs: VitalSigns,
    /// State of the node as the backend tells it.
    pub(crate) state: watch::Sender<NodeState>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), ServerError>>,
}

impl Harness {
    pub(crate) async fn start(backend: Mock) -> Self {
        Self::with(Setup::default(), backend).await
    }

    pub(crate) async fn with(setup: Setup, backend: Mock) -> Self {
        let (state, states) = watch::channel(ready(&Service::ALL));
        let layers = Layers {
            deadlines: setup.deadlines,
            streams: StreamsLayer::new(setup.streams),
            admission: AdmissionLayer::new(setup.limits),
            metrics: Arc::default(),
        };
        let metrics = Arc::clone(&layers.metrics);
        let starter = move || {
            let (admission, streams) = (layers.admission.clone(), layers.streams.clone());
            Started {
                stack: compose(&layers, backend.clone(), states.clone()),
                probe: Stack::new(backend.clone()),
                state: states.clone(),
                end_streams: Box::new(move || streams.close()),
                stop: Box::pin(async move { admission.close() }),
                stop_limit: DISCONNECT,
            }
        };
        let mut listen = setup.listen;
        if listen.is_empty() {
            let rules = RulesConfig { rights: setup.rights, ..RulesConfig::default() };
            listen.push(ListenerConfig { rules, ..ListenerConfig::new(loopback()) });
        }
        let config = ServerConfig {
            listen,
            threads: NonZeroUsize::new(setup.threads).unwrap(),
            max_connections: 100,
            connections: setup.connections,
            drain: setup.drain,
        };
        let server = Server::start(&config, Arc::new(starter), metrics).await.unwrap();
        let addresses = server.addresses();
        let address = addresses[0].to_string();
        let (rules, signs) = (server.rules(), server.vital_signs());
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(async { _ = stopped.await }));
        Self { address, addresses, rules, signs, state, stop, running }
    }

    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    pub(crate) async fn echo(&self) -> EchoClient<Channel> {
        EchoClient::new(self.channel().await)
    }

    /// Tells the server to stop and gives what it ends with.
    pub(crate) fn stop(self) -> JoinHandle<Result<(), ServerError>> {
        self.stop.send(()).unwrap();
        self.running
    }
}

pub(crate) fn echo_request(text: &str) -> v1::EchoEchoRequest {
    v1::EchoEchoRequest { echo: text.to_owned() }
}
