//! `bitcoin-grpc health`: whether a server on this machine can answer calls.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tonic::Code;
use tonic::transport::{Channel, Endpoint, Error};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::AppError;
use super::listen::{Address, ListenerConfig};

/// How long the answer may take: health is answered from memory, and orchestrators usually give a check a few seconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the first of the listeners that can be asked. It is an error if the server does not say SERVING.
pub(super) async fn health(listeners: &[ListenerConfig]) -> Result<(), AppError> {
    let Some(place) = listeners.iter().find_map(reachable) else {
        return Err(AppError::NotServing(NOWHERE.to_owned()));
    };
    let answer = tokio::time::timeout(PATIENCE, ask(&place)).await;
    match answer.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}"))) {
        Ok(ServingStatus::Serving) => Ok(()),
        Ok(status) => Err(AppError::NotServing(format!("{place}: {}", status.as_str_name()))),
        Err(problem) => Err(AppError::NotServing(format!("{place}: {problem}"))),
    }
}

/// What is said if no listener can be asked.
const NOWHERE: &str = "no listener takes unencrypted calls from this machine; give the server one, such as \
                       --listen 127.0.0.1:50050 or unix:PATH in a [[listener]] of its own, and name it here by --listen";

/// How this machine reaches a listener without encryption, if it can.
fn reachable(listener: &ListenerConfig) -> Option<String> {
    match &listener.address {
        Address::Tcp(address) if listener.rules.tls.is_none() => {
            Some(format!("http://{}", from_here(*address)))
        }
        Address::Unix(path) => Some(format!("unix:{}", path.display())),
        Address::Tcp(_) | Address::Inherited(_) => None,
    }
}

/// Who listens everywhere listens on this machine, too.
fn from_here(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

async fn ask(place: &str) -> Result<ServingStatus, String> {
    let channel = connect(place).await.map_err(|error| reason(&error))?;
    let request = HealthCheckRequest { service: String::new() };
    let reply =
        HealthClient::new(channel).check(request).await.map_err(|status| match status.code() {
            Code::PermissionDenied | Code::Unauthenticated => {
                format!("{}; the policy has to grant grpc.health", status.message())
            }
            _ => status.message().to_owned(),
        })?;
    Ok(reply.into_inner().status())
}

async fn connect(place: &str) -> Result<Channel, Error> {
    Endpoint::from_shared(place.to_owned())?.connect().await
}

/// What lies at the bottom of a transport's error, which by itself says little.
fn reason(error: &Error) -> String {
    let mut bottom: &dyn std::error::Error = error;
    while let Some(source) = bottom.source() {
        bottom = source;
    }
    bottom.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_asked_here() {
        for (listens, asked) in [
            ("0.0.0.0:50051", "127.0.0.1:50051"),
            ("[::]:50051", "[::1]:50051"),
            ("10.0.0.7:1", "10.0.0.7:1"),
        ] {
            assert_eq!(from_here(listens.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
