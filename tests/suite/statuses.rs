//! Every error of the stack as a client receives it.

use std::convert::Infallible;
use std::time::Duration;

use bitcoin_grpc::error::CallError;
use bitcoin_grpc::layer::rights::Rights;
use bitcoin_grpc_contract::{Access, Method, Violation};
use http_body_util::StreamBody;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tonic::Code;
use tonic_types::StatusExt;

use super::harness::{Harness, Setup, echo, echo_request, failing};
use super::raw::post;

async fn received(error: CallError) -> tonic::Status {
    let harness = Harness::start(failing(error)).await;
    harness.echo().await.echo(echo_request("x")).await.unwrap_err()
}

#[tokio::test]
async fn codes_and_reasons_arrive() {
    let method = Method::EchoEcho;
    let cases = [
        (
            CallError::NotInProfile { method, profile: "core-30", why: None },
            Code::Unimplemented,
            "METHOD_NOT_IN_NODE",
        ),
        (
            CallError::Busy { retry_after: Duration::from_millis(100) },
            Code::ResourceExhausted,
            "TOO_MANY_CALLS",
        ),
        (CallError::NoNode("gone".to_owned()), Code::Unavailable, "NODE_UNAVAILABLE"),
        (CallError::NodeLost, Code::Unavailable, "NODE_LOST"),
        (CallError::AboveTip { height: 5 }, Code::OutOfRange, "HEIGHT_ABOVE_TIP"),
        (CallError::NodeException("what".to_owned()), Code::Internal, "NODE_EXCEPTION"),
        (CallError::Draining, Code::Unavailable, "DRAINING"),
    ];
    for (error, code, reason) in cases {
        let status = received(error).await;
        assert_eq!(status.code(), code, "{reason}");
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.domain.as_str(), info.reason.as_str()), ("bitcoin-grpc", reason));
        assert_eq!(info.metadata["method"], "bitcoin.ipc.v1.Echo/Echo");
    }
}

#[tokio::test]
async fn retry_info_and_field_violations_arrive() {
    let busy = received(CallError::Busy { retry_after: Duration::from_millis(250) }).await;
    assert_eq!(
        busy.get_details_retry_info().unwrap().retry_delay,
        Some(Duration::from_millis(250))
    );
    let violation = Violation { field: "a.b[1]".to_owned(), description: "is short".to_owned() };
    let invalid = received(CallError::Invalid(vec![violation; 20])).await;
    let violations = invalid.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations.len(), 20);
    assert_eq!(violations[0].field, "a.b[1]");
}

#[tokio::test]
async fn a_message_in_any_script_and_length_arrives() {
    let status = received(CallError::NodeException("µ→字 \n".repeat(1000))).await;
    assert!(status.message().contains("µ→字"), "{}", status.message());
    assert_eq!(status.get_details_error_info().unwrap().reason, "NODE_EXCEPTION");
}

#[tokio::test]
async fn rights_come_before_validation() {
    use bitcoin_grpc::frontend::grpc::services::node_client::NodeClient;
    use bitcoin_grpc_contract::v1;
    let harness = Harness::start(echo()).await;
    let mut client = NodeClient::new(harness.channel().await);
    let status = client.ban(v1::NodeBanRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(status.get_details_error_info().unwrap().metadata["access"], Access::Control.name());
    assert!(status.get_details_bad_request().is_none());
}

#[tokio::test]
async fn a_conversation_in_which_nothing_is_said_ends() {
    let rights = Rights::open().grant(Access::Control);
    let harness = Harness::with(Setup { rights, ..Setup::default() }, echo()).await;
    let path = bitcoin_grpc_contract::Method::NodeHandleMessageBox.info().path;
    let stream = tokio::net::TcpStream::connect(&harness.address).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    // No word is ever said.
    let silence = tokio_stream::pending::<Result<http_body::Frame<bytes::Bytes>, Infallible>>();
    let request = post(&harness.address, path).header("grpc-timeout", "100m");
    let response = sender.send_request(request.body(StreamBody::new(silence)).unwrap()).await;
    let status = tonic::Status::from_header_map(response.unwrap().headers()).unwrap();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let mut client = harness.echo().await;
    assert!(client.echo(echo_request("still there")).await.is_ok());
}
