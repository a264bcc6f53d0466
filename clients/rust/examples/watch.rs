//! Prints the tip, looks a transaction up, shows an error, and follows new blocks until it is interrupted.
//!
//! ```text
//! cargo run -p bitcoin-grpc-client --example watch -- [ADDRESS [TXID]]
//! ```
#![allow(clippy::print_stdout, reason = "an example that prints")]

use std::error::Error;

use bitcoin_grpc_client::v1::chain_client::ChainClient;
use bitcoin_grpc_client::v1::chain_handle_notifications_response::Event;
use bitcoin_grpc_client::{Fault, display, internal, v1};
use tonic::transport::Channel;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "localhost:50051".to_owned());
    let txid = arguments.next().unwrap_or_else(|| "00".repeat(32));
    let mut chain = ChainClient::connect(format!("http://{address}")).await?;
    print_tip(&mut chain).await?;
    look_up(&mut chain, &txid).await?;
    show_an_error(&mut chain).await;
    follow(&mut chain).await
}

async fn print_tip(chain: &mut ChainClient<Channel>) -> Result<(), Box<dyn Error>> {
    let height = chain.get_height(v1::ChainGetHeightRequest {}).await?.into_inner().height();
    let reply = chain.get_block_hash(v1::ChainGetBlockHashRequest { height }).await?;
    println!("the tip is {} at height {height}", display(&reply.into_inner().block_hash));
    Ok(())
}

async fn look_up(chain: &mut ChainClient<Channel>, txid: &str) -> Result<(), Box<dyn Error>> {
    let request = v1::ChainIsInMempoolRequest { txid: internal(txid)?.to_vec() };
    let known = chain.is_in_mempool(request).await?.into_inner().in_mempool;
    println!("{txid} is {} the mempool", if known { "in" } else { "not in" });
    Ok(())
}

async fn show_an_error(chain: &mut ChainClient<Channel>) {
    let request = v1::ChainGetBlockHashRequest { height: 10_000_000 };
    if let Err(status) = chain.get_block_hash(request).await {
        let fault = Fault::from(&status);
        println!("block 10000000: {:?}, {}: {}", fault.code, fault.reason, fault.message);
    }
}

async fn follow(chain: &mut ChainClient<Channel>) -> Result<(), Box<dyn Error>> {
    let kinds = vec![v1::ChainNotificationKind::BlockConnected.into()];
    let request = v1::ChainHandleNotificationsRequest { kinds, ..Default::default() };
    let mut stream = chain.handle_notifications(request).await?.into_inner();
    while let Some(message) = stream.message().await? {
        if let Some(Event::BlockConnected(v1::BlockConnectedEvent { block: Some(block), .. })) =
            message.event
        {
            println!("block {} at height {}", display(&block.hash), block.height());
        }
    }
    Ok(())
}
