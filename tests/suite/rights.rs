//! Rights, over the wire.

use bitcoin_grpc::layer::rights::Rights;
use bitcoin_grpc_contract::{Form, Method};
use tonic::Code;
use tonic_types::StatusExt;

use super::harness::{Harness, echo};
use super::raw::{framed, post, send};

/// Streams never become a call of the stack as they are opened, so its layer does not see them.
#[tokio::test]
async fn no_stream_opens_without_its_right() {
    let denied = |method: &Method| !Rights::open().hold(method.info().access);
    let streams = Method::ALL.into_iter().filter(|m| m.info().form != Form::Unary);
    let streams: Vec<_> = streams.filter(denied).collect();
    assert!(streams.len() >= 10, "{streams:?}");
    let harness = Harness::start(echo()).await;
    for method in streams {
        let request = post(&harness.address, method.info().path).body(framed(&[])).unwrap();
        let status = send(&harness.address, request).await.status();
        assert_eq!(status.code(), Code::PermissionDenied, "{method:?}");
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.reason, "ACCESS_NOT_GRANTED");
        assert_eq!(info.metadata["access"], method.info().access.name());
    }
}
