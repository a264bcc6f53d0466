//! Against a running `bitcoin-grpc demo`, at `BITCOIN_GRPC_ADDRESS`; `clients/compare` starts one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails")]

use bitcoin_grpc_client::v1::chain_client::ChainClient;
use bitcoin_grpc_client::v1::chain_handle_notifications_response::Event;
use bitcoin_grpc_client::{Fault, display, v1};
use tonic::Code;
use tonic::transport::Channel;

const NEEDS_A_DEMO: &str = "BITCOIN_GRPC_ADDRESS names a running demo";

async fn chain() -> ChainClient<Channel> {
    let address = std::env::var("BITCOIN_GRPC_ADDRESS").expect(NEEDS_A_DEMO);
    ChainClient::connect(format!("http://{address}")).await.unwrap()
}

#[tokio::test]
#[ignore = "needs a running demo"]
async fn a_fault_tells_its_reason() {
    let request = v1::ChainGetBlockHashRequest { height: 10_000_000 };
    let fault = Fault::from(&chain().await.get_block_hash(request).await.unwrap_err());
    assert_eq!((fault.code, fault.reason.as_str()), (Code::OutOfRange, "HEIGHT_ABOVE_TIP"));
    assert_eq!(fault.metadata["height"], "10000000");
}

#[tokio::test]
#[ignore = "needs a running demo"]
async fn a_fault_names_the_field() {
    let request = v1::ChainIsInMempoolRequest { txid: b"short".to_vec() };
    let fault = Fault::from(&chain().await.is_in_mempool(request).await.unwrap_err());
    assert_eq!(fault.code, Code::InvalidArgument);
    assert_eq!(fault.violations.keys().collect::<Vec<_>>(), ["txid"]);
}

#[tokio::test]
#[ignore = "needs a running demo"]
async fn a_stream_begins_with_the_tip() {
    let mut chain = chain().await;
    let request = v1::ChainHandleNotificationsRequest::default();
    let mut stream = chain.handle_notifications(request).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert_eq!(first.sequence, 1);
    let Some(Event::Started(started)) = first.event else { panic!("{first:?}") };
    let request = v1::ChainGetBlockHashRequest { height: started.tip_height };
    let tip = chain.get_block_hash(request).await.unwrap().into_inner().block_hash;
    assert_eq!(display(&tip), display(&started.tip_hash));
}
