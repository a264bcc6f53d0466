//! Requests as no decent client sends them. Each gets a status, and nobody else notices.

use bitcoin_grpc::frontend::grpc::limits::MAX_REQUEST;
use bytes::Bytes;
use prost::Message;
use tonic::Code;
use tonic_types::StatusExt;

use super::harness::{Harness, echo, echo_request, mock};
use super::raw::{Answer, ECHO, framed, post, prefixed, send};

/// Sends one request and makes sure that a well-behaved one beside it is answered.
async fn sent(path: &str, headers: &[(&str, &str)], body: Bytes) -> Answer {
    let harness = Harness::start(echo()).await;
    let mut decent = harness.echo().await;
    let mut request = post(&harness.address, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = send(&harness.address, request.body(body).unwrap()).await;
    assert_eq!(
        decent.echo(echo_request("still there")).await.unwrap().into_inner().echo,
        "still there"
    );
    answer
}

fn refused(answer: &Answer, code: Code, reason: &str) {
    let status = answer.status();
    assert_eq!(status.code(), code, "{status:?}");
    assert_eq!(status.get_details_error_info().unwrap().reason, reason);
}

fn hello() -> Bytes {
    framed(&echo_request("hello").encode_to_vec())
}

#[tokio::test]
async fn a_decent_one_for_comparison() {
    let answer = sent(ECHO, &[], hello()).await;
    assert_eq!(answer.http, 200);
    assert_eq!(answer.body, hello());
    assert_eq!(answer.status().code(), Code::Ok);
}

#[tokio::test]
async fn malformed_messages() {
    // A length that reaches beyond the end, a wrong wire type, text that is not UTF-8.
    for message in [&[0x0a, 0x7f, 0x41][..], &[0x09, 0x01], &[0x0a, 0x02, 0xff, 0xfe], &[0xff; 20]]
    {
        let answer = sent(ECHO, &[], framed(message)).await;
        refused(&answer, Code::InvalidArgument, "MESSAGE_MALFORMED");
    }
    let nothing = sent(ECHO, &[], Bytes::new()).await;
    refused(&nothing, Code::InvalidArgument, "MESSAGE_MALFORMED");
}

#[tokio::test]
async fn a_frame_that_ends_too_early() {
    let answer = sent(ECHO, &[], prefixed(0, 100, b"short")).await;
    refused(&answer, Code::InvalidArgument, "MESSAGE_MALFORMED");
}

#[tokio::test]
async fn messages_that_are_too_large() {
    let announced = sent(ECHO, &[], prefixed(0, u32::MAX, b"x")).await;
    refused(&announced, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    assert!(announced.status().get_details_retry_info().is_none());
}

#[tokio::test]
async fn a_whole_block_fits() {
    use bitcoin_grpc::frontend::grpc::services::mining_client::MiningClient;
    use bitcoin_grpc_contract::v1;
    let harness = Harness::start(echo()).await;
    let mut client = MiningClient::new(harness.channel().await);
    // It is no block, but it is as long as one and is looked at.
    let block = Bytes::from(vec![0; 4_000_000]);
    let request = v1::MiningCheckBlockRequest { block, ..Default::default() };
    let status = client.check_block(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.get_details_error_info().unwrap().reason, "INVALID_FIELD");
    const { assert!(MAX_REQUEST > 4_000_000) };
}

#[tokio::test]
async fn unknown_methods_and_services() {
    for path in [
        "/bitcoin.ipc.v1.Echo/Ohce",
        "/bitcoin.ipc.v1.Bell/Ring",
        "/",
        "/x",
        "//",
        "/bitcoin.ipc.v1.Echo",
    ] {
        let answer = sent(path, &[], hello()).await;
        refused(&answer, Code::Unimplemented, "METHOD_UNKNOWN");
        assert!(answer.status().message().contains(path));
    }
}

#[tokio::test]
async fn compressed_messages() {
    let answer = sent(ECHO, &[("grpc-encoding", "gzip")], prefixed(1, 5, b"hello")).await;
    refused(&answer, Code::Unimplemented, "ENCODING_NOT_SUPPORTED");
    // The flag without the header is a fault of the client's.
    let answer = sent(ECHO, &[], prefixed(1, 5, b"hello")).await;
    refused(&answer, Code::InvalidArgument, "MESSAGE_MALFORMED");
}

#[tokio::test]
async fn malformed_timeouts() {
    for timeout in ["soon", "1", "123456789S", "-1S", "5s"] {
        let answer = sent(ECHO, &[("grpc-timeout", timeout)], hello()).await;
        refused(&answer, Code::InvalidArgument, "INVALID_FIELD");
        let violations = answer.status().get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "grpc-timeout");
    }
}

#[tokio::test]
async fn what_is_no_grpc() {
    let harness = Harness::start(echo()).await;
    let uri = format!("http://{}{ECHO}", harness.address);
    let get = http::Request::get(&uri).body(Bytes::new()).unwrap();
    assert_eq!(send(&harness.address, get).await.http, 405);
    let json =
        http::Request::post(&uri).header("content-type", "application/json").body(Bytes::new());
    assert_eq!(send(&harness.address, json.unwrap()).await.http, 415);
}

#[tokio::test]
async fn unknown_enum_values_never_reach_the_node() {
    use bitcoin_grpc::frontend::grpc::services::chain_client::ChainClient;
    use bitcoin_grpc_contract::v1;
    let harness = Harness::start(mock::<_, bitcoin_grpc_contract::Reply>(|_| async {
        panic!("it reached the node")
    }))
    .await;
    let mut client = ChainClient::new(harness.channel().await);
    let request =
        v1::ChainBroadcastTransactionRequest { broadcast_method: 99, ..Default::default() };
    let status = client.broadcast_transaction(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert!(violations.iter().any(|v| v.field == "broadcast_method"), "{violations:?}");
}

#[tokio::test]
async fn unknown_fields_are_ignored_as_protobuf_wants() {
    let mut message = echo_request("hello").encode_to_vec();
    message.extend([0xf8, 0x3f, 0x01]);
    let answer = sent(ECHO, &[], framed(&message)).await;
    assert_eq!(answer.body, hello());
}
