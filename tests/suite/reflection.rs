//! Reflection as tools use it: both versions, every service, with comments.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin_grpc_contract::{Method, Service};
use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic_reflection::pb::{v1, v1alpha};

use super::harness::{Harness, echo};

/// Asks one question of one version and gives the answer.
macro_rules! ask {
    ($version:ident, $channel:expr, $question:expr) => {{
        use $version::server_reflection_client::ServerReflectionClient;
        let request = $version::ServerReflectionRequest {
            host: String::new(),
            message_request: Some($question),
        };
        let mut client = ServerReflectionClient::new($channel);
        let answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap();
        answers.into_inner().next().await.unwrap().unwrap().message_response.unwrap()
    }};
}

macro_rules! services {
    ($version:ident, $channel:expr) => {{
        use $version::server_reflection_request::MessageRequest;
        use $version::server_reflection_response::MessageResponse;
        match ask!($version, $channel, MessageRequest::ListServices(String::new())) {
            MessageResponse::ListServicesResponse(list) => {
                list.service.into_iter().map(|service| service.name).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    }};
}

macro_rules! file_of {
    ($version:ident, $channel:expr, $symbol:expr) => {{
        use $version::server_reflection_request::MessageRequest;
        use $version::server_reflection_response::MessageResponse;
        match ask!($version, $channel, MessageRequest::FileContainingSymbol($symbol)) {
            MessageResponse::FileDescriptorResponse(files) => {
                FileDescriptorProto::decode(&files.file_descriptor_proto[0][..]).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }};
}

fn complete(mut listed: Vec<String>) {
    let ours = Service::ALL.map(|service| format!("bitcoin.ipc.v1.{}", service.name()));
    let beside = [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    ];
    let mut wanted: Vec<_> = ours.into_iter().chain(beside.map(str::to_owned)).collect();
    wanted.sort();
    listed.sort();
    assert_eq!(listed, wanted);
}

#[tokio::test]
async fn both_versions_list_every_service() {
    let harness = Harness::start(echo()).await;
    complete(services!(v1, harness.channel().await));
    complete(services!(v1alpha, harness.channel().await));
}

/// The methods that a service is said to have.
fn served(file: &FileDescriptorProto, service: Service) -> BTreeSet<&str> {
    let found = file.service.iter().find(|candidate| candidate.name() == service.name());
    found.expect("the service").method.iter().map(|method| method.name()).collect()
}

/// The comment on a method, as tools find it: path 6 is the services, 2 their methods.
fn comment(file: &FileDescriptorProto, service: &str, method: &str) -> Option<String> {
    let s = file.service.iter().position(|candidate| candidate.name() == service)?;
    let m = file.service[s].method.iter().position(|candidate| candidate.name() == method)?;
    let path = [6, i32::try_from(s).unwrap(), 2, i32::try_from(m).unwrap()];
    let locations = &file.source_code_info.as_ref()?.location;
    locations.iter().find(|location| location.path == path)?.leading_comments.clone()
}

#[tokio::test]
async fn every_method_is_described_with_a_comment() {
    let harness = Harness::start(echo()).await;
    let channel: Channel = harness.channel().await;
    for service in Service::ALL {
        let symbol = format!("bitcoin.ipc.v1.{}", service.name());
        let file = file_of!(v1, channel.clone(), symbol.clone());
        assert_eq!(file, file_of!(v1alpha, channel.clone(), symbol));
        let methods = Method::ALL.into_iter().filter(|method| method.info().service == service);
        assert_eq!(served(&file, service), methods.clone().map(|m| m.info().name).collect());
        for method in methods {
            let comment = comment(&file, service.name(), method.info().name).unwrap_or_default();
            assert!(comment.contains("Access: "), "{}: {comment:?}", method.info().full_name);
        }
    }
}

/// Methods of the node's newest interfaces without an rpc of their own, by interface: what belongs to
/// connecting, to threads, and to the ends of objects and streams.
const WITHOUT: [(&str, usize); 9] = [
    ("BlockTemplate", 1),
    ("Chain", 1),
    ("ChainClient", 2),
    ("Echo", 1),
    ("Node", 2),
    ("Mining", 0),
    ("Rpc", 0),
    ("Wallet", 1),
    ("WalletLoader", 0),
];

/// The rpcs that are served are as many as the wire's methods that are to have one. Which is which is
/// held together by name in the tests of the generator.
#[tokio::test]
async fn the_wire_and_reflection_have_as_many_methods() {
    let facts = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/profiles/pr10102-2026-07.json");
    let facts: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(facts).unwrap()).unwrap();
    let wire: BTreeMap<_, _> = WITHOUT
        .map(|(interface, without)| {
            let methods = facts["interfaces"][interface]["methods"].as_array().unwrap().len();
            (interface, methods - without)
        })
        .into();
    let harness = Harness::start(echo()).await;
    let channel = harness.channel().await;
    let mut rpcs = BTreeMap::new();
    for service in Service::ALL {
        let file = file_of!(v1, channel.clone(), format!("bitcoin.ipc.v1.{}", service.name()));
        rpcs.insert(service.name(), served(&file, service).len());
    }
    // The wallet loader inherits the methods of ChainClient.
    let mut wanted = wire;
    *wanted.get_mut("WalletLoader").unwrap() += wanted["ChainClient"];
    wanted.remove("ChainClient");
    assert_eq!(rpcs, wanted);
}

#[tokio::test]
async fn every_import_can_be_had_by_its_name() {
    use v1::server_reflection_request::MessageRequest;
    use v1::server_reflection_response::MessageResponse;
    let harness = Harness::start(echo()).await;
    let channel = harness.channel().await;
    let set =
        FileDescriptorSet::decode(bitcoin_grpc::frontend::grpc::reflection::DESCRIPTORS).unwrap();
    for name in set.file.iter().flat_map(|file| &file.dependency) {
        let answer = ask!(v1, channel.clone(), MessageRequest::FileByFilename(name.clone()));
        assert!(matches!(answer, MessageResponse::FileDescriptorResponse(_)), "{name}");
    }
}
