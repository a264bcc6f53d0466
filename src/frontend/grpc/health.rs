//! `grpc.health.v1`: whether calls of a service can be answered now, and overall whether any can.

use std::fmt;

use bitcoin_grpc_contract::Service;
use futures_util::StreamExt;
use futures_util::stream::select_all;
use http::Request;
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthReporter;

use super::contract::{Contract, HttpAnswer};
use super::receive::Received;
use crate::backend::NodeState;

/// Name of the health service.
pub(super) const NAME: &str = tonic_health::pb::health_server::SERVICE_NAME;

/// The name under which the health of the whole server is asked.
const OVERALL: &str = "";

/// The health service. Clones share one state.
#[derive(Clone)]
pub struct HealthService {
    server: HealthServer<tonic_health::server::HealthService>,
}

impl HealthService {
    pub(super) fn call(&self, request: Request<Received<Incoming>>) -> HttpAnswer {
        tonic::codegen::Service::call(&mut self.server.clone(), request)
    }
}

impl fmt::Debug for HealthService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthService").finish_non_exhaustive()
    }
}

/// Says how healthy the services are.
#[derive(Debug, Clone)]
pub struct Health {
    reporter: HealthReporter,
}

impl Health {
    /// Everything is NOT_SERVING at first: no node has answered yet.
    pub async fn new() -> Self {
        let health = Self { reporter: HealthReporter::new() };
        health.tell(&[]).await;
        health
    }

    /// The service that answers from this state.
    #[must_use]
    pub fn service(&self) -> HealthService {
        let service =
            tonic_health::server::HealthService::from_health_reporter(self.reporter.clone());
        HealthService { server: HealthServer::new(service) }
    }

    /// Follows the backends' states for as long as there are any. A service is healthy if every
    /// backend can answer its calls, since a client cannot choose between them.
    pub async fn follow(self, states: Vec<watch::Receiver<NodeState>>) {
        let mut changes = select_all(states.iter().cloned().map(WatchStream::new));
        while changes.next().await.is_some() {
            let told =
                |service: Service| states.iter().all(|state| answers(&state.borrow(), service));
            let healthy: Vec<_> =
                Service::ALL.into_iter().filter(|service| told(*service)).collect();
            self.tell(&healthy).await;
        }
    }

    /// Everything is NOT_SERVING, and those who watch are told and let go: their streams would keep
    /// connections open that are to end.
    pub async fn close(mut self) {
        self.tell(&[]).await;
        for name in names() {
            self.reporter.clear_service_status(name).await;
        }
    }

    async fn tell(&self, healthy: &[Service]) {
        self.set(OVERALL, !healthy.is_empty()).await;
        for (service, name) in Service::ALL.into_iter().zip(Contract::NAMES) {
            self.set(name, healthy.contains(&service)).await;
        }
    }

    async fn set(&self, name: &str, healthy: bool) {
        let status = if healthy { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.reporter.set_service_status(name, status).await;
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    std::iter::once(OVERALL).chain(Contract::NAMES.iter().copied())
}

/// Whether a backend in that state can answer the calls of a service.
fn answers(state: &NodeState, service: Service) -> bool {
    match state {
        NodeState::Ready(node) => node.services.contains(&root(service)),
        NodeState::Connecting { .. }
        | NodeState::Held
        | NodeState::Loading
        | NodeState::Stuck(_)
        | NodeState::Ended { .. }
        | NodeState::Stopped => false,
    }
}

/// The service through which a service's objects are reached; a root is reached by itself.
const fn root(service: Service) -> Service {
    match service {
        Service::BlockTemplate => Service::Mining,
        Service::Wallet => Service::WalletLoader,
        Service::Chain
        | Service::Echo
        | Service::Mining
        | Service::Node
        | Service::Rpc
        | Service::WalletLoader => service,
    }
}

#[cfg(test)]
mod tests {
    use bitcoin_grpc_contract::PROFILES;

    use super::*;
    use crate::backend::NodeInfo;

    fn node(services: &[Service]) -> NodeInfo {
        NodeInfo { profile: &PROFILES[0], services: services.to_vec(), tip: None }
    }

    #[test]
    fn names_are_in_the_order_of_the_services() {
        for (service, name) in Service::ALL.into_iter().zip(Contract::NAMES) {
            assert_eq!(*name, format!("bitcoin.ipc.v1.{}", service.name()));
        }
        assert_eq!(Service::ALL.len(), Contract::NAMES.len());
    }

    #[test]
    fn a_service_is_healthy_if_its_root_answers() {
        let ready = NodeState::Ready(node(&[Service::Mining, Service::Chain]));
        let healthy: Vec<_> = Service::ALL.into_iter().filter(|s| answers(&ready, *s)).collect();
        assert_eq!(healthy, [Service::Chain, Service::BlockTemplate, Service::Mining]);
    }

    #[test]
    fn nothing_is_healthy_while_the_node_is_away_or_stuck() {
        let all = node(&Service::ALL);
        let away = NodeState::Connecting { last_error: None };
        for state in [away, NodeState::Loading, NodeState::Stuck(all), NodeState::Stopped] {
            assert!(!Service::ALL.into_iter().any(|s| answers(&state, s)), "{state:?}");
        }
    }
}
